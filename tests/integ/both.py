"""both.py - what the tests with real binaries share: claims that are counted, shared data, starting and stopping `sim`.

Arguments of such a test: DELTAFLOW SCENARIO.

A test waits for what is to happen (until) and ends what runs when it has; how fast the machine is decides nothing.
"""
import json
import os
import signal
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
import sim_admin

binary, scenario = (sys.argv[1:3] + [""])[:2]
shared = os.environ.get("DELTAFLOW_SHARED") or "../shared"
must_have = bool(os.environ.get("DELTAFLOW_SHARED"))
slow = max(1.0, float(os.environ.get("TEST_SLOW", "1")))
LIMIT = 240 * slow  # seconds for what must happen at last; only a failure takes so long

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


def until(done, what, process=None, every=0.1):
    """Wait until done() holds, and give what it said. It is a failed claim when that does not come, or process ends before."""
    end = time.time() + LIMIT
    while True:
        over = process is not None and process.poll() is not None
        said = done()
        if said:
            return said
        if over or time.time() > end:
            check(what, False, "the process has ended" if over else f"not within {LIMIT:.0f} s")
            return said
        time.sleep(every)


def rows(database, sql):
    """What a database that a process is writing has; nothing while it cannot be read or has no such table yet. Nothing is left open: the last
    process that closes the file is to find it alone."""
    try:
        con = connect(database)
        try:
            return con.execute(sql).fetchall()
        finally:
            con.close()
    except (sqlite3.Error, RuntimeError):
        return []


def count(database, sql):
    """One number of it, or 0."""
    found = rows(database, sql)
    return found[0][0] or 0 if found else 0


def status(env):
    """What `deltaflow status` says of the run of this environment; nothing while there is none."""
    done = subprocess.run([binary, "status", "--json"], env=env, capture_output=True, text=True, timeout=LIMIT)
    return json.loads(done.stdout) if done.returncode == 0 else {}


def freeze(run, sim):
    """Stop the threads of a run while orders of it rest at the exchange. The policy may have cancelled all of them just then: it goes on a
    moment, and is stopped again."""
    def frozen():
        run.send_signal(signal.SIGSTOP)
        if sim.resting():
            return True
        run.send_signal(signal.SIGCONT)
        return False
    return until(frozen, "orders rest when the run is stopped", run, 0.05)


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
        self.marks = 0
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen([binary, "sim", "--ready-file", self.ready, "--state-dir", self.state,
                                             "--dump", self.dump_path, *args], stdout=log, stderr=log, env=environment(folder))
        end = time.time() + LIMIT
        while not os.path.exists(self.ready):
            if self.process.poll() is not None or time.time() > end:
                self.stop()
                sys.exit("the simulator does not get ready: " + self.log())
            time.sleep(0.02)

    def stop(self):
        """Its exit status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def do(self, **action):
        """One action over the admin socket; its reply."""
        return self.do_all(action)[0]

    def do_all(self, *actions):
        """Several, which the exchange does at one moment; their replies."""
        return sim_admin.ask_all(self.state, *actions)

    def now(self):
        """Its state, as the dump at its end."""
        return self.do(do="dump")["state"]

    def orders(self):
        """How many orders it ever took."""
        return len(self.now()["orders"])

    def resting(self):
        return [o for o in self.now()["orders"] if o["status"] == "resting"]

    def heard(self, database, run):
        """Wait until all that it sent so far is in the database of a run: in each open market it places an order of nobody's in a size that
        there is nowhere else, whose message comes after all others. One whose message was lost is followed by another."""
        sizes, asked = {}, 0

        def arrived():
            nonlocal asked
            for market, of in sizes.items():
                if of and count(database, f"select count(*) from delta where qty in ({','.join(map(str, of))})"):
                    sizes[market] = None
            left = [m for m, of in sizes.items() if of is not None]
            if sizes and not left:
                return True
            if not sizes or time.time() > asked + 5:
                asked = time.time()
                for market in left or [m["market"] for m in self.now()["markets"] if m["status"] == "active"]:
                    self.marks += 1
                    if "error" not in self.do(do="order", market=market, side=("yes", "no")[self.marks % 2], price="0.0100", count=f"{100000 + self.marks}.37"):
                        sizes.setdefault(market, []).append((100000 + self.marks) * 100 + 37)
                    else:
                        sizes.pop(market, None)  # it has closed
            return not sizes

        return until(arrived, "what the exchange sent comes into the database", run, 0.2)

    def stop_flow(self, database, run):
        """Its books stand still from now on but for our own orders, and the run has heard it."""
        self.do(do="stop_flow")
        self.heard(database, run)

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


def account_differs(summary, dump):
    """Texts for all that the two accounts do not agree on."""
    ours, theirs = summary["account"], dump["accounts"][0]
    wrong = []
    if amount(ours["cash_total"]) != amount(theirs["cash"]):
        wrong.append(("cash", ours["cash_total"], theirs["cash"]))
    if amount(ours["cash_reserved"]) != 0:
        wrong.append(("reserved", ours["cash_reserved"]))
    a = {p["market"]: (Decimal(p["position"]), amount(p["cost"])) for p in ours["positions"]}
    b = {p["market"]: (Decimal(p["position"]), amount(p["cost"])) for p in theirs["positions"] if Decimal(p["position"]) != 0}
    if a != b:
        wrong.append(("positions", a, b))
    if summary["order_detail"]["drifts"] != 0 or summary["order_detail"]["open"] != 0:
        wrong.append(("detail", summary["order_detail"]))
    wrong += [("rests", o) for o in dump["orders"] if o["status"] == "resting"]
    return wrong


def check_verify(database, finds={}):
    """`deltaflow verify` finds nothing in any session of the database, or only what the exchange itself contradicts: {rule: count}."""
    listed = subprocess.run([binary, "sessions", "--json", "--store", database], capture_output=True, text=True, timeout=LIMIT)
    sessions = [json.loads(line)["session"] for line in listed.stdout.splitlines()]
    check("the database lists its sessions", listed.returncode == 0 and sessions, listed.stderr[-400:])
    for session in sessions:
        done = subprocess.run([binary, "verify", str(session), "--json", "--store", database], capture_output=True, text=True, timeout=600)
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
