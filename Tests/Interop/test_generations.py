"""Litestream 0.3 replicas: we restore, byte for byte, what its own restore makes of them."""

import random
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest


def listing(replica: Path) -> str:
    """What a store would list: times and keys."""
    files = (path for path in replica.rglob("*") if path.is_file())
    return "".join(f"{path.stat().st_mtime_ns // 1_000_000} {path.relative_to(replica)}\n" for path in files)


@pytest.mark.parametrize("page_size", [512, 4096, 65536])
def test_we_restore_what_litestream_03_writes(driver, litestream_03, tmp_path, page_size):
    database, replica = tmp_path / "live.db", tmp_path / "replica"
    connection = sqlite3.connect(database, isolation_level=None, timeout=10)
    connection.execute(f"PRAGMA page_size={page_size}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, data)")
    chance = random.Random(page_size)

    def work():
        # More than 1000 pages in some syncs, at which Litestream checkpoints and begins another WAL file.
        for _ in range(12):
            connection.execute("INSERT INTO t (data) VALUES (?)", [chance.randbytes(chance.randrange(900 * page_size))])
            connection.execute("UPDATE t SET data = zeroblob(4000) WHERE id % 5 = 2")
            time.sleep(0.3)
        connection.execute("DELETE FROM t WHERE id > 3")
        connection.execute("VACUUM")

    litestream_03.replicate(database, replica, tmp_path / "log", work)
    connection.close()
    theirs, ours = tmp_path / "theirs.db", tmp_path / "ours.db"
    done = litestream_03.restore(replica, theirs)
    assert done.returncode == 0, done.stderr
    wals = {path.name[:8] for path in replica.rglob("*.wal.lz4")}
    assert len(wals) > 1, "the WAL was started over at least once"
    subprocess.run([driver, "generation", ours, replica], input=listing(replica), text=True, check=True)
    assert ours.read_bytes() == theirs.read_bytes()


def test_a_missing_segment_fails_where_litestream_03_restores_less(driver, litestream_03, tmp_path):
    database, replica = tmp_path / "live.db", tmp_path / "replica"
    connection = sqlite3.connect(database, isolation_level=None, timeout=10)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")

    def work():
        time.sleep(2)
        for _ in range(3):
            connection.execute("INSERT INTO t VALUES (NULL)")
            time.sleep(1.5)

    litestream_03.replicate(database, replica, tmp_path / "log", work)
    connection.close()
    segments = sorted(replica.rglob("*.wal.lz4"))
    assert len(segments) > 3
    segments[-2].unlink()
    theirs = tmp_path / "theirs.db"
    assert litestream_03.restore(replica, theirs).returncode == 0
    assert sqlite3.connect(theirs).execute("SELECT count(*) FROM t").fetchone()[0] < 3
    done = subprocess.run([driver, "generation", tmp_path / "ours.db", replica], input=listing(replica), text=True,
                          capture_output=True)
    assert done.returncode == 1
    assert segments[-1].name in done.stderr
