"""app.json: a closed list of names, and what one dyno needs."""

import json
import pathlib

from checks import service

NAMES = {"name", "description", "stack", "formation", "env"}
SIZES = {"eco", "basic", "standard-1x", "standard-2x", "performance-m", "performance-l"}


def problems(path: pathlib.Path) -> list[str]:
    try:
        manifest = json.loads(path.read_text())
    except ValueError as error:
        return [f"no JSON: {error}"]
    if set(manifest) != NAMES:
        return [f"the names are {sorted(NAMES)}, not {sorted(manifest)}"]
    found = []
    if manifest["stack"] != "container":
        found.append("the stack must be container")
    web = manifest["formation"].get("web", {})
    if set(manifest["formation"]) != {"web"} or web.get("quantity") != 1 or web.get("size") not in SIZES:
        found.append("one web dyno of a known size: each further writer makes the others run their batches again")
    if "PORT" in manifest["env"]:
        found.append("Heroku chooses the port")
    for name, each in manifest["env"].items():
        if not set(each) <= {"description", "required", "value", "generator"} or not isinstance(each.get("value", ""), str):
            found.append(f"{name}: a description, and a value, a generator or required")
        elif len({"value", "required", "generator"} & set(each)) != 1:
            found.append(f"{name}: a value, a generator, or required")
        elif each.get("generator", "secret") != "secret":
            found.append(f"{name}: Heroku generates secrets and nothing else")
    values = {name: each.get("value") for name, each in manifest["env"].items()}
    return found + service.environment_problems(values, roles=False)
