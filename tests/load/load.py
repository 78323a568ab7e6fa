#!/usr/bin/env python3
"""load.py DELTAFLOW LOAD [--clients N] [--markets N] [--rate R] [--seconds S] - the exchange under many readers.

Starts `deltaflow sim` with generated flow and the load client against it, and watches the exchange's memory and CPU. Prints
the figures as JSON; exit status 1 when a frame was lost, a connection ended, a reader waited too long or memory grew.
"""
import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

ap = argparse.ArgumentParser()
ap.add_argument("deltaflow")
ap.add_argument("load")
ap.add_argument("--clients", type=int, default=200)
ap.add_argument("--markets", type=int, default=5000)
ap.add_argument("--rate", type=float, default=650, help="of the generated flow; how much it gives depends on its agents")
ap.add_argument("--min-messages", type=float, default=500, help="order book messages a second that each client must get")
ap.add_argument("--seconds", type=float, default=60)
ap.add_argument("--stall-ms", type=float, default=5000, help="longest silence that a client may see")
ap.add_argument("--patient", action="store_true",
                help="the machine may be slow: measure until each client has what it must get in --seconds; no silence is too long")
ap.add_argument("--growth-mb", type=float, default=64, help="how much the exchange may grow while it is measured")
a = ap.parse_args()


sanitized = b"__asan_init" in open(a.deltaflow, "rb").read()  # it keeps what is freed


def rss_mb(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def cpu_s(pid):
    f = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(f[11]) + int(f[12])) / os.sysconf("SC_CLK_TCK")


def main():
    with tempfile.TemporaryDirectory() as folder:
        ready, dump = os.path.join(folder, "ready.json"), os.path.join(folder, "dump.json")
        log = open(os.path.join(folder, "sim.log"), "w+")
        sim = subprocess.Popen([a.deltaflow, "sim", "--state-dir", os.path.join(folder, "sim"), "--ready-file", ready,
                                "--markets", str(a.markets), "--rate", str(a.rate), "--dump", dump],
                               stdout=log, stderr=log, env=dict(os.environ, HOME=folder))
        try:
            end = time.time() + 240
            while not os.path.exists(ready):
                if sim.poll() is not None or time.time() > end:
                    log.seek(0)
                    sys.exit("the simulator does not get ready\n" + log.read())
                time.sleep(0.05)
            memory = {"before": rss_mb(sim.pid)}
            samples, cpu, measuring = [], {}, threading.Event()

            def watch():
                while sim.poll() is None:
                    if measuring.is_set():
                        samples.append(rss_mb(sim.pid))
                    time.sleep(0.5)

            threading.Thread(target=watch, daemon=True).start()
            wanted = [str(int(a.min_messages * a.seconds))] if a.patient else []
            load = subprocess.Popen([a.load, ready, str(a.clients), str(a.seconds), *wanted], stdout=subprocess.PIPE, text=True)
            result = None
            for line in load.stdout:
                word = line.strip()
                if word.startswith("{"):
                    result = json.loads(word)
                else:
                    memory[word] = rss_mb(sim.pid)
                    cpu[word] = cpu_s(sim.pid)
                    measuring.set() if word == "snapshots" else measuring.clear() if word == "measured" else None
            code = load.wait()
            time.sleep(1.5)
            memory["clients_gone"] = rss_mb(sim.pid)
        finally:
            sim.send_signal(signal.SIGTERM)
            sim_code = sim.wait(240)
        if result is None:
            sys.exit("the load client has no result")
        counters = json.load(open(dump))["counters"]
        middle = samples[len(samples) // 2] if samples else memory["snapshots"]
        result.update({"messages_per_s": round(result["frames_per_s"] / a.clients, 1), "rss_mb": {k: round(v, 1) for k, v in {**memory, "middle": middle, "max": max(samples or [0])}.items()},
                       "sim_cpu_cores": round((cpu["measured"] - cpu["snapshots"]) / result["measured_s"], 2),
                       "overflows": counters["overflows"], "source_messages": counters["source_messages"]})
        print(json.dumps(result, indent=1))
        first = samples[0] if samples else memory["snapshots"]
        bad = []
        bad += ["the load client failed"] if code != 0 else []
        bad += ["the simulator failed"] if sim_code != 0 else []
        bad += ["a subscription overflowed"] if counters["overflows"] else []
        bad += ["a client stalled"] if result["longest_silence_ms"] > a.stall_ms and not a.patient else []
        fewest, most = result["frames_of_a_client"]
        bad += ["a client got much less than another"] if fewest < most / 2 else []
        bad += ["memory grew"] if memory["measured"] - first > a.growth_mb and not sanitized else []
        must = a.min_messages * (a.seconds if a.patient else result["measured_s"])
        bad += ["too few messages"] if result["frames"] / a.clients < must else []
        for b in bad:
            print("FAILED  " + b)
        sys.exit(1 if bad else 0)


main()
