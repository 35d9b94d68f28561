"""fly.toml: a closed list of names, because flyctl ignores those that it does not know without a word."""

import pathlib
import re
import tomllib

from checks import service

TIME = (str, int)
HTTP_CHECK = {"method": str, "path": str, "interval": TIME, "timeout": TIME, "grace_period": TIME}
NAMES = {
    "app": str,
    "primary_region": str,
    "kill_signal": str,
    "kill_timeout": TIME,
    "build": {"dockerfile": str, "image": str},
    "deploy": {"strategy": str, "wait_timeout": TIME},
    "env": dict,
    "http_service": {
        "internal_port": int,
        "force_https": bool,
        "auto_stop_machines": str,
        "auto_start_machines": bool,
        "min_machines_running": int,
        "concurrency": {"type": str, "soft_limit": int, "hard_limit": int},
        "checks": [HTTP_CHECK],
    },
    "vm": [{"size": str, "memory": str}],
}
# Set by `fly secrets set`.
SECRETS = frozenset({"REPLICA_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"})


def problems(path: pathlib.Path) -> list[str]:
    try:
        manifest = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        return [f"no TOML: {error}"]
    return shape_problems(NAMES, manifest, "") or rules(manifest)


def shape_problems(shape: object, value: object, where: str) -> list[str]:
    if isinstance(shape, list):
        items = value if isinstance(value, list) else []
        found = [] if items else [f"{where}: a list of tables is needed"]
        return found + [
            each for i, item in enumerate(items) for each in shape_problems(shape[0], item, f"{where}[{i}]")
        ]
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return [f"{where}: a table is needed"]
        found = []
        for name, item in value.items():
            inner = f"{where}.{name}".lstrip(".")
            if name in shape:
                found += shape_problems(shape[name], item, inner)
            else:
                found.append(f"{inner}: not a name of this list")
        return found
    is_wrong = not isinstance(value, shape) or (isinstance(value, bool) and shape is not bool)
    return [f"{where}: {value!r} has the wrong type"] if is_wrong else []


def rules(manifest: dict) -> list[str]:
    found = [
        f"{name} is missing"
        for name in ("app", "primary_region", "http_service", "deploy", "vm")
        if name not in manifest
    ]
    http = manifest.get("http_service", {})
    environment = manifest.get("env", {})
    found += service.environment_problems(environment, roles=False, given_later=SECRETS)
    if str(environment.get("PORT")) != str(service.PORT) or http.get("internal_port") != service.PORT:
        found.append(f"PORT and internal_port must both be {service.PORT}")
    if [each.get("path") for each in http.get("checks", [])] != [service.READY]:
        found.append(f"one check, of {service.READY}")
    if http.get("force_https") is not True:
        found.append("force_https must be true")
    if http.get("auto_stop_machines") not in ("off", "stop", "suspend"):
        found.append("auto_stop_machines: off, stop or suspend")
    if http.get("auto_start_machines") is not True and http.get("auto_stop_machines") != "off":
        found.append("a stopped machine must be started by a request")
    if http.get("min_machines_running", 0) > 1:
        found.append("min_machines_running must be 0 or 1")
    limits = http.get("concurrency", {})
    if limits.get("type") != "requests" or not 0 < limits.get("soft_limit", 0) <= limits.get("hard_limit", 0):
        found.append("concurrency: requests, a soft limit and a hard limit not below it")
    if manifest.get("deploy", {}).get("strategy") not in ("bluegreen", "rolling", "immediate"):
        found.append("deploy.strategy: bluegreen, rolling or immediate; canary leaves two")
    if manifest.get("kill_signal") not in ("SIGTERM", "SIGINT"):
        found.append("kill_signal must be one that the service stops at")
    seconds = re.fullmatch(r"(\d+)s?", str(manifest.get("kill_timeout", 5)))
    if not seconds or not 10 <= int(seconds[1]) <= 300:
        found.append("kill_timeout: 10 to 300 seconds")
    dockerfile = manifest.get("build", {}).get("dockerfile")
    if dockerfile != "../Dockerfile":
        found.append("build.dockerfile is not ../Dockerfile; it is looked for beside this file")
    return found
