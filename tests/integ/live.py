#!/usr/bin/env python3
"""live.py DELTAFLOW SCENARIO - the real binaries over real TLS, WebSocket and REST on loopback.

Starts `deltaflow sim` and `deltaflow run`, and compares what both sides know when it is over: books level by level, every
message in the database once and in order, orders, fills, cash and positions to the last 1e-6 dollar. Then the recorded
session is fed to a fresh engine, which must give the same decisions and orders, bit for bit.
"""
import base64
import json
import os
import random
import shutil
import signal
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from decimal import Decimal

import both
import postgres
from both import account_differs, amount, binary, check, check_replay, check_verify, root, shared_file, slow, until


def signed(ready, method, path, body):
    """A request with the account's key, as a person's own program would send it; its answer."""
    info = json.load(open(ready))
    where = urllib.parse.urlsplit(info["rest_url"])
    stamp = str(time.time_ns() // 1_000_000)
    text = (stamp + method + where.path + path).encode()
    mac = subprocess.run(["openssl", "dgst", "-sha256", "-sign", info["key_file"], "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"],
                         input=text, capture_output=True, check=True).stdout
    request = urllib.request.Request(info["rest_url"] + path, json.dumps(body).encode(), method=method, headers={
        "KALSHI-ACCESS-KEY": info["key_id"], "KALSHI-ACCESS-TIMESTAMP": stamp, "KALSHI-ACCESS-SIGNATURE": base64.b64encode(mac).decode(),
        "Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=info["ca_file"]), timeout=both.LIMIT) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as e:
        return {"error": e.code, "body": e.read().decode()}


class Wait:
    """Among events: those behind it come when done(sim) holds."""

    def __init__(self, done, what):
        self.done, self.what = done, what


def enough(*conditions):
    """For Live: all of these have happened. Each is SQL of one number, or a function of the Live."""
    return lambda live: all(c(live) if callable(c) else both.count(live.db, c) for c in conditions)


FILLED = "select count(*) from fills"


class Live:
    """A run that trades for `seconds` at least, from its first order on, and until `enough(live)`; then the flow stands still, `calm(live)` is
    waited for, and the run is stopped. seconds None: it ends by itself.
    events: [(seconds after the first order, action)] over the admin socket; those of before_last between the last kill and the last start."""

    def __init__(self, folder, sim_args, run_args, seconds, kills=(), events=(), before_last=(), database=None, enough=enough(FILLED),
                 calm=lambda live: True):
        self.folder = folder
        p = lambda name: os.path.join(folder, name)
        self.summary_path, self.db = p("summary.json"), database or p("run.db")
        self.env = both.environment(folder)
        run_log = open(p("run.log"), "w")
        self.sim = both.Sim(folder, *sim_args)
        try:
            command = [binary, "run", "--exchange", self.sim.ready, "--store-path", self.db, "--orders-journal", p("journal"),
                       "--run-summary-json", self.summary_path, *run_args]
            self.killed = [self.run_and_kill(command, after, run_log, self.env, i == len(kills) - 1) for i, after in enumerate(kills)]
            self.act(before_last)
            orders = self.sim.orders()
            self.process = subprocess.Popen(command, stdout=run_log, stderr=run_log, env=self.env)
            if seconds is not None:
                until(lambda: self.sim.orders() > orders, "it trades", self.process)
                self.began = time.time()
                self.act(events)
                until(lambda: time.time() >= self.began + seconds * slow, "it trades for a while", self.process)
                until(lambda: enough(self), "what this is about happens", self.process, 0.3)
                self.sim.stop_flow(self.db, self.process)
                until(lambda: calm(self), "and is over", self.process, 0.3)
                self.process.send_signal(signal.SIGTERM)
            code = self.process.wait(both.LIMIT)
        finally:
            if getattr(self, "process", None) and self.process.poll() is None:
                self.process.kill()
            sim_code = self.sim.stop()
        if code != 0 or sim_code != 0 or both.failed:
            for name in ("sim.log", "run.log"):
                sys.stdout.write(f"--- {name}\n" + open(p(name)).read()[-6000:])
        check("run ends with exit status 0", code == 0, code)
        check("sim ends with exit status 0", sim_code == 0, sim_code)
        both.end_if_failed()
        self.summary = json.load(open(self.summary_path))
        self.dump = self.sim.dump()
        self.con = both.connect(self.db)
        both.check_schemas(run_summary=self.summary, sim_dump=self.dump, ready=json.load(open(self.sim.ready)))

    def act(self, events):
        began = time.time()
        ours = json.load(open(self.sim.ready))["key_id"]
        for at, action in events:
            if isinstance(action, Wait):
                until(lambda: action.done(self.sim), action.what, self.process)
                continue
            time.sleep(max(0, began + at * slow - time.time()))
            if callable(action):
                reply = action(self.sim.ready)
                check("the exchange takes what was sent by hand", "error" not in reply, reply)
                continue
            actions = action if isinstance(action, list) else [action]
            for told, reply in zip(actions, self.sim.do_all(*[{k: ours if v == "OUR KEY" else v for k, v in a.items()} for a in actions])):
                if not reply.get("ok", True) or "error" in reply:
                    check(f"the exchange does as told: {told['do']}", False, reply)

    def run_and_kill(self, command, seconds, log, env, resting):
        """Trade for a while after the first fill, then die without any warning; resting: while orders rest. Returns the time of death."""
        run = subprocess.Popen(command, stdout=log, stderr=log, env=env)
        until(lambda: self.traded(run), "it trades before it is killed", run)
        time.sleep(seconds)
        if resting:
            both.freeze(run, self.sim)
        alive = run.poll() is None
        run.kill()
        run.wait()
        check("the run traded until it was killed", alive and self.traded(run))
        return time.time()

    def traded(self, run):
        return both.count(self.db, f"select count(*) from fills where session = (select max(id) from session where pid = {run.pid})") > 0

    def adopted(self):
        """Money from outside that the run took as its own so far."""
        rows = both.rows(self.db, "select ours, theirs from reconciliations where adopted <> 0 and kind = 'cash'")
        return sum((amount(t) - amount(o) for o, t in rows), Decimal(0))

    def start_cash(self):
        last = "(select max(id) from session)"
        return self.one(f"select theirs from reconciliations where kind = 'cash' and reason like 'start%' and session = {last}")

    def q(self, sql):
        return self.con.execute(sql).fetchall()

    def one(self, sql):
        return self.q(sql)[0][0]


def check_books(live):
    ours = {m["market"]: m for m in live.summary["markets"]}
    theirs = {m["market"]: m for m in live.dump["markets"]}
    check("run follows the markets of sim", set(ours) == set(theirs), (set(ours) ^ set(theirs)))
    wrong = [t for t in theirs if t in ours and (ours[t]["yes"] != theirs[t]["yes"] or ours[t]["no"] != theirs[t]["no"])]
    check(f"all {len(theirs)} books in run equal the books in sim at the end", not wrong, wrong)
    check("no book is stale at the end", not [t for t in ours if ours[t]["stale"]], [t for t in ours if ours[t]["stale"]])
    return wrong


EVENTS = ["market", "snapshot", "delta", "trade", "stale", "link", "clock"]


def check_messages(live, faults=False):
    s = live.summary
    for table, key in (("snapshot", "snapshots"), ("delta", "deltas"), ("trade", "trades")):
        n = live.one(f"select count(*) from {table} where source = 3")
        check(f"the database has each of the {s[key]} {key} once", n == s[key], n)
    ords = sorted(o for t in EVENTS for (o,) in live.q(f"select ord from {t} where source = 3"))
    check("market events are stored in order, without a hole", ords == list(range(1, len(ords) + 1)),
          f"{len(ords)} rows, last {ords[-1:]}")
    rows = sorted(r for t in ("snapshot", "delta", "trade")
                  for r in live.q(f"select conn, sid, ord, seq from {t} where source = 3"))
    last = {}
    bad = []
    jumps = 0
    for conn, sid, _, seq in rows:
        before = last.get((conn, sid), 0)
        if seq <= before:
            bad.append((conn, sid, seq))
        elif seq != before + 1:
            jumps += 1
        last[(conn, sid)] = seq
    check("seq rises in each subscription, so nothing is stored twice", not bad, bad[:5])
    if not faults:
        check("seq has no hole in any subscription, so nothing is missing", jumps == 0, jumps)
    check("nothing was lost on the way to the disk", s["store"]["lost"] == 0 and s["not_taken"] == 0, s["store"])


def money_of(positions):
    """By market, also where nothing is held any more: all that both sides say of it."""
    return {p["market"]: (Decimal(p["position"]), amount(p["cost"]), amount(p["realized"]), amount(p["fees"])) for p in positions
            if Decimal(p["position"]) != 0 or amount(p["realized"]) != 0 or amount(p["fees"]) != 0}


def check_account(live, fees=None, adopted_cash=()):
    """fees: what the session's own fills cost, where earlier sessions had fills too. adopted_cash: what came from outside."""
    s, a = live.summary["account"], live.dump["accounts"][0]
    check("cash equals the exchange's to 1e-6 USD", amount(s["cash_total"]) == amount(a["cash"]), (s["cash_total"], a["cash"]))
    check("nothing is reserved when nothing is open", amount(s["cash_reserved"]) == 0, s["cash_reserved"])
    check("fees equal the exchange's to 1e-6 USD", amount(s["fees"]) == (amount(a["fees"]) if fees is None else fees),
          (s["fees"], a["fees"], fees))
    ours = {p["market"]: (Decimal(p["position"]), amount(p["cost"])) for p in s["positions"]}
    theirs = {p["market"]: (Decimal(p["position"]), amount(p["cost"])) for p in a["positions"] if Decimal(p["position"]) != 0}
    check(f"{len(theirs)} positions and their cost equal the exchange's", ours == theirs, (ours, theirs))
    if fees is None:
        ours, theirs = money_of(s["positions"] + s["flat"]), money_of(a["positions"])
        check(f"realised P&L and fees of all {len(theirs)} markets equal the exchange's", ours == theirs, set(ours.items()) ^ set(theirs.items()))
        check("their sums are the session's", sum((v[2] for v in ours.values()), Decimal(0)) == amount(s["realized"]), s["realized"])
    check("cash is its start, what came, and P&L: not a millionth more",
          fees is not None or amount(s["cash_total"]) == amount(live.start_cash()) + sum(map(Decimal, adopted_cash)) + amount(s["realized"])
          - amount(s["fees"]) - sum((amount(p["cost"]) for p in s["positions"]), Decimal(0)), s)
    check("worth, reserved and free cash are of one piece",
          amount(s["cash_free"]) == amount(s["cash_total"]) - amount(s["cash_reserved"])
          and amount(s["pv_mid"]) == amount(s["cash_total"]) + sum((amount(p["cost"]) for p in s["positions"]), Decimal(0)) + amount(s["unrealized"]), s)
    check("what the exchange says is shown", "pv_exchange" in s, list(s))
    adopted = live.q("select ticker, ours, theirs from reconciliations where adopted <> 0" + (" and kind <> 'cash'" if adopted_cash else ""))
    check("no position was ever set right from the exchange's" + ("" if adopted_cash else ", nor was cash"), not adopted, adopted[:3])
    diffs = [amount(t) - amount(o) for o, t in live.q("select ours, theirs from reconciliations where adopted <> 0 and kind = 'cash'")]
    check(f"the balance was adopted {len(diffs)} times, each time by what came or went", sum(diffs) == sum(map(Decimal, adopted_cash))
          and len(diffs) <= len(adopted_cash), diffs)
    drifts = live.q("select ticker, count, fee, our_fee from fee_drifts")
    check("each fee is what our own formula gives", not drifts and live.summary["order_detail"]["fee_drifts"] == 0, drifts[:3])
    check("no drift was found", live.summary["order_detail"]["drifts"] == 0, live.summary["order_detail"])


def check_orders(live):
    dump_fills = {f["trade_id"] + f["order_id"]: (f["market"], f["outcome"], amount(f["yes_price"]), Decimal(f["count"]), amount(f["fee"]))
                  for f in live.dump["fills"]}
    db_rows = live.q("select trade_id || order_id, ticker, outcome, yes_price, count, fee from fills")
    db_fills = {r[0]: (r[1], r[2], amount(r[3]), Decimal(r[4]), amount(r[5])) for r in db_rows}
    check("each fill is counted once", len(db_rows) == len(db_fills), len(db_rows) - len(db_fills))
    check(f"{len(dump_fills)} fills agree on both sides", db_fills == dump_fills,
          f"{len(db_fills)} ours; only one side: {list(set(db_fills) ^ set(dump_fills))[:3]}")
    theirs = {o["client_order_id"]: (Decimal(o["initial"]), Decimal(o["filled"]), o["status"]) for o in live.dump["orders"]}
    rows = live.q("select client_id, count, filled, state, reason from orders")
    ours = {r[0]: r for r in rows}
    check("each order has one client_order_id", len(ours) == len(rows))
    check("the exchange has no order that we do not know", set(theirs) <= set(ours), list(set(theirs) - set(ours))[:3])
    never = [r for c, r in ours.items() if c not in theirs and r[3] not in ("rejected", "absent")]
    check("every order that the exchange has not is rejected or proved absent", not never, never[:3])
    wrong = [(ours[c], t) for c, t in theirs.items() if c in ours and (Decimal(ours[c][1]), Decimal(ours[c][2])) != t[:2]]
    check(f"{len(theirs)} orders agree on size and filled count", not wrong, wrong[:3])
    finished = {"resting": {"resting"}, "executed": {"filled"}, "canceled": {"cancelled", "expired", "filled", "rejected"}}
    wrong = [(ours[c], t) for c, t in theirs.items() if c in ours and ours[c][3] not in finished[t[2]]]
    check("orders agree on how they ended", not wrong, wrong[:3])
    check("nothing of ours rests after the stop", not [t for t in theirs.values() if t[2] == "resting"])


def units(text, decimals):
    return int(Decimal(text).scaleb(decimals))


def capture_rows(path):
    """What the recording says, read independently: type and integers of each book message and trade, in order."""
    raw = subprocess.run(["zstd", "-dcq", path], capture_output=True, check=True).stdout
    for line in raw.splitlines():
        e = json.loads(line)["event"]
        m = e["msg"]
        if e["type"] == "orderbook_snapshot":
            levels = [[(units(p, 4), units(q, 2)) for p, q in m.get(k, [])] for k in ("yes_dollars_fp", "no_dollars_fp")]
            yield ("snapshot", len(levels[0]), len(levels[1]))
        elif e["type"] == "orderbook_delta":
            yield ("delta", 0 if m["side"] == "yes" else 1, units(m["price_dollars"], 4), units(m["delta_fp"], 2))
        elif e["type"] == "trade":
            yield ("trade", units(m["yes_price_dollars"], 4), units(m["count_fp"], 2), 0 if m["taker_side"] == "yes" else 1)


def stored_rows(live):
    rows = [(o, ("snapshot", y, n)) for o, y, n in live.q("select ord, n_yes, n_no from snapshot where source = 3")]
    rows += [(o, ("delta", s, p, q)) for o, s, p, q in live.q("select ord, side, px, qty from delta where source = 3")]
    rows += [(o, ("trade", p, q, t)) for o, p, q, t in live.q("select ord, yes_px, qty, taker from trade where source = 3")]
    return [r for _, r in sorted(rows)]


def capture_hold(folder):
    """Nobody trades: what is stored is the recording, message by message."""
    capture = shared_file("data/kalshi/ws/gold15m/KXGOLD15M-26AUG102030-30.jsonl.zst")
    live = Live(folder, ["--capture", capture, "--speed", "150"],
                ["--policy-kind", "hold", "--run-stop-when-closed"], None)
    check_books(live)
    check_messages(live)
    theirs = list(capture_rows(capture))
    ours = stored_rows(live)
    # The simulator sends its book as a snapshot when the subscription begins; the recording begins with its own.
    while ours and theirs and ours[0] != theirs[0]:
        ours.pop(0)
    while len(ours) > 1 and ours[0][0] == ours[1][0] == "snapshot":
        ours.pop(0)
    n = min(len(ours), len(theirs))
    diff = next((i for i in range(n) if ours[i] != theirs[i]), None)
    check(f"the database holds the recording's {len(theirs)} messages in order", diff is None and len(theirs) - len(ours) in (0, 1),
          (len(ours), len(theirs), diff, diff is not None and (ours[diff - 1:diff + 2], theirs[diff - 1:diff + 2])))
    check("a run without trading opens no private session", live.summary["gateway"]["requests"] == 0)
    # The recorder was cut off once; the simulator sends what came after it as if nothing had been lost.
    check_replay(live.db, finds={"book_differs": 1})


def capture_ppo(folder):
    """A recorded market, traded by a model of the prototype."""
    capture = shared_file("data/kalshi/ws/gold15m/KXGOLD15M-26AUG101900-00.jsonl.zst")
    model = shared_file("data/models/real-no-licence/kalshiflow_session12_sb3_2.7.1.zip")
    live = Live(folder, ["--capture", capture, "--speed", str(20 / slow), "--tier", "premier"],
                ["--policy-kind", "ppo", "--policy-model", model, "--features-mirror", "99",
                 "--features-zero-order-features", "--policy-sample"], 8)
    everything(live)


def generated_random(folder):
    live = Live(folder, ["--markets", "6", "--seed", "11", "--rate", "800", "--tier", "premier", "--fee-type", "quadratic_with_maker_fees"],
                ["--policy-kind", "random", "--policy-seed", "5"], 8)
    everything(live)


def recorded(folder):
    """The shipped network, sampled; tools/test keeps the session for the other builds."""
    live = Live(folder, ["--markets", "6", "--seed", "15", "--rate", "800", "--tier", "premier"],
                ["--policy-kind", "ppo", "--policy-model", os.path.join(root, "share/models/demo.safetensors"), "--policy-sample"], 8)
    everything(live)


def in_postgres(folder):
    """Into PostgreSQL, whose server is killed in the middle and comes back."""
    with postgres.Server() as server:
        back = threading.Timer(5 * slow, lambda: until(lambda: both.count(server.url, FILLED), "fills are stored") and server.again())
        back.start()
        live = Live(folder, ["--markets", "6", "--seed", "17", "--rate", "800", "--tier", "premier"],
                    ["--policy-kind", "random", "--policy-seed", "5"], 8, database=server.url,
                    enough=enough(FILLED, lambda live: not back.is_alive()))
        check("the database was away for a while", live.summary["store"]["failures"] > 0, live.summary["store"])
        everything(live)


def in_postgres_killed(folder):
    """Killed in the middle of trading, with its session in PostgreSQL."""
    with postgres.Server() as server:
        crash_restart(folder, server.url)


def own_thread(folder):
    """The actor on a thread of its own, also under the thread sanitizer."""
    live = Live(folder, ["--markets", "6", "--seed", "14", "--rate", "800", "--tier", "premier"],
                ["--policy-kind", "random", "--policy-seed", "8", "--actor-thread", "own"], 8)
    everything(live)


def passive_shorts(folder):
    """Passive prices, shorts and the YES scale. At its end every frame is late, those too of what the stop cancels."""
    def late(live):
        live.sim.do(do="fault", fault="lag", delay_ms=1000, **{"for": "10m"})
        return until(live.sim.resting, "orders rest when it is stopped", live.process, 0.02)

    live = Live(folder, ["--markets", "4", "--seed", "12", "--rate", "500", "--tier", "premier"],
                ["--policy-kind", "random", "--policy-seed", "6", "--orders-pricing", "passive", "--orders-allow-short",
                 "--orders-count", "2.50", "--feed-use-yes-price"], 8, calm=late)
    everything(live)


def told(folder, *words):
    """A command about the run of this folder, as an event; it ends with exit status 0."""
    def tell(ready):
        done = subprocess.run([binary, *words, "--wait", str(int(both.LIMIT))], env=both.environment(folder), capture_output=True, text=True)
        return {} if done.returncode == 0 else {"error": (words, done.stdout, done.stderr)}
    return tell


def fees(folder):
    """Maker fees at half the rate; while it runs an event's override comes, changes and ends. The news of a fill may overtake that of the
    fee it was charged, on another connection; so nothing trades at the moment of a change."""
    event, db = "KXSIM1-S16", os.path.join(folder, "run.db")
    changes = "select count(*) from market where source = 3"

    def override(at, **fee):
        before = []
        return [(at, told(folder, "halt")), (at, Wait(lambda sim: before.append(both.count(db, changes)) or True, "")),
                (at, {"do": "fee_override", "event": event, **fee}),
                (at, Wait(lambda sim: both.count(db, changes) >= before[0] + 4, "a fee of all four markets is heard of")),
                (at, told(folder, "resume"))]

    made = "select count(*) from fills where not is_taker and fee != '0.000000'"
    live = Live(folder, ["--markets", "4", "--seed", "16", "--rate", "800", "--tier", "premier",
                         "--fee-type", "quadratic_with_maker_fees", "--fee-multiplier", "0.5"],
                ["--policy-kind", "random", "--policy-seed", "6", "--orders-pricing", "mid", "--orders-allow-short"],
                9, events=[*override(2, fee_type="quadratic", fee_multiplier=2), *override(4, fee_type="quadratic_with_maker_fees", fee_multiplier=0.035),
                           *override(6)], enough=enough(made))
    rules = {r[:2] for r in live.q("select fee_type, fee_mult_micros from market where source = 3")}
    check("the series' fees were asked for, and each override was heard of",
          rules == {(1, 500000), (0, 2000000), (1, 35000)}, rules)
    check(f"fees were paid as maker by {live.one(made)} fills", live.one(made) > 0)
    everything(live)


def settlement(market, result, **more):
    return [{"do": "close", "market": market}, {"do": "determine", "market": market, "result": result, **more}, {"do": "settle", "market": market}]


def held(markets, n):
    """An event: our account holds something in n of these markets."""
    return Wait(lambda sim: sum(p["market"] in markets and Decimal(p["position"]) != 0 for p in sim.now()["accounts"][0]["positions"]) >= n,
                f"positions are held in {n} markets")


def check_settled(live, results):
    """What was held when its market paid, by the exchange's own list."""
    rows = {r[0]: r[1:] for r in live.q("select ticker, position, yes_pays, paid, realized from settlements")}
    paid = {p["market"] for p in live.dump["accounts"][0]["positions"] if p["settled"] and Decimal(p["position"]) == 0}
    check(f"{len(rows)} of the {len(results)} markets that paid held something of ours", rows and set(rows) <= set(results) and set(rows) <= paid, rows)
    check("each was paid by its result", all(Decimal(v[1]) == Decimal(results[t]) for t, v in rows.items()), rows)
    check("and as a loss or a gain no halt", not live.summary["outcome"].startswith("halted"), live.summary["outcome"])
    check("the summary tells it", live.summary["reconciliation"]["settlements"] == len(rows), live.summary["reconciliation"])
    return rows


def settled(folder):
    """Markets pay while we trade: yes, no, and a scalar one by its value; money comes from outside and goes there."""
    m = [f"KXSIM1-S17-M0{i}" for i in range(1, 6)]
    values = {"KXSCALE-26NOV27-A": "0.4373", "KXSCALE-26NOV27-B": "0.0519", "KXSCALE-26NOV27-C": "0.9987"}
    orders = [(0.3 + 0.2 * k, {"do": "order", "market": t, "side": "yes" if k % 2 else "no", "price": "0.2000", "count": "3.00"})
              for k in range(30) for t in values]
    create = [(0, {"do": "create_market", "market": t, "market_type": "scalar", "close_in": "10m",
                   "yes": [["0.4000", "500.00"]], "no": [["0.5500", "500.00"]]}) for t in values]
    events = [*orders, (3, {"do": "deposit", "user": "OUR KEY", "amount": "25.50"}), (4, held(m[:4], 2)), (4, settlement(m[0], "yes")),
              (4.5, settlement(m[1], "no")), (5, settlement(m[2], "yes")), (5.5, settlement(m[3], "no")),
              *[(7, settlement(t, "scalar", value=v)) for t, v in values.items()]]
    withdrawn = []

    def calm(live):
        """Money that goes before a balance has proved the payments is theirs for a minute; so it goes after the trading, when two have."""
        if not withdrawn:
            proved = "select count(*) from reconciliations where kind = 'cash' and reason = 'agrees'"
            before = both.count(live.db, proved)
            until(lambda: both.count(live.db, proved) >= before + 2 and live.adopted() == Decimal("25.50"), "the deposit and the payments are read", live.process)
            withdrawn.append(live.sim.do(do="deposit", user=json.load(open(live.sim.ready))["key_id"], amount="-10.25"))
        return live.adopted() == Decimal("15.25")

    live = Live(folder, ["--markets", "5", "--seed", "17", "--rate", "800", "--tier", "premier",
                         "--fee-type", "quadratic_with_maker_fees"],
                ["--policy-kind", "random", "--policy-seed", "6", "--orders-allow-short", "--orders-count", "2.53", "--orders-sweep-s", "2",
                 "--feed-markets", ",".join([*m, *values])],
                11, events=sorted(events, key=lambda e: e[0]), before_last=create, calm=calm)
    rows = check_settled(live, {m[0]: "1", m[1]: "0", m[2]: "1", m[3]: "0", **values})
    check("in whole cents", all(Decimal(v[2]) % Decimal("0.01") == 0 for v in rows.values()), rows)
    everything(live, adopted_cash=["25.50", "-10.25"])
    notes = [n for n in live.summary["reconciliation"]["notes"] if n["adopted"]]
    check("and the report tells of the money that came and went", notes and all(n["kind"] == "cash" for n in notes), notes)


def paid_out(live, markets):
    """The run was paid for what it held in each of these markets, and held something."""
    last = "select position from account where ticker = '{0}' order by n desc limit 1"
    paid = {t for t in markets if both.count(live.db, f"select count(*) from settlement where ticker = '{t}'")}
    return paid and all(t in paid or not both.count(live.db, last.format(t)) for t in markets)


def settled_unheard(folder):
    """Markets pay while the messages of the exchange are lost: reads tell of it, and the same is paid."""
    m = [f"KXSIM1-S20-M0{i}" for i in range(1, 7)]
    pay = [a for t, r in ((m[0], "yes"), (m[1], "no"), (m[2], "yes"), (m[3], "no")) for a in settlement(t, r)]
    live = Live(folder, ["--markets", "6", "--seed", "20", "--rate", "800", "--tier", "premier"],
                ["--policy-kind", "random", "--policy-seed", "3", "--orders-allow-short", "--orders-sweep-s", "2"],
                10, events=[(4, held(m[:4], 2)), (4, [{"do": "fault", "fault": "drop", "for": 2}, *pay])],
                enough=lambda live: paid_out(live, m[:4]))
    check("messages were lost", live.dump["counters"]["faults"]["drop"] > 0, live.dump["counters"]["faults"])
    heard = {t for (t,) in live.q("select distinct ticker from market where source = 3 and status = 6")}
    rows = check_settled(live, {m[0]: "1", m[1]: "0", m[2]: "1", m[3]: "0"})
    check("the feed heard of none of these", not heard & set(rows), heard)
    check_account(live)
    check_replay(live.db)


def by_hand(folder):
    """A person uses the account at the same time: an order that rests, one that is filled, money moved to a subaccount."""
    m = [f"KXSIM1-S19-M0{i}" for i in range(1, 5)]
    order = lambda market, price, tif: lambda ready: signed(ready, "POST", "/portfolio/events/orders", {
        "ticker": market, "side": "bid", "count": "5.00", "price": price, "time_in_force": tif, "self_trade_prevention_type": "maker",
        "client_order_id": str(uuid.uuid4())})
    move = lambda ready: signed(ready, "POST", "/portfolio/subaccounts/transfer", {
        "client_transfer_id": str(uuid.uuid4()), "from_subaccount": 0, "to_subaccount": 1, "amount_cents": 5000})
    offered = Wait(lambda sim: sum(Decimal(q) for k in sim.now()["markets"] if k["market"] == m[1] for _, q in k["no"]) >= 500, "there is something to buy")
    noted = "select count(*) from reconciliations where kind = 'orders of others'"
    live = Live(folder, ["--markets", "4", "--seed", "19", "--rate", "600", "--tier", "premier"],
                ["--policy-kind", "random", "--policy-seed", "6", "--orders-sweep-s", "1"], 10,
                events=[(2, order(m[0], "0.0100", "good_till_canceled")), (4, offered), (4, order(m[1], "0.9900", "immediate_or_cancel")),
                        (5, lambda ready: signed(ready, "POST", "/portfolio/subaccounts", {})), (6, move)],
                enough=enough(noted, "select count(*) from fills where order_number = 0", lambda live: live.adopted() == Decimal(-50)))
    check_account(live, adopted_cash=["-50"])
    ours = {r[0] for r in live.q("select client_id from orders")}
    others = [o for o in live.dump["orders"] if o["client_order_id"] not in ours]
    check("the order that rests was left alone", sorted(o["status"] for o in others) == ["executed", "resting"], others)
    report = live.summary["reconciliation"]
    check("it stands in the report, with its cost", report["orders_of_others"] == 1 and Decimal(report["cost_of_others"]) == Decimal("0.05"), report)
    notes = [(n["market"], n["ours"], n["theirs"]) for n in report["notes"] if n["kind"] == "orders_of_others"]
    check("noted once, in its market", notes == [(m[0], "5.00", "0.00")], notes)
    check("the fills of the other are counted, and are shown as not ours", report["fills_of_others"] > 0
          and live.one("select count(*) from fills where order_number = 0") == report["fills_of_others"], report)
    check_replay(live.db)


def settled_away(folder):
    """Markets pay while nobody runs."""
    m = [f"KXSIM1-S18-M0{i}" for i in range(1, 7)]
    away = [(0, a) for t, r in ((m[0], "yes"), (m[1], "no"), (m[2], "yes")) for a in settlement(t, r)]
    live = Live(folder, ["--markets", "6", "--seed", "18", "--rate", "800", "--tier", "premier"],
                ["--policy-kind", "random", "--policy-seed", "3", "--orders-allow-short", "--orders-sweep-s", "2",
                 "--orders-clock-window-ms", "2000"],
                9, kills=(3,), before_last=away, enough=enough())
    last_session(live)
    check_books(live)
    check_account(live, check_crashed_orders(live))
    check_verify(live.db)


FAULTS = ["cut@3", "seq_gap@5", "malformed@6", "http_429@7*3", "http_500@8*2", "http_500_after@9*2", "timeout@10*2",
          "partial_write@11*2:on=http", "slow_answer@11.5*2:delay_ms=1500", "cut@12"]


def faults(folder):
    args = []
    for f in FAULTS:
        args += ["--fault", f]
    live = Live(folder, ["--markets", "6", "--seed", "13", "--rate", "600", "--tier", "premier", *args],
                ["--policy-kind", "random", "--policy-seed", "7", "--exchange-request-timeout-ms", "1000",
                 "--orders-clock-window-ms", "2000", "--risk-unknown-halt", "0"], 15,
                enough=enough(FILLED, lambda live: all(live.sim.now()["counters"]["faults"][f.split("@")[0]] > 0 for f in FAULTS)),
                calm=lambda live: not both.count(live.db, "select count(*) from orders where state = 'unknown'"))
    counted = live.dump["counters"]["faults"]
    for f in FAULTS:
        name = f.split("@")[0]
        check(f"the fault {name} really happened", counted[name] > 0, counted)
    s = live.summary
    check("the gap was seen", s["gaps"] >= 1, s["gaps"])
    check("the malformed frame was counted", s["malformed"] >= 1, s["malformed"])
    left = live.q("select client_id, state from orders where state in ('unknown', 'sent', 'intended', 'cancel_sent')")
    check(f"{s['order_detail']['unknown']} unknown outcomes were met, and none is left",
          s["order_detail"]["unknown"] > 0 and not left and s["order_detail"]["open"] == 0, (left, s["order_detail"]))
    everything(live, faults=True)


def last_session(live):
    """Messages of the killed sessions end somewhere; those of the last one are checked as ever."""
    live.con.execute("create temp table keep as select max(id) as id from session")
    for table in EVENTS:
        live.con.execute(f"create temp view {table} as select * from main.{table} where session = (select id from keep)")


def check_crashed_orders(live):
    """Orders of all sessions together. The database may lack the last moments before a kill, the journal may not."""
    theirs = {o["client_order_id"]: (Decimal(o["initial"]), Decimal(o["filled"]), o["status"]) for o in live.dump["orders"]}
    check("nothing of ours rests after the stop", not [c for c, t in theirs.items() if t[2] == "resting"])
    rows = live.q("select client_id, count, filled, state from orders order by session")
    ours = {r[0]: r for r in rows}  # the newest session's word on an order
    last = live.one("select max(id) from session")
    now = {r[0] for r in live.q(f"select client_id from orders where session = {last}")}
    ended = ("filled", "cancelled", "expired", "rejected", "absent")
    left = [r for c, r in ours.items() if c in now and r[3] not in ended]
    check(f"every one of the {len(now)} orders of the last session and of those it found in the journal has ended", not left, left[:3])
    wrong = [(ours[c], t) for c, t in theirs.items() if c in now and (Decimal(ours[c][1]), Decimal(ours[c][2])) != t[:2]]
    check("and agrees on size and filled count", not wrong, wrong[:3])
    never = [r for c, r in ours.items() if c in now and c not in theirs and r[3] not in ("rejected", "absent")]
    check("every order that the exchange has not is rejected or proved absent", not never, never[:3])
    dump = {f["trade_id"] + f["order_id"]: amount(f["fee"]) for f in live.dump["fills"]}
    fills = live.q("select trade_id || order_id, fee from fills")
    check("each fill is counted once, over all sessions", len({f for f, _ in fills}) == len(fills))
    check("each fill that we counted is a fill of the exchange", all(dump.get(f) == amount(fee) for f, fee in fills))
    broken = live.one("select count(*) from session where outcome like 'broken%'")
    check("the killed sessions are marked as broken", broken == len(live.killed), broken)
    return sum((dump[f] for (f,) in live.q(f"select trade_id || order_id from fills where session = {last}")), Decimal(0))


def crash_restart(folder, database=None):
    """Killed in the middle of trading, more than once, also while outcomes are unknown: started again, all is settled."""
    faults = ["http_500_after@3*2", "timeout@5*2", "http_500_after@7*3", "timeout@9*3"]
    live = Live(folder, ["--markets", "6", "--seed", "15", "--rate", "600", "--tier", "premier",
                         *(a for f in faults for a in ("--fault", f))],
                ["--policy-kind", "random", "--policy-seed", "9", "--orders-pricing", "mid", "--exchange-request-timeout-ms", "1000",
                 "--orders-clock-window-ms", "2000", "--risk-unknown-halt", "0"], 10, kills=(1, 2, 0.3, 1), database=database,
                enough=enough("select count(*) from fills where session = (select max(id) from session)"),
                calm=lambda live: not both.count(live.db, "select count(*) from orders where state = 'unknown' and session = (select max(id) from session)"))
    last_session(live)
    s = live.summary
    check("the last session sent orders, after reading what was left", s["orders"] > 0, s["verdicts"])
    check_books(live)
    check_messages(live)
    fees = check_crashed_orders(live)
    check_account(live, fees)
    both.check_replays(live.db)


class Killed:
    """`run` against one simulator, killed at random instants. Between two kills it is started again and stopped properly, so that
    nothing of ours rests: then both accounts stand still and are compared."""

    def __init__(self, folder, rng, sim_args, run_args):
        p = lambda name: os.path.join(folder, name)
        self.rng, self.db, self.summary_path = rng, p("run.db"), p("summary.json")
        self.env = both.environment(folder)
        self.log = open(p("run.log"), "w")
        self.sim = both.Sim(folder, *sim_args)
        self.command = [binary, "run", "--exchange", self.sim.ready, "--store-path", self.db, "--orders-journal", p("journal"),
                        "--run-summary-json", self.summary_path, *run_args]
        self.kills, self.resting_at_kill = 0, 0

    def do(self, **action):
        return self.sim.do(**action)

    def pricing(self):
        return ["--orders-pricing", self.rng.choice(["mid", "passive", "aggressive", "aggressive"])]

    def kill_once(self, resting):
        """At an instant between a fresh start and some trading: how long a start takes here was measured. resting: while orders rest."""
        pricing = ["--orders-pricing", "passive"] if resting else self.pricing()
        run = subprocess.Popen([*self.command, *pricing], stdout=self.log, stderr=self.log, env=self.env)
        if resting:
            both.freeze(run, self.sim)
        else:
            time.sleep(self.rng.uniform(0.2, 1) * self.start_takes + self.rng.choice([0, self.rng.uniform(0, 1.5)]))
        alive = run.poll() is None
        run.kill()
        run.wait()
        self.kills += 1
        self.resting_at_kill += len(self.sim.resting())
        return alive

    def settle_once(self):
        """Start, trade for a moment, stop; what both sides say then."""
        if os.path.exists(self.summary_path):
            os.unlink(self.summary_path)
        orders, began = self.sim.orders(), time.time()
        run = subprocess.Popen([*self.command, *self.pricing()], stdout=self.log, stderr=self.log, env=self.env)
        until(lambda: self.sim.orders() > orders, "it trades when it is started again", run, 0.02)
        self.start_takes = time.time() - began
        time.sleep(0.5)
        run.send_signal(signal.SIGTERM)
        code = run.wait(both.LIMIT)
        return code, json.load(open(self.summary_path)) if code == 0 else None, self.sim.now()


def kill_restart(folder):
    """kill -9 at random instants (start-up, trading, unknown outcomes); DELTAFLOW_KILLS of them, DELTAFLOW_SEED repeats the instants."""
    kills = int(os.environ.get("DELTAFLOW_KILLS", "10"))
    seed = int(os.environ.get("DELTAFLOW_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"seed {seed}, {kills} kills", flush=True)
    rng = random.Random(seed)
    k = Killed(folder, rng, ["--markets", "6", "--seed", str(seed % 1000), "--rate", "800", "--tier", "prime", "--balance", "100000"],
               ["--policy-kind", "random", "--policy-seed", str(seed % 997), "--exchange-request-timeout-ms", "700",
                "--orders-clock-window-ms", "1000", "--risk-unknown-halt", "0", "--risk-max-loss-usd", "100000", "--risk-max-loss-day-usd", "100000",
                "--risk-max-drawdown-usd", "100000", "--risk-max-gross-usd", "90000"])
    try:
        dead, wrong, codes = [], [], []
        k.settle_once()
        for i in range(kills):
            if rng.random() < 0.7:  # some outcomes are unknown when it dies, and some when it is started again
                k.do(do="fault", fault=rng.choice(["http_500_after", "timeout", "http_500", "slow_answer"]), count=rng.randrange(1, 4))
            if not k.kill_once(i == kills - 1):
                dead.append(i)
            code, summary, dump = k.settle_once()
            if code != 0:
                codes.append((i, code))
                break
            differs = account_differs(summary, dump)
            if differs:
                wrong.append((i, differs[:3]))
        dump = k.do(do="dump")["state"]
    finally:
        k.sim.stop()
    if codes:
        sys.stdout.write(open(k.log.name).read()[-3000:])
    check("each run lived until it was killed", not dead, dead)
    check(f"after each of {k.kills} kills it starts, and stops with nothing left over", not codes, codes)
    check("after each restart cash, positions and their cost equal the exchange's, and nothing rests", not wrong, wrong[:2])
    con = sqlite3.connect(k.db)
    adopted = con.execute("select ticker, ours, theirs from reconciliations where adopted").fetchall()
    check("neither cash nor a position was ever set right from the exchange's", not adopted, adopted[:3])
    clients = [o["client_order_id"] for o in dump["orders"]]
    check(f"none of {len(clients)} orders is doubled", len(set(clients)) == len(clients))
    again = con.execute("select client_id, reason from orders where reason like '%already_exists%'").fetchall()
    check("and none was ever sent a second time", not again, again[:3])
    fills = con.execute("select trade_id || order_id, fee from fills").fetchall()
    check("each fill is counted once, over all sessions", len({f for f, _ in fills}) == len(fills))
    theirs = {f["trade_id"] + f["order_id"]: amount(f["fee"]) for f in dump["fills"]}
    check("each fill that we counted is a fill of the exchange", all(theirs.get(f) == amount(fee) for f, fee in fills))
    both.check_replays(k.db)
    print(f"        {k.kills} kills, {len(clients)} orders, {len(theirs)} fills, {k.resting_at_kill} orders rested at the moment of a kill, "
          f"faults {({n: v for n, v in dump['counters']['faults'].items() if v})}")


def drain_by_hand(p, spill, db, waiting, env):
    """`spill --drain` on copies: of the right database, and of none."""
    drain = lambda store, folder: subprocess.run([binary, "spill", "--drain", "--json", "--store", store, "--folder", folder],
                                                 capture_output=True, text=True, env=env)
    for name in ("", "-wal"):
        if os.path.exists(db + name):
            shutil.copy(db + name, p("copy.db" + name))
    shutil.copytree(spill, p("copy"))
    other = drain(p("other.db"), p("copy"))
    check("`spill --drain` keeps a file of another database", other.returncode == 4 and json.loads(other.stdout)["drained"]["kept"] == 1
          and "another database" in other.stderr and len(os.listdir(p("copy"))) == 1, (other.returncode, other.stdout, other.stderr))
    done = drain(p("copy.db"), p("copy"))
    check("and drains one of this", done.returncode == 0 and os.listdir(p("copy")) == [], (done.returncode, done.stdout, done.stderr))
    both.check_schemas(spill=json.loads(done.stdout))
    check("row by row", json.loads(done.stdout)["drained"] == {"files": 1, "rows": waiting["rows"], "missing": 0, "kept": 0}, done.stdout)
    check("a second time there is nothing to do", drain(p("copy.db"), p("copy")).returncode == 0)
    with sqlite3.connect(p("copy.db")) as con:
        sessions = con.execute("select id, outcome from session").fetchall()
    check("no session was added, the killed one is closed", sessions == [(1, f"broken: {waiting['rows']} rows came from its spill file")], sessions)


def rows_wait_is_said(db, rows, env, elsewhere):
    """`sessions`, `show` and `verify` of session 1, whose rows wait in a file, and as they are without the folder of that file."""
    call = lambda env, *words: subprocess.run([binary, *words, "--store", db], capture_output=True, text=True, env=env)
    for name, words in (("sessions", []), ("show", ["1"]), ("verify", ["1"])):
        r, text = call(env, name, *words, "--json"), call(env, name, *words)
        said = json.loads(r.stdout)
        both.check_schemas(**{name: said})
        check(f"`{name}` says that rows wait in a file", said["waiting"] == {"files": 1, "rows": rows}, (said["waiting"], rows))
        check(f"`{name}` says so to people", f"{rows} rows wait in 1 spill file" in text.stdout, text.stdout[-400:])
        bare = call(elsewhere, name, *words)
        check(f"`{name}` says nothing of another folder", "wait in" not in bare.stdout and bare.stderr == "", bare.stdout[-400:] + bare.stderr)
        if name == "verify":
            check("`verify` does not call it clean", r.returncode == text.returncode == 1 and said["clean"] is False, (r.returncode, said["found"]))
            check("not even without findings", not text.stdout.endswith("\nclean\n"), text.stdout[-200:])


def outage_kill(folder):
    """The database is locked for some seconds while it trades, and in the middle the process is killed; then it is started again."""
    p = lambda name: os.path.join(folder, name)
    env = both.environment(folder)
    log = open(p("run.log"), "w")
    db, summary_path, spill = p("run.db"), p("summary.json"), p("spill")
    sim = both.Sim(folder, "--markets", "6", "--seed", "21", "--rate", "600", "--tier", "premier")
    command = [binary, "run", "--exchange", sim.ready, "--store-path", db, "--store-spill", spill, "--store-interval-ms", "200",
               "--orders-journal", p("journal"), "--run-summary-json", summary_path, "--policy-kind", "random", "--policy-seed", "9",
               "--orders-pricing", "mid", "--orders-clock-window-ms", "2000", "--exchange-request-timeout-ms", "3000"]
    rows = lambda con: con.execute("select (select count(*) from delta) + (select count(*) from snapshot)").fetchone()[0]
    try:
        run = subprocess.Popen(command, stdout=log, stderr=log, env=env)
        until(lambda: both.count(db, "select count(*) from fill") > 3, "it trades", run)
        con = sqlite3.connect(f"file:{db}?mode=rw", uri=True, isolation_level=None, timeout=both.LIMIT)
        con.execute("begin immediate")
        before = rows(con)
        orders, locked = sim.orders(), time.time()
        spilled = lambda: [f for f in os.listdir(spill) if f.endswith(".spill")] if os.path.isdir(spill) else []
        until(lambda: sim.orders() > orders + 3, "it trades on while its database is locked", run)
        until(lambda: time.time() > locked + 4 and [f for f in spilled() if os.path.getsize(os.path.join(spill, f)) > 65536],
              "and what waits is in its spill file", run)
        files = spilled()
        check("there is one", len(files) == 1, files)
        check("which nobody else may read", os.stat(os.path.join(spill, files[0])).st_mode & 0o777 == 0o600)
        both.freeze(run, sim)
        alive = run.poll() is None
        run.kill()
        run.wait()
        con.execute("rollback")
        con.close()
        check("it lived until it was killed", alive)
        listed = subprocess.run([binary, "spill", "--json", "--folder", spill, "--store", db], capture_output=True, text=True, env=env)
        waiting = [json.loads(line) for line in listed.stdout.splitlines()]
        both.check_schemas(spill=waiting[0])
        check("`spill` lists the killed run's file", len(waiting) == 1 and waiting[0]["state"] == "waits" and waiting[0]["rows"] > 100
              and waiting[0]["outcome"] is None and waiting[0]["missing"] == 0, (waiting, listed.stderr))
        rows_wait_is_said(db, waiting[0]["rows"], dict(env, DELTAFLOW_STORE_SPILL=spill), dict(env, DELTAFLOW_STORE_SPILL=p("none")))
        drain_by_hand(p, spill, db, waiting[0], env)
        orders = sim.orders()
        run = subprocess.Popen(command, stdout=log, stderr=log, env=env)
        until(lambda: sim.orders() > orders, "it trades again", run)
        time.sleep(3)
        run.send_signal(signal.SIGTERM)
        code = run.wait(both.LIMIT)
        state = sim.now()
    finally:
        sim.stop()
    if code != 0:
        sys.stdout.write(open(p("run.log")).read()[-4000:])
    check("the next start ends with exit status 0", code == 0, code)
    both.end_if_failed()
    summary = json.load(open(summary_path))
    both.check_schemas(run_summary=summary)
    recovered = summary["store"]["recovered"]
    check("it put the waiting rows into the database first", recovered["files"] == 1 and recovered["rows"] == waiting[0]["rows"]
          and recovered["missing"] == 0 and recovered["kept"] == 0, (recovered, waiting[0]["rows"]))
    check("and the file is gone, its own too", os.listdir(spill) == [], os.listdir(spill))
    con = sqlite3.connect(db)
    outcome, = con.execute("select outcome from session where id = 1").fetchone()
    check("the killed session is closed as broken", outcome == f"broken: {recovered['rows']} rows came from its spill file", outcome)
    for session in (1, 2):
        ords = sorted(o for t in EVENTS for (o,) in con.execute(f"select ord from {t} where source = 3 and session = {session}"))
        check(f"each market event of session {session} is there once, in order, without a hole", ords == list(range(1, len(ords) + 1)), len(ords))
        turns = [t for (t,) in con.execute(f"select turn from turn where session = {session} order by turn")]
        check("and each turn", turns == list(range(1, len(turns) + 1)), len(turns))
    check("no gap row was needed", con.execute("select count(*) from gap where reason like 'store:%'").fetchone()[0] == 0)
    check("the outage itself is recorded", rows(con) > before)
    differs = account_differs(summary, state)
    check("cash, positions and their cost equal the exchange's, and nothing rests", not differs, differs[:3])
    fills = con.execute("select trade_id || order_id, fee from fills").fetchall()
    theirs = {f["trade_id"] + f["order_id"]: amount(f["fee"]) for f in state["fills"]}
    check("each fill is counted once, over both sessions, and is one of the exchange", len({f for f, _ in fills}) == len(fills)
          and all(theirs.get(f) == amount(fee) for f, fee in fills))
    both.check_replays(db)


def everything(live, faults=False, adopted_cash=()):
    check("orders were sent", live.summary["orders"] > 0, live.summary["verdicts"])
    check("and filled", live.summary["fills"] > 0, live.summary["order_detail"])
    check_books(live)
    check_messages(live, faults)
    check_orders(live)
    check_account(live, adopted_cash=adopted_cash)
    check_replay(live.db)


both.main(capture_hold, capture_ppo, generated_random, recorded, in_postgres, in_postgres_killed, own_thread,
          passive_shorts, fees, settled, settled_away, settled_unheard, by_hand, faults, crash_restart, outage_kill, kill_restart)
