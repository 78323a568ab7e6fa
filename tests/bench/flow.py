#!/usr/bin/env python3
"""flow.py [--json FILE] - the whole flow on loopback: `sim` serves, `run` follows, trades and records.

Latencies come from the program's own histograms: from the moment a frame is read from the socket to the order request in
the gateway's ring, and on to the transport, at the load of the busiest recorded window (its busiest 20 s, at 1x and 10x),
and at 100 times its average. Then how many messages a second `run` follows with SQLite when the simulator sends as fast as
it is read. Both processes share the machine's cores. Without shared data the load is generated, and the names say so.
"""
import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
binary = os.environ.get("DELTAFLOW_BINARY") or os.path.join(root, "build/release/deltaflow")
shared = os.environ.get("DELTAFLOW_SHARED") or os.path.join(root, "../shared")
window = os.path.join(shared, "data/kalshi/ws/gold15m/KXGOLD15M-26AUG102130-30.jsonl.zst")
json_path = sys.argv[sys.argv.index("--json") + 1] if "--json" in sys.argv else None
SLICE_S = 20
results = []


def read_window():
    raw = subprocess.run(["zstd", "-dcq", window], capture_output=True, check=True).stdout
    return raw.splitlines(), hashlib.sha256(raw).hexdigest()[:16]


def book_after(lines):
    book = {"yes": {}, "no": {}}
    event = None
    for line in lines:
        e = json.loads(line)["event"]
        m = e["msg"]
        if e["type"] == "orderbook_snapshot":
            book = {s: {p: int(q.replace(".", "")) for p, q in m.get(s + "_dollars_fp", [])} for s in book}
            event = e
        elif e["type"] == "orderbook_delta":
            side = book[m["side"]]
            left = side.get(m["price_dollars"], 0) + int(m["delta_fp"].replace(".", ""))
            side.pop(m["price_dollars"], None)
            if left:
                side[m["price_dollars"]] = left
    levels = {s + "_dollars_fp": [[p, f"{q // 100}.{q % 100:02d}"] for p, q in sorted(b.items())] for s, b in book.items()}
    return {"type": "orderbook_snapshot", "sid": 1, "seq": 1,
            "msg": {"market_ticker": event["msg"]["market_ticker"], "market_id": event["msg"].get("market_id", ""), **levels}}


def busiest(lines, seconds, path):
    """The busiest seconds of the window as a recording of its own, its book as the first message."""
    times = [json.loads(l)["recv_ms"] for l in lines]
    best, at, j = 0, 0, 0
    for i, t in enumerate(times):
        while times[j] < t - seconds * 1000:
            j += 1
        if i - j > best:
            best, at = i - j, j
    with open(path, "w") as f:
        f.write(json.dumps({"recv_ms": times[at], "event": book_after(lines[:at])}, separators=(",", ":")) + "\n")
        for line in lines[at:at + best]:
            f.write(line.decode() + "\n")
    return best


def live(sim_args, run_args, seconds):
    with tempfile.TemporaryDirectory(prefix="deltaflow-") as d:
        p = lambda n: os.path.join(d, n)
        sim = subprocess.Popen([binary, "sim", "--ready-file", p("ready"), "--state-dir", p("sim"), "--log-level", "warn",
                                "--tier", "prestige", "--balance", "1000000", *sim_args])
        try:
            while not os.path.exists(p("ready")):
                time.sleep(0.02)
                if sim.poll() is not None:
                    sys.exit("the simulator ended")
            subprocess.run([binary, "run", "--exchange", p("ready"), "--store-path", p("db"), "--orders-journal", p("journal"),
                            "--run-summary-json", p("summary"), "--run-duration-s", str(seconds), "--run-log-level", "error",
                            "--risk-max-gross-usd", "1000000", *run_args],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        finally:
            sim.terminate()
            sim.wait()
        summary = json.load(open(p("summary")))
        con = sqlite3.connect(p("db"))
        first, last, n = con.execute("select min(recv_mono), max(recv_mono), count(*) from delta where source = 3").fetchone()
        return summary, (first, last, n)


def latency(name, sim_args, seconds, digest):
    trade = ["--policy-kind", "random", "--policy-seed", "3", "--actor-throttle-ms", "5"]
    s, (first, last, n) = live(sim_args, trade, seconds)
    rate = n / ((last - first) / 1e9)
    print(f"{name}: {rate:.0f} changes/s, {s['orders']} orders")
    for stage in ("frame_to_actor", "frame_to_request", "frame_to_wire"):
        h = s["stages"][stage]
        print(f"  {stage:<18}" + "".join(f"  {q} {h[q + '_ns'] / 1e3:9.1f} us" for q in ("p50", "p90", "p99", "p999", "max")) + f"  n {h['count']}")
        for q in ("p50", "p99", "p999"):
            results.append({"name": f"{name}.{stage}.{q}", "ns": h[q + "_ns"], "input_hash": digest, "count": h["count"]})
    results.append({"name": f"{name}.rate", "value": rate, "unit": "changes/s", "input_hash": digest})
    if s["gaps"] or s["store"]["lost"] or s["not_taken"]:
        sys.exit(f"{name}: something was lost: {s['gaps']} gaps, {s['store']}, {s['not_taken']} not taken")


def sustained(name, sim_args, seconds, digest, stop):
    s, (first, last, n) = live(sim_args, ["--policy-kind", "hold", *stop], seconds)
    rate = s["messages"] / ((last - first) / 1e9)
    print(f"{name}: {rate:.0f} messages/s followed and stored, {s['messages']} in all, {s['store']['lost']} lost")
    if s["store"]["lost"] or s["not_taken"] or s["gaps"]:
        print(f"  not without loss: {s['gaps']} gaps, {s['not_taken']} not taken, {s['store']['lost']} rows lost")
    results.append({"name": name, "value": rate, "unit": "messages/s", "input_hash": digest, "lost": s["store"]["lost"], "gaps": s["gaps"]})


if os.path.exists(window):
    lines, digest = read_window()
    with tempfile.TemporaryDirectory(prefix="deltaflow-") as d:
        part = os.path.join(d, "busiest.jsonl")
        n = busiest(lines, SLICE_S, part)
        latency("busiest_1x", ["--capture", part], SLICE_S + 1, digest)
        part10 = os.path.join(d, "busiest10.jsonl")
        busiest(lines, SLICE_S * 5, part10)
        latency("busiest_10x", ["--capture", part10, "--speed", "10"], SLICE_S // 2 + 1, digest)
    span = (json.loads(lines[-1])["recv_ms"] - json.loads(lines[0])["recv_ms"]) / 1000
    latency("average_100x", ["--capture", window, "--speed", "100"], int(span / 100) + 1, digest)
    sustained("sustained_sqlite", ["--capture", window, "--speed", "0"], 120, digest, ["--run-stop-when-closed"])
else:
    print(f"shared data {window} is not here: generated load")
    for rate in (1000, 10000):
        latency(f"generated_{rate}", ["--markets", "10", "--seed", "1", "--rate", str(rate)], 15, "seed=1")
    sustained("generated_sustained", ["--markets", "10", "--seed", "1", "--rate", "200000"], 15, "seed=1", [])

if json_path:
    with open(json_path, "w") as f:
        json.dump({"results": results}, f)
