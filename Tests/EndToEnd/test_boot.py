"""What clients see while the service restores its database: alive, not ready, how far it is, and then their data."""

import contextlib
import json
import pathlib
import shutil
import signal
import time

import pytest
from bucket import Bucket
from service import Server, eventually, run_api

MIGRATIONS = pathlib.Path(__file__).resolve().parents[2] / "Migrations"
SLOW = {"HOLDFAST_FAULTS": "latency=1:400ms-400ms"}
STUCK = {"HOLDFAST_FAULTS": "latency=1:30s-30s"}


class StartingServer(Server):
    """A server that is looked at from when its port is open, before it has a database."""

    OPENED = "waiting for the database"

    def _wait_for_port(self) -> int:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            for entry in self.says(self.OPENED):
                return int(entry["port"])
            if self.process.poll() is not None:
                raise AssertionError(f"serve ended with {self.process.returncode} at start:\n{self.errors()}")
            time.sleep(0.01)
        raise AssertionError(f"serve opened no port:\n{self.errors()}")

    def ask(self, path: str, method: str = "GET") -> tuple[int, dict, dict]:
        with contextlib.closing(self.client()) as client:
            client.request(method, path, body=None if method == "GET" else '{"title":"early"}')
            response = client.getresponse()
            return response.status, {name.lower(): value for name, value in response.getheaders()}, json.loads(
                response.read()
            )


@pytest.fixture
def replica(tmp_path: pathlib.Path) -> pathlib.Path:
    """A bucket with the log of a service whose disk is gone."""
    folder = tmp_path / "bucket"
    (tmp_path / "first").mkdir()
    server = Server(tmp_path / "first", replica=f"file://{folder}")
    try:
        for number in range(40):
            server.add_task(f"task {number}")
        assert server.says(StartingServer.OPENED), "with a replica the port is open before the database"
        assert server.stop() == 0
    finally:
        server.kill()
    shutil.rmtree(tmp_path / "first")
    return folder


@pytest.fixture
def start(tmp_path: pathlib.Path, replica: pathlib.Path):
    servers = []

    def start(**options) -> StartingServer:
        (tmp_path / "second").mkdir()
        servers.append(StartingServer(tmp_path / "second", replica=f"file://{replica}", **options))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


def test_a_restore_is_watched_and_then_served(start) -> None:
    server = start(variables=SLOW)
    assert server.ask("/healthz")[0] == 200
    status, headers, problem = server.ask("/tasks", "POST")
    assert status == 503 and int(headers["retry-after"]) > 0 and "starting" in problem["detail"], problem
    seen = []
    while not server.says("listening"):
        status, headers, problem = server.ask("/readyz")
        if status == 200:
            break
        assert status == 503 and int(headers["retry-after"]) > 0, problem
        seen.append(problem["progress"])
        assert server.ask("/healthz")[0] == 200
        time.sleep(0.05)
    counts = [progress["done_bytes"] for progress in seen if progress["total_bytes"]]
    assert len(set(counts)) > 2 and counts == sorted(counts), seen
    assert all(progress["done_bytes"] <= progress["total_bytes"] for progress in seen if progress["total_bytes"])
    while not server.says("listening"):
        time.sleep(0.01)
    assert server.says("listening")[0]["port"] == server.port
    assert len(server.all_tasks()) == 40
    assert server.get("/readyz")["status"] == "ready"
    assert server.add_task("late") == 41
    assert server.stop() == 0


def test_the_operators_port_waits_too(start) -> None:
    server = start(variables=STUCK, admin_port=0)
    service_port, server.port = server.port, server.says(StartingServer.OPENED)[0]["admin_port"]
    assert service_port != server.port
    assert server.ask("/healthz")[0] == 200 and server.ask("/metrics")[0] == 503


def test_a_signal_ends_a_start_at_once(start) -> None:
    server = start(variables=STUCK)
    assert server.ask("/readyz")[0] == 503
    began = time.monotonic()
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert time.monotonic() - began < 2
    assert not server.says("listening")


def test_a_signal_ends_a_start_that_waits_for_a_bucket(tmp_path: pathlib.Path) -> None:
    with contextlib.closing(Bucket("moto")) as bucket:
        replica = bucket.new_prefix()
        bucket.stands("stall-before")
        server = StartingServer(tmp_path, replica=replica, variables=Bucket.KEYS)
        try:
            assert eventually(lambda: len(bucket.taken_requests()) > 0, 5)
            began = time.monotonic()
            server.signal(signal.SIGTERM)
            assert server.wait() == 0
            assert time.monotonic() - began < 2
            assert not server.database.exists()
        finally:
            server.kill()


def test_a_start_that_fails_ends_with_its_reason(start, replica: pathlib.Path) -> None:
    middle = sorted(replica.glob("ltx/0/*.ltx"))[20]
    middle.write_bytes(middle.read_bytes()[:-9])
    server = start()
    assert server.wait() == 1
    assert middle.name in server.errors(), server.errors()
    assert not server.says("listening")


def test_a_port_that_is_taken_is_known_before_anything_is_restored(start, replica, tmp_path) -> None:
    server = start(variables=STUCK)
    done = run_api(
        "serve", "--host", "127.0.0.1", "--port", str(server.port), "--db", "third/holdfast.db", "--migrations",
        str(MIGRATIONS), "--replica", f"file://{replica}", cwd=tmp_path,
    )
    assert done.returncode == 1 and str(server.port) in done.stderr, done.stderr
    assert not (tmp_path / "third").exists()


def test_without_a_replica_the_port_opens_with_the_database(start_server) -> None:
    assert not start_server().says(StartingServer.OPENED)
