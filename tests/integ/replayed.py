#!/usr/bin/env python3
"""replayed.py DELTAFLOW [DATABASE] - `deltaflow replay --verify` of this build finds all of a recorded session again, bit for bit.

Without DATABASE the variable DELTAFLOW_RECORDED names it: tools/test records a session with one build and has every other
build, of both compilers, replay it. Skipped (77) when neither is given.
"""
import json
import os
import subprocess
import sys


def verify(binary, database, session="last", ends=("complete",)):
    """(mistakes as texts, the summary). Another end than those is a mistake. With "broken" among them the
    session may hold nothing that can be compared."""
    done = subprocess.run([binary, "replay", str(session), "--store", database, "--verify", "--json"],
                          capture_output=True, text=True, timeout=600)
    if not done.stdout:
        return [f"exit status {done.returncode}: {done.stderr[-400:]}"], {}
    summary = json.loads(done.stdout)
    if "broken" in ends and done.returncode == 4 and summary["verify"]["result"] == "nothing" and summary["replayed"]["turns"] == 0:
        return [], summary  # it was killed before a turn of it was stored whole: there is nothing to show
    if done.returncode != 0 or not summary["verify"]["equal"]:
        return [f"exit status {done.returncode}: {summary['verify']['difference']} {done.stderr[-400:]}"], summary
    if summary["end"]["kind"] not in ends:
        return [f"ended before the record did: {summary['end']}"], summary
    return [], summary


def line(summary):
    """What was compared, for people."""
    return ", ".join(f"{n} {what}" for what, n in summary["verify"]["compared"].items()) if summary else ""


if __name__ == "__main__":
    path = sys.argv[2] if len(sys.argv) > 2 else os.environ.get("DELTAFLOW_RECORDED", "")
    if not path:
        print("skipped: DELTAFLOW_RECORDED names no recorded session (tools/test records one)")
        sys.exit(77)
    mistakes, result = verify(sys.argv[1], path)
    print("\n".join(mistakes) or line(result))
    print(f"{0 if mistakes else 1} passed, {1 if mistakes else 0} failed")
    sys.exit(1 if mistakes else 0)
