#!/usr/bin/env python3
"""replay.py DELTAFLOW SCENARIO - `deltaflow replay` of a session that is recorded here: what it prints, what it finds, and
how it ends, each against a copy of the database that was changed by hand."""
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import time

import both
from both import binary, check, root

import schema

SCHEMAS = os.path.join(root, "docs/schemas")
MASK = "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX2,-AVX,-FMA,-SSE4_2,-SSE4_1,-BMI2,-ERMS"
ACTIONS = ["HOLD", "BUY_YES", "SELL_YES", "BUY_NO", "SELL_NO"]


class Recorded:
    def __init__(self, folder):
        self.db = os.path.join(folder, "run.db")
        self.copy = os.path.join(folder, "changed.db")
        self.env = both.environment(folder)
        self.summary_path = os.path.join(folder, "summary.json")
        sim = both.Sim(folder, "--markets", "3", "--seed", "4", "--rate", "500", "--tier", "premier")
        run = None
        try:
            with open(os.path.join(folder, "run.log"), "w") as log:
                run = subprocess.Popen(
                    [binary, "run", "--exchange", sim.ready, "--store-path", self.db, "--orders-journal", os.path.join(folder, "journal"),
                     "--run-summary-json", self.summary_path, "--policy-kind", "ppo", "--policy-sample", "--policy-model",
                     os.path.join(root, "share/models/demo.safetensors")], stdout=log, stderr=log, env=self.env)
                # As much of each as is looked at below.
                for table, rows in (("applied_fill", 1), ("delta", 500), ("decision", 100), ("turn", 200)):
                    both.until(lambda: both.count(self.db, f"select count(*) from {table}") >= rows, f"{rows} rows of {table} are recorded", run)
                time.sleep(2)
                sim.stop_flow(self.db, run)
                run.send_signal(signal.SIGTERM)
                code = run.wait(both.LIMIT)
        finally:
            if run is not None and run.poll() is None:
                run.kill()
            sim.stop()
        check("a session was recorded", code == 0, code)
        both.end_if_failed()
        self.con = sqlite3.connect(self.db)

    def one(self, sql):
        return self.con.execute(sql).fetchone()[0]

    def replay(self, *args, db=None, env=None):
        return subprocess.run([binary, "replay", "last", "--store", db or self.db, *args], capture_output=True, text=True, timeout=both.LIMIT * 2,
                              env={**self.env, **(env or {})})

    def json(self, *args, **more):
        done = self.replay("--json", *args, **more)
        if not done.stdout:
            return done.returncode, {}, done.stderr
        summary = json.loads(done.stdout.splitlines()[-1])
        wrong = schema.check(summary, os.path.join(SCHEMAS, "replay.json"))
        if wrong:
            check("the summary fits its schema", False, wrong[:3])
        return done.returncode, summary, done.stderr

    def changed(self, sql, *args):
        """The same with something changed."""
        shutil.copy(self.db, self.copy)
        with sqlite3.connect(self.copy) as con:
            con.executescript(sql)
        con.close()
        return self.json("--verify", *args, db=self.copy)


def steps(text):
    return [json.loads(line) for line in text.splitlines()[:-1]]


def check_whole(r):
    code, s, _ = r.json("--verify")
    tables = {"turns": "turn", "decisions": "decision", "orders": "order_step", "fills": "applied_fill", "reconciliations": "reconciliation",
              "accounts": "account", "fee_drifts": "fee_drift", "settlements": "settlement", "marks": "account_mark"}
    have = {t for (t,) in r.con.execute("select name from sqlite_master where type = 'table'")}
    stored = {k: r.one(f"select count(*) from {t}") for k, t in tables.items() if t in have}
    check("a whole session is equal, bit for bit", code == 0 and s["verify"]["equal"] and s["end"]["kind"] == "complete", s.get("end"))
    wrong = {k: (n, s["verify"]["compared"][k]) for k, n in stored.items() if s["verify"]["compared"][k] != n}
    check("every recorded row was compared", not wrong and stored["orders"] > 0 and stored["fills"] > 0, wrong)
    ran = json.load(open(r.summary_path))
    mine = {m["market"]: (m["yes_bid"], m["no_bid"], m["position"]) for m in s["markets"]}
    theirs = {m["market"]: m for m in ran["markets"]}
    bids = {t: max([level[0] for level in m["yes"]], default="0.0000") for t, m in theirs.items()}
    check("its books end as the run's did", {t: b for t, (b, _, _) in mine.items()} == bids, (mine, bids))
    masked, m, _ = r.json("--verify", env={"GLIBC_TUNABLES": MASK})
    check("with the CPU's vector instructions masked it is equal too", masked == 0 and m["verify"]["equal"], m.get("verify"))
    plain, p, _ = r.json()
    check("without --verify nothing is compared", plain == 0 and p["verify"] is None and p["replayed"] == s["replayed"], p)
    text = r.replay("--verify")
    check("people read the same", text.returncode == 0 and "equal      bit for bit" in text.stdout and "complete" in text.stdout, text.stdout)


def check_policies(r):
    code, s, _ = r.json("--policy", "hold")
    n = r.one("select count(*) from decision")
    o = s["other"]
    check("another policy is asked at each recorded step", code == 0 and o["steps"] == n, o)
    held = {a: r.one(f"select count(*) from decision where action = {i}") for i, a in enumerate(ACTIONS)}
    check("the table counts each pair of answers", {a: o["table"][a]["HOLD"] for a in ACTIONS} == held, o["table"])
    check("and no other", sum(o["table"][a][b] for a in ACTIONS for b in ACTIONS) == n and o["agreed"] == held["HOLD"], o)
    code, again, _ = r.json("--policy", os.path.join(root, "share/models/demo.safetensors"), "--sample")
    check("the recorded policy agrees with itself", code == 0 and again["other"]["agreed"] == n, again["other"])
    check("no fill is invented: the account ends as it did", again["account"] == s["account"] == r.json()[1]["account"])
    done = r.replay("--json", "--policy", "random", "--seed", "9", "--steps=jsonl")
    lines = steps(done.stdout)
    bad = [w for line in lines for w in schema.check(line, os.path.join(SCHEMAS, "replay-step.json"))]
    decisions = [x for x in lines if x["step"] == "decision"]
    check("each step is a line that fits its schema", not bad and len(decisions) == n, bad[:3])
    check("with what the other would have done", all("other" in d for d in decisions) and
          sum(d["other"]["agrees"] for d in decisions) == json.loads(done.stdout.splitlines()[-1])["other"]["agreed"])
    kinds = {x["step"] for x in lines}
    check("orders, fills and account marks are steps too", kinds == {"decision", "order", "fill", "account"}, kinds)


def catches(pid, number):
    """The process has a handler for a signal by now, or takes it by waiting for it."""
    masks = {line.split(":")[0]: int(line.split()[1], 16) for line in open(f"/proc/{pid}/status") if line.startswith(("SigCgt", "SigBlk"))}
    return any(mask >> (number - 1) & 1 for mask in masks.values())


def check_parts(r):
    first, last = r.one("select min(wall) from turn"), r.one("select max(wall) from turn")
    half = (last - first) // 2
    ms = half // 1_000_000
    code, s, _ = r.json("--verify", "--from", f"+{ms}ms")
    late = r.one(f"select count(*) from turn where wall >= {first + ms * 1_000_000}")
    check("--from applies what comes before and compares the rest", code == 0 and s["verify"]["compared"]["turns"] == late and
          s["replayed"]["turns"] == r.one("select count(*) from turn"), (s["verify"], late))
    code, s, _ = r.json("--verify", "--until", f"+{ms}ms")
    early = r.one(f"select count(*) from turn where wall <= {first + ms * 1_000_000}")
    check("--until ends before the first turn after it", code == 0 and s["replayed"]["turns"] == early and s["end"]["why"] == "--until",
          (s["replayed"], early))
    ticker, mkt = r.con.execute("select ticker, mkt from ticker order by mkt limit 1").fetchone()
    code, s, _ = r.json("--verify", "--market", ticker)
    check("--market compares and shows that market only", code == 0 and [m["market"] for m in s["markets"]] == [ticker] and
          s["verify"]["compared"]["decisions"] == r.one(f"select count(*) from decision where mkt = {mkt}"), s["verify"])
    code, s, _ = r.json("--books")
    deltas = r.one("select count(*) from delta")
    check("--books applies every delta", code == 0 and s["books"]["deltas"] == deltas and s["books"]["contradictions"] == 0, s.get("books"))
    began = time.time()
    code, _, _ = r.json("--speed", "20", "--from", f"+{ms}ms")
    took = time.time() - began
    begin = r.one(f"select min(wall) from turn where wall >= {first + ms * 1_000_000}")
    check("--speed keeps the recorded pace, as many times faster", code == 0 and took >= (last - begin) / 1e9 / 20 * 0.9, took)
    child = subprocess.Popen([binary, "replay", "last", "--store", r.db, "--speed", "0.02", "--json"], stdout=subprocess.PIPE, env=r.env)
    both.until(lambda: catches(child.pid, signal.SIGINT), "it minds an interrupt", child, 0.02)
    time.sleep(0.5)
    child.send_signal(signal.SIGINT)
    out, _ = child.communicate(timeout=both.LIMIT)
    s = json.loads(out)
    check("an interrupt ends it with its summary and status 1", child.returncode == 1 and s["end"]["why"] == "interrupted", s.get("end"))


def check_differences(r):
    number, action = r.con.execute("select number, action from decision where number > 50 limit 1").fetchone()
    code, s, _ = r.changed(f"update decision set action = {(action + 1) % 5} where number = {number}")
    d = s["verify"]["difference"]
    check("a changed decision is found", code == 1 and (d["table"], d["row"], d["field"], d["recorded"], d["replayed"]) ==
          ("decision", number, "action", str((action + 1) % 5), str(action)), d)
    n, fee, ticker = r.con.execute("select n, fee, ticker from applied_fill order by n limit 1").fetchone()
    code, s, _ = r.changed(f"update applied_fill set fee = fee + 1 where n = {n}")
    d = s["verify"]["difference"]
    check("a changed fee of a millionth is found", code == 1 and (d["table"], d["field"], d["market"], d["recorded"], d["replayed"]) ==
          ("applied_fill", "fee", ticker, str(fee + 1), str(fee)), d)
    code, s, _ = r.changed("delete from order_step where n = (select max(n) from order_step)")
    check("a row that is gone is found", code == 1 and s["verify"]["difference"]["recorded"] == "none", s["verify"]["difference"])
    ord_ = r.one("select ord from delta order by ord limit 1 offset 200")
    code, s, _ = r.changed(f"update delta set qty = qty + 100 where ord = {ord_}")
    check("a changed delta shows in what follows", code == 1 and s["verify"]["difference"]["ord"] >= ord_, s["verify"])
    done = r.replay("--verify", db=r.copy)
    check("people read where and what", done.returncode == 1 and "DIFFERS    turn " in done.stdout, done.stdout[-400:])


def check_missing(r):
    ord_ = r.one("select ord from delta order by ord limit 1 offset 300")
    lose = f"delete from delta where ord = {ord_};"
    gap = ("insert into gap (session, source, mkt, wall, lost, sid, seq_expected, seq_got, reason) values "
           f"(1, 3, 0, 1, 1, 0, {ord_}, {ord_ + 1}, 'store: ring full, events missing');")
    code, s, _ = r.changed(lose + gap)
    check("it replays up to the first gap row, and says so", code == 0 and s["end"]["kind"] == "gap" and str(ord_) in s["end"]["why"] and
          "ring full" in s["end"]["why"] and 0 < s["replayed"]["turns"] < s["recorded"]["turns"], s.get("end"))
    code, _, err = r.changed(lose)
    check("what is missing without a reason is refused", code == 4 and "table turn" in err and str(ord_) in err, err)
    code, s, _ = r.changed(f"update session set outcome = 'broken'; delete from delta where ord >= {ord_}; delete from trade where ord >= {ord_};")
    check("a broken session replays as far as it is stored", code == 0 and s["end"]["kind"] == "broken" and s["replayed"]["turns"] > 0, s.get("end"))
    code, s, _ = r.changed("update session set outcome = 'broken'")
    check("a check that compared something says so", code == 0 and s["verify"]["result"] == "equal", s.get("verify"))
    for what, sql, args in (("no turn is left", "delete from turn", ()),
                            ("no turn can be replayed", "delete from delta; delete from trade; delete from snapshot; delete from market", ()),
                            ("nothing is left behind --from", f"delete from delta where ord >= {ord_}; delete from trade where ord >= {ord_}",
                             ("--from", f"+{(r.one('select max(wall) from turn') - r.one('select min(wall) from turn')) // 1_000_000 - 1}ms"))):
        code, s, err = r.changed(f"update session set outcome = 'broken'; {sql}", *args)
        v = s.get("verify", {})
        check(f"a check of nothing is no proof: {what}", code == 4 and v["result"] == "nothing" and not v["equal"] and
              not any(v["compared"].values()) and "nothing to compare" in err, (code, s.get("end"), v, err))
        done = r.replay("--verify", *args, db=r.copy)
        check(f"people read it: {what}", done.returncode == 4 and "NOTHING " in done.stdout and "equal   " not in done.stdout, done.stdout)
    code, _, err = r.changed("delete from turn where turn = 100")
    check("a missing turn is refused", code == 4 and "turn 100 missing" in err, err)
    code, _, err = r.changed("update turn set taken_market = 1000000 where turn = 100")
    check("a turn that takes more than there is is refused", code == 4 and "turn 100" in err, err)


def check_refused(r):
    for sql, words in (("update delta set side = 9 where ord = (select max(ord) from delta)", ("table delta", "side")),
                       ("update snapshot set n_yes = 4000000000", ("snapshot",)),
                       ("update decision set obs = x'00' where number = 5", ("decision",)),
                       ("update market set grid = '7 1:2:3:4'", ("row 1 of table market",)),
                       ("update turn set mono = -5 where turn = 7", ("table turn", "mono")),
                       ("update session set config = '{'", ("config",)),
                       ("update session set config = ''", ("not recorded by a run",)),
                       ("update session set config = json_set(config, '$.imported', json('{\"seq_check\":true}'))", ("was imported", "--policy")),
                       ("update session set policy = 'ppo other, hash 00'", ("not the session's policy",))):
        code, _, err = r.changed(sql)
        check(f"refused, by name: {sql}", code == 4 and all(w in err for w in words), (code, err))
    ticker = sqlite3.connect(r.db).execute("select ticker from market limit 1").fetchone()[0]
    for args, want in ((["--store", "/nonexistent/x.db"], 6), (["--from", "yesterday"], 2), (["--from", "+9999h"], 4),
                       (["--from", "+5s", "--until", "+1s"], 2), (["--speed", "fast"], 2), (["--steps=xml"], 2),
                       (["--market", "NOPE"], 4), (["--market", f"{ticker},NOPE"], 4), (["--market", ""], 4),
                       (["--books", "--verify"], 2), (["--policy", "/nonexistent.zip"], 4), (["--nonsense"], 2),
                       (["--model", "/nonexistent.zip"], 4), (["--stats", "x"], 2)):
        done = r.replay(*args)
        check(f"exit status {want}: {' '.join(args)}", done.returncode == want and done.stderr.startswith("deltaflow replay: "),
              (done.returncode, done.stderr))
    done = subprocess.run([binary, "replay", "77", "--store", r.db], capture_output=True, text=True, env=r.env)
    check("a session that is not there is refused", done.returncode == 4 and "77" in done.stderr, done.stderr)
    done = subprocess.run([binary, "replay", "--help"], capture_output=True, text=True, env=r.env)
    check("--help explains", done.returncode == 0 and "--verify" in done.stdout)


def check_memory(r):
    """Under a limit of this process: a session is refused before it is loaded, and the command is not killed."""
    def limited(mb):
        return lambda: resource.setrlimit(resource.RLIMIT_DATA, (mb << 20, mb << 20))

    def replay(mb, *args, db=r.db):
        return subprocess.run([binary, "replay", "last", "--store", db, "--json", *args], capture_output=True, text=True, timeout=both.LIMIT * 2, env=r.env,
                              preexec_fn=limited(mb))

    probe = subprocess.run([binary, "--version"], capture_output=True, preexec_fn=limited(40))
    if probe.returncode != 0:
        print("skipped: this build does not start under a limit of its memory")
    # As many decisions as take some 90 MB.
    shutil.copy(r.db, r.copy)
    columns = [c[1] for c in r.con.execute("pragma table_info(decision)")]
    values = ["i" if c == "number" else c for c in columns]
    with sqlite3.connect(r.copy) as con:
        con.execute(f"with recursive n(i) as (select 10000000 union all select i + 1 from n where i < 10200000) insert into decision "
                    f"({', '.join(columns)}) select {', '.join(values)} from n, (select * from decision where number = 1)")
    con.close()
    done = r.replay("--memory-mb", "20", db=r.copy)
    check("--memory-mb limits it", done.returncode == 4 and "more than 20 MB of memory" in done.stderr, (done.returncode, done.stderr))
    if probe.returncode != 0:
        return
    done = replay(40, "--verify", db=r.copy)
    check("a session that the process's limit does not hold is refused", done.returncode == 4 and not done.stdout and
          "MB of memory, and ulimit -d leaves" in done.stderr, (done.returncode, done.stderr))
    done = replay(40, "--verify", "--memory-mb", "100000", db=r.copy)
    check("tried all the same, it ends with an error", done.returncode == 1 and "out of memory" in done.stderr, (done.returncode, done.stderr))
    done = replay(40, "--books", db=r.copy)
    check("its books alone fit", done.returncode == 0, (done.returncode, done.stderr))
    code, _, err = r.changed("update decision set number = 9000000000000000000 where number = (select max(number) from decision)")
    check("a damaged number is no size", "of memory" not in err, (code, err))


def postgresql(folder):
    """The same from the other database, recorded there; the password of its URL is shown nowhere."""
    server = os.path.join(root, "tests/pg_server")
    place = os.path.join(folder, "pg")
    os.chmod(folder, 0o711)  # the server may run as somebody else
    started = subprocess.run([server, "start", place], capture_output=True, text=True)
    if started.returncode == 77:
        print("skipped: " + started.stderr.strip())
        raise SystemExit(77)
    check("a server runs", started.returncode == 0, started.stderr[-400:])
    url = f"postgresql://deltaflow:SECRET@/postgres?host={place}"
    sim = both.Sim(folder, "--markets", "3", "--seed", "4", "--rate", "300", "--tier", "premier")
    try:
        env = both.environment(folder)
        with open(os.path.join(folder, "run.log"), "w") as log:
            run = subprocess.Popen([binary, "run", "--exchange", sim.ready, "--store-path", url, "--orders-journal", os.path.join(folder, "journal"),
                                    "--policy-kind", "random"], stdout=log, stderr=log, env=env)
            both.until(lambda: sim.orders() > 3, "it trades", run)
            time.sleep(2)
            run.send_signal(signal.SIGTERM)
            code = run.wait(both.LIMIT)
        check("a session was recorded in PostgreSQL", code == 0, open(os.path.join(folder, "run.log")).read()[-600:])
        args = [binary, "replay", "last", "--store", url]
        whole = subprocess.run([*args, "--verify", "--json"], capture_output=True, text=True, env=env, timeout=both.LIMIT * 2)
        s = json.loads(whole.stdout or "{}")
        check("it replays, bit for bit", whole.returncode == 0 and s["verify"]["equal"] and s["end"]["kind"] == "complete" and
              s["verify"]["compared"]["orders"] > 0, (whole.stderr, s.get("verify")))
        text = subprocess.run([*args, "--books"], capture_output=True, text=True, env=env, timeout=both.LIMIT * 2)
        wrong = subprocess.run([binary, "replay", "99", "--store", url], capture_output=True, text=True, env=env, timeout=both.LIMIT * 2)
        check("the password is shown nowhere", text.returncode == 0 and wrong.returncode == 4 and
              not any("SECRET" in x.stdout + x.stderr for x in (whole, text, wrong)), (text.stdout, wrong.stderr))
    finally:
        sim.stop()
        subprocess.run([server, "stop", place])


def command(folder):
    r = Recorded(folder)
    check_whole(r)
    check_policies(r)
    check_parts(r)
    check_differences(r)
    check_missing(r)
    check_refused(r)
    check_memory(r)


both.main(command, postgresql)
