#!/usr/bin/env python3
"""replayed.py REPLAY [DATABASE] - a recorded session fed to the engine of this build gives the recorded decisions and orders.

Without DATABASE the variable DELTAFLOW_RECORDED names it: tools/test records a session with one build and has every other
build, of both compilers, replay it. Skipped (77) when neither is given.
"""
import os
import sqlite3
import subprocess
import sys

STEPS = ("select number, from_name, event_name, to_name, outcome, yes_px, qty, filled, reserved, ticker, client_id "
         "from order_step where session = (select max(id) from session) order by n")


def compare(replayer, database):
    """Mistakes as texts, and the replayer's summary line. Decisions are compared by the replayer, bit for bit."""
    done = subprocess.run([replayer, database], capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        return [done.stderr[-400:]], ""
    lines = done.stdout.splitlines()
    again = [l.split(" ")[1:] for l in lines if l.startswith("order ")]
    con = sqlite3.connect(database)
    stored = [[str(v) for v in row] for row in con.execute(STEPS)]
    wrong = []
    if again != stored:
        pairs = (p for p in zip(again, stored) if p[0] != p[1])
        wrong.append(f"{len(again)} transitions of orders against {len(stored)} recorded, first: {next(pairs, None)}")
    return wrong, lines[-1]


if __name__ == "__main__":
    path = sys.argv[2] if len(sys.argv) > 2 else os.environ.get("DELTAFLOW_RECORDED", "")
    if not path:
        print("skipped: DELTAFLOW_RECORDED names no recorded session (tools/test records one)")
        sys.exit(77)
    mistakes, summary = compare(sys.argv[1], path)
    print("\n".join(mistakes) or summary)
    print(f"{0 if mistakes else 1} passed, {1 if mistakes else 0} failed")
    sys.exit(1 if mistakes else 0)
