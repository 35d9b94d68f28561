"""`api torture`, in short: the command works, tidies up, and its processes never outlive it."""

import json
import os
import pathlib
import signal
import subprocess
import time

import pytest
from service import BINARY, MIGRATIONS, environment, eventually, run_api

SECONDS_MAX = 120


def torture(folder: pathlib.Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BINARY, "torture", "--migrations", str(MIGRATIONS), "--json", *options],
        cwd=folder,
        env=environment(TMPDIR=str(folder)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
    )


def verdicts(report: dict) -> dict[str, dict]:
    return {check["check"]: check for check in report["checks"]}


def children(process: int) -> list[int]:
    """The processes that `process` started and that still run."""
    return [
        int(number)
        for task in pathlib.Path(f"/proc/{process}/task").iterdir()
        for number in (task / "children").read_text().split()
    ]


def test_a_disk_that_is_kept_keeps_everything(tmp_path: pathlib.Path) -> None:
    local = ["--durability", "local", "--instances", "1"]
    result = torture(tmp_path, *local, "--duration", "10s", "--seed", "6", "--faults", "none")
    assert result.returncode == 0, result.stdout + result.stderr
    report = json.loads(result.stdout)
    assert report["clean"]
    assert sum(kill["count"] for kill in report["kills"]) >= 1
    checks = verdicts(report)
    assert checks["acknowledged writes are there, once"]["count"] > 100
    assert checks["no value that was read vanished"]["count"] > 100
    assert checks["an idempotent retry made no second row"]["count"] > 10
    assert checks["a boot and a restore show the same rows"]["count"] > 50
    assert list(tmp_path.iterdir()) == [], "something was left behind"


replicated = pytest.mark.skipif(
    "--replica" not in run_api("serve", "--help", cwd=pathlib.Path("/")).stdout,
    reason="the service has no replica yet",
)


@replicated
def test_a_bucket_keeps_everything_though_disks_are_wiped(tmp_path: pathlib.Path) -> None:
    # A schedule with kills and a deploy.
    result = torture(tmp_path, "--instances", "2", "--duration", "20s", "--seed", "2", "--faults", "some")
    assert result.returncode == 0, result.stdout + result.stderr
    report = json.loads(result.stdout)
    assert report["clean"]
    assert sum(kill["count"] for kill in report["kills"]) >= 1
    checks = verdicts(report)
    for check in ["acknowledged writes are there, once", "the log has no gap", "receipts follow the order of writes"]:
        assert checks[check]["count"] > 50, check
    assert list(tmp_path.iterdir()) == [], "something was left behind"


@replicated
@pytest.mark.parametrize("lie", ["overwrites", "early-answer", "false-refusal", "disowned"])
def test_a_store_that_lies_is_noticed(tmp_path: pathlib.Path, lie: str) -> None:
    options = ["--instances", "2", "--duration", "12s", "--seed", "4", "--faults", "none", "--lie", lie]
    result = torture(tmp_path, *options)
    assert result.returncode == 1, result.stdout + result.stderr
    report = json.loads(result.stdout)
    about_data = [name for name, check in verdicts(report).items() if check["violations"] and "processes" not in name]
    assert about_data, report
    assert report["kept_in"], "the evidence is gone"


def start_torture(folder: pathlib.Path) -> subprocess.Popen[str]:
    command = [BINARY, "torture", "--migrations", MIGRATIONS, "--durability", "local", "--instances", "1", "--json"]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment(TMPDIR=str(folder)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert "running for" in process.stderr.readline()
    return process


def test_ctrl_c_stops_everything_and_reports_what_was_seen(tmp_path: pathlib.Path) -> None:
    process = start_torture(tmp_path)
    time.sleep(1)
    started = children(process.pid)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    report = json.loads(output)
    assert report["interrupted"]
    assert report["clean"]
    assert sum(operation["acknowledged"] for operation in report["operations"]) > 0
    assert not [number for number in started if pathlib.Path(f"/proc/{number}").exists()]
    assert list(tmp_path.iterdir()) == []


def test_its_processes_do_not_outlive_it(tmp_path: pathlib.Path) -> None:
    process = start_torture(tmp_path)
    assert eventually(lambda: len(children(process.pid)) > 0, 20)
    started = children(process.pid)
    process.kill()
    process.communicate(timeout=20)

    def has_ended(number: int) -> bool:
        # Whoever adopted it may be slow to see to it.
        status = pathlib.Path(f"/proc/{number}/status")
        return not status.exists() or "State:\tZ" in status.read_text()

    assert eventually(lambda: all(has_ended(number) for number in started), 20)


@pytest.mark.parametrize(
    "options",
    [
        ["--durability", "local", "--instances", "2"],
        ["--durability", "local", "--replica", "file:///tmp/x"],
        ["--seed", "x"],
        ["--instances", "4"],
        ["--lie", "throttled"],
        ["--replica", "nonsense"],
    ],
)
def test_what_makes_no_sense_is_not_understood(tmp_path: pathlib.Path, options: list[str]) -> None:
    result = run_api("torture", *options, cwd=tmp_path)
    assert result.returncode == 2, result.stderr
    assert os.listdir(tmp_path) == []
