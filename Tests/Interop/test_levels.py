"""Replicas that our levels keep small: the real Litestream restores them, lists them, and takes them over."""

import random
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

PAGE_SIZES = [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536]


def images(folder: Path, page_size: int, count: int) -> list[Path]:
    """Copies of one database between changes: rows come, change and go, and some of them shrink it."""
    database = folder / "source.db"
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute(f"PRAGMA page_size={page_size}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, data)")
    chance = random.Random(page_size)
    taken = []
    for number in range(count):
        data = chance.randbytes(chance.randrange(3 * page_size))
        connection.execute("INSERT INTO t (data) VALUES (?)", [data])
        connection.execute("UPDATE t SET data = zeroblob(500) WHERE id % 5 = ?", [number % 5])
        if number % 7 == 6:
            connection.execute("DELETE FROM t WHERE id % 2 = 0")
            connection.execute("VACUUM")
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
        image = folder / f"image-{number + 1}.db"
        image.write_bytes(database.read_bytes())
        taken.append(image)
    connection.close()
    return taken


def levels(replica: Path) -> set[str]:
    return {folder.name for folder in (replica / "ltx").iterdir() if any(folder.iterdir())}


@pytest.fixture(scope="module")
def replicas(driver, tmp_path_factory):
    """A replica for each page size, made once."""
    made = {}

    def make(page_size: int) -> tuple[list[Path], Path]:
        if page_size not in made:
            folder = tmp_path_factory.mktemp(f"levels-{page_size}")
            history, replica = images(folder, page_size, 30), folder / "replica"
            subprocess.run([driver, "levels", replica, *history], check=True)
            made[page_size] = history, replica
        return made[page_size]

    return make


@pytest.mark.parametrize("page_size", PAGE_SIZES)
def test_litestream_restores_a_replica_of_many_levels(litestream, replicas, tmp_path, page_size):
    history, replica = replicas(page_size)
    assert levels(replica) == {"0", "1", "2", "3", "9"}
    assert not (replica / "ltx/0" / f"{1:016x}-{1:016x}.ltx").exists(), "level 0 does not reach back any more"
    done = litestream.restore(replica, tmp_path / "latest.db", "-integrity-check", "full")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "latest.db").read_bytes() == history[-1].read_bytes()
    # Every state that some file ends with, down to that of the snapshot.
    ends = {int(file.name[17:33], 16) for file in (replica / "ltx").rglob("*.ltx")}
    oldest = min(int(file.name[17:33], 16) for file in (replica / "ltx/9").iterdir())
    for txid in sorted(end for end in ends if end >= oldest):
        output = tmp_path / f"{txid}.db"
        done = litestream.restore(replica, output, "-txid", f"{txid:016x}")
        assert done.returncode == 0, done.stderr
        assert output.read_bytes() == history[txid - 1].read_bytes()


def test_litestream_lists_our_files(litestream, replicas):
    _, replica = replicas(4096)
    command = [litestream.binary, "ltx", "-level", "all", f"file://{replica}"]
    done = subprocess.run(command, capture_output=True, text=True, env=litestream.environment, timeout=60)
    assert done.returncode == 0, done.stderr
    for file in (replica / "ltx").rglob("*.ltx"):
        assert file.name[:16] in done.stdout and file.name[17:33] in done.stdout, file


def test_litestream_takes_over_a_replica_of_many_levels(driver, litestream, tmp_path):
    history, replica = images(tmp_path, 4096, 30), tmp_path / "replica"
    subprocess.run([driver, "levels", replica, *history], check=True)
    database = tmp_path / "taken.db"
    database.write_bytes(history[-1].read_bytes())
    ours = {file.name for file in (replica / "ltx/0").iterdir()}

    def work():
        time.sleep(2)  # so that the row comes after the takeover
        connection = sqlite3.connect(database, isolation_level=None, timeout=10)
        connection.execute("INSERT INTO t (data) VALUES ('taken over')")
        connection.close()

    litestream.replicate(database, replica, tmp_path / "log", work)
    log = (tmp_path / "log").read_text()
    assert "level=ERROR" not in log, log
    assert {file.name for file in (replica / "ltx/0").iterdir()} - ours, log
    done = litestream.restore(replica, tmp_path / "restored.db", "-integrity-check", "full")
    assert done.returncode == 0, done.stderr
    restored = sqlite3.connect(tmp_path / "restored.db")
    assert restored.execute("SELECT count(*) FROM t WHERE data = 'taken over'").fetchone() == (1,)
