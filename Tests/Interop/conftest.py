"""The two sides that must understand each other: our formats, through `LTXDriver`, and the real Litestream."""

import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


@pytest.fixture(scope="session")
def driver() -> Path:
    """The built `LTXDriver`; LTX_DRIVER names one that is built elsewhere."""
    if named := os.environ.get("LTX_DRIVER"):
        return Path(named)
    subprocess.run(["swift", "build", "--product", "LTXDriver"], cwd=ROOT, check=True)
    return ROOT / ".build/debug/LTXDriver"


@pytest.fixture(scope="session")
def binaries() -> Path:
    """The folder of the real binaries."""
    found = subprocess.run([HERE / "fetch-litestream"], check=True, capture_output=True, text=True)
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

    def replicate(self, database: Path, replica: Path, log: Path) -> subprocess.Popen:
        command = [self.binary, "replicate", database, f"file://{replica}"]
        return subprocess.Popen(command, stdout=log.open("wb"), stderr=subprocess.STDOUT, env=self.environment)


@pytest.fixture(params=["0.5.11", "0.5.17"])
def litestream(request, binaries) -> Litestream:
    return Litestream(binaries / f"litestream-{request.param}")
