"""both.py - what the tests with real binaries share: claims that are counted, shared data, starting and stopping `sim`.

Arguments of such a test: DELTAFLOW SCENARIO.
"""
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from decimal import Decimal

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(root, "tests"))
import postgres
import replayed
import schema

binary, scenario = sys.argv[1:3]
shared = os.environ.get("DELTAFLOW_SHARED") or "../shared"
must_have = bool(os.environ.get("DELTAFLOW_SHARED"))
slow = max(1.0, float(os.environ.get("TEST_SLOW", "1")))  # sanitizers

passed = 0
failed = 0


def check(claim, ok, detail=""):
    global passed, failed
    passed += bool(ok)
    failed += not ok
    print(("ok      " if ok else "FAILED  ") + claim + ("" if ok else f": {detail}"), flush=True)


def end_if_failed():
    """Where what follows could not be looked at."""
    if failed:
        sys.exit(1)


def shared_file(name):
    path = os.path.join(shared, name)
    if os.path.exists(path):
        return path
    if must_have:
        sys.exit(f"FAILED: DELTAFLOW_SHARED is set, but {path} is not there")
    print(f"skipped: shared data {path} is not here")
    sys.exit(77)


def amount(v):
    return Decimal(v).quantize(Decimal("0.000001"))


def environment(folder):
    """No file outside folder is read or written."""
    p = lambda name: os.path.join(folder, name)
    return dict(os.environ, HOME=folder, XDG_CONFIG_HOME=p("config"), XDG_STATE_HOME=p("state"), XDG_DATA_HOME=p("data"))


class Sim:
    """`deltaflow sim` in a folder; it listens when this returns. Files: ready.json, dump.json, sim.log, sim/ (its state folder)."""

    def __init__(self, folder, *args):
        self.folder, self.ready, self.dump_path = folder, os.path.join(folder, "ready.json"), os.path.join(folder, "dump.json")
        self.log_path, self.state = os.path.join(folder, "sim.log"), os.path.join(folder, "sim")
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen([binary, "sim", "--ready-file", self.ready, "--state-dir", self.state,
                                             "--dump", self.dump_path, *args], stdout=log, stderr=log, env=environment(folder))
        end = time.time() + 60
        while not os.path.exists(self.ready):
            if self.process.poll() is not None or time.time() > end:
                self.stop()
                sys.exit("the simulator does not get ready: " + self.log())
            time.sleep(0.02)

    def stop(self):
        """Its exit status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def do(self, **action):
        """One action over the admin socket; its reply."""
        with open(f"{self.state}/admin.token") as f:
            token = f.read().strip()
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(30)
            s.connect(f"{self.state}/admin.sock")
            s.sendall(json.dumps({"token": token, **action}).encode() + b"\n")
            data = b""
            while not data.endswith(b"\n"):
                part = s.recv(1 << 20)
                if not part:
                    break
                data += part
        return json.loads(data)

    def log(self):
        with open(self.log_path) as f:
            return f.read()

    def dump(self):
        with open(self.dump_path) as f:
            return json.load(f)


def check_schemas(**values):
    """run_summary=VALUE: it fits docs/schemas/run-summary.json."""
    for name, value in values.items():
        name = name.replace("_", "-")
        wrong = schema.check(value, os.path.join(root, f"docs/schemas/{name}.json"))
        check(f"{name} fits its schema", not wrong, wrong[:5])


def check_replay(database, session="last", finds={}):
    wrong, summary = replayed.verify(binary, database, session)
    check("the recorded session gives the same observations, decisions, orders and money, bit for bit", not wrong, wrong)
    print("        " + replayed.line(summary))
    if summary:
        check_schemas(replay=summary)
    check_verify(database, finds)
    return summary


def connect(database):
    """A file's or a URL's tables: execute(sql).fetchall()."""
    return postgres.Connection(database) if "://" in database else sqlite3.connect(f"file:{database}?mode=ro", uri=True)


def check_replays(database):
    """Every session of the database: those whose process was killed may end in the middle of a turn."""
    sessions = connect(database).execute("select id, outcome from session order by id").fetchall()
    wrong, restored, broken = [], 0, 0
    for session, outcome in sessions:
        ends = ("complete", "broken") if outcome.startswith("broken") else ("complete",)
        mistakes, summary = replayed.verify(binary, database, session, ends)
        wrong += [(session, outcome, m) for m in mistakes]
        restored += bool(summary) and summary["recorded"]["restored"] > 0
        broken += outcome.startswith("broken")
    check(f"all {len(sessions)} sessions replay, bit for bit, {broken} of them of killed processes", not wrong, wrong[:3])
    check("some of them began with orders of an earlier one", restored > 0 and broken > 0, (restored, broken))
    check_verify(database)


def check_verify(database, finds={}):
    """`deltaflow verify` finds nothing in any session of the database, or only what the exchange itself contradicts: {rule: count}."""
    listed = subprocess.run([binary, "sessions", "--json", "--store", database], capture_output=True, text=True, timeout=60)
    sessions = [json.loads(line)["session"] for line in listed.stdout.splitlines()]
    check("the database lists its sessions", listed.returncode == 0 and sessions, listed.stderr[-400:])
    for session in sessions:
        done = subprocess.run([binary, "verify", str(session), "--json", "--store", database], capture_output=True, text=True, timeout=300)
        said = json.loads(done.stdout) if done.stdout else {}
        check_schemas(verify=said)
        found = {rule: n for rule, n in said.get("by_rule", {"unreadable": 1}).items() if n}
        check(f"session {session} agrees with itself: {said.get('checked', {}).get('records')} records",
              found == finds and done.returncode == (1 if finds else 0), said.get("findings", [done.stderr])[:5])


def main(*scenarios):
    """Run the scenario of the command line, in a folder of its own or in $TEST_KEEP."""
    with tempfile.TemporaryDirectory(prefix="deltaflow-") as folder:
        keep = os.environ.get("TEST_KEEP")
        if keep:
            folder = keep
            os.makedirs(folder, exist_ok=True)
        {f.__name__: f for f in scenarios}[scenario](folder)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
