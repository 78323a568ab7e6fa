#!/usr/bin/env python3
"""damage_test.py DELTAFLOW - a database with flipped, cut and zeroed bytes: every command ends by itself, with a result or with an error
that names the place; none crashes, none goes on without end.

DELTAFLOW_SEEDS=N makes more damage, DELTAFLOW_SEED=N repeats one.
"""
import os
import random
import shutil
import subprocess

import recorded
from common import BINARY, Case, delta, main, snapshot, trade

SEEDS = int(os.environ.get("DELTAFLOW_SEEDS", "20"))
FIRST = os.environ.get("DELTAFLOW_SEED")
COMMANDS = [["sessions"], ["sessions", "--json"], ["show", "1"], ["show", "1", "--json"], ["verify", "1"], ["verify", "last", "--json", "--all"],
            *(["export", "1", "--what", w, "--format", f] for w in ("deltas", "trades", "snapshots", "orders", "fills", "decisions", "observations", "gaps")
              for f in ("csv", "jsonl")), ["prune", "--keep", "0"]]
WRITING = [["prune", "--session", "1", "--yes"]]


def damaged(data, rng):
    """One kind of damage."""
    data = bytearray(data)
    kind = rng.randrange(5)
    if kind == 0:  # single bits
        for _ in range(rng.randrange(1, 30)):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == 1:  # bytes of one page
        page = rng.randrange(len(data) // 4096) * 4096
        for _ in range(rng.randrange(1, 200)):
            data[page + rng.randrange(4096)] = rng.randrange(256)
    elif kind == 2:  # a page of zeros
        page = rng.randrange(1, len(data) // 4096) * 4096
        data[page:page + 4096] = bytes(4096)
    elif kind == 3:  # cut short
        del data[rng.randrange(100, len(data)):]
    else:  # two pages change places
        a, b = (rng.randrange(1, len(data) // 4096) * 4096 for _ in range(2))
        data[a:a + 4096], data[b:b + 4096] = data[b:b + 4096], data[a:a + 4096]
    return bytes(data)


class Damage(Case):
    def small(self):
        """A session of some hundred rows of every kind: of a recorded one, what is not needed is deleted."""
        shutil.copy(recorded.database(), self.db)
        self.change("delete from delta where ord > 400", "delete from decision where number > 60", "delete from turn where turn > 300")
        self.q("vacuum")
        self.q("pragma wal_checkpoint(truncate)")
        with open(self.db, "rb") as f:
            return f.read()

    def damage_rows(self, rng):
        """Values that the program never writes, through SQL: the file itself is whole."""
        tables = {t: [c for _, c, *_ in self.q(f"pragma table_info({t})")] for t, in self.q("select name from sqlite_master where type = 'table' and sql like '%session INTEGER%'")}
        filled = [t for t in tables if self.q(f"select 1 from {t} limit 1")]
        for _ in range(rng.randrange(1, 6)):
            table = rng.choice(filled)
            column = rng.choice([c for c in tables[table] if c not in ("session", "n", "source")])
            value = rng.choice(["-1", "0", "1", "9223372036854775807", "-9223372036854775808", "4294967295", "'x'", "''", "x'00ff'", "zeroblob(208)", "1e300",
                                "replace(hex(zeroblob(40)), '00', 'long')"])
            try:
                self.change(f"update or ignore {table} set {column} = {value} where rowid in (select rowid from {table} limit 3)"
                            if "n" in tables[table] else f"update or ignore {table} set {column} = {value}")
            except Exception:
                pass  # nothing changed: another of the same kind will

    def run_all(self, seed, commands):
        for args in commands:
            try:
                p = subprocess.run([BINARY, *args, "--store", self.db], capture_output=True, timeout=240, env=self.env())
            except subprocess.TimeoutExpired:
                self.fail(f"seed {seed}: {args} does not end")
            self.assertIn(p.returncode, (0, 1, 4, 6), (seed, args, p.stderr[-500:]))
            if p.returncode not in (0, 1):
                self.assertTrue(p.stderr.startswith(b"deltaflow " + args[0].encode()), (seed, args, p.stderr))
                self.assertGreater(len(p.stderr), 20, (seed, args))
            self.told[p.returncode] = self.told.get(p.returncode, 0) + 1

    def seeds(self):
        return [int(FIRST)] if FIRST else range(SEEDS)

    def test_a_damaged_file_gives_named_errors(self):
        self.told = {}
        whole = self.small()
        for seed in self.seeds():
            rng = random.Random(seed)
            with open(self.db, "wb") as f:
                f.write(damaged(whole, rng))
            self.run_all(seed, rng.sample(COMMANDS, 8) + WRITING)
        if not FIRST:
            self.assertGreater(self.told.get(4, 0), SEEDS, self.told)

    def test_rows_with_impossible_values_give_findings_or_named_errors(self):
        self.told = {}
        self.small()
        shutil.copy(self.db, self.path("small.db"))
        for seed in self.seeds():
            rng = random.Random(1000 + seed)
            shutil.copy(self.path("small.db"), self.db)
            self.damage_rows(rng)
            self.run_all(seed, rng.sample(COMMANDS, 6) + [["verify", "1"], ["show", "1"]] + WRITING)
        if not FIRST:
            self.assertGreater(self.told.get(4, 0) + self.told.get(1, 0), SEEDS, self.told)


main()
