#!/usr/bin/env python3
"""scenario.py DELTAFLOW - `deltaflow sim --scenario`: the example runs to its end over the real server while a client reads,
and wrong files are refused with file, action and reason before anything listens."""
import http.client
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))
import schema  # noqa: E402

EXAMPLE = os.path.join(ROOT, "examples/scenario.json")
SCALE = 4  # a state of two seconds can be seen for half a second


def sim(folder, *args, **more):
    return subprocess.Popen([sys.argv[1], "sim", "--markets", "0", "--state-dir", os.path.join(folder, "state"), *args],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def refused(folder, text, reason):
    path = os.path.join(folder, "wrong.json")
    with open(path, "w") as f:
        f.write(text)
    p = sim(folder, "--scenario", path)
    _, said = p.communicate(timeout=240)
    assert p.returncode == 4, (p.returncode, said)
    assert "wrong.json: " in said and reason in said, (reason, said)


def wrong_files_are_refused(folder):
    refused(folder, "{\"actions\": [", "line 1")
    refused(folder, '{"actions": [{"at": "1s", "do": "fly"}]}', "action 1: there is no action 'fly'")
    refused(folder, '{"actions": [{"at": "1s", "do": "close", "market": "KXA-1-X"}]}', "there is no market KXA-1-X")
    p = sim(folder, "--scenario", os.path.join(folder, "none.json"))
    _, said = p.communicate(timeout=240)
    assert p.returncode == 4 and "none.json" in said, (p.returncode, said)


def the_example_fits_its_schema(_):
    with open(EXAMPLE) as f:
        example = json.load(f)
    wrong = schema.check(example, os.path.join(ROOT, "docs/schemas/scenario.json"))
    assert not wrong, wrong
    for action in example["actions"]:
        del action["at"]
        wrong = schema.check(action, os.path.join(ROOT, "docs/schemas/sim-action.json"))
        assert not wrong, (action, wrong)
    assert schema.check({"do": "close"}, os.path.join(ROOT, "docs/schemas/sim-action.json"))


def statuses(ready, server):
    """Every state that a market was seen in by a client that reads, until the server ends. Its faults end connections now and then."""
    with open(ready) as f:
        info = json.load(f)
    context = ssl.create_default_context(cafile=info["ca_file"])
    seen = {}
    url = urllib.parse.urlsplit(info["rest_url"])
    con = http.client.HTTPSConnection(url.hostname, url.port, context=context, timeout=20)
    while server.poll() is None:
        try:
            con.request("GET", url.path + "/markets")
            answer = con.getresponse()
            body = answer.read()
            for market in json.loads(body)["markets"] if answer.status == 200 else []:
                seen.setdefault(market["ticker"], set()).add(market["status"])
        except (OSError, http.client.HTTPException):
            con.close()
        time.sleep(0.02)
    return seen


def the_example_runs_to_its_end(folder):
    ready, dump = os.path.join(folder, "ready.json"), os.path.join(folder, "dump.json")
    p = sim(folder, "--scenario", EXAMPLE, "--time-scale", str(SCALE), "--ready-file", ready, "--dump", dump,
            "--exit-when-finished")
    deadline = time.time() + 240
    while not os.path.exists(ready) and time.time() < deadline:
        time.sleep(0.01)
    seen = statuses(ready, p)
    _, said = p.communicate(timeout=240)
    assert p.returncode == 0, (p.returncode, said)
    assert "WARN" not in said.upper().replace("WARNING", ""), said
    with open(dump) as f:
        state = json.load(f)
    wrong = schema.check(state, os.path.join(ROOT, "docs/schemas/sim-dump.json"))
    assert not wrong, wrong
    assert {m["status"] for m in state["markets"]} == {"finalized"}, state["markets"]
    assert len(state["markets"]) == 3 and state["counters"]["scenario_errors"] == 0
    assert {"active", "closed", "determined", "disputed", "amended"} <= seen["KXDEMO-26NOV27-T70"], seen
    assert {"active", "inactive", "closed"} <= seen["KXDEMO-26NOV27-B60"], seen
    assert "initialized" in seen["KXDEMORAIN-26NOV27-MM"], seen


def a_scenario_goes_on_after_a_restart(folder):
    for keep in (False, True):
        path, dump = os.path.join(folder, "restart.json"), os.path.join(folder, "dump.json")
        with open(path, "w") as f:
            json.dump({"actions": [{"at": 0, "do": "create_market", "market": "KXA-1-A"},
                                   {"at": "500ms", "do": "fault", "fault": "restart", "state": keep},
                                   {"at": "1s", "do": "create_market", "market": "KXA-1-B"},
                                   {"at": "1s", "do": "deactivate", "market": "KXA-1-A"}]}, f)
        args = ["--state", os.path.join(folder, f"state-{keep}.db")] if keep else []
        p = sim(folder, "--scenario", path, "--dump", dump, "--exit-when-finished", *args)
        _, said = p.communicate(timeout=240)
        assert p.returncode == 0, (p.returncode, said)
        assert said.count("restarted with") == 1, said
        with open(dump) as f:
            state = json.load(f)
        found = {m["market"]: m["status"] for m in state["markets"]}
        # Forgotten: the market is gone, and what concerns it is told as not possible.
        assert found == ({"KXA-1-A": "inactive", "KXA-1-B": "active"} if keep else {"KXA-1-B": "active"}), found
        assert ("there is no market KXA-1-A" in said) == (not keep), said


def main():
    for claim in (a_scenario_goes_on_after_a_restart, the_example_fits_its_schema, wrong_files_are_refused, the_example_runs_to_its_end):
        with tempfile.TemporaryDirectory() as folder:
            claim(folder)
        print("ok  ", claim.__name__.replace("_", " "))


main()
