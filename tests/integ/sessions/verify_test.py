#!/usr/bin/env python3
"""verify_test.py DELTAFLOW - `deltaflow verify`: sessions of the real program are clean, and each rule finds the violation that is
planted behind the program's back."""
import os
import shutil
import subprocess
import time

import recorded
from common import BINARY, T0, Case, delta, main, snapshot, trade


def number(v):
    """A number as the store packs it: zigzag, then groups of 7 bits."""
    v = (v << 1) ^ (v >> 63)
    out = b""
    while v >= 0x80:
        out += bytes([v & 0x7f | 0x80])
        v >>= 7
    return out + bytes([v])


def levels(*list_of_px_qty):
    out, before = b"", 0
    for px, qty in list_of_px_qty:
        out += number(px - before) + number(qty)
        before = px
    return "x'" + out.hex() + "'"


class Verify(Case):
    tested = set()

    def recorded(self):
        shutil.copy(recorded.database(), self.db)

    def imported(self):
        """Contiguous: snapshots behind deltas, answers between them, a trade channel, two connections."""
        lines = [{"type": "subscribed", "id": 1, "msg": {"channel": "orderbook_delta", "sid": 1}}, {"type": "ok", "id": 2, "sid": 1, "seq": 1, "msg": {}},
                 snapshot("M", 2, [("0.4000", "5.00")], [("0.5000", "5.00")]), delta("M", 3, "yes", "0.4100", "3.00", ts_ms=T0 + 1),
                 delta("M", 4, "no", "0.5000", "-2.00", ts_ms=T0 + 2), {"type": "ok", "id": 3, "sid": 1, "seq": 5, "msg": {}},
                 snapshot("M", 6, [("0.4000", "5.00"), ("0.4100", "3.00")], [("0.5000", "3.00")]), delta("M", 7, "yes", "0.4200", "1.00", ts_ms=T0 + 9),
                 delta("M", 8, "yes", "0.4200", "1.00", ts_ms=T0 + 12), trade("M", 1), trade("M", 2), snapshot("M", 9), snapshot("M", 10, [("0.3000", "1.00")])]
        again = self.file("b.jsonl", snapshot("M", 1, [("0.2000", "5.00")]), delta("M", 2, "yes", "0.2000", "-5.00"))
        self.ok("import", self.file("a.jsonl", *lines), again)

    def verify(self, status, *args):
        said, = self.json("verify", "1", *args, status=status)
        self.assertEqual(said["clean"], status == 0)
        return said

    def found(self, rule, *also):
        """Exactly this rule is broken, and those that must be with it."""
        said = self.verify(1)
        broken = {r for r, n in said["by_rule"].items() if n}
        self.assertEqual(broken, {rule, *also}, said["findings"][:10])
        Verify.tested.add(rule)
        return [f for f in said["findings"] if f["rule"] == rule]

    def one(self, sql):
        return self.q(sql)[0][0]

    # --- clean ---

    def test_a_recorded_session_is_clean_and_all_of_it_was_looked_at(self):
        self.recorded()
        said = self.verify(0)
        c = said["checked"]
        self.assertEqual(c["records"], self.one("select rows from session"))
        self.assertEqual(c["fills"], self.one("select count(*) from applied_fill"))
        self.assertEqual(c["settlements"], 1)
        self.assertEqual(said["skipped"], [])
        self.assertEqual(self.one("select count(*) from reconciliation where adopted and kind = 1"), 1)
        self.assertGreater(min(c["orders"], c["account_marks"], c["decisions"], c["private_events"], c["answers"], c["commands"]), 0)
        self.assertTrue(self.ok("verify", "last").endswith("\nclean\n"))

    def test_an_imported_session_is_clean(self):
        self.imported()
        said = self.verify(0)
        self.assertEqual([s["rule"] for s in said["skipped"]], ["position", "cash", "profit"])

    # --- numbers ---

    def without_link(self):
        self.recorded()
        ord = self.one("select min(ord) from link where source = 3")
        self.change(f"delete from link where source = 3 and ord = {ord}")
        return ord

    def test_event_numbers(self):
        ord = self.without_link()
        self.change("update session set rows = rows - 1")
        finding, = self.found("event_numbers")
        self.assertEqual((finding["place"], finding["text"]),
                         (f"source market, event {ord + 1}", f"the one before it is {ord - 1}, and no gap row names what is missing"))

    def test_a_hole_that_a_gap_row_names_is_no_finding(self):
        ord = self.without_link()
        self.change("insert into gap (session, source, mkt, wall, lost, sid, seq_expected, seq_got, reason)"
                    f" values (1, 3, 4294967295, 1, 1, 0, {ord}, {ord + 1}, 'store: memory full, market data dropped')")
        self.verify(0)

    def test_a_hole_that_several_gap_rows_name_is_no_finding_and_what_comes_behind_is_not_judged_by_it(self):
        """An outage drops market data, says so, and drops again. Sequence and books go on behind it."""
        self.recorded()
        tables = ("snapshot", "delta", "trade")
        ords = [o for o, in self.q(" union all ".join(f"select ord from {t} where source = 3" for t in tables) + " order by 1")]
        run = next(ords[i:i + 40] for i in range(len(ords) // 3, len(ords)) if ords[i + 39] == ords[i] + 39)
        self.change(f"update session set lost = {len(run)}, rows = rows - {len(run)}")
        for o in run:
            kind = next(t for t in tables if self.q(f"select 1 from {t} where source = 3 and ord = {o}"))
            self.change(f"delete from {kind} where source = 3 and ord = {o}")
        for first, behind in ((run[0], run[25]), (run[25], run[-1] + 1)):
            self.change("insert into gap (session, source, mkt, wall, lost, sid, seq_expected, seq_got, reason)"
                        f" values (1, 3, 4294967295, 1, {behind - first}, 0, {first}, {behind}, 'store: spill file full, market data dropped')")
        self.verify(0)
        self.change("delete from gap where lost = 25", "update session set lost = lost - 25")
        self.assertGreater(self.verify(1)["by_rule"]["event_numbers"], 0)

    def test_turn_numbers(self):
        self.recorded()
        self.change("delete from turn where turn = 50", "update session set rows = rows - 1")
        finding, = self.found("turn_numbers")
        self.assertEqual(finding["place"], "turn 51")

    def test_turn_events(self):
        self.recorded()
        self.change("update turn set taken_private = taken_private + 1 where turn = (select max(turn) from turn)")
        self.found("turn_events")

    def test_turn_events_that_no_turn_takes(self):
        self.recorded()
        self.change("update turn set taken_answer = taken_answer - 1 where turn = (select max(turn) from turn where taken_answer > 0)")
        self.found("turn_events")

    def test_turn_time(self):
        self.recorded()
        self.change("update turn set mono = 1 where turn = 60")
        finding, = self.found("turn_time")
        self.assertEqual(finding["place"], "turn 60")

    def test_decision_numbers(self):
        self.recorded()
        self.change("delete from decision where number = 20", "update session set rows = rows - 1")
        self.found("decision_numbers")

    def test_rows(self):
        self.recorded()
        self.change("delete from raw where n = (select min(n) from raw)" if self.q("select 1 from raw") else "update session set rows = rows + 1")
        self.found("rows")

    def test_rows_that_were_lost_without_a_gap_row(self):
        self.recorded()
        self.change("update session set lost = 1")
        self.found("rows")

    def test_digest(self):
        """No other rule can know the capacity of a bucket, when a message came, or what a frame said."""
        self.recorded()
        for table, column, first in (("answer", "read_capacity", "ord"), ("delta", "recv_mono", "ord"), ("trade", "qty", "ord"), ("user_order", "taker_fees", "ord"),
                                     ("worth", "open_orders", "n"), ("conn", "ord", "n"), ("session", "began", "id")):
            with self.subTest(column):
                where = f"where {first} = (select min({first}) from {table})"
                self.tamper(f"update {table} set {column} = {column} + 1 {where}")
                finding, = self.found("digest")
                self.assertEqual(finding["place"], "the session")
                self.tamper(f"update {table} set {column} = {column} - 1 {where}")
        self.verify(0)
        self.tamper("update session set policy = policy || ' '")
        self.found("digest")

    def test_a_session_of_an_older_version_has_no_digest(self):
        self.recorded()
        self.change("update answer set read_capacity = read_capacity + 1")
        self.assertEqual([s["rule"] for s in self.verify(0)["skipped"]], ["digest"])

    # --- market ---

    def test_seq(self):
        self.imported()
        self.change("update trade set seq = 7 where seq = 2")
        finding, = self.found("seq")
        self.assertEqual(finding["text"], "it follows seq 1, and no gap row says so")
        self.assertIn("market M, event", finding["place"])

    def test_seq_that_goes_back(self):
        self.recorded()
        self.change("update trade set seq = 1 where ord = (select max(ord) from trade)")
        self.found("seq")

    def test_seq_that_gap_rows_name_one_by_one_is_no_finding(self):
        self.imported()
        self.change("update trade set seq = 5 where seq = 2")
        for seq in (3, 2, 4):
            self.assertIn("seq", [f["rule"] for f in self.verify(1)["findings"]])
            self.change("insert into gap (session, source, mkt, wall, lost, sid, seq_expected, seq_got, reason)"
                        f" values (1, 3, 0, 1, 1, 2, {seq}, {seq + 1}, 'trade not taken: the actor''s ring is full')", "update session set rows = rows + 1")
        self.verify(0)

    def test_seq_of_an_answer_that_is_missing(self):
        self.imported()
        self.change("delete from conn where cast(bytes as text) like '%\"seq\": 5%' or cast(bytes as text) like '%\"seq\":5%'", "update session set rows = rows - 1")
        self.found("seq")

    def test_market(self):
        self.recorded()
        self.change("update trade set mkt = 999 where ord = (select max(ord) from trade)")
        self.found("market")

    def test_market_with_an_impossible_grid(self):
        self.imported()
        self.change("update market set grid = '99 0:10000:0:-1'")
        code, _, err = self.call("verify", "1")
        self.assertEqual(code, 4)
        self.assertIn("row 1 of table market does not make a whole record", err)

    def test_market_without_a_name(self):
        self.imported()
        self.change("update market set ticker = ''")
        self.assertEqual(self.found("market")[0]["text"], "an announcement without ticker or price grid")

    def test_book_delta_below_zero(self):
        self.imported()
        self.change("update delta set qty = -900 where seq = 7")
        finding, = self.found("book_delta")
        self.assertEqual(finding["text"], "-9.00 at yes 0.4200, where the book has 0.00")

    def test_book_delta_off_the_grid(self):
        self.imported()
        self.change("update delta set px = 4250 where seq = 8")
        self.found("book_delta")

    def test_book_crossed(self):
        self.imported()
        self.change("update delta set px = 6000 where seq = 7")
        self.found("book_crossed")

    def test_a_book_that_is_crossed_inside_one_time_is_no_finding(self):
        self.imported()
        self.change("update delta set px = 6000 where seq = 7", "update delta set px = 6000, qty = -100, ts_ms = (select ts_ms from delta where seq = 7) where seq = 8")
        self.verify(0)

    def test_book_snapshot(self):
        self.imported()
        self.change(f"update snapshot set levels = {levels((4000, 500), (4000, 100), (5000, 300))} where seq = 6 and conn = 1")
        self.found("book_snapshot", "book_differs")

    def test_book_differs(self):
        self.imported()
        self.change("update delta set qty = 301 where seq = 3")
        finding, = self.found("book_differs")
        self.assertIn("seq 6", finding["place"])

    # --- orders and fills ---

    def filled(self):
        """An order with fills: its number."""
        return self.one("select number from order_step where filled > 0 order by n limit 1")

    def test_order_step(self):
        self.recorded()
        self.change("update order_step set from_state = 3, from_name = 'resting' where n = (select max(n) from order_step where from_state = 1)")
        self.found("order_step")

    def test_order_step_that_the_table_does_not_have(self):
        self.recorded()
        self.change("update order_step set event = 1, event_name = 'sent', to_state = 2, to_name = 'sent' where n = (select max(n) from order_step where from_state = 0)")
        findings = self.found("order_step")
        self.assertTrue(any(f["text"] == "event sent is not possible in state intended" for f in findings), findings)

    def test_order_numbers(self):
        self.recorded()
        n = self.one("select max(number) from order_step")
        self.change(f"update order_step set number = {n + 2} where number = {n}", f"update applied_fill set order_number = {n + 2} where order_number = {n}"
                    if self.q(f"select 1 from applied_fill where order_number = {n}") else "update session set rows = rows",
                    f"update decision set order_number = {n + 2} where order_number = {n}")
        finding, = self.found("order_numbers")
        self.assertEqual(finding["place"], f"order {n}")

    def test_order_fills(self):
        self.recorded()
        n = self.filled()
        self.change(f"update order_step set filled = filled - 1 where number = {n} and filled > 0")
        self.assertEqual({f["place"] for f in self.found("order_fills")}, {f"order {n}"})

    def test_trade_once(self):
        self.recorded()
        one, two = [r[0] for r in self.q("select trade_id from applied_fill order by n limit 2")]
        self.change(f"update applied_fill set trade_id = '{one}' where trade_id = '{two}'")
        self.found("trade_once", "fill_source", "fill_counted")

    def test_fill_source(self):
        self.recorded()
        self.change("update fill set fee = fee + 1 where ord = (select max(ord) from fill)")
        finding, = self.found("fill_source")
        self.assertEqual(finding["text"], "the exchange told another fee than is counted")

    def test_fill_counted(self):
        self.recorded()
        self.change("update fill set trade_id = 'another' where ord = (select max(ord) from fill)")
        finding = self.found("fill_counted", *(["fill_source"] if "fill_source" in {r for r, n in self.verify(1)["by_rule"].items() if n} else []))[0]
        self.assertEqual(finding["place"], "trade another")

    # --- money ---

    def last_mark(self, change):
        self.recorded()
        self.change(f"update account set {change} where n = (select max(n) from account)")

    def test_position(self):
        self.last_mark("position = position + 1")
        self.found("position")

    def test_cash(self):
        self.last_mark("cash_total = cash_total + 1")
        self.assertIn("recorded is", self.found("cash")[0]["text"])

    def test_cash_of_a_fill_whose_fee_was_not_paid(self):
        self.recorded()
        n = self.one("select max(n) from applied_fill where fee > 0")
        trade = self.one(f"select trade_id from applied_fill where n = {n}")
        self.change(f"update applied_fill set fee = 0 where n = {n}", f"update fill set fee = 0 where trade_id = '{trade}'")
        self.found("cash", *(["fill_source"] if self.verify(1)["by_rule"]["fill_source"] else []))

    def test_cash_that_was_adopted_without_a_row(self):
        self.recorded()
        self.change("update reconciliation set adopted = 0 where adopted and kind = 1")
        self.found("cash")

    def test_profit(self):
        self.last_mark("realized = realized + 1")
        self.found("profit")

    def test_settlement(self):
        self.recorded()
        self.change("update settlement set realized = realized + 1")
        self.found("settlement")

    def test_settlement_that_pays_too_much(self):
        self.recorded()
        self.change("update settlement set paid = paid + 10000, realized = realized + 10000")
        self.found("settlement", "cash")

    # --- decisions ---

    def test_decision_turn(self):
        self.recorded()
        self.change("update decision set wall = wall + 1 where number = 10")
        finding, = self.found("decision_turn")
        self.assertEqual(finding["place"], "decision 10")

    def test_decision_of_an_event_that_was_still_to_come(self):
        self.recorded()
        self.change("update decision set last_ord = last_ord + 5000 where number = 10")
        self.found("decision_turn")

    def test_decision_order(self):
        self.recorded()
        self.change("update decision set order_number = 1 where number = (select min(number) from decision where verdict <> 5)")
        self.found("decision_order")

    def test_decision_of_an_order_that_is_not_there(self):
        self.recorded()
        self.change("update decision set order_number = 100000 where number = (select min(number) from decision where verdict = 5)")
        self.found("decision_order")

    def test_decision_hash(self):
        self.recorded()
        self.change("update decision set obs_hash = obs_hash + 1 where number = 10")
        self.found("decision_hash")

    # --- what is not judged, usage ---

    def test_missing_records_are_not_judged_and_that_is_said(self):
        self.recorded()
        self.change("insert into gap (session, source, mkt, wall, lost, sid, seq_expected, seq_got, reason)"
                    " values (1, 4, 4294967295, 1, 3, 0, 0, 0, 'store: ring full, records missing')",
                    "delete from account where n = (select max(n) from account)", "update session set rows = rows - 1")
        said = self.verify(0)
        self.assertEqual({s["rule"] for s in said["skipped"]} & {"cash", "position", "profit"}, {"cash", "position", "profit"})

    def test_a_killed_session_is_judged_up_to_its_end(self):
        self.recorded()
        self.change("update session set ended = null, outcome = 'broken'", "delete from account where n = (select max(n) from account)")
        said = self.verify(0)
        self.assertIn("rows", {s["rule"] for s in said["skipped"]})

    def test_only_the_first_of_many_findings_are_printed(self):
        self.recorded()
        self.change("update decision set obs_hash = obs_hash + 1")
        n = self.one("select count(*) from decision")
        said = self.verify(1)
        self.assertEqual((said["found"], len(said["findings"])), (n, 50))
        self.assertEqual(len(self.verify(1, "--all")["findings"]), n)
        code, out, _ = self.call("verify", "1")
        self.assertEqual(code, 1)
        self.assertIn(f"decision_hash: {n - 50} more", out)
        self.assertTrue(out.endswith(f"\n{n} findings\n"))

    def test_a_session_being_recorded_is_refused(self):
        p = subprocess.Popen([BINARY, "import", "-", "--store", self.db], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=self.env())
        try:
            end = time.time() + 240
            while time.time() < end and not (os.path.exists(self.db) and "import" in self.call("sessions")[1]):
                time.sleep(0.05)
            code, _, err = self.call("verify", "last")
            self.assertEqual(code, 4, err)
            self.assertIn("being recorded", err)
        finally:
            p.stdin.close()
            p.wait(240)
        self.assertEqual(self.call("verify", "last")[0], 0)

    def test_usage(self):
        self.imported()
        self.assertEqual(self.call("verify")[0], 2)
        self.assertEqual(self.call("verify", "first")[0], 2)
        self.assertEqual(self.call("verify", "0")[0], 2)
        code, _, err = self.call("verify", "7")
        self.assertEqual(code, 4)
        self.assertIn("no session 7", err)

    def test_z_every_rule_was_broken_once(self):
        """Runs last: unittest goes by name."""
        rules = {line.split()[0] for line in self.ok("verify", "--rules", store=False).splitlines()}
        self.assertEqual(rules - Verify.tested, set())


main()
