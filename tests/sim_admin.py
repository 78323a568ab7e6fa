"""sim_admin.py - actions of a running simulator, over its admin socket. No command of ours is run for it, so that it takes no time."""
import json
import socket

LIMIT = 240  # seconds for an answer; only a failure takes so long


def ask_all(state, *actions):
    """Actions that the simulator of that state folder does at one moment; their replies. OSError: it did not answer all."""
    with open(f"{state}/admin.token") as f:
        token = f.read().strip()
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(LIMIT)
        s.connect(f"{state}/admin.sock")
        s.sendall(b"".join(json.dumps({"token": token, **action}).encode() + b"\n" for action in actions))
        with s.makefile("rb") as lines:
            replies = [lines.readline() for _ in actions]
    if not all(reply.endswith(b"\n") for reply in replies):
        raise OSError("the simulator ended before it had answered")
    return [json.loads(reply) for reply in replies]


def ask(state, **action):
    """One action; its reply."""
    return ask_all(state, action)[0]
