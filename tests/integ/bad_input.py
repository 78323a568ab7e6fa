#!/usr/bin/env python3
"""bad_input.py DELTAFLOW - each mistake a user can make gives its exit status and one clear message that names it."""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

binary = os.path.abspath(sys.argv[1])
source = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
passed = 0
failed = 0


def check(claim, ok, detail=""):
    global passed, failed
    passed, failed = (passed + 1, failed) if ok else (passed, failed + 1)
    print(("ok      " if ok else "FAILED  ") + claim + ("" if ok else f": {detail}"), flush=True)


folder = tempfile.mkdtemp(prefix="deltaflow-")
path = lambda name: os.path.join(folder, name)
env = {"HOME": folder, "PATH": os.environ["PATH"]}
env.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})
ready = path("ready.json")
sim = subprocess.Popen([binary, "sim", "--markets", "2", "--ready-file", ready, "--state-dir", path("sim"), "--log-level", "warn"],
                       env=env)


def run(*args, command="run", before=(), **more):
    return subprocess.run([*before, binary, command, *args], env=dict(env, **more), capture_output=True, text=True, timeout=240)


def with_sim(*args, **more):
    return run("--exchange", ready, "--store-path", path("run.db"), "--orders-journal", path("journal"),
               "--run-duration-s", "1", "--run-log-level", "error", *args, **more)


def refused(claim, done, code, *words):
    text = done.stderr
    lines = [l for l in text.splitlines() if l.startswith("deltaflow")]
    missing = [w for w in words if w not in text]
    check(f"{claim}: exit status {code}, message names {', '.join(words)}",
          done.returncode == code and lines and not missing, (done.returncode, missing, text[-500:]))


try:
    end = time.time() + 240
    while not os.path.exists(ready):
        if time.time() > end or sim.poll() is not None:
            sys.exit("FAILED: the simulator does not get ready")
        time.sleep(0.05)
    facts = json.load(open(ready))
    good = with_sim()
    check("without a mistake the same command ends with 0", good.returncode == 0, good.stderr[-800:])

    refused("no key", run("--markets", "KXA-1", "--store-path", path("x.db")), 5, "key_id", "key_file")
    refused("key file that does not exist", with_sim("--exchange-key-file", path("none.pem")), 5, path("none.pem"))
    open_key = path("open.pem")
    shutil.copy(facts["key_file"], open_key)
    os.chmod(open_key, 0o644)
    refused("key file with open permissions", with_sim("--exchange-key-file", open_key), 5, open_key, "chmod 600")
    no_key = path("no.pem")
    with open(no_key, "w") as f:
        f.write("not a key\n")
    os.chmod(no_key, 0o600)
    refused("key file without a key", with_sim("--exchange-key-file", no_key), 5, no_key)
    other = path("other.pem")
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", other], check=True, stderr=subprocess.DEVNULL)
    os.chmod(other, 0o600)
    refused("wrong key", with_sim("--exchange-key-file", other), 5, "authentication_error")
    refused("unknown key id", with_sim("--exchange-key-id", "00000000-0000-4000-8000-000000000000"), 5, "authentication_error")
    if shutil.which("faketime") and "asan" not in binary:
        refused("expired clock", with_sim(before=("faketime", "-f", "-10m")), 5, "header_timestamp_expired", "clock")
    refused("a market that does not exist", with_sim("--feed-markets", "KXNONE-1"), 5, "KXNONE-1")
    refused("a ticker that is none", with_sim("--feed-markets", "a b"), 2, "a b")

    ini = path("bad.ini")
    with open(ini, "w") as f:
        f.write("[orders]\ncount = 10\nthrotle = 1\n")
    refused("unknown config key", with_sim("--config", ini), 5, ini + ":3", "throtle")
    with open(ini, "w") as f:
        f.write("[actor]\nthrottle_ms = soon\n")
    refused("config value of the wrong kind", with_sim("--config", ini), 5, ini + ":2", "throttle_ms", "soon")
    refused("unknown flag", with_sim("--thtrottle"), 2, "--thtrottle")
    refused("unknown variable", with_sim(DELTAFLOW_ACTOR_NONE="1"), 5, "DELTAFLOW_ACTOR_NONE")
    refused("ready file that does not exist", run("--exchange", path("none.json")), 5, path("none.json"), "deltaflow sim")
    with open(path("half.json"), "w") as f:
        f.write('{"rest_url": ')
    refused("ready file cut in half", run("--exchange", path("half.json")), 5, path("half.json"))

    narrow = os.path.join(source, "tests/data/models/gelu.zip")
    refused("model with 6 inputs", with_sim("--policy-kind", "ppo", "--policy-model", narrow), 4, narrow, "6", "52")
    shared = os.environ.get("DELTAFLOW_SHARED") or os.path.join(source, "../shared")
    narrow = os.path.join(shared, "data/models/corrupt/obs_51.zip")
    if os.path.exists(narrow) or os.environ.get("DELTAFLOW_SHARED"):
        refused("model with 51 inputs", with_sim("--policy-kind", "ppo", "--policy-model", narrow), 4, narrow, "51")
    else:
        print(f"skipped: shared data {narrow} is not here")
    refused("model that does not exist", with_sim("--policy-kind", "ppo", "--policy-model", path("none.zip")), 4, path("none.zip"))
    refused("ppo without a model", with_sim("--policy-kind", "ppo"), 5, "model")

    os.mkdir(path("folder.db"))
    refused("database path that cannot be written", with_sim("--store-path", path("folder.db")), 6, path("folder.db"))
    with open(path("text.db"), "w") as f:
        f.write("this is no database, whatever its name says, and it is long enough to be looked at\n" * 20)
    done = with_sim("--store-path", path("text.db"))
    check("a file that is no database is refused and left alone",
          done.returncode in (4, 6) and path("text.db") in done.stderr and open(path("text.db")).read(4) == "this", done.stderr[-300:])

    port = facts["rest_url"].split(":")[2].split("/")[0]
    refused("port in use", run("--port", port, "--state-dir", path("sim"), command="sim"), 6, port)
    refused("fault that does not exist", run("--fault", "flood@1", "--state-dir", path("sim"), command="sim"), 5, "flood")
    refused("dump that could not be written at the end", run("--dump", path("none/dump.json"), "--state-dir", path("sim"), command="sim"), 5,
            path("none/dump.json"), "No such file")
    for option, more in (("outcomes", [path("none.jsonl")]), ("loop_capture", [])):
        refused(f"{option} without a recording", run("--sim-" + option.replace("_", "-"), *more, "--state-dir", path("sim"), command="sim"), 5,
                option, "capture names none")
    refused("recording that does not exist", run("--capture", path("none.jsonl"), "--state-dir", path("sim"), command="sim"), 4,
            path("none.jsonl"))
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    closed = s.getsockname()[1]
    s.close()
    refused("nobody listens", with_sim("--exchange-rest-url", f"https://127.0.0.1:{closed}/trade-api/v2"), 6, str(closed))
    refused("certificate of an authority that is not ours", with_sim("--exchange-ca-file", "/etc/ssl/certs/ca-certificates.crt")
            if os.path.exists("/etc/ssl/certs/ca-certificates.crt") else with_sim("--exchange-ca-file", no_key), 6 if
            os.path.exists("/etc/ssl/certs/ca-certificates.crt") else 5, facts["rest_url"])
    refused("production without --live",
            run("--exchange-rest-url", "https://external-api.kalshi.com/trade-api/v2", "--exchange-key-id", "x",
                "--exchange-key-file", facts["key_file"], "--feed-markets", "KXA-1"), 5, "live")
    refused("unknown command", run(command="rum"), 2, "rum")
    for command in ("run", "sim", "demo", "books", "policy", "observe"):
        done = run("--help", command=command)
        check(f"{command} --help explains itself on stdout", done.returncode == 0 and "usage:" in done.stdout.lower() and
              len(done.stdout.splitlines()) > 8, done.returncode)
    printed = run("--print-config")
    with open(path("printed.ini"), "w") as f:
        f.write(printed.stdout)
    again = run("--config", path("printed.ini"), "--print-config")
    strip = lambda t: [l.split(";")[0].split("#")[0].strip() for l in t.splitlines()]
    check("--print-config is a configuration file again", printed.returncode == 0 and again.returncode == 0 and
          strip(printed.stdout) == strip(again.stdout), again.stderr[-300:])
finally:
    sim.send_signal(signal.SIGINT)
    check("sim stops on SIGINT with exit status 0", sim.wait(30) == 0, sim.returncode)
    shutil.rmtree(folder, ignore_errors=True)
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
