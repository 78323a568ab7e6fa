"""program_walks.py - the commands of `deltaflow`."""
import collections
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from decimal import Decimal

from store_walks import Store
from walk import Walk, deltaflow, environment, root, store_program

sys.path.insert(0, os.path.join(root, "tests"))
import sim_admin

amount = lambda v: Decimal(v).quantize(Decimal("0.000001"))


class Sim:
    """`deltaflow sim` without faults, in a folder."""

    def __init__(self, folder, *args):
        self.ready, self.state = os.path.join(folder, "ready.json"), os.path.join(folder, "sim")
        self.log = open(os.path.join(folder, "sim.log"), "w")
        self.process = subprocess.Popen([deltaflow, "sim", "--ready-file", self.ready, "--state-dir", self.state, *args],
                                        stdout=self.log, stderr=self.log, env=environment(folder))
        end = time.time() + 240
        while not os.path.exists(self.ready):
            if self.process.poll() is not None or time.time() > end:
                self.process.kill()
                sys.exit("the simulator does not get ready: " + open(self.log.name).read())
            time.sleep(0.02)

    def do(self, **action):
        return sim_admin.ask(self.state, **action)

    def stop(self):
        self.process.kill()
        self.process.wait()


def account_differs(summary, dump):
    """Texts for all that the account of a run and the exchange's do not agree on, when nothing may be open any more."""
    ours, theirs = summary["account"], dump["accounts"][0]
    wrong = [f"{o['client_order_id']} rests" for o in dump["orders"] if o["status"] == "resting"]
    if amount(ours["cash_total"]) != amount(theirs["cash"]):
        wrong.append(f"cash {ours['cash_total']}, at the exchange {theirs['cash']}")
    if amount(ours["cash_reserved"]) != 0:
        wrong.append(f"reserved {ours['cash_reserved']}")
    a = {p["market"]: (Decimal(p["position"]), amount(p["cost"])) for p in ours["positions"]}
    b = {p["market"]: (Decimal(p["position"]), amount(p["cost"])) for p in theirs["positions"] if Decimal(p["position"]) != 0}
    if a != b:
        wrong.append(f"positions {a}, at the exchange {b}")
    if summary["order_detail"]["open"] != 0:
        wrong.append(f"open orders: {summary['order_detail']['open']}")
    clients = [o["client_order_id"] for o in dump["orders"]]
    if len(set(clients)) != len(clients):
        wrong.append("an order is doubled")
    return wrong


RUN_INI = """[exchange]
file = {folder}/exchange.json
request_timeout_ms = 1000
[feed]
markets_file = {folder}/markets.txt
[policy]
kind = ppo
model = {folder}/model.zip
sample = true
[actor]
throttle_ms = 20
[store]
path = {folder}/run.db
[orders]
journal = {folder}/journal
pricing = mid
clock_window_ms = 1000
count = 1.00
[risk]
unknown_halt = 0
max_gross_usd = 100000
max_position_count = 100000
[run]
summary_json = {folder}/summary.json
"""


class Run(Walk):
    """`run` against a simulator: options, key, model, database, journal, connections, some trading, an orderly stop."""
    kinds = ("memory", "memory gone", "sqlite", "EIO", "EIO for good", "ENOSPC for good", "EINTR", "short")
    codes = (0, 1, 4, 5, 6, 7)
    bounded = 5
    limit = 240

    def __init__(self):
        self.sims = []
        self.slowest = None  # seconds until both connections stood; the first run is one without a fault
        self.given_up = collections.defaultdict(set)  # orders whose rows a run said it lost

    def worker(self, folder):
        self.sims.append((folder, Sim(folder, "--markets", "3", "--rate", "100", "--seed", "4", "--tier", "prime", "--balance", "1000000",
                                      "--no-wait-for-client")))
        ready = json.load(open(os.path.join(folder, "ready.json")))
        with open(os.path.join(folder, "markets.txt"), "w") as f:
            f.write("# followed\n" + "\n".join(ready.pop("markets")) + "\n")
        with open(os.path.join(folder, "exchange.json"), "w") as f:
            json.dump({**ready, "markets": []}, f)
        shutil.copyfile(os.path.join(root, "tests/data/models/agent.zip"), os.path.join(folder, "model.zip"))
        with open(os.path.join(folder, "run.ini"), "w") as f:
            f.write(RUN_INI.format(folder=folder))

    def sim(self, folder):
        return next(s for f, s in self.sims if f == folder)

    def end(self):
        for _, sim in self.sims:
            sim.stop()

    def command(self, folder):
        return [deltaflow, "run", "--config", os.path.join(folder, "run.ini")]

    def stop(self, folder):
        """Half a second after both connections stand; with a fault they may never, which is waited for as this machine needs."""
        began = time.time()
        seen = None
        most = 4 + 4 * self.slowest if self.slowest is not None else self.limit

        def done(process):
            nonlocal seen
            with open(os.path.join(folder, "stderr"), errors="replace") as f:
                text = f.read()
            if seen is None and "feed: connected" in text and "fills: connected" in text:
                seen = time.time()
                self.slowest = max(self.slowest or 0, seen - began)
            return time.time() - (seen or began) > (0.5 if seen else most)

        return done

    def config(self, folder, back):
        """Of the last session but so many, without what differs in any case."""
        con = sqlite3.connect(os.path.join(folder, "run.db"))
        (text,) = con.execute("select config from session order by id desc limit 1 offset ?", (back,)).fetchone()
        con.close()
        try:
            options = json.loads(text)
        except ValueError:
            return text
        return {(s, k): v for s, o in options["options"].items() for k, v in o.items() if k not in ("duration_s", "release_halt")}

    def ready(self, folder):
        asked = subprocess.run([deltaflow, "status", "--json"], capture_output=True, text=True, env=environment(folder), timeout=240)
        return asked.returncode == 0 and json.loads(asked.stdout)["ready"]

    def next_start(self, folder, log):
        """Until it has read its account, and half a second more. Its exit status; None: it hung."""
        process = subprocess.Popen([*self.command(folder), "--orders-release-halt"], stdout=log, stderr=log, env=environment(folder))
        end = time.time() + 240
        while process.poll() is None and not self.ready(folder) and time.time() < end:
            time.sleep(0.1)
        time.sleep(0.5)
        process.send_signal(15)
        try:
            return process.wait(240)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return None

    def after(self, folder, r):
        """The next start: it finds its files in order, settles what was open, and agrees with the exchange to the last millionth."""
        summary_path = os.path.join(folder, "summary.json")
        if os.path.exists(summary_path):
            os.unlink(summary_path)
        with open(os.path.join(folder, "next.log"), "w") as log:
            code = self.next_start(folder, log)
        said = open(os.path.join(folder, "next.log")).read()
        if code != 0:
            return [f"the next start ends with {code}: {said[-500:]}"]
        dump = self.sim(folder).do(do="dump")["state"]
        wrong = account_differs(json.load(open(summary_path)), dump)
        with sqlite3.connect(os.path.join(folder, "run.db")) as con:
            state = con.execute("pragma quick_check").fetchall()
            if state != [("ok",)]:
                wrong.append(f"quick_check: {state[:3]}")
            running = con.execute("select id from session where outcome is null").fetchall()
            if running:
                wrong.append(f"sessions are not closed: {running}")
            known = {o for (o,) in con.execute("select distinct client_id from order_step")}
        con.close()
        never = [o["client_order_id"] for o in dump["orders"] if o["client_order_id"] not in known | self.given_up[folder]]
        if r.code == 1 and "rows lost=" in r.err:
            self.given_up[folder].update(never)  # it said so
        elif never:
            wrong.append(f"orders of the exchange that no session knows: {never[:3]}")
        if r.code == 0 and "feed: connected" in r.err and "  markets    3 followed" not in r.out:
            wrong.append("it went on without all its markets: " + r.out[:80])
        if r.code == 0 and self.config(folder, 1) != self.config(folder, 0):
            wrong.append("it went on with other options")
        if wrong:  # so that the next point begins with one that is well
            self.given_up[folder].update(o["client_order_id"] for o in dump["orders"])
            for name in ("run.db", "run.db-wal", "run.db-shm", "journal"):
                if os.path.exists(os.path.join(folder, name)):
                    os.unlink(os.path.join(folder, name))
            wrong.append(said[-300:])
        return wrong


class SimState(Walk):
    """`sim` with a state file: start, money that comes to an account over the admin socket, an orderly stop."""
    kinds = ("memory", "memory gone", "sqlite", "EIO", "EIO for good", "ENOSPC for good", "EINTR", "short")
    codes = (0, 1, 4, 5, 6)
    bounded = 5
    limit = 240
    keeps = True

    def __init__(self):
        self.cash = {}  # of the account, as far as it was told; None: an answer did not come
        self.running = {}

    def prepare(self, folder, fresh):
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            if name == "ready.json" or not self.keeps:
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)

    def command(self, folder):
        p = lambda name: os.path.join(folder, name)
        return [deltaflow, "sim", "--ready-file", p("ready.json"), "--state-dir", p("sim"), "--state", p("sim.db"), "--dump", p("dump.json"),
                "--markets", "2", "--rate", "50", "--no-wait-for-client"]

    def stop(self, folder):
        began = time.time()

        def done(process):
            if not os.path.exists(os.path.join(folder, "ready.json")):
                return time.time() - began > 60
            self.deposit(folder)
            return True

        return done

    def deposit(self, folder):
        before = self.cash.get(folder)
        try:
            reply = sim_admin.ask(f"{folder}/sim", do="deposit", user="user1", amount="1.00")
        except (OSError, ValueError):
            reply = {}
        if reply.get("ok"):
            self.cash[folder] = None if before is None else before + 1
        elif "error" not in reply or "may have been done" in reply["error"]:
            self.cash[folder] = None

    def after(self, folder, r):
        ready = os.path.join(folder, "ready.json")
        if os.path.exists(ready):
            os.unlink(ready)
        log_path = os.path.join(folder, "next.log")
        with open(log_path, "w") as log:
            process = subprocess.Popen(self.command(folder), stdout=log, stderr=log, env=environment(folder))
            end = time.time() + 240
            while process.poll() is None and not os.path.exists(ready) and time.time() < end:
                time.sleep(0.01)
            process.send_signal(15)
            try:
                code = process.wait(240)
            except subprocess.TimeoutExpired:
                process.kill()
                code = None
        wrong = []
        if code != 0:
            wrong.append(f"the next start ends with {code}: {open(log_path).read()[-400:]}")
            shutil.rmtree(os.path.join(folder, "sim"), ignore_errors=True)
            for name in os.listdir(folder):
                if name.startswith("sim.db"):
                    os.unlink(os.path.join(folder, name))
            self.cash[folder] = None
            return wrong
        cash = Decimal(json.load(open(os.path.join(folder, "dump.json")))["accounts"][0]["cash"])
        told = self.cash.get(folder)
        if told is not None and cash != told:
            wrong.append(f"the account has {cash}, and {told} was told")
        self.cash[folder] = cash if self.keeps else Decimal(10000)
        con = sqlite3.connect(os.path.join(folder, "sim.db"))
        state = con.execute("pragma integrity_check").fetchall()
        con.close()
        if state != [("ok",)]:
            wrong.append(f"integrity_check: {state[:3]}")
        return wrong


class SimFirst(SimState):
    """The first start: folder, CA, certificate, keys and state file are made."""
    keeps = False


class Command(Walk):
    """A command that reads files and writes to stdout: what it says is whole, or it says that it failed."""

    def __init__(self):
        self.whole = None

    def after(self, folder, r):
        said = re.sub(r'"(load_)?seconds":[0-9.]+|' + re.escape(os.path.dirname(folder)) + r"/\d+", "", r.out)
        if self.whole is None and not r.failed:
            self.whole = said
        if r.code == 0 and said != self.whole:
            return [f"status 0 with another output: {r.out[:200]}"]
        return []


def copied(source, name):
    """A worker that copies a file of the repository."""
    return lambda self, folder: shutil.copyfile(os.path.join(root, source), os.path.join(folder, name))


class Books(Command):
    worker = copied("tests/fuzz/corpus/capture/wrapped", "capture.jsonl")

    def command(self, folder):
        return [deltaflow, "books", "--json", "--no-seq-check", os.path.join(folder, "capture.jsonl")]


class Observe(Command):
    worker = copied("tests/fuzz/corpus/observe/session.json", "observe.json")

    def command(self, folder):
        return [deltaflow, "observe", os.path.join(folder, "observe.json")]


class Policy(Command):
    worker = copied("tests/data/models/agent.zip", "agent.zip")

    def command(self, folder):
        return [deltaflow, "policy", "--json", os.path.join(folder, "agent.zip")]


class Import(Walk):
    """`import` of a recording into a new database."""
    worker = copied("tests/fuzz/corpus/capture/wrapped", "capture.jsonl")
    kinds = Store.kinds

    def prepare(self, folder, fresh):
        for name in os.listdir(folder):
            if name.startswith("i.db"):
                os.unlink(os.path.join(folder, name))

    def command(self, folder):
        return [deltaflow, "import", "--store", os.path.join(folder, "i.db"), "--json", os.path.join(folder, "capture.jsonl")]

    def after(self, folder, r):
        """What it says of itself is in the database, and the next one works."""
        path = os.path.join(folder, "i.db")
        again = subprocess.run(self.command(folder), capture_output=True, text=True, env=environment(folder), timeout=240)
        if again.returncode != 0:
            return [f"the next start: {again.stderr.strip()}"]
        wrong = []
        con = sqlite3.connect(path)
        state = con.execute("pragma integrity_check").fetchall()
        if state != [("ok",)]:
            wrong.append(f"integrity_check: {state[:3]}")
        if r.code == 0:
            said, should = json.loads(r.out), json.loads(again.stdout)
            same = {k: v for k, v in said.items() if k != "session"} == {k: v for k, v in should.items() if k != "session"}
            deltas = con.execute("select count(*) from delta where session = ?", (said["session"],)).fetchone()[0]
            if not same or deltas != said["deltas"]:
                wrong.append(f"status 0, but {said} with {deltas} deltas, should be {should}")
        if con.execute("select id from session where outcome is null").fetchall():
            wrong.append("a session is not closed")
        con.close()
        return wrong


class Recorded(Command):
    """A command that reads a recorded session."""
    kinds = Store.kinds
    words = ()

    def worker(self, folder):
        run = Run()
        run.worker(folder)
        for seconds in (1, 5, 25, 125):  # a slow machine may need them until it decides anything
            subprocess.run([*run.command(folder), "--run-duration-s", str(seconds)], capture_output=True, check=True, env=environment(folder))
            with sqlite3.connect(os.path.join(folder, "run.db")) as con:
                decisions = con.execute("select count(*) from decision where session = (select max(id) from session)").fetchone()[0]
            con.close()
            if decisions > 0:
                break
        run.end()

    def command(self, folder):
        return [deltaflow, *self.words, "--store", os.path.join(folder, "run.db"), "--json"]


class Single(Recorded):
    """All folders hold the same session."""

    def __init__(self):
        super().__init__()
        self.first, self.lock = None, threading.Lock()

    def worker(self, folder):
        with self.lock:
            if self.first is None:
                super().worker(folder)
                self.first = folder
                return
        for name in os.listdir(self.first):
            if name.startswith(("run.db", "model")):
                shutil.copyfile(os.path.join(self.first, name), os.path.join(folder, name))


class Verify(Single):
    words = ("verify", "last")


class Replay(Single):
    words = ("replay", "last", "--verify")

    def command(self, folder):
        return [*super().command(folder), "--model", os.path.join(folder, "model.zip")]


class Sessions(Single):
    words = ("sessions",)


class Show(Single):
    words = ("show", "last")


class Export(Single):
    """A file appears only when it is complete."""
    words = ("export", "last", "--what", "decisions", "--format", "csv")

    def prepare(self, folder, fresh):
        for name in os.listdir(folder):
            if name.startswith("out.csv"):
                os.unlink(os.path.join(folder, name))

    def command(self, folder):
        return [deltaflow, *self.words, "--store", os.path.join(folder, "run.db"), "--output", os.path.join(folder, "out.csv")]

    def after(self, folder, r):
        path = os.path.join(folder, "out.csv")
        text = open(path).read() if os.path.exists(path) else None
        if self.whole is None and not r.failed:
            self.whole = text
        wrong = []
        if text is not None and text != self.whole:
            wrong.append(f"a file of {len(text)} characters instead of {len(self.whole)}")
        if r.code == 0 and text is None:
            wrong.append("status 0 without a file")
        left = [n for n in os.listdir(folder) if n.startswith("out.csv") and n != "out.csv"]
        if left and r.code is not None and r.failed == 1 and r.call != "unlink":  # else removing it fails, too
            wrong.append(f"left behind: {left}")
        return wrong


class Prune(Walk):
    """A session is whole or gone; the others stay."""
    kinds = Store.kinds

    def worker(self, folder):
        shutil.copyfile(os.path.join(root, "tests/fuzz/corpus/capture/wrapped"), os.path.join(folder, "capture.jsonl"))
        for _ in range(3):
            subprocess.run([deltaflow, "import", "--store", os.path.join(folder, "template.db"), os.path.join(folder, "capture.jsonl")],
                           check=True, capture_output=True, env=environment(folder))

    prepare = Store.prepare

    def command(self, folder):
        return [deltaflow, "prune", "--store", os.path.join(folder, "s.db"), "--keep", "1", "--yes", "--json"]

    def after(self, folder, r):
        path = os.path.join(folder, "s.db")
        wrong = []
        con = sqlite3.connect(path)
        state = con.execute("pragma integrity_check").fetchall()
        if state != [("ok",)]:
            wrong.append(f"integrity_check: {state[:3]}")
        there = [s for (s,) in con.execute("select id from session order by id")]
        rows = dict(con.execute("select session, count(*) from snapshot group by session"))
        con.close()
        if 3 not in there or (r.code == 0 and there != [3]):
            wrong.append(f"sessions left: {there}")
        if rows != {s: 1 for s in there}:
            wrong.append(f"rows left: {rows} of {there}")
        again = subprocess.run(self.command(folder), capture_output=True, text=True, env=environment(folder), timeout=240)
        if again.returncode != 0:
            wrong.append(f"the next one: {again.stderr}")
        return wrong


class Drain(Store):
    """`spill --drain` of what a run left whose database was held by another program."""
    program = deltaflow
    codes = (0, 1, 3, 4, 5, 6)

    def template_make(self, folder):
        kept = os.path.join(folder, "kept")
        os.makedirs(kept)
        subprocess.run([store_program, os.path.join(kept, "s.db"), "away"], capture_output=True, check=True)

    def prepare(self, folder, fresh):
        shutil.rmtree(os.path.join(folder, "now"), ignore_errors=True)
        shutil.copytree(os.path.join(folder, "kept"), os.path.join(folder, "now"))

    def command(self, folder):
        now = os.path.join(folder, "now")
        return [deltaflow, "spill", "--drain", "--store", os.path.join(now, "s.db"), "--folder", now]

    def after(self, folder, r):
        """The next start has every row, once."""
        now = os.path.join(folder, "now")
        wrong = []
        if r.code == 0 and any(n.endswith(".spill") for n in os.listdir(now)):
            wrong.append("status 0, and the file is still there")
        check = subprocess.run([store_program, os.path.join(now, "s.db"), "check"], capture_output=True, text=True, env=environment(folder),
                               timeout=240)
        first = check.stdout.split("\n")[0].split(" ", 4)
        if check.returncode != 0 or first[:2] != ["session", "1"] or int(first[2]) < 70 or first[3] != "0":
            wrong.append(f"the next start: {check.stderr.strip()} {check.stdout}")
        con = sqlite3.connect(os.path.join(now, "s.db"))
        state = con.execute("pragma integrity_check").fetchall()
        con.close()
        if state != [("ok",)]:
            wrong.append(f"integrity_check: {state[:3]}")
        return wrong
