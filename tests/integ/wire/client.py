"""client.py - REST and WebSocket over TLS with nothing but Python's own library: each byte of a frame can be seen."""
import base64
import json
import os
import socket
import ssl
import struct
import subprocess
import tempfile
import time
import zlib

LIMIT = 240  # seconds for an answer; only a failure takes so long

PATH = "/trade-api/ws/v2"


def sign_ed25519(key_file, text):
    with tempfile.NamedTemporaryFile() as f:  # its length must be known before
        f.write(text)
        f.flush()
        return subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key_file, "-in", f.name], capture_output=True,
                              check=True)


def sign(ready, method, path):
    ms = str(int(time.time() * 1000))
    short = os.path.getsize(ready["key_file"]) < 400
    out = sign_ed25519(ready["key_file"], (ms + method + path).encode()) if short else subprocess.run(["openssl", "dgst", "-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32",
                          "-sign", ready["key_file"]], input=(ms + method + path).encode(), capture_output=True, check=True)
    return {"KALSHI-ACCESS-KEY": ready["key_id"], "KALSHI-ACCESS-TIMESTAMP": ms,
            "KALSHI-ACCESS-SIGNATURE": base64.b64encode(out.stdout).decode()}


def dial(ready):
    host, port = ready["ws_url"].split("/")[2].rsplit(":", 1)
    raw = socket.create_connection((host, int(port)), timeout=LIMIT)
    context = ssl.create_default_context(cafile=ready["ca_file"])
    context.check_hostname = False
    return context.wrap_socket(raw)


def head_bytes(first, headers):
    return (first + "\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items()) + "\r\n").encode()


class Ws:
    def __init__(self, ready, extra=None):
        self.sock = dial(ready)
        self.buf = b""
        self.ended = False
        headers = {"Host": "localhost", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                   "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(), **sign(ready, "GET", PATH), **(extra or {})}
        self.sock.sendall(head_bytes(f"GET {PATH} HTTP/1.1", headers))
        while b"\r\n\r\n" not in self.buf and not self.ended:
            self.more()
        self.head, _, self.buf = self.buf.partition(b"\r\n\r\n")
        self.status = int(self.head.split()[1]) if self.head else 0
        self.inflate = zlib.decompressobj(-15)

    def more(self):
        try:
            chunk = self.sock.recv(1 << 16)
        except (ssl.SSLError, ConnectionError) as e:
            if isinstance(e, TimeoutError):
                raise
            chunk = b""
        self.ended = self.ended or not chunk
        self.buf += chunk

    def frame(self, timeout=LIMIT):
        """(opcode, rsv1, payload), or None: the connection has ended. TimeoutError: nothing came."""
        self.sock.settimeout(timeout)
        while True:
            b = self.buf
            if len(b) >= 2:
                n, at = b[1] & 0x7f, 2
                if n >= 126:
                    size = 2 if n == 126 else 8
                    at += size
                    n = int.from_bytes(b[2:at], "big") if len(b) >= at else 1 << 60
                if len(b) >= at + n:
                    self.buf = b[at + n:]
                    return b[0] & 0x0f, bool(b[0] & 0x40), b[at:at + n]
            if self.ended:
                return None
            self.more()

    def text(self, timeout=LIMIT, pong=True):
        """The next text message as JSON."""
        while True:
            f = self.frame(timeout)
            if f is None:
                return None
            opcode, rsv1, payload = f
            if opcode == 9 and pong:
                self.send(10, payload)
            elif opcode == 1:
                if rsv1:
                    payload = self.inflate.decompress(payload + b"\x00\x00\xff\xff")
                return json.loads(payload)

    def send(self, opcode, payload):
        n = len(payload)
        size = bytes([0x80 | n]) if n < 126 else bytes([0xfe]) + struct.pack(">H", n) if n < 65536 else bytes([0xff]) + struct.pack(">Q", n)
        self.sock.settimeout(LIMIT)
        self.sock.sendall(bytes([0x80 | opcode]) + size + b"\0\0\0\0" + payload)  # a mask of zeros

    def command(self, cmd, params=None, id=1):
        self.send(1, json.dumps({"id": id, "cmd": cmd, **({"params": params} if params is not None else {})}).encode())

    def close(self):
        self.sock.close()


class Answer:
    """One request on a connection of its own; body is what came, whole or not."""

    def __init__(self, ready, method, path, body=None, timeout=LIMIT):
        sock = dial(ready)
        sock.settimeout(timeout)
        text = json.dumps(body).encode() if body is not None else b""
        headers = {"Host": "localhost", "Content-Type": "application/json", "Content-Length": str(len(text)),
                   **sign(ready, method, "/trade-api/v2" + path.split("?")[0])}
        start = time.monotonic()
        sock.sendall(head_bytes(f"{method} /trade-api/v2{path} HTTP/1.1", headers) + text)
        data = b""
        self.whole = False
        while not self.whole:
            try:
                chunk = sock.recv(1 << 16)
            except (ssl.SSLError, ConnectionError):
                chunk = b""
            if not chunk:
                break
            data += chunk
            head, split, self.body = data.partition(b"\r\n\r\n")
            sizes = [int(h.split(b":")[1]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-length:")]
            self.promised = sizes[0] if sizes else None
            self.whole = bool(split) and self.promised is not None and len(self.body) >= self.promised
        self.bytes = len(data)
        self.status = int(data.split()[1]) if data.startswith(b"HTTP/1.1 ") else 0
        self.took = time.monotonic() - start
        sock.close()

    def json(self):
        return json.loads(self.body)
