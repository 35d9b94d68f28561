"""LTX files: Litestream restores ours, we restore Litestream's, byte for byte."""

import os
import random
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

PAGE_SIZES = [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536]


def name(first: int, last: int) -> str:
    return f"{first:016x}-{last:016x}.ltx"


def images(folder: Path, page_size: int) -> list[Path]:
    """Copies of one database between changes: rows that compress, rows that do not, growth, VACUUM, growth again."""
    database = folder / "source.db"
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute(f"PRAGMA page_size={page_size}")
    # As a replica's database is: in WAL mode, and without a WAL.
    connection.execute("PRAGMA journal_mode=WAL")
    steps = [
        ["CREATE TABLE fruits (id INTEGER PRIMARY KEY, name, data)", "INSERT INTO fruits (name) VALUES ('apple')"],
        ["INSERT INTO fruits (data) VALUES (randomblob(300000))", "INSERT INTO fruits (data) VALUES (zeroblob(90000))"],
        ["INSERT INTO fruits (name) VALUES ('pear')"],
        ["DELETE FROM fruits WHERE data IS NOT NULL", "VACUUM"],
        ["CREATE TABLE more AS SELECT randomblob(700) AS data FROM generate", "CREATE INDEX i ON more (data)"],
    ]
    connection.execute("CREATE TEMP TABLE generate AS WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n "
                       "WHERE i<300) SELECT i FROM n")
    taken = []
    for number, statements in enumerate(steps):
        for statement in statements:
            connection.execute(statement)
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
        image = folder / f"image-{number + 1}.db"
        image.write_bytes(database.read_bytes())
        taken.append(image)
    connection.close()
    sizes = [image.stat().st_size for image in taken]
    assert sizes[0] < sizes[1] and sizes[3] < sizes[2] and sizes[4] > sizes[3], "the history shrinks and grows"
    return taken


def write(driver: Path, replica: Path, databases: list[Path]) -> list[Path]:
    level = replica / "ltx/0"
    level.mkdir(parents=True)
    subprocess.run([driver, "write", level, *databases], check=True)
    return sorted(level.iterdir())


def compact(driver: Path, replica: Path, level: int, first: int, last: int, sources: list[Path]) -> Path:
    target = replica / f"ltx/{level}" / name(first, last)
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([driver, "compact", target, *sources], check=True)
    return target


@pytest.mark.parametrize("page_size", PAGE_SIZES)
def test_litestream_restores_every_transaction_that_we_write(driver, litestream, tmp_path, page_size):
    history = images(tmp_path, page_size)
    write(driver, tmp_path / "replica", history)
    for txid, image in enumerate(history, 1):
        output = tmp_path / f"restored-{txid}.db"
        done = litestream.restore(tmp_path / "replica", output, "-txid", f"{txid:016x}")
        assert done.returncode == 0, done.stderr
        assert output.read_bytes() == image.read_bytes()


def test_litestream_restores_our_levels_and_snapshots(driver, litestream, tmp_path):
    history = images(tmp_path, 4096)
    replica = tmp_path / "replica"
    files = write(driver, replica, history)
    first = compact(driver, replica, 1, 1, 2, files[:2])
    second = compact(driver, replica, 1, 3, 4, files[2:4])
    for file in files[:4]:
        file.unlink()
    compact(driver, replica, 9, 1, 4, [first, second])
    first.unlink()
    done = litestream.restore(replica, tmp_path / "restored.db")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "restored.db").read_bytes() == history[-1].read_bytes()


def test_litestream_refuses_our_files_when_they_are_damaged(driver, litestream, tmp_path):
    """That its restores above check anything."""
    files = write(driver, tmp_path / "replica", images(tmp_path, 4096))
    damaged = bytearray(files[1].read_bytes())
    damaged[-1] ^= 1
    files[1].write_bytes(damaged)
    assert litestream.restore(tmp_path / "replica", tmp_path / "restored.db").returncode != 0


@pytest.mark.parametrize("page_size", [512, 4096, 65536])
def test_we_restore_what_litestream_writes(driver, litestream, tmp_path, page_size):
    database, replica = tmp_path / "live.db", tmp_path / "replica"
    connection = sqlite3.connect(database, isolation_level=None, timeout=10)
    connection.execute(f"PRAGMA page_size={page_size}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, data)")
    chance = random.Random(page_size)

    def work():
        for _ in range(12):
            connection.execute("INSERT INTO t (data) VALUES (?)", [chance.randbytes(chance.randrange(90_000))])
            connection.execute("UPDATE t SET data = zeroblob(4000) WHERE id % 5 = 2")
            time.sleep(0.2)
        connection.execute("DELETE FROM t WHERE id > 3")
        connection.execute("VACUUM")

    litestream.replicate(database, replica, tmp_path / "log", work)
    connection.close()
    theirs, ours = tmp_path / "theirs.db", tmp_path / "ours.db"
    done = litestream.restore(replica, theirs)
    assert done.returncode == 0, done.stderr
    level0 = sorted((replica / "ltx/0").glob("*.ltx"))
    assert len(level0) > 2
    subprocess.run([driver, "restore", ours, *level0], check=True)
    assert ours.read_bytes() == theirs.read_bytes()
    assert sqlite3.connect(ours).execute("PRAGMA integrity_check").fetchone() == ("ok",)

    # Their snapshot, and what came after it.
    snapshot = sorted((replica / "ltx/9").glob("*.ltx"))[-1]
    later = [file for file in level0 if file.name[17:33] > snapshot.name[17:33]]
    subprocess.run([driver, "restore", ours, snapshot, *later], check=True)
    assert ours.read_bytes() == theirs.read_bytes()


def test_litestream_takes_our_replica_over_and_we_restore_the_result(driver, litestream, tmp_path):
    history, replica = images(tmp_path, 4096), tmp_path / "replica"
    ours = write(driver, replica, history)
    database = tmp_path / "taken.db"
    database.write_bytes(history[-1].read_bytes())

    def work():
        time.sleep(2)  # so that the rows come after the takeover
        connection = sqlite3.connect(database, isolation_level=None, timeout=10)
        connection.execute("INSERT INTO fruits (name) VALUES ('taken over')")
        connection.close()

    litestream.replicate(database, replica, tmp_path / "log", work)
    level0 = sorted((replica / "ltx/0").glob("*.ltx"))
    assert level0[: len(ours)] == ours and len(level0) > len(ours), (tmp_path / "log").read_text()
    restored = tmp_path / "restored.db"
    subprocess.run([driver, "restore", restored, *level0], check=True)
    rows = sqlite3.connect(restored).execute("SELECT name FROM fruits WHERE name IS NOT NULL ORDER BY id").fetchall()
    assert rows == [("apple",), ("pear",), ("taken over",)]


@pytest.mark.skipif("LTX_LARGE" not in os.environ, reason="needs 4 GB of disk and minutes; set LTX_LARGE=1")
@pytest.mark.parametrize("page_size", [4096, 65536])
def test_a_database_with_the_lock_page_survives_both_ways(driver, litestream, tmp_path, page_size):
    database, replica = tmp_path / "large.db", tmp_path / "replica"
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute(f"PRAGMA page_size={page_size}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE t (data)")
    while database.stat().st_size < 0x40000000 + 20 * page_size:
        connection.execute("INSERT INTO t VALUES (zeroblob(50000000) )")
        connection.execute("INSERT INTO t VALUES (randomblob(1000000))")
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    connection.close()
    files = write(driver, replica, [database])
    for program in [lambda out: litestream.restore(replica, out).check_returncode(),
                    lambda out: subprocess.run([driver, "restore", out, *files], check=True)]:
        output = tmp_path / "restored.db"
        program(output)
        assert subprocess.run(["cmp", database, output]).returncode == 0
        output.unlink()
