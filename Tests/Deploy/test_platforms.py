"""The manifests of the platforms without a test file of their own are good, and a fault in one of them is found."""

import pathlib
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from checks import compose, fly, heroku, lightsail, render, service, systemd
from mutation import Fault, faults
from workplace import API

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"


@dataclass(frozen=True)
class Platform:
    manifest: pathlib.Path
    problems: Callable[[pathlib.Path], list[str]]
    faults: list[Fault]

    def __str__(self) -> str:
        return f"{self.manifest.parent.name}/{self.manifest.name}"


FLY = faults(
    ("misspelt below", "internal_port = 8080", "internal_prt = 8080"),
    ("wrong type", "internal_port = 8080", 'internal_port = "8080"'),
    ("no such strategy", 'strategy = "bluegreen"', 'strategy = "bluegren"'),
    ("leaves two", 'strategy = "bluegreen"', 'strategy = "canary"'),
    ("misspelt at the top", "^kill_timeout", "kil_timeout"),
    ("too short to stop", "^kill_timeout = 15", "kill_timeout = 5"),
    ("a signal that kills", "SIGTERM", "SIGKILL"),
    ("kind of limit", 'type = "requests"', 'type = "request"'),
    ("limits the wrong way round", "hard_limit = 250", "hard_limit = 100"),
    ("no such stop", 'auto_stop_machines = "stop"', 'auto_stop_machines = "never"'),
    ("never started again", "auto_start_machines = true", "auto_start_machines = false"),
    ("two machines", "min_machines_running = 0", "min_machines_running = 2"),
    ("wrong table", r"^\[\[vm\]\]", "[[vms]]"),
    ("ports differ", 'PORT = "8080"', 'PORT = "8081"'),
    ("alive is not ready", "/readyz", "/healthz"),
    ("plain HTTP", "force_https = true", "force_https = false"),
    ("a secret in the manifest", "^  AWS_REGION = .*", '  AWS_SECRET_ACCESS_KEY = "s3cret"'),
    ("may begin empty", 'REQUIRE_REPLICA = "true"', 'REQUIRE_REPLICA = "false"'),
    ("another Dockerfile", "../Dockerfile", "Dockerfile"),
    ("no TOML", "^\\[env\\]", "[env"),
)
HEROKU = faults(
    ("two dynos", '"quantity": 1', '"quantity": 2'),
    ("no such size", '"size": "basic"', '"size": "hobby"'),
    ("another stack", '"stack": "container"', '"stack": "heroku-24"'),
    ("misspelt", '"formation"', '"formations"'),
    ("a port", '"AWS_REGION": \\{', '"PORT": {"description": "x", "value": "1"},\n    "AWS_REGION": {'),
    ("no replica", r'^ *"REPLICA_URL": \{[^}]*\},\n'),
    ("a secret in the manifest", r'"Its secret.", "required": true', '"Its secret.", "value": "s3cret"'),
    ("acknowledged before the upload", '"value": "replicated"', '"value": "async"'),
    ("flag not quoted", '"value": "true"', '"value": true'),
    ("no JSON", "^  },$", "  }"),
)
LIGHTSAIL_SERVICE = faults(
    ("two nodes", '"scale": 1', '"scale": 2'),
    ("twenty-one nodes", '"scale": 1', '"scale": 21'),
    ("no such size", '"power": "nano"', '"power": "pico"'),
    ("misspelt", '"power"', '"powr"'),
    ("no such name", '"serviceName": "holdfast"', '"serviceName": "Hold fast"'),
)
LIGHTSAIL = faults(
    ("misspelt below", '"healthyThreshold"', '"healthyTreshold"'),
    ("wrong type", '"containerPort": 8080', '"containerPort": "8080"'),
    ("another port", '"containerPort": 8080', '"containerPort": 80'),
    ("no such protocol", '"8080": "HTTP"', '"8080": "HTTP2"'),
    ("TCP", '"8080": "HTTP"', '"8080": "TCP"'),
    ("alive is not ready", "/readyz", "/healthz"),
    ("any answer is good", '"successCodes": "200"', '"successCodes": "200-599"'),
    ("no time to restore", '"unhealthyThreshold": 10', '"unhealthyThreshold": 2'),
    ("timeout over interval", '"timeoutSeconds": 5', '"timeoutSeconds": 15'),
    ("no replica", '^ *"REPLICA_URL": .*\n'),
    ("a secret in the manifest", "SECRET_HERE", "s3cret"),
    ("a container of another name", '"containerName": "api"', '"containerName": "web"'),
)
RENDER = faults(
    ("two instances", "numInstances: 1", "numInstances: 2"),
    ("misspelt", "healthCheckPath", "healthcheckPath"),
    ("alive is not ready", "/readyz", "/healthz"),
    ("no such region", "frankfurt", "berlin"),
    ("no such plan", "plan: starter", "plan: start"),
    ("too short to stop", "maxShutdownDelaySeconds: 30", "maxShutdownDelaySeconds: 1"),
    ("deploys by itself", 'autoDeployTrigger: "off"', "autoDeployTrigger: commit"),
    ("another Dockerfile", "./deploy/Dockerfile", "./Dockerfile"),
    ("a disk", "numInstances: 1", "numInstances: 1\n    disk: {name: x, mountPath: /data}"),
    ("number not quoted", 'value: "8080"', "value: 8080"),
    ("neither value nor question", r"(key: REPLICA_URL\n *)sync: false", r"\1sync: true"),
    ("a secret in the manifest", r"(key: AWS_SECRET_ACCESS_KEY\n *)sync: false", r"\1value: s3cret"),
    ("may begin empty", 'value: "true"', 'value: "false"'),
)
COMPOSE = faults(
    ("misspelt", "stop_grace_period", "stop_grace_periode"),
    ("no such condition", "service_completed_successfully", "service_finished"),
    (
        "does not wait for the bucket",
        "bucket: {condition: service_completed_successfully}",
        "bucket: {condition: service_started}",
    ),
    ("nobody asks the server", "^    healthcheck:\n(      .*\n)+"),
    ("depends on nothing", "^      s3: {condition: service_healthy}", "      s4: {condition: service_healthy}"),
    ("a writable root", "read_only: true", "read_only: false"),
    ("capabilities", r"cap_drop: \[ALL\]", "cap_drop: [NET_RAW]"),
    ("everybody's port", r"127\.0\.0\.1:\$\{PORT", "${PORT"),
    ("nobody's folder", "uid=10001,", ""),
    ("three of them", "^    restart: unless-stopped\n", "    restart: unless-stopped\n    deploy: {replicas: 3}\n"),
    ("a volume of nobody", "bucket:/data", "buckets:/data"),
    ("acknowledged before the upload", "DURABILITY: replicated", "DURABILITY: async"),
)
CLASSIC = faults(
    (
        "serves before it has restored",
        r"(api:[\s\S]*)restore: \{condition: service_completed_successfully\}",
        r"\1restore: {condition: service_started}",
    ),
    (
        "replicates before it has restored",
        r"(  replicate:\n[\s\S]*?)service_completed_successfully",
        r"\1service_started",
    ),
    (
        "restores into root's volume",
        "owner: {condition: service_completed_successfully}",
        "owner: {condition: service_started}",
    ),
    ("restores again and again", 'restart: "no"', "restart: always"),
    ("fails on the first start", ", -if-replica-exists", ""),
    ("fails on the second start", "-if-db-not-exists, ", ""),
    ("the replicator stops first", "^      replicate: {condition: service_started}\n"),
    ("both replicate", "DURABILITY: local", "DURABILITY: replicated"),
    ("runs as root", '^  user: "10001:10001"\n'),
    ("never ends", r"^    command: \[version\]\n"),
    ("another configuration", "litestream/s3.yml", "litestream/s4.yml"),
)
SYSTEMD = faults(
    ("misspelt", "^ProtectSystem", "ProtectSistem"),
    ("no such value", "ProtectSystem=strict", "ProtectSystem=strictly"),
    ("no such group of calls", "@system-service", "@sytem-service"),
    ("no such family", "AF_INET6", "AF_INET9"),
    ("no such time", "RestartSec=2", "RestartSec=soon"),
    ("may load kernel modules", "^ProtectKernelModules=yes\n"),
    ("may write and execute memory", "^MemoryDenyWriteExecute=yes\n"),
    ("all capabilities", "CapabilityBoundingSet=\n"),
    ("as root", "DynamicUser=yes\n"),
    ("killed by the sandbox", "^SystemCallErrorNumber=EPERM\n"),
    ("too short to stop", "TimeoutStopSec=15", "TimeoutStopSec=1"),
    ("stays down", "Restart=on-failure", "Restart=no"),
    ("nowhere to write", "^StateDirectory=holdfast\n"),
    ("no settings", "^EnvironmentFile=.*\n"),
)

PLATFORMS = [
    Platform(DEPLOY / "fly/fly.toml", fly.problems, FLY),
    Platform(DEPLOY / "heroku/app.json", heroku.problems, HEROKU),
    Platform(DEPLOY / "lightsail/service.json", lightsail.problems, LIGHTSAIL_SERVICE),
    Platform(DEPLOY / "lightsail/deployment.json", lightsail.problems, LIGHTSAIL),
    Platform(DEPLOY / "render/render.yaml", render.problems, RENDER),
    Platform(DEPLOY / "compose/compose.yaml", compose.problems, COMPOSE),
    Platform(DEPLOY / "compose/classic.yaml", compose.problems, CLASSIC),
    Platform(DEPLOY / "systemd/holdfast.service", systemd.problems, SYSTEMD),
]


@pytest.mark.parametrize("platform", PLATFORMS, ids=str)
def test_the_manifest_is_good(platform: Platform, tmp_path: pathlib.Path) -> None:
    copy = tmp_path / platform.manifest.name
    copy.write_text(platform.manifest.read_text())
    assert platform.problems(copy) == []


@pytest.mark.parametrize(
    ("platform", "fault"), [(platform, fault) for platform in PLATFORMS for fault in platform.faults], ids=str
)
def test_a_fault_is_found(platform: Platform, fault: Fault, tmp_path: pathlib.Path) -> None:
    assert platform.problems(fault.planted(platform.manifest, tmp_path))


def test_the_service_reads_every_variable_that_a_manifest_may_set() -> None:
    help_text = subprocess.run([API, "serve", "--help"], check=True, capture_output=True, text=True, timeout=30).stdout
    words = set(help_text.replace(",", " ").replace("]", " ").split())
    assert (service.REQUIRED | service.OPTIONAL) - words == set()
