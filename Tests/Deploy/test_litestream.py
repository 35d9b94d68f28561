"""The litestream.yml variants say the same to our program and to Litestream."""

import pathlib
import subprocess

import pytest
from workplace import API, ROOT

CONFIGURATIONS = sorted((ROOT / "deploy/litestream").glob("*.yml"))
VARIABLES = {
    "BUCKET": "bucket",
    "REGION": "eu-central-1",
    "ENDPOINT": "http://127.0.0.1:9000",
    "ACCOUNT": "account",
    "CONTAINER": "container",
    "OFFSITE_BUCKET": "offsite",
    "LITESTREAM_AZURE_ACCOUNT_KEY": "a2V5",
}
REPLICAS = {
    "s3.yml": "s3",
    "s3-compatible.yml": "s3",
    "gcs.yml": "gs",
    "azure.yml": "abs",
    "3-2-1.yml": "main,disk,offsite",
}


def databases(program: pathlib.Path, option: str, configuration: pathlib.Path) -> subprocess.CompletedProcess[str]:
    command = [program, "databases", option, configuration]
    return subprocess.run(command, env=VARIABLES, capture_output=True, text=True, timeout=30)


@pytest.fixture(scope="session")
def litestream() -> pathlib.Path:
    fetch = subprocess.run(
        [ROOT / "Tests/Interop/fetch-litestream"], check=True, capture_output=True, text=True, timeout=600
    )
    return pathlib.Path(fetch.stdout.strip())


def test_each_variant_is_known_here() -> None:
    assert {path.name for path in CONFIGURATIONS} == set(REPLICAS)


@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=lambda path: path.name)
def test_our_program_takes_it_without_a_warning(configuration: pathlib.Path) -> None:
    done = databases(API, "--config", configuration)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1].split() == ["/data/holdfast.db", REPLICAS[configuration.name]]


@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=lambda path: path.name)
def test_litestream_takes_it(configuration: pathlib.Path, litestream: pathlib.Path) -> None:
    # Several replicas are what 0.5 no longer has, and `replica:` is what 0.3 does not have yet.
    version = "0.3.11" if configuration.name == "3-2-1.yml" else "0.5.17"
    done = databases(litestream / f"litestream-{version}", "-config", configuration)
    assert done.returncode == 0, done
    assert done.stdout.splitlines()[1].split() == ["/data/holdfast.db", REPLICAS[configuration.name]]


def test_a_misspelt_key_is_named(tmp_path: pathlib.Path) -> None:
    text = (ROOT / "deploy/litestream/s3.yml").read_text().replace("sync-interval", "sync-intervall")
    (tmp_path / "s3.yml").write_text(text)
    assert "sync-intervall" in databases(API, "--config", tmp_path / "s3.yml").stderr
