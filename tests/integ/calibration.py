#!/usr/bin/env python3
"""calibration.py DELTAFLOW - `deltaflow sim --calibration` on a recording made here: table, JSON by its schema, mistakes."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

binary = os.path.abspath(sys.argv[1])
source = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(source, "tests"))
import schema  # noqa: E402

passed = 0
failed = 0


def check(claim, ok, detail=""):
    global passed, failed
    passed, failed = (passed + 1, failed) if ok else (passed, failed + 1)
    print(("ok      " if ok else "FAILED  ") + claim + ("" if ok else f": {detail}"), flush=True)


def run(*args):
    return subprocess.run([binary, "sim", *args], env=dict(os.environ, HOME=folder), capture_output=True, text=True, timeout=240)


def message(ms, side, price, delta):
    msg = {"market_ticker": "KXT-A-1", "price_dollars": price, "delta_fp": delta, "side": side, "ts_ms": ms - 12}
    return json.dumps({"recv_ms": ms, "event": {"type": "orderbook_delta", "msg": msg}})


folder = tempfile.mkdtemp(prefix="deltaflow-")
try:
    tape = os.path.join(folder, "tape.jsonl")
    with open(tape, "w") as f:
        for i in range(400):
            side, price = (("yes", "0.4000"), ("no", "0.5500"))[i % 2]
            f.write(message(1000000 + 50 * i, side, price, "10.00" if i % 4 < 2 else "-5.50") + "\n")
        f.write("no message\n")
    shape = json.load(open(os.path.join(source, "docs/schemas/sim-calibration.json")))
    done = run("--calibration", tape, "--json", "--seed", "5")
    report = json.loads(done.stdout) if done.returncode == 0 else {}
    check("--json ends with exit status 0", done.returncode == 0, done.stderr)
    check("--json fits its schema", not list(schema.errors(report, shape, shape)), list(schema.errors(report, shape, shape))[:3])
    recorded, generated = report["recorded"], report["generated"]
    check("the recording is measured", recorded["messages"] == 400 and abs(recorded["rate_mean"] - 20.05) < 0.1 and
          recorded["fractional_share"] == 0.5 and recorded["lag_ms_p50"] == 12 and recorded["spread_p50"] == 0.05, recorded)
    check("lines that are no message are counted", report["skipped_lines"] == 1, report["skipped_lines"])
    check("generated flow has the recording's markets, rate and duration", report["options"] ==
          {"markets": 1, "rate": report["options"]["rate"], "duration_s": 20, "seed": 5} and
          abs(report["options"]["rate"] - 20.05) < 0.1 and 100 < generated["messages"] < 1600, report["options"])
    again = run("--calibration", tape, "--json", "--seed", "5")
    check("the same seed gives the same report", again.stdout == done.stdout)
    other = json.loads(run("--calibration", tape, "--json", "--markets", "3", "--rate", "90", "--duration", "30").stdout)
    check("what is asked for is generated", other["options"] == {"markets": 3, "rate": 90, "duration_s": 30, "seed": 1} and
          other["generated"]["markets"] == 3, other["options"])
    table = run("--calibration", tape)
    check("the table has both columns and every figure", table.returncode == 0 and "recorded" in table.stdout and
          all(name in table.stdout for name in recorded), table.stdout[:300])
    none = run("--calibration")
    check("without a recording it is wrong usage", none.returncode == 2 and "recordings" in none.stderr, none.stderr)
    missing = run("--calibration", os.path.join(folder, "nowhere.jsonl"))
    check("a missing recording is named", missing.returncode == 4 and "nowhere.jsonl" in missing.stderr, missing.stderr)
    with open(os.path.join(folder, "empty.jsonl"), "w") as f:
        f.write('{"type":"ok"}\n')
    empty = run("--calibration", os.path.join(folder, "empty.jsonl"))
    check("one without a book is refused", empty.returncode == 4 and "no book or trade" in empty.stderr, empty.stderr)
finally:
    shutil.rmtree(folder, ignore_errors=True)
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
