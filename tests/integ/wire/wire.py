#!/usr/bin/env python3
"""wire.py DELTAFLOW - what is below frames: pings, compression, closing, and the faults of connections, over real sockets."""
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import client

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
import sim_admin

binary = sys.argv[1]
LIMIT = 240  # seconds for what must happen at last; only a failure takes so long
passed = failed = 0


def check(claim, ok, detail=""):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    print(("ok      " if ok else "FAILED  ") + claim + ("" if ok else f": {detail}"), flush=True)


class Sim:
    def __init__(self, *args):
        self.folder = tempfile.TemporaryDirectory()
        self.args = args

    def __enter__(self):
        p = lambda name: os.path.join(self.folder.name, name)
        self.log = open(p("log"), "w+")
        self.dump_path = p("dump.json")
        # One folder of keys for all, made once: the user's keys and the certificate stay.
        self.process = subprocess.Popen([binary, "sim", "--state-dir", os.path.join(keys.name, "sim"), "--ready-file", p("ready.json"),
                                         "--dump", self.dump_path, "--markets", "3", "--flow-stalls=false", *self.args],
                                        stdout=self.log, stderr=self.log, env=dict(os.environ, HOME=self.folder.name))
        end = time.time() + LIMIT
        while not os.path.exists(p("ready.json")):
            if self.process.poll() is not None or time.time() > end:
                self.log.seek(0)
                sys.exit("the simulator does not get ready\n" + self.log.read())
            time.sleep(0.02)
        self.ready = json.load(open(p("ready.json")))
        return self.ready

    def __exit__(self, *unused):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(LIMIT)
        check("the simulator ends well", code == 0, code)
        self.dump = json.load(open(self.dump_path))
        self.folder.cleanup()

    def counted(self, fault):
        return self.dump["counters"]["faults"][fault]

    def do(self, **action):
        """An action, now; its reply."""
        return sim_admin.ask(os.path.join(keys.name, "sim"), **action)

    def fault(self, name, **keys_of_it):
        reply = self.do(do="fault", fault=name, **keys_of_it)
        check(f"the fault {name} is taken", reply["ok"], reply)


def book(ready, ws, **more):
    ws.command("subscribe", {"channels": ["orderbook_delta"], "market_tickers": ready["markets"], **more})


ORDER = {"side": "bid", "count": "1.00", "price": "0.0100", "time_in_force": "good_till_canceled",
         "self_trade_prevention_type": "maker"}


def order(ready, name, **more):
    return client.Answer(ready, "POST", "/portfolio/events/orders",
                         {"ticker": ready["markets"][0], "client_order_id": name, **ORDER}, **more)


def next_of(ws, opcode):
    while True:
        f = ws.frame()
        if f is None or f[0] == opcode:
            return f


def pings():
    with Sim("--rules-ping-interval-ms", "300", "--rules-pong-timeout-ms", "1000") as ready:
        ws = client.Ws(ready)
        check("an upgrade is answered 101", ws.status == 101, ws.head)
        at = []
        for _ in range(3):
            f = next_of(ws, 9)
            at.append(time.monotonic())
            check("a ping has the body heartbeat", f is not None and f[2] == b"heartbeat", f)
            last = time.monotonic()
            ws.send(10, f[2])
        check("pings come at the interval, not all at once", at[2] - at[0] > 0.25, at)
        ws.send(9, b"are you there")
        f = next_of(ws, 10)
        check("a client's ping gets a pong with its body", f is not None and f[2] == b"are you there", f)
        while next_of(ws, 9) is not None:
            pass
        took = time.monotonic() - last
        check("without pongs the connection ends, but not before their time", took > 0.9, took)
    with Sim("--rules-ping-interval-ms", "0") as ready:
        ws = client.Ws(ready)
        try:
            f = ws.frame(1.5)
        except TimeoutError:
            f = "none"
        check("with interval 0 no ping comes", f == "none", f)
    with Sim("--rules-ping-interval-ms", "300", "--rules-ping-when-idle=true", "--rate", "200") as ready:
        busy, idle = client.Ws(ready), client.Ws(ready)
        book(ready, busy)
        # By the exchange's own clock: where a ping comes between two messages, it had nothing to say for the interval.
        told, wrong, pinged, gaps = None, [], False, []
        while len(gaps) < 400:
            f = busy.frame()
            if f[0] == 9:
                busy.send(10, f[2])
                pinged = True
            elif f[0] == 1:
                at = json.loads(f[2]).get("sending_ts_ms")
                if told is not None and at is not None:
                    gaps.append(at - told)
                    wrong += [gaps[-1]] if pinged and gaps[-1] < 250 else []
                told, pinged = at if at is not None else told, False
        check("no pings while data flows", not wrong, wrong)
        check("pings where nothing flows", next_of(idle, 9) is not None)


def compression():
    offer = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}
    with Sim("--rate", "300") as ready:
        plain, packed = client.Ws(ready), client.Ws(ready, offer)
        check("permessage-deflate is agreed when offered", b"permessage-deflate" in packed.head, packed.head)
        check("and not when it is not", b"permessage-deflate" not in plain.head, plain.head)
        book(ready, plain)
        book(ready, packed)
        rsv = set()
        got = []
        while len(got) < 300:
            f = packed.frame()
            if f[0] == 9:
                packed.send(10, f[2])
                continue
            rsv.add(f[1])
            got.append(json.loads(packed.inflate.decompress(f[2] + b"\x00\x00\xff\xff")))
        seqs = [g["seq"] for g in got if "seq" in g]
        check("compressed frames are marked and lose nothing", rsv == {True} and seqs == list(range(1, len(seqs) + 1)), (rsv, seqs[:9]))
        deltas = lambda all: [json.dumps(m["msg"], sort_keys=True) for m in all if m["type"] == "orderbook_delta"]
        a, b = deltas(got), []
        while len(b) < 20000 and (a[0] not in b or len(b) < b.index(a[0]) + 100):  # the plain one began earlier
            b += deltas([plain.text()])
        at = b.index(a[0]) if a[0] in b else -1
        check("they say what uncompressed ones say", at >= 0 and a[:100] == b[at:at + 100], (at, a[:2], b[:2]))
    with Sim("--rules-deflate=false") as ready:
        ws = client.Ws(ready, offer)
        check("the rule deflate=false agrees to nothing", ws.status == 101 and b"deflate" not in ws.head, ws.head)
        book(ready, ws)
        check("and frames are plain", ws.text()["type"] == "subscribed")


def limits():
    with Sim("--rate", "1") as ready:
        ws = client.Ws(ready)
        ws.send(1, b'{"id":1,"cmd":"' + b"x" * (60 << 20) + b'"}')
        check("a command of 60 MiB is read", ws.text()["msg"]["code"] == 5)
        try:
            ws.send(1, b" " * ((64 << 20) + 1))
        except OSError:
            pass  # it may hang up in the middle
        f = next_of(ws, 8)
        check("a message over 64 MiB is refused with 1009", f is None or int.from_bytes(f[2][:2], "big") == 1009, f)
        check("the exchange goes on", client.Ws(ready).status == 101)


def silent():
    with Sim("--rate", "1") as ready:
        port = int(ready["rest_url"].split(":")[2].split("/")[0])

        def timed():
            begin = time.monotonic()
            return client.Answer(ready, "GET", "/exchange/status").status, time.monotonic() - begin
        _, alone = timed()
        held = [socket.create_connection(("127.0.0.1", port)) for _ in range(400)]
        status, took = timed()
        # Who waited for one of them would wait for its time-out of many seconds.
        check("400 connections that say nothing keep nobody waiting", status == 200 and took < 5 + 10 * alone, (status, took, alone))
        for s in held:
            s.close()


def slow_reader():
    sim = Sim("--rate", "30000")
    with sim as ready:
        ws = client.Ws(ready)
        book(ready, ws)
        ws.text()
        end = time.monotonic() + LIMIT
        while time.monotonic() < end and sim.do(do="dump")["state"]["counters"]["overflows"] == 0:
            time.sleep(0.5)
        codes, seqs = [], []
        while not codes:
            m = ws.text()
            if m is None:
                break
            if m["type"] == "error":
                codes.append(m["msg"]["code"])
            seqs += [m["seq"]] if "seq" in m else []
        check("a reader that sleeps gets everything up to code 25", codes == [25] and seqs == list(range(1, len(seqs) + 1)),
              (codes, len(seqs), [(i, x) for i, x in enumerate(seqs) if x != i + 1][:3]))
        ws.command("list_subscriptions", id=9)
        check("its subscription has ended", ws.text()["msg"] == [])
        book(ready, ws)
        check("and can be made again", ws.text()["type"] == "subscribed")


def connection_faults():
    sim = Sim("--rate", "100", "--fault", "partial_write@1:on=ws")
    with sim as ready:
        ws = client.Ws(ready)
        book(ready, ws)
        while True:
            f = ws.frame()
            if f is None:
                break
            json.loads(f[2]) if f[0] == 1 else None
        check("a cut frame leaves a part of a frame, then the end", len(ws.buf) > 2 and ws.buf[0] == 0x81, ws.buf[:40])
        check("a new connection works", client.Ws(ready).status == 101)
    check("it is counted once", sim.counted("partial_write") == 1)

    sim = Sim("--rate", "100")
    with sim as ready:
        ws = client.Ws(ready)
        book(ready, ws)
        ws.text()
        sim.fault("half_open", **{"for": "8s"})
        try:
            while ws.frame(1.5) is not None:
                pass
            quiet = "ended"
        except TimeoutError:
            quiet = "silent"
        check("a half-open connection is silent, not closed", quiet == "silent", quiet)
        ws.send(9, b"hello")
        try:
            f = ws.frame(0.8)
        except TimeoutError:
            f = "none"
        check("and answers no ping", f == "none", f)
        f = ws.frame()
        check("at its end it is closed without a handshake", f is None, f)
    check("it is counted once", sim.counted("half_open") == 1)

    sim = Sim("--rate", "100", "--fault", "cut@1", "--fault", "ws_refuse@1*2:status=502")
    with sim as ready:
        ws = client.Ws(ready)
        book(ready, ws)
        opcodes = set()
        f = ws.frame()
        while f is not None:
            opcodes.add(f[0])
            f = ws.frame()
        check("a cut connection ends between frames, without a closing handshake", opcodes == {1} and ws.buf == b"", (opcodes, ws.buf[:9]))
        seen = [client.Ws(ready).status for _ in range(3)]
        check("the next two upgrades are answered 502", seen == [502, 502, 101], seen)
    check("both are counted", sim.counted("cut") == 1 and sim.counted("ws_refuse") == 2)


def request_faults():
    sim = Sim("--rate", "1")
    with sim as ready:
        ws = client.Ws(ready)
        sim.fault("partial_write", on="http")
        a = order(ready, "a")
        check("a cut answer ends in the middle", a.status == 201 and not a.whole and 0 < len(a.body) < a.promised, (a.status, a.bytes))
        check("its order is there", order(ready, "a").status == 409)
        sim.fault("timeout")
        a = order(ready, "b")
        check("a timeout has no answer", a.status == 0 and a.bytes == 0, a.status)
        check("but its effect", order(ready, "b").status == 409)
        sim.fault("slow_answer", delay_ms=1500)
        a = order(ready, "c")
        check("a slow answer comes late and whole", a.status == 201 and a.whole and a.took >= 1.5, (a.status, a.took))
        took = [order(ready, f"d{i}").took for i in range(5)]
        check("the next ones are not", min(took) < 1.5, took)
        sim.fault("http_500", status=503)
        seen = [order(ready, "e").status for _ in range(2)]
        check("a 503 before the effect", seen == [503, 201], seen)
        balance = lambda: client.Answer(ready, "GET", "/portfolio/balance").status
        sim.fault("http_429", route="all", count=3)
        seen = [balance() for _ in range(4)]
        check("a storm of 429", seen == [429] * 3 + [200], seen)
        sim.fault("http_429", route="all", **{"for": "8s"})
        seen = [balance()]
        end = time.monotonic() + LIMIT
        while seen[-1] == 429 and time.monotonic() < end:
            seen.append(balance())
        check("one that lasts is over after its time", seen[0] == 429 and seen[-1] == 200, seen)
        ws.close()
    counted = [sim.counted(f) for f in ("partial_write", "timeout", "slow_answer", "http_500", "http_429")]
    check("each is counted", counted == [1, 1, 1, 1, 3 + len(seen) - 1], counted)


keys = tempfile.TemporaryDirectory()
for test in (pings, compression, limits, silent, slow_reader, connection_faults, request_faults):
    print(f"--- {test.__name__}", flush=True)
    test()
keys.cleanup()
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
