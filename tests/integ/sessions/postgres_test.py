#!/usr/bin/env python3
"""postgres_test.py DELTAFLOW - the commands about sessions say the same of a PostgreSQL database as of an SQLite file."""
import json
import os
import subprocess
import sys
import tempfile

from common import Case, main, root, shared_file

SERVER = os.path.join(root, "tests/pg_server")


class Postgres(Case):
    @classmethod
    def setUpClass(cls):
        cls.cluster = tempfile.TemporaryDirectory(prefix="deltaflow-pg-")
        # Into a file: what watches the server lives as long as we do, and would keep a pipe open.
        with open(os.path.join(cls.cluster.name, "start.log"), "w") as log:
            code = subprocess.run([SERVER, "start", cls.cluster.name], stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=240).returncode
        if code != 0:
            with open(log.name) as f:
                print(f.read())
            cls.cluster.cleanup()
            sys.exit(code)
        cls.url = f"postgresql:///postgres?host={cls.cluster.name}&user=deltaflow"

    @classmethod
    def tearDownClass(cls):
        subprocess.run([SERVER, "stop", cls.cluster.name], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=240)
        cls.cluster.cleanup()

    def both(self, command, *args, status=0):
        """The same command with both databases."""
        out = []
        for where in (self.file_db, self.url):
            self.db = where
            code, text, err = self.call(command, *args)
            self.assertEqual(code, status, (where, text[-1000:], err[-1000:]))
            out.append(text)
        return out

    def test_everything_is_the_same(self):
        self.file_db = self.path("file.db")
        for name, args in (("data/kalshi/ws/demo_5markets_2026-07-01.jsonl.zst", []), ("data/kalshi/ws/gold15m/KXGOLD15M-26AUG101900-00.jsonl.zst", ["--no-seq-check"])):
            one, two = self.both("import", shared_file(name), "--json", *args)
            self.assertEqual(one, two)
        one, two = self.both("sessions", "--json")
        keys = ("session", "outcome", "exchange", "rows", "lost", "gaps")
        self.assertEqual(*([[json.loads(line)[k] for k in keys] for line in out.splitlines()] for out in (one, two)))
        for session in ("1", "last"):
            one, two = self.both("verify", session, "--json")
            self.assertEqual(one, two)
            self.assertTrue(json.loads(two)["clean"])
            one, two = (json.loads(out) for out in self.both("show", session, "--json"))
            for said in (one, two):
                del said["began"], said["ended"]
            self.assertEqual(one, two)
            for what in ("deltas", "trades", "snapshots", "gaps"):
                one, two = self.both("export", session, "--what", what, "--format", "csv")
                self.assertTrue(one == two, (session, what))
        self.both("prune", "--session", "1", "--yes")
        one, two = self.both("sessions", "--json")
        self.assertEqual(*([json.loads(line)["session"] for line in out.splitlines()] for out in (one, two)))
        self.both("verify", "1", status=4)

    def test_no_server_is_told_without_the_password(self):
        for args in (["sessions"], ["show", "1"], ["verify", "1"], ["export", "1", "--what", "gaps", "--format", "csv"], ["prune", "--keep", "1"]):
            self.db = "postgresql://me:secret@127.0.0.1:1/none"
            code, out, err = self.call(*args)
            self.assertEqual(code, 6, err)
            self.assertNotIn("secret", out + err)


main()
