#!/usr/bin/env python3
"""prune_test.py DELTAFLOW - `deltaflow prune` deletes what was asked for, all of it, and nothing else."""
import os
import shutil
import signal
import sqlite3
import subprocess
import time

import recorded
from common import BINARY, Case, delta, main, shared_file, snapshot

DAY = 86400 * 1_000_000_000


class Prune(Case):
    def make(self, n):
        for i in range(n):
            self.ok("import", self.file("a.jsonl", snapshot("M", 1, [("0.4000", "5.00")]), *(delta("M", 2 + k, "yes", "0.4100", "3.00") for k in range(50))))

    def ids(self):
        return [s["session"] for s in self.json("sessions")]

    def age(self, session, days):
        self.change(f"update session set began = began - {int(days * DAY)}, ended = ended - {int(days * DAY)} where id = {session}")

    def rows_of(self, session):
        tables = [t for t, in self.q("select name from sqlite_master where type = 'table' and sql like '%session INTEGER%'")]
        return sum(self.q(f"select count(*) from {t} where session = {session}")[0][0] for t in tables)

    def test_without_yes_nothing_is_deleted(self):
        self.make(3)
        said, = self.json("prune", "--keep", "1")
        self.assertEqual((said["deleted"], said["would_delete"], said["dry_run"]), ([], [1, 2], True))
        self.assertEqual(self.ids(), [1, 2, 3])
        self.assertTrue(self.ok("prune", "--keep", "1").endswith("nothing was deleted; --yes deletes 2 of 3 sessions\n"))

    def test_all_rows_go_and_those_of_others_stay(self):
        self.make(2)
        shutil.copy(self.db, self.path("before.db"))
        self.assertGreater(self.rows_of(1), 50)
        others = self.rows_of(2)
        said, = self.json("prune", "--session", "1", "--yes")
        self.assertEqual((said["deleted"], said["reclaimed"]), ([1], True))
        self.assertEqual((self.rows_of(1), self.rows_of(2), self.ids()), (0, others, [2]))
        self.assertEqual(self.q("pragma integrity_check"), [("ok",)])
        self.assertTrue(self.ok("verify", "2").endswith("clean\n"))

    def test_a_recorded_session_with_rows_in_every_table_goes_as_a_whole(self):
        shutil.copy(recorded.database(), self.db)
        self.ok("prune", "--session", "1", "--yes")
        self.assertEqual((self.rows_of(1), self.ids()), (0, []))

    def test_the_file_gets_smaller(self):
        path = shared_file("data/kalshi/ws/gold15m/KXGOLD15M-26AUG101900-00.jsonl.zst")
        for _ in range(3):
            self.ok("import", path, "--no-seq-check")
        said, = self.json("prune", "--keep", "1", "--yes")
        self.assertLess(said["bytes_after"], said["bytes_before"] / 2)
        self.assertEqual(said["bytes_after"], os.path.getsize(self.db))

    def test_older_than_counts_from_the_end(self):
        self.make(4)
        self.age(1, 40)
        self.age(2, 31)
        self.age(3, 29)
        self.assertEqual(self.json("prune", "--older-than", "30d")[0]["would_delete"], [1, 2])
        self.assertEqual(self.json("prune", "--older-than", "35d")[0]["would_delete"], [1])
        self.assertEqual(self.json("prune", "--older-than", "30d", "--keep", "3")[0]["would_delete"], [1])
        self.assertEqual(self.json("prune", "--older-than", "30d", "--session", "4")[0]["would_delete"], [1, 2, 4])
        self.assertEqual(self.json("prune", "--older-than", "30d", "--yes")[0]["deleted"], [1, 2])
        self.assertEqual(self.ids(), [3, 4])

    def test_a_session_being_recorded_is_never_deleted(self):
        self.make(2)
        p = subprocess.Popen([BINARY, "import", "-", "--store", self.db], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=self.env())
        try:
            end = time.time() + 240
            while time.time() < end and len(self.ids()) < 3:
                time.sleep(0.05)
            code, _, err = self.call("prune", "--session", "3", "--yes")
            self.assertEqual(code, 4)
            self.assertIn("session 3 is being recorded", err)
            code, out, err = self.call("prune", "--keep", "0", "--yes", "--json")
            self.assertEqual(code, 0, err)
            self.assertIn("the space is used again", err)
            self.assertEqual(self.ids(), [3])
            p.stdin.write(b'{"type":"orderbook_snapshot","sid":1,"seq":1,"msg":{"market_ticker":"M"}}\n')
        finally:
            p.stdin.close()
            p.wait(240)
        self.assertEqual(p.returncode, 0)
        self.assertTrue(self.ok("verify", "3").endswith("clean\n"))

    def test_a_kill_at_any_instant_leaves_a_session_whole_or_gone(self):
        path = shared_file("data/kalshi/ws/gold15m/KXGOLD15M-26AUG101900-00.jsonl.zst")
        self.ok("import", path, "--no-seq-check")
        whole = self.rows_of(1)
        shutil.copy(self.db, self.path("whole.db"))
        began = time.time()
        self.ok("prune", "--session", "1", "--yes")
        took = time.time() - began  # on this machine, now
        cut = 0
        for i in range(60):
            if i >= 12 and cut > 3:
                break
            for end in ("", "-wal", "-shm"):
                if os.path.exists(self.db + end):
                    os.unlink(self.db + end)
            shutil.copy(self.path("whole.db"), self.db)
            p = subprocess.Popen([BINARY, "prune", "--session", "1", "--yes", "--store", self.db], stdout=subprocess.DEVNULL, env=self.env())
            time.sleep(took * (i % 12 + 1) / 14)
            p.kill()
            done = p.wait() == 0
            cut += not done
            took *= 0.7 if done else 1  # it was slower when it was measured
            ids = [s["session"] for s in self.json("sessions")]
            self.assertEqual(self.rows_of(1), whole if ids == [1] else 0, (i, ids))
            self.assertEqual(self.q("pragma integrity_check"), [("ok",)])
        self.assertGreater(cut, 3)

    def test_usage(self):
        self.make(1)
        for args in ([], ["--keep", "x"], ["--older-than", "30"], ["--session", "0"], ["1"], ["--older-than", "-5d"]):
            self.assertEqual(self.call("prune", *args)[0], 2, args)
        self.assertEqual(self.call("prune", "--session", "9", "--yes")[0], 4)
        self.db = self.path("none.db")
        self.assertEqual(self.call("prune", "--keep", "1", "--yes")[0], 6)
        self.assertFalse(os.path.exists(self.db))


main()
