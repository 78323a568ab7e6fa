#!/usr/bin/env python3
"""deltaflow books: output, exit statuses and messages, on generated recordings.

usage: books_test.py DELTAFLOW SCHEMA
"""
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import unittest

BINARY, SCHEMA = sys.argv[1], sys.argv[2]


def books(*args, stdin=b""):
    p = subprocess.run([BINARY, "books", *args], input=stdin, capture_output=True, timeout=240)
    return p.returncode, p.stdout.decode(), p.stderr.decode()


def snapshot(ticker, seq, yes=(), no=(), sid=1):
    msg = {"market_ticker": ticker, "market_id": "x"}
    if yes:
        msg["yes_dollars_fp"] = [list(level) for level in yes]
    if no:
        msg["no_dollars_fp"] = [list(level) for level in no]
    return {"type": "orderbook_snapshot", "sid": sid, "seq": seq, "msg": msg}


def delta(ticker, seq, side, px, qty, sid=1):
    return {"type": "orderbook_delta", "sid": sid, "seq": seq,
            "msg": {"market_ticker": ticker, "market_id": "x", "price_dollars": px, "delta_fp": qty,
                    "side": side, "ts_ms": 1781159489957}}


def trade(ticker, seq, sid=2):
    return {"type": "trade", "sid": sid, "seq": seq,
            "msg": {"trade_id": "t", "market_ticker": ticker, "yes_price_dollars": "0.4700",
                    "no_price_dollars": "0.5300", "count_fp": "1.00", "taker_side": "yes",
                    "taker_outcome_side": "yes", "taker_book_side": "bid", "ts": 1, "ts_ms": 2}}


def lines(*messages):
    return "".join((m if isinstance(m, str) else json.dumps(m)) + "\n" for m in messages).encode()


def follows_schema(value, schema, root):
    """The few keywords that books.json uses; enough to notice a field that is missing or extra."""
    if "$ref" in schema:
        return follows_schema(value, root["$defs"][schema["$ref"].rsplit("/", 1)[1]], root)
    if "oneOf" in schema:
        return sum(follows_schema(value, s, root) for s in schema["oneOf"]) == 1
    kind = schema.get("type")
    if kind == "object":
        props = schema.get("properties", {})
        return (isinstance(value, dict) and set(schema["required"]) <= set(value) <= set(props)
                and all(follows_schema(v, props[k], root) for k, v in value.items()))
    if kind == "array":
        items = schema.get("prefixItems")
        if items is None:
            return isinstance(value, list) and all(follows_schema(v, schema["items"], root) for v in value)
        return (isinstance(value, list) and len(value) == len(items)
                and all(follows_schema(v, s, root) for v, s in zip(value, items)))
    if kind == "integer":
        return type(value) is int and value >= schema.get("minimum", value)
    assert kind == "string", schema
    return (isinstance(value, str) and len(value) >= schema.get("minLength", 0)
            and re.search(schema.get("pattern", ""), value) is not None)


class Books(unittest.TestCase):
    def run_json(self, data, *args, status=0):
        code, out, err = books("-", "--json", *args, stdin=data)
        self.assertEqual(code, status, err)
        rows = [json.loads(line) for line in out.splitlines()]
        with open(SCHEMA, encoding="utf-8") as f:
            schema = json.load(f)
        for row in rows:
            self.assertTrue(follows_schema(row, schema, schema), row)
        return rows, err

    def test_books_by_ticker_levels_rising(self):
        rows, err = self.run_json(lines(
            snapshot("B", 1, [("0.4700", "120.00"), ("0.1000", "5.00")], [("0.4800", "2.00")]),
            snapshot("A", 2), trade("B", 1), delta("B", 3, "yes", "0.4700", "-20.00"),
            delta("B", 4, "no", "0.4800", "-2.00"), delta("B", 5, "no", "0.0100", "0.01")))
        self.assertEqual(err, "")
        self.assertEqual(rows, [
            {"market": "A", "yes": [], "no": [], "snapshots": 1, "deltas": 0, "trades": 0, "gaps": 0, "rejected": 0},
            {"market": "B", "yes": [["0.1000", "5.00"], ["0.4700", "100.00"]], "no": [["0.0100", "0.01"]],
             "snapshots": 1, "deltas": 3, "trades": 1, "gaps": 0, "rejected": 0},
            {"summary": {"messages": 6, "unknown": 0, "malformed": 0, "markets": 2}}])

    def test_malformed_lines_are_named_and_exit_is_3(self):
        rows, err = self.run_json(lines(
            snapshot("A", 1), "{broken", "", '{"type":"orderbook_delta","sid":1,"seq":2,"msg":{}}',
            delta("A", 3, "yes", "0.1000", "1.00"), "[1]"), status=3)
        self.assertRegex(err, r"-:2: malformed")
        self.assertRegex(err, r"-:4: malformed")
        self.assertRegex(err, r"-:6: malformed")
        self.assertEqual(err.count("malformed"), 3)
        self.assertEqual(rows[-1]["summary"], {"messages": 4, "unknown": 0, "malformed": 3, "markets": 1})
        self.assertEqual(rows[0]["yes"], [["0.1000", "1.00"]])

    def test_gaps_and_duplicates(self):
        data = lines(snapshot("A", 10, [("0.1000", "1.00")]), delta("A", 11, "yes", "0.1000", "1.00"),
                     delta("A", 11, "yes", "0.1000", "1.00"), delta("A", 15, "yes", "0.1000", "1.00"))
        rows, _ = self.run_json(data)
        self.assertEqual((rows[0]["gaps"], rows[0]["yes"]), (1, [["0.1000", "3.00"]]))
        rows, _ = self.run_json(data, "--no-seq-check")
        self.assertEqual((rows[0]["gaps"], rows[0]["yes"]), (0, [["0.1000", "4.00"]]))

    def test_rejected_messages_change_nothing(self):
        rows, _ = self.run_json(lines(
            delta("A", 1, "yes", "0.1000", "1.00"), snapshot("A", 2, [("0.1000", "1.00")]),
            delta("A", 3, "yes", "0.1000", "-2.00"), delta("A", 4, "no", "0.5000", "-1.00")))
        self.assertEqual((rows[0]["rejected"], rows[0]["deltas"]), (3, 3))
        self.assertEqual(rows[0]["yes"], [["0.1000", "1.00"]])
        rows, _ = self.run_json(lines(snapshot("A", 1, [("0.6000", "1.00")], [("0.4000", "1.00")])))
        self.assertEqual((rows[0]["rejected"], rows[0]["yes"], rows[0]["no"]), (1, [], []))

    def test_finer_grids_are_found(self):
        rows, _ = self.run_json(lines(
            snapshot("A", 1, [("0.4700", "1.00")]), delta("A", 2, "yes", "0.4710", "2.00"),
            delta("A", 3, "no", "0.0001", "3.00")))
        self.assertEqual(rows[0]["yes"], [["0.4700", "1.00"], ["0.4710", "2.00"]])
        self.assertEqual(rows[0]["no"], [["0.0001", "3.00"]])

    def test_yes_scale(self):
        rows, _ = self.run_json(lines(
            snapshot("A", 1, [("0.4700", "1.00")], [("0.5200", "2.00"), ("0.9000", "3.00")])), "--use-yes-price")
        self.assertEqual(rows[0]["no"], [["0.1000", "3.00"], ["0.4800", "2.00"]])

    def test_until_stops_after_that_line(self):
        data = lines(snapshot("A", 1), delta("A", 2, "yes", "0.1000", "1.00"), delta("A", 3, "yes", "0.1000", "1.00"))
        rows, _ = self.run_json(data, "--until", "2")
        self.assertEqual(rows[0]["yes"], [["0.1000", "1.00"]])
        self.assertEqual(rows[1]["summary"]["messages"], 2)

    def test_unknown_and_private_messages_do_not_hurt(self):
        rows, _ = self.run_json(lines(
            snapshot("A", 1), {"type": "brand_new", "sid": 1, "seq": 2, "msg": {}},
            {"type": "user_order", "sid": 5, "msg": {"side": "bid", "price": "5.3829"}},
            {"type": "fill", "sid": 6, "msg": {"side": "bid"}}, delta("A", 3, "yes", "0.1000", "1.00")))
        self.assertEqual(rows[-1]["summary"], {"messages": 5, "unknown": 1, "malformed": 0, "markets": 1})
        self.assertEqual(rows[0]["gaps"], 0)

    def test_wrappers_and_reconnect(self):
        rows, _ = self.run_json(lines(
            {"recv_ms": 1, "event": snapshot("A", 5000, [("0.1000", "1.00")])},
            {"recv_ms": 2, "raw": json.dumps(delta("A", 5001, "yes", "0.1000", "1.00"))},
            {"recv_ms": 3, "event": snapshot("A", 3, [("0.2000", "7.00")])},
            {"recv_ms": 4, "event": delta("A", 4, "yes", "0.2000", "1.00")}))
        self.assertEqual((rows[0]["yes"], rows[0]["gaps"]), ([["0.2000", "8.00"]], 0))

    def test_hash_depends_on_the_books_alone(self):
        a = lines(snapshot("A", 1, [("0.1000", "3.00")]), snapshot("B", 2, [], [("0.2000", "1.00")]))
        b = lines(snapshot("B", 1), delta("B", 2, "no", "0.2000", "1.00"), snapshot("A", 3, [("0.1000", "1.00")]),
                  delta("A", 4, "yes", "0.1000", "2.00"))
        rows_a, _ = self.run_json(a, "--hash")
        rows_b, _ = self.run_json(b, "--hash")
        self.assertEqual([r["line"] for r in rows_b if "line" in r], [1, 2, 3, 4])
        self.assertEqual(rows_a[-1]["summary"]["hash"], rows_b[-1]["summary"]["hash"])
        self.assertEqual(rows_b[3]["hash"], rows_b[-1]["summary"]["hash"])
        self.assertNotEqual(rows_b[2]["hash"], rows_b[3]["hash"])

    def test_random_recording_against_a_dict(self):
        seed = int(os.environ.get("DELTAFLOW_SEED", "7"))
        print("seed", seed)
        rng = random.Random(seed)
        model, messages = {}, []
        for seq in range(1, 4001):
            ticker = "M%02d" % rng.randrange(20)
            side, cents = rng.choice(("yes", "no")), rng.randrange(1, 50)
            if ticker not in model or rng.random() < 0.01:
                model[ticker] = {"yes": {}, "no": {}}
                messages.append(snapshot(ticker, seq))
                continue
            level = model[ticker][side]
            change = rng.randrange(-min(level.get(cents, 0), 500), 500)
            level[cents] = level.get(cents, 0) + change
            messages.append(delta(ticker, seq, side, "%.4f" % (cents / 100), "%.2f" % (change / 100)))
        rows, _ = self.run_json(lines(*messages))
        self.assertEqual([r["market"] for r in rows[:-1]], sorted(model))
        for row in rows[:-1]:
            for side in ("yes", "no"):
                want = [["%.4f" % (c / 100), "%.2f" % (q / 100)]
                        for c, q in sorted(model[row["market"]][side].items()) if q > 0]
                self.assertEqual(row[side], want)
            self.assertEqual(row["rejected"] + row["gaps"], 0)

    def test_several_files_are_connections_of_their_own(self):
        with tempfile.TemporaryDirectory() as d:
            names = [os.path.join(d, n) for n in ("one.jsonl", "two.jsonl")]
            with open(names[0], "wb") as f:
                f.write(lines(snapshot("A", 1, [("0.1000", "1.00")])))
            with open(names[1], "wb") as f:
                f.write(lines("{", snapshot("B", 1), delta("A", 2, "yes", "0.1000", "1.00")))
            code, out, err = books(*names, "--json")
            self.assertEqual(code, 3)
            self.assertIn("two.jsonl:1: malformed", err)
            rows = [json.loads(line) for line in out.splitlines()]
            self.assertEqual(rows[0]["yes"], [["0.1000", "2.00"]])
            self.assertEqual(rows[-1]["summary"]["markets"], 2)
            code, out, err = books(names[0], os.path.join(d, "none.jsonl"))
            self.assertEqual(code, 1)
            self.assertIn("none.jsonl", err)
            self.assertIn("1 markets", out)

    def test_wrong_usage_is_2_and_help_is_0(self):
        for args in ([], ["-", "--nonsense"], ["-", "--until"], ["-", "--until", "x"], ["-", "--until", "-1"]):
            code, out, err = books(*args)
            self.assertEqual((code, out), (2, ""), args)
            self.assertIn("--help", err)
        code, out, _ = books("--help")
        self.assertEqual(code, 0)
        for word in ("--no-seq-check", "--use-yes-price", "--until", "--hash", "--json", "Exit status"):
            self.assertIn(word, out)

    def test_the_table_names_markets(self):
        code, out, _ = books("-", stdin=lines(snapshot("A-MARKET", 1, [("0.4700", "3.00")])))
        self.assertEqual(code, 0)
        self.assertRegex(out, r"A-MARKET +0\.4700 +3\.00 +- +- +1\+0")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
