"""store_walks.py - the store, without the rest of the program: crash_store.c."""
import os
import shutil
import sqlite3
import subprocess

from walk import Walk, environment, store_program


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
            if name.startswith("s.db") or name.endswith(".spill"):
                os.unlink(os.path.join(folder, name))
        for name in os.listdir(folder):
            if name.startswith("template.db"):
                shutil.copyfile(os.path.join(folder, name), os.path.join(folder, name.replace("template", "s")))

    def command(self, folder):
        return [self.program, os.path.join(folder, "s.db"), "work"]

    def after(self, folder, r):
        path = os.path.join(folder, "s.db")
        wrong = []
        check = subprocess.run([self.program, path, "check"], capture_output=True, text=True, env=environment(folder), timeout=240)
        if check.returncode != 0:
            return [f"the next start: {check.stderr.strip()} {check.stdout}"]
        with sqlite3.connect(path) as con:
            state = con.execute("pragma integrity_check").fetchall()
        con.close()
        if state != [("ok",)]:
            wrong.append(f"integrity_check: {state[:3]}")
        found = {}
        for line in check.stdout.splitlines():
            _, session, rows, lost, outcome = line.split(" ", 4)
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
        con.executescript("delete from schema_version where version > 4; alter table session drop column progress; "
                          "alter table session drop column digest;")
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


class StoreAway(Store):
    """Another program holds the database: rows go to the spill file, and the next start takes them from there."""

    def command(self, folder):
        return [self.program, os.path.join(folder, "s.db"), "away"]


class StoreRead(StoreBroken):
    """Reading it back."""

    def command(self, folder):
        return [self.program, os.path.join(folder, "s.db"), "read"]
