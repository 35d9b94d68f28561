"""The two sides that must understand each other: our formats, through `FormatsDriver`, and the real Litestream."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


@pytest.fixture(scope="session")
def driver() -> Path:
    """The built `FormatsDriver`; FORMATS_DRIVER names one that is built elsewhere."""
    if named := os.environ.get("FORMATS_DRIVER"):
        return Path(named)
    subprocess.run(["swift", "build", "--product", "FormatsDriver"], cwd=ROOT, check=True)
    return ROOT / ".build/debug/FormatsDriver"


@pytest.fixture(scope="session")
def binaries() -> Path:
    """The folder of the real binaries."""
    environment = os.environ | {"PYTHON": sys.executable}
    command = [HERE / "fetch-litestream"]
    found = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return Path(found.stdout.strip())


class Litestream:
    """One version of the real program."""

    def __init__(self, binary: Path):
        self.binary = binary
        # With this variable, 0.5 cannot open any S3 replica; nothing here needs it.
        self.environment = {k: v for k, v in os.environ.items() if k != "AWS_CA_BUNDLE"}

    def restore(self, replica: Path, output: Path, *options: str) -> subprocess.CompletedProcess:
        command = [self.binary, "restore", "-o", output, *options, f"file://{replica}"]
        return subprocess.run(command, capture_output=True, text=True, env=self.environment, timeout=120)

    def replicate(self, database: Path, replica: Path, log: Path, work: Callable[[], None]) -> None:
        """Replicates while `work` changes the database, and until all of it is in the replica."""
        command = [self.binary, "replicate", database, f"file://{replica}"]
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=self.environment)
        try:
            work()
            deadline, seen, since = time.monotonic() + 60, None, time.monotonic()
            # Syncs are a second apart: when nothing has come for longer, everything has.
            while time.monotonic() - since < 2.5:
                assert process.poll() is None and time.monotonic() < deadline, log.read_text()
                now = sorted(path for path in replica.rglob("*") if path.suffix in (".ltx", ".lz4"))
                if now != seen or not now:
                    seen, since = now, time.monotonic()
                time.sleep(0.05)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


@pytest.fixture(params=["0.5.11", "0.5.17"])
def litestream(request, binaries) -> Litestream:
    """A release that writes LTX; the two write pages in different ways."""
    return Litestream(binaries / f"litestream-{request.param}")


@pytest.fixture
def litestream_03(binaries) -> Litestream:
    """A release that writes generations."""
    return Litestream(binaries / "litestream-0.3.11")
