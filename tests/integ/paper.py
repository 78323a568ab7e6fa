#!/usr/bin/env python3
"""paper.py DELTAFLOW SCENARIO - `deltaflow run --paper` over real sockets against `deltaflow sim`.

Proves that nothing leaves for the exchange: by the simulator's own counts (which a run without --paper makes move), and by
what a relay between the two saw on the wire while the paper account traded. Then that the paper account's books add up, and
that the recorded session gives the same decisions and orders again, bit for bit.
"""
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from decimal import Decimal

import both
from both import amount, binary, check, shared_file, slow

PRIVATE = ("fill", "user_orders", "market_positions", "order_group_updates")


class Relay:
    """Passes TCP on to the simulator, and notes when the client sent how much. TLS goes through untouched."""

    def __init__(self, port):
        self.to = port
        self.sent = []  # (monotonic time, bytes), of all connections
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", self.to))
            for s in (client, server):
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.copy, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self.copy, args=(server, client, False), daemon=True).start()

    def copy(self, a, b, up):
        try:
            while data := a.recv(1 << 16):
                if up:
                    self.sent.append((time.monotonic(), len(data)))
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def between(self, begin, end):
        return [n for t, n in self.sent if begin <= t <= end]


def remote_ports(pid):
    """TCP peers of a process: from its descriptors and the kernel's table."""
    inodes = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            name = os.readlink(f"/proc/{pid}/fd/{fd}")
        except OSError:
            continue
        if name.startswith("socket:["):
            inodes.add(name[8:-1])
    ports = set()
    for table in ("tcp", "tcp6"):
        for line in open(f"/proc/{pid}/net/{table}").readlines()[1:]:
            f = line.split()
            if f[9] in inodes and int(f[2].split(":")[1], 16) != 0:
                ports.add(int(f[2].split(":")[1], 16))
    return ports


def threads(pid):
    return {open(f"/proc/{pid}/task/{t}/comm").read().strip() for t in os.listdir(f"/proc/{pid}/task")}


class Paper:
    """A run that trades for `seconds` at least, from its first order on, and until `enough(paper)`; then the flow stands still and the run is
    stopped. window: how many bytes the relay saw while it traded (see quiet_then)."""

    def __init__(self, folder, sim_args, run_args, seconds, paper=True, relayed=False, enough=None):
        self.folder = folder
        p = lambda name: os.path.join(folder, name)
        self.sim = both.Sim(folder, *sim_args)
        self.relay = None
        self.ports, self.threads = set(), set()
        self.db = p("run.db")
        self.env = both.environment(folder)
        try:
            ready = self.through_relay() if relayed else self.sim.ready
            command = [binary, "run", "--exchange", ready, "--store-path", self.db, "--orders-journal", p("real.journal"),
                       "--paper-journal", p("paper.journal"), "--run-summary-json", p("summary.json"),
                       *(["--paper"] if paper else []), *run_args]
            with open(p("run.log"), "w") as log:
                self.run = subprocess.Popen(command, stdout=log, stderr=log, env=self.env)
            self.wait(lambda: both.status(self.env).get("orders", 0) > 0, "it trades")
            if relayed:
                self.begun = self.quiet() if paper else time.monotonic()
            orders, begun = both.status(self.env).get("orders", 0), time.monotonic()
            self.wait(lambda: time.monotonic() > begun + seconds and (not relayed or both.status(self.env).get("orders", 0) > orders + 20), "it trades for a while")
            self.ended = time.monotonic()
            self.wait(lambda: (enough or AS_TRADER)(self), "what this is about happens")
            self.sim.stop_flow(self.db, self.run)
            self.run.send_signal(signal.SIGTERM)
            self.run.wait(both.LIMIT)
        finally:
            if self.run.poll() is None:
                self.run.kill()
                self.run.wait()
            sim_code = self.sim.stop()
        self.log = open(p("run.log")).read()
        if self.run.returncode != 0 or sim_code != 0:
            print(self.sim.log()[-4000:], self.log[-6000:])
        check("run and sim end with exit status 0", (self.run.returncode, sim_code) == (0, 0), (self.run.returncode, sim_code))
        both.end_if_failed()
        self.summary = json.load(open(p("summary.json")))
        self.dump = self.sim.dump()
        self.con = sqlite3.connect(self.db)
        both.check_schemas(run_summary=self.summary, sim_dump=self.dump)

    def wait(self, done, what):
        def look_and_ask():
            self.look()
            return done()
        return both.until(look_and_ask, what, self.run, 0.25)

    def count(self, sql):
        return both.count(self.db, sql)

    def quiet(self):
        """Wait until what a start sends has passed the relay: nothing for a second and a half."""
        self.wait(lambda: time.monotonic() > self.relay.sent[-1][0] + 1.5, "the start is over")
        return time.monotonic()

    def look(self):
        try:
            self.ports |= remote_ports(self.run.pid)
            self.threads |= threads(self.run.pid)
        except OSError:
            pass  # it has ended

    def through_relay(self):
        """Path of a ready file that leads through the relay."""
        ready = json.load(open(self.sim.ready))
        port = int(ready["rest_url"].split(":")[2].split("/")[0])
        self.relay = Relay(port)
        for key in ("rest_url", "ws_url"):
            ready[key] = ready[key].replace(f":{port}/", f":{self.relay.port}/")
        path = os.path.join(self.folder, "relayed.json")
        with open(path, "w") as f:
            json.dump(ready, f)
        return path

    def q(self, sql):
        return self.con.execute(sql).fetchall()


def check_nothing_was_sent(r):
    c = r.dump["counters"]
    for method in ("POST", "PUT", "DELETE", "other"):
        check(f"the exchange saw no {method}", sum(c["requests"][method].values()) == 0, c["requests"][method])
    asked = {k: n for k, n in c["requests"]["GET"].items() if n > 0}
    check("and no GET but of markets, events, series and the exchange", set(asked) <= {"markets", "events", "series", "exchange"}, asked)
    check("some of these were asked for", sum(asked.values()) > 0, asked)
    private = {k: c["subscriptions"][k] for k in PRIVATE}
    check("no private channel was ever subscribed", not any(private.values()), private)
    check("the books were", c["subscriptions"]["orderbook_delta"] > 0, c["subscriptions"])
    check("the exchange has no order and no fill", not r.dump["orders"] and not r.dump["fills"], (r.dump["orders"][:1], r.dump["fills"][:1]))
    check("the user's cash there is untouched", all(amount(a["cash"]) == 10000 and not a["positions"] for a in r.dump["accounts"]), r.dump["accounts"])
    check("the process has a thread for the paper account and none for the gateway", "paper" in r.threads and "gateway" not in r.threads, r.threads)
    check("the real journal was not made", not os.path.exists(os.path.join(r.folder, "real.journal")))


def cash_of_fills(r, start):
    """The account again, from the stored fills alone: positions net, YES and NO together give a dollar back."""
    cash, positions, fees = Decimal(start), {}, Decimal(0)
    for ticker, outcome, px, count, fee in r.q("select ticker, outcome, yes_price, count, fee from fills"):
        n = Decimal(count)
        own = Decimal(px) if outcome == "yes" else 1 - Decimal(px)
        position = positions.get(ticker, Decimal(0))
        held = max(Decimal(0), -position if outcome == "yes" else position)
        closes = min(n, held)
        cash += closes * (1 - own) - (n - closes) * own - Decimal(fee)
        fees += Decimal(fee)
        positions[ticker] = position + (n if outcome == "yes" else -n)
    return cash, {k: v for k, v in positions.items() if v != 0}, fees


def check_fees(r, taker, maker):
    """Each fee is the formula's, up to the rounding of its fill: a grain for the fee, one for the balance, and a cent given back."""
    wrong, makers = [], 0
    for px, count, fee, is_taker in r.q("select yes_price, count, fee, is_taker from fills"):
        exact = (taker if is_taker else maker) * Decimal(count) * Decimal(px) * (1 - Decimal(px))
        makers += not is_taker
        if not max(Decimal(0), exact - Decimal("0.01")) <= Decimal(fee) < exact + Decimal("0.0002"):
            wrong.append((px, count, fee, is_taker, exact))
    check(f"every fee is {taker} (taker), {maker} (maker) of C P (1 - P), rounded", not wrong and makers > 0, (wrong[:3], makers))


def check_books_add_up(r, settled=False, overloaded=False):
    s, a, p = r.summary, r.summary["account"], r.summary["paper"]
    check("the summary says paper", s["mode"] == "paper" and s["trading"], s["mode"])
    check("the log says paper", "trading=paper" in r.log)
    check("the text summary says that nothing was sent", "nothing was sent" in r.log)
    row = json.loads(r.q("select config from session")[0][0])
    check("the session row says paper", row["paper"] is True and row["options"]["paper"]["enabled"] is True, row.get("paper"))
    check(f"{p['fills']} fills, {p['maker_fills']} of them as maker", p["fills"] > 0 and s["fills"] == p["fills"], (s["fills"], p))
    check("nothing rests and nothing is reserved", p["open_orders"] == 0 and amount(p["reserved"]) == 0 and amount(a["cash_reserved"]) == 0, p)
    check("the engine's cash is the paper account's to 1e-6 USD", amount(a["cash_total"]) == amount(p["cash"]), (a["cash_total"], p["cash"]))
    total = sum(amount(p[k]) for k in ("cash", "others_cash", "collateral", "fees", "cut"))
    check("money is conserved: all of it together is the balance at the start", total == amount(p["balance"]), (total, p))
    ours = {x["market"]: (Decimal(x["position"]), amount(x["cost"])) for x in a["positions"]}
    theirs = {x["market"]: (Decimal(x["position"]), amount(x["cost"])) for x in p["positions"] if Decimal(x["position"]) != 0}
    check("positions and their cost are too", ours == theirs, (ours, theirs))
    rows = r.q("select trade_id || order_id from fills")
    check("each fill is counted once", len(rows) == len(set(rows)) == p["fills"], (len(rows), p["fills"]))
    check("every id of an order says paper", not r.q("select order_id from fills where order_id not like 'paper-%'"))
    d = s["order_detail"]
    check("no unknown outcome, no fee that the engine expected otherwise", d["unknown"] == 0 and d["fee_drifts"] == 0 and d["table_errors"] == 0, d)
    check("no market event made no sense", p["odd"] == 0, p)
    if not overloaded:
        check("no market event was lost on the way to the account", p["not_taken"] == 0, p)
    check("each order has ended", not r.q("select client_id, state from orders where state not in ('filled','cancelled','expired','rejected')"))
    if settled:
        return
    check("no drift, nothing was set right from a read", d["drifts"] == 0 and not r.q("select 1 from reconciliations where adopted"), d)
    cash, positions, fees = cash_of_fills(r, p["balance"])
    check("the stored fills alone give the same cash, fees and positions", (cash, fees) == (amount(p["cash"]), amount(p["fees"])) and
          positions == {k: v[0] for k, v in theirs.items()}, (cash, p["cash"], fees, p["fees"]))
    books = {m["market"]: m for m in r.dump["markets"]}
    wrong = [m["market"] for m in s["markets"] if (m["yes"], m["no"]) != (books[m["market"]]["yes"], books[m["market"]]["no"])]
    check("the books that the policy saw are the exchange's", not wrong, wrong)


AS_TRADER = lambda paper: paper.count("select count(*) from fills")
AS_MAKER = lambda paper: paper.count("select count(*) from fills where not is_taker")

GENERATED = ["--markets", "6", "--rate", "800", "--fee-type", "quadratic_with_maker_fees"]
RANDOM = ["--policy-kind", "random", "--orders-pricing", "mid"]


def generated(folder):
    """Everything at once, through a relay: what the process sent while it traded is less than one order."""
    r = Paper(folder, [*GENERATED, "--seed", "21"], [*RANDOM, "--policy-seed", "5"], 8, relayed=True, enough=AS_MAKER)
    check_nothing_was_sent(r)
    check("all connections of the process went to the exchange's address", r.ports == {r.relay.port}, (r.ports, r.relay.port))
    orders, took = r.q("select count(*) from orders")[0][0], r.ended - r.begun
    sent = r.relay.between(r.begun, r.ended)
    # A pong in ten seconds, and no more; the head of an order alone has some hundred bytes.
    check(f"in {took:.0f} s of trading ({orders} orders in all) {sum(sent)} bytes were sent, less than the head of one order",
          max(sent, default=0) < 200 and sum(sent) < 200 * (1 + took / 10) and orders > 20, (sent, orders))
    check("the fees of the series were asked for", "fees series=" in r.log and "type=quadratic_with_maker_fees" in r.log)
    check_fees(r, taker=Decimal("0.07"), maker=Decimal("0.0175"))
    check("the relay saw the start", sum(r.relay.between(0, r.begun)) > 1000)
    check_books_add_up(r)
    both.check_replay(r.db)


def control(folder):
    """The same run without --paper: the counts and the relay notice orders, so the proof above can fail."""
    r = Paper(folder, [*GENERATED, "--seed", "21"], [*RANDOM, "--policy-seed", "5"], 4, paper=False, relayed=True)
    c = r.dump["counters"]
    check("without --paper the counts see orders", c["requests"]["POST"]["portfolio"] > 0, c["requests"])
    check("and private reads", c["requests"]["GET"]["portfolio"] > 0, c["requests"])
    check("and private subscriptions", all(c["subscriptions"][k] > 0 for k in ("fill", "user_orders", "market_positions")), c["subscriptions"])
    check("and the relay sees them leave", sum(r.relay.between(r.begun, r.ended)) > 2000)
    check("the summary says that orders went to the exchange", r.summary["mode"] == "exchange" and "paper" not in r.summary)
    check("no paper journal was made", not os.path.exists(os.path.join(folder, "paper.journal")))
    check("the thread is the gateway's", "gateway" in r.threads and "paper" not in r.threads, r.threads)


def own_thread(folder):
    """The actor on its own thread, passive prices, the other queue model, no latency: also under the thread sanitizer."""
    r = Paper(folder, [*GENERATED, "--seed", "22"],
              ["--policy-kind", "random", "--policy-seed", "6", "--actor-thread", "own", "--orders-pricing", "passive", "--orders-allow-short",
               "--orders-count", "2.50", "--paper-queue-model", "proportional", "--paper-jitter-ms", "0", "--paper-order-latency-ms", "0",
               "--paper-answer-latency-ms", "0", "--paper-private-latency-ms", "0", "--paper-market-latency-ms", "0",
               "--paper-write-tokens", "0", "--no-paper-series-fees", "--paper-fee-multiplier", "0.5"], 8,
              enough=AS_MAKER)
    check_nothing_was_sent(r)
    check_books_add_up(r)
    check("no series was asked for, as it was told", r.dump["counters"]["requests"]["GET"]["series"] == 0, r.dump["counters"]["requests"]["GET"])
    check_fees(r, taker=Decimal("0.035"), maker=Decimal(0))
    check("resting orders were filled", r.summary["paper"]["maker_fills"] > 0, r.summary["paper"])
    both.check_replay(r.db)


def faults(folder):
    """Gaps, cuts and unreadable frames: stale books execute nothing, and it all still adds up."""
    args = [a for f in ("seq_gap@3", "cut@5", "malformed@7", "seq_gap@9") for a in ("--fault", f)]
    hit = lambda paper: (c := paper.sim.now()["counters"]["faults"])["seq_gap"] >= 2 and c["cut"] and c["malformed"] and AS_TRADER(paper)
    r = Paper(folder, [*GENERATED, "--seed", "23", *args], [*RANDOM, "--policy-seed", "7"], 12, enough=hit)
    check_nothing_was_sent(r)
    check("the gap was seen and the connection came back", r.summary["gaps"] > 0 and r.summary["reconnects"] + r.dump["counters"]["faults"]["cut"] > 0)
    check_books_add_up(r)
    both.check_replay(r.db)


def overload(folder):
    """A ring to the account that is far too small: what it cannot take is counted, stale, repaired, and it all still adds up."""
    r = Paper(folder, ["--markets", "6", "--rate", "12000", "--seed", "26"],
              [*RANDOM, "--policy-seed", "4", "--bus-market-ring-bytes", "8192", "--feed-levels-max", "100"], 4,
              enough=lambda paper: AS_TRADER(paper) and paper.count("select count(*) from stale where source = 3"))
    p = r.summary["paper"]
    check(f"{p['not_taken']} market events were not taken, and said so", p["not_taken"] > 0 and r.summary["not_taken"] >= p["not_taken"], (p, r.summary["not_taken"]))
    check("snapshots were asked for and came", r.summary["repairs"] > 0 and not [m for m in r.summary["markets"] if m["stale"]], r.summary["repairs"])
    check_nothing_was_sent(r)
    check_books_add_up(r, overloaded=True)
    both.check_replay(r.db)


def crash(folder):
    """Killed while orders rest: the next paper run begins anew and does not wait for what can never be settled."""
    p = lambda name: os.path.join(folder, name)
    env = both.environment(folder)
    sim = both.Sim(folder, *GENERATED, "--seed", "24")
    found = lambda: re.findall(r"orders of an earlier paper run ended with its account count=(\d+)", open(p("run.log")).read())
    try:
        command = [binary, "run", "--paper", "--exchange", p("ready.json"), "--store-path", p("run.db"), "--paper-journal", p("paper.journal"),
                   "--run-summary-json", p("summary.json"), "--policy-kind", "random", "--orders-pricing", "passive", "--policy-seed", "8"]
        with open(p("run.log"), "w") as log2:
            run = subprocess.Popen(command, stdout=log2, stderr=log2, env=env)
            while True:
                both.until(lambda: both.status(env).get("open_orders", 0) > 0, "orders rest", run, 0.02)
                run.kill()
                run.wait()
                run = subprocess.Popen(command, stdout=log2, stderr=log2, env=env)
                both.until(lambda: both.status(env).get("orders", 0) > 0, "the next run trades", run)
                if both.failed or any(n != "0" for n in found()):
                    break  # else the policy had just cancelled all: again
            run.send_signal(signal.SIGTERM)
            code = run.wait(both.LIMIT)
    finally:
        sim.stop()
    text = open(p("run.log")).read()
    check("the last run ends with exit status 0", code == 0, text[-3000:])
    check("a run was killed with open orders, and the next found them in the journal", any(n != "0" for n in found()), text[-2000:])
    s = json.load(open(p("summary.json")))
    check("with a new account", amount(s["paper"]["balance"]) == 10000 and s["order_detail"]["resolved_absent"] == 0, s["order_detail"])
    dump = sim.dump()
    check("and nothing was ever sent", sum(dump["counters"]["requests"]["POST"].values()) + sum(dump["counters"]["requests"]["DELETE"].values()) == 0)


def refused(folder):
    """--paper and --live together are refused before anything is opened."""
    env = dict(os.environ, HOME=folder)
    base = [binary, "run", "--paper", "--key-id", "x", "--key-file", "/nowhere", "--markets", "KXA"]
    both = subprocess.run([*base, "--live"], capture_output=True, text=True, env=env, timeout=60)
    check("--paper --live is refused", both.returncode == 5 and "exclude each other" in both.stderr, (both.returncode, both.stderr))
    same = subprocess.run([*base, "--orders-journal", "/j", "--paper-journal", "/j"], capture_output=True, text=True, env=env, timeout=60)
    check("one journal for both is refused", same.returncode == 5 and "journal" in same.stderr, (same.returncode, same.stderr))
    real, link = os.path.join(folder, "real"), os.path.join(folder, "link")
    open(real, "w").close()
    os.symlink(real, link)
    same = subprocess.run([*base, "--orders-journal", real, "--paper-journal", link], capture_output=True, text=True, env=env, timeout=60)
    check("also under another name", same.returncode == 5 and "same file" in same.stderr and os.path.getsize(real) == 0, (same.returncode, same.stderr))
    out = subprocess.run([binary, "run", "--help"], capture_output=True, text=True, env=env, timeout=60).stdout
    check("--help says what --paper never does", "No order, no private read" in out)


def wrong_key(folder):
    """Nothing private is read at the start, so a wrong key shows at the WebSocket: one clear message, exit status 5."""
    p = lambda name: os.path.join(folder, name)
    sim = both.Sim(folder, *GENERATED, "--seed", "25")
    try:
        run = subprocess.run([binary, "run", "--paper", "--exchange", p("ready.json"), "--key-id", "11111111-2222-4333-8444-555555555555",
                              "--store-path", p("run.db"), "--paper-journal", p("journal"), "--policy-kind", "random", "--run-duration-s", "60",
                              "--feed-reconnect-min-ms", "100", "--feed-reconnect-max-ms", "300"],
                             capture_output=True, text=True, env=both.environment(folder), timeout=120)
    finally:
        sim.stop()
    check("a key that the exchange does not know ends the run with exit status 5", run.returncode == 5, (run.returncode, run.stderr[-2000:]))
    check("and a message that says what to check", "refuses the connection: HTTP 401. Check exchange.key_id" in run.stderr, run.stderr[-2000:])


def capture(folder):
    """A recorded market to its close: what rests is canceled, the result is read, positions are paid."""
    path = shared_file("data/kalshi/ws/gold15m/KXGOLD15M-26AUG101900-00.jsonl.zst")
    def paid(paper):
        """What it pays is heard of, or read, whichever comes first; then nothing is held."""
        heard = paper.count("select count(*) from market where source = 3 and status = 6")
        with open(os.path.join(folder, "run.log")) as log:
            return (heard or "settled market=" in log.read()) and both.status(paper.env)["positions"] == 0

    r = Paper(folder, ["--capture", path, "--speed", "60"], [*RANDOM, "--policy-seed", "9", "--paper-settle-poll-s", "1"], 1,
              enough=lambda paper: AS_TRADER(paper) and paid(paper))
    check_nothing_was_sent(r)
    check_books_add_up(r, settled=True)
    p = r.summary["paper"]
    check("the market was closed and settled on paper", p["closes"] == 1 and p["settled"] == 1, p)
    check("no position is left, on either side", not r.summary["account"]["positions"] and all(x["settled"] and Decimal(x["position"]) == 0 for x in p["positions"]), p["positions"])
    cash, positions, fees = cash_of_fills(r, p["balance"])
    value = {m["market"]: m.get("status") for m in r.dump["markets"]}
    paid = amount(p["cash"]) - cash
    held = sum(positions.values(), Decimal(0))
    check(f"the settlement paid {paid} for a position of {held}", paid in ((max(held, Decimal(0)), max(-held, Decimal(0)))), (paid, positions, value))
    both.check_replay(r.db)


both.main(generated, control, own_thread, faults, overload, crash, refused, wrong_key, capture)
