"""`api serve --replica`: a 2xx means that the write is in the bucket, whatever happens to the machine."""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import time

import pytest
from bucket import Bucket, objects
from endurance import seconds as lasting
from load import Callers, Writers, assert_kept
from service import MIGRATIONS, ROOT, SEEDS, Server, eventually, post_task, run_api

CONNECTIONS = 8


@pytest.fixture
def replica(tmp_path: pathlib.Path) -> str:
    """The URL of an empty folder."""
    return f"file://{tmp_path}/replica"


@pytest.fixture(scope="module")
def bucket():
    with contextlib.closing(Bucket("moto")) as started:
        yield started


def send(server: Server, method: str, path: str, body: object = None, seconds: float = 10, **headers: str):
    """Status, headers and body of one answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with contextlib.closing(server.client(seconds=seconds)) as client:
        client.request(method, path, None if body is None else json.dumps(body), named)
        response = client.getresponse()
        return response.status, response.headers, response.read()


def problem(body: bytes) -> str:
    """The kind of an error."""
    return json.loads(body)["type"].removeprefix("/docs#problem-")


def restored(replica: str, folder: pathlib.Path, name: str = "restored.db") -> pathlib.Path:
    """What `api restore` makes of a replica."""
    done = run_api("restore", "-o", str(folder / name), replica, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / name


def tasks_in(database: pathlib.Path) -> list[dict]:
    with contextlib.closing(sqlite3.connect(f"file:{database}?immutable=1", uri=True)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        rows = connection.execute("SELECT id, title FROM tasks ORDER BY id").fetchall()
    return [{"id": number, "title": title} for number, title in rows]


# Kills.


def test_kill_9_under_load_with_the_disk_wiped_loses_no_acknowledged_task(start_server, replica, tmp_path) -> None:
    acknowledged: dict[int, str] = {}
    moments = random.Random(20261127)
    for number in range(4):
        server = start_server(replica=replica)  # in a new folder each time
        assert_kept(acknowledged, server.all_tasks())
        writers = Writers(server, CONNECTIONS, f"life {number}")
        writers.wait_until_writing()
        time.sleep(moments.uniform(0.05, 0.5))
        server.kill()
        writers.join()
        assert not writers.unexpected and not writers.repeated_ids
        assert not writers.acknowledged.keys() & acknowledged.keys(), "an id was given to two tasks"
        acknowledged |= writers.acknowledged
    assert_kept(acknowledged, tasks_in(restored(replica, tmp_path)))


def test_kill_9_under_load_with_the_disk_kept_loses_no_acknowledged_task(start_server, replica, tmp_path) -> None:
    acknowledged: dict[int, str] = {}
    for number in range(3):
        server = start_server(replica=replica, database=tmp_path / "kept.db")
        assert_kept(acknowledged, server.all_tasks())
        writers = Writers(server, CONNECTIONS, f"life {number}")
        writers.wait_until_writing()
        server.kill()
        writers.join()
        acknowledged |= writers.acknowledged
    server = start_server(replica=replica, database=tmp_path / "kept.db")
    # The file was of this log: nothing had to be kept of it.
    assert server.says("the database was restored") and not list(tmp_path.glob("*.aside*"))
    assert_kept(acknowledged, server.all_tasks())


def test_a_clean_stop_makes_the_next_start_use_the_local_file(start_server, replica, tmp_path) -> None:
    server = start_server(replica=replica, database=tmp_path / "kept.db")
    number = server.add_task("before")
    assert server.stop() == 0, server.errors()
    assert not (tmp_path / "kept.db-wal").exists() and (tmp_path / "kept.db-position").exists()
    server = start_server(replica=replica, database=tmp_path / "kept.db")
    assert server.says("the local database is current")
    assert not (tmp_path / "kept.db-position").exists(), "a crash from here on would use an old file"
    assert server.add_task("after") == number + 1


def test_a_local_file_that_others_have_gone_past_is_not_used(start_server, replica, tmp_path) -> None:
    server = start_server(replica=replica, database=tmp_path / "kept.db")
    server.add_task("ours")
    assert server.stop() == 0
    other = start_server(replica=replica)
    other.add_task("theirs")
    other.kill()
    server = start_server(replica=replica, database=tmp_path / "kept.db")
    assert [task["title"] for task in server.all_tasks()] == ["ours", "theirs"]


def test_a_log_that_was_left_beside_a_restored_file_does_not_matter(start_server, replica, tmp_path) -> None:
    database = tmp_path / "kept.db"
    server = start_server(replica=replica, database=database)
    for number in range(20):
        server.add_task(f"early {number}")
    server.kill()
    assert (tmp_path / "kept.db-wal").stat().st_size > 0
    other = start_server(replica=replica)
    acknowledged = {other.add_task(f"late {number}"): f"late {number}" for number in range(20)}
    other.kill()
    # The file as a restore leaves it, when the process was killed before it took away the old log.
    restored(replica, tmp_path).replace(database)
    server = start_server(replica=replica, database=database)
    assert_kept(acknowledged, server.all_tasks())
    assert server.stop() == 0
    assert len(tasks_in(database)) == 40


# Two instances.


def write_on_both(servers: list[Server], seconds: float, rest: float) -> list[Writers]:
    """What clients of two instances were told, which must not contradict each other."""
    writers = [Writers(server, 3, f"instance {number}", rest) for number, server in enumerate(servers)]
    time.sleep(seconds)
    for each in writers:
        each.stop()
        assert not each.unexpected and not each.repeated_ids
    assert not writers[0].acknowledged.keys() & writers[1].acknowledged.keys(), "an id was given to two tasks"
    return writers


def test_two_instances_on_one_prefix_both_write_and_lose_nothing(start_server, replica, tmp_path) -> None:
    servers = [start_server(replica=replica) for _ in range(2)]
    writers = write_on_both(servers, lasting(3, 120), rest=0.2)
    assert all(len(each.acknowledged) > 5 for each in writers), "one instance was kept from writing"
    for server in servers:
        server.kill()
    acknowledged = writers[0].acknowledged | writers[1].acknowledged
    assert_kept(acknowledged, tasks_in(restored(replica, tmp_path)))


def test_two_instances_that_never_rest_both_write(start_server, bucket) -> None:
    replica = bucket.new_prefix()
    servers = [start_server(replica=replica, variables=Bucket.KEYS, write_timeout="3s") for _ in range(2)]
    bucket.stands("slow|0.02|0.06")
    try:
        writers = write_on_both(servers, 5, rest=0)
    finally:
        bucket.stands("pass")
    shares = [len(each.acknowledged) for each in writers]
    assert min(shares) > sum(shares) / 10, f"one instance was kept from writing: {shares}"


def test_two_that_begin_at_once_make_one_migrated_database(start_server, replica, tmp_path) -> None:
    with concurrent.futures.ThreadPoolExecutor() as pool:
        servers = list(pool.map(lambda _: start_server(replica=replica), range(3)))
    numbers = [server.add_task(f"by {index}") for index, server in enumerate(servers)]
    assert len(set(numbers)) == 3
    for server in servers:
        assert send(server, "GET", "/readyz")[0] == 200
        assert server.stop() == 0, server.errors()
    database = restored(replica, tmp_path)
    assert len(tasks_in(database)) == 3
    with contextlib.closing(sqlite3.connect(database)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM schema_migrations")]
    assert names and len(names) == len(set(names))


def test_an_id_is_not_given_again_after_its_task_was_deleted(start_server, replica) -> None:
    server = start_server(replica=replica)
    number = server.add_task("short lived")
    assert send(server, "DELETE", f"/tasks/{number}")[0] == 200
    server.kill()
    server = start_server(replica=replica)
    assert server.add_task("another") > number


def test_an_instance_that_stood_still_while_another_wrote_answers_what_is_true(start_server, replica) -> None:
    frozen, other = start_server(replica=replica), start_server(replica=replica)
    freeze = lasting(2, 120)
    waiting = Writers(frozen, CONNECTIONS, "frozen", patience=freeze + 20)
    waiting.wait_until_writing()
    frozen.signal(signal.SIGSTOP)
    before = len(waiting.acknowledged)
    acknowledged = {}
    with contextlib.closing(other.client()) as client:
        deadline = time.monotonic() + freeze
        while time.monotonic() < deadline:
            title = f"other {len(acknowledged)}"
            acknowledged[post_task(client, title)] = title
    frozen.signal(signal.SIGCONT)
    assert eventually(lambda: len(waiting.acknowledged) > before + CONNECTIONS, 10), "it does not write any more"
    waiting.stop()
    # Nothing but 201 and 503, each within the client's patience.
    assert not waiting.unexpected and not waiting.repeated_ids
    assert not waiting.acknowledged.keys() & acknowledged.keys()
    for server in (frozen, other):
        server.add_task(f"at last {server.pid}")
    acknowledged |= waiting.acknowledged
    frozen.kill()
    other.kill()
    assert_kept(acknowledged, start_server(replica=replica).all_tasks())


def test_a_deploy_fails_no_request_that_either_instance_accepted(start_server, bucket) -> None:
    replica = bucket.new_prefix()
    bucket.stands("slow|0.02|0.04")  # as far away as buckets are
    old = start_server(replica=replica, variables=Bucket.KEYS)
    servers = [old]
    callers = Callers(servers, CONNECTIONS, "caller")
    assert eventually(lambda: callers.count(0) > 5 * CONNECTIONS, 10), "the old instance does not write"
    servers.append(start_server(replica=replica, variables=Bucket.KEYS))
    assert old.stop() == 0, old.errors()
    assert eventually(lambda: callers.count(1) > 5 * CONNECTIONS, 10), "the new instance does not write"
    callers.stop()
    print(f"longest gap in writes: {callers.longest_gap():.3f} s")  # pytest -s shows it
    assert not callers.failures, callers.failures[:5]
    assert not callers.repeated_ids
    assert callers.longest_gap() < 5
    assert_kept(callers.acknowledged, servers[1].all_tasks())


# What a client can ask for.


def test_a_receipt_makes_another_instance_show_the_write(start_server, replica) -> None:
    first, second = start_server(replica=replica), start_server(replica=replica)
    for writer, reader in [(first, second), (second, first)] * 3:
        status, headers, body = send(writer, "POST", "/tasks", {"title": "seen"})
        assert status == 201
        receipt = headers["X-Replicated-TXID"]
        path = f"/tasks/{json.loads(body)['id']}"
        assert send(reader, "GET", path, X_Min_TXID=receipt)[0] == 200


def test_a_read_that_may_not_be_stale_sees_what_another_instance_wrote(start_server, replica) -> None:
    writer, reader = start_server(replica=replica), start_server(replica=replica, max_staleness="0s")
    for _ in range(10):
        number = writer.add_task("fresh")
        assert send(reader, "GET", f"/tasks/{number}")[0] == 200
        assert send(writer, "DELETE", f"/tasks/{number}")[0] == 200
        assert send(reader, "GET", f"/tasks/{number}")[0] == 404


def test_a_receipt_beyond_the_end_of_the_log_is_answered_in_time(start_server, replica) -> None:
    server = start_server(replica=replica)
    _, headers, _ = send(server, "POST", "/tasks", {"title": "the last"})
    beyond = f"{int(headers['X-Replicated-TXID'], 16) + 1000:016x}"
    status, headers, body = send(server, "GET", "/tasks", X_Min_TXID=beyond)
    assert (status, problem(body)) == (503, "not-yet-replicated")
    assert headers["Retry-After"]


def test_a_retry_on_another_instance_gets_the_first_answer(start_server, replica) -> None:
    first = start_server(replica=replica)
    told = send(first, "POST", "/tasks", {"title": "once"}, Idempotency_Key="k")
    assert told[0] == 201
    first.kill()
    second = start_server(replica=replica)
    again = send(second, "POST", "/tasks", {"title": "once"}, Idempotency_Key="k")
    assert (again[0], again[2]) == (told[0], told[2])
    assert again[1]["Idempotency-Replayed"] == "true"
    assert len(second.all_tasks()) == 1
    assert send(second, "POST", "/tasks", {"title": "other"}, Idempotency_Key="k")[0] == 422


# A bucket that fails.


def serve_once(folder: pathlib.Path, replica: str, *options: str, **variables: str):
    """`api serve` that is expected to end by itself."""
    where = ["--port", "0", "--host", "127.0.0.1", "--db", "data/app.db", "--replica", replica]
    return run_api("serve", *where, "--migrations", str(MIGRATIONS), *options, cwd=folder, **Bucket.KEYS | variables)


def test_a_bucket_that_is_down_at_the_start_is_no_empty_database(tmp_path) -> None:
    done = serve_once(tmp_path, "s3://bkt/app?endpoint=http://127.0.0.1:1")
    assert done.returncode == 1
    assert "cannot be reached" in done.stderr and "127.0.0.1:1" in done.stderr
    assert not (tmp_path / "data/app.db").exists()


def test_refused_credentials_at_the_start_are_no_empty_database(bucket, tmp_path) -> None:
    replica = bucket.new_prefix()
    bucket.stands("answer|403||<Error><Code>AccessDenied</Code></Error>")
    try:
        done = serve_once(tmp_path, replica)
    finally:
        bucket.stands("pass")
    assert done.returncode == 1
    assert "may not be read" in done.stderr and "AccessDenied" in done.stderr
    assert not (tmp_path / "data/app.db").exists()


def test_writes_do_not_wait_for_long_behind_a_question_that_the_store_does_not_answer(start_server, bucket) -> None:
    replica = bucket.new_prefix()
    server = start_server(replica=replica, variables=Bucket.KEYS, max_staleness="0s", write_timeout="2s")
    server.add_task("before")
    bucket.stands("GET stall-before")
    try:
        with concurrent.futures.ThreadPoolExecutor() as pool:
            bucket.taken_requests()
            reading = pool.submit(send, server, "GET", "/tasks")
            assert eventually(lambda: "GET stall-before" in bucket.taken_requests(), 5), "nobody asks"
            started = time.monotonic()
            assert send(server, "POST", "/tasks", {"title": "meanwhile"})[0] == 201
            assert time.monotonic() - started < 2
            assert reading.result()[0] in (200, 503)  # the write may have shown in time that nothing was newer
    finally:
        bucket.stands("pass")
    assert eventually(lambda: send(server, "GET", "/tasks")[0] == 200, 3), "it does not recover"
    assert [task["title"] for task in server.all_tasks()] == ["before", "meanwhile"]


@pytest.mark.parametrize(
    ("fault", "kinds"),
    [
        # The store may have kept what it did not answer to.
        ("reset-before", {"outcome-unknown", "unavailable"}),
        ("reset-after", {"outcome-unknown", "unavailable"}),
        ("answer|503||<Error><Code>SlowDown</Code></Error>", {"outcome-unknown", "unavailable"}),
        ("answer|403||<Error><Code>AccessDenied</Code></Error>", {"outcome-unknown", "unavailable"}),
    ],
    ids=["unreachable", "no-answers", "overloaded", "credentials-revoked"],
)
def test_a_bucket_that_fails_for_a_while_costs_answers_and_no_data(start_server, bucket, tmp_path, fault, kinds) -> None:
    replica = bucket.new_prefix()
    server = start_server(replica=replica, variables=Bucket.KEYS, write_timeout="1s")
    before = server.add_task("before")
    resident = server.resident_bytes()
    bucket.stands(fault)
    try:
        seen = set()
        deadline = time.monotonic() + lasting(3, 60)
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            while time.monotonic() < deadline:
                answers = pool.map(lambda each: send(server, "POST", "/tasks", {"title": f"lost {each}"}), range(16))
                for status, headers, body in answers:
                    assert status == 503, (status, body)
                    assert headers["Retry-After"]
                    seen.add(problem(body))
                # What is durable can be read meanwhile, and nothing else.
                assert [task["id"] for task in server.all_tasks()] == [before]
        assert seen and seen <= kinds, seen
        assert server.resident_bytes() < resident + (32 << 20)
    finally:
        bucket.stands("pass")
    reasons = [entry["error"] for entry in server.logs() if "error" in entry]
    assert any("0000/" in reason and "replica-" in reason for reason in reasons), "no line says what went wrong where"
    assert eventually(lambda: send(server, "POST", "/tasks", {"title": "after"})[0] == 201, 10), "it does not recover"
    writers = Writers(server, 4, "recovered")
    writers.wait_until_writing()
    server.kill()
    writers.join()
    assert not writers.unexpected
    server = start_server(replica=replica, variables=Bucket.KEYS)
    kept = server.all_tasks()
    titles = [task["title"] for task in kept]
    assert titles[0] == "before" and titles.count("after") == 1
    assert_kept(writers.acknowledged, [task for task in kept if not task["title"].startswith("lost")])


def test_lost_answers_of_single_requests_are_not_seen_by_clients(start_server, bucket) -> None:
    replica = bucket.new_prefix()
    server = start_server(replica=replica, variables=Bucket.KEYS)
    acknowledged = {}
    for fault in ["reset-before", "reset-after", "answer|503||", "answer|500||", "answer|409||", "truncate"]:
        bucket.fails(fault)
        acknowledged[server.add_task(fault)] = fault
    server.kill()
    assert_kept(acknowledged, start_server(replica=replica, variables=Bucket.KEYS).all_tasks())


def test_a_store_that_ignores_conditions_is_refused_unless_nothing_else_writes(start_server, tmp_path) -> None:
    with contextlib.closing(Bucket("rclone")) as bucket:
        replica = bucket.new_prefix()
        done = serve_once(tmp_path, replica)
        assert done.returncode == 1 and "--single-writer=assumed" in done.stderr
        assert not (tmp_path / "data/app.db").exists()
        server = start_server(replica=replica, variables=Bucket.KEYS, single_writer="assumed")
        number = server.add_task("alone")
        server.kill()
        server = start_server(replica=replica, variables=Bucket.KEYS, single_writer="assumed")
        assert [task["id"] for task in server.all_tasks()] == [number]


# A disk that fails.


@pytest.fixture
def small_disk(tmp_path: pathlib.Path):
    """A file system that can be made larger with `mount -o remount,size=…`."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", disk], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_full_disk_costs_answers_and_no_data(start_server, replica, small_disk, tmp_path) -> None:
    server = start_server(replica=replica, database=small_disk / "app.db")
    acknowledged, refused = {}, 0
    for sequence in range(400):
        title = f"{sequence} " + "x" * 180
        status, _, body = send(server, "POST", "/tasks", {"title": title})
        if status == 201:
            acknowledged[json.loads(body)["id"]] = title
            continue
        assert status == 503, (status, body)
        refused += 1
        if refused == 5:
            break
    assert refused == 5, "the disk was never full"
    assert eventually(lambda: any("full" in line or "space" in line for line in map(json.dumps, server.logs())), 5)
    assert_kept(acknowledged, server.all_tasks())
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    assert eventually(lambda: send(server, "POST", "/tasks", {"title": "after"})[0] == 201, 10), "it does not recover"
    server.kill()
    assert_kept(acknowledged, start_server(replica=replica).all_tasks())


# What was there before.


def test_a_local_database_begins_the_log_of_an_empty_replica(start_server, replica, tmp_path) -> None:
    server = start_server(database=tmp_path / "old.db")
    acknowledged = {server.add_task(f"local {number}"): f"local {number}" for number in range(5)}
    assert server.stop() == 0
    server = start_server(database=tmp_path / "old.db", replica=replica)
    assert server.says("the local database begins a log")
    acknowledged[server.add_task("replicated")] = "replicated"
    server.kill()
    assert_kept(acknowledged, start_server(replica=replica).all_tasks())


def test_a_local_database_with_an_unfinished_log_begins_one_whole(start_server, replica, tmp_path) -> None:
    server = start_server(database=tmp_path / "old.db")
    writers = Writers(server, 4, "local")
    writers.wait_until_writing()
    server.kill()
    writers.join()
    start_server(database=tmp_path / "old.db", replica=replica).kill()
    assert_kept(writers.acknowledged, start_server(replica=replica).all_tasks())


def test_a_database_of_another_log_is_kept_under_another_name(start_server, replica, tmp_path) -> None:
    start_server(replica=replica).add_task("in the replica")
    server = start_server(database=tmp_path / "local.db")
    number = server.add_task("only here")
    assert server.stop() == 0
    server = start_server(database=tmp_path / "local.db", replica=replica)
    (line,) = server.says("the database was restored")
    aside = pathlib.Path(line["kept_old_database_at"])
    assert [task["title"] for task in server.all_tasks()] == ["in the replica"]
    assert tasks_in(aside) == [{"id": number, "title": "only here"}]


def test_a_mistyped_prefix_is_refused_where_a_replica_is_required(start_server, replica, tmp_path) -> None:
    done = serve_once(tmp_path, replica, "--require-replica")
    assert done.returncode == 1 and "check the URL and its prefix" in done.stderr
    assert not (tmp_path / "data/app.db").exists() and not objects(tmp_path / "replica")
    number = start_server(replica=replica).add_task("begun")
    server = start_server(replica=replica, require_replica=True)
    assert [task["id"] for task in server.all_tasks()] == [number]


def test_a_folder_is_made_at_the_first_start_and_missed_at_every_other(start_server, tmp_path) -> None:
    (tmp_path / "volume").mkdir()
    bucket, database = tmp_path / "volume/replica", tmp_path / "app.db"
    server = start_server(database=database, replica=f"file://{bucket}")
    number = server.add_task("kept")
    assert server.stop() == 0
    # As when a volume is not mounted: a record stands beside the database, or after a crash only where it comes from.
    (tmp_path / "volume").rename(tmp_path / "elsewhere")
    command = ["serve", "--port", "0", "--host", "127.0.0.1", "--db", str(database), "--migrations", str(MIGRATIONS)]
    for trace in ("-position", "-origin"):
        done = run_api(*command, "--replica", f"file://{bucket}", cwd=tmp_path)
        assert done.returncode == 1 and "a log was there" in done.stderr and "mounted" in done.stderr, done.stderr
        assert not bucket.parent.exists(), "a refused start made the folder"
        if trace == "-position":
            pathlib.Path(f"{database}{trace}").unlink()
    (tmp_path / "elsewhere").rename(tmp_path / "volume")
    server = start_server(database=database, replica=f"file://{bucket}")
    assert [task["id"] for task in server.all_tasks()] == [number]


def test_no_snapshot_has_what_was_committed_past_the_log(start_server, bucket, tmp_path) -> None:
    with contextlib.closing(Bucket("moto")) as other:
        further = other.new_prefix()
        # So that there is time until its first snapshot is taken.
        other.stands("slow|3|3")
        replicas = [bucket.new_prefix(), further]
        server = start_server(database=tmp_path / "app.db", replica=replicas, variables=Bucket.KEYS)
        with contextlib.closing(sqlite3.connect(tmp_path / "app.db")) as connection:
            connection.execute("INSERT INTO tasks (title) VALUES ('past the log')")
            connection.commit()
            # Nobody writes: only whoever takes the snapshot can notice.
            assert server.wait(40) != 0


MIGRATE = ["--db", "app.db", "--migrations", str(MIGRATIONS)]
SEED = ["--db", "app.db", "--seeds", str(SEEDS)]


def test_commands_write_through_the_log(start_server, replica, tmp_path) -> None:
    for command in (["migrate", "latest", *MIGRATE], ["seed", "run", *SEED]):
        done = run_api(*command, "--replica", replica, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    expected = tasks_in(tmp_path / "app.db")
    assert expected and tasks_in(restored(replica, tmp_path)) == expected
    # The database knows by itself of which folder it is a copy.
    done = run_api("seed", "run", "--force", *SEED, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    more = tasks_in(tmp_path / "app.db")
    assert len(more) > len(expected) and tasks_in(restored(replica, tmp_path, "more.db")) == more
    assert len(start_server(replica=replica).all_tasks()) == len(more)


def test_commands_do_not_write_past_the_log_in_a_bucket(bucket, tmp_path) -> None:
    replica = bucket.new_prefix()
    done = run_api("migrate", "latest", *MIGRATE, "--replica", replica, cwd=tmp_path, **Bucket.KEYS)
    assert done.returncode == 0, done.stderr
    before = (tmp_path / "app.db").read_bytes()
    for command in (["migrate", "rollback", "--all", *MIGRATE], ["seed", "run", *SEED]):
        done = run_api(*command, cwd=tmp_path, **Bucket.KEYS)
        assert done.returncode == 1 and "is a copy of the log at" in done.stderr, done
    assert (tmp_path / "app.db").read_bytes() == before


# Other modes and replicas.


def test_async_is_in_the_bucket_within_the_interval(start_server, replica, tmp_path) -> None:
    server = start_server(replica=replica, durability="async", sync_interval="300ms")
    number = server.add_task("soon")

    def is_there() -> bool:
        if not objects(tmp_path / "replica"):
            return False
        shown = restored(replica, tmp_path, f"{time.monotonic_ns()}.db")
        return any(task["id"] == number for task in tasks_in(shown))

    assert eventually(is_there, 3), "it is not in the bucket"


def test_async_sends_the_rest_when_it_is_stopped(start_server, replica, tmp_path) -> None:
    server = start_server(replica=replica, durability="async", sync_interval="1h", database=tmp_path / "app.db")
    acknowledged = {server.add_task(f"late {number}"): f"late {number}" for number in range(5)}
    assert server.stop() == 0, server.errors()
    assert_kept(acknowledged, tasks_in(restored(replica, tmp_path)))
    server = start_server(replica=replica, durability="async", database=tmp_path / "app.db")
    assert server.says("the local database is current")


def test_async_goes_on_with_what_only_the_disk_has_after_a_kill(start_server, replica, tmp_path) -> None:
    database = tmp_path / "app.db"
    server = start_server(replica=replica, durability="async", sync_interval="1h", database=database)
    acknowledged = {server.add_task(f"here {number}"): f"here {number}" for number in range(5)}
    server.kill()
    server = start_server(replica=replica, durability="async", database=database)
    assert_kept(acknowledged, server.all_tasks())


def test_a_second_replica_gets_the_same_bytes(start_server, replica, tmp_path) -> None:
    second = f"file://{tmp_path}/second"
    server = start_server(replica=[replica, second])
    writers = Writers(server, 4, "both")
    writers.wait_until_writing()
    time.sleep(0.3)
    writers.stop()
    assert server.stop() == 0, server.errors()
    first, follower = objects(tmp_path / "replica"), objects(tmp_path / "second")
    level0 = {name for name in first if "/0000/" in f"/{name}" or "/0/" in f"/{name}"}
    assert level0 and {name: first[name] for name in level0} == {name: follower.get(name) for name in level0}
    assert restored(replica, tmp_path, "a.db").read_bytes() == restored(second, tmp_path, "b.db").read_bytes()
    assert_kept(writers.acknowledged, tasks_in(tmp_path / "b.db"))


def test_a_second_replica_that_diverged_is_reported_and_left_alone(start_server, replica, tmp_path) -> None:
    second = f"file://{tmp_path}/second"
    other = start_server(replica=second)
    for number in range(3):
        other.add_task(f"another log {number}")
    other.kill()
    before = objects(tmp_path / "second")
    server = start_server(replica=[replica, second])
    number = server.add_task("goes on")
    assert eventually(lambda: server.says("a replica does not follow"), 5), "nobody is told"
    assert server.add_task("and on") == number + 1
    assert server.stop() == 0
    assert objects(tmp_path / "second") == before


# What it costs, and who else can read it.


def test_litestream_restores_the_same_bytes(start_server, replica, tmp_path) -> None:
    fetch = ROOT / "Tests/Interop/fetch-litestream"
    environment = os.environ | {"PYTHON": sys.executable}
    folder = subprocess.run([fetch], check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout.strip()
    server = start_server(replica=replica)
    writers = Writers(server, 4, "theirs")
    writers.wait_until_writing()
    time.sleep(0.5)
    server.kill()
    writers.join()
    theirs = tmp_path / "theirs.db"
    command = [f"{folder}/litestream-0.5.17", "restore", "-o", theirs, replica]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert theirs.read_bytes() == restored(replica, tmp_path).read_bytes()
    assert_kept(writers.acknowledged, tasks_in(theirs))


def test_an_idle_service_asks_the_bucket_nothing(start_server, bucket) -> None:
    server = start_server(replica=bucket.new_prefix(), variables=Bucket.KEYS)
    for number in range(20):
        server.add_task(f"busy {number}")
    time.sleep(1)
    bucket.taken_requests()
    deadline = time.monotonic() + lasting(20, 600)
    while time.monotonic() < deadline:
        time.sleep(1)
        assert server.get("/health") and len(server.all_tasks()) == 20
    assert bucket.taken_requests() == []
