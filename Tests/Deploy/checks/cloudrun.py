"""Cloud Run manifests, against Google's own description of the API, which google-api-python-client carries."""

import json
import pathlib
import re

import googleapiclient
import jsonschema
import yaml

from checks import service

DISCOVERY = pathlib.Path(googleapiclient.__file__).parent / "discovery_cache/documents/run.v1.json"
STARTUP_SECONDS_MAX = 240
RESERVED = {"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"}
UNITS = {"k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
FLAG = {"true", "false"}
CHOICES = {
    "run.googleapis.com/ingress": {"all", "internal", "internal-and-cloud-load-balancing"},
    "run.googleapis.com/execution-environment": {"gen1", "gen2"},
    "run.googleapis.com/cpu-throttling": FLAG,
    "run.googleapis.com/startup-cpu-boost": FLAG,
}


class Loader(yaml.SafeLoader):
    """YAML that refuses a key that is twice there; the second would win without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.YAMLError(f"{key} is twice there, from line {node.start_mark.line + 1}")
        return super().construct_mapping(node, deep)


def problems(path: pathlib.Path) -> list[str]:
    discovery = json.loads(DISCOVERY.read_text())
    try:
        manifest = yaml.load(path.read_text(), Loader)
    except yaml.YAMLError as error:
        return [f"no YAML: {error}"]
    validator = jsonschema.Draft7Validator(schema(discovery))
    found = [
        f"{'.'.join(map(str, each.absolute_path))}: "
        + ("not accepted by Cloud Run" if each.validator == "not" else each.message)
        for each in validator.iter_errors(manifest)
    ]
    if not found:
        found = rules(manifest, annotation_levels(discovery))
    return found


def schema(discovery: dict) -> dict:
    definitions = {name: converted(each) for name, each in discovery["schemas"].items()}
    # What the server reports is nothing that a manifest declares.
    definitions["Service"]["properties"].pop("status")
    definitions["Service"]["required"] = ["apiVersion", "kind", "metadata", "spec"]
    definitions["Container"]["required"] = ["image"]
    return {"$ref": "#/definitions/Service", "definitions": definitions}


def converted(node: dict) -> dict:
    """One schema of a discovery document as JSON Schema, closed, without what Cloud Run does not support."""
    if "$ref" in node:
        return {"$ref": "#/definitions/" + node["$ref"]}
    kind = node.get("type")
    if kind == "any":
        return {}
    result: dict = {"type": kind}
    if kind == "object":
        result["additionalProperties"] = (
            converted(node["additionalProperties"]) if "additionalProperties" in node else False
        )
        result["properties"] = {
            name: {"not": {}} if is_refused(each) else converted(each)
            for name, each in node.get("properties", {}).items()
        }
    elif kind == "array":
        result["items"] = converted(node["items"])
    elif kind == "string" and node.get("format") in ("int64", "uint64"):
        result["type"] = ["string", "integer"]
    if "enum" in node:
        result["enum"] = node["enum"]
    return result


def is_refused(node: dict) -> bool:
    text = node.get("description", "")
    return bool(
        node.get("readOnly")
        or re.match(r"((Optional|Required)\. )?(Not supported (by|in) Cloud Run|Output only)", text)
    )


def annotation_levels(discovery: dict) -> dict[str, set[str]]:
    """Where each annotation belongs; the document has them in prose only."""
    text = discovery["schemas"]["ObjectMeta"]["properties"]["annotations"]["description"]
    pairs = re.findall(r"\* `([a-z.]+/[A-Za-z-]+)`: ([^*]*?)(?=\.? ?\*|$)", text)
    levels = {name: {each.strip(" .,") for each in where.split(",")} for name, where in pairs}
    assert len(levels) > 20, "the discovery document no longer lists the annotations in the form that is read here"
    return levels


def rules(manifest: dict, levels: dict[str, set[str]]) -> list[str]:
    template = manifest["spec"].get("template", {})
    revision = template.get("metadata", {})
    spec = template.get("spec", {})
    found = annotation_problems(manifest["metadata"], "Service", levels)
    found += annotation_problems(revision, "Revision", levels)
    if (manifest["apiVersion"], manifest["kind"]) != ("serving.knative.dev/v1", "Service"):
        found.append("must be a Service of serving.knative.dev/v1")
    if not re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", manifest["metadata"].get("name", "")):
        found.append("metadata.name: a letter, then letters, digits and '-', 63 in all")
    found += scale_problems(manifest["metadata"].get("annotations") or {}, revision.get("annotations") or {})
    if not 1 <= spec.get("timeoutSeconds", 300) <= 3600:
        found.append("timeoutSeconds: 1 to 3600")
    if not 2 <= spec.get("containerConcurrency", 80) <= 1000:
        found.append("containerConcurrency: 2 to 1000; with 1 no two writes could share an upload")
    if not str(spec.get("serviceAccountName", "")).startswith("holdfast@"):
        found.append("serviceAccountName must be the service's own; the default one may do everything in the project")
    if len(spec.get("containers", [])) != 1:
        return found + ["one container: there is no sidecar"]
    found += container_problems(spec["containers"][0])
    traffic = manifest["spec"].get("traffic", [])
    if traffic != [{"percent": 100, "latestRevision": True}]:
        found.append("all traffic goes to the latest revision: two that are asked are two writers")
    return found


def annotation_problems(metadata: dict, level: str, levels: dict[str, set[str]]) -> list[str]:
    found = []
    for name, value in (metadata.get("annotations") or {}).items():
        if name not in levels:
            found.append(f"{level} annotation {name}: Cloud Run does not know it")
        elif level not in levels[name] and "All resources" not in levels[name]:
            found.append(f"{level} annotation {name}: belongs to {'/'.join(sorted(levels[name]))}")
        if name in CHOICES and value not in CHOICES[name]:
            found.append(f"{level} annotation {name}: {value!r} is none of {sorted(CHOICES[name])}")
    return found


def scale_problems(of_service: dict, of_revision: dict) -> list[str]:
    found = []
    if of_service.get("run.googleapis.com/maxScale") != "1":
        found.append('run.googleapis.com/maxScale of the service must be "1"')
    if of_revision.get("autoscaling.knative.dev/maxScale") != "1":
        found.append('autoscaling.knative.dev/maxScale of the revision must be "1"')
    if of_revision.get("autoscaling.knative.dev/minScale", "0") not in ("0", "1"):
        found.append('autoscaling.knative.dev/minScale must be "0" or "1"')
    if of_revision.get("run.googleapis.com/execution-environment") != "gen2":
        found.append("the execution environment must be gen2, which has Linux's own files and locks")
    if of_revision.get("run.googleapis.com/startup-cpu-boost") != "true":
        found.append('startup-cpu-boost must be "true": a cold start waits for the restore')
    return found


def container_problems(container: dict) -> list[str]:
    found = []
    ports = container.get("ports", [])
    if [each.get("containerPort") for each in ports] != [service.PORT] or ports[0].get("name", "http1") != "http1":
        found.append(f"one port, {service.PORT}, of the kind http1")
    limits = container.get("resources", {}).get("limits", {})
    if limits.get("cpu") not in ("1", "2", "4"):
        found.append("gen2 needs a whole CPU: 1, 2 or 4")
    memory = re.fullmatch(r"(\d+)(k|M|G|Ki|Mi|Gi)", str(limits.get("memory")))
    if not memory or int(memory[1]) * UNITS[memory[2]] < 512 * 2**20:
        found.append("memory: gen2 needs 512Mi or more")
    found += [f"the limit {name} is not supported" for name in limits if name not in ("cpu", "memory")]
    pairs = container.get("env", [])
    names = [each.get("name") for each in pairs]
    found += [f"{name} is reserved by Cloud Run" for name in names if name in RESERVED]
    found += [f"{name} is twice there" for name in set(names) if names.count(name) > 1]
    found += [
        f"{each.get('name')} needs a value or a valueFrom"
        for each in pairs
        if ("value" in each) == ("valueFrom" in each)
    ]
    found += service.environment_problems({each["name"]: each.get("value") for each in pairs}, roles=True)
    found += probe_problems("startupProbe", container.get("startupProbe", {}), service.READY)
    return found + probe_problems("livenessProbe", container.get("livenessProbe", {}), service.ALIVE)


def probe_problems(name: str, probe: dict, path: str) -> list[str]:
    found = []
    if probe.get("httpGet") != {"path": path, "port": service.PORT}:
        found.append(f"{name} must be httpGet {path} on port {service.PORT}")
    period, timeout, failures = (
        probe.get("periodSeconds", 10),
        probe.get("timeoutSeconds", 1),
        probe.get("failureThreshold", 3),
    )
    if not 1 <= timeout <= period:
        found.append(f"{name}: timeoutSeconds must be from 1 to periodSeconds")
    if name == "startupProbe" and not STARTUP_SECONDS_MAX / 2 <= period * failures <= STARTUP_SECONDS_MAX:
        found.append(f"{name} leaves {period * failures} s for a restore; Cloud Run allows {STARTUP_SECONDS_MAX}")
    return found
