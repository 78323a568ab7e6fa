#!/usr/bin/env python3
"""import_test.py DELTAFLOW - recordings become sessions: what is stored is what the recording says, read here on its own."""
import array
import fcntl
import json
import os
import signal
import subprocess
import termios
import time

from common import BINARY, T0, root, Case, delta, main, received, recording, shared_file, snapshot, trade, units


def rows_of(path, no_scale=True):
    """Type and integers of each book message and trade, in order, with its times."""
    last = None
    for recv, e in recording(path):
        m = e.get("msg", {})
        last = recv * 1_000_000 if recv is not None else m["ts_ms"] * 1_000_000 if e["type"] in ("orderbook_delta", "trade") and "ts_ms" in m else last
        if e["type"] == "orderbook_snapshot":
            yes, no = ([(units(p, 4), units(q, 2)) for p, q in m.get(k, [])] for k in ("yes_dollars_fp", "no_dollars_fp"))
            yield ("snapshot", m["market_ticker"], last, len(yes), len(no))
        elif e["type"] == "orderbook_delta":
            yield ("delta", m["market_ticker"], last, 0 if m["side"] == "yes" else 1, units(m["price_dollars"], 4), units(m["delta_fp"], 2),
                   e["seq"], m.get("ts_ms", 0))
        elif e["type"] == "trade":
            yield ("trade", m["market_ticker"], last, units(m["yes_price_dollars"], 4), units(m["count_fp"], 2),
                   0 if m["taker_side"] == "yes" else 1, e["seq"], m.get("ts_ms", 0), m["trade_id"])


class Import(Case):
    def stored(self, session=1):
        t = dict(self.q(f"select mkt, ticker from ticker where session = {session}"))
        w = f"where session = {session} and source = 3"
        rows = [(o, ("snapshot", t[m], r, y, n)) for o, m, r, y, n in self.q(f"select ord, mkt, recv_wall, n_yes, n_no from snapshot {w}")]
        rows += [(r[0], ("delta", t[r[1]], *r[2:])) for r in self.q(f"select ord, mkt, recv_wall, side, px, qty, seq, ts_ms from delta {w}")]
        rows += [(r[0], ("trade", t[r[1]], *r[2:])) for r in self.q(f"select ord, mkt, recv_wall, yes_px, qty, taker, seq, ts_ms, trade_id from trade {w}")]
        return [r for _, r in sorted(rows)]

    def same_as(self, path, *args):
        told, = self.json("import", path, *args)
        theirs, ours = list(rows_of(path)), self.stored()
        # What came before the first message with a time got that time.
        first = next((r[2] for r in theirs if r[2] is not None), None)
        theirs = [r if r[2] is not None else (*r[:2], first, *r[3:]) for r in theirs]
        self.assertEqual(len(ours), len(theirs))
        self.assertEqual([(a, b) for a, b in zip(ours, theirs) if a != b][:2], [])
        for kind in ("snapshot", "delta", "trade"):
            self.assertEqual(told[kind + "s"], sum(r[0] == kind for r in theirs))
        self.assertEqual(told["lost"], 0)
        self.assertEqual(told["messages"], sum(1 for _ in recording(path)))
        return told

    def test_a_recorded_market_is_stored_message_by_message(self):
        told = self.same_as(shared_file("data/kalshi/ws/gold15m/KXGOLD15M-26AUG101900-00.jsonl.zst"), "--no-seq-check")
        self.assertEqual((told["gaps"], told["outcome"]), (0, "done: imported"))

    def test_a_recorded_session_of_several_markets_has_no_gap(self):
        told = self.same_as(shared_file("data/kalshi/ws/demo_5markets_2026-07-01.jsonl.zst"))
        self.assertEqual((told["gaps"], told["markets"], told["duplicates"]), (0, 5, 0))
        # Its fills are of the other session and stay raw; its answers are connection events.
        self.assertEqual(self.q("select count(*) from raw where kind = 0")[0][0], 2)
        self.assertEqual(self.q("select count(*) from conn where cast(bytes as text) like '{%'")[0][0], 6)

    def test_the_yes_scale_is_turned_back(self):
        path = shared_file("data/kalshi/ws/demo_use_yes_price_true_2026-06-11.jsonl")
        self.json("import", path, "--use-yes-price")
        theirs = [10000 - r[4] if r[3] == 1 else r[4] for r in rows_of(path) if r[0] == "delta"]
        self.assertEqual([r[4] for r in self.stored() if r[0] == "delta"], theirs)

    def test_each_message_is_a_turn_and_all_events_are_taken(self):
        self.ok("import", self.file("a.jsonl", received(snapshot("M", 1, [("0.4000", "5.00")], [("0.5000", "5.00")]), T0),
                                    received(delta("M", 2, "yes", "0.4100", "3.00"), T0 + 7), received(trade("M", 1), T0 + 9)))
        turns = self.q("select turn, wall, mono, taken_command, taken_private, taken_answer, taken_market from turn order by turn")
        self.assertEqual([t[0] for t in turns], list(range(1, len(turns) + 1)))
        events = sum(self.q(f"select count(*) from {t}")[0][0] for t in ("market", "snapshot", "delta", "trade", "stale", "link", "clock"))
        self.assertEqual(sum(t[6] for t in turns), events)
        self.assertEqual({t[3:6] for t in turns}, {(0, 0, 0)})
        self.assertEqual([t[1] for t in turns], sorted(t[1] for t in turns))
        self.assertEqual(self.q("select recv_wall from delta"), [((T0 + 7) * 1_000_000,)])

    def test_a_gap_in_seq_is_a_gap_row_and_the_book_is_stale(self):
        path = self.file("a.jsonl", snapshot("M", 1, [("0.4000", "5.00")], [("0.5000", "5.00")]), delta("M", 4, "yes", "0.4100", "3.00"))
        told, = self.json("import", path)
        self.assertEqual(told["gaps"], 1)
        self.assertEqual(self.q("select lost, sid, seq_expected, seq_got, reason from gap"), [(2, 1, 2, 4, "sequence gap")])
        self.assertEqual(len(self.q("select * from stale where reason = 'sequence gap'")), 1)
        self.json("import", path, "--no-seq-check")
        self.assertEqual(len(self.q("select * from gap where session = 2")), 0)

    def test_malformed_lines_are_named_and_kept_and_the_others_imported(self):
        path = self.file("a.jsonl", snapshot("M", 1, [("0.4000", "5.00")], [("0.5000", "5.00")]), "{not json", delta("M", 2, "yes", "0.4100", "3.00"),
                         '{"type":"orderbook_delta","sid":1,"seq":3,"msg":{"market_ticker":"M","price_dollars":"x"}}', '{"type":"novelty","sid":9}')
        code, out, err = self.call("import", path, "--json")
        self.assertEqual(code, 3)
        told = json.loads(out)
        self.fits([told], "import")
        self.assertIn(f"{path}:2: malformed", err)
        self.assertIn(f"{path}:4: malformed", err)
        self.assertEqual((told["malformed"], told["deltas"], told["unknown"]), (2, 1, 1))
        self.assertEqual(told["outcome"], "done: imported, but for 2 malformed lines")
        kept = [(k, b.decode()) for k, b in self.q("select kind, bytes from raw order by n")]
        self.assertEqual([k for k, _ in kept], [1, 1, 0])
        self.assertEqual(kept[0][1], "{not json")

    def test_a_finer_price_announces_a_finer_grid_before_it(self):
        self.ok("import", self.file("a.jsonl", snapshot("M", 1, [("0.4000", "5.00")], [("0.5000", "5.00")]), delta("M", 2, "yes", "0.4150", "3.00"),
                                    delta("M", 3, "no", "0.0010", "3.00")))
        grids = self.q("select ord, grid from market order by ord")
        self.assertEqual([g.split()[1] for _, g in grids], ["0:10000:100:-1", "0:10000:50:-1", "0:10000:10:-1"])
        self.assertTrue(grids[1][0] < self.q("select ord from delta where px = 4150")[0][0])

    def test_standard_input_and_several_files_go_into_one_session(self):
        a = self.file("a.jsonl", snapshot("M", 1, [("0.4000", "5.00")]))
        told, = self.json("import", a, "-", stdin=(json.dumps(snapshot("N", 1, [("0.3000", "5.00")])) + "\n").encode())
        self.assertEqual(told["markets"], 2)
        self.assertEqual(self.q("select distinct conn from snapshot order by conn"), [(1,), (2,)])
        self.assertEqual(len(self.q("select * from session")), 1)

    def test_a_file_that_is_not_there_fails_and_the_others_are_imported(self):
        a = self.file("a.jsonl", snapshot("M", 1, [("0.4000", "5.00")]))
        code, out, err = self.call("import", self.path("none.jsonl"), a)
        self.assertEqual(code, 1)
        self.assertIn("none.jsonl", err)
        self.assertEqual(self.q("select count(*) from snapshot"), [(1,)])
        self.assertTrue(self.q("select outcome from session")[0][0].startswith("failed: "))

    def test_of_files_none_of_which_is_there_nothing_is_recorded(self):
        code, out, err = self.call("import", self.path("none.jsonl"), self.folder)
        self.assertEqual((code, out), (1, ""))
        self.assertIn(f"{self.path('none.jsonl')}: No such file", err)
        self.assertIn(f"{self.folder}: Is a directory", err)
        self.assertFalse(os.path.exists(self.db))

    def test_a_file_at_the_limit_of_its_size_is_a_full_disk(self):
        path = shared_file("data/kalshi/ws/gold15m/KXGOLD15M-26AUG101900-00.jsonl.zst")
        limited = ["sh", "-c", 'ulimit -f 2000 && exec "$@"', "sh", BINARY]
        p = subprocess.run([*limited, "import", path, "--no-seq-check", "--store", self.db], capture_output=True, text=True, timeout=480, env=self.env())
        self.assertEqual(p.returncode, 1, p.stderr)
        (lost, outcome), = self.q("select lost, outcome from session")
        self.assertGreater(lost, 0)
        self.assertEqual(outcome, f"failed: {lost} rows did not reach the database")
        said, = self.json("verify", "1", status=1)
        self.assertEqual([f["text"] for f in said["findings"]], [f"{lost} rows were lost, gap rows name 0"])

    def test_a_cut_zstd_file_keeps_what_could_be_read_and_says_so(self):
        path = shared_file("data/kalshi/ws/demo_5markets_2026-07-01.jsonl.zst")
        with open(path, "rb") as f:
            whole = f.read()
        with open(self.path("cut.jsonl.zst"), "wb") as f:
            f.write(whole[:len(whole) // 2])
        code, out, err = self.call("import", self.path("cut.jsonl.zst"))
        self.assertEqual(code, 1, err)
        self.assertIn("cut.jsonl.zst", err)
        self.assertTrue(self.q("select outcome from session")[0][0].startswith("failed: "))

    def test_it_can_be_replayed_and_another_policy_asked(self):
        self.ok("import", shared_file("data/kalshi/ws/gold15m/KXGOLD15M-26AUG101900-00.jsonl.zst"), "--no-seq-check")
        said, = self.json("replay", "last")
        self.assertEqual(said["end"]["kind"], "complete")
        self.assertEqual((said["replayed"]["turns"], said["recorded"]["decisions"]), (said["recorded"]["turns"], 0))
        market, = said["markets"]
        self.assertEqual((market["deltas"], market["trades"]), (22024, 977))
        model = os.path.join(root, "share/models/demo.safetensors")
        one, two = ([line for line in self.ok("replay", "last", "--policy", model, "--steps=jsonl").splitlines() if '"step":"decision"' in line]
                    for _ in range(2))
        self.assertEqual(len(one), said["replayed"]["decisions"])
        self.assertTrue(one == two, "the same session and policy, and other decisions")
        code, _, err = self.call("replay", "last", "--verify")
        self.assertEqual(code, 4)
        self.assertIn("was imported", err)

    def test_a_signal_closes_the_session_as_interrupted(self):
        """A recording that does not end: standard input stays open."""
        p = subprocess.Popen([BINARY, "import", "-", "--store", self.db, "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, env=self.env())
        line = (json.dumps(snapshot("M", 1, [("0.4000", "5.00")])) + "\n").encode()
        p.stdin.write(line)
        seq = 2
        end = time.time() + 240
        sent = False
        try:
            while p.poll() is None and time.time() < end:
                p.stdin.write(b"".join((json.dumps(delta("M", seq + k, "yes", "0.4100", "1.00")) + "\n").encode() for k in range(200)))
                p.stdin.flush()
                seq += 200
                if seq > 20000 and not sent:
                    p.send_signal(signal.SIGINT)
                    sent = True
        except BrokenPipeError:
            pass
        out, err = p.communicate(timeout=240)
        self.assertEqual(p.returncode, 1, err)
        told = json.loads(out)
        self.assertRegex(told["outcome"], "^interrupted: line [0-9]+ of -$")
        self.assertEqual(self.q("select outcome from session"), [(told["outcome"],)])
        self.assertEqual(self.q("select count(*) from delta")[0][0], told["deltas"])
        self.assertGreater(told["deltas"], 1000)

    def silent(self):
        """An import whose standard input gave some lines and then stays open, after it has taken them."""
        p = subprocess.Popen([BINARY, "import", "-", "--store", self.db, "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, env=self.env())
        p.stdin.write((json.dumps(snapshot("M", 1, [("0.4000", "5.00")])) + "\n").encode())
        p.stdin.write(b"".join((json.dumps(delta("M", 2 + k, "yes", "0.4100", "1.00")) + "\n").encode() for k in range(200)))
        p.stdin.flush()
        end = time.time() + 120
        while time.time() < end:
            unread = array.array("i", [0])
            fcntl.ioctl(p.stdin.fileno(), termios.FIONREAD, unread)
            if unread[0] == 0 and p.poll() is None:
                return p
            time.sleep(0.01)
        p.kill()
        self.fail("the import reads nothing")

    def taken(self, p):
        """The process has taken every signal that was sent to it."""
        def pending():
            with open(f"/proc/{p.pid}/status") as f:
                return [line for line in f if line.startswith(("SigPnd", "ShdPnd")) and int(line.split()[1], 16) != 0]
        end = time.time() + 60
        while p.poll() is None and pending() and time.time() < end:
            time.sleep(0.001)

    def ended(self, p):
        """What it printed, its pipe open until then; None: it was killed."""
        try:
            p.wait(timeout=120)
        except subprocess.TimeoutExpired:
            p.kill()
            self.fail("a signal does not end it")
        out, _ = p.communicate()
        return json.loads(out) if p.returncode >= 0 else None

    def test_a_signal_ends_an_import_of_a_silent_pipe(self):
        p = self.silent()
        p.send_signal(signal.SIGTERM)
        told = self.ended(p)
        self.assertEqual(p.returncode, 1)
        self.assertEqual(self.q("select outcome from session"), [(told["outcome"],)])

    def test_two_signals_at_once_are_one(self):
        """`timeout -s INT` sends two: to the process and to its group. A busy machine may make more than a second of "at once"."""
        for _ in range(8):
            p = self.silent()
            p.send_signal(signal.SIGINT)
            self.taken(p)  # else the kernel itself makes one of two
            p.send_signal(signal.SIGINT)
            told = self.ended(p)
            if p.returncode == 1:
                break
        self.assertEqual(p.returncode, 1)
        self.assertRegex(told["outcome"], "^interrupted: line [0-9]+ of -$")
        self.assertEqual(self.q("select outcome from session order by id desc limit 1"), [(told["outcome"],)])

    def test_wrong_usage_and_a_foreign_database_are_refused(self):
        a = self.file("a.jsonl", snapshot("M", 1, [("0.4000", "5.00")]))
        self.assertEqual(self.call("import")[0], 2)
        self.assertEqual(self.call("import", a, "--frobnicate")[0], 2)
        with open(self.db, "w") as f:
            f.write("this is no database, whatever its name says, and it is long enough to be looked at\n" * 20)
        code, out, err = self.call("import", a)
        self.assertEqual(code, 4, err)
        self.assertIn(self.db, err)

    def test_sessions_lists_them(self):
        a = self.file("a.jsonl", snapshot("M", 1, [("0.4000", "5.00")]), delta("M", 4, "yes", "0.4100", "3.00"))
        self.json("import", a)
        self.json("import", a, "--no-seq-check")
        one, two = self.json("sessions")
        self.assertEqual([one["session"], two["session"]], [1, 2])
        self.assertEqual([one["gaps"], two["gaps"]], [1, 0])
        self.assertEqual(one["outcome"], "done: imported")
        self.assertEqual(one["exchange"], "import: a.jsonl")
        text = self.ok("sessions")
        self.assertEqual(len(text.splitlines()), 3)

    def test_no_database_is_told_with_its_name(self):
        code, out, err = self.call("sessions")
        self.assertEqual(code, 6)
        self.assertIn(self.db, err)
        self.assertFalse(os.path.exists(self.db))

    def test_the_configured_database_is_the_default(self):
        a = self.file("a.jsonl", snapshot("M", 1, [("0.4000", "5.00")]))
        self.ok("import", a, store=False)
        self.assertTrue(os.path.exists(self.path("data/deltaflow/deltaflow.sqlite")))
        self.assertIn("import: a.jsonl", self.ok("sessions", store=False))
        with open(self.path("own.ini"), "w") as f:
            f.write(f"[store]\npath = {self.path('own.db')}\n")
        self.ok("import", a, "--config", self.path("own.ini"), store=False)
        self.assertTrue(os.path.exists(self.path("own.db")))


main()
