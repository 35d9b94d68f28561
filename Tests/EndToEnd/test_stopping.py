"""How a service with a replica ends while its bucket does not answer: in time, and without a word that is not true."""

import concurrent.futures
import contextlib
import json
import pathlib
import signal
import time

import pytest
from bucket import Bucket
from service import Server, eventually

# Fly kills then, and it is the default of `--shutdown-timeout`.
SHUTDOWN_SECONDS_MAX = 5.0
STALLED = 4  # requests that wait when the signal comes


@pytest.fixture(scope="module")
def bucket():
    with contextlib.closing(Bucket("moto")) as bucket:
        yield bucket


def post(server: Server, title: str) -> tuple[int, str]:
    """The status and, of a problem, what kind it is."""
    with contextlib.closing(server.client(seconds=20)) as client:
        client.request("POST", "/tasks", json.dumps({"title": title}))
        response = client.getresponse()
        body = json.loads(response.read())
        return response.status, body.get("type", "").rsplit("#problem-", 1)[-1]


def stop(server: Server) -> float:
    """How long it took to end in good order."""
    began = time.monotonic()
    server.signal(signal.SIGTERM)
    assert server.wait(SHUTDOWN_SECONDS_MAX + 3) == 0, server.errors()
    return time.monotonic() - began


@pytest.mark.parametrize("fault", ["stall-before", "stall-after", "reset-before"])
def test_who_waits_for_a_bucket_that_is_down_is_answered_before_the_end(start_server, bucket, tmp_path, fault) -> None:
    replica = bucket.new_prefix()
    database = tmp_path / "app.db"
    server = start_server(database=database, replica=replica, variables=Bucket.KEYS)
    before = server.add_task("before")
    bucket.taken_requests()
    bucket.stands(fault)
    try:
        with concurrent.futures.ThreadPoolExecutor(STALLED) as pool:
            answers = [pool.submit(post, server, "first")]
            assert eventually(lambda: f"PUT {fault}" in bucket.taken_requests(), 5)
            answers += [pool.submit(post, server, f"later {number}") for number in range(1, STALLED)]
            time.sleep(0.2)
            took = stop(server)
            found = [answer.result() for answer in answers]
    finally:
        bucket.stands("pass")
    assert took < SHUTDOWN_SECONDS_MAX, took
    assert [status for status, _ in found] == [503] * STALLED, found
    # What was sent may be kept; what waited behind it certainly is not.
    assert found[0][1] == "outcome-unknown" and {kind for _, kind in found[1:]} <= {"unavailable", "outcome-unknown"}
    # The requests that stalled come to their end.
    time.sleep(8 if fault.startswith("stall") else 0)
    server = start_server(database=database, replica=replica, variables=Bucket.KEYS)
    titles = [task["title"] for task in server.all_tasks()]
    assert titles[0] == "before" and server.all_tasks()[0]["id"] == before
    kept = titles[1:]
    # What its writer could not know is in the bucket, and so it is in the database that is served.
    assert kept == (["first"] if fault == "stall-after" else []), titles


def test_a_clean_end_is_as_quick_as_before_and_leaves_a_record(start_server, bucket, tmp_path) -> None:
    database = tmp_path / "app.db"
    server = start_server(database=database, replica=bucket.new_prefix(), variables=Bucket.KEYS)
    server.add_task("kept")
    assert stop(server) < 2
    assert pathlib.Path(f"{database}-position").exists()


@pytest.mark.parametrize("durability", ["replicated", "async"])
def test_work_for_the_replica_that_hangs_does_not_hold_up_the_end(start_server, bucket, tmp_path, durability) -> None:
    database = tmp_path / "app.db"
    options = {"replica": bucket.new_prefix(), "variables": Bucket.KEYS, "durability": durability}
    server = start_server(database=database, sync_interval="10ms", **options)
    for number in range(3):
        server.add_task(f"task {number}")
    # The first snapshot is due, and in async the last file may not be there yet.
    bucket.stands("stall-before")
    try:
        if durability == "async":
            server.add_task("only here")
        time.sleep(0.3)
        assert stop(server) < SHUTDOWN_SECONDS_MAX
    finally:
        bucket.stands("pass")
    assert pathlib.Path(f"{database}-position").exists() == (durability == "replicated")
    server = start_server(database=database, **options)
    assert len(server.all_tasks()) == (4 if durability == "async" else 3)


def test_a_further_replica_that_hangs_does_not_hold_up_the_end(start_server, bucket, tmp_path) -> None:
    replica = bucket.new_prefix()
    with contextlib.closing(Bucket("moto")) as other:
        further = other.new_prefix()
        server = start_server(replica=[replica, further], variables=Bucket.KEYS)
        server.add_task("both")
        other.stands("stall-before")
        server.add_task("one")
        time.sleep(0.3)
        assert stop(server) < SHUTDOWN_SECONDS_MAX
