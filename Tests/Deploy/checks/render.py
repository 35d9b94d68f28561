"""render.yaml: a closed list of names, and what a Blueprint of one instance needs."""

import pathlib

import yaml

from checks import service

NAMES = {
    "type",
    "name",
    "runtime",
    "dockerfilePath",
    "dockerContext",
    "plan",
    "region",
    "numInstances",
    "healthCheckPath",
    "maxShutdownDelaySeconds",
    "autoDeployTrigger",
    "envVars",
}
REGIONS = {"oregon", "ohio", "virginia", "frankfurt", "singapore"}
PLANS = {"free", "starter", "standard", "pro", "pro plus", "pro max", "pro ultra"}


def problems(path: pathlib.Path) -> list[str]:
    try:
        manifest = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        return [f"no YAML: {error}"]
    services = manifest.get("services", [])
    if set(manifest) != {"services"} or len(services) != 1:
        return ["one service and nothing else"]
    (web,) = services
    found = [f"{name}: not a name of this list" for name in web if name not in NAMES]
    found += [f"{name} is missing" for name in sorted(NAMES - set(web))]
    if found:
        return found
    expected = {
        "type": "web",
        "runtime": "docker",
        "dockerfilePath": "./deploy/Dockerfile",
        "dockerContext": ".",
        "numInstances": 1,
        "healthCheckPath": service.READY,
        "autoDeployTrigger": "off",
    }
    found += [f"{name} must be {value!r}" for name, value in expected.items() if web[name] != value]
    if web["region"] not in REGIONS or web["plan"] not in PLANS:
        found.append(f"no such region or plan: {web['region']}, {web['plan']}")
    if not isinstance(web["maxShutdownDelaySeconds"], int) or not 10 <= web["maxShutdownDelaySeconds"] <= 300:
        found.append("maxShutdownDelaySeconds: 10 to 300")
    values: dict[str, object] = {}
    for each in web["envVars"]:
        if set(each) not in ({"key", "value"}, {"key", "sync"}) or each.get("sync", False) is not False:
            found.append(f"{each.get('key')} needs a value, or sync: false")
        elif not isinstance(each.get("value", ""), str):
            found.append(f"{each['key']}: the value must be quoted")
        values[str(each.get("key"))] = each.get("value")
    if values.get("PORT") != str(service.PORT):
        found.append(f"PORT must be {service.PORT}")
    return found + service.environment_problems(values, roles=False)
