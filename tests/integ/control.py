#!/usr/bin/env python3
"""control.py DELTAFLOW SCENARIO - stopping means stopping: halt, resume, flatten, SIGUSR1, and the guard, with the real
binaries over loopback. What is claimed is looked at on the exchange's side too, with a second key of the same user."""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

binary, scenario = sys.argv[1:3]
slow = max(1.0, float(os.environ.get("TEST_SLOW", "1")))
LIMIT = 240 * slow  # seconds for what must happen at last; only a failure takes so long
BEAT_S = int(4 * slow)  # how long a living run may seem dead: longer than a busy machine lets it wait
root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(root, "tests"))
import schema
import sim_admin

passed = failed = 0


def check(claim, ok, detail=""):
    global passed, failed
    passed += bool(ok)
    failed += not ok
    print(("ok      " if ok else "FAILED  ") + claim + ("" if ok else f": {detail}"), flush=True)
    return ok


class Pipe:
    """A TCP way to the exchange that can be cut off without a word, as a dead network is."""

    def __init__(self, port):
        self.target = port
        self.dead = False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            here, _ = self.listener.accept()
            if self.dead:
                continue  # the handshake was the kernel's; nothing is ever answered
            there = socket.create_connection(("127.0.0.1", self.target))
            for a, b in ((here, there), (there, here)):
                threading.Thread(target=self.copy, args=(a, b), daemon=True).start()

    def copy(self, a, b):
        try:
            while True:
                data = a.recv(65536)
                if not data:
                    break
                while self.dead:
                    time.sleep(0.1)
                b.sendall(data)
        except OSError:
            pass
        if not self.dead:
            a.close()
            b.close()


class Live:
    def __init__(self, folder, sim_args=(), pipe=False):
        self.folder = folder
        self.env = dict(os.environ, HOME=folder, XDG_STATE_HOME=os.path.join(folder, "state"),
                        XDG_CONFIG_HOME=os.path.join(folder, "config"), XDG_DATA_HOME=os.path.join(folder, "data"))
        self.ready = os.path.join(folder, "ready.json")
        self.sim_log = open(os.path.join(folder, "sim.log"), "w")
        self.sim = subprocess.Popen(
            [binary, "sim", "--ready-file", self.ready, "--markets", "4", "--seed", "11", "--rate", "400", "--tier", "premier",
             "--no-wait-for-client", *sim_args], stderr=self.sim_log, stdout=self.sim_log, env=self.env)
        self.wait(lambda: os.path.exists(self.ready), "the simulator listens")
        self.run_ready = self.ready
        if pipe:
            j = json.load(open(self.ready))
            port = int(j["rest_url"].split(":")[2].split("/")[0])
            self.pipe = Pipe(port)
            for key in ("rest_url", "ws_url"):
                j[key] = j[key].replace(f":{port}/", f":{self.pipe.port}/")
            self.run_ready = os.path.join(folder, "through_pipe.json")
            json.dump(j, open(self.run_ready, "w"))

    def wait(self, done, what):
        end = time.time() + LIMIT
        while time.time() < end:
            if done():
                return True
            time.sleep(0.05)
        return check(what, False, f"not within {LIMIT} s")

    def start(self, *args, name="run"):
        log = open(os.path.join(self.folder, name + ".log"), "a")
        p = subprocess.Popen(
            [binary, "run", "--exchange", self.run_ready, "--policy", "random", "--orders-pricing", "passive", "--actor-throttle-ms", "20",
             "--risk-duplicate-ms", "0", "--exchange-request-timeout-ms", "3000", *args], stderr=log, stdout=log, env=self.env)
        self.run = p
        return p

    def ask(self, *args, code=None):
        patience = ["--wait", str(int(LIMIT))] if args[0] in ("halt", "resume", "flatten") else []
        done = subprocess.run([binary, *args, *patience], env=self.env, capture_output=True, text=True, timeout=LIMIT)
        if code is not None:
            check(f"{' '.join(args[:2])} ends with {code}", done.returncode == code, done.stdout + done.stderr)
        return done

    def status(self):
        done = self.ask("status", "--json")
        return json.loads(done.stdout) if done.returncode == 0 else {}

    def trades(self, more=3):
        """Wait until orders rest and fills came; the number of orders sent."""
        before = self.status().get("orders", 0)
        ok = self.wait(lambda: (s := self.status()).get("orders", 0) >= before + more and s.get("open_orders", 0) > 0, "orders leave and rest")
        return ok

    def do(self, **action):
        """An action of the simulator. A command may take longer than a frozen run waits."""
        return sim_admin.ask(os.path.join(self.folder, "state/deltaflow/sim"), **action)

    def resting(self):
        """Orders that rest, as the exchange says."""
        dump = self.do(do="dump")["state"]
        return [o for o in dump["orders"] if o["status"] == "resting"], dump

    def freeze(self):
        """Stop the run's threads while orders of it rest. The policy may have cancelled all of them just then: it is let go again, long
        before a guard could mind."""
        def frozen():
            self.run.send_signal(signal.SIGSTOP)
            if self.resting()[0]:
                return True
            self.run.send_signal(signal.SIGCONT)
            return False
        self.wait(frozen, "orders rest when the run freezes")

    def stop(self, p=None, sig=signal.SIGTERM):
        p = p or self.run
        if p.poll() is None:
            p.send_signal(sig)
        try:
            return p.wait(LIMIT)
        except subprocess.TimeoutExpired:
            p.kill()
            return None

    def end(self):
        for p in (getattr(self, "guard", None), getattr(self, "run", None), self.sim):
            if p is not None and p.poll() is None:
                p.send_signal(signal.SIGCONT)
                p.terminate()
                try:
                    p.wait(LIMIT)
                except subprocess.TimeoutExpired:
                    p.kill()


def halt(live):
    """A halt cancels, is stored, and only a person lets it go."""
    live.start()
    live.trades()
    schema_errors = list(schema.errors(live.status(), s := json.load(open(os.path.join(root, "docs/schemas/run-control.json"))), s))
    check("status is what its schema says", not schema_errors, schema_errors[:3])
    done = live.ask("halt", "--reason", "lunch", "--json", code=0)
    reply = json.loads(done.stdout)
    check("it is halted, with its reason, and nothing rests", reply["state"] == "halted" and reply["reason"] == "lunch" and
          reply["open_orders"] == 0, reply)
    check("nothing rests at the exchange either", live.resting()[0] == [])
    sent = live.status()["orders"]
    time.sleep(1.5)
    check("no order leaves while it is halted", live.status()["orders"] == sent)
    live.ask("resume", code=0)
    live.trades()
    live.run.send_signal(signal.SIGUSR1)
    live.wait(lambda: live.status().get("state") == "halted", "SIGUSR1 halts")
    check("SIGUSR1 is the reason", live.status()["reason"] == "SIGUSR1")
    live.wait(lambda: live.resting()[0] == [], "and cancels what rests")
    check("a run that is halted at its end ends with 7 or 0", live.stop() in (0, 7))
    p = live.start()
    check("the halt survives the restart: exit 7", p.wait(LIMIT) == 7)
    live.env["DELTAFLOW_ORDERS_RELEASE_HALT"] = "true"
    check("it is not let go for every start to come: exit 5", live.start().wait(LIMIT) == 5)
    del live.env["DELTAFLOW_ORDERS_RELEASE_HALT"]
    live.ask("resume", code=0)
    live.start()

    def kept():
        """The policy may just have cancelled everything itself, or somebody fills it: then it goes on, and is halted again."""
        live.trades()
        live.ask("halt", "--keep", code=0)
        before = {o["order_id"] for o in live.resting()[0]}
        time.sleep(0.5)
        left = before & {o["order_id"] for o in live.resting()[0]}
        if not left:
            live.ask("resume", code=0)
        return left
    check("--keep leaves what rests", live.wait(kept, "orders rest at a halt that keeps them"))
    live.stop()
    live.ask("halt", code=0)
    live.ask("status", code=6)
    live.ask("flatten", code=6)
    live.ask("halt", "--lunch", code=2)
    live.ask("resume", "--keep", code=2)


def flatten(live):
    """Flatten ends with no orders and no positions, on both sides."""
    live.start("--orders-pricing", "aggressive", "--orders-allow-short")
    live.wait(lambda: live.status().get("positions", 0) > 1, "positions are held")
    done = live.ask("flatten", "--json", code=0)
    reply = json.loads(done.stdout)
    check("it is halted and flat", reply["state"] == "halted" and reply["positions"] == 0 and reply["open_orders"] == 0, reply)
    orders, dump = live.resting()
    check("nothing rests at the exchange", orders == [])
    held = [p for p in dump["accounts"][0]["positions"] if float(p["position"]) != 0]
    check("nothing is held at the exchange", held == [], held)
    live.stop()


def token(live):
    """Without the token nothing is told, and the token is the owner's alone."""
    live.start()
    live.wait(lambda: live.status().get("state") == "ready", "the run is ready")
    path = os.path.join(live.folder, "state/deltaflow/run.sock")
    check("the socket and its token are the owner's alone",
          os.stat(path).st_mode & 0o77 == 0 and os.stat(path + ".token").st_mode & 0o77 == 0)

    def say(line):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(LIMIT)
        s.connect(path)
        s.sendall(line.encode() + b"\n")
        answer = s.makefile().readline()
        s.close()
        return json.loads(answer)
    check("no token, no halt", say('{"do":"halt"}')["ok"] is False)
    check("a wrong token, no halt", say('{"token":"' + "0" * 64 + '","do":"halt"}')["ok"] is False)
    check("no JSON, an error", say("halt!")["ok"] is False)
    good = open(path + ".token").read().strip()
    check("an unknown action, an error", say(json.dumps({"token": good, "do": "explode"}))["ok"] is False)
    check("a wrong type, an error", say(json.dumps({"token": good, "do": "halt", "keep": 1}))["ok"] is False)
    check("the run is as it was", live.status()["state"] == "ready")
    os.chmod(path + ".token", 0o644)
    live.ask("halt", code=5)
    os.chmod(path + ".token", 0o600)
    live.stop()


def start_guard(live, *args):
    log = open(os.path.join(live.folder, "guard.log"), "w")
    live.guard = subprocess.Popen([binary, "guard", "--exchange", live.ready, "--guard-beat-s", str(BEAT_S), "--guard-exchange-s", str(2 * BEAT_S), *args],
                                  stderr=log, stdout=log, env=live.env)
    live.wait(lambda: re.search("a run is there pid=.* groups=[1-9]", open(log.name).read()), "the guard sees the run and its order groups")
    time.sleep(1)


def guard_frozen(live):
    """The run is frozen: the guard takes its orders off, and the run places none when it is back."""
    live.start()
    live.trades()
    start_guard(live)
    check("the guard leaves a run alone that is well", live.guard.poll() is None)
    live.freeze()
    frozen = time.time()
    # The last order may be filled, or just have been cancelled, before the guard acts: wait for both.
    live.wait(lambda: live.resting()[0] == [] and "guard: done:" in open(os.path.join(live.folder, "guard.log")).read(),
              "nothing rests at the exchange after the run froze")
    print(f"        taken off {time.time() - frozen:.1f} s after SIGSTOP")
    live.run.send_signal(signal.SIGCONT)
    live.wait(lambda: live.status().get("state") == "halted", "the run halts by itself when it is back")
    check("it says why", live.status().get("reason") in ("order group triggered", "repeated unknown outcomes"), live.status())
    check("nothing rests", live.resting()[0] == [])
    live.ask("resume", code=0)
    live.trades()
    check("a stop that is orderly is no reason for the guard", live.stop() == 0)
    time.sleep(3)
    log = open(os.path.join(live.folder, "guard.log")).read()
    check("the guard acted once", log.count("acting:") == 1, log)


def guard_network(live):
    """The run's network is gone: its threads turn, but the exchange is not heard."""
    live.start("--feed-data-timeout-ms", "60000")
    live.trades()
    start_guard(live, "--guard-once")
    live.pipe.dead = True
    check("the guard acts and ends with 7", live.guard.wait(LIMIT) == 7)
    check("nothing rests at the exchange", live.resting()[0] == [])
    log = open(os.path.join(live.folder, "guard.log")).read()
    check("it says that the exchange was not heard", "has not heard the exchange" in log, log)


def guard_killed(live):
    """kill -9: nothing says goodbye."""
    live.start()
    live.trades()
    start_guard(live, "--guard-once")
    core = [line.split()[4] for line in open(f"/proc/{live.run.pid}/limits") if line.startswith("Max core file size")]
    check("a crash leaves no core file with the key in it", core == ["0"], core)
    live.run.kill()
    check("the guard acts and ends with 7", live.guard.wait(LIMIT) == 7)
    check("nothing rests at the exchange", live.resting()[0] == [])
    bad = subprocess.run([binary, "guard", "--exchange", live.ready, "--guard-key-id", "00000000-0000-4000-8000-000000000000",
                          "--guard-key-file", json.load(open(live.ready))["key_file"]], env=live.env, capture_output=True, text=True, timeout=LIMIT)
    check("a guard whose key is refused does not start: exit 5", bad.returncode == 5, bad.stderr)


def guard_back(live):
    """The run is back before the guard, whose own network is gone, could act: it is left alone."""
    live.start()
    live.trades()
    nowhere = json.load(open(live.ready))
    nowhere["rest_url"] = nowhere["rest_url"].replace(re.search(r":(\d+)", nowhere["rest_url"]).group(1), "9")
    path = os.path.join(live.folder, "nowhere.json")
    with open(path, "w") as f:
        json.dump(nowhere, f)
    log = open(os.path.join(live.folder, "guard.log"), "w")
    live.guard = subprocess.Popen([binary, "guard", "--exchange", path, "--guard-beat-s", str(BEAT_S)], stderr=log, stdout=log, env=live.env)

    def said(words):
        return words in open(os.path.join(live.folder, "guard.log")).read()
    live.wait(lambda: said("a run is there"), "the guard sees the run")
    live.run.send_signal(signal.SIGSTOP)
    live.wait(lambda: said("not done yet"), "the guard tries, and cannot")
    live.run.send_signal(signal.SIGCONT)
    live.wait(lambda: said("the run is back before all was done"), "it lets go when the run is back")
    tries = open(os.path.join(live.folder, "guard.log")).read().count("not done yet")
    time.sleep(3)
    check("and tries no more", open(os.path.join(live.folder, "guard.log")).read().count("not done yet") == tries)
    check("the guard goes on watching", live.guard.poll() is None)
    live.run.send_signal(signal.SIGSTOP)
    live.wait(lambda: open(os.path.join(live.folder, "guard.log")).read().count("acting:") == 2, "the next time it acts again")
    live.run.send_signal(signal.SIGCONT)


def power(live):
    """The machine loses power: what the journal had not on its medium is gone. The next run knows its orders all the same."""
    live.start()
    live.trades()
    live.freeze()
    live.run.kill()
    live.run.wait()
    live.do(do="stop_flow")  # else somebody may fill what rests before the next run looks
    path = os.path.join(live.folder, "state/deltaflow/orders.journal")
    session, rest = 8192 + 256, os.path.getsize(path)
    with open(path, "r+b") as f:  # only what was synced before the first order left: its session
        f.seek(session)
        f.write(bytes(rest - session))
    rests = {o["order_id"] for o in live.resting()[0]}
    check("orders of the run that is gone rest", len(rests) > 0)
    live.start("--summary-json", os.path.join(live.folder, "summary.json"))
    live.wait(lambda: live.status().get("ready"), "the next run is ready")
    live.ask("halt", code=0)
    check("a halt cancels them", live.resting()[0] == [] and live.status()["open_orders"] == 0, live.status())
    check("a halt is on the medium when it is answered", live.status()["journal_unsynced"] == 0, live.status())
    check("it ends", live.stop() in (0, 7))
    detail = json.load(open(os.path.join(live.folder, "summary.json")))["order_detail"]
    check("the summary counts them as its own", detail["rediscovered"] == len(rests), detail)


with tempfile.TemporaryDirectory(prefix="df-") as folder:
    live = Live(folder, pipe=scenario == "guard_network")
    try:
        {f.__name__: f for f in (halt, flatten, token, guard_frozen, guard_network, guard_killed, guard_back, power)}[scenario](live)
    finally:
        live.end()
        if failed:
            for name in ("run.log", "guard.log"):
                p = os.path.join(folder, name)
                if os.path.exists(p):
                    print(f"--- {name}\n" + "".join(open(p).readlines()[-25:]))
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
