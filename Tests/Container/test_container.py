"""The image, run as platforms run it: a user without rights, a read-only root, a disk that ends with the container.

`make container-test` builds the image and runs this; it needs docker or podman, and prints what it measures.
"""

import contextlib
import http.client
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator

import boto3
import pytest

ENGINE = os.environ.get("ENGINE") or ("docker" if shutil.which("docker") else "podman")
IMAGE = os.environ.get("IMAGE", "holdfast")
PEER = pathlib.Path(__file__).resolve().parents[1] / "StorePeers/peer.py"
KEY, SECRET, BUCKET = "testkey", "testsecret", "bkt"
SERVE_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 5.0


def engine(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([ENGINE, *arguments], capture_output=True, text=True, timeout=120)
    assert not check or done.returncode == 0, done
    return done


def inspected(kind: str, name: str) -> dict:
    return json.loads(engine(kind, "inspect", name).stdout)[0]


def free_port() -> int:
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return any_port.getsockname()[1]


class Container:
    """A container of the image, on the host's network so that it reaches a store on 127.0.0.1.

    Its /data is a volume without a name, which goes with it.
    """

    def __init__(self, *options: str, **variables: str):
        self.name = f"holdfast-test-{uuid.uuid4().hex[:8]}"
        self.port = free_port()
        command = ["run", "--detach", "--name", self.name, "--network", "host", "--read-only", "--cap-drop", "all"]
        command += ["--security-opt", "no-new-privileges", "--memory", "256m", *options]
        for name, value in ({"PORT": str(self.port), "HOST": "127.0.0.1"} | variables).items():
            command += ["--env", f"{name}={value}"]
        self.began = time.monotonic()
        engine(*command, IMAGE)

    def status(self, path: str) -> int | None:
        """What a GET answers, or None while nobody does."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with contextlib.closing(client), contextlib.suppress(OSError, http.client.HTTPException):
            client.request("GET", path)
            return client.getresponse().status
        return None

    def request(self, method: str, path: str, body: object = None) -> tuple[int, object]:
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(client):
            client.request(method, path, None if body is None else json.dumps(body))
            response = client.getresponse()
            return response.status, json.loads(response.read())

    def wait(self) -> float:
        """Until it is ready; answers the seconds since `run`."""
        deadline = self.began + SERVE_SECONDS_MAX
        while self.status("/readyz") != 200:
            assert self.is_running(), f"it ended with {self.exit_code()}:\n{self.logs()}"
            assert time.monotonic() < deadline, f"not ready after {SERVE_SECONDS_MAX} s:\n{self.logs()}"
            time.sleep(0.01)
        self.ready = time.clock_gettime(time.CLOCK_BOOTTIME)
        return time.monotonic() - self.began

    def seconds_from_exec(self) -> float:
        """From the program's start, as the kernel has it, to the first 200: without the engine's own work."""
        fields = pathlib.Path(f"/proc/{self.state()['Pid']}/stat").read_text().rpartition(")")[2].split()
        return self.ready - int(fields[19]) / os.sysconf("SC_CLK_TCK")

    def state(self) -> dict:
        return inspected("container", self.name)["State"]

    def is_running(self) -> bool:
        return self.state()["Running"]

    def exit_code(self) -> int:
        return self.state()["ExitCode"]

    def logs(self) -> str:
        done = engine("logs", self.name, check=False)
        return (done.stdout + done.stderr)[-4000:]

    def resident_bytes(self) -> int:
        status = pathlib.Path(f"/proc/{self.state()['Pid']}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) * 1024

    def kill(self) -> None:
        engine("kill", "--signal", "KILL", self.name)
        self.remove()

    def remove(self) -> None:
        engine("rm", "--force", "--volumes", self.name, check=False)


@pytest.fixture
def start() -> Iterator:
    """Starts containers; all are removed at the end of the test."""
    started: list[Container] = []

    def run(*options: str, **variables: str) -> Container:
        started.append(Container(*options, **variables))
        return started[-1]

    yield run
    for container in started:
        container.remove()


@pytest.fixture(scope="session")
def store() -> Iterator[str]:
    """The endpoint of a real S3 server (Ceph's radosgw); emulators let two creates of one key both win."""
    peer = subprocess.Popen([sys.executable, PEER, "radosgw"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        endpoint = f"http://127.0.0.1:{json.loads(peer.stdout.readline())['port']}"
        boto3.client(
            "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=KEY, aws_secret_access_key=SECRET
        ).create_bucket(Bucket=BUCKET)
        yield endpoint
    finally:
        # It ends, with all that it started, when its standard input does.
        peer.stdin.close()
        peer.wait(30)


@pytest.fixture
def replica(store: str) -> dict[str, str]:
    """What tells the service where a replica of the test's own is."""
    return {
        "REPLICA_URL": f"s3://{BUCKET}/{uuid.uuid4().hex}?endpoint={store}&forcePathStyle=true&region=us-east-1",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }


def say(what: str) -> None:
    print(f"\n  {what}", end="", flush=True)


def test_the_image_is_what_it_says() -> None:
    image = inspected("image", IMAGE)
    configuration = image["Config"]
    assert configuration["User"] == "10001:10001"
    assert configuration["Entrypoint"] == ["/usr/local/bin/api"]
    assert configuration["StopSignal"] in ("SIGTERM", "15")
    assert {"org.opencontainers.image.title", "org.opencontainers.image.revision"} <= set(configuration["Labels"])
    say(f"image: {image['Size'] / 1e6:.0f} MB")


def test_it_serves_without_rights_and_says_that_it_is_well(start) -> None:
    container = start()
    say(f"run to ready, without a replica: {container.wait() * 1000:.0f} ms")
    say(f"start of the process to the first 200: {container.seconds_from_exec() * 1000:.0f} ms")
    status = pathlib.Path(f"/proc/{container.state()['Pid']}/status").read_text()
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    assert pathlib.Path(f"/proc/{container.state()['Pid']}/exe").readlink().name == "api", (
        "process 1 is not the service"
    )
    assert json.loads(engine("exec", container.name, "/usr/local/bin/api", "health").stdout) == {"status": "ok"}
    assert container.request("POST", "/tasks", {"title": "one"})[0] == 201
    say(f"resident memory: {container.resident_bytes() / 2**20:.1f} MiB")


def test_it_may_be_any_user(start) -> None:
    assert start("--user", "54321:0").wait()


def test_a_disk_that_cannot_be_written_to_is_named(start) -> None:
    container = start(DB_PATH="/nowhere/holdfast.db")
    deadline = time.monotonic() + 10
    while container.is_running():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert container.exit_code() == 1
    assert "/nowhere" in container.logs()


def test_what_was_answered_survives_the_container(start, replica: dict[str, str]) -> None:
    first = start(**replica)
    say(f"run to ready, empty replica: {first.wait() * 1000:.0f} ms")
    titles = [f"task {i}" for i in range(20)]
    for title in titles:
        assert first.request("POST", "/tasks", {"title": title})[0] == 201
    first.kill()
    second = start(**replica, REQUIRE_REPLICA="true")
    say(f"run to ready, restored: {second.wait() * 1000:.0f} ms")
    say(f"start of the process to the first 200, restored: {second.seconds_from_exec() * 1000:.0f} ms")
    status, tasks = second.request("GET", "/tasks")
    assert (status, [task["title"] for task in tasks]) == (200, titles)
    assert second.request("POST", "/tasks", {"title": "after"})[1] == {"id": 21}
    say(f"resident memory, replicating: {second.resident_bytes() / 2**20:.1f} MiB")


def test_a_mistyped_prefix_is_refused(start, replica: dict[str, str]) -> None:
    container = start(**replica, REQUIRE_REPLICA="true")
    deadline = time.monotonic() + SERVE_SECONDS_MAX
    while container.is_running():
        assert container.status("/readyz") != 200, "it began an empty database"
        assert time.monotonic() < deadline, container.logs()
        time.sleep(0.05)
    assert container.exit_code() == 1
    assert "there is nothing at the replica" in container.logs()


def test_sigterm_under_load_loses_nothing_that_was_answered(start, replica: dict[str, str]) -> None:
    first = start(**replica)
    first.wait()
    answered: list[str] = []
    lock = threading.Lock()

    def post(worker: int) -> None:
        for i in range(10_000):
            title = f"{worker}-{i}"
            try:
                status, _ = first.request("POST", "/tasks", {"title": title})
            except (OSError, http.client.HTTPException, ValueError):
                return
            if status == 201:
                with lock:
                    answered.append(title)

    workers = [threading.Thread(target=post, args=(worker,)) for worker in range(8)]
    for worker in workers:
        worker.start()
    time.sleep(2)
    began = time.monotonic()
    engine("stop", "--time", "10", first.name)
    took = time.monotonic() - began
    for worker in workers:
        worker.join()
    say(f"SIGTERM to the end, under load: {took * 1000:.0f} ms, the engine's own time included")
    assert (first.exit_code(), took < STOP_SECONDS_MAX) == (0, True), first.logs()
    first.remove()
    second = start(**replica, REQUIRE_REPLICA="true")
    second.wait()
    found: set[str] = set()
    after = 0
    while True:
        _, page = second.request("GET", f"/tasks?limit=1000&after={after}")
        found |= {task["title"] for task in page}
        if len(page) < 1000:
            break
        after = page[-1]["id"]
    assert answered, "nothing was answered, so nothing was tried"
    assert set(answered) <= found, sorted(set(answered) - found)[:10]
    say(f"{len(answered)} writes answered, all of them there")
