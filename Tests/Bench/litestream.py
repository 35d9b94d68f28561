"""The real Litestream, as a peer: its binaries, its configuration, and what its objects hold."""

import json
import os
import pathlib
import re
import struct
import subprocess
import sys

from harness import ROOT, BenchFailure
from storage import BUCKET, KEY, SECRET

VERSIONS = ("0.5.17", "0.3.11")


def binaries() -> dict[str, str]:
    """Fetches what is not there yet."""
    fetch = ROOT / "Tests/Interop/fetch-litestream"
    done = subprocess.run(
        [fetch], capture_output=True, text=True, env=os.environ | {"PYTHON": sys.executable}, timeout=600
    )
    if done.returncode != 0:
        raise BenchFailure(f"{fetch} failed: {done.stderr[-2000:]}")
    folder = pathlib.Path(done.stdout.strip())
    return {version: str(folder / f"litestream-{version}") for version in VERSIONS}


def environment() -> dict[str, str]:
    """Without the variable with which 0.5 cannot open any S3 replica."""
    return {name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"}


def write_configuration(path: pathlib.Path, version: str, database: pathlib.Path, port: int, prefix: str) -> None:
    """For either line; JSON is YAML, too."""
    replica = {
        "type": "s3",
        "bucket": BUCKET,
        "path": prefix,
        "endpoint": f"http://127.0.0.1:{port}",
        "region": "us-east-1",
        "access-key-id": KEY,
        "secret-access-key": SECRET,
        "force-path-style": True,
    }
    place = {"replicas": [replica]} if version.startswith("0.3") else {"replica": replica}
    path.write_text(json.dumps({"dbs": [{"path": str(database)} | place]}))


# What their objects hold: pages, found without a library for LZ4.

_MARKER = re.compile(rb"MRK(\d{10})")


def newest_marker(key: str, data: bytes) -> int:
    """The highest `MRK<ten digits>` in an object; zero if it has none."""
    if key.endswith(".wal.lz4"):
        raw = _frame(data, 0)[0]
    elif key.endswith(".ltx"):
        raw = b"".join(_pages(data))
    else:
        return 0
    return max((int(digits) for digits in _MARKER.findall(raw)), default=0)


def _pages(data: bytes):
    """The pages of an LTX file, in either of the two encodings."""
    at = 100
    while True:
        number, flags = struct.unpack_from(">IH", data, at)
        at += 6
        if number == 0:
            return
        if flags & 1:
            (size,) = struct.unpack_from(">I", data, at)
            yield bytes(_block(data[at + 4 : at + 4 + size], bytearray()))
            at += 4 + size
        else:
            page, at = _frame(data, at)
            yield page


def _frame(data: bytes, at: int) -> tuple[bytes, int]:
    """An LZ4 frame's content and where it ends; hashes are not checked."""
    flags = data[at + 4]
    at += 15 if flags & 0x08 else 7
    content = bytearray()
    while True:
        (size,) = struct.unpack_from("<I", data, at)
        at += 4
        if size == 0:
            return bytes(content), at + (4 if flags & 0x04 else 0)
        stored, size = size >> 31, size & 0x7FFFFFFF
        if stored:
            content += data[at : at + size]
        else:
            _block(data[at : at + size], content)
        at += size + (4 if flags & 0x10 else 0)


def _block(data: bytes, content: bytearray) -> bytearray:
    """Appends an LZ4 block's content to what came before, to which it may refer."""
    at = 0

    def length(start: int) -> int:
        nonlocal at
        total = start
        if start == 15:
            while True:
                byte = data[at]
                at += 1
                total += byte
                if byte != 255:
                    break
        return total

    while at < len(data):
        token = data[at]
        at += 1
        literals = length(token >> 4)
        content += data[at : at + literals]
        at += literals
        if at >= len(data):
            break
        distance = data[at] | data[at + 1] << 8
        at += 2
        count = length(token & 15) + 4
        start = len(content) - distance
        if distance >= count:
            content += content[start : start + count]
        else:
            for index in range(count):
                content.append(content[start + index])
    return content
