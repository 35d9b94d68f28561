"""The service does what its own description says, tried by schemathesis with every check it has."""

import json
import os
import pathlib
import subprocess
import sys

from service import Server, environment

# Examples per operation; with the default, all operations together come to more than 2,000.
EXAMPLES = int(os.environ.get("OPENAPI_EXAMPLES", "150"))
CASES_MIN = 2000 if "OPENAPI_EXAMPLES" not in os.environ else EXAMPLES
SEED = 20260101

OPERATIONS = {
    "/": {"get", "put", "post"},
    "/docs": {"get"},
    "/health": {"get"},
    "/healthz": {"get"},
    "/metrics": {"get"},
    "/openapi.json": {"get"},
    "/readyz": {"get"},
    "/status": {"get"},
    "/status.json": {"get"},
    "/tasks": {"get", "post"},
    "/tasks/{id}": {"get", "patch", "put", "delete"},
    "/users": {"get", "post"},
    "/users/{id}": {"get", "patch", "put", "delete"},
    "/{id}": {"get"},
}
METHODS = {"get", "head", "post", "put", "patch", "delete", "options", "trace"}


def test_the_description_covers_every_operation(server: Server) -> None:
    description = server.get("/openapi.json")
    assert description["openapi"].startswith("3.1.")
    described = {path: METHODS & entry.keys() - {"head", "options"} for path, entry in description["paths"].items()}
    assert described == OPERATIONS


def test_schemathesis_finds_no_difference_between_description_and_service(
    server: Server, tmp_path: pathlib.Path
) -> None:
    # Given a file, for when given an address it leaves out the operation that is at that address.
    description, report = tmp_path / "openapi.json", tmp_path / "report.json"
    description.write_text(json.dumps(server.get("/openapi.json")))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", str(description), "--url", server.url),
            *("--checks", "all", "--phases", "examples,coverage,fuzzing,stateful"),
            *("--max-examples", str(EXAMPLES), "--seed", str(SEED), "--generation-database", "none"),
            *("--request-timeout", "10", "--continue-on-failure"),
            *("--report", "json", "--report-json-path", str(report), "--no-color"),
        ],
        cwd=tmp_path,
        env=environment(SCHEMATHESIS_HOOKS="schemathesis_hooks", PYTHONPATH=str(pathlib.Path(__file__).parent)),
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    summary = json.loads(report.read_text())
    assert summary["complete"]
    assert summary["operations"]["tested"] == sum(len(methods) for methods in OPERATIONS.values())
    assert summary["test_cases"]["generated"] >= CASES_MIN, summary["test_cases"]
    failed = [entry for entry in server.logs() if entry.get("status", 0) >= 500]
    assert not failed, failed[:5]
