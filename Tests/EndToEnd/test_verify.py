"""`api verify` and --verify-interval: is what the replica holds the database, and can it be restored?"""

import json
import os
import pathlib
import sqlite3
import urllib.request

import pytest
from service import SEEDS, Server, eventually, run_api


@pytest.fixture
def replica(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "bucket"


@pytest.fixture
def stopped(start_server, replica: pathlib.Path) -> Server:
    """A service that was shut down in order."""
    server = start_server(replica=f"file://{replica}")
    for number in range(10):
        server.add_task(f"{number}")
    assert server.stop() == 0
    return server


def verify(server: Server, replica: pathlib.Path, code: int) -> dict:
    done = run_api(
        "verify", "--json", "--db", str(server.database), "--replica", f"file://{replica}", cwd=server.database.parent
    )
    assert done.returncode == code, (done.stdout, done.stderr)
    left = [path.name for path in server.database.parent.iterdir() if "verify" in path.name]
    assert left == [], left
    return json.loads(done.stdout)


def test_a_good_replica_is_the_same_as_the_database(stopped: Server, replica: pathlib.Path) -> None:
    found = verify(stopped, replica, 0)
    assert found["succeeded"] and found["compared"] and found["bytes"] == stopped.database.stat().st_size, found
    newest = max(replica.glob("ltx/0/*.ltx")).name[:16]
    assert found["txid"] == newest and found["duration_ms"] >= 0


def test_a_database_in_use_is_not_compared(start_server, replica: pathlib.Path) -> None:
    server = start_server(replica=f"file://{replica}")
    found = verify(server, replica, 0)
    assert found["succeeded"] and not found["compared"] and "in use" in found["detail"], found
    assert server.stop() == 0


def test_a_damaged_replica_is_told(stopped: Server, replica: pathlib.Path) -> None:
    middle = sorted(replica.glob("ltx/0/*.ltx"))[5]
    middle.write_bytes(middle.read_bytes()[:-1])
    found = verify(stopped, replica, 1)
    assert not found["succeeded"] and middle.name in found["detail"], found


def test_another_content_at_the_same_transaction_is_told(stopped: Server, replica: pathlib.Path) -> None:
    database = stopped.database
    before = database.stat()
    with database.open("r+b") as file:
        file.seek(before.st_size - 3)
        byte = file.read(1)
        file.seek(before.st_size - 3)
        file.write(bytes([byte[0] ^ 0xFF]))
    # As if nothing had touched it: a disk that forgets does not change the time either.
    os.utime(database, ns=(before.st_atime_ns, before.st_mtime_ns))
    found = verify(stopped, replica, 1)
    assert not found["succeeded"] and "differs" in found["detail"], found


def test_without_a_replica_there_is_nothing_to_verify(tmp_path: pathlib.Path) -> None:
    assert run_api("verify", cwd=tmp_path).returncode == 2
    assert run_api("serve", "--verify-interval", "1h", cwd=tmp_path).returncode == 2
    assert run_api("verify", "--replica", f"file://{tmp_path}/none", cwd=tmp_path).returncode == 1


def metrics(server: Server) -> dict[str, float]:
    with urllib.request.urlopen(server.url + "/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return {line.split(" ")[0]: float(line.split(" ")[1]) for line in lines if line.startswith("holdfast_restore_proof")}


def test_a_service_proves_its_replica_while_it_is_written(start_server, replica: pathlib.Path) -> None:
    server = start_server(replica=f"file://{replica}", verify_interval="1s")
    assert server.get("/status.json")["restore_proof"] is None
    written = 0

    def is_proven() -> bool:
        nonlocal written
        server.add_task(f"{written}")
        written += 1
        return len(server.says("the replica can be restored")) >= 2

    assert eventually(is_proven, 30), server.logs()[-5:]
    proof = server.get("/status.json")["restore_proof"]
    assert proof["succeeded"] and "same as the live database" in proof["detail"], proof
    found = metrics(server)
    assert found["holdfast_restore_proof_timestamp_seconds"] > 1.7e9
    assert found["holdfast_restore_proof_failures_total"] == 0
    assert found["holdfast_restore_proof_interval_seconds"] == 1
    assert found["holdfast_restore_proof_duration_seconds"] > 0
    # Once all is proven, and nothing is written, nothing is restored.
    assert eventually(lambda: not [path for path in server.database.parent.iterdir() if "proof" in path.name], 5)
    newest = max(replica.glob("ltx/0/*.ltx")).name[:16]
    assert eventually(lambda: newest in server.says("the replica can be restored")[-1]["detail"], 10)
    assert metrics(server)["holdfast_restore_proof_txid"] == int(newest, 16)
    count = len(server.says("the replica can be restored"))
    assert not eventually(lambda: len(server.says("the replica can be restored")) > count, 2.5)
    assert server.stop() == 0


def test_a_proof_that_fails_is_counted_and_shown(start_server, replica: pathlib.Path) -> None:
    server = start_server(replica=f"file://{replica}", verify_interval="1s")
    server.add_task("one")
    # One that came after the damage would make what is damaged unneeded.
    assert eventually(lambda: server.says("snapshot taken"), 10)
    kept = {path: path.read_bytes() for path in replica.rglob("*.ltx")}
    for path, content in kept.items():
        path.write_bytes(content[:-1])
    server.add_task("two")
    assert eventually(lambda: server.says("a restore proof failed"), 15)
    proof = server.get("/status.json")["restore_proof"]
    assert not proof["succeeded"] and ".ltx" in proof["detail"], proof
    assert metrics(server)["holdfast_restore_proof_failures_total"] >= 1
    # It is tried again although nothing was written.
    count = len(server.says("the replica can be restored"))
    for path, content in kept.items():
        path.write_bytes(content)
    assert eventually(lambda: len(server.says("the replica can be restored")) > count, 15)
    assert server.stop() == 0


def test_the_status_tells_of_the_replicas(start_server, replica: pathlib.Path, tmp_path: pathlib.Path) -> None:
    server = start_server(replica=[f"file://{replica}", f"file://{tmp_path}/second"])
    for number in range(5):
        server.add_task(f"{number}")

    def follows() -> bool:
        first, second = server.get("/status.json")["replicas"]
        return first["txid"] == second["txid"]

    assert eventually(follows, 10), server.get("/status.json")
    status = server.get("/status.json")
    assert status["durability"] == "replicated"
    gate, follower = status["replicas"]
    assert (gate["name"], follower["name"]) == ("file", "file-2")
    assert gate["is_gate"] and not follower["is_gate"]
    for each in (gate, follower):
        assert each["state"] == "ok" and each["problem"] is None and each["lag_milliseconds"] == 0, each
        assert each["txid"] == max(replica.glob("ltx/0/*.ltx")).name[:16]
        assert each["usage"]["write_requests"] >= 5 and each["usage"]["sent_bytes"] > 0
        assert each["estimate"] is None, "a folder has no bill"
    assert gate["usage"]["stored_bytes"] == sum(path.stat().st_size for path in replica.rglob("*.ltx"))
    # The writer's name, as the files of the log have it.
    assert status["instance"] == f"{int.from_bytes(min(replica.glob('ltx/0/*.ltx')).read_bytes()[72:80]):x}"
    assert server.stop() == 0


def test_a_migration_can_be_undone_by_its_restore_point(stopped: Server, replica: pathlib.Path, tmp_path) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    for path in (SEEDS.parent / "Migrations").glob("*.sql"):
        (folder / path.name).write_text(path.read_text())
    (folder / "20991231000000_ruin.sql").write_text("-- migrate:up\nDELETE FROM tasks;\n-- migrate:down\n")
    place = ("--db", str(stopped.database), "--replica", f"file://{replica}", "--migrations", str(folder))
    done = run_api("migrate", "latest", *place, cwd=tmp_path)
    assert done.returncode == 0, done.stderr

    def restore(point: str) -> tuple[int, str]:
        (tmp_path / "restored.db").unlink(missing_ok=True)
        done = run_api("restore", "--point", point, "-o", "restored.db", f"file://{replica}", cwd=tmp_path)
        return done.returncode, done.stderr

    assert restore("before:20991231000000_ruin")[0] == 0
    with sqlite3.connect(tmp_path / "restored.db") as database:
        assert database.execute("SELECT count(*) FROM tasks").fetchone() == (10,)
    code, message = restore("before:20991231000000_run")
    assert code == 1 and "before:20991231000000_ruin" in message, message
    assert restore("20991231000000_ruin")[0] == 2
    # Points are none of the files that readers of a replica look at.
    assert run_api("restore", "-o", "latest.db", f"file://{replica}", cwd=tmp_path).returncode == 0
