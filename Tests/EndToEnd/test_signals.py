"""How the service ends: what was begun is finished, what is idle is closed, and it takes no longer than it may."""

import pathlib
import signal
import sqlite3
import subprocess
import time
from contextlib import closing

import pytest
from load import Writers, assert_kept
from service import BINARY, TASK, Server, Wire, environment, eventually, get, post

SHUTDOWN_SECONDS_MAX = 5.0
HALF = len(TASK) // 2


def half_sent(server: Server) -> Wire:
    """A connection whose POST has arrived up to the middle of its body."""
    wire = Wire(server.port)
    wire.send(post(b"Content-Length: %d\r\nExpect: 100-continue\r\n" % len(TASK), b""))
    assert wire.answer().status == 100  # so the server is known to have begun with it
    wire.send(TASK[:HALF])
    return wire


def is_refusing(server: Server) -> bool:
    try:
        Wire(server.port).socket.close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_finishes_half_sent_requests_and_takes_no_new_connections(start_server, number: int) -> None:
    server = start_server()
    begun = [half_sent(server) for _ in range(10)]
    server.signal(number)
    assert eventually(lambda: is_refusing(server), 2), "new connections are still accepted"
    ids = set()
    for wire in begun:
        wire.send(TASK[HALF:])
        answer = wire.answer()
        assert answer.status == 201
        assert answer.headers["connection"] == "close"
        assert wire.is_closed()
        ids.add(answer.json()["id"])
    assert server.wait(SHUTDOWN_SECONDS_MAX) == 0
    with closing(sqlite3.connect(server.database)) as connection:
        assert {row[0] for row in connection.execute("SELECT id FROM tasks")} == ids
    assert len(ids) == len(begun)


def test_a_signal_closes_idle_connections_at_once(start_server) -> None:
    server = start_server()
    idle = [Wire(server.port) for _ in range(5)]
    for wire in idle:
        wire.send(get())
        assert wire.answer().status == 200
    silent = Wire(server.port)
    signalled = time.monotonic()
    server.signal()
    for wire in [*idle, silent]:
        assert wire.closes_within(1)
    assert server.wait(1) == 0
    assert time.monotonic() - signalled < 1.5, "nothing was in flight, yet it took its time"


def test_a_client_that_never_finishes_does_not_hold_up_the_end(start_server) -> None:
    server = start_server()
    with half_sent(server):
        server.signal()
        server.wait(SHUTDOWN_SECONDS_MAX + 1)


def test_the_time_to_finish_can_be_chosen(start_server) -> None:
    server = start_server(shutdown_timeout="1s")
    with half_sent(server):
        signalled = time.monotonic()
        server.signal()
        server.wait(2.5)
    # Most of it is for requests; the rest is for closing the database.
    assert time.monotonic() - signalled > 0.55, "it did not wait for the request in flight"


def test_a_second_signal_ends_it_at_once(start_server) -> None:
    server = start_server()
    with half_sent(server):
        server.signal()
        assert eventually(lambda: is_refusing(server), 2), "new connections are still accepted"
        assert server.is_running(), "it did not wait for the request in flight"
        time.sleep(0.1)  # sooner it would be taken for an echo of the first
        server.signal()
        server.wait(1)


def test_a_signal_that_comes_twice_at_once_counts_once(start_server) -> None:
    server = start_server()
    with half_sent(server) as wire:
        server.signal()
        server.signal(signal.SIGINT)  # another one, or the kernel would make one of both
        assert eventually(lambda: is_refusing(server), 2), "new connections are still accepted"
        wire.send(TASK[HALF:])
        assert wire.answer().status == 201
    assert server.wait(SHUTDOWN_SECONDS_MAX) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_during_start_ends_it_at_once(tmp_path: pathlib.Path, number: int) -> None:
    for name, sql in [
        ("20260101000000_birds", "CREATE TABLE birds (n);"),
        # Runs for hours.
        (
            "20260102000000_eggs",
            "INSERT INTO birds WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c;",
        ),
    ]:
        (tmp_path / f"{name}.sql").write_text(f"-- migrate:up\n{sql}\n")
    command = [BINARY, "serve", "--host", "127.0.0.1", "--port", "0", "--migrations", ".", "--log-format", "json"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE)
    try:
        assert b"20260101000000_birds" in process.stdout.readline()
        process.send_signal(number)
        assert process.wait(2) == 0
    finally:
        process.kill()
        process.communicate()
    with closing(sqlite3.connect(tmp_path / "data/holdfast.db")) as connection:
        assert connection.execute("SELECT name FROM schema_migrations").fetchall() == [("20260101000000_birds",)]
        assert connection.execute("SELECT count(*) FROM birds").fetchall() == [(0,)]


def test_stopping_under_write_load_loses_no_acknowledged_task(start_server) -> None:
    server = start_server()
    writers = Writers(server, 16, "task")
    writers.wait_until_writing()
    time.sleep(0.3)
    server.signal()
    assert server.wait(SHUTDOWN_SECONDS_MAX) == 0
    writers.join()
    assert not writers.unexpected
    assert not writers.repeated_ids
    again = start_server(database=server.database)
    assert_kept(writers.acknowledged, again.all_tasks())


def test_the_database_is_whole_after_a_clean_stop(start_server) -> None:
    server = start_server()
    server.add_task("kept")
    assert server.stop() == 0
    with closing(sqlite3.connect(server.database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("SELECT title FROM tasks").fetchall() == [("kept",)]
