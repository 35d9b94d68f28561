"""A real S3 server, and a relay in front of it that counts requests and makes them slower.

The server is one of `Tests/StorePeers/peer.py`, which needs the virtual environment.
"""

import contextlib
import json
import pathlib
import re
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

import boto3
import botocore.config
import botocore.exceptions

from harness import ROOT, BenchFailure

KEY, SECRET, BUCKET = "testkey", "testsecret", "bkt"
SERVER_STOP_SECONDS_MAX = 30


@contextlib.contextmanager
def server(kind: str):
    """Runs `radosgw`, `rclone` or `moto`, and gives the port it listens on."""
    command = [sys.executable, str(ROOT / "Tests/StorePeers/peer.py"), kind]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        if not line:
            raise BenchFailure(f"{kind} did not start")
        port = json.loads(line)["port"]
        with contextlib.suppress(botocore.exceptions.ClientError):  # rclone has it already
            client(port).create_bucket(Bucket=BUCKET)
        yield port
    finally:
        process.stdin.close()  # the end of its input stops it, and whatever it started
        process.wait(SERVER_STOP_SECONDS_MAX)


def client(port: int):
    config = botocore.config.Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        max_pool_connections=16,
    )
    return boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
        config=config,
    )


def objects(port: int, prefix: str) -> dict[str, int]:
    """Keys and sizes."""
    found = {}
    pages = client(port).get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
    for page in pages:
        found |= {entry["Key"]: entry["Size"] for entry in page.get("Contents", [])}
    return found


def contents(port: int, key: str) -> bytes:
    return client(port).get_object(Bucket=BUCKET, Key=key)["Body"].read()


def copy_from_folder(port: int, folder: pathlib.Path, prefix: str) -> None:
    """Uploads the files below a folder, in the order of their names."""
    s3 = client(port)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        s3.upload_file(str(path), BUCKET, f"{prefix}/{path.relative_to(folder)}")


def url(port: int, prefix: str) -> str:
    return f"s3://{BUCKET}/{prefix}?endpoint=http://127.0.0.1:{port}&region=us-east-1"


CREDENTIALS = {
    "LITESTREAM_ACCESS_KEY_ID": KEY,
    "LITESTREAM_SECRET_ACCESS_KEY": SECRET,
    "AWS_ACCESS_KEY_ID": KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET,
}


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, as the relay saw them; times are of the wall clock."""

    began: float
    ended: float
    method: str
    path: str
    query: str
    bytes_in: int
    status: int
    bytes_out: int

    @property
    def key(self) -> str:
        """The object's key; empty for a request about the bucket."""
        return self.path.removeprefix(f"/{BUCKET}").removeprefix("/")

    @property
    def operation(self) -> str:
        if self.method == "GET" and "list-type" in self.query:
            return "LIST"
        return self.method


class Relay:
    """Forwards HTTP/1.1 unchanged, so that signatures hold when its address is the client's endpoint.

    `put_seconds` is added to each PUT: half of it on the way there, half on the way back.
    """

    def __init__(self, upstream: int, put_seconds: float = 0):
        self._upstream, self._put_seconds = upstream, put_seconds
        self._log: list[Exchange] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "Relay":
        return self

    def __exit__(self, *_) -> None:
        # Closing alone would leave the thread in `accept`.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def take(self) -> list[Exchange]:
        """What was seen since the last time."""
        with self._lock:
            log, self._log = self._log, []
        return log

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, downstream: socket.socket) -> None:
        with downstream, contextlib.suppress(OSError, ValueError):
            upstream = socket.create_connection(("127.0.0.1", self._upstream))
            with upstream:
                for each in (downstream, upstream):
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                asked, answered = downstream.makefile("rb"), upstream.makefile("rb")
                while self._exchange(downstream, upstream, asked, answered):
                    pass

    def _exchange(self, downstream, upstream, asked, answered) -> bool:
        """Relays one request and its answer; false when the connection has had its last."""
        head = _head(asked)
        if not head:
            return False
        began = time.time()
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
        if re.search(rb"(?im)^expect:\s*100-continue", head):
            downstream.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            head = re.sub(rb"(?im)^expect:[^\r\n]*\r\n", b"", head)
        body = b"".join(_body(asked, head))
        delay = self._put_seconds / 2 if method == "PUT" else 0
        time.sleep(delay)
        upstream.sendall(head + body)
        while (answer := _head(answered)) and answer.split(b" ", 2)[1] == b"100":
            pass
        if not answer:
            return False
        status = int(answer.split(b" ", 2)[1])
        time.sleep(delay)
        downstream.sendall(answer)
        bytes_out = 0
        if method != "HEAD" and status not in (204, 304):
            for piece in _body(answered, answer):
                downstream.sendall(piece)
                bytes_out += len(piece)
        path, _, query = target.partition("?")
        with self._lock:
            self._log.append(Exchange(began, time.time(), method, path, query, len(body), status, bytes_out))
        return not re.search(rb"(?im)^connection:\s*close", head + answer)


def _head(file) -> bytes:
    """Request line or status line, and the fields; empty at the end of the connection."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = file.readline()
        if not line:
            return b""
        head += line
    return head


def _body(file, head: bytes):
    """The pieces of a message's body as they are on the wire."""
    if re.search(rb"(?im)^transfer-encoding:.*chunked", head):
        while True:
            line = file.readline()
            size = int(line.split(b";")[0], 16)
            yield line
            if size == 0:
                while line not in (b"\r\n", b""):
                    line = file.readline()
                    yield line
                return
            yield file.read(size + 2)
    length = re.search(rb"(?im)^content-length:\s*(\d+)", head)
    left = int(length[1]) if length else 0
    while left:
        piece = file.read1(min(left, 1 << 16))
        if not piece:
            raise ValueError("a body that was cut off")
        yield piece
        left -= len(piece)
