"""`--durability async`: answered when it is on the disk, and nothing that was answered is lost while the disk is."""

import json
import pathlib
import signal
import subprocess
import urllib.request

import pytest
from service import BINARY, MIGRATIONS, environment, eventually


class Service:
    """`api serve` with a folder for a bucket, whose disk outlives it."""

    def __init__(self, folder: pathlib.Path, *options: str):
        self.folder = folder
        self._log = folder / "serve.log"
        command = [BINARY, "serve", "--host", "127.0.0.1", "--port", "0", "--db", folder / "data/app.db"]
        command += ["--migrations", MIGRATIONS, "--replica", f"file://{folder}/bucket", "--log-format", "json"]
        with open(self._log, "wb") as log:
            self.process = subprocess.Popen(
                [*command, *options], stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment()
            )
        assert eventually(lambda: self.message("listening") or self.process.poll() is not None, 20)
        assert self.message("listening"), self._log.read_text()
        self.port = self.message("listening")["port"]

    def message(self, text: str) -> dict | None:
        lines = [line for line in self._log.read_text().splitlines() if line.startswith("{")]
        return next((entry for entry in map(json.loads, lines) if entry["message"] == text), None)

    def post(self, title: str) -> int:
        body = json.dumps({"title": title}).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/tasks", body, timeout=10) as answer:
            return json.load(answer)["id"]

    def titles(self) -> list[str]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/tasks", timeout=10) as answer:
            return [task["title"] for task in json.load(answer)]

    def lag_milliseconds(self) -> int:
        """For how long the bucket has lacked something."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/status.json", timeout=10) as answer:
            return json.load(answer)["replicas"][0]["lag_milliseconds"]

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(15)


@pytest.fixture
def start(tmp_path):
    services = []

    def start(*options: str) -> Service:
        services.append(Service(tmp_path, *options))
        return services[-1]

    yield start
    for service in services:
        service.process.kill()
        service.process.wait()


LATER = ("--durability", "async", "--sync-interval", "1h")


def wipe(folder: pathlib.Path) -> None:
    for path in (folder / "data").iterdir():
        path.unlink()


def test_the_bucket_follows_within_the_interval(start, tmp_path):
    service = start("--durability", "async", "--sync-interval", "100ms")
    service.post("one")
    assert eventually(lambda: service.lag_milliseconds() == 0, 10)
    service.end(signal.SIGKILL)
    wipe(tmp_path)
    assert start().titles() == ["one"]


def test_a_stop_ships_what_still_waits(start, tmp_path):
    service = start(*LATER)
    service.post("one")
    assert service.end(signal.SIGTERM) == 0
    wipe(tmp_path)
    assert start().titles() == ["one"]


@pytest.mark.parametrize("next_mode", [LATER, ()], ids=["async", "replicated"])
def test_a_kill_loses_nothing_that_the_disk_has_and_the_log_goes_on_with_it(start, tmp_path, next_mode):
    service = start("--durability", "async", "--sync-interval", "50ms")
    service.post("shipped")
    assert eventually(lambda: len(list((tmp_path / "bucket/ltx/0").glob("*.ltx"))) >= 2, 10)
    service.end(signal.SIGTERM)
    service = start(*LATER)
    service.post("only on the disk")
    service.end(signal.SIGKILL)
    service = start(*next_mode)
    assert service.message("the local database has more than the log")
    assert service.titles() == ["shipped", "only on the disk"]
    service.end(signal.SIGKILL)
    # By now the log has it.
    wipe(tmp_path)
    assert start().titles() == ["shipped", "only on the disk"]


def test_a_disk_that_was_overtaken_is_kept_beside(start, tmp_path):
    service = start("--durability", "async", "--sync-interval", "50ms")
    service.post("shipped")
    service.end(signal.SIGTERM)
    service = start(*LATER)
    service.post("only on the disk")
    service.end(signal.SIGKILL)
    (tmp_path / "data").rename(tmp_path / "old")
    (tmp_path / "data").mkdir()
    other = start()
    other.post("by another machine")
    other.end(signal.SIGTERM)
    wipe(tmp_path)
    for path in (tmp_path / "old").iterdir():
        path.rename(tmp_path / "data" / path.name)
    service = start(*LATER)
    assert service.titles() == ["shipped", "by another machine"]
    assert pathlib.Path(service.message("the database was restored")["kept_old_database_at"]).exists()
