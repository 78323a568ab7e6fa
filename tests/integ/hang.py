#!/usr/bin/env python3
"""hang.py DELTAFLOW SCENARIO LIBRARY - the real binaries on a disk that hangs: hang.c, preloaded, lets no write or sync of the
database come back while a file is there. Every step waits for what it needs to see; no length of time is measured but as a bound."""
import array
import fcntl
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import termios
import time

import both
from both import binary, check

library = sys.argv[3]
PATIENCE = 150  # seconds, for whatever must happen; a bound that the program states is far below


def wait_for(what, seen, seconds=PATIENCE):
    """seen() gives something true at last; that."""
    end = time.time() + seconds
    while time.time() < end:
        got = seen()
        if got:
            return got
        time.sleep(0.02)
    check(what, False, f"not within {seconds} s")
    return both.end_if_failed()


class Disk:
    """Of the database in a folder."""

    def __init__(self, folder):
        self.db, self.trigger, self.seen_path = (os.path.join(folder, n) for n in ("run.db", "hangs", "seen"))
        self.env = dict(both.environment(folder), LD_PRELOAD=library, HANG_OF=self.db, HANG_WHILE=self.trigger, HANG_SEEN=self.seen_path)

    def hang(self):
        if os.path.exists(self.seen_path):
            os.remove(self.seen_path)
        open(self.trigger, "w").close()

    def wait_until_hung(self):
        return wait_for("a call into the database hangs", lambda: os.path.exists(self.seen_path) and open(self.seen_path).read())

    def work(self):
        if os.path.exists(self.trigger):
            os.remove(self.trigger)

    def q(self, sql):
        con = sqlite3.connect(self.db)
        try:
            return con.execute(sql).fetchall()
        finally:
            con.close()


def ended(what, process, seconds=PATIENCE):
    """Its exit status; it must come to its end by itself."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        check(what, False, f"it does not end within {seconds} s")
        return both.end_if_failed()


def book_line(seq):
    msg = {"market_ticker": "M", "market_id": "x", "price_dollars": "0.4100", "delta_fp": "1.00", "side": "yes", "ts_ms": 1781159489000 + seq}
    return json.dumps({"type": "orderbook_delta", "sid": 1, "seq": seq, "msg": msg}) + "\n"


class Importing:
    """`import -` that is fed until its database hangs."""

    def __init__(self, folder, disk):
        self.err_path = os.path.join(folder, "import.err")
        with open(self.err_path, "w") as err:
            self.process = subprocess.Popen([binary, "import", "-", "--store", disk.db, "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=err, env=disk.env)
        first = {"type": "orderbook_snapshot", "sid": 1, "seq": 1,
                 "msg": {"market_ticker": "M", "market_id": "x", "yes_dollars_fp": [["0.4000", "5.00"]]}}
        self.seq = 1
        self.give(json.dumps(first) + "\n")

    def give(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def deltas(self, n):
        self.give("".join(book_line(self.seq + 1 + k) for k in range(n)))
        self.seq += n

    def read_all(self):
        def left():
            unread = array.array("i", [0])
            fcntl.ioctl(self.process.stdin.fileno(), termios.FIONREAD, unread)
            return unread[0]
        wait_for("the import reads what it is given", lambda: left() == 0)

    def said(self):
        out = self.process.stdout.read()
        self.process.stdin.close()
        return json.loads(out) if out else {}, open(self.err_path).read()


def hanging_import(folder, disk):
    """The import, whose database has some rows and hangs with others on their way."""
    im = Importing(folder, disk)
    wait_for("some rows are committed", lambda: (im.deltas(2000), im.read_all(), os.path.exists(disk.db) and disk.q("select count(*) from delta")[0][0])[2])
    disk.hang()
    wait_for("the database hangs", lambda: (im.deltas(2000), os.path.exists(disk.seen_path))[1])
    return im


def imports(folder):
    disk = Disk(folder)
    im = hanging_import(folder, disk)
    im.process.send_signal(signal.SIGINT)
    code = ended("a signal ends an import whose database hangs", im.process)
    told, err = im.said()
    check("with exit status 1", code == 1, (code, err))
    both.check_schemas(**{"import": told})
    check("it says that it was interrupted, and what the database has and has not", told["outcome"].startswith("interrupted: line ") and
          told["lost"] > 0 and told["rows"] > 0 and f"{told['lost']} rows did not reach the database, {told['rows']} are in it" in err, (told, err))
    disk.work()
    tables = [t for (t,) in disk.q("select m.name from sqlite_master m, pragma_table_info(m.name) c where m.type = 'table' and c.name = 'session'")]
    have = sum(disk.q(f"select count(*) from {t} where session = {told['session']}")[0][0] for t in tables)
    check("what it says is there is there", have >= told["rows"], (have, told))
    again = subprocess.run([binary, "import", "-", "--store", disk.db], input=b"", capture_output=True, env=both.environment(folder), timeout=PATIENCE)
    outcomes = [o for (o,) in disk.q("select outcome from session order by id")]
    check("the next start closes its session as broken", again.returncode == 0 and outcomes[0].startswith("broken"), (again, outcomes))

    # Who signals once more, later than at once, does not want to wait.
    for _ in range(5):
        im = hanging_import(folder, disk)
        im.process.send_signal(signal.SIGINT)
        time.sleep(1.5)
        im.process.send_signal(signal.SIGINT)
        code = ended("a later signal ends it at once", im.process)
        im.said()
        disk.work()
        if code != 1:
            break  # 1: this machine was so slow that it had ended
    check("a later signal ends it at once, by the signal", code == -signal.SIGINT, code)


scenarios = {"import": imports}

if __name__ == "__main__":
    if library == "none":
        print("skipped: a library cannot be preloaded under a sanitizer's runtime; the unit tests of the store do these steps in one process")
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="deltaflow-hang-") as where:
        scenarios[both.scenario](where)
    print(f"{both.passed} passed, {both.failed} failed")
    sys.exit(1 if both.failed else 0)
