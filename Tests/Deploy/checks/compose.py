"""Compose files: the Compose specification's schema, and the order in which things start and stop."""

import pathlib
import subprocess
import sys

import yaml

from checks import service

CHECKER = pathlib.Path(sys.executable).parent / "check-jsonschema"


def problems(path: pathlib.Path) -> list[str]:
    schema = subprocess.run(
        [CHECKER, "--builtin-schema", "vendor.compose-spec", path], capture_output=True, text=True, timeout=60
    )
    if schema.returncode:
        return [line for line in (schema.stdout + schema.stderr).splitlines() if line.strip()]
    manifest = yaml.safe_load(path.read_text())
    services = manifest["services"]
    found = []
    for name, each in services.items():
        found += dependency_problems(name, each, services)
        for mount in each.get("volumes", []):
            source = mount.split(":")[0]
            if "/" not in source and source not in manifest.get("volumes", {}):
                found.append(f"{name}: the volume {source} is not declared")
            if source.startswith(".") and not (MANIFESTS / source).is_file():
                found.append(f"{name}: {source} is not there")
    api = services["api"]
    if api.get("read_only") is not True or api.get("cap_drop") != ["ALL"]:
        found.append("api: a read-only root and no capabilities")
    if not str(api["ports"][0]).startswith("127.0.0.1:") or not str(api["ports"][0]).endswith(f":{service.PORT}"):
        found.append(f"api: the port {service.PORT}, and only for this machine")
    if "deploy" in api or "scale" in api:
        found.append("api: one instance")
    return found + (classic_rules(services) if "replicate" in services else whole_rules(services))


MANIFESTS = pathlib.Path(__file__).resolve().parents[3] / "deploy/compose"


def dependency_problems(name: str, each: dict, services: dict) -> list[str]:
    found = []
    for other, how in each.get("depends_on", {}).items():
        if other not in services:
            found.append(f"{name}: depends on {other}, which is not there")
        elif how["condition"] == "service_healthy" and "healthcheck" not in services[other]:
            found.append(f"{name}: waits until {other} is healthy, which nobody asks")
    return found


def whole_rules(services: dict) -> list[str]:
    """The service with its own replication, beside an S3 server."""
    api = services["api"]
    found = service.environment_problems(
        {name: None if name in service.SECRETS else value for name, value in api["environment"].items()}
        # Compose begins on an empty bucket, so that it just works.
        | {"REQUIRE_REPLICA": "true"},
        roles=False,
    )
    if api["depends_on"].get("bucket", {}).get("condition") != "service_completed_successfully":
        found.append("api: must wait until the bucket is made")
    if services["bucket"]["depends_on"].get("s3", {}).get("condition") != "service_healthy":
        found.append("bucket: must wait until the server answers")
    if not any(each.startswith("/data:uid=10001,") for each in api.get("tmpfs", [])):
        found.append("api: /data must belong to the image's user")
    return found


def classic_rules(services: dict) -> list[str]:
    """The service on a plain file, with Litestream's restore before it and its replication beside it."""
    found = []
    restored = "service_completed_successfully"
    for name in ("api", "replicate"):
        if services[name]["depends_on"].get("restore", {}).get("condition") != restored:
            found.append(f"{name}: must not begin before the restore has ended well")
    if services["restore"]["depends_on"].get("owner", {}).get("condition") != restored:
        found.append("restore: the volume must have its owner first")
    if services["restore"].get("restart") != "no":
        found.append("restore: runs once")
    if not {"-if-db-not-exists", "-if-replica-exists"} <= set(services["restore"]["command"]):
        found.append("restore: leaves a database that is there, and excuses a replica that is not")
    if "replicate" not in services["api"]["depends_on"]:
        found.append("api: must be stopped before the replicator, which uploads its last writes")
    if services["api"]["environment"].get("DURABILITY") != "local":
        found.append("api: the sidecar replicates, so DURABILITY must be local")
    if services["restore"].get("user") != "10001:10001" or services["replicate"].get("user") != "10001:10001":
        found.append("Litestream must run as the owner of the file")
    if "command" not in services["owner"] or services["owner"]["image"] != services["api"]["image"]:
        found.append("owner: the service's own image, with a command that ends")
    return found
