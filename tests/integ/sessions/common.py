"""common.py - what the tests of the commands about recorded sessions share: calling them, messages, and an independent reading of
recordings and databases."""
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import unittest
from decimal import Decimal

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(root, "tests"))
import schema

BINARY = sys.argv[1]
SHARED = os.environ.get("DELTAFLOW_SHARED") or "../shared"
MUST_HAVE = bool(os.environ.get("DELTAFLOW_SHARED"))
T0 = 1781159489000  # ms


def shared_file(name):
    path = os.path.join(SHARED, name)
    if os.path.exists(path):
        return path
    if MUST_HAVE:
        raise AssertionError(f"DELTAFLOW_SHARED is set, but {path} is not there")
    raise unittest.SkipTest(f"shared data {path} is not here")


def snapshot(ticker, seq, yes=(), no=(), sid=1):
    msg = {"market_ticker": ticker, "market_id": "x"}
    if yes:
        msg["yes_dollars_fp"] = [list(level) for level in yes]
    if no:
        msg["no_dollars_fp"] = [list(level) for level in no]
    return {"type": "orderbook_snapshot", "sid": sid, "seq": seq, "msg": msg}


def delta(ticker, seq, side, px, qty, sid=1, ts_ms=T0):
    return {"type": "orderbook_delta", "sid": sid, "seq": seq,
            "msg": {"market_ticker": ticker, "market_id": "x", "price_dollars": px, "delta_fp": qty, "side": side, "ts_ms": ts_ms}}


def trade(ticker, seq, sid=2, ts_ms=T0):
    return {"type": "trade", "sid": sid, "seq": seq,
            "msg": {"trade_id": "t", "market_ticker": ticker, "yes_price_dollars": "0.4700", "no_price_dollars": "0.5300", "count_fp": "1.00",
                    "taker_side": "yes", "taker_outcome_side": "yes", "taker_book_side": "bid", "ts": 1, "ts_ms": ts_ms}}


def received(message, recv_ms):
    return {"recv_ms": recv_ms, "event": message}


def units(text, decimals):
    return int(Decimal(text).scaleb(decimals))


def recording(path):
    """The messages of a recording: (receive time in ms or None, message)."""
    reader = ["zstd", "-dcq", path] if path.endswith(".zst") else ["cat", path]
    raw = subprocess.run(reader, capture_output=True, check=True).stdout
    for line in raw.splitlines():
        if line.strip():
            e = json.loads(line)
            yield (e["recv_ms"], e["event"]) if "event" in e else (None, e)


class Case(unittest.TestCase):
    maxDiff = 2000

    def setUp(self):
        self.tmp = tempfile.TemporaryDirectory(prefix="deltaflow-")
        self.folder = self.tmp.name
        self.db = os.path.join(self.folder, "test.db")

    def tearDown(self):
        self.tmp.cleanup()

    def path(self, name):
        return os.path.join(self.folder, name)

    def file(self, name, *messages):
        with open(self.path(name), "w") as f:
            for m in messages:
                f.write((m if isinstance(m, str) else json.dumps(m)) + "\n")
        return self.path(name)

    def env(self):
        p = self.path
        return dict(os.environ, HOME=self.folder, XDG_CONFIG_HOME=p("config"), XDG_STATE_HOME=p("state"), XDG_DATA_HOME=p("data"))

    def call(self, command, *args, stdin=b"", store=True, binary=False):
        """Exit status, standard output, standard error."""
        where = ["--store", self.db] if store else []
        p = subprocess.run([BINARY, command, *args, *where], input=stdin, capture_output=True, timeout=480, env=self.env())
        return p.returncode, p.stdout if binary else p.stdout.decode(), p.stderr.decode()

    def ok(self, command, *args, **more):
        code, out, err = self.call(command, *args, **more)
        self.assertEqual(code, 0, (command, args, out[-2000:], err[-2000:]))
        return out

    def json(self, command, *args, status=0, name=None, **more):
        """What --json prints, checked against the command's schema: one value, or all lines."""
        code, out, err = self.call(command, *args, "--json", **more)
        self.assertEqual(code, status, (command, args, out[-2000:], err[-2000:]))
        values = [json.loads(line) for line in out.splitlines()]
        self.fits(values, name or command)
        return values

    def fits(self, values, name):
        for v in values:
            self.assertEqual(schema.check(v, os.path.join(root, f"docs/schemas/{name}.json")), [], v)

    def q(self, sql):
        con = sqlite3.connect(self.db)
        try:
            return con.execute(sql).fetchall()
        finally:
            con.close()

    def change(self, *statements):
        """Changes a recorded session behind the program's back, so that no digest tells."""
        self.tamper("update session set digest = null", *statements)

    def tamper(self, *statements):
        con = sqlite3.connect(self.db)
        with con:
            for s in statements:
                done = con.execute(s)
                self.assertNotEqual(done.rowcount, 0, s)
        con.close()


def main():
    unittest.main(argv=sys.argv[:1], verbosity=1)
