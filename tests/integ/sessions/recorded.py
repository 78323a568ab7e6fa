"""recorded.py - one session of `deltaflow run` against `deltaflow sim`, with trading, a market that pays, and money from outside.
Recorded once for all tests of a process; each works on a copy."""
import os
import signal
import subprocess
import sys
import tempfile
import time
from decimal import Decimal

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import both
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
    market, db = "KXSIM1-S21-M01", p("run.db")
    sim = both.Sim(where, "--markets", "4", "--seed", "21", "--rate", "500", "--tier", "premier")
    run = None
    try:
        with open(p("log"), "w") as log:
            run = subprocess.Popen([BINARY, "run", "--exchange", sim.ready, "--store-path", db, "--orders-journal", p("journal"), "--policy-kind", "random",
                                    "--policy-seed", "6", "--orders-allow-short", "--orders-sweep-s", "1"], stdout=log, stderr=log, env=both.environment(where))
        both.until(lambda: sim.orders() > 0, "it trades", run)
        began = time.time()
        # More than one order can give away before the market is closed.
        held = lambda: next((abs(Decimal(q["position"])) for q in sim.now()["accounts"][0]["positions"] if q["market"] == market), 0)
        both.until(lambda: time.time() > began + 3 and held() > 20, "something is held in the market that pays", run)
        sim.do_all(dict(do="close", market=market), dict(do="determine", market=market, result="yes"), dict(do="settle", market=market))
        agreed = "select count(*) from reconciliations where kind = 'cash' and reason = 'agrees'"
        both.until(lambda: both.count(db, "select count(*) from settlement") == 1, "it is paid", run)
        before = both.count(db, agreed)
        both.until(lambda: both.count(db, agreed) > before, "the balance is read with it", run)
        sim.do(do="deposit", user="user1", amount="25.50")
        sim.stop_flow(db, run)
        both.until(lambda: both.count(db, "select count(*) from reconciliations where adopted <> 0 and kind = 'cash'"), "the deposit is adopted", run)
        run.send_signal(signal.SIGTERM)
        code = run.wait(both.LIMIT)
    finally:
        if run is not None and run.poll() is None:
            run.kill()
        sim.stop()
    with open(p("log")) as f:
        assert code == 0 and not both.failed, f.read()[-3000:]
