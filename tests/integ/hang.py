#!/usr/bin/env python3
"""hang.py DELTAFLOW SCENARIO LIBRARY - the real binaries on a disk that hangs: hang.c, preloaded, lets no write or sync of the
database come back while a file is there. Every step waits for what it needs to see; no length of time is measured but as a bound."""
import array
import fcntl
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import termios
import time

import both
from both import binary, check

library = sys.argv[3]
PATIENCE = both.LIMIT  # seconds, for whatever must happen; a bound that the program states is far below


def wait_for(what, seen):
    """seen() gives something true at last; that. What follows could not be looked at without."""
    return both.until(seen, what, every=0.02) or both.end_if_failed()


class Disk:
    """Of the database in a folder."""

    def __init__(self, folder):
        self.db, self.trigger, self.seen_path = (os.path.join(folder, n) for n in ("run.db", "hangs", "seen"))
        self.env = dict(both.environment(folder), LD_PRELOAD=library, HANG_OF=self.db, HANG_WHILE=self.trigger, HANG_SEEN=self.seen_path)

    def hang(self):
        if os.path.exists(self.seen_path):
            os.remove(self.seen_path)
        open(self.trigger, "w").close()

    def wait_until_hung(self):
        return wait_for("a call into the database hangs", lambda: os.path.exists(self.seen_path) and open(self.seen_path).read())

    def work(self):
        if os.path.exists(self.trigger):
            os.remove(self.trigger)

    def q(self, sql):
        con = sqlite3.connect(self.db)
        try:
            return con.execute(sql).fetchall()
        finally:
            con.close()


def ended(what, process):
    """Its exit status; it must come to its end by itself."""
    try:
        return process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        check(what, False, f"it does not end within {PATIENCE:.0f} s")
        return both.end_if_failed()


def book_line(seq):
    msg = {"market_ticker": "M", "market_id": "x", "price_dollars": "0.4100", "delta_fp": "1.00", "side": "yes", "ts_ms": 1781159489000 + seq}
    return json.dumps({"type": "orderbook_delta", "sid": 1, "seq": seq, "msg": msg}) + "\n"


class Importing:
    """`import -` that is fed until its database hangs."""

    def __init__(self, folder, disk):
        self.err_path = os.path.join(folder, "import.err")
        with open(self.err_path, "w") as err:
            self.process = subprocess.Popen([binary, "import", "-", "--store", disk.db, "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=err, env=disk.env)
        first = {"type": "orderbook_snapshot", "sid": 1, "seq": 1,
                 "msg": {"market_ticker": "M", "market_id": "x", "yes_dollars_fp": [["0.4000", "5.00"]]}}
        self.seq = 1
        self.give(json.dumps(first) + "\n")

    def give(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def deltas(self, n):
        self.give("".join(book_line(self.seq + 1 + k) for k in range(n)))
        self.seq += n

    def read_all(self):
        def left():
            unread = array.array("i", [0])
            fcntl.ioctl(self.process.stdin.fileno(), termios.FIONREAD, unread)
            return unread[0]
        wait_for("the import reads what it is given", lambda: left() == 0)

    def said(self):
        out = self.process.stdout.read()
        self.process.stdin.close()
        return json.loads(out) if out else {}, open(self.err_path).read()


def hanging_import(folder, disk):
    """The import, whose database has some rows and hangs with others on their way."""
    im = Importing(folder, disk)
    wait_for("some rows are committed", lambda: (im.deltas(2000), im.read_all(), os.path.exists(disk.db) and disk.q("select count(*) from delta")[0][0])[2])
    disk.hang()
    wait_for("the database hangs", lambda: (im.deltas(2000), os.path.exists(disk.seen_path))[1])
    return im


def imports(folder):
    disk = Disk(folder)
    im = hanging_import(folder, disk)
    im.process.send_signal(signal.SIGINT)
    code = ended("a signal ends an import whose database hangs", im.process)
    told, err = im.said()
    check("with exit status 1", code == 1, (code, err))
    both.check_schemas(**{"import": told})
    check("it says that it was interrupted, and what the database has and has not", told["outcome"].startswith("interrupted: line ") and
          told["lost"] > 0 and told["rows"] > 0 and f"{told['lost']} rows did not reach the database, {told['rows']} are in it" in err, (told, err))
    disk.work()
    tables = [t for (t,) in disk.q("select m.name from sqlite_master m, pragma_table_info(m.name) c where m.type = 'table' and c.name = 'session'")]
    have = sum(disk.q(f"select count(*) from {t} where session = {told['session']}")[0][0] for t in tables)
    check("what it says is there is there", have >= told["rows"], (have, told))
    again = subprocess.run([binary, "import", "-", "--store", disk.db], input=b"", capture_output=True, env=both.environment(folder), timeout=PATIENCE)
    outcomes = [o for (o,) in disk.q("select outcome from session order by id")]
    check("the next start closes its session as broken", again.returncode == 0 and outcomes[0].startswith("broken"), (again, outcomes))

    # Who signals once more, later than at once, does not want to wait.
    for _ in range(5):
        im = hanging_import(folder, disk)
        im.process.send_signal(signal.SIGINT)
        time.sleep(1.5)
        im.process.send_signal(signal.SIGINT)
        code = ended("a later signal ends it at once", im.process)
        im.said()
        disk.work()
        if code != 1:
            break  # 1: this machine was so slow that it had ended
    check("a later signal ends it at once, by the signal", code == -signal.SIGINT, code)


# --- a run that trades

EVENTS = ("market", "snapshot", "delta", "trade", "stale", "link", "clock")  # what the actor took from the market ring


class Trading:
    """A simulator, and a run against it whose database's disk can hang."""

    def __init__(self, folder):
        self.disk = Disk(folder)
        self.p = lambda name: os.path.join(folder, name)
        self.spill, self.summary_path = self.p("spill"), self.p("summary.json")
        self.sim = both.Sim(folder, "--markets", "4", "--seed", "23", "--rate", "400", "--tier", "premier")
        self.run = None

    def start(self, env=None):
        with open(self.p("run.log"), "a") as log:
            self.run = subprocess.Popen(
                [binary, "run", "--exchange", self.sim.ready, "--store-path", self.disk.db, "--store-spill", self.spill, "--store-interval-ms", "200",
                 "--orders-journal", self.p("journal"), "--run-summary-json", self.summary_path, "--policy-kind", "random", "--policy-seed", "9",
                 "--orders-pricing", "mid", "--orders-clock-window-ms", "2000"],
                stdout=log, stderr=log, env=env or self.disk.env)

    def end(self):
        if self.run is not None and self.run.poll() is None:
            self.run.kill()
            self.run.wait()
        self.disk.work()
        self.sim.stop()
        if both.failed:
            sys.stdout.write(open(self.p("run.log")).read()[-6000:])

    def lives(self):
        if self.run.poll() is not None:
            check("the run goes on", False, self.run.returncode)
            both.end_if_failed()
        return True

    def count(self, sql):
        try:
            return self.lives() and self.disk.q(sql)[0][0]
        except sqlite3.Error:
            return 0  # it has not made its tables yet

    def orders(self):
        return self.lives() and len(self.sim.do(do="dump")["state"]["orders"])

    def spilled(self):
        """Bytes of the spill file, which only grows while nothing is drained."""
        files = [os.path.join(self.spill, f) for f in os.listdir(self.spill) if f.endswith(".spill")] if os.path.isdir(self.spill) else []
        return sum(os.path.getsize(f) for f in files)

    def trade_until_it_hangs(self):
        wait_for("it trades and records", lambda: self.count("select count(*) from fill") > 3)
        before = self.spilled()
        self.disk.hang()
        seen = self.disk.wait_until_hung()
        print(f"        {seen.strip()}")
        orders, turns = self.orders(), self.disk.q("select count(*) from turn")
        wait_for("what waits goes to the spill file", lambda: self.lives() and self.spilled() > before + (64 << 10))
        wait_for("trading goes on", lambda: self.orders() > orders + 5)
        now = self.spilled()
        wait_for("and the file grows", lambda: self.lives() and self.spilled() > now)
        check("while its database stands still it trades on, and rows wait in the spill file", self.disk.q("select count(*) from turn") == turns)

    def summary(self):
        with open(self.summary_path) as f:
            s = json.load(f)
        both.check_schemas(run_summary=s)
        return s

    def next_start(self):
        """Without a hanging disk; it trades again, and is stopped."""
        self.disk.work()
        self.start(env=both.environment(os.path.dirname(self.disk.db)))
        last = "session = (select max(id) from session)"
        wait_for("the next start trades", lambda: self.count("select count(*) from session") == 2 and
                 self.count(f"select count(*) from fill where {last}") > 0)
        self.run.send_signal(signal.SIGTERM)
        check("the next start ends with exit status 0", ended("the next start ends", self.run) == 0, self.run.returncode)
        return self.summary()

    def check_whole(self, sessions):
        """What is recorded is in order, once, without a hole, and agrees with itself and with the exchange."""
        summary = self.summary()
        state = self.sim.do(do="dump")["state"]
        differs = both.account_differs(summary, state)
        check("cash and positions equal the exchange's, and nothing rests", not differs, differs[:3])
        check("no spill file is left", os.listdir(self.spill) == [], os.listdir(self.spill))
        for session in range(1, sessions + 1):
            ords = sorted(o for t in EVENTS for (o,) in self.disk.q(f"select ord from {t} where source = 3 and session = {session}"))
            check(f"each market event of session {session} is there once, without a hole", ords == list(range(1, len(ords) + 1)), len(ords))
            turns = [t for (t,) in self.disk.q(f"select turn from turn where session = {session} order by turn")]
            check("and each turn", len(turns) > 10 and turns == list(range(1, len(turns) + 1)), len(turns))
        gaps = self.disk.q("select reason from gap where reason like 'store:%'")
        check("nothing is missing, so no gap row says so", gaps == [], gaps[:3])
        both.check_verify(self.disk.db)

    def check_replay(self, session, ends):
        wrong, summary = both.replayed.verify(binary, self.disk.db, session, ends)
        check(f"session {session} replays, bit for bit", not wrong and summary["verify"]["compared"]["turns"] > 10, wrong)
        print("        " + both.replayed.line(summary))


def trading(scenario):
    def run(folder):
        t = Trading(os.path.realpath(folder))
        try:
            t.start()
            t.trade_until_it_hangs()
            scenario(t)
        finally:
            t.end()
    return run


def stop(t):
    """SIGTERM while the disk hangs; the disk comes back after that."""
    t.run.send_signal(signal.SIGTERM)
    code = ended("SIGTERM ends a run whose database hangs", t.run)
    s = t.summary()
    check("with exit status 0: no row is lost", code == 0 and s["store"]["lost"] == 0 and s["outcome"] == "done: SIGTERM", (code, s["outcome"], s["store"]))
    left = s["store"]["spill"]["left"]
    check("its summary says how many rows wait for the next start", left > 0, s["store"])
    check("its orders are cancelled", not [o for o in t.sim.do(do="dump")["state"]["orders"] if o["status"] == "resting"])
    with open(t.p("run.log")) as log:
        told = [line for line in log if "commit failed" in line]
    check("and the log says so without a line for each try", len(told) < 20, len(told))
    again = t.next_start()["store"]["recovered"]
    # What was under way when the disk hung may have been written after all.
    check("the next start puts them into the database", again["files"] == 1 and 0 < again["rows"] <= left and again["missing"] == again["kept"] == 0,
          (again, left))
    outcome = t.disk.q("select outcome, lost from session where id = 1")
    check("and the session ended as its run said", outcome == [("done: SIGTERM", 0)], outcome)
    t.check_whole(2)
    t.check_replay(1, ("complete",))
    t.check_replay(2, ("complete",))


def kill(t):
    t.run.kill()
    t.run.wait()
    t.disk.work()
    env = both.environment(os.path.dirname(t.disk.db))
    listed = subprocess.run([binary, "spill", "--json", "--folder", t.spill, "--store", t.disk.db], capture_output=True, text=True, env=env)
    waiting = [json.loads(line) for line in listed.stdout.splitlines()]
    check("`spill` lists the killed run's file", [w["state"] for w in waiting] == ["waits"] and waiting[0]["rows"] > 0, (waiting, listed.stderr))
    again = t.next_start()["store"]["recovered"]
    check("the next start puts its rows into the database", again["files"] == 1 and 0 < again["rows"] <= waiting[0]["rows"] and
          again["missing"] == again["kept"] == 0, (again, waiting))
    outcome = t.disk.q("select outcome from session where id = 1")
    check("and closes the session as broken", outcome == [(f"broken: {again['rows']} rows came from its spill file",)], outcome)
    t.check_whole(2)
    t.check_replay(1, ("complete", "broken"))
    t.check_replay(2, ("complete",))


def go_on(t):
    """The disk comes back, and the run has not ended."""
    turns = t.disk.q("select count(*) from turn")[0][0]
    t.disk.work()
    wait_for("the database takes rows again", lambda: t.count("select count(*) from turn") > turns)
    t.run.send_signal(signal.SIGTERM)
    code = ended("SIGTERM ends it", t.run)
    s = t.summary()["store"]
    check("it ends with exit status 0, and all that waited is in the database", code == 0 and s["lost"] == 0 and s["spill"]["left"] == 0 and
          s["spill"]["drained"] > 0, (code, s))
    rows = t.disk.q("select outcome, rows, lost from session")
    check("its session row says the same", rows == [("done: SIGTERM", s["rows"], 0)], (rows, s))
    t.check_whole(1)
    t.check_replay(1, ("complete",))


def text_of(path):
    with open(path) as f:
        return f.read()


def start(folder):
    """The disk hangs already when something begins: it says so, and a signal ends it."""
    t = Trading(os.path.realpath(folder))
    try:
        for _ in range(2):  # the database is made; it is there
            t.disk.hang()
            open(t.p("run.log"), "w").close()
            t.start()
            t.disk.wait_until_hung()
            said = f"waiting for the database {t.disk.db}"
            wait_for("a start says what it waits for", lambda: t.lives() and said in text_of(t.p("run.log")))
            t.run.send_signal(signal.SIGTERM)
            code = ended("SIGTERM ends a start whose database hangs", t.run)
            log = text_of(t.p("run.log"))
            check("with exit status 6, and it names the database", code == 6 and f"interrupted: the database {t.disk.db} has not answered" in log,
                  (code, log[-400:]))
            check("no order was sent", len(t.sim.do(do="dump")["state"]["orders"]) == 0)
            t.disk.work()
            im = subprocess.run([binary, "import", "-", "--store", t.disk.db], input=b"", capture_output=True, timeout=PATIENCE, env=both.environment(folder))
            check("afterwards the database is as good as before", im.returncode == 0, im.stderr)
        t.disk.hang()
        importing = subprocess.Popen([binary, "import", "-", "--store", t.disk.db], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=t.disk.env)
        t.disk.wait_until_hung()
        importing.send_signal(signal.SIGINT)
        code = ended("a signal ends an import that waits for its database", importing)
        check("with exit status 6", code == 6 and b"has not answered" in importing.stderr.read(), code)
        os.remove(t.disk.seen_path)
        t.start()
        t.disk.wait_until_hung()
        t.disk.work()
        wait_for("a start whose disk comes back goes on", lambda: t.count("select count(*) from fill") > 0)
        t.run.send_signal(signal.SIGTERM)
        check("and ends as any other", ended("SIGTERM ends it", t.run) == 0, t.run.returncode)
    finally:
        t.end()


scenarios = {"start": start, "import": imports, "stop": trading(stop), "kill": trading(kill), "go_on": trading(go_on)}

if __name__ == "__main__":
    if library == "none":
        print("skipped: a library cannot be preloaded under a sanitizer's runtime; the unit tests of the store do these steps in one process")
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="deltaflow-hang-") as where:
        scenarios[both.scenario](where)
    print(f"{both.passed} passed, {both.failed} failed")
    sys.exit(1 if both.failed else 0)
