"""`api replicate` on databases that other programs write, with the real Litestream before, after and beside it."""

import contextlib
import hashlib
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import boto3
import pytest

ROOT = Path(__file__).parent.parent.parent
API = Path(os.environ.get("API_BINARY", ROOT / ".build/debug/api")).resolve()
SOAK_SECONDS = float(os.environ.get("SOAK_SECONDS", "20"))


class Replicator:
    """`api replicate` in the background."""

    def __init__(self, log: Path, *arguments: object, **variables: str):
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [API, "replicate", "--log-level", "debug", *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=os.environ | variables,
            )

    def __enter__(self) -> "Replicator":
        return self

    def __exit__(self, *_) -> None:
        self.kill()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self, code: int = 0) -> None:
        """Ends it as a supervisor would: everything that is committed is in the replica."""
        self.process.terminate()
        assert self.process.wait(60) == code, self.log.read_text()

    def entries(self, message: str) -> list[dict]:
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["message"] == message]

    def wait_for(self, message: str, count: int = 1, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while len(self.entries(message)) < count:
            assert time.monotonic() < deadline and self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)


def once(*arguments: object, **variables: str) -> None:
    command = [API, "replicate", "--once", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | variables, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def restore(replica: str, output: Path, *options: str, **variables: str) -> Path:
    output.unlink(missing_ok=True)
    command = [API, "restore", "--integrity-check", "full", "-o", output, *options, replica]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | variables, timeout=120)
    assert done.returncode == 0, done.stderr
    return output


def content(path: Path) -> str:
    """A digest of every row of a database."""
    digest = hashlib.sha256()
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as connection:
        tables = connection.execute("SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE '_litestream%'").fetchall()
        digest.update(repr(sorted(tables)).encode())
        names = [name for name, sql in tables if sql and sql.startswith("CREATE TABLE")]
        for name in sorted(names):
            for row in connection.execute(f"SELECT rowid, * FROM {name} ORDER BY rowid"):
                digest.update(repr(row).encode())
    return digest.hexdigest()


class Work:
    """Random changes to a database, each of them one transaction that keeps the books."""

    def __init__(self, path: Path, seed: int = 1, page_size: int = 4096, autocheckpoint: int = 1000):
        self.path, self.chance = path, random.Random(seed)
        self.autocheckpoint = autocheckpoint
        with self.connect() as connection:
            connection.execute(f"PRAGMA page_size={page_size}")
            connection.execute("PRAGMA auto_vacuum=2")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, data BLOB)")
            connection.execute("CREATE INDEX by_length ON t (length(data))")
            connection.execute("CREATE TABLE books (n INTEGER, total INTEGER, step INTEGER)")
            connection.execute("INSERT INTO books VALUES (0, 0, 0)")

    @contextlib.contextmanager
    def connect(self):
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=30, check_same_thread=False)
        try:
            connection.execute(f"PRAGMA wal_autocheckpoint={self.autocheckpoint}")
            connection.execute("PRAGMA synchronous=NORMAL")
            yield connection
        finally:
            connection.close()

    def step(self, connection: sqlite3.Connection) -> None:
        what = self.chance.random()
        if what < 0.01:
            with contextlib.suppress(sqlite3.OperationalError):
                connection.execute("VACUUM")
            return
        if what < 0.02:
            mode = self.chance.choice(["PASSIVE", "FULL", "RESTART", "TRUNCATE"])
            connection.execute("PRAGMA busy_timeout=50")
            connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()
            connection.execute("PRAGMA busy_timeout=30000")
            return
        if what < 0.04:
            connection.execute("PRAGMA incremental_vacuum").fetchall()
            return
        connection.execute("BEGIN IMMEDIATE")
        if what < 0.60:
            size = self.chance.choice([10, 200, 3000, 60_000])
            for _ in range(self.chance.randrange(1, 20)):
                connection.execute("INSERT INTO t (data) VALUES (?)", [self.chance.randbytes(size)])
        elif what < 0.80:
            connection.execute("UPDATE t SET data = randomblob(length(data)) WHERE id % 17 = ?", [self.chance.randrange(17)])
        elif what < 0.97:
            connection.execute("DELETE FROM t WHERE id % 5 = ?", [self.chance.randrange(5)])
        else:
            connection.execute("DELETE FROM t")
        connection.execute(
            "UPDATE books SET n = (SELECT count(*) FROM t), step = step + 1,"
            " total = (SELECT coalesce(sum(length(data)), 0) FROM t)"
        )
        connection.execute("ROLLBACK" if self.chance.random() < 0.05 else "COMMIT")

    def run(self, seconds: float) -> None:
        with self.connect() as connection:
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                self.step(connection)
                time.sleep(self.chance.choice([0, 0, 0.001, 0.02]))


def check_books(path: Path) -> int:
    """Fails unless the state is one that was committed; its step."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        n, total, step = connection.execute("SELECT n, total, step FROM books").fetchone()
        counted = connection.execute("SELECT count(*), coalesce(sum(length(data)), 0) FROM t").fetchone()
        assert counted == (n, total)
    return step


def txids(replica: Path) -> list[str]:
    names = sorted(path.name for path in replica.glob("ltx/0/*.ltx"))
    return [name[:16] for name in names]


def check_states(replica: Path, folder: Path, chance: random.Random, count: int) -> None:
    """Some states of the past, each whole and none older than the one before."""
    known = txids(replica)
    chosen = sorted(chance.sample(known, min(count, len(known))))
    steps = [check_books(restore(f"file://{replica}", folder / "past.db", "--txid", txid)) for txid in chosen]
    assert steps == sorted(steps)


# MARK: Alone


def test_the_walk_of_the_article(tmp_path):
    database, replica = tmp_path / "fruits.db", tmp_path / "replica"

    def sql(text: str) -> None:
        subprocess.run(["sqlite3", database, text], check=True, capture_output=True)

    sql("CREATE TABLE fruits (name TEXT, color TEXT);")
    with Replicator(tmp_path / "log", database, f"file://{replica}") as replicator:
        replicator.wait_for("full file written")
        sql("INSERT INTO fruits VALUES ('apple', 'red');")
        sql("INSERT INTO fruits VALUES ('banana', 'yellow');")
        sql("INSERT INTO fruits VALUES ('grape', 'purple');")
        replicator.stop()
    sql("INSERT INTO fruits VALUES ('orange', 'orange');")
    with Replicator(tmp_path / "log", database, f"file://{replica}") as replicator:
        replicator.wait_for("initialized db", 2)
        replicator.stop()
    restored = restore(f"file://{replica}", tmp_path / "restored.db")
    rows = sqlite3.connect(restored).execute("SELECT name FROM fruits").fetchall()
    assert rows == [("apple",), ("banana",), ("grape",), ("orange",)]


def test_a_replicator_that_is_killed_again_and_again(tmp_path):
    database, replica = tmp_path / "live.db", tmp_path / "replica"
    seed = random.randrange(1 << 30)
    print("seed", seed)
    chance = random.Random(seed)
    work = Work(database, seed, chance.choice([512, 1024, 4096, 65536]), chance.choice([0, 10, 1000]))
    deadline = time.monotonic() + SOAK_SECONDS
    while time.monotonic() < deadline:
        writer = threading.Thread(target=work.run, args=[chance.uniform(1, 4)])
        writer.start()
        while writer.is_alive():
            options = [database, f"file://{replica}"]
            with Replicator(tmp_path / "log", *options):
                time.sleep(chance.uniform(0, 1.5) ** 2)
        writer.join()
        # The last connection may have gone, and the log with it.
        once(database, f"file://{replica}")
        restored = restore(f"file://{replica}", tmp_path / "restored.db")
        assert content(restored) == content(database)
        check_books(restored)
    check_states(replica, tmp_path, chance, 8)
    known = txids(replica)
    assert [int(txid, 16) for txid in known] == list(range(1, len(known) + 1)), "a gap"


def test_everything_is_incremental_while_the_replicator_runs(tmp_path):
    """Checkpoints by the application, and restarts of the log, need no full file."""
    database, replica = tmp_path / "live.db", tmp_path / "replica"
    work = Work(database, 7, autocheckpoint=10)
    configuration = tmp_path / "litestream.yml"
    configuration.write_text(
        f"""
dbs:
  - path: {database}
    monitor-interval: 20ms
    min-checkpoint-page-count: 50
    replicas:
      - url: file://{replica}
        sync-interval: 20ms
"""
    )
    with Replicator(tmp_path / "log", "--config", configuration) as replicator:
        replicator.wait_for("full file written")
        work.run(8)
        replicator.stop()
        assert len(replicator.entries("full file written")) == 1, replicator.log.read_text()
        assert not replicator.entries("full file needed")
        assert [line for line in replicator.entries("checkpoint") if line["complete"] == "true"]
        assert not replicator.entries("sync error")
    assert content(restore(f"file://{replica}", tmp_path / "restored.db")) == content(database)
    check_states(replica, tmp_path, random.Random(1), 8)


# MARK: With the real Litestream


@pytest.mark.parametrize("page_size", [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536])
@pytest.mark.parametrize("version", ["0.5.11", "0.5.17"])
def test_litestream_restores_what_we_replicate(binaries, tmp_path, version, page_size):
    database, replica = tmp_path / "live.db", tmp_path / "replica"
    work = Work(database, page_size, page_size)
    with Replicator(tmp_path / "log", database, f"file://{replica}") as replicator:
        replicator.wait_for("full file written")
        with work.connect() as connection:
            for _ in range(60):
                work.step(connection)
            replicator.wait_for("ltx file written")
            connection.execute("DELETE FROM t WHERE id > 3")
            connection.execute("VACUUM")
            time.sleep(1.2)
            connection.execute("UPDATE books SET n = (SELECT count(*) FROM t)")
            connection.execute("UPDATE books SET total = (SELECT coalesce(sum(length(data)), 0) FROM t)")
            connection.execute("INSERT INTO t (data) VALUES (zeroblob(300000))")
        replicator.stop()
    theirs = tmp_path / "theirs.db"
    command = [binaries / f"litestream-{version}", "restore", "-o", theirs, f"file://{replica}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    ours = restore(f"file://{replica}", tmp_path / "ours.db")
    assert ours.read_bytes() == theirs.read_bytes()
    assert content(ours) == content(database)


@contextlib.contextmanager
def litestream(binary: Path, database: Path, replica: Path, log: Path):
    """The real program in the background, ended as a supervisor would."""
    with log.open("ab") as output:
        process = subprocess.Popen([binary, "replicate", database, f"file://{replica}"], stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


@pytest.mark.parametrize("version", ["0.5.11", "0.5.17"])
def test_each_takes_over_from_the_other_while_a_writer_runs(binaries, tmp_path, version):
    database, replica = tmp_path / "live.db", tmp_path / "replica"
    binary = binaries / f"litestream-{version}"
    work = Work(database, 3)
    stop = threading.Event()

    def write():
        with work.connect() as connection:
            while not stop.is_set():
                work.step(connection)
                time.sleep(0.02)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(2):
            with litestream(binary, database, replica, tmp_path / "theirs.log"):
                time.sleep(4)
            count = len(txids(replica))
            assert count > 0, (tmp_path / "theirs.log").read_text()
            with Replicator(tmp_path / "log", database, f"file://{replica}") as replicator:
                time.sleep(4)
                replicator.stop()
            assert not replicator.entries("replica stopped")
            assert txids(replica)[-1] > f"{count:016x}"
            theirs = tmp_path / "theirs.db"
            theirs.unlink(missing_ok=True)
            done = subprocess.run([binary, "restore", "-o", theirs, f"file://{replica}"], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            check_books(theirs)
        with litestream(binary, database, replica, tmp_path / "theirs.log"):
            time.sleep(3)
            stop.set()
            writer.join()
            time.sleep(3)
    finally:
        stop.set()
        writer.join()
    # Its own first snapshot may fail while somebody writes, with nothing of ours there yet.
    log = (tmp_path / "theirs.log").read_text().splitlines()
    errors = [line for line in log if "level=ERROR" in line and "wal size cannot be negative" not in line]
    assert not errors, errors
    restored = restore(f"file://{replica}", tmp_path / "restored.db")
    assert content(restored) == content(database)
    check_books(restored)


KEYS = {"LITESTREAM_ACCESS_KEY_ID": "testkey", "LITESTREAM_SECRET_ACCESS_KEY": "testsecret"}
KEYS |= {"AWS_ACCESS_KEY_ID": "testkey", "AWS_SECRET_ACCESS_KEY": "testsecret", "AWS_REGION": "us-east-1"}


@pytest.fixture(params=["moto", "rclone", "radosgw"])
def s3(request):
    """A real S3 server; yields the URL of its bucket."""
    name = request.param
    if not (shutil.which(name) or shutil.which("moto_server" if name == "moto" else name, path=Path(sys.executable).parent)):
        pytest.skip(f"there is no {name}")
    command = [sys.executable, ROOT / "Tests/StorePeers/peer.py", name]
    peer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        port = json.loads(peer.stdout.readline())["port"]
        client = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{port}",
            aws_access_key_id="testkey",
            aws_secret_access_key="testsecret",
            region_name="us-east-1",
        )
        with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists):
            client.create_bucket(Bucket="bkt")
        yield f"s3://bkt.127.0.0.1:{port}"
    finally:
        peer.stdin.close()
        peer.wait(60)


def test_each_takes_over_from_the_other_on_s3(binaries, s3, tmp_path):
    database, replica = tmp_path / "live.db", f"{s3}/app"
    binary = binaries / "litestream-0.5.17"
    work = Work(database, 4)
    environment = {name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"} | KEYS

    def theirs(seconds: float) -> None:
        with (tmp_path / "theirs.log").open("ab") as output:
            command = [binary, "replicate", database, replica]
            process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
        work.run(seconds)
        time.sleep(3)
        process.send_signal(signal.SIGINT)
        process.wait(60)

    for _ in range(2):
        with Replicator(tmp_path / "log", database, replica, **KEYS) as replicator:
            replicator.wait_for("initialized db")
            work.run(2)
            replicator.stop()
        theirs(2)
    assert content(restore(replica, tmp_path / "restored.db", **KEYS)) == content(database)
    once(database, replica, **KEYS)
    output = tmp_path / "theirs.db"
    command = [binary, "restore", "-o", output, replica]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    assert content(output) == content(database)
    assert not replicator.entries("replica stopped") and not replicator.entries("sync error")


def test_another_writer_is_noticed_and_not_overwritten(tmp_path):
    database, replica = tmp_path / "live.db", tmp_path / "replica"
    work = Work(database, 5)
    with Replicator(tmp_path / "log", database, f"file://{replica}") as replicator:
        replicator.wait_for("full file written")
        first = replica / "ltx/0/0000000000000001-0000000000000001.ltx"
        second = replica / "ltx/0/0000000000000002-0000000000000002.ltx"
        shutil.copy(first, second)
        work.run(1)
        replicator.wait_for("replica stopped")
        assert second.read_bytes() == first.read_bytes()
        replicator.process.wait(10)
        assert replicator.process.returncode == 1


def test_levels_snapshots_and_retention_leave_what_litestream_restores(binaries, tmp_path):
    database, replica = tmp_path / "live.db", tmp_path / "replica"
    work = Work(database, 9)
    configuration = tmp_path / "litestream.yml"
    configuration.write_text(
        f"""
levels:
  - interval: 1s
  - interval: 4s
snapshot:
  interval: 5s
  retention: 6s
l0-retention: 2s
dbs:
  - path: {database}
    monitor-interval: 100ms
    replicas:
      - url: file://{replica}
        sync-interval: 100ms
"""
    )
    for _ in range(2):
        with Replicator(tmp_path / "log", "--config", configuration) as replicator, work.connect() as connection:
            replicator.wait_for("initialized db")
            deadline = time.monotonic() + 11
            while time.monotonic() < deadline:
                connection.execute("UPDATE books SET step = step + 1")
                time.sleep(0.05)
            replicator.stop()
    assert {entry["level"] for entry in replicator.entries("compaction complete")} == {1, 2}
    assert len(replicator.entries("snapshot written")) >= 2
    assert not replicator.entries("compaction error"), replicator.log.read_text()
    assert "0000000000000001" not in txids(replica)
    (replica / "turn").write_text("turn 1 2")  # as services that share a prefix leave it
    ours = restore(f"file://{replica}", tmp_path / "ours.db")
    assert content(ours) == content(database)
    check_books(ours)
    for version in ["0.5.11", "0.5.17"]:
        theirs = tmp_path / "theirs.db"
        theirs.unlink(missing_ok=True)
        command = [binaries / f"litestream-{version}", "restore", "-o", theirs, f"file://{replica}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert ours.read_bytes() == theirs.read_bytes()


# MARK: With a program to run


def run_program(tmp_path, command: str, *arguments: object) -> Replicator:
    database = tmp_path / "live.db"
    if not database.exists():
        Work(database, 1)
    options = ["--exec", command, *arguments] or []
    return Replicator(tmp_path / "log", *options, database, f"file://{tmp_path / 'replica'}")


@pytest.mark.parametrize("code", [0, 1, 7, 255])
def test_the_exit_code_is_that_of_the_program_and_its_writes_are_synced(tmp_path, code):
    database = tmp_path / "live.db"
    script = tmp_path / "program"
    script.write_text(
        f"#!/bin/sh\nsleep 1\nsqlite3 '{database}' 'UPDATE books SET step = 42'\necho \"$GREETING $1\"\nexit {code}\n"
    )
    script.chmod(0o755)
    Work(database, 1)
    options = ["--exec", f"{script} 'two words'", database, f"file://{tmp_path / 'replica'}"]
    with Replicator(tmp_path / "log", *options, GREETING="hello") as replicator:
        assert replicator.process.wait(30) == code
    assert "hello two words" in replicator.log.read_text()
    assert check_step(restore(f"file://{tmp_path / 'replica'}", tmp_path / "restored.db")) == 42


def check_step(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT step FROM books").fetchone()[0]


@pytest.mark.parametrize(
    ("trap", "code"), [("exit 3", 3), (None, 128 + signal.SIGTERM)], ids=["handled", "killed by it"]
)
def test_signals_are_passed_on_and_the_end_is_synced(tmp_path, trap, code):
    database = tmp_path / "live.db"
    Work(database, 1)
    script = tmp_path / "program"
    lines = ["#!/bin/bash", f"sqlite3 '{database}' 'UPDATE books SET step = 43'", "touch ready"]
    if trap:
        lines.append(f"trap \"sqlite3 '{database}' 'UPDATE books SET step = 44'; {trap}\" TERM")
    lines.append("touch ready; while true; do sleep 0.05; done")
    script.write_text("\n".join(lines).replace("touch ready", f"touch '{tmp_path}/ready'"))
    script.chmod(0o755)
    options = ["--exec", script, database, f"file://{tmp_path / 'replica'}"]
    with Replicator(tmp_path / "log", *options) as replicator:
        deadline = time.monotonic() + 20
        while not (tmp_path / "ready").exists():
            assert time.monotonic() < deadline, replicator.log.read_text()
            time.sleep(0.05)
        time.sleep(0.3)
        replicator.process.terminate()
        assert replicator.process.wait(30) == code, replicator.log.read_text()
    restored = restore(f"file://{tmp_path / 'replica'}", tmp_path / "restored.db")
    assert check_step(restored) == (44 if trap else 43)


def test_a_program_that_does_not_exist_is_an_error(tmp_path):
    with run_program(tmp_path, "/no/such/program") as replicator:
        assert replicator.process.wait(30) == 1
    assert "cannot run /no/such/program" in replicator.log.read_text()


# MARK: Bad days


def test_a_database_that_comes_later_is_waited_for(tmp_path):
    database, replica = tmp_path / "later.db", tmp_path / "replica"
    with Replicator(tmp_path / "log", database, f"file://{replica}") as replicator:
        replicator.wait_for("waiting for the database")
        Work(database, 1).run(1)
        replicator.wait_for("full file written")
        replicator.stop()
    assert content(restore(f"file://{replica}", tmp_path / "restored.db")) == content(database)


def test_a_database_that_is_replaced_is_followed_on(tmp_path):
    database, replica = tmp_path / "live.db", tmp_path / "replica"
    Work(database, 1).run(1)
    with Replicator(tmp_path / "log", database, f"file://{replica}") as replicator:
        replicator.wait_for("full file written")
        other = tmp_path / "other.db"
        work = Work(other, 2)
        work.run(1)
        with work.connect() as connection:
            connection.execute("PRAGMA journal_mode=DELETE")
        for suffix in ["-wal", "-shm"]:
            (tmp_path / f"live.db{suffix}").unlink(missing_ok=True)
        other.rename(database)
        replicator.wait_for("full file written", 2)
        replicator.stop()
    assert content(restore(f"file://{replica}", tmp_path / "restored.db")) == content(database)


def test_a_replica_that_fails_holds_up_no_other_and_catches_up(tmp_path):
    database, good, bad = tmp_path / "live.db", tmp_path / "good", tmp_path / "bad"
    work = Work(database, 1)
    configuration = tmp_path / "litestream.yml"
    configuration.write_text(
        f"""
dbs:
  - path: {database}
    replicas:
      - name: good
        url: file://{good}
      - name: bad
        url: file://{bad}
"""
    )
    bad.write_text("a file is in the way")
    status = [API, "status", "--config", configuration, "--json"]
    with Replicator(tmp_path / "log", "--config", configuration) as replicator:
        replicator.wait_for("full file written")
        work.run(3)
        replicator.wait_for("sync error")
        replicator.wait_for("ltx file written")
        done = subprocess.run(status, capture_output=True, text=True, timeout=30)
        rows = {row["replica"]: row for row in json.loads(done.stdout)}
        assert done.returncode == 1 and rows["bad"]["status"] == "failing"
        assert rows["good"]["status"] in ("ok", "behind")
        bad.unlink()
        replicator.wait_for("full file written", 2, seconds=8)
        replicator.stop()
    done = subprocess.run(status, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done
    for row in json.loads(done.stdout):
        assert (row["status"], row["lag_seconds"], row["lag_bytes"]) == ("ok", 0, 0), row
    for replica in [good, bad]:
        assert content(restore(f"file://{replica}", tmp_path / "restored.db")) == content(database)


def test_metrics_have_the_names_that_litestream_gives_them(tmp_path):
    database, replica = tmp_path / "live.db", tmp_path / "replica"
    work = Work(database, 1)
    configuration = tmp_path / "litestream.yml"
    configuration.write_text(
        f"addr: 127.0.0.1:0\nlogging:\n  type: json\ndbs:\n  - path: {database}\n    replicas:\n      - url: file://{replica}\n"
    )
    with Replicator(tmp_path / "log", "--config", configuration) as replicator:
        replicator.wait_for("full file written")
        work.run(1)
        replicator.wait_for("ltx file written")
        port = replicator.entries("serving metrics on")[0]["port"]
        command = ["curl", "-fsS", f"http://127.0.0.1:{port}/metrics"]
        text = subprocess.run(command, check=True, capture_output=True, text=True, timeout=10).stdout
        names = set(re.findall(r"^(\w+)\{", text, re.MULTILINE))
        assert {
            "litestream_db_size",
            "litestream_wal_size",
            "litestream_total_wal_bytes",
            "litestream_sync_count",
            "litestream_sync_seconds",
            "litestream_replica_operation_total",
            "litestream_replica_operation_bytes",
            "litestream_txid",
        } <= names
        replicator.stop()


def test_two_replicators_of_one_database_are_refused(tmp_path):
    database, replica = tmp_path / "live.db", tmp_path / "replica"
    Work(database, 1)
    with Replicator(tmp_path / "log", database, f"file://{replica}") as replicator:
        replicator.wait_for("full file written")
        with Replicator(tmp_path / "second.log", database, f"file://{tmp_path / 'elsewhere'}") as second:
            assert second.process.wait(10) == 1
        assert "another replicator" in second.log.read_text()
        replicator.stop()
