"""walk.py - one call of a program fails, then the next: N = 1, 2, 3, ... What walks are made of (crash.py).

Each walk runs a program of ours with libfaults.so (faults.c) preloaded, which makes the Nth allocation, or the Nth operation on
a file, fail. At every N: a clear error and an exit status of ours, or success; no signal, no hang; and the next start, without
faults, finds its files in order and everything that was reported as stored.
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
root = os.path.dirname(os.path.dirname(here))
build = os.path.abspath(sys.argv[1])
library = os.path.join(build, "tests/crash/libfaults.so")
linked = os.path.join(build, "tests/crash/deltaflow_faults")  # a build with AddressSanitizer: allocations of our code only
is_linked = os.path.exists(linked)
deltaflow = linked if is_linked else os.path.join(build, "deltaflow")
store_program = os.path.join(build, "tests/crash/crash_store")
chosen = [k for k in os.environ.get("DELTAFLOW_CRASH_KINDS", "").split(",") if k]
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
    # libraries, by hand: DELTAFLOW_CRASH_KINDS
    "jansson": ("alloc", "", 1, "libjansson"),
    "curl": ("alloc", "", 1, "libcurl"),
    "openssl": ("alloc", "", 1, "libcrypto,libssl"),
    "websockets": ("alloc", "", 1, "libwebsockets"),
    "libzip": ("alloc", "", 1, "libzip"),
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
        env.update({} if is_linked else {"LD_PRELOAD": library})
        env.update(FAULTS_WHAT=what, FAULTS_ERROR=error or "EIO", FAULTS_FOR=str(many), FAULTS_OF=of or "program",
                   FAULTS_AT=str(n), FAULTS_UNDER=folder, FAULTS_REPORT=report)
    return env


def run(command, folder, kind=None, n=0, stop_when=None, limit=180, stdin=None):
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
    limit = 180  # seconds until a program that does not end is called hung; a slow machine takes many

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
        r = run(self.command(folder), folder, kind, n, self.stop(folder), self.limit)
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
        name = type(self).__name__
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            if only:
                kind, n = only.rsplit(":", 1)
                r, wrong = pool.submit(lambda: self.one(folder(), kind, int(n))).result()
                print(f"{r}\n{where(self.program, r.frames)}\n{r.err}\n{wrong}")
                return len(wrong)
            for kind in chosen or (self.kinds if not is_linked else ("memory", "memory gone")):
                r, wrong = pool.submit(lambda: self.one(folder(), kind, 0)).result()
                if wrong or r.code != 0 or r.calls == 0:
                    print(f"FAILED  {name}, {kind}: without a fault: {wrong} {r}")
                    return 1
                counts = collections.Counter()
                points = self.points(r.calls)
                for n, (r, wrong) in zip(points, pool.map(lambda n: self.one(folder(), kind, n), points)):
                    counts["not reached" if not r.failed else "goes on" if r.code == 0 else f"status {r.code}"] += 1
                    if wrong:
                        bad += 1
                        counts["WRONG"] += 1
                        print(f"FAILED  {name}, {kind}:{n} ({r.call} {r.path}): {'; '.join(wrong)}\n        in {where(self.program, r.frames)}\n"
                              f"        said: {r.err.strip()[-600:]}", flush=True)
                tried = sum(counts.values()) - counts["not reached"] - counts["WRONG"]
                print(f"{'ok     ' if not counts['WRONG'] else 'FAILED '} {name}, {kind}: {tried} of {points[-1]} points: "
                      + ", ".join(f"{k} {v}" for k, v in sorted(counts.items())), flush=True)
        return bad
