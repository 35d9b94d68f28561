"""The Cloud Run manifest is good, a fault in it is found, and the scripts run the commands that they should."""

import pathlib

import pytest
from checks import cloudrun
from mutation import Fault, faults

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "deploy/cloudrun"
MANIFEST = FOLDER / "service.yaml"

FAULTS = faults(
    ("misspelt field", "containerConcurrency", "containerConcurency"),
    ("misspelt below", "failureThreshold", "failureTreshold"),
    ("field of another place", "^      timeoutSeconds: 60", "      timeout: 60"),
    ("wrong type", "^      timeoutSeconds: 60", '      timeoutSeconds: "a minute"'),
    ("number not quoted", 'knative.dev/maxScale: "1"', "knative.dev/maxScale: 1"),
    ("flag not quoted", 'startup-cpu-boost: "true"', "startup-cpu-boost: true"),
    ("misspelt annotation", "autoscaling.knative.dev/maxScale", "autoscaling.knative.dev/maxscale"),
    ("annotation of another domain", "autoscaling.knative.dev/maxScale", "autoscaling.knative.com/maxScale"),
    ("annotation of another level", "run.googleapis.com/ingress: all", 'run.googleapis.com/cpu-throttling: "true"'),
    ("no such environment", "execution-environment: gen2", "execution-environment: gen3"),
    ("first generation", "execution-environment: gen2", "execution-environment: gen1"),
    ("no boost", 'startup-cpu-boost: "true"', 'startup-cpu-boost: "false"'),
    ("throttling is no word", 'cpu-throttling: "true"', 'cpu-throttling: "yes"'),
    ("ten instances of the revision", 'knative.dev/maxScale: "1"', 'knative.dev/maxScale: "10"'),
    ("ten instances of the service", r'googleapis.com/maxScale: "1"', 'googleapis.com/maxScale: "10"'),
    ("no limit at the service", r'^    run.googleapis.com/maxScale: "1"\n'),
    ("one request at a time", "containerConcurrency: 250", "containerConcurrency: 1"),
    ("rights of the default account", "^ *serviceAccountName: .*\n"),
    ("no image", "^ *image: IMAGE\n", ""),
    ("kind of port", "name: http1", "name: http"),
    ("another port", "containerPort: 8080", "containerPort: 80"),
    ("probe by a command", r"httpGet: \{path: /readyz, port: 8080\}", 'exec: {command: ["true"]}'),
    ("alive is not ready", "/readyz", "/healthz"),
    ("a bucket that is away kills it", "/healthz", "/readyz"),
    ("longer than allowed", "failureThreshold: 120", "failureThreshold: 300"),
    ("no time to restore", "failureThreshold: 120", "failureThreshold: 3"),
    ("timeout over period", "timeoutSeconds: 2$", "timeoutSeconds: 3"),
    ("no liveness", "livenessProbe", "readinessProbe"),
    ("reserved name", "name: DURABILITY", "name: PORT"),
    ("twice there", "name: DURABILITY", "name: REPLICA_URL"),
    ("no value", ", value: replicated", ""),
    ("acknowledged before the upload", "value: replicated", "value: local"),
    ("may begin empty", 'REQUIRE_REPLICA, value: "true"', 'REQUIRE_REPLICA, value: "false"'),
    ("no replica", r"^ *- \{name: REPLICA_URL.*\n"),
    ("memory in another unit", "memory: 512Mi", "memory: 512MB"),
    ("too little for gen2", "memory: 512Mi", "memory: 256Mi"),
    ("half a CPU", 'cpu: "1"', 'cpu: "0.5"'),
    ("two hours", "timeoutSeconds: 60", "timeoutSeconds: 7200"),
    ("traffic for two", "percent: 100", "percent: 90"),
    ("pinned to nothing", "latestRevision: true", "latestRevision: false"),
    ("kind", "kind: Service", "kind: Deployment"),
    ("version of the API", "serving.knative.dev/v1", "serving.knative.dev/v2"),
    ("a key twice", "^      timeoutSeconds: 60", "      timeoutSeconds: 60\n      timeoutSeconds: 61"),
    ("a tab", "^      timeoutSeconds: 60", "\ttimeoutSeconds: 60"),
    ("what the server reports", "^  traffic: ", "  status: {url: x}\n  traffic: "),
    (
        "a field that is not supported",
        "^          resources:",
        "          workingDir: /\n          stdin: true\n          resources:",
    ),
)


def test_the_manifest_is_good() -> None:
    assert cloudrun.problems(MANIFEST) == []


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault_is_found(fault: Fault, tmp_path: pathlib.Path) -> None:
    assert cloudrun.problems(fault.planted(MANIFEST, tmp_path))
