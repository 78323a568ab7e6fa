#!/usr/bin/env python3
"""crash.py BUILD_FOLDER WALK - one call of a program fails, then the next: N = 1, 2, 3, ...

Each walk runs a program of ours with libfaults.so (faults.c) preloaded, which makes the Nth allocation, or the Nth operation on
a file, fail. At every N: a clear error and an exit status of ours, or success; no signal, no hang; and the next start, without
faults, finds its files in order and everything that was reported as stored.

DELTAFLOW_CRASH: how many points of each kind are tried, spread evenly; "all": every one. Default: what `make test` has time for.
DELTAFLOW_CRASH_AT=KIND:N tries one point and shows what the program said. DELTAFLOW_CRASH_JOBS: programs at the same time.
"""
import collections
import concurrent.futures
import os
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time

here = os.path.dirname(os.path.abspath(__file__))
build = os.path.abspath(sys.argv[1])
walk_name = sys.argv[2]
library = os.path.join(build, "tests/crash/libfaults.so")
deltaflow = os.path.join(build, "deltaflow")
store_program = os.path.join(build, "tests/crash/crash_store")
only = os.environ.get("DELTAFLOW_CRASH_AT")
jobs = int(os.environ.get("DELTAFLOW_CRASH_JOBS") or 2 * (os.cpu_count() or 1))

REPORT = struct.Struct("QQ32s160sQQ32Q")
Fault = collections.namedtuple("Fault", "kind n what error many of under")
Result = collections.namedtuple("Result", "code out err calls failed call path frames seconds")

# name: (what, error, how many in a row, whose allocations)
KINDS = {
    "memory": ("alloc", "", 1, "program"),
    "memory gone": ("alloc", "", 1 << 40, "program"),
    "sqlite": ("alloc", "", 1, "program,libsqlite3"),
    "EIO": ("io", "EIO", 1, ""),
    "EIO for good": ("io", "EIO", 1 << 40, ""),
    "ENOSPC": ("io", "ENOSPC", 1, ""),
    "ENOSPC for good": ("io", "ENOSPC", 1 << 40, ""),
    "EINTR": ("io", "EINTR", 1, ""),
    "short": ("io", "short", 1, ""),
}


def environment(folder, kind=None, n=0, report=None):
    p = lambda name: os.path.join(folder, name)
    env = {k: v for k, v in os.environ.items() if not k.startswith(("DELTAFLOW_", "FAULTS_"))}
    env.update(HOME=folder, XDG_CONFIG_HOME=p("config"), XDG_STATE_HOME=p("state"), XDG_DATA_HOME=p("data"), XDG_RUNTIME_DIR=p("runtime"))
    if kind is not None:
        what, error, many, of = KINDS[kind]
        env.update(LD_PRELOAD=library, FAULTS_WHAT=what, FAULTS_ERROR=error or "EIO", FAULTS_FOR=str(many), FAULTS_OF=of or "program",
                   FAULTS_AT=str(n), FAULTS_UNDER=folder, FAULTS_REPORT=report)
    return env


def run(command, folder, kind=None, n=0, stop_when=None, limit=30, stdin=None):
    """stop_when(process): called every 10 ms; true: the program is asked to stop. Code None: it hung, and was killed."""
    report = os.path.join(folder, "faults.report")
    if os.path.exists(report):
        os.unlink(report)
    out_path, err_path = os.path.join(folder, "stdout"), os.path.join(folder, "stderr")
    began = time.time()
    with open(out_path, "wb") as out, open(err_path, "wb") as err:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=err, stdin=open(stdin) if stdin else subprocess.DEVNULL,
                                   env=environment(folder, kind, n, report))
        asked = False
        while process.poll() is None and time.time() - began < limit:
            if stop_when is None:
                try:
                    process.wait(max(0.01, began + limit - time.time()))
                except subprocess.TimeoutExpired:
                    pass
                continue
            if not asked and stop_when(process):
                process.send_signal(signal.SIGTERM)
                asked = True
            time.sleep(0.01)
        code = process.poll()
        if code is None:
            process.send_signal(signal.SIGABRT)
            process.wait()
    calls = failed = 0
    call = path = ""
    frames = []
    if os.path.exists(report) and os.path.getsize(report) >= REPORT.size:
        v = REPORT.unpack(open(report, "rb").read(REPORT.size))
        calls, failed, call, path = v[0], v[1], v[2].split(b"\0")[0].decode(), v[3].split(b"\0")[0].decode()
        frames = [a - v[4] for a in v[6:6 + v[5]]]
    text = lambda p: open(p, "rb").read().decode(errors="replace")
    return Result(code, text(out_path), text(err_path), calls, failed, call, os.path.relpath(path, folder) if path else "", frames,
                  time.time() - began)


def where(program, frames):
    """The functions of ours that were under way."""
    done = subprocess.run(["addr2line", "-Cfe", program, *[hex(f - 1) for f in frames[:10]]], capture_output=True, text=True)
    lines = done.stdout.split("\n")
    return " < ".join(f"{f}({os.path.basename(l)})" for f, l in zip(lines[::2], lines[1::2]) if not f.startswith("??"))


class Walk:
    """A program, what it needs, and what must hold after it."""
    program = deltaflow
    kinds = ("memory", "memory gone", "EIO", "EIO for good", "ENOSPC for good", "EINTR", "short")
    codes = (0, 1, 2, 3, 4, 5, 6, 7)
    bounded = 8  # points of each kind in `make test`
    stop_when = None

    def prepare(self, folder, fresh):
        """Before each point; fresh: the folder is new."""

    def command(self, folder):
        raise NotImplementedError

    def after(self, folder, result):
        """What is wrong with what the program left: texts."""
        return []

    def worker(self, folder):
        """Once for each folder."""

    def end(self):
        pass

    def stop(self, folder):
        return None

    def judge(self, folder, r):
        wrong = []
        if r.code is None:
            wrong.append("it hangs")
        elif r.code < 0:
            wrong.append(f"ended by signal {-r.code}")
        elif r.code not in self.codes:
            wrong.append(f"exit status {r.code}")
        elif r.code != 0 and not r.err.strip():
            wrong.append(f"exit status {r.code} without a word")
        return wrong + self.after(folder, r)

    def one(self, folder, kind, n):
        self.prepare(folder, False)
        r = run(self.command(folder), folder, kind, n, self.stop(folder))
        return r, (self.judge(folder, r) if r.failed or n == 0 else [])

    def points(self, total):
        wanted = os.environ.get("DELTAFLOW_CRASH", str(self.bounded))
        if wanted == "all" or int(wanted) >= total:
            return list(range(1, total + 1))
        step = total / int(wanted)
        return sorted({1 + int(i * step) for i in range(int(wanted))})

    def run(self):
        top = tempfile.mkdtemp(prefix="deltaflow-crash-")
        folders, taken = [], threading.Lock()
        local = threading.local()

        def folder():
            if not hasattr(local, "folder"):
                with taken:
                    local.folder = os.path.join(top, str(len(folders)))
                    folders.append(local.folder)
                os.makedirs(local.folder)
                self.worker(local.folder)
            return local.folder

        try:
            bad = self.walk(folder)
        finally:
            self.end()
            shutil.rmtree(top, ignore_errors=True)
        return bad

    def walk(self, folder):
        bad = 0
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            if only:
                kind, n = only.rsplit(":", 1)
                r, wrong = pool.submit(lambda: self.one(folder(), kind, int(n))).result()
                print(f"{r}\n{where(self.program, r.frames)}\n{r.err}\n{wrong}")
                return len(wrong)
            for kind in self.kinds:
                r, wrong = pool.submit(lambda: self.one(folder(), kind, 0)).result()
                if wrong or r.code != 0 or r.calls == 0:
                    print(f"FAILED  {walk_name}, {kind}: without a fault: {wrong} {r}")
                    return 1
                counts = collections.Counter()
                points = self.points(r.calls)
                for n, (r, wrong) in zip(points, pool.map(lambda n: self.one(folder(), kind, n), points)):
                    counts["not reached" if not r.failed else "goes on" if r.code == 0 else f"status {r.code}"] += 1
                    if wrong:
                        bad += 1
                        counts["WRONG"] += 1
                        print(f"FAILED  {walk_name}, {kind}:{n} ({r.call} {r.path}): {'; '.join(wrong)}\n        in {where(self.program, r.frames)}\n"
                              f"        said: {r.err.strip()[-600:]}", flush=True)
                tried = sum(counts.values()) - counts["not reached"] - counts["WRONG"]
                print(f"{'ok     ' if not counts['WRONG'] else 'FAILED '} {walk_name}, {kind}: {tried} of {points[-1]} points: "
                      + ", ".join(f"{k} {v}" for k, v in sorted(counts.items())), flush=True)
        return bad


# --- the store ---


class Store(Walk):
    program = store_program
    kinds = ("memory", "memory gone", "sqlite", "EIO", "EIO for good", "ENOSPC", "ENOSPC for good", "EINTR", "short")
    codes = (0, 1)
    template = None

    def template_make(self, folder):
        """A file to begin with."""

    def worker(self, folder):
        self.template_make(folder)

    def prepare(self, folder, fresh):
        for name in os.listdir(folder):
            if name.startswith("s.db"):
                os.unlink(os.path.join(folder, name))
        for name in os.listdir(folder):
            if name.startswith("template.db"):
                shutil.copyfile(os.path.join(folder, name), os.path.join(folder, name.replace("template", "s")))

    def command(self, folder):
        return [self.program, os.path.join(folder, "s.db"), "work"]

    def after(self, folder, r):
        path = os.path.join(folder, "s.db")
        wrong = []
        check = subprocess.run([self.program, path, "check"], capture_output=True, text=True, env=environment(folder), timeout=60)
        if check.returncode != 0:
            return [f"the next start: {check.stderr.strip()} {check.stdout}"]
        with sqlite3.connect(path) as con:
            state = con.execute("pragma integrity_check").fetchall()
        con.close()
        if state != [("ok",)]:
            wrong.append(f"integrity_check: {state[:3]}")
        found = {}
        for line in check.stdout.splitlines():
            _, session, rows, lost, outcome = line.split()
            found[session] = int(rows), int(lost), outcome
        for line in r.out.splitlines():
            word, session, rows, *more = line.split()
            there = found.get(session, (0,))
            if word == "stored" and there[0] < int(rows):
                wrong.append(f"{line}, but {there} is there")
            if word == "ended" and more[0] == "0" and there[0] != int(rows):
                wrong.append(f"{line}, but {there} is there")
            if word == "ended" and r.code == 0 and rows != more[2]:
                wrong.append(f"{line}, and no word of it")
        if any(o == "running" for _, _, o in found.values()):
            wrong.append(f"a session is not closed: {found}")
        return wrong


class StoreOld(Store):
    """A file of an older version, with a session in it."""

    def template_make(self, folder):
        path = os.path.join(folder, "template.db")
        subprocess.run([self.program, path, "work"], check=True, capture_output=True)
        con = sqlite3.connect(path)
        con.executescript("delete from schema_version where version > 4; alter table session drop column progress;")
        con.close()


class StoreBroken(Store):
    """A file whose last session was killed, with what it wrote still in the log beside it."""

    def template_make(self, folder):
        path = os.path.join(folder, "template.db")
        subprocess.run([self.program, path, "work"], check=True, capture_output=True)
        con = sqlite3.connect(path)
        con.executescript("pragma wal_autocheckpoint=0; update session set outcome=null, ended=null;")
        for suffix in ("", "-wal", "-shm"):
            shutil.copyfile(path + suffix, path + suffix + ".kept")
        con.close()
        for name in os.listdir(folder):
            if name.endswith(".kept"):
                os.rename(os.path.join(folder, name), os.path.join(folder, name[:-5]))


class StoreRead(StoreBroken):
    """Reading it back."""

    def command(self, folder):
        return [self.program, os.path.join(folder, "s.db"), "read"]


WALKS = {"store": Store, "store_old": StoreOld, "store_broken": StoreBroken, "store_read": StoreRead}


def main():
    walk = WALKS[walk_name]()
    began = time.time()
    bad = walk.run()
    print(f"{walk_name}: {'every point as it should be' if not bad else f'{bad} points are wrong'}, {time.time() - began:.0f} s")
    sys.exit(1 if bad else 0)


main()
