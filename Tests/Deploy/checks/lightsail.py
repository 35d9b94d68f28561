"""What is sent to Lightsail, against AWS's own model of the calls, which botocore carries."""

import json
import pathlib
import re

import botocore.session
import botocore.validate
from botocore.model import Shape

from checks import service

OPERATIONS = {"service.json": "CreateContainerService", "deployment.json": "CreateContainerServiceDeployment"}


def problems(path: pathlib.Path) -> list[str]:
    try:
        body = json.loads(path.read_text())
    except ValueError as error:
        return [f"no JSON: {error}"]
    model = botocore.session.get_session().get_service_model("lightsail")
    shape = model.operation_model(OPERATIONS[path.name]).input_shape
    report = botocore.validate.ParamValidator().validate(body, shape).generate_report()
    found = [line for line in report.splitlines() if line] or value_problems(shape, body, path.stem)
    if found:
        return found
    return service_rules(body) if path.name == "service.json" else deployment_rules(body)


def value_problems(shape: Shape, value: object, where: str) -> list[str]:
    """The choices, ranges and patterns of the model, which botocore leaves to the server."""
    if shape.type_name == "structure":
        return [
            each
            for name, item in value.items()
            for each in value_problems(shape.members[name], item, f"{where}.{name}")
        ]
    if shape.type_name == "map":
        found = [each for name in value for each in value_problems(shape.key, name, f"{where}.{name}")]
        return found + [
            each for name, item in value.items() for each in value_problems(shape.value, item, f"{where}.{name}")
        ]
    if shape.type_name == "list":
        return [each for i, item in enumerate(value) for each in value_problems(shape.member, item, f"{where}[{i}]")]
    rules = shape.metadata
    size = len(value) if isinstance(value, str) else value
    found = []
    if rules.get("enum") and value not in rules["enum"]:
        found.append(f"{where}: {value!r} is none of {rules['enum']}")
    if "pattern" in rules and not re.fullmatch(rules["pattern"], value):
        found.append(f"{where}: {value!r} is not of the form {rules['pattern']}")
    if not isinstance(size, bool) and not rules.get("min", size) <= size <= rules.get("max", size):
        found.append(f"{where}: {size} is out of range")
    return found


def service_rules(body: dict) -> list[str]:
    return (
        [] if body["scale"] == 1 else ["scale must be 1: each further writer makes the others run their batches again"]
    )


def deployment_rules(body: dict) -> list[str]:
    found = []
    name = body["publicEndpoint"]["containerName"]
    health = body["publicEndpoint"]["healthCheck"]
    if list(body["containers"]) != [name]:
        return ["one container, the public one: there is no sidecar"]
    container = body["containers"][name]
    if container["ports"] != {str(service.PORT): "HTTP"} or body["publicEndpoint"]["containerPort"] != service.PORT:
        found.append(f"the one port is {service.PORT}, HTTP")
    if health.get("path") != service.READY or health.get("successCodes") != "200":
        found.append(f"the health check is {service.READY} and 200")
    if health["timeoutSeconds"] >= health["intervalSeconds"]:
        found.append("the health check's timeout must be below its interval")
    if health["intervalSeconds"] * health["unhealthyThreshold"] < 60:
        found.append("the health check leaves less than a minute for a restore")
    return found + service.environment_problems(container["environment"], roles=False)
