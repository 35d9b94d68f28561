"""`api restore --follow`: a copy for readers, on a replica that the real Litestream wrote and that goes on growing."""

import pathlib
import shutil
import signal
import sqlite3
import subprocess

from service import BINARY, ROOT, environment, eventually, run_api

REPLICA = ROOT / "Tests/ReplicationTests/Fixtures/litestream-0.5/pitr/replica"


def arrive(replica: pathlib.Path, txid: int) -> None:
    """Lets a transaction come to level 0."""
    name = f"ltx/0/{txid:016x}-{txid:016x}.ltx"
    (replica / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(REPLICA / name, replica / "ltx/0/.tmp-arriving")
    (replica / "ltx/0/.tmp-arriving").rename(replica / name)


def follow(folder: pathlib.Path, replica: pathlib.Path) -> subprocess.Popen:
    command = [BINARY, "restore", "-v", "-f", "--follow-interval", "100ms", "-o", "copy.db", f"file://{replica}"]
    return subprocess.Popen(command, cwd=folder, env=environment(HOME=str(folder)), stderr=subprocess.PIPE, text=True)


def rows(database: pathlib.Path) -> list[tuple]:
    connection = sqlite3.connect(database, timeout=10)
    try:
        return connection.execute("SELECT * FROM ev ORDER BY id").fetchall()
    finally:
        connection.close()


def stop(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGINT)
    _, messages = process.communicate(timeout=20)
    assert process.returncode == 0, messages


def test_a_copy_follows_its_replica_across_restarts_and_a_kill(tmp_path):
    replica, mark = tmp_path / "replica", tmp_path / "copy.db-txid"
    for txid in range(1, 4):
        arrive(replica, txid)
    process = follow(tmp_path, replica)
    assert eventually(lambda: mark.exists() and mark.read_text() == f"{3:016x}\n", 20)
    # A reader that stays: it has to see what comes.
    reader = sqlite3.connect(tmp_path / "copy.db", timeout=10)
    before = reader.execute("SELECT count(*) FROM ev").fetchone()
    for txid in range(4, 9):
        arrive(replica, txid)
    assert eventually(lambda: mark.read_text() == f"{8:016x}\n", 20)
    assert reader.execute("SELECT count(*) FROM ev").fetchone() > before
    reader.close()
    process.kill()
    process.communicate(timeout=20)
    for txid in range(9, 16):
        arrive(replica, txid)
    process = follow(tmp_path, replica)
    assert eventually(lambda: mark.read_text() == f"{15:016x}\n", 20)
    stop(process)
    assert run_api("restore", "-o", "whole.db", f"file://{replica}", cwd=tmp_path).returncode == 0
    assert rows(tmp_path / "copy.db") == rows(tmp_path / "whole.db")
    assert sqlite3.connect(tmp_path / "copy.db").execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_follow_goes_with_the_newest_state_only(tmp_path):
    done = run_api("restore", "-f", "--txid", f"{1:016x}", "-o", "x.db", "file:///nowhere", cwd=tmp_path)
    assert done.returncode == 2
    assert "--follow and --txid exclude each other" in done.stderr
