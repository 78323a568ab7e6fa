#!/usr/bin/env python3
"""state.py DELTAFLOW SCENARIO - the exchange outlives its process: what clients knew is there after a kill, a stop, a restart."""
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from sim import LIMIT, Answer, Sim, Ws, check, dial, end, fits, until  # noqa: E402

binary, scenario = sys.argv[1:3]
MARKET = "KXKEEP-A-B1"


def get(who, path):
    a = Answer(who, "GET", path)
    return a.status, a.json() if a.body else None


def place(who, client, side="bid", price="0.4000", count="10.00", **more):
    return Answer(who, "POST", "/portfolio/events/orders",
                  {"ticker": MARKET, "client_order_id": client, "side": side, "price": price, "count": count,
                   "time_in_force": "good_till_canceled", "self_trade_prevention_type": "taker_at_cross", **more})


READS = ["/portfolio/balance", "/portfolio/positions", "/portfolio/orders?limit=200", "/portfolio/fills?limit=200",
         "/portfolio/settlements", "/portfolio/order_groups", "/portfolio/subaccounts/balances",
         "/portfolio/subaccounts/transfers", "/portfolio/orders/queue_positions?market_tickers=" + MARKET, "/api_keys",
         "/account/limits", f"/markets/{MARKET}", f"/markets/{MARKET}/orderbook", "/markets/trades?limit=200", "/events",
         "/series/KXKEEP", "/markets?limit=200", f"/series/KXKEEP/markets/{MARKET}/candlesticks?start_ts=0&end_ts=4000000000&period_interval=1"]


def everything(sim):
    """What two clients can read."""
    seen = {}
    for n in (1, 2):
        who = sim.user(n)
        for path in READS:
            status, body = get(who, path)
            # The time of the answer itself.
            if isinstance(body, dict):
                body.pop("updated_ts", None)
                if "candlesticks" in body:  # a quiet minute may have passed meanwhile
                    body["candlesticks"] = [c for c in body["candlesticks"] if c["volume_fp"] != "0.00"]
                for row in body.get("subaccount_balances", []):
                    row.pop("updated_ts")
            seen[n, path] = (status, body)
    return seen


def compare(before, after, how):
    for (n, path) in before:
        a, b = before[n, path], after[n, path]
        if a != b:
            s, t = json.dumps(a), json.dumps(b)
            i = next((k for k in range(min(len(s), len(t))) if s[k] != t[k]), 0)
            check(f"{how}: user {n} reads the same at {path}", False, f"...{s[max(0, i - 120):i + 120]} | ...{t[max(0, i - 120):i + 120]}")
        elif a[0] >= 500:
            check(f"{how}: {path} can be read", False, a)
    same = sum(before[k] == after[k] for k in before)
    check(f"{how}: {same} of {len(before)} reads of two users are equal", same == len(before))


def make_market(sim):
    r = sim.do("create_market", market=MARKET, title="Kept", yes=[["0.40", "100"], ["0.35", "50"]], no=[["0.50", "80"]])
    check("a market can be listed", r["ok"], r)


def trade(sim):
    """Something of everything."""
    one, two = sim.user(1), sim.user(2)
    make_market(sim)
    group = Answer(one, "POST", "/portfolio/order_groups/create", {"contracts_limit": 100}).json()["order_group_id"]
    ids = {}
    for who, client, more in ((one, "rest", {}), (one, "grouped", {"price": "0.3800", "order_group_id": group}), (two, "other", {}),
                              (one, "takes", {"side": "bid", "price": "0.5000", "count": "20.50"}),
                              (two, "sold", {"side": "ask", "price": "0.4000", "count": "30.25"}),
                              (one, "gone", {"price": "0.2000"})):
        a = place(who, client, **more)
        check(f"order {client} is taken", a.status == 201, (a.status, a.body))
        ids[client] = a.json()["order_id"]
    check("an order is canceled", Answer(one, "DELETE", "/portfolio/events/orders/" + ids["gone"]).status == 200)
    fok = place(one, "killed", price="0.9900", count="5000.00", time_in_force="fill_or_kill")
    check("a fill-or-kill order without volume is refused", fok.status == 409, fok.body)
    Answer(one, "POST", "/portfolio/subaccounts", {})
    Answer(one, "POST", "/portfolio/subaccounts/transfer",
           {"client_transfer_id": "11111111-2222-4333-8444-555555555555", "from_subaccount": 0, "to_subaccount": 1, "amount_cents": 12345})
    sim.do("order", market=MARKET, side="yes", price="0.55", count="5", rests=False)
    return ids, group


def crash():
    with tempfile.TemporaryDirectory() as folder:
        sim = Sim(binary, folder, "--state", folder + "/sim.db", "--markets", "0", "--users", "2", "--tier", "prestige",
                  "--rules-stale-read-ms", "0")
        ids, group = trade(sim)
        before = everything(sim)
        sim.kill()
        sim.start()
        compare(before, everything(sim), "killed")
        one = sim.user(1)
        queue = get(one, f"/portfolio/orders/{ids['rest']}/queue_position")[1]
        ahead = float(queue["queue_position_fp"])
        check("the order waits behind what was there before it", 0 < ahead <= 100, queue)
        r = sim.do("order", market=MARKET, side="no", price="0.60", count=f"{ahead:.2f}", rests=False)
        check("what is ahead of it is taken first", get(one, "/portfolio/orders/" + ids["rest"])[1]["order"]["fill_count_fp"] == "0.00", r)
        sim.do("order", market=MARKET, side="no", price="0.60", count="4", rests=False)
        order = get(one, "/portfolio/orders/" + ids["rest"])[1]["order"]
        check("then the order is filled", order["fill_count_fp"] == "4.00", order)
        for client in ("rest", "gone", "killed"):
            a = place(one, client)
            check(f"client_order_id {client} stays used up", a.status == 409, (a.status, a.body))
        a = place(one, "new", price="0.1000")
        check("a new order has a new id", a.status == 201 and a.json()["order_id"] not in ids.values(), a.body)
        a = Answer(one, "POST", "/portfolio/subaccounts/transfer",
                   {"client_transfer_id": "11111111-2222-4333-8444-555555555555", "from_subaccount": 0, "to_subaccount": 1, "amount_cents": 1})
        check("a transfer is not applied twice", a.status == 409, (a.status, a.body))
        check("the group goes on", Answer(one, "PUT", f"/portfolio/order_groups/{group}/trigger", {}).status == 200)
        check("its order is canceled", get(one, "/portfolio/orders/" + ids["grouped"])[1]["order"]["status"] == "canceled")
        before = everything(sim)
        check("a stop ends with 0", sim.stop() == 0)
        sim.start()
        compare(before, everything(sim), "stopped")
        check("a market can be settled after it", sim.do("determine", market=MARKET, result="yes")["ok"]
              and sim.do("settle", market=MARKET)["ok"])
        before = everything(sim)
        check("there is a settlement", len(before[1, "/portfolio/settlements"][1]["settlements"]) > 0)
        sim.kill()
        sim.start()
        compare(before, everything(sim), "settled and killed")
        con = sim.stop()
        check("no change was found that nobody had named", "unnamed=0" in sim.text().splitlines()[-1], sim.text().splitlines()[-1])
        # Without its state: another exchange behind the same name.
        os.rename(folder + "/sim.db", folder + "/old.db")
        sim.start()
        one = sim.user(1)
        status, balance = get(one, "/portfolio/balance")
        check("without its state the key is good and the cash that of the start", status == 200 and balance["balance_dollars"] in ("10000.0000", "10000.000000"), (status, balance))
        check("an order of before is not found", get(one, "/portfolio/orders/" + ids["rest"])[0] == 404)
        check("nor can it be canceled", Answer(one, "DELETE", "/portfolio/events/orders/" + ids["rest"]).status == 404)
        check("nor is the market there", get(one, "/markets/" + MARKET)[0] == 404)
        make_market(sim)
        a = place(one, "rest")
        check("a client_order_id is free again, under another order_id", a.status == 201 and a.json()["order_id"] != ids["rest"], a.body)
        sim.stop()


def instant():
    """Killed at once after an answer, or after a frame: what it said is there."""
    rng = random.Random(7)
    with tempfile.TemporaryDirectory() as folder:
        sim = Sim(binary, folder, "--state", folder + "/sim.db", "--markets", "0", "--users", "2", "--tier", "prestige",
                  "--rules-stale-read-ms", "0")
        make_market(sim)
        open_orders = {}
        fills = 0
        for turn in range(10):
            one = sim.user(1)
            ws = Ws(one)
            ws.command("subscribe", {"channels": ["fill"]})
            ws.text()
            for i in range(rng.randrange(1, 4)):
                a = place(one, f"t{turn}-{i}", price=f"0.{rng.randrange(10, 48):02d}00", count="3.00")
                open_orders[a.json()["order_id"]] = a.json()["remaining_count"]
            if turn % 3 == 1:
                gone = rng.choice(list(open_orders))
                if Answer(one, "DELETE", "/portfolio/events/orders/" + gone).status == 200:
                    del open_orders[gone]
            if turn % 3 == 2:
                sim.do("order", market=MARKET, side="no", price="0.95", count="60", rests=False)
                frame = ws.text(LIMIT)
                fills += frame is not None and frame["type"] == "fill"
                told = frame["msg"] if frame else None
            sim.kill()
            sim.start()
            orders = {o["order_id"]: o for o in get(sim.user(1), "/portfolio/orders?limit=1000")[1]["orders"]}
            missing = [o for o in open_orders if o not in orders]
            check(f"turn {turn}: {len(open_orders)} answered orders are there", not missing, missing)
            if turn % 3 == 2 and told:
                trades = {f["trade_id"] for f in get(sim.user(1), "/portfolio/fills?limit=1000")[1]["fills"]}
                check(f"turn {turn}: the fill that a frame told of is there", told["trade_id"] in trades, told)
        check("some frames told of fills", fills > 0)
        sim.stop()


def reads(sim, path):
    """As get, or nothing while the port takes no connections."""
    try:
        return get(sim.user(1), path)
    except (OSError, ValueError, AttributeError):
        return None, None


def comes_back(sim):
    """The port answers again."""
    until(lambda: reads(sim, "/exchange/status")[0] == 200, "the simulator is back")


def restart():
    """The fault: all connections end, the same port comes back, with the state or without."""
    for state_file in (True, False):
        with tempfile.TemporaryDirectory() as folder:
            keep = ["--state", folder + "/sim.db"] if state_file else []
            sim = Sim(binary, folder, *keep, "--markets", "0", "--users", "2", "--tier", "prestige", "--rules-stale-read-ms", "0")
            how = "with a state file" if state_file else "without a state file"
            ids, _ = trade(sim)
            before = everything(sim)
            ws = Ws(sim.user(1))
            code, out, _ = sim.run("fault", "restart", "--json")
            check(f"{how}: the fault is taken", code == 0 and json.loads(out) == {"ok": True}, (code, out))
            try:
                gone = ws.frame(LIMIT) is None
            except TimeoutError:
                gone = False
            check(f"{how}: the connection ends", gone)
            comes_back(sim)
            compare(before, everything(sim), f"restarted {how}")
            a = place(sim.user(1), "after", price="0.1000")
            check(f"{how}: orders go on", a.status == 201, a.body)
            check(f"{how}: the fault is counted once", sim.run("fault", "restart", "state=false")[0] == 0)
            until(lambda: reads(sim, "/portfolio/orders/" + ids["rest"])[0] == 404, f"{how}: without its state orders are not found")
            one = sim.user(1)
            check(f"{how}: and the cash is that of the start", get(one, "/portfolio/balance")[1]["balance"] == 1000000, get(one, "/portfolio/balance"))
            if state_file:
                make_market(sim)
                place(one, "kept")
                sim.kill()
                sim.start()
                orders = get(sim.user(1), "/portfolio/orders")[1]["orders"]
                check("what came after is kept, what was before is not", [o["client_order_id"] for o in orders] == ["kept"], orders)
            check(f"{how}: a stop ends with 0", sim.stop() == 0)


def flow():
    """A generated market goes on plausibly from its book."""
    with tempfile.TemporaryDirectory() as folder:
        sim = Sim(binary, folder, "--state", folder + "/sim.db", "--markets", "4", "--rate", "400", "--wait-for-client=false")
        volume = lambda: sum(float(m["volume"]) for m in sim.do("dump")["state"]["markets"])
        until(lambda: volume() > 0, "the flow trades")
        time.sleep(2)
        sim.do("pause", kind="exchange")
        before = {m["market"]: m for m in sim.do("dump")["state"]["markets"]}
        sim.kill()
        sim.start("--rate", "0.000001")
        after = {m["market"]: m for m in sim.do("dump")["state"]["markets"]}
        check("books are as they were", all(before[m]["hash"] == after[m]["hash"] for m in before), [(m, before[m]["hash"], after[m]["hash"]) for m in before])
        sim.kill()
        sim.start()
        sim.do("resume")
        books = lambda: {m["market"]: m for m in sim.do("dump")["state"]["markets"]}
        until(lambda: any(m["hash"] != before[t]["hash"] for t, m in books().items()), "the flow goes on")
        time.sleep(2)
        moved = books()
        best = lambda m, side: max((float(p) for p, _ in m[side]), default=0)
        far = [(m, best(before[m], "yes"), best(moved[m], "yes")) for m in before
               if before[m]["yes"] and moved[m]["yes"] and abs(best(before[m], "yes") - best(moved[m], "yes")) > 0.25]
        check("prices go on from where they were", not far, far)
        crossed = [m for m in moved if best(moved[m], "yes") + best(moved[m], "no") >= 1]
        check("no book is crossed", not crossed, crossed)
        thin = [m for m in moved if not 2 <= len(moved[m]["yes"]) + len(moved[m]["no"]) <= 200]
        check("books stay books", not thin, [(m, len(moved[m]["yes"]), len(moved[m]["no"])) for m in thin])
        sim.stop()


def refused():
    with tempfile.TemporaryDirectory() as folder:
        sim = Sim(binary, folder, "--state", folder + "/sim.db", "--markets", "0")
        make_market(sim)
        place(sim.user(1), "one")
        check("a second simulator with the same file is refused",
              (lambda r: r[0] == 4 and "in use" in r[2])(sim.run("--state", folder + "/sim.db", "--port", "0")))
        sim.stop()
        good = open(folder + "/sim.db", "rb").read()

        def attempt(name, content, part, sql=None):
            path = f"{folder}/{name}.db"
            open(path, "wb").write(content)
            if sql:
                con = sqlite3.connect(path)
                con.executescript(sql)
                con.close()
            before = open(path, "rb").read()
            code, _, err = sim.run("--state", path)
            check(f"{name}: exit status 4, and why", code == 4 and part in err and path in err, (code, err[-300:]))
            check(f"{name}: the file is not changed", open(path, "rb").read() == before)

        attempt("text", b"[sim]\nport = 1\n", "no SQLite database")
        attempt("foreign", b"", "another program", "create table t(a);")
        attempt("newer", good, "newer", "pragma user_version=9;")
        attempt("cut", good[:len(good) // 2], "damaged")
        attempt("row", good, "damaged", "update orders set px=px+100;")
        attempt("lost", good, "orders", "delete from orders;")
        code, _, err = sim.run("--state", folder + "/no/such/sim.db")
        check("a folder that is not there is told", code == 4 and "no/such" in err, (code, err[-300:]))


def run_lives():
    """`deltaflow run` trades through restarts of the exchange, with and without its state."""
    with tempfile.TemporaryDirectory() as folder:
        sim = Sim(binary, folder, "--state", folder + "/sim.db", "--markets", "3", "--rate", "200", "--tier", "prestige")
        summary = folder + "/summary.json"
        env = dict(os.environ, HOME=folder, XDG_CONFIG_HOME=folder + "/config")
        log = open(folder + "/run.log", "w")
        command = [binary, "run", "--exchange", sim.ready_path, "--store-path", folder + "/run.db", "--orders-journal",
                   folder + "/journal", "--run-summary-json", summary, "--policy", "random", "--trading", "on"]
        run = subprocess.Popen(command, stdout=log, stderr=log, env=env)
        orders = lambda: sim.do("status")["orders"]
        until(lambda: orders() > 0, "run trades", run)
        time.sleep(1)
        check("restart with state", sim.run("fault", "restart")[0] == 0)
        until(lambda: open(folder + "/sim.log").read().count("restarted with") == 1, "it restarts")
        before = orders()
        until(lambda: orders() > before, "run trades after a restart with state", run)
        check("restart without state", sim.run("fault", "restart", "state=false")[0] == 0)
        until(lambda: open(folder + "/sim.log").read().count("restarted with") == 2, "it restarts again")
        time.sleep(6)
        run.send_signal(signal.SIGTERM)
        code = run.wait(LIMIT)
        # Its orders, money and positions are gone from under it: it may say so (1: orders whose fate it does not know, 7: halted),
        # but ends in order.
        text = open(folder + "/run.log").read()
        check("run ends in order after a restart without state", code in (0, 1, 7) and os.path.exists(summary)
              and (code != 1 or "still outstanding" in text), (code, text[-2000:]))
        check("sim goes on", sim.do("status")["ok"])
        sim.stop()


{"crash": crash, "instant": instant, "restart": restart, "flow": flow, "refused": refused, "run": run_lives}[scenario]()
end()
