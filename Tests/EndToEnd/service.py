"""A started `api serve`, and the few bytes of HTTP the tests speak to it."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("API_BINARY", ROOT / ".build/debug/api")).resolve()
MIGRATIONS = ROOT / "Migrations"
SEEDS = ROOT / "Seeds"

START_SECONDS_MAX = 20.0
STOP_SECONDS_MAX = 10.0
ANSWER_SECONDS_MAX = 10.0

# The options of `api serve`, by the names the tests use for them; the only place that spells them.
OPTIONS = {
    "admin_port": "--admin-port",
    "body_timeout": "--body-timeout",
    "cors_origins": "--cors-origins",
    "durability": "--durability",
    "head_timeout": "--head-timeout",
    "idle_timeout": "--idle-timeout",
    "max_connections": "--max-connections",
    "max_connections_per_address": "--max-connections-per-address",
    "max_in_flight": "--max-in-flight",
    "max_staleness": "--max-staleness",
    "no_migrate": "--no-migrate",
    "rate_limit": "--rate-limit",
    "replica": "--replica",
    "require_replica": "--require-replica",
    "send_timeout": "--send-timeout",
    "shutdown_timeout": "--shutdown-timeout",
    "single_writer": "--single-writer",
    "sync_interval": "--sync-interval",
    "token": "--token",
    "token_file": "--token-file",
    "trusted_proxies": "--trusted-proxies",
    "verify_interval": "--verify-interval",
    "write_timeout": "--write-timeout",
}

# What the program may know of the caller; any other variable could configure it.
INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "LLVM_PROFILE_FILE")


def environment(**extra: str) -> dict[str, str]:
    """The caller's environment without what configures the service."""
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return kept | {"SWIFT_BACKTRACE": "interactive=no"} | extra


def run_api(*arguments: str, cwd: pathlib.Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs one command of the program to its end, in a folder of the test's own."""
    return subprocess.run(
        [BINARY, *arguments],
        cwd=cwd,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
    )


def eventually(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether it comes true before the time is up."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


class Server:
    """`api serve` on a free port of 127.0.0.1, with its database in the test's own folder."""

    def __init__(
        self,
        folder: pathlib.Path,
        *,
        database: pathlib.Path | None = None,
        files_max: int | None = None,
        variables: dict[str, str] | None = None,
        **options: object,
    ):
        self.database = database or folder / "holdfast.db"
        self._log = folder / "serve.stdout"
        self._errors = folder / "serve.stderr"
        command = [str(BINARY), "serve", "--host", "127.0.0.1", "--port", "0", "--db", str(self.database)]
        command += ["--migrations", str(MIGRATIONS), "--log-format", "json"]
        for name, value in options.items():
            for each in value if isinstance(value, list) else [value]:
                command += [OPTIONS[name]] if each is True else [OPTIONS[name], str(each)]

        def limit_files() -> None:
            if files_max:
                resource.setrlimit(resource.RLIMIT_NOFILE, (files_max, files_max))

        with open(self._log, "wb") as log, open(self._errors, "wb") as errors:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment(**(variables or {})),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=errors,
                preexec_fn=limit_files,
            )
        self.pid = self.process.pid
        try:
            self.port = self._wait_for_port()
        except BaseException:
            self.kill()
            raise
        self.url = f"http://127.0.0.1:{self.port}"

    def _wait_for_port(self) -> int:
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            for entry in self.logs():
                if entry.get("message") == "listening":
                    return int(entry["port"])
            if self.process.poll() is not None:
                raise AssertionError(f"serve ended with {self.process.returncode} at start:\n{self.errors()}")
            time.sleep(0.01)
        raise AssertionError(f"serve did not say where it listens within {START_SECONDS_MAX} s:\n{self.errors()}")

    def logs(self) -> list[dict]:
        """Its lines on standard output so far; each must be JSON, but the last may still be half written."""
        lines = self._log.read_text(errors="replace").split("\n")[:-1]
        return [json.loads(line) for line in lines if line]

    def says(self, message: str) -> list[dict]:
        """Its lines with this message."""
        return [entry for entry in self.logs() if entry.get("message") == message]

    def errors(self) -> str:
        return self._errors.read_text(errors="replace")

    def is_running(self) -> bool:
        return self.process.poll() is None

    def signal(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float = STOP_SECONDS_MAX) -> int:
        """Its exit code; fails if it is still there after `seconds`."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"serve was still running after {seconds} s") from None

    def stop(self) -> int:
        if self.is_running():
            self.signal()
        try:
            return self.wait()
        finally:
            self.kill()

    def kill(self) -> None:
        if self.is_running():
            self.process.kill()
        self.process.wait()

    def resident_bytes(self) -> int:
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    def cpu_seconds(self) -> float:
        total = 0
        for thread in pathlib.Path(f"/proc/{self.pid}/task").iterdir():
            with contextlib.suppress(FileNotFoundError):
                total += int((thread / "schedstat").read_text().split()[0])
        return total / 1e9

    def client(self, source: str = "127.0.0.1", seconds: float = ANSWER_SECONDS_MAX) -> http.client.HTTPConnection:
        """A keep-alive client; every address in 127/8 is this machine, so `source` can be anyone."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds, source_address=(source, 0))

    def get(self, path: str) -> object:
        """The JSON that one GET on a connection of its own answers; fails unless that is a 200."""
        with contextlib.closing(self.client()) as client:
            client.request("GET", path)
            response = client.getresponse()
            body = response.read()
        assert response.status == 200, (response.status, body)
        return json.loads(body)

    def add_task(self, title: str) -> int:
        with contextlib.closing(self.client()) as client:
            return post_task(client, title)

    def all_tasks(self) -> list[dict]:
        """Every task, by following `after` page by page."""
        tasks: list[dict] = []
        while True:
            after = f"&after={tasks[-1]['id']}" if tasks else ""
            page = self.get(f"/tasks?limit=1000{after}")
            tasks += page
            if len(page) < 1000:
                return tasks


def post_task(client: http.client.HTTPConnection, title: str) -> int:
    """The id of a new task; fails unless the answer is a 201."""
    client.request("POST", "/tasks", json.dumps({"title": title}))
    response = client.getresponse()
    body = response.read()
    assert response.status == 201, (response.status, body)
    return json.loads(body)["id"]


@dataclass
class Answer:
    """One response as it was on the wire."""

    status: int
    version: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> object:
        return json.loads(self.body)


class Wire:
    """A socket that sends any bytes and reads whole responses, one after the other."""

    def __init__(self, port: int, source: str = "127.0.0.1", seconds: float = ANSWER_SECONDS_MAX):
        self.socket = socket.create_connection(("127.0.0.1", port), seconds, source_address=(source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_bytewise(self, data: bytes) -> None:
        """One byte per segment; stops when the server has heard enough and closed."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for byte in data:
                self.socket.sendall(bytes([byte]))

    def _fill(self) -> bool:
        """More bytes into the buffer; false at the end of the stream."""
        data = self.socket.recv(65536)
        self._buffer += data
        return bool(data)

    def _take_until(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            if not self._fill():
                raise EOFError(f"the stream ended inside a response: {self._buffer[:200]!r}")
        taken, _, self._buffer = self._buffer.partition(mark)
        return taken

    def answer(self, to_head: bool = False) -> Answer:
        """The next response; interim ones (1xx) are answers of their own."""
        lines = self._take_until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        version, status, *_ = lines[0].split(" ")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        code = int(status)
        length = 0 if to_head or code < 200 or code in (204, 304) else int(headers["content-length"])
        while len(self._buffer) < length:
            if not self._fill():
                raise EOFError(f"the stream ended {length - len(self._buffer)} bytes before the body did")
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return Answer(code, version, headers, body)

    def is_closed(self) -> bool:
        """Whether the server ends the stream, with nothing more said, before the socket's time is up."""
        try:
            return not self._buffer and not self._fill()
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False

    def closes_within(self, seconds: float) -> bool:
        self.socket.settimeout(seconds)
        return self.is_closed()


HOST = b"Host: test\r\n"
TASK = b'{"title":"t"}'


def get(path: bytes = b"/health", headers: bytes = b"") -> bytes:
    return b"GET " + path + b" HTTP/1.1\r\n" + HOST + headers + b"\r\n"


def post(headers: bytes, body: bytes, line: bytes = b"POST /tasks HTTP/1.1") -> bytes:
    return line + b"\r\n" + HOST + headers + b"\r\n" + body


def post_whole(body: bytes = TASK) -> bytes:
    return post(b"Content-Length: %d\r\n" % len(body), body)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)
