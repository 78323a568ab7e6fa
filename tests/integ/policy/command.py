#!/usr/bin/env python3
"""The `policy` command as a person or a script meets it: exit statuses, messages, forms of output.

usage: command.py DELTAFLOW PROJECT_DIR
"""
import json
import os
import struct
import subprocess
import sys
import tempfile

BINARY = os.path.abspath(sys.argv[1])
ROOT = os.path.abspath(sys.argv[2])
MODELS = os.path.join(ROOT, "tests/data/models")
DEMO = os.path.join(ROOT, "share/models/demo.safetensors")


def run(*args, stdin=""):
    return subprocess.run([BINARY, "policy", *args], capture_output=True, text=True, input=stdin, timeout=240)


def model(name):
    return os.path.join(MODELS, name)


def obs_file(directory, rows):
    path = os.path.join(directory, "obs.json")
    with open(path, "w") as f:
        json.dump({"obs": rows}, f)
    return path


def help_is_on_stdout(_):
    p = run("--help")
    assert p.returncode == 0 and p.stdout.startswith("usage: deltaflow policy") and not p.stderr
    for option in ("--obs", "--stats", "--agent", "--sample", "--seed", "--json"):
        assert option in p.stdout, option


def wrong_usage_is_2(_):
    for args in ([], ["a", "b"], ["--nope", DEMO], [DEMO, "--obs"], [DEMO, "--sample"], [DEMO, "--obs", "x", "--seed", "-1"],
                 [DEMO, "--obs", "x", "--seed", "1x"], [DEMO, "--obs", "x", "--seed", "99999999999999999999"]):
        p = run(*args)
        assert p.returncode == 2 and not p.stdout and "--help" in p.stderr, (args, p)


def refusals_are_4_and_one_line(d):
    bad_rows = [
        ([[0.0] * 51], "51 numbers"), ([["x"] * 52], "no number"), ([{}], "row 0"), (["a"], "row 0"),
    ]
    cases = [([model("none.zip")], "not_found"), ([MODELS], "io"), ([DEMO, "--obs", model("none.json")], "io"),
             ([DEMO, "--obs", model("tanh.zip")], "json"), ([DEMO, "--stats", model("scaled.pkl")], "statistics"),
             ([model("tanh.zip"), "--agent"], "observation_size"), ([model("bad_nan.zip")], "NaN")]
    for rows, word in bad_rows:
        p = run(DEMO, "--obs", obs_file(d, rows))
        assert p.returncode == 4 and word in p.stderr and len(p.stderr.splitlines()) == 1, (rows, p)
    for args, word in cases:
        p = run(*args)
        assert p.returncode == 4 and word in p.stderr and len(p.stderr.splitlines()) == 1 and not p.stdout, (args, p)


def a_pipe_is_refused_at_once(d):
    fifo = os.path.join(d, "fifo")
    os.mkfifo(fifo)
    p = run(fifo)
    assert p.returncode == 4 and "regular" in p.stderr, p


def a_hostile_name_stays_one_line(d):
    p = run(os.path.join(d, "a\nb\x1b[2J.zip"))
    assert p.returncode == 4 and len(p.stderr.splitlines()) == 1 and "\x1b" not in p.stderr, p


def numbers_are_float32_that_read_back(_):
    p = run(DEMO, "--obs", model("obs_52.json"))
    assert p.returncode == 0 and not p.stderr, p
    rows = [json.loads(line) for line in p.stdout.splitlines()]
    assert len(rows) == 16
    for row in rows:
        assert list(row) == ["action", "logits", "probs", "value"]
        for v in (*row["logits"], *row["probs"], row["value"]):
            assert float(f"{struct.unpack('<f', struct.pack('<f', v))[0]:.9g}") == v
        assert row["action"] == row["probs"].index(max(row["probs"]))
        assert abs(sum(row["probs"]) - 1) < 1e-5


def stdin_and_bare_arrays_are_read(_):
    whole = run(DEMO, "--obs", model("obs_52.json")).stdout
    obs = json.load(open(model("obs_52.json")))["obs"]
    assert run(DEMO, "--obs", "-", stdin=json.dumps({"obs": obs})).stdout == whole
    assert run(DEMO, "--obs", "-", stdin=json.dumps(obs)).stdout == whole


def sampling_repeats_from_its_seed(_):
    def actions(seed):
        p = run(DEMO, "--obs", model("obs_52.json"), "--sample", "--seed", str(seed))
        return [json.loads(line)["action"] for line in p.stdout.splitlines()]
    assert actions(7) == actions(7)
    assert len({tuple(actions(s)) for s in range(5)}) > 1
    plain = run(DEMO, "--obs", model("obs_52.json"), "--sample").stdout
    assert plain == run(DEMO, "--obs", model("obs_52.json"), "--sample", "--seed", "1").stdout


def a_row_that_is_not_finite_gives_nulls_and_3(d):
    p = run(DEMO, "--obs", obs_file(d, [[0.0] * 52, [1e39] + [0.0] * 51, [0.0] * 52]))
    rows = [json.loads(line) for line in p.stdout.splitlines()]
    assert p.returncode == 3 and "1 of 3 rows" in p.stderr, p
    assert rows[1]["action"] is None and rows[1]["probs"] is None and rows[0] == rows[2]


def missing_statistics_are_warned_of(_):
    p = run(model("scaled.zip"), "--json")
    d = json.loads(p.stdout)
    assert p.returncode == 0 and "VecNormalize" in p.stderr and d["wants_statistics"] and d["statistics"] is None
    p = run(model("scaled.zip"), "--json", "--stats", model("scaled.pkl"))
    q = json.loads(p.stdout)
    assert not p.stderr and q["statistics"] == {"norm_obs": True, "clip_obs": 5, "epsilon": 1e-8} and q["hash"] != d["hash"]


def the_description_has_the_schemas_keys(_):
    schema = json.load(open(os.path.join(ROOT, "docs/schemas/policy.json")))
    d = json.loads(run(DEMO, "--json").stdout)
    assert sorted(d) == sorted(schema["$defs"]["description"]["required"])
    assert d["agent"] and d["parameters"] == 52 * 64 + 64 + 64 * 64 + 64 + 64 * 5 + 5 + 52 * 64 + 64 + 64 * 64 + 64 + 64 + 1
    text = run(DEMO).stdout
    assert "52-64-64-5 Tanh" in text and d["hash"] in text


def a_full_disk_is_a_failure(_):
    if not os.path.exists("/dev/full"):
        return
    with open("/dev/full", "w") as full:
        p = subprocess.run([BINARY, "policy", DEMO], stdout=full, stderr=subprocess.PIPE, text=True, timeout=240)
    assert p.returncode == 1 and "output failed" in p.stderr, p


TESTS = [help_is_on_stdout, wrong_usage_is_2, refusals_are_4_and_one_line, a_pipe_is_refused_at_once,
         a_hostile_name_stays_one_line, numbers_are_float32_that_read_back, stdin_and_bare_arrays_are_read,
         sampling_repeats_from_its_seed, a_row_that_is_not_finite_gives_nulls_and_3, missing_statistics_are_warned_of,
         the_description_has_the_schemas_keys, a_full_disk_is_a_failure]


def main():
    failed = 0
    for test in TESTS:
        with tempfile.TemporaryDirectory() as d:
            try:
                test(d)
            except AssertionError as e:
                failed += 1
                print(f"FAILED {test.__name__}: line {e.__traceback__.tb_next.tb_lineno}: {e}")
    print(f"{len(TESTS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
