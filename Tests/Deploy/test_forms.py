"""What `make lint` says about shell scripts, the Dockerfile and YAML, and that it says it about a broken one too."""

import pathlib
import subprocess
import sys

import pytest
from mutation import Fault, faults

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
TOOLS = pathlib.Path(sys.executable).parent

DOCKERFILE = faults(
    ("runs as root", "^USER 10001:10001", "USER root"),
    ("a user by name", "^USER 10001:10001", "USER api"),
    ("a relative folder", "^WORKDIR /app", "WORKDIR app"),
    ("the newest base", "debian:bookworm-slim", "debian:latest"),
    ("all that is recommended", "--no-install-recommends", "--install-recommends"),
    ("a shell before the program", r'^ENTRYPOINT \["/usr/local/bin/api"\]', "ENTRYPOINT /usr/local/bin/api"),
    ("an entrypoint script", r'^ENTRYPOINT \["/usr/local/bin/api"\]', 'ENTRYPOINT ["/entrypoint.sh"]'),
    ("no health check", "^HEALTHCHECK .*\n"),
    ("a signal that kills", "^STOPSIGNAL SIGTERM", "STOPSIGNAL SIGKILL"),
    ("no migrations", "^COPY Migrations Migrations\n"),
    ("no certificates", "ca-certificates "),
    ("a library is missing", " libyaml-0-2"),
    ("temporary files on the root", r" \\\n *SQLITE_TMPDIR=/data"),
)
SCRIPT = faults(
    ("not quoted", r'"\$here/service.yaml"', "$here/service.yaml"),
    ("goes on after a failure", "^set -eu\n"),
    ("no POSIX shell", r"^while \[ \$# -gt 0 \]; do", "for ((i = 0; i < 3; i++)); do"),
    ("no shell", "^esac|^    esac", "    esca"),
)
YAML = faults(
    ("a tab", "^    type: web|^  - type: web", "\t- type: web"),
    ("a key twice", "^    plan: starter", "    plan: starter\n    plan: pro"),
    ("steps of three", "^    envVars:\n      - ", "    envVars:\n         - "),
)

# The libraries that the program calls, and the packages that they are in.
LIBRARIES = {"libcurl4", "liblz4-1", "libsqlite3-0", "libssl3", "libyaml-0-2", "ca-certificates"}


def dockerfile_problems(path: pathlib.Path) -> list[str]:
    text = path.read_text()
    final = text[text.rindex("\nFROM ") :]
    wanted = (
        'ENTRYPOINT ["/usr/local/bin/api"]',
        "USER 10001:10001",
        "STOPSIGNAL SIGTERM",
        "HEALTHCHECK ",
        "COPY Migrations Migrations",
        "SQLITE_TMPDIR=/data",
        'VOLUME ["/data"]',
    )
    found = [f"{each} is missing" for each in wanted if each not in final]
    found += [f"{each} is missing" for each in sorted(LIBRARIES) if f" {each} " not in final.replace("\n", " ")]
    return found + said_by("hadolint", path)


def script_problems(path: pathlib.Path) -> list[str]:
    if "\nset -eu\n" not in path.read_text():
        return ["must stop at the first failure: set -eu"]
    return said_by("shellcheck", path)


def yaml_problems(path: pathlib.Path) -> list[str]:
    return said_by("yamllint", "-s", "-c", ROOT / ".yamllint", path)


def said_by(tool: str, *arguments: object) -> list[str]:
    done = subprocess.run([TOOLS / tool, *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 or done.stdout + done.stderr
    return (done.stdout + done.stderr).splitlines() if done.returncode else []


SCRIPTS = [
    path
    for path in [*DEPLOY.rglob("*.sh"), *(ROOT / "Tests/Deploy").rglob("*")]
    if path.is_file() and path.open("rb").read(2) == b"#!"
]


def test_the_dockerfile_is_good() -> None:
    assert dockerfile_problems(DEPLOY / "Dockerfile") == []


@pytest.mark.parametrize(
    "path", [path for path in SCRIPTS if path.suffix != ".py"], ids=lambda path: str(path.relative_to(ROOT))
)
def test_the_script_is_good(path: pathlib.Path) -> None:
    assert said_by("shellcheck", path) == []


def test_the_yaml_is_good() -> None:
    assert yaml_problems(DEPLOY) == []


@pytest.mark.parametrize("fault", DOCKERFILE, ids=str)
def test_a_fault_in_the_dockerfile_is_found(fault: Fault, tmp_path: pathlib.Path) -> None:
    assert dockerfile_problems(fault.planted(DEPLOY / "Dockerfile", tmp_path))


@pytest.mark.parametrize("fault", SCRIPT, ids=str)
def test_a_fault_in_a_script_is_found(fault: Fault, tmp_path: pathlib.Path) -> None:
    assert script_problems(fault.planted(DEPLOY / "cloudrun/deploy.sh", tmp_path))


@pytest.mark.parametrize("fault", YAML, ids=str)
def test_a_fault_in_yaml_is_found(fault: Fault, tmp_path: pathlib.Path) -> None:
    assert yaml_problems(fault.planted(DEPLOY / "render/render.yaml", tmp_path))


def test_every_package_that_is_built_with_is_in_the_image_and_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text()
    build_packages = next(line for line in makefile.splitlines() if line.startswith("BUILD_PACKAGES"))
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    for package in build_packages.partition(":=")[2].split():
        assert package in dockerfile, package
