"""A service that has a replica beside it, in a folder where an operator works."""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
API = pathlib.Path(os.environ.get("API_BINARY", ROOT / ".build/debug/api")).resolve()
START_SECONDS_MAX = 20


def free_port() -> int:
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return any_port.getsockname()[1]


class Workplace:
    """A folder of an operator's, with a service that has a replica beside it."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.port = free_port()
        (folder / "bin").mkdir()
        (folder / "bin/api").symlink_to(API)
        self.environment = {
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(folder),
            "SWIFT_BACKTRACE": "interactive=no",
            "MIGRATIONS_PATH": str(ROOT / "Migrations"),
            "HOST": "127.0.0.1",
            "REPLICA_URL": f"file://{folder / 'bucket/holdfast'}",
            "API": f"http://127.0.0.1:{self.port}",
        }
        self.service: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with open(self.folder / "serve.log", "ab") as log:
            self.service = subprocess.Popen(
                [API, "serve"],
                cwd=self.folder,
                env=self.environment | {"PORT": str(self.port)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_SECONDS_MAX
        while subprocess.run([API, "health", "--ready", "--port", str(self.port)], capture_output=True).returncode:
            assert self.service.poll() is None and time.monotonic() < deadline, (self.folder / "serve.log").read_text()
            time.sleep(0.05)

    def request(self, method: str, path: str, body: object = None) -> tuple[int, object]:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as client:
            client.request(method, path, None if body is None else json.dumps(body))
            response = client.getresponse()
            return response.status, json.loads(response.read())

    def kill(self) -> None:
        if self.service:
            self.service.send_signal(signal.SIGKILL)
            self.service.wait()
            self.service = None

    def logs(self) -> str:
        return "".join(f"\n--- {path.name}\n{path.read_text()[-3000:]}" for path in sorted(self.folder.glob("*.log")))
