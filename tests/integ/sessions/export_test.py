#!/usr/bin/env python3
"""export_test.py DELTAFLOW - exported rows are those of the recording and of the database, read here on their own."""
import csv
import datetime
import io
import json
import os
import shutil
import signal
import stat
import struct
import subprocess
import time
from decimal import Decimal

import recorded
from common import BINARY, T0, Case, delta, main, received, recording, shared_file, snapshot, trade


def ms(text):
    """Milliseconds of a printed time."""
    whole, _, part = text.rstrip("Z").partition(".")
    seconds = datetime.datetime.fromisoformat(whole + "+00:00").timestamp()
    return int(seconds) * 1000 + int((part + "000")[:3])


class Export(Case):
    def rows(self, what, *args, session="last"):
        """As JSON, checked against the schema, and equal to what the CSV says."""
        out = self.ok("export", session, "--what", what, "--format", "jsonl", *args)
        values = [json.loads(line) for line in out.splitlines()]
        self.fits(values[:200], "export")
        table = list(csv.reader(io.StringIO(self.ok("export", session, "--what", what, "--format", "csv", *args))))
        self.assertEqual(len(table) - 1, len(values))
        for cells, v in list(zip(table[1:], values))[:500]:
            self.assertEqual(dict(zip(table[0], cells)), dict(self.flat(v)))
        return values

    def flat(self, v):
        for key, x in v.items():
            if key in ("yes", "no"):
                yield key, " ".join(f"{p}:{q}" for p, q in x)
            elif isinstance(x, list):
                yield from ((f"{key}_{i}", repr(y)) for i, y in enumerate(x))
            else:
                yield key, "" if x is None else {True: "true", False: "false"}.get(x, str(x)) if isinstance(x, bool) else str(x)

    def numbers_agree(self, what):
        """Columns that are arrays: the same numbers in both forms."""
        values = [json.loads(line) for line in self.ok("export", "last", "--what", what, "--format", "jsonl").splitlines()]
        self.fits(values[:200], "export")
        table = list(csv.DictReader(io.StringIO(self.ok("export", "last", "--what", what, "--format", "csv"))))
        self.assertEqual(len(table), len(values))
        for row, v in list(zip(table, values))[:300]:
            for key, x in v.items():
                if isinstance(x, list):
                    self.assertEqual([float(row[f"{key}_{i}"]) for i in range(len(x))], x)
                else:
                    self.assertEqual(row[key], "" if x is None else str(x))
        return values

    # --- imported captures, against the recording itself ---

    def same_as(self, path, *args):
        self.ok("import", path, *args)
        theirs = list(recording(path))
        for what, kind in (("deltas", "orderbook_delta"), ("trades", "trade")):
            want = [(recv, e) for recv, e in theirs if e["type"] == kind]
            have = self.rows(what)
            self.assertEqual(len(have), len(want))
            for row, (recv, e) in zip(have, want):
                m = e["msg"]
                self.assertEqual((row["market"], row["sid"], row["seq"]), (m["market_ticker"], e["sid"], e["seq"]))
                self.assertEqual(ms(row["received"]), recv if recv is not None else m["ts_ms"])
                self.assertEqual(row["sent"] and ms(row["sent"]), m.get("ts_ms"))
                if kind == "trade":
                    self.assertEqual((Decimal(row["yes_price"]), Decimal(row["count"]), row["taker"], row["trade_id"]),
                                     (Decimal(m["yes_price_dollars"]), Decimal(m["count_fp"]), m["taker_side"], m["trade_id"]))
                else:
                    self.assertEqual((Decimal(row["price"]), Decimal(row["change"]), row["side"]), (Decimal(m["price_dollars"]), Decimal(m["delta_fp"]), m["side"]))
        want = [e["msg"] for _, e in theirs if e["type"] == "orderbook_snapshot"]
        have = self.rows("snapshots")
        self.assertEqual(len(have), len(want))
        for row, m in zip(have, want):
            for side in ("yes", "no"):
                self.assertEqual(sorted((Decimal(p), Decimal(q)) for p, q in row[side]), sorted((Decimal(p), Decimal(q)) for p, q in m.get(f"{side}_dollars_fp", [])))

    def test_a_recorded_market_comes_out_as_it_went_in(self):
        self.same_as(shared_file("data/kalshi/ws/gold15m/KXGOLD15M-26AUG101900-00.jsonl.zst"), "--no-seq-check")
        self.assertTrue(self.ok("verify", "last").endswith("clean\n"))

    def test_a_recorded_session_of_several_markets_comes_out_as_it_went_in(self):
        self.same_as(shared_file("data/kalshi/ws/demo_5markets_2026-07-01.jsonl.zst"))
        one = "KXNEXTTEAMNBA-26LJAM-MIA"
        all_rows = self.rows("deltas")
        self.assertEqual(self.rows("deltas", "--market", one), [r for r in all_rows if r["market"] == one])
        two = [one, "KXBTCD-26JUL0317-T60499.99"]
        self.assertEqual(self.rows("deltas", "--market", ",".join(two)), [r for r in all_rows if r["market"] in two])
        self.assertEqual(self.rows("deltas", "--market", two[0], "--market", two[1]), [r for r in all_rows if r["market"] in two])
        first = ms(all_rows[0]["received"])
        self.assertEqual(self.rows("deltas", "--from", "+60s", "--until", "+2m"), [r for r in all_rows if 60000 <= ms(r["received"]) - first < 120000])
        at = all_rows[1000]["received"]
        self.assertEqual(self.rows("deltas", "--from", at), [r for r in all_rows if r["received"] >= at])

    def test_gaps(self):
        self.ok("import", self.file("a.jsonl", snapshot("M", 1, [("0.4000", "5.00")]), delta("M", 4, "yes", "0.4100", "3.00")))
        row, = self.rows("gaps")
        self.assertEqual((row["lost"], row["sid"], row["seq_expected"], row["seq_got"], row["reason"]), (2, 1, 2, 4, "sequence gap"))

    # --- a recorded session, against the views of the database ---

    def recorded(self):
        shutil.copy(recorded.database(), self.db)

    def orders_agree(self):
        have = [(r["order"], r["market"], r["action"], r["outcome"], r["yes_price"], r["count"], r["filled"], r["state"], r["reason"], r["client_id"], r["order_id"])
                for r in self.rows("orders")]
        self.assertEqual(have, self.q("select number, ticker, action, outcome, yes_price, count, filled, state, reason, client_id, order_id from orders order by number"))

    def test_orders_are_by_number_in_whatever_order_they_came(self):
        self.recorded()
        self.change("update order_step set number = number * 7919 % 100003")
        self.orders_agree()

    def test_orders_and_fills_are_those_of_the_views(self):
        self.recorded()
        self.orders_agree()
        have = [(r["market"], r["outcome"], r["yes_price"], r["count"], r["fee"], int(r["taker"]), r["order"], r["trade_id"], r["order_id"]) for r in self.rows("fills")]
        want = self.q("select ticker, outcome, yes_price, count, fee, is_taker, order_number, trade_id, order_id from fills")
        self.assertEqual(sorted(have), sorted(want))
        self.assertGreater(len(have), 0)

    def test_decisions_and_observations_are_those_of_the_database(self):
        self.recorded()
        have = self.numbers_agree("decisions")
        want = self.q("select number, turn, ticker, action, verdict, check_name, sharing, order_number from decisions order by number")
        self.assertEqual([(r["decision"], r["turn"], r["market"], r["action"], r["verdict"], r["check"], r["shared"], r["order"]) for r in have], want)
        hashes = [f"{h & (1 << 64) - 1:016x}" for h, in self.q("select obs_hash from decision order by number")]
        self.assertEqual([r["observation_hash"] for r in have], hashes)
        have = self.numbers_agree("observations")
        for r, (obs,) in zip(have, self.q("select obs from decision order by number")):
            packed = struct.pack("<52f", *r["features"])
            self.assertEqual(packed, obs)
        self.assertEqual([r["observation_hash"] for r in have], hashes)

    def test_observations_that_are_only_hashed_are_not_silently_left_out(self):
        self.recorded()
        n, = self.q("select count(*) from decision")[0]
        self.change("update decision set obs = x''")
        code, out, err = self.call("export", "last", "--what", "observations", "--format", "jsonl")
        self.assertEqual((code, out), (0, ""))
        self.assertIn(f"{n} decisions have only the hash of their observation", err)
        self.assertEqual(len(self.rows("decisions")), n)

    # --- files, usage ---

    def imported(self):
        self.ok("import", self.file("a.jsonl", received(snapshot("M,x", 1, [("0.4000", "5.00")]), T0), received(delta("M,x", 2, "yes", "0.4100", "3.00"), T0 + 5)))

    def test_commas_quotes_and_line_breaks_survive_csv(self):
        self.imported()
        row, = self.rows("deltas")
        self.assertEqual(row["market"], "M,x")
        self.recorded()
        self.change("update order_step set reason = 'he said \"no\",' || char(10) || 'and left'")
        self.assertEqual({r["reason"] for r in self.rows("orders")}, {'he said "no",\nand left'})

    def test_the_file_is_what_standard_output_is(self):
        self.imported()
        out = self.ok("export", "1", "--what", "deltas", "--format", "csv")
        self.ok("export", "1", "--what", "deltas", "--format", "csv", "--output", self.path("d.csv"))
        with open(self.path("d.csv")) as f:
            self.assertEqual(f.read(), out)
        self.assertEqual([n for n in os.listdir(self.folder) if n.startswith("d.csv")], ["d.csv"])

    def test_no_file_appears_when_it_fails(self):
        self.imported()
        self.assertEqual(self.call("export", "1", "--what", "deltas", "--format", "csv", "--output", self.path("none/d.csv"))[0], 1)
        self.assertEqual(self.call("export", "1", "--what", "deltas", "--format", "csv", "--market", "NONE", "--output", self.path("d.csv"))[0], 4)
        self.assertEqual([n for n in os.listdir(self.folder) if n.startswith("d.csv")], [])

    def test_a_pipe_stays_a_pipe_and_a_link_a_link(self):
        self.imported()
        out = self.ok("export", "1", "--what", "deltas", "--format", "csv")
        os.mkfifo(self.path("pipe"))
        reader = subprocess.Popen(["cat", self.path("pipe")], stdout=subprocess.PIPE, text=True)
        try:
            self.ok("export", "1", "--what", "deltas", "--format", "csv", "--output", self.path("pipe"))
            self.assertEqual(reader.communicate(timeout=240)[0], out)
        finally:
            reader.kill()
        self.assertTrue(stat.S_ISFIFO(os.stat(self.path("pipe")).st_mode))
        os.mkdir(self.path("there"))
        with open(self.path("there/d.csv"), "w") as f:
            f.write("old")
        os.symlink("there/d.csv", self.path("link"))
        self.ok("export", "1", "--what", "deltas", "--format", "csv", "--output", self.path("link"))
        self.assertTrue(os.path.islink(self.path("link")))
        self.assertEqual(os.listdir(self.path("there")), ["d.csv"])
        with open(self.path("there/d.csv")) as f:
            self.assertEqual(f.read(), out)

    def test_a_full_disk_is_told(self):
        self.ok("import", shared_file("data/kalshi/ws/demo_5markets_2026-07-01.jsonl.zst"))
        with open("/dev/full", "w") as full:
            p = subprocess.run([BINARY, "export", "1", "--what", "deltas", "--format", "csv", "--store", self.db], stdout=full, stderr=subprocess.PIPE)
        self.assertEqual(p.returncode, 1)
        self.assertIn(b"cannot be written", p.stderr)

    def test_a_signal_leaves_no_file(self):
        self.ok("import", shared_file("data/kalshi/ws/gold15m/KXGOLD15M-26AUG102115-15.jsonl.zst"), "--no-seq-check")
        p = subprocess.Popen([BINARY, "export", "1", "--what", "deltas", "--format", "jsonl", "--output", self.path("d"), "--store", self.db],
                             stderr=subprocess.PIPE, env=self.env())
        end = time.time() + 240
        while time.time() < end and not [n for n in os.listdir(self.folder) if n.startswith("d.")] and p.poll() is None:
            time.sleep(0.005)
        p.send_signal(signal.SIGINT)
        err = p.communicate(timeout=240)[1]
        if p.returncode == 0:
            self.skipTest("it was done before the signal came")
        self.assertEqual(p.returncode, 1, err)
        self.assertIn(b"interrupted", err)
        self.assertEqual([n for n in os.listdir(self.folder) if n == "d" or n.startswith("d.")], [])

    def test_usage(self):
        self.imported()
        for args in (["1"], ["1", "--what", "deltas"], ["1", "--what", "books", "--format", "csv"], ["1", "--what", "deltas", "--format", "xml"],
                     ["--what", "deltas", "--format", "csv"], ["1", "--what", "deltas", "--format", "csv", "--from", "noon"]):
            self.assertEqual(self.call("export", *args)[0], 2, args)
        self.assertEqual(self.call("export", "2", "--what", "deltas", "--format", "csv")[0], 4)


main()
