"""`api doctor`: what an operator learns before the service depends on it."""

import json
import pathlib
import subprocess
import sys
import urllib.request

import pytest
from service import ROOT, run_api

KEYS = {"AWS_ACCESS_KEY_ID": "testkey", "AWS_SECRET_ACCESS_KEY": "testsecret"}


def doctor(folder: pathlib.Path, *arguments: str, code: int, **variables: str) -> dict[str, dict[str, str]]:
    """What it found, by the name of the check."""
    done = run_api("doctor", "--json", *arguments, cwd=folder, **{"HOME": str(folder)} | variables)
    assert done.returncode == code, done
    return {finding["check"]: finding for finding in json.loads(done.stdout)}


@pytest.fixture(scope="module")
def peer(request):
    """A real store, which ends when its standard input is closed."""
    peer = ROOT / "Tests/StorePeers/peer.py"
    process = subprocess.Popen(
        [sys.executable, peer, request.param], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    port = json.loads(process.stdout.readline())["port"]
    # moto takes any signature, or none, and begins without buckets; the others have this one.
    if request.param == "moto":
        urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/bkt", method="PUT")).close()
    yield port
    process.stdin.close()
    process.wait(20)


def test_a_folder_is_fit_for_a_log(tmp_path):
    found = doctor(tmp_path, "--replica", f"file://{tmp_path}/replica", code=0)
    assert found["data folder"]["state"] == "ok"
    assert found["file: conditional writes"]["state"] == "ok"
    # The probe leaves nothing that a replica's reader could take for something.
    assert list((tmp_path / "replica").iterdir()) == []


@pytest.mark.parametrize("peer", ["moto"], indirect=True)
def test_a_store_that_honours_conditions_is_fit(peer, tmp_path):
    found = doctor(tmp_path, "--replica", f"s3://bkt/doctor?endpoint=http://127.0.0.1:{peer}", code=0, **KEYS)
    assert {finding["state"] for name, finding in found.items() if name.startswith("s3")} == {"ok"}, found


@pytest.mark.parametrize("peer", ["rclone"], indirect=True)
def test_a_store_that_ignores_conditions_is_named_with_what_to_do(peer, tmp_path):
    found = doctor(tmp_path, "--replica", f"s3://bkt/doctor?endpoint=http://127.0.0.1:{peer}", code=1, **KEYS)
    finding = found["s3: conditional writes"]
    assert finding["state"] == "failure" and "--single-writer=assumed" in finding["advice"]


@pytest.mark.parametrize("peer", ["rclone"], indirect=True)
def test_refused_credentials_are_told_from_a_store_that_does_not_answer(peer, tmp_path):
    url = f"s3://bkt/doctor?endpoint=http://127.0.0.1:{peer}"
    refused = doctor(tmp_path, "--replica", url, code=1, **KEYS | {"AWS_SECRET_ACCESS_KEY": "wrong"})
    assert "secret access key" in refused["s3: access"]["advice"]
    silent = doctor(tmp_path, "--replica", "s3://bkt/doctor?endpoint=http://127.0.0.1:1", code=1, **KEYS)
    assert "endpoint" in silent["s3: access"]["advice"]


def test_a_platform_that_kills_too_early_is_a_warning(tmp_path):
    found = doctor(tmp_path, "--shutdown-timeout", "20s", code=0, K_SERVICE="app")
    assert found["shutdown"]["state"] == "warning" and "Cloud Run" in found["shutdown"]["detail"]


def test_a_folder_that_cannot_be_written_is_a_failure(tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert doctor(tmp_path, "--db", "file/app.db", code=1)["data folder"]["state"] == "failure"


def test_durability_without_a_replica_is_not_understood(tmp_path):
    done = run_api("doctor", "--durability", "replicated", cwd=tmp_path)
    assert done.returncode == 2 and "--replica" in done.stderr
