#!/usr/bin/env python3
"""show_test.py DELTAFLOW - what `deltaflow show` says is what the recording and the database hold, counted here on their own."""
import os
import shutil
import subprocess
import time
from decimal import Decimal

import recorded
from common import BINARY, T0, Case, delta, main, received, recording, shared_file, snapshot, trade


class Show(Case):
    def test_a_recording_is_summarised(self):
        path = shared_file("data/kalshi/ws/gold15m/KXGOLD15M-26AUG101900-00.jsonl.zst")
        self.ok("import", path, "--no-seq-check")
        said, = self.json("show", "last")
        rows = [(recv, e) for recv, e in recording(path)]
        for kind, name in (("orderbook_snapshot", "snapshots"), ("orderbook_delta", "deltas"), ("trade", "trades")):
            self.assertEqual(said[name], sum(e["type"] == kind for _, e in rows))
        market, = said["markets"]
        self.assertEqual((market["market"], market["deltas"]), ("KXGOLD15M-26AUG101900-00", said["deltas"]))
        recv = [r for r, _ in rows]
        silences = [b - a for a, b in zip(recv, recv[1:])]
        q = said["quality"]
        self.assertAlmostEqual(q["silence_s"], max(silences) / 1000, places=3)
        self.assertEqual(q["silences"], sum(s > 1000 for s in silences))
        per_second = {}
        for r in recv:
            per_second[r // 1000] = per_second.get(r // 1000, 0) + 1
        self.assertEqual(q["per_second_max"], max(per_second.values()))
        self.assertEqual(q["messages"], len(rows))
        lags = sorted(r - e["msg"]["ts_ms"] for r, e in rows if "ts_ms" in e["msg"])
        self.assertEqual((q["lag"]["count"], q["lag"]["negative"]), (len(lags), sum(x < 0 for x in lags)))
        self.assertAlmostEqual(q["lag"]["max_ms"], lags[-1], delta=1)
        for name, part in (("p50_ms", 0.5), ("p90_ms", 0.9), ("p99_ms", 0.99)):
            want = max(0, lags[int(part * len(lags))])
            self.assertAlmostEqual(q["lag"][name], want, delta=max(1, want * 0.04))
        self.assertTrue(said["imported"])
        self.assertIsNone(said["trading"]["account"])

    def test_gaps_raw_frames_and_stale_time(self):
        path = self.file("a.jsonl", received(snapshot("M", 1, [("0.4000", "5.00")]), T0), received(delta("M", 4, "yes", "0.4100", "3.00"), T0 + 1000),
                         "{broken", received({"type": "novelty"}, T0 + 1500), received(snapshot("M", 5, [("0.4000", "5.00")]), T0 + 3500))
        self.assertEqual(self.call("import", path)[0], 3)
        said, = self.json("show", "1")
        self.assertEqual(said["gaps"]["rows"], 1)
        self.assertEqual((said["gaps"]["sequence"], said["gaps"]["lost"]), (1, 2))
        self.assertEqual((said["gaps"]["first"][0]["from"], said["gaps"]["first"][0]["to"]), (2, 4))
        self.assertEqual((said["quality"]["malformed_frames"], said["quality"]["unknown_frames"]), (1, 1))
        self.assertEqual(said["markets"][0]["stale_s"], 2.5)
        self.assertIn("sequence gap, from 2 to 4, lost 2", self.ok("show", "1"))

    def test_trading_is_what_the_database_holds(self):
        shutil.copy(recorded.database(), self.db)
        said, = self.json("show", "last")
        t, one = said["trading"], lambda sql: self.q(sql)[0][0]
        self.assertEqual(t["orders"], one("select count(*) from orders"))
        states = dict(self.q("select state, count(*) from orders group by state"))
        self.assertEqual({k: v for k, v in t["orders_by_state"].items() if v}, states)
        self.assertEqual((t["fills"], t["settlements"], t["cash_adoptions"]), (one("select count(*) from fills"), 1, 1))
        money = lambda v: Decimal(v) / 1_000_000
        self.assertEqual(Decimal(t["fees"]), money(one("select sum(fee) from applied_fill")))
        self.assertEqual(Decimal(t["contracts"]), Decimal(one("select sum(qty) from applied_fill")) / 100)
        self.assertEqual(t["cash_adopted"], "25.500000")
        a = t["account"]
        self.assertEqual(Decimal(a["cash_start"]), money(one("select theirs from reconciliation where reason like 'start: the balance'")))
        cost = money(one("select coalesce(sum(cost), 0) from account a where n = (select max(n) from account b where b.ticker = a.ticker)"))
        self.assertEqual(Decimal(a["cash_end"]), Decimal(a["cash_start"]) + Decimal(t["cash_adopted"]) + Decimal(a["realized"]) - Decimal(t["fees"]) - cost)
        self.assertEqual(said["engine"]["decisions"], one("select count(*) from decision"))
        self.assertEqual(sum(said["engine"]["actions"].values()), said["engine"]["decisions"])
        self.assertEqual(sum(said["engine"]["verdicts"].values()), said["engine"]["decisions"])
        self.assertIn("trading", self.ok("show", "last"))

    def test_a_killed_session_is_shown_as_broken_before_any_other_start(self):
        p = subprocess.Popen([BINARY, "import", "-", "--store", self.db], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=self.env())
        end = time.time() + 240
        while time.time() < end and not (os.path.exists(self.db) and "import" in self.call("sessions")[1]):
            time.sleep(0.05)
        self.assertEqual(self.json("sessions")[0]["outcome"], "running")
        self.assertEqual(self.json("show", "last")[0]["outcome"], "running")
        p.kill()
        p.wait()
        p.stdin.close()
        self.assertEqual(self.json("sessions")[0]["outcome"], "broken")
        self.assertEqual(self.call("verify", "last")[0], 0)

    def test_usage(self):
        self.ok("import", self.file("a.jsonl", snapshot("M", 1)))
        self.assertEqual(self.call("show")[0], 2)
        self.assertEqual(self.call("show", "1", "2")[0], 2)
        self.assertEqual(self.call("show", "2")[0], 4)


main()
