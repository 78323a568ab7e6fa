"""A PostgreSQL server of a test's own (tests/pg_server), and its tables as sqlite3's connections show theirs."""
import json
import os
import subprocess
import sys
import tempfile

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Server:
    """Ends the test as skipped, with the reason, where PostgreSQL is not installed."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="deltaflow-pg-", dir="/tmp")
        self.url = f"postgresql:///postgres?host={self.folder}&user=deltaflow"
        done = self.script("start", "-c", "fsync=off")
        if done.returncode == 77:
            print("SKIPPED:", done.stderr.strip())
            sys.exit(77)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)

    def script(self, what, *settings):
        return subprocess.run([os.path.join(root, "tests/pg_server"), what, self.folder, *settings], capture_output=True, text=True)

    def again(self):
        """kill -9 and a new start."""
        for what in (("kill",), ("start", "-c", "fsync=off")):
            done = self.script(*what)
            if done.returncode != 0:
                raise RuntimeError(done.stderr)

    def stop(self):
        self.script("stop")
        subprocess.run(["rm", "-rf", self.folder])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Rows(list):
    def fetchall(self):
        return self

    def fetchone(self):
        return self[0]


class Connection:
    """execute(sql) with rows of values, by psql. Temporary views are made again for each statement."""

    def __init__(self, url):
        self.url, self.before = url, []

    def close(self):
        """Each statement is a process of its own."""

    def execute(self, sql):
        if sql.startswith("create temp "):
            self.before.append(sql.replace("main.", "public."))
            return Rows()
        whole = "; ".join([*self.before, f"select coalesce(json_agg(t), '[]') from ({sql}) t"])
        done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", self.url, "-c", whole], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return Rows(tuple(v for _, v in row) for row in json.loads(done.stdout, object_pairs_hook=lambda pairs: pairs))
