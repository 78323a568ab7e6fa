#!/usr/bin/env python3
"""admin.py DELTAFLOW - the admin socket and the commands around a simulator, with the real binary."""
import json
import os
import re
import stat
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from sim import LIMIT, Answer, Sim, check, end, fits, read_line  # noqa: E402

binary = os.path.abspath(sys.argv[1])


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def balance(who):
    a = Answer(who, "GET", "/portfolio/balance")
    return a.status, a.json().get("balance")


def keygen(folder):
    def run(*args):
        r = subprocess.run([binary, "sim", "keygen", *args], capture_output=True, text=True, cwd=folder)
        return r.returncode, r.stdout, r.stderr

    code, out, _ = run("--out", "a.key", "--json")
    made = json.loads(out)
    fits(made, "sim-keygen")
    check("keygen makes an RSA key of 2048 bits", code == 0 and made["type"] == "rsa" and made["bits"] == 2048, out)
    check("the private key is for its owner only", mode(folder + "/a.key") == 0o600 and mode(folder + "/a.key.pub") == 0o644)
    check("no key is printed", "PRIVATE" not in out)
    check("openssl can read it", b"2048 bit" in subprocess.run(["openssl", "pkey", "-in", folder + "/a.key", "-noout", "-text"],
                                                                capture_output=True).stdout)
    code, out, err = run("--out", "a.key")
    check("a key is not overwritten", code == 4 and "exists already" in err, (code, err))
    check("but with --force it is", run("--out", "a.key", "--force")[0] == 0)
    code, out, _ = run("--type", "ed25519", "--out", "b.key")
    check("keygen prints the id alone", code == 0 and out.strip() == open(folder + "/b.key.id").read().strip()
          and re.fullmatch(r"[0-9a-f-]{36}\n", out), out)
    for args, part in ((["--type", "dsa"], "neither rsa nor ed25519"), (["--bits", "1024"], "2048"), (["--bits"], "lacks its value"),
                       (["--type", "ed25519", "--bits", "2048"], "--type rsa"), (["x"], "not expected"), (["--nosuch"], "no option")):
        code, out, err = run(*args)
        check(f"keygen {' '.join(args)}: exit status 2, and why", code == 2 and part in err and "--help" in err, (code, err))
    code, _, err = run("--out", "no/such/folder.key")
    check("a folder that is not there: exit status 1", code == 1 and "no/such" in err, (code, err))


def socket_itself(sim):
    check("the socket and the token are for their owner only", mode(sim.dir + "/admin.sock") == 0o600 and mode(sim.dir + "/admin.token") == 0o600)

    def say(line):
        with sim.connect() as s:
            s.sendall(line)
            return json.loads(read_line(s))

    token = sim.token()
    fits(sim.do("users"), "sim-admin")
    for line, part in ((b"nonsense\n", "JSON object"), (b"[]\n", "JSON object"), (b"{}\n", "token"), (b'{"do":"users"}\n', "token"),
                       (b'{"token":"","do":"users"}\n', "token"), (b'{"token":5,"do":"users"}\n', "token"),
                       (json.dumps({"token": token[:-1], "do": "users"}).encode() + b"\n", "token"),
                       (json.dumps({"token": token + "0", "do": "users"}).encode() + b"\n", "token"),
                       (json.dumps({"token": token}).encode() + b"\n", "'do'"),
                       (json.dumps({"token": token, "do": "nosuch"}).encode() + b"\n", "no action"),
                       (b"[" * 5000 + b"\n", "JSON object"), (b"\xff\xfe\n", "JSON object"), (b"x" * 300000 + b"\n", "too long")):
        r = say(line)
        check(f"{line[:40]!r} is refused, and why", r.get("ok") is False and part in r["error"], r)
    with sim.connect() as s:
        for i in range(3):
            s.sendall((json.dumps({"token": token, "do": "status"}) + "\n").encode() * 2)
            lines = b""
            while lines.count(b"\n") < 2:
                lines += s.recv(1 << 16)
            check(f"two lines at once get two answers ({i})", all(json.loads(x)["ok"] for x in lines.splitlines()))
    silent = [sim.connect() for _ in range(16)]
    check("REST goes on while sixteen clients say nothing", balance(sim.user(1))[0] == 200)
    for s in silent:
        s.close()
    check("and so does the socket after them", sim.do("status")["ok"])
    with sim.connect() as s:  # a reply that nobody takes
        s.sendall((json.dumps({"token": token, "do": "dump"}) + "\n").encode())
        check("REST goes on while a reply waits", balance(sim.user(1))[0] == 200)
    with sim.connect() as s:
        s.sendall(b'{"tok')
    check("a client that leaves in the middle harms nothing", sim.do("status")["ok"])


def users(sim, folder):
    code, out, err = sim.run("users", "add", "alice", "--balance", "500", "--tier", "premier", "--json")
    made = json.loads(out)
    fits(made, "sim-user")
    check("a user is added while it runs", code == 0 and made["running"] is True, (code, out, err))
    check("the key is for its owner only", mode(made["key_file"]) == 0o600)
    alice = dict(sim.ready, key_id=made["key_id"], key_file=made["key_file"])
    check("she can trade at once, with her balance", balance(alice) == (200, 50000), balance(alice))
    limits = Answer(alice, "GET", "/account/limits").json()
    check("and her tier", limits["usage_tier"] == "premier", limits)
    code, out, _ = sim.run("users", "add", "bot", "--type", "ed25519", "--out", folder + "/bot.key", "--json")
    bot = dict(sim.ready, key_id=json.loads(out)["key_id"], key_file=folder + "/bot.key")
    check("an Ed25519 user is added", code == 0 and balance(bot)[0] == 200, balance(bot))
    subprocess.run([binary, "sim", "keygen", "--out", folder + "/own.key"], check=True, capture_output=True)
    own = open(folder + "/own.key.id").read().strip()
    code, _, err = sim.run("users", "add", "own", "--public-key", folder + "/own.key.pub", "--key-id", own)
    check("a key that is there already is taken", code == 0 and balance(dict(sim.ready, key_id=own, key_file=folder + "/own.key"))[0] == 200, err)
    for args, want, part in ((["add", "alice"], 4, "already"), (["add", "../x"], 2, "no name"), (["add"], 2, "NAME"),
                             (["add", "c", "--balance", "-5"], 2, "--balance"), (["add", "c", "--tier", "gold"], 2, "--tier"),
                             (["add", "c", "--public-key", folder + "/own.key.pub"], 2, "go together"),
                             (["add", "c", "--public-key", folder + "/own.key", "--key-id", "k"], 4, "public key"),
                             (["add", "c", "--public-key", folder + "/own.key.pub", "--key-id", own], 4, "already"),
                             (["remove", "nobody"], 4, "no user"), (["nosuch"], 2, "not list"), (["deposit", "nobody", "5"], 4, "no such user"),
                             (["deposit", "alice", "x"], 4, "amount"), (["tier", "alice", "gold"], 2, "prestige"), (["list", "x"], 2, "nothing more")):
        code, _, err = sim.run("users", *args)
        check(f"users {' '.join(args)[:40]}: exit status {want}, and why", code == want and part in err, (code, err))
    code, out, _ = sim.run("users", "deposit", "alice", "20.00")
    check("a deposit comes at once", code == 0 and balance(alice) == (200, 52000), (out, balance(alice)))
    code, out, _ = sim.run("users", "deposit", "alice", "-7.50")
    check("a negative deposit takes money", code == 0 and balance(alice) == (200, 51250), (code, out, balance(alice)))
    for args in (["deposit", "alice", "-1000000"], ["deposit", "-1000000", "alice"]):
        code, _, err = sim.run("users", *args)
        check(f"{' '.join(args)} is refused: more than there is", code == 4 and "deposit" in err and balance(alice) == (200, 51250), (code, err))
    for args, part in ((["add", "d", "-5"], "NAME"), (["deposit", "alice", "1", "-5"], "NAME AMOUNT"), (["-5"], "-5")):
        code, _, err = sim.run("users", *args)
        check(f"users {args}: exit status 2, and why", code == 2 and part in err, (code, err))
    check("another tier", sim.run("users", "tier", "alice", "prime")[0] == 0
          and Answer(alice, "GET", "/account/limits").json()["usage_tier"] == "prime")
    code, out, _ = sim.run("users", "--json")
    listed = json.loads(out)
    fits(listed, "sim-user-list")
    check("the list has all with their cash", listed["running"] and {u["name"]: u["cash"] for u in listed["users"]}.get("alice") == "512.500000", listed)
    check("remove: the key is good no more", sim.run("users", "remove", "bot")[0] == 0 and balance(bot)[0] == 401, balance(bot))
    return alice


def faults(sim):
    code, out, _ = sim.run("fault", "--list")
    check("faults are listed", code == 0 and {"cut", "restart", "clock_skew"} <= set(out.split()), out)
    check("http_500 hits the next order request", sim.run("fault", "http_500", "--count", "1")[0] == 0)
    body = {"ticker": "X", "side": "bid", "count": "1.00", "price": "0.5000", "time_in_force": "good_till_canceled",
            "self_trade_prevention_type": "taker_at_cross"}
    check("once", [Answer(sim.user(1), "POST", "/portfolio/events/orders", body).status for _ in range(2)] == [500, 404])
    code, out, _ = sim.run("fault", "lag", "--for", "500ms", "delay_ms=20", "--json")
    check("a fault for a while, with a key", code == 0 and json.loads(out)["ok"], out)
    for args, part in ((["nosuch"], "no fault 'nosuch'"), (["lag", "nosuch=1"], "has a key 'nosuch'"), (["lag", "delay_ms=x"], "number from 0 to 3600000"),
                       (["cut", "delay_ms=5"], "takes no key 'delay_ms'"), ([], "missing"),
                       (["cut", "--count", "0"], "--count"), (["cut", "--for", "soon"], "--for"), (["cut", "x"], "KEY=VALUE")):
        code, _, err = sim.run("fault", *args)
        check(f"fault {' '.join(args)}: exit status 2, and why", code == 2 and part in err, (code, err))


def do_and_status(sim):
    code, out, _ = sim.run("do", '{"do":"create_market","market":"KXDO-A-B","yes":[["0.40","10"]]}')
    check("do lists a market", code == 0 and json.loads(out)["ok"], out)
    code, out, _ = sim.run("do", "-", stdin='{"do":"deactivate","market":"KXDO-A-B"}\n\n{"do":"activate","market":"KXDO-A-B"}\n')
    check("do reads lines", code == 0 and out.count('"ok":true') == 2, out)
    code, out, err = sim.run("do", "-", stdin='{"do":"status"}\n\nxx\n{"do":"status"}\n')
    check("of many lines the malformed one is named, and the others are done", code == 2 and "line 3: " in err and out.count('"ok":true') == 2, (code, err))
    code, out, _ = sim.run("do", '{"do":"close","market":"NOPE"}')
    check("an action that is refused: exit status 4, and why", code == 4 and "NOPE" in out, (code, out))
    for args, part in ((["{"], "JSON object"), (["[]"], "JSON object"), ([], "missing"), (["{}", "{}"], "quotes")):
        code, _, err = sim.run("do", *args)
        check(f"do {args}: exit status 2, and why", code == 2 and part in err, (code, err))
    code, out, _ = sim.run("status", "--json")
    fits(json.loads(out), "sim-admin")
    check("status says how it is", json.loads(out)["markets"] == 1 and json.loads(out)["users"] == 5, out)
    check("and as text", "markets" in sim.run("status")[1])


def help_texts():
    for command in ("keygen", "users", "fault", "do", "status"):
        r = subprocess.run([binary, "sim", command, "--help"], capture_output=True, text=True)
        check(f"sim {command} --help has usage and exit statuses", r.returncode == 0 and "usage: deltaflow sim " + command in r.stdout
              and "xit status" in r.stdout, r.stdout[:200])
    r = subprocess.run([binary, "sim", "nosuch"], capture_output=True, text=True)
    check("an unknown command: exit status 2, and a hint", r.returncode == 2 and "keygen, users" in r.stderr, r.stderr)
    r = subprocess.run([binary, "sim", "--help"], capture_output=True, text=True)
    check("sim --help names them", all(w in r.stdout for w in ("keygen", "users", "fault", "--state", "--admin-socket")))


with tempfile.TemporaryDirectory() as folder:
    help_texts()
    keygen(folder)
    empty = ["--state-dir", folder + "/d"]
    for command in (["status"], ["do", '{"do":"status"}'], ["fault", "cut"], ["users", "deposit", "x", "1"]):
        r = subprocess.run([binary, "sim", *command, *empty], capture_output=True, text=True)
        check(f"sim {command[0]} without a simulator: exit status 6", r.returncode == 6, (r.returncode, r.stderr))
    r = subprocess.run([binary, "sim", "users", "add", "early", "--balance", "77", *empty], capture_output=True, text=True)
    check("a user can be added before the first start", r.returncode == 0 and "next start" in r.stdout, (r.stdout, r.stderr))
    sim = Sim(binary, folder, "--markets", "0")
    listed = json.load(open(folder + "/d/users.json"))
    fits(listed, "sim-users")
    early = dict(sim.ready, key_id=listed["users"][0]["keys"][0]["key_id"], key_file=folder + "/d/early.key")
    check("who was there before it began can trade", balance(early) == (200, 7700), balance(early))
    socket_itself(sim)
    alice = users(sim, folder)
    faults(sim)
    do_and_status(sim)
    os.chmod(sim.dir + "/admin.token", 0o644)
    code, _, err = sim.run("status")
    check("a token that others can read is refused: exit status 5", code == 5 and "chmod 600" in err, (code, err))
    other = subprocess.run([binary, "sim", "--markets", "0", "--state-dir", sim.dir, "--exit-when-finished"], capture_output=True, text=True, timeout=LIMIT)
    check("also by a simulator that starts", other.returncode == 5 and "chmod 600" in other.stderr, (other.returncode, other.stderr[-300:]))
    os.chmod(sim.dir + "/admin.token", 0o600)
    sim.kill()
    code, _, err = sim.run("status")
    check("one that was killed is told: exit status 6", code == 6, (code, err))
    code, out, _ = sim.run("users", "--json")
    check("users are listed from the files then", code == 0 and not json.loads(out)["running"]
          and {"user1", "early", "alice", "own"} == {u["name"] for u in json.loads(out)["users"]}, out)
    fits(json.loads(out), "sim-user-list")
    many = [subprocess.Popen([binary, "sim", "users", "add", f"many{i}", "--type", "ed25519", "--state-dir", sim.dir], stdout=subprocess.DEVNULL) for i in range(8)]
    check("eight are added at once", [p.wait(LIMIT) for p in many] == [0] * 8)
    names = {u["name"] for u in json.loads(sim.run("users", "--json")[1])["users"]}
    check("and all are there", {f"many{i}" for i in range(8)} <= names, names)
    many = [subprocess.Popen([binary, "sim", "users", "remove", f"many{i}", "--state-dir", sim.dir], stdout=subprocess.DEVNULL) for i in range(8)]
    check("eight are removed at once", [p.wait(LIMIT) for p in many] == [0] * 8)
    names = {u["name"] for u in json.loads(sim.run("users", "--json")[1])["users"]}
    check("and none is there", names == {"user1", "early", "alice", "own"}, names)
    check("a folder that is not there has no users", subprocess.run([binary, "sim", "users", "remove", "x", "--state-dir", folder + "/none"],
                                                                     capture_output=True).returncode == 4 and not os.path.exists(folder + "/none"))
    check("one more is removed", sim.run("users", "remove", "own")[0] == 0)
    sim.start()
    check("the socket that it left is replaced", sim.do("status")["ok"])
    check("alice is there after a start without a state file, with her first balance", balance(dict(alice, **{k: sim.ready[k] for k in ("rest_url", "ws_url")})) == (200, 50000))
    code, _, err = sim.run("do", '{"do":"stop"}')
    check("stop ends it", code == 0 and sim.process.wait(LIMIT) == 0)
    open(folder + "/bad.json", "w").write('{"users":[{"name":"x","keys":[{"key_id":"k"}]}]}')
    code, _, err = sim.run("--users-file", folder + "/bad.json", "--markets", "0")
    check("a users file that is malformed: exit status 5, and where", code == 5 and "users[0]: keys[0]" in err, (code, err[-300:]))
end()
