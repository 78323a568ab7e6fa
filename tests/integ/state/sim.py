"""sim.py - a `deltaflow sim` process for tests: started, killed, asked over its admin socket."""
import json
import os
import signal
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "wire"), os.path.join(ROOT, "tests")]
from client import Answer, Ws, dial  # noqa: E402,F401
import schema  # noqa: E402

LIMIT = 240  # seconds for what must happen at last; only a failure takes so long

passed = 0
failed = 0


def check(claim, ok, detail=""):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    print(("ok      " if ok else "FAILED  ") + claim + ("" if ok else f": {detail}"), flush=True)


def end():
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


def until(done, claim, process=None):
    """Wait until done() holds, and give what it said; a claim that fails when that does not come, or process ends before."""
    end = time.time() + LIMIT
    while True:
        over = process is not None and process.poll() is not None
        said = done()
        if said or over or time.time() > end:
            check(claim, said, f"not within {LIMIT} s")
            return said
        time.sleep(0.1)


def fits(value, name):
    wrong = schema.check(value, os.path.join(ROOT, f"docs/schemas/{name}.json"))
    check(f"{name} fits its schema", not wrong, (wrong or [])[:3])


class Sim:
    def __init__(self, binary, folder, *args):
        self.binary, self.folder, self.args = binary, folder, args
        self.dir = os.path.join(folder, "d")
        self.ready_path = os.path.join(folder, "ready.json")
        self.start()

    def start(self, *args):
        if os.path.exists(self.ready_path):
            os.unlink(self.ready_path)
        self.log = open(os.path.join(self.folder, "sim.log"), "a")
        env = dict(os.environ, HOME=self.folder, XDG_CONFIG_HOME=os.path.join(self.folder, "config"))
        self.process = subprocess.Popen([self.binary, "sim", "--state-dir", self.dir, "--ready-file", self.ready_path,
                                         *self.args, *args], stdout=self.log, stderr=self.log, env=env)
        limit = time.time() + LIMIT
        while not os.path.exists(self.ready_path):
            if self.process.poll() is not None or time.time() > limit:
                raise RuntimeError("the simulator does not get ready:\n" + self.text()[-3000:])
            time.sleep(0.02)
        self.ready = json.load(open(self.ready_path))
        return self

    def text(self):
        return open(os.path.join(self.folder, "sim.log")).read()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(LIMIT)

    def user(self, n):
        """A ready file's content for user n."""
        return dict(self.ready, key_id=open(f"{self.dir}/user{n}.id").read(), key_file=f"{self.dir}/user{n}.key")

    def token(self):
        return open(f"{self.dir}/admin.token").read().strip()

    def connect(self):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(LIMIT)
        s.connect(f"{self.dir}/admin.sock")
        return s

    def do(self, name, **keys):
        with self.connect() as s:
            s.sendall((json.dumps({"token": self.token(), "do": name, **keys}) + "\n").encode())
            return json.loads(read_line(s))

    def run(self, *args, stdin=None):
        """`deltaflow sim ...` with this simulator's folder: exit code, stdout, stderr."""
        env = dict(os.environ, HOME=self.folder, XDG_CONFIG_HOME=os.path.join(self.folder, "config"))
        r = subprocess.run([self.binary, "sim", *args, "--state-dir", self.dir], capture_output=True, text=True, env=env,
                           input=stdin, timeout=LIMIT)
        return r.returncode, r.stdout, r.stderr


def read_line(s):
    data = b""
    while not data.endswith(b"\n"):
        chunk = s.recv(1 << 16)
        if not chunk:
            break
        data += chunk
    return data
