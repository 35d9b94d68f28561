"""The systemd unit, really run: systemd as process 1 of a container, the service in its sandbox.

Reading the unit does not tell that a system call filter kills the service at its first thread. Podman only: it
knows how to run systemd.
"""

import contextlib
import json
import pathlib
import subprocess
import time
import uuid
from collections.abc import Iterator

import pytest
from test_container import ENGINE, IMAGE, engine

UNIT = pathlib.Path(__file__).resolve().parents[2] / "deploy/systemd"
DOCKERFILE = f"""
FROM {IMAGE}
USER root
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends systemd systemd-sysv \
    && systemctl mask systemd-logind.service getty.target console-getty.service \
    && mkdir -p /usr/local/share/holdfast && cp -r /app/Migrations /usr/local/share/holdfast/
COPY holdfast.env /etc/holdfast/holdfast.env
COPY holdfast.service /etc/systemd/system/
RUN chmod 0600 /etc/holdfast/holdfast.env && systemctl enable holdfast.service
ENTRYPOINT []
CMD ["/sbin/init"]
"""

pytestmark = pytest.mark.skipif(ENGINE != "podman", reason="only podman runs systemd in a container")


class Machine:
    def __init__(self, name: str):
        self.name = name

    def run(self, *command: str, check: bool = True) -> str:
        return engine("exec", self.name, *command, check=check).stdout.strip()

    def property(self, name: str) -> str:
        return self.run("systemctl", "show", "holdfast", "--property", name, "--value")

    def wait(self) -> None:
        """Until the service answers."""
        deadline = time.monotonic() + 30
        while engine("exec", self.name, "/usr/local/bin/api", "health", "--ready", check=False).returncode:
            assert time.monotonic() < deadline, self.run(
                "journalctl", "-u", "holdfast", "-n", "20", "--no-pager", "-o", "cat"
            )
            time.sleep(0.1)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("machine")
    name = f"holdfast-unit-{uuid.uuid4().hex[:8]}"
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "holdfast.service").write_text((UNIT / "holdfast.service").read_text())
    (folder / "holdfast.env").write_text("PORT=8080\nDURABILITY=local\n")
    build = [ENGINE, "build", "--network", "host", "--quiet", "--tag", name, str(folder)]
    subprocess.run(build, check=True, capture_output=True, timeout=300)
    options = ["--systemd=always", "--stop-signal", "SIGRTMIN+3", "--no-healthcheck", "--cap-add", "SYS_ADMIN"]
    try:
        engine("run", "--detach", "--name", name, *options, "--network", "bridge", name)
        yield Machine(name)
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):
            engine("rm", "--force", "--volumes", "--time", "3", name, check=False)
        engine("rmi", "--force", name, check=False)


def test_it_runs_in_its_sandbox(machine: Machine) -> None:
    machine.wait()
    status = machine.run("cat", f"/proc/{machine.property('MainPID')}/status")
    assert "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status and "CapEff:\t0000000000000000" in status
    assert "Uid:\t0" not in status
    assert json.loads(machine.run("/usr/local/bin/api", "health")) == {"status": "ok"}


def test_it_comes_back_after_a_kill(machine: Machine) -> None:
    machine.wait()
    machine.run("systemctl", "kill", "--signal", "SIGKILL", "holdfast")
    time.sleep(2.5)
    machine.wait()
    assert int(machine.property("NRestarts")) == 1


def test_it_stops_cleanly(machine: Machine) -> None:
    machine.wait()
    machine.run("systemctl", "stop", "holdfast")
    assert machine.property("Result") == "success"
    assert machine.property("ExecMainStatus") == "0"
