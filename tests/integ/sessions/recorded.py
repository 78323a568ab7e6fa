"""recorded.py - one session of `deltaflow run` against `deltaflow sim`, with trading, a market that pays, and money from outside.
Recorded once for all tests of a process; each works on a copy."""
import json
import os
import signal
import subprocess
import tempfile
import time

from common import BINARY

folder = None


def database():
    global folder
    if folder is None:
        folder = tempfile.TemporaryDirectory(prefix="deltaflow-")
        record(folder.name)
    return os.path.join(folder.name, "run.db")


def record(where):
    p = lambda name: os.path.join(where, name)
    env = dict(os.environ, HOME=where, XDG_CONFIG_HOME=p("config"), XDG_STATE_HOME=p("state"), XDG_DATA_HOME=p("data"))
    slow = max(1.0, float(os.environ.get("TEST_SLOW", "1")))
    market = "KXSIM1-S21-M01"
    at = lambda s, **action: {"at": f"{s * slow:g}s", **action}
    with open(p("scenario.json"), "w") as f:
        json.dump({"actions": [at(3, do="close", market=market), at(3.1, do="determine", market=market, result="yes"),
                               at(3.2, do="settle", market=market), at(3.5, do="deposit", user="user1", amount="25.50")]}, f)
    with open(p("log"), "w") as log:
        sim = subprocess.Popen([BINARY, "sim", "--ready-file", p("ready"), "--state-dir", p("sim"), "--markets", "4", "--seed", "21", "--rate", "500",
                                "--tier", "premier", "--pause-after", str(int(6 * slow)), "--scenario", p("scenario.json")], stdout=log, stderr=log, env=env)
        end = time.time() + 60
        while not os.path.exists(p("ready")) and sim.poll() is None and time.time() < end:
            time.sleep(0.02)
        run = subprocess.run([BINARY, "run", "--exchange", p("ready"), "--store-path", p("run.db"), "--orders-journal", p("journal"), "--policy-kind", "random",
                              "--policy-seed", "6", "--orders-allow-short", "--orders-sweep-s", "1", "--run-duration-s", str(int(10 * slow))],
                             stdout=log, stderr=log, env=env, timeout=200)
        sim.send_signal(signal.SIGTERM)
        sim.wait(60)
    with open(p("log")) as f:
        assert run.returncode == 0, f.read()[-3000:]
