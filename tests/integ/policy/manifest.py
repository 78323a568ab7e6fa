#!/usr/bin/env python3
"""Run `deltaflow policy` over every file of a model manifest and compare verdicts and numbers.

usage: manifest.py DELTAFLOW MODELS_DIR [--only SUBSTRING]
       manifest.py DELTAFLOW --shared [--only SUBSTRING]     (data/models of the shared data)

The manifest's format is that of data/models/README.md in the shared data: expect and agent_52x5 are
accept, reject or either; error and mention_any say how a refusal must read; vectors hold the numbers.
Ends with "N passed, N failed".
"""
import json
import os
import resource
import subprocess
import sys
import tempfile

SECONDS_MAX = 10.0     # of the processor's time: a verdict must come "well under a second"; sanitizers and a slow machine take more
BYTES_MAX = 1 << 30    # address space, only where no sanitizer reserves its own


def processor_time():
    """What all children that have ended used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(binary, args, cwd, limit):
    def bound():
        if limit:
            resource.setrlimit(resource.RLIMIT_AS, (BYTES_MAX, BYTES_MAX))
    before = processor_time()
    p = subprocess.run([binary, "policy", *args], cwd=cwd, capture_output=True, text=True, timeout=240,
                       preexec_fn=bound)
    return p, processor_time() - before


def is_sanitized(binary):
    with open(binary, "rb") as f:
        return b"__asan_init" in f.read()


def close(got, want, scale):
    return abs(got - want) <= 1e-4 * (1 + abs(want) if scale else 1)


def check_numbers(root, entry, stdout):
    """First difference as text, or None."""
    v = json.load(open(os.path.join(root, entry["vectors"])))
    lines = [json.loads(line) for line in stdout.splitlines()]
    if len(lines) != len(v["logits"]):
        return f"{len(lines)} rows and not {len(v['logits'])}"
    exact = entry.get("exact_argmax", v.get("exact_argmax", False))
    for i, row in enumerate(lines):
        if row["action"] is None:
            return f"row {i}: not finite"
        for k, want in enumerate(v["logits"][i]):
            if not close(row["logits"][k], want, True):
                return f"row {i}: logit {k} is {row['logits'][k]} and not {want}"
        for k, want in enumerate(v["probs"][i]):
            if not close(row["probs"][k], want, False):
                return f"row {i}: probability {k} is {row['probs'][k]} and not {want}"
        if not close(row["value"], v["value"][i], True):
            return f"row {i}: value is {row['value']} and not {v['value'][i]}"
        largest = max(abs(x) for x in v["logits"][i])
        if (exact or v["gap"][i] > 1e-3 * (1 + largest)) and row["action"] != v["argmax"][i]:
            return f"row {i}: action {row['action']} and not {v['argmax'][i]}"
    return None


def check_arch(entry, text):
    d = json.loads(text)
    a = entry["arch"]
    got = {"obs_dim": d["observations"], "n_actions": d["actions"], "activation": d["activation"],
           "shared": d["shared"], "pi": d["policy"], "vf": d["value"]}
    return None if got == {k: a[k] for k in got} else f"described as {got}"


def check_refusal(entry, p):
    lines = p.stderr.splitlines()
    if p.returncode != 4 or len(lines) != 1 or p.stdout:
        return f"exit {p.returncode}, {len(lines)} lines on stderr, {len(p.stdout)} bytes on stdout: {p.stderr[:300]}"
    if not any(word in p.stderr for word in entry.get("mention_any", [""])):
        return f"mentions none of {entry['mention_any']}: {p.stderr}"
    if "error" in entry and f"refused: {entry['error']}: " not in p.stderr:
        return f"class is not {entry['error']}: {p.stderr}"
    return None


def check(binary, root, entry, cwd, limit):
    path = os.path.join(root, entry["file"])
    stats = []
    model = path
    if "for_model" in entry:
        model = os.path.join(root, entry["for_model"])
        stats = ["--stats", path]
    elif "vecnormalize" in entry:
        stats = ["--stats", os.path.join(root, entry["vecnormalize"])]
    for kind in ("expect", "agent_52x5"):
        args = [model, *stats, "--json"] + (["--agent"] if kind == "agent_52x5" else [])
        p, seconds = run(binary, args, cwd, limit)
        if p.returncode not in (0, 4):
            return f"{kind}: exit {p.returncode}: {p.stderr[:500]}"
        if seconds > SECONDS_MAX:
            return f"{kind}: took {seconds:.1f} s"
        accepted = p.returncode == 0
        if entry[kind] != "either" and accepted != (entry[kind] == "accept"):
            return f"{kind}: {'accepted' if accepted else 'refused'}: {p.stderr}"
        problem = None
        if not accepted:
            # A sound model of another size is refused for its size only, whatever its entry says.
            wanted = entry if entry["expect"] != "accept" or "error" in entry else {}
            problem = check_refusal(wanted, p)
        elif "arch" in entry:
            problem = check_arch(entry, p.stdout)
        if problem is None and accepted and kind == "expect" and "vectors" in entry:
            v = json.load(open(os.path.join(root, entry["vectors"])))
            q, _ = run(binary, [model, *stats, "--obs", os.path.join(root, v["obs_file"])], cwd, limit)
            problem = f"exit {q.returncode}: {q.stderr}" if q.returncode != 0 else check_numbers(root, entry, q.stdout)
        if problem:
            return f"{kind}: {problem}"
    if os.listdir(cwd):
        return f"left files behind: {os.listdir(cwd)}"
    return None


def shared_models():
    """As tests/shared_data.h: a missing folder fails only when DELTAFLOW_SHARED names it."""
    root = os.environ.get("DELTAFLOW_SHARED", "")
    models = os.path.join(root or "../shared", "data/models")
    if not os.path.exists(os.path.join(models, "manifest.json")):
        if root:
            sys.exit(f"FAILED: DELTAFLOW_SHARED is set, but {models} cannot be read")
        print(f"skipped: shared data {models} is not here")
        sys.exit(77)
    return models


def main():
    binary = os.path.abspath(sys.argv[1])
    root = os.path.abspath(shared_models() if sys.argv[2] == "--shared" else sys.argv[2])
    only = sys.argv[4] if len(sys.argv) > 4 and sys.argv[3] == "--only" else ""
    manifest = json.load(open(os.path.join(root, "manifest.json")))
    limit = not is_sanitized(binary)
    passed = failed = 0
    with tempfile.TemporaryDirectory() as cwd:
        for entry in manifest:
            if only not in entry["file"]:
                continue
            problem = check(binary, root, entry, cwd, limit)
            if problem:
                failed += 1
                print(f"FAILED {entry['file']}: {problem}")
            else:
                passed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
