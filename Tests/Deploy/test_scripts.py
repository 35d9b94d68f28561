"""The deploy scripts run the commands that they should, with stand-ins for the clouds' own programs."""

import json
import os
import pathlib
import re
import subprocess

import pytest
from checks import cloudrun, lightsail

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"

# Writes down how it was called, keeps the files that it was given, and fails or answers as the test says.
STAND_IN = """#!/usr/bin/env python3
import json, os, pathlib, re, shutil, sys
folder = pathlib.Path(os.environ["STAND_IN_FOLDER"])
arguments = sys.argv[1:]
with open(folder / "calls", "a") as calls:
    print(json.dumps([pathlib.Path(sys.argv[0]).name, *arguments]), file=calls)
for argument in arguments:
    path = pathlib.Path(argument.removeprefix("file://"))
    if path.is_file():
        shutil.copy2(path, folder / "given")
line = " ".join(arguments)
for pattern, answer in json.loads(os.environ["STAND_IN_ANSWERS"]).items():
    if re.search(pattern, line):
        if isinstance(answer, list):
            # One after the other; the last one stays.
            with open(folder / "asked", "a") as file:
                print(pattern, file=file)
            count = (folder / "asked").read_text().splitlines().count(pattern)
            answer = answer[min(count, len(answer)) - 1]
        if answer is None:
            sys.exit(1)
        print(answer)
        break
"""


Answer = str | list[str | None] | None


class Clouds:
    """A PATH on which gcloud, aws, docker and heroku are stand-ins."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.programs = folder / "bin"
        self.programs.mkdir()
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        for name in ("gcloud", "aws", "docker", "heroku"):
            (self.programs / name).write_text(STAND_IN)
            (self.programs / name).chmod(0o755)

    def run(self, *command: str, answers: dict[str, Answer] | None = None, code: int = 0, **variables: str) -> str:
        """Runs a script; of `answers` the first whose pattern fits a call is what is printed, None being a failure.

        A list has one for each call that fits.
        """
        for name in ("calls", "asked"):
            (self.folder / name).unlink(missing_ok=True)
        environment = {
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "TMPDIR": str(self.temporary),
            "STAND_IN_FOLDER": str(self.folder),
            "STAND_IN_ANSWERS": json.dumps(answers or {}),
        } | variables
        done = subprocess.run(
            [DEPLOY / command[0], *command[1:]], env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == code, done
        assert not list(self.temporary.iterdir()), "a temporary file stayed"
        return done.stdout

    def calls(self) -> list[str]:
        if not (self.folder / "calls").exists():
            return []
        return [" ".join(json.loads(line)) for line in (self.folder / "calls").read_text().splitlines()]

    def given(self) -> pathlib.Path:
        return self.folder / "given"


@pytest.fixture
def clouds(tmp_path: pathlib.Path) -> Clouds:
    return Clouds(tmp_path)


SETUP = ("cloudrun/setup.sh", "my-project", "europe-west1", "my-bucket")


def test_cloud_run_setup_makes_what_is_missing(clouds: Clouds) -> None:
    clouds.run(*SETUP, answers={" describe ": None})
    created = [call for call in clouds.calls() if " create " in call]
    assert [re.search(r"gcloud ([a-z -]*) create", call)[1] for call in created] == [
        "artifacts repositories",
        "storage buckets",
        "iam service-accounts",
        "iam roles",
    ]
    bucket = next(call for call in created if "storage buckets" in call)
    assert "--uniform-bucket-level-access --public-access-prevention" in bucket
    # On the bucket, and only there.
    assert [call for call in clouds.calls() if "policy-binding" in call] == [
        "gcloud storage buckets add-iam-policy-binding gs://my-bucket"
        " --member serviceAccount:holdfast@my-project.iam.gserviceaccount.com"
        " --role projects/my-project/roles/holdfastWriter"
    ]


def test_cloud_run_setup_leaves_what_is_there(clouds: Clouds) -> None:
    clouds.run(*SETUP)
    assert not [call for call in clouds.calls() if " create " in call]


def test_cloud_run_setup_stops_at_the_first_failure(clouds: Clouds) -> None:
    clouds.run(*SETUP, answers={"buckets (describe|create)": None}, code=1)
    assert "storage buckets create" in clouds.calls()[-1]


DEPLOY_RUN = (
    "cloudrun/deploy.sh",
    "my-project",
    "europe-west1",
    "my-bucket",
    "europe-docker.pkg.dev/p/r/api@sha256:0a",
)


def test_cloud_run_deploy_sends_a_good_manifest_and_prints_the_curl_lines(clouds: Clouds) -> None:
    printed = clouds.run(*DEPLOY_RUN, answers={"services describe": "https://x.run.app"})
    assert cloudrun.problems(clouds.given()) == []
    manifest = clouds.given().read_text()
    for value in ("gs://my-bucket/holdfast", "holdfast@my-project.iam.", "api@sha256:0a"):
        assert value in manifest
    assert not re.search(r"^[^#]*\b(PROJECT|IMAGE|BUCKET)\b", manifest, re.MULTILINE)
    assert printed.splitlines()[-2:] == [
        'curl -XPOST https://x.run.app/tasks -d \'{"title":"x"}\'',
        "curl https://x.run.app/tasks",
    ]


def test_cloud_run_takes_the_token_from_a_secret(clouds: Clouds) -> None:
    clouds.run(*DEPLOY_RUN, "--token-secret", "holdfast-token")
    assert cloudrun.problems(clouds.given()) == []
    manifest = clouds.given().read_text()
    assert "{name: API_TOKEN, valueFrom: {secretKeyRef: {name: holdfast-token, key: latest}}}" in manifest
    clouds.run(*DEPLOY_RUN, "--token-secret", code=2)
    assert clouds.calls() == []


def test_cloud_run_may_begin_empty_only_when_told(clouds: Clouds) -> None:
    clouds.run(*DEPLOY_RUN, "--first", "--private")
    assert '{name: REQUIRE_REPLICA, value: "false"}' in clouds.given().read_text()
    assert "allUsers" not in " ".join(clouds.calls())
    clouds.run(*DEPLOY_RUN, "--fist", code=2)
    assert clouds.calls() == []


KEY = {"REPLICA_URL": "s3://b/holdfast", "REPLICA_KEY_ID": "AKIA", "REPLICA_SECRET": "a/b&c|\"'$d\\e+="}


PUSHED = ":holdfast.api.7"
LIGHTSAIL = {
    "get-container-images": PUSHED,
    r"\.state": "RUNNING",
    r"api\.image": PUSHED,
    r"\.url": "https://holdfast.example/",
}


def test_lightsail_deploys_what_its_check_calls_good(clouds: Clouds, tmp_path: pathlib.Path) -> None:
    printed = clouds.run("lightsail/deploy.sh", "us-east-1", "holdfast", answers=LIGHTSAIL, API_TOKEN="x y", **KEY)
    body = json.loads(clouds.given().read_text())
    variables = body["containers"]["api"]["environment"]
    assert body["containers"]["api"]["image"] == PUSHED
    assert (variables["REPLICA_URL"], variables["AWS_SECRET_ACCESS_KEY"]) == (KEY["REPLICA_URL"], KEY["REPLICA_SECRET"])
    assert variables.pop("API_TOKEN") == "x y"
    assert clouds.given().stat().st_mode & 0o077 == 0, "others could read the secret"
    assert KEY["REPLICA_SECRET"] not in " ".join(clouds.calls()), "a command line is for everybody to read"
    assert printed.splitlines() == [
        'curl -XPOST https://holdfast.example/tasks -d \'{"title":"x"}\'',
        "curl https://holdfast.example/tasks",
    ]
    # The check wants no secret in it; all else is as it is sent.
    variables["AWS_SECRET_ACCESS_KEY"] = "SECRET_HERE"
    (tmp_path / "deployment.json").write_text(json.dumps(body))
    assert lightsail.problems(tmp_path / "deployment.json") == []


def test_lightsail_makes_its_service_once_and_waits_for_it(clouds: Clouds) -> None:
    shorten_waits(clouds)
    starting = LIGHTSAIL | {r"\.state": [None, "PENDING", "READY", "DEPLOYING", "RUNNING"]}
    clouds.run("lightsail/deploy.sh", "us-east-1", "holdfast", answers=starting, **KEY)
    names = [re.search(r"lightsail (\S+)", call)[1] for call in clouds.calls()]
    asked = "get-container-services"
    assert names == [
        *(asked, "create-container-service", asked, asked, "push-container-image", "get-container-images"),
        *("create-container-service-deployment", asked, asked, asked, asked),
    ]
    clouds.run("lightsail/deploy.sh", "us-east-1", "holdfast", "--first", answers=LIGHTSAIL, **KEY)
    assert not any("create-container-service --region" in call for call in clouds.calls())
    variables = json.loads(clouds.given().read_text())["containers"]["api"]["environment"]
    assert variables["REQUIRE_REPLICA"] == "false" and "API_TOKEN" not in variables


def test_lightsail_says_when_the_old_version_goes_on(clouds: Clouds) -> None:
    printed = clouds.run(
        "lightsail/deploy.sh",
        "us-east-1",
        "holdfast",
        answers=LIGHTSAIL | {r"api\.image": ":holdfast.api.6"},
        code=1,
        **KEY,
    )
    assert "curl" not in printed


def shorten_waits(clouds: Clouds) -> None:
    (clouds.programs / "sleep").write_text("#!/bin/sh\n")
    (clouds.programs / "sleep").chmod(0o755)


def test_lightsail_asks_for_the_key_before_it_does_anything(clouds: Clouds) -> None:
    clouds.run("lightsail/deploy.sh", "us-east-1", "holdfast", code=2)
    assert clouds.calls() == []


def test_heroku_releases_what_was_pushed(clouds: Clouds) -> None:
    clouds.run("heroku/deploy.sh", "my-app")
    assert [call.partition(" --")[0] for call in clouds.calls()] == [
        "docker build",
        "docker push registry.heroku.com/my-app/web",
        "heroku container:release web",
        "heroku ps:scale web=1",
    ]
    clouds.run("heroku/deploy.sh", "my-app", answers={"^push": None}, code=1)
    assert "heroku" not in " ".join(call.split()[0] for call in clouds.calls())
