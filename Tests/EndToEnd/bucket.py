"""Where a service's replica is: a folder, or an S3 bucket of which requests can be made to go wrong."""

import json
import pathlib
import subprocess
import sys
import urllib.request

from service import ROOT

PEERS = ROOT / "Tests/StorePeers"


class Bucket:
    """A store from `peer.py` behind `faultproxy.py`, with one prefix for each test."""

    KEYS = {"AWS_ACCESS_KEY_ID": "testkey", "AWS_SECRET_ACCESS_KEY": "testsecret"}

    def __init__(self, kind: str):
        self._processes: list[subprocess.Popen[str]] = []
        self._prefixes = 0
        try:
            self._store = self._start(PEERS / "peer.py", kind)
            if kind == "moto":  # the others begin with this bucket
                self._ask("PUT", self._store, "/bkt")
            self._proxy = self._start(PEERS / "faultproxy.py", str(self._store))
        except BaseException:
            self.close()
            raise

    def _start(self, program: pathlib.Path, argument: str) -> int:
        """The port of a program that ends when its standard input is closed."""
        command = [sys.executable, program, argument]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._processes.append(process)
        return json.loads(process.stdout.readline())["port"]

    def new_prefix(self) -> str:
        """The URL of a replica that nobody has used."""
        self.stands("pass")
        self._prefixes += 1
        return f"s3://bkt/replica-{self._prefixes}?endpoint=http://127.0.0.1:{self._proxy}"

    def fails(self, *faults: str) -> None:
        """The next requests go wrong, one each."""
        self._ask("POST", self._proxy, "/__faults", json.dumps(faults))

    def stands(self, fault: str) -> None:
        """All requests go wrong, until this is "pass"."""
        self._ask("POST", self._proxy, "/__standing", json.dumps(fault))

    def taken_requests(self) -> list[str]:
        """What arrived since this was asked last: the method and what happened to it."""
        return json.loads(self._ask("GET", self._proxy, "/__log"))

    @staticmethod
    def _ask(method: str, port: int, path: str, body: str = "") -> bytes:
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body.encode() or None, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read()

    def close(self) -> None:
        for process in reversed(self._processes):
            process.stdin.close()
        for process in self._processes:
            process.wait(20)


def objects(replica: pathlib.Path) -> dict[str, bytes]:
    """The files of a replica in a folder, by their names below it."""
    return {str(path.relative_to(replica)): path.read_bytes() for path in replica.rglob("*.ltx")}
