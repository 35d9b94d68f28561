"""`api restore` on replicas that the real Litestream has just written: the same bytes as its own restore."""

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from conftest import Litestream

ROOT = Path(__file__).parent.parent.parent
API = Path(os.environ.get("API_BINARY", ROOT / ".build/debug/api")).resolve()


def restore(output: Path, replica: str, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [API, "restore", "-o", output, *options, replica]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | variables, timeout=120)
    assert done.returncode == 0, done.stderr
    return done


class Writer:
    """Changes a database in ways that show in its pages: rows, blobs, deletions, VACUUM."""

    def __init__(self, path: Path, page_size: int = 4096):
        self.connection = sqlite3.connect(path, isolation_level=None, timeout=10)
        self.chance = random.Random(page_size)
        for pragma in (f"page_size={page_size}", "journal_mode=WAL", "wal_autocheckpoint=0"):
            self.connection.execute(f"PRAGMA {pragma}")
        self.connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, data)")

    def work(self):
        for _ in range(8):
            for _ in range(20):
                data = self.chance.randbytes(self.chance.randrange(20_000))
                self.connection.execute("INSERT INTO t (data) VALUES (?)", [data])
            self.connection.execute("DELETE FROM t WHERE id % 7 = 3")
            time.sleep(0.4)
        self.connection.execute("DELETE FROM t WHERE id > 20")
        self.connection.execute("VACUUM")
        time.sleep(1.2)
        self.connection.execute("INSERT INTO t (data) VALUES (zeroblob(300000))")

    def close(self):
        self.connection.close()


@pytest.mark.parametrize("version", ["0.3.11", "0.5.11", "0.5.17"])
def test_a_replica_in_files(binaries, tmp_path, version):
    litestream = Litestream(binaries / f"litestream-{version}")
    database, replica = tmp_path / "live.db", tmp_path / "replica"
    writer = Writer(database)
    litestream.replicate(database, replica, tmp_path / "log", writer.work)
    rows = writer.connection.execute("SELECT id, data FROM t ORDER BY id").fetchall()
    writer.close()
    theirs, ours = tmp_path / "theirs.db", tmp_path / "ours.db"
    done = litestream.restore(replica, theirs)
    assert done.returncode == 0, done.stderr
    restore(ours, f"file://{replica}", "--integrity-check", "full")
    assert ours.read_bytes() == theirs.read_bytes()
    assert sqlite3.connect(ours).execute("SELECT id, data FROM t ORDER BY id").fetchall() == rows


@pytest.fixture
def s3(request):
    """A real S3 server, rclone unless a test names another; yields its port."""
    command = [sys.executable, ROOT / "Tests/StorePeers/peer.py", getattr(request, "param", "rclone")]
    peer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield json.loads(peer.stdout.readline())["port"]
    finally:
        peer.stdin.close()
        peer.wait(20)


KEYS = {
    "AWS_ACCESS_KEY_ID": "testkey",
    "AWS_SECRET_ACCESS_KEY": "testsecret",
    "AWS_REGION": "us-east-1",
    "LITESTREAM_ACCESS_KEY_ID": "testkey",
    "LITESTREAM_SECRET_ACCESS_KEY": "testsecret",
}


@pytest.mark.skipif(shutil.which("rclone", path=Path(sys.executable).parent) is None, reason="no rclone")
@pytest.mark.parametrize("version", ["0.3.11", "0.5.17"])
def test_one_configuration_file_for_both_programs(binaries, s3, tmp_path, version):
    database, configuration = tmp_path / "live.db", tmp_path / "litestream.yml"
    configuration.write_text(
        f"""
dbs:
  - path: {database}
    replicas:
      - type: s3
        bucket: bkt
        path: app
        endpoint: http://127.0.0.1:{s3}
        region: us-east-1
        force-path-style: true
        access-key-id: $KEY
        secret-access-key: ${{SECRET}}
"""
    )
    environment = {name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"}
    environment |= KEYS | {"KEY": "testkey", "SECRET": "testsecret"}
    binary = binaries / f"litestream-{version}"
    writer = Writer(database)
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [binary, "replicate", "-config", configuration], env=environment, stdout=output, stderr=output
        )
    try:
        writer.work()
        time.sleep(4)
    finally:
        process.terminate()
        process.wait(60)
    writer.close()
    theirs = tmp_path / "theirs.db"
    command = [binary, "restore", "-o", theirs, "-config", configuration, database]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    ours, again = tmp_path / "ours.db", tmp_path / "again.db"
    command = [API, "restore", "-o", ours, "-config", configuration, database]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr
    assert ours.read_bytes() == theirs.read_bytes(), log.read_text()
    restore(again, f"s3://bkt.127.0.0.1:{s3}/app", **KEYS)
    assert again.read_bytes() == theirs.read_bytes()


@pytest.mark.skipif(shutil.which("moto_server", path=Path(sys.executable).parent) is None, reason="no moto")
@pytest.mark.parametrize("s3", ["moto"], indirect=True)
def test_a_replica_at_the_root_of_a_bucket_whose_keys_begin_with_a_slash(binaries, s3, tmp_path):
    database, configuration = tmp_path / "live.db", tmp_path / "litestream.yml"
    endpoint = f"http://127.0.0.1:{s3}"
    replica = {"type": "s3", "bucket": "root", "endpoint": endpoint, "region": "us-east-1", "force-path-style": True}
    configuration.write_text(json.dumps({"dbs": [{"path": str(database), "replica": replica}]}))
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/root", method="PUT"), timeout=10).close()
    environment = {name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"} | KEYS
    writer = Writer(database)
    with (tmp_path / "log").open("wb") as output:
        command = [binaries / "litestream-0.5.17", "replicate", "-config", configuration]
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        writer.work()
        time.sleep(4)
    finally:
        process.terminate()
        process.wait(60)
    rows = writer.connection.execute("SELECT id, data FROM t ORDER BY id").fetchall()
    writer.close()
    ours = tmp_path / "ours.db"
    url = f"s3://root?endpoint={endpoint}"
    restore(ours, url, **KEYS)
    assert sqlite3.connect(ours).execute("SELECT id, data FROM t ORDER BY id").fetchall() == rows
    listed = subprocess.run([API, "ltx", url], capture_output=True, text=True, env=environment, timeout=30)
    assert listed.returncode == 0 and "0000000000000001" in listed.stdout, listed.stderr
