"""`api restore` and the listings of replicas, on replicas that the real Litestream wrote, as a user meets them."""

import contextlib
import hashlib
import http.server
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import sqlite3
import subprocess
import threading
import time

import pytest
from service import BINARY, ROOT, environment, eventually, run_api

LTX = ROOT / "Tests/ReplicationTests/Fixtures/litestream-0.5/pitr/replica"
GENERATIONS = ROOT / "Tests/ReplicationTests/Fixtures/litestream-0.3/pitr"
# What `litestream restore` makes of them.
LTX_SHA256 = "771c271e0dc00ca2cd79305f0d7e8ee1a7e3e7d6ac0889673398e36de6e3c4d0"
GENERATIONS_SHA256 = "baf798c1945e4142d6aaa0ce2c7365a67c0bd59a0249a17094891f4826993f03"


def copy_ltx(to: pathlib.Path) -> pathlib.Path:
    shutil.copytree(LTX, to)
    return to


def copy_generations(to: pathlib.Path) -> pathlib.Path:
    """With the times of the objects, which are all that the format has."""
    shutil.copytree(GENERATIONS / "replica", to)
    for key, milliseconds in json.loads((GENERATIONS / "times.json").read_text()).items():
        os.utime(to / key, ns=(milliseconds * 1_000_000,) * 2)
    return to


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """Where commands run; the replicas beside it are not in the way of what they leave behind."""
    (tmp_path / "work").mkdir()
    copy_ltx(tmp_path / "ltx")
    copy_generations(tmp_path / "v3")
    return tmp_path / "work"


def url(folder: pathlib.Path, name: str = "ltx") -> str:
    return f"file://{folder.parent / name}"


def api(folder: pathlib.Path, *arguments: str, code: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
    done = run_api(*arguments, cwd=folder, **{"HOME": str(folder)} | variables)
    assert done.returncode == code, done
    assert "Traceback" not in done.stderr
    return done


def sha256(path: pathlib.Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def names(folder: pathlib.Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def rows(path: pathlib.Path) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as connection:
        return connection.execute("SELECT count(*) FROM ev").fetchone()[0]


@pytest.mark.parametrize(("name", "digest"), [("ltx", LTX_SHA256), ("v3", GENERATIONS_SHA256)])
def test_a_restore_of_either_format_is_byte_identical(folder, name, digest):
    done = api(folder, "restore", "-o", "app.db", url(folder, name))
    assert sha256(folder / "app.db") == digest
    assert names(folder) == ["app.db"]
    assert done.stdout == "" and done.stderr.startswith("Restored app.db to ")


def test_targets(folder):
    for option, value, count in [
        ("--txid", "0000000000000004", 2),
        ("-txid", "0000000000000004", 2),
        ("--timestamp", "2026-11-21T00:21:33.200Z", 2),
        ("-timestamp", "2026-11-21T02:21:33.200+02:00", 2),
        ("-timestamp", "2026-11-20T19:51:33.2-04:30", 2),
    ]:
        api(folder, "restore", "--force", "-o", "app.db", option, value, url(folder))
        assert rows(folder / "app.db") == count, (option, value)
    api(folder, "restore", "--force", "-o", "app.db", "-index", "1", url(folder, "v3"))
    assert rows(folder / "app.db") == 3  # what Litestream 0.3.11 restores
    api(folder, "restore", "--force", "-o", "app.db", "-generation", "82da050943b42bfc", url(folder, "v3"))
    assert sha256(folder / "app.db") == GENERATIONS_SHA256


def test_targets_that_are_not_there_say_what_is(folder):
    for arguments, words in [
        (["--txid", "00000000000000ff", url(folder)], "the last one is 000000000000000f"),
        (["--timestamp", "2020-01-01T00:00:00Z", url(folder)], "it begins after 2026-11-21T00:21:2"),
        (["--timestamp", "2030-01-01T00:00:00Z", url(folder, "v3")], "every one is between 2026-11-21T00:21:15"),
        (["--txid", "0000000000000001", url(folder, "v3")], "which has no transaction numbers"),
        (["--index", "1", url(folder)], "not one of Litestream 0.3"),
        (["--generation", "0000000000000000", url(folder, "v3")], "there is no generation 0000000000000000"),
    ]:
        done = api(folder, "restore", "-o", "app.db", *arguments, code=1)
        assert words in done.stderr, done.stderr
        assert names(folder) == []


def test_a_restore_point_that_was_merged_is_refused_with_the_nearest_earlier_state(folder):
    replica = folder.parent / "ltx"
    point = replica / "restore-points/20261121002131_ruin/0000000000000007.json"
    point.parent.mkdir(parents=True)
    point.write_text("{}")
    restore = ["restore", "-o", "app.db", "--point", "before:20261121002131_ruin", url(folder)]
    api(folder, *restore)
    for path in replica.glob("ltx/0/*.ltx"):
        path.unlink()
    (folder / "app.db").unlink()
    for option in [[], ["--dry-run"]]:
        done = api(folder, *restore, *option, code=1)
        assert "transaction 0000000000000007, was merged with what came after it" in done.stderr, done.stderr
        assert " of 2026-11-21T00:21:3" in done.stderr and names(folder) == [], done.stderr
    # What it says to type is what helps.
    nearest = re.search(r"--txid ([0-9a-f]{16})", done.stderr)[1]
    assert nearest == "0000000000000006"
    api(folder, "restore", "-o", "app.db", "--txid", nearest, url(folder))
    for path in [*replica.glob("ltx/[12]/*.ltx"), *replica.glob("ltx/9/*[1-9].ltx")]:
        path.unlink()
    done = api(folder, *restore, "--force", code=1)
    assert "nothing earlier is kept" in done.stderr, done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["file:///x"],
        ["-o", "a"],
        ["-o", "a", "ftp://x"],
        ["-o", "a", "file:///x", "--txid", "1"],
        ["-o", "a", "file:///x", "--timestamp", "yesterday"],
        ["-o", "a", "file:///x", "--timestamp", "2026-11-21T00:00:00Z", "--txid", "0000000000000001"],
        ["-o", "a", "file:///x", "--index", "80000000"],
        ["-o", "a", "file:///x", "--generation", "x"],
        ["-o", "a", "file:///x", "--parallelism", "0"],
        ["-o", "a", "file:///x", "--integrity-check", "some"],
        ["-o", "a", "file:///x", "--config", "litestream.yml"],
        ["-o", "a", "file:///x", "--replica", "s3"],
    ],
)
def test_wrong_use_is_told_apart_from_failure(folder, arguments):
    api(folder, "restore", *arguments, code=2)
    assert names(folder) == []


# MARK: What is there and what is not


def test_no_replica_is_a_failure_unless_that_is_said_to_be_fine(folder):
    (folder.parent / "empty").mkdir()
    for place in [url(folder, "empty"), url(folder, "missing")]:
        done = api(folder, "restore", "-o", "app.db", place, code=1)
        assert "there is no replica" in done.stderr
        api(folder, "restore", "-o", "app.db", "-if-replica-exists", place)
        assert names(folder) == []


def test_a_replica_that_cannot_be_read_is_a_failure_whatever_is_said(folder):
    (folder.parent / "file").write_text("in the place of a folder")
    for place in [url(folder, "file"), "s3://bucket.127.0.0.1:1/app"]:
        done = api(
            folder, "restore", "-o", "app.db", "-if-replica-exists", place, code=1,
            AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b",
        )  # fmt: skip
        assert "cannot be reached or may not be read" in done.stderr
        assert names(folder) == []


def test_a_database_that_is_there_stays(folder):
    (folder / "app.db").write_text("precious")
    done = api(folder, "restore", "-o", "app.db", url(folder), code=1)
    assert "app.db exists and is not overwritten" in done.stderr
    # Before anything is asked of the replica.
    api(folder, "restore", "-o", "app.db", "-if-db-not-exists", "s3://bucket.127.0.0.1:1/app")
    assert (folder / "app.db").read_text() == "precious"
    (folder / "app.db-wal").write_text("old")
    api(folder, "restore", "-o", "app.db", "--force", url(folder))
    assert sha256(folder / "app.db") == LTX_SHA256
    assert names(folder) == ["app.db"]


def test_a_damaged_object_is_named(folder):
    key = "ltx/0/000000000000000e-000000000000000e.ltx"
    with (folder.parent / "ltx" / key).open("r+b") as file:
        file.truncate(150)
    done = api(folder, "restore", "-o", "app.db", url(folder), code=1)
    assert key in done.stderr and "cut off" in done.stderr
    assert names(folder) == []


def test_a_folder_that_is_not_there_yet_is_made(folder):
    api(folder, "restore", "-o", "new/folder/app.db", url(folder))
    assert sha256(folder / "new/folder/app.db") == LTX_SHA256


def test_the_summary_and_the_plan_can_be_read_by_programs(folder):
    plan = json.loads(api(folder, "restore", "-dry-run", "-json", "-o", "app.db", url(folder)).stdout)
    assert [row["key"] for row in plan] == [
        "ltx/9/0000000000000001-000000000000000d.ltx",
        "ltx/0/000000000000000e-000000000000000e.ltx",
        "ltx/0/000000000000000f-000000000000000f.ltx",
    ]
    assert names(folder) == []
    done = api(folder, "restore", "-json", "-o", "app.db", url(folder))
    summary = json.loads(done.stdout)
    assert done.stderr == ""
    assert (summary["format"], summary["txid"], summary["objects"]) == ("ltx", "000000000000000f", 3)
    assert summary["bytes"] == sum(row["size"] for row in plan)


# MARK: Ctrl-C


class StuckS3(http.server.BaseHTTPRequestHandler):
    """Lists one snapshot, gives the first half of it, and no more."""

    protocol_version = "HTTP/1.1"
    size = 64 << 20

    def do_GET(self):
        if "list-type" in self.path:
            key = "app/0009/0000000000000001-0000000000000001.ltx"
            prefix = self.path.partition("prefix=")[2].partition("&")[0]
            contents = f"<Contents><Key>{key}</Key><Size>{self.size}</Size><ETag>\"e\"</ETag>" \
                "<LastModified>2026-11-21T00:21:30.000Z</LastModified></Contents>"
            found = contents if prefix.replace("%2F", "/") == "app/000" else ""
            body = f"<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        self.server.asked.set()
        self.server.over.wait(60)
        self.close_connection = True

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def stuck_s3():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), StuckS3)
    server.asked, server.over = threading.Event(), threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_restore_leaves_nothing_behind(folder, number):
    with stuck_s3() as server:
        place = f"s3://bucket.127.0.0.1:{server.server_port}/app"
        keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        restore = subprocess.Popen(
            [BINARY, "restore", "-o", "app.db", place],
            cwd=folder, env=environment(**keys), stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert server.asked.wait(20)
            assert eventually(lambda: names(folder) == ["app.db.restoring"], 5)
            started = time.monotonic()
            restore.send_signal(number)
            assert restore.wait(10) == 130
            assert time.monotonic() - started < 5
        finally:
            restore.kill()
        assert "nothing was left behind" in restore.stderr.read()
        assert names(folder) == []


def test_a_terminal_is_shown_a_bar(folder):
    with stuck_s3() as server:
        place = f"s3://bucket.127.0.0.1:{server.server_port}/app"
        main, side = pty.openpty()
        restore = subprocess.Popen(
            [BINARY, "restore", "-o", "app.db", place],
            cwd=folder, env=environment(AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b"), stderr=side,
        )  # fmt: skip
        os.close(side)
        try:
            shown = b""
            deadline = time.monotonic() + 20
            while "░ 0 B of 67.1 MB, 0 B/s".encode() not in shown:
                assert time.monotonic() < deadline, shown
                shown += os.read(main, 4096)
        finally:
            restore.send_signal(signal.SIGINT)
            restore.wait(10)
            os.close(main)


# MARK: The configuration


def write_configuration(folder: pathlib.Path, replicas: str, name: str = "litestream.yml") -> str:
    path = folder.parent / name
    path.write_text(f"dbs:\n  - path: {folder}/app.db\n    replicas:\n{replicas}")
    return str(path)


def test_a_configuration_says_from_where_and_to_where(folder):
    path = write_configuration(folder, "      - type: file\n        path: ${REPLICA}\n        retnetion: 5\n")
    replica = {"REPLICA": str(folder.parent / "ltx")}
    for arguments, variables in [
        (["-config", path, "app.db"], {}),
        (["-config", path, f"{folder}/app.db"], {}),
        ([f"{folder}/app.db"], {"LITESTREAM_CONFIG": path}),
    ]:
        done = api(folder, "restore", *arguments, **replica | variables)
        assert sha256(folder / "app.db") == LTX_SHA256
        assert f"warning: {path}: line 6: retnetion is no setting of a replica" in done.stderr
        (folder / "app.db").unlink()
    done = api(folder, "restore", "-config", path, "other.db", code=1, **replica)
    assert "has no database other.db" in done.stderr
    done = api(folder, "restore", "-config", path, "-no-expand-env", "app.db", code=1)
    assert "there is no replica" in done.stderr
    done = api(folder, "restore", "-config", f"{folder}/missing.yml", "app.db", code=1)
    assert "cannot read the configuration" in done.stderr


def test_of_several_replicas_the_newest_is_taken_unless_one_is_named(folder):
    old, new = folder.parent / "v3", folder.parent / "ltx"
    path = write_configuration(
        folder, f"      - name: old\n        path: {old}\n      - name: new\n        path: {new}\n"
    )
    for file in new.rglob("*.ltx"):
        os.utime(file)
    api(folder, "restore", "-config", path, "app.db")
    assert sha256(folder / "app.db") == LTX_SHA256
    api(folder, "restore", "-config", path, "-force", "-replica", "old", "app.db")
    assert sha256(folder / "app.db") == GENERATIONS_SHA256
    done = api(folder, "restore", "-config", path, "-force", "-replica", "odl", "app.db", code=1)
    assert "it has old, new" in done.stderr


def test_a_replica_that_does_not_answer_may_be_the_newest(folder):
    (folder.parent / "file").write_text("in the place of a folder")
    path = write_configuration(
        folder,
        f"      - name: dead\n        path: {folder.parent / 'file'}\n"
        f"      - name: live\n        path: {folder.parent / 'ltx'}\n",
    )
    done = api(folder, "restore", "-config", path, "app.db", code=1)
    assert "--replica live" in done.stderr
    assert names(folder) == []
    api(folder, "restore", "-config", path, "-replica", "live", "app.db")


# MARK: Listings


def table(done: subprocess.CompletedProcess[str]) -> list[list[str]]:
    return [line.split() for line in done.stdout.splitlines()]


def test_databases(folder):
    path = write_configuration(folder, "      - url: s3://b/app\n      - name: far\n        url: gs://b/app\n")
    assert table(api(folder, "databases", "-config", path)) == [["path", "replicas"], [f"{folder}/app.db", "s3,far"]]
    assert json.loads(api(folder, "databases", "--json", "-config", path).stdout) == [
        {"path": f"{folder}/app.db", "replicas": "s3,far"}
    ]
    api(folder, "databases", "-config", "missing.yml", code=1)


def test_ltx(folder):
    shown = table(api(folder, "ltx", url(folder)))
    assert shown[0] == ["level", "min_txid", "max_txid", "size", "created"]
    assert [row[0] for row in shown[1:]] == ["0"] * 15
    assert shown[1][1:4] == ["0000000000000001", "0000000000000001", "593"]
    assert len(table(api(folder, "ltx", "-level", "9", url(folder)))) == 1 + 4
    every = json.loads(api(folder, "ltx", "-level", "all", "-json", url(folder)).stdout)
    assert len(every) == len(list(LTX.rglob("*.ltx")))
    assert every[0] == {"level": 0, "min_txid": "0" * 15 + "1", "max_txid": "0" * 15 + "1", "size": 593} | {
        "created": every[0]["created"]
    }
    assert json.loads(api(folder, "ltx", "-json", url(folder, "v3")).stdout) == []
    api(folder, "ltx", "-level", "10", url(folder), code=2)


def test_snapshots(folder):
    shown = table(api(folder, "snapshots", url(folder, "v3")))
    assert shown[0] == ["replica", "generation", "index", "size", "created"]
    assert shown[1] == ["file", "82da050943b42bfc", "0", "369", "2026-11-21T00:21:15.428Z"]
    assert [row[2] for row in shown[1:]] == ["0", "1", "3", "4"]
    shown = table(api(folder, "snapshots", url(folder)))
    assert shown[0] == ["replica", "min_txid", "max_txid", "size", "created"]
    assert [row[2][-1] for row in shown[1:]] == ["1", "5", "9", "d"]


def test_generations_and_wal(folder):
    path = write_configuration(folder, f"      - name: old\n        path: {folder.parent / 'v3'}\n")
    (folder / "app.db").write_text("")
    shown = table(api(folder, "generations", "-config", path, "app.db"))
    assert shown[0] == ["name", "generation", "lag", "start", "end"]
    assert shown[1][:2] == ["old", "82da050943b42bfc"]
    assert shown[1][3] == "2026-11-21T00:21:15.428Z"
    newest = max(json.loads((GENERATIONS / "times.json").read_text()).values())
    for seconds, lag in [(1.5, "1.5s"), (-2, "-2.0s"), (12.9, "12s"), (61, "1m1s"), (7384, "2h3m4s")]:
        os.utime(folder / "app.db", ns=(newest * 1_000_000 + int(seconds * 10**9),) * 2)
        assert table(api(folder, "generations", "-config", path, "app.db"))[1][2] == lag
    shown = table(api(folder, "wal", "-config", path, "app.db"))
    assert shown[0] == ["replica", "generation", "index", "offset", "size", "created"]
    assert len(shown) == 1 + len(list(GENERATIONS.rglob("*.wal.lz4")))
    assert shown[2][:5] == ["old", "82da050943b42bfc", "0", "24752", shown[2][4]]
    assert len(table(api(folder, "wal", "-generation", "0" * 16, "-config", path, "app.db"))) == 1


@pytest.mark.parametrize("command", ["ltx", "snapshots", "generations", "wal"])
def test_a_listing_that_fails_is_no_empty_listing(folder, command):
    (folder.parent / "file").write_text("in the place of a folder")
    done = api(folder, command, url(folder, "file"), code=1)
    assert done.stdout == ""
    assert "cannot list file://" in done.stderr
    # Nothing there is a different matter.
    assert len(table(api(folder, command, url(folder, "missing")))) == 1
