"""Alert rules and dashboards, by promtool: do they parse, do they fire, and has the service the metrics?"""

import functools
import json
import pathlib
import re
import subprocess

import yaml

FETCH = pathlib.Path(__file__).resolve().parents[1] / "fetch-promtool"
# What Grafana puts in, as something that PromQL understands.
GRAFANA = {"$__rate_interval": "5m", "$instance": ".*"}
SELECTOR = re.compile(r"([a-z_]+)\{((?:[^\"}]|\"[^\"]*\")*)\}")
LABEL = re.compile(r"([a-z_]+)(?:=|!=|=~|!~)\"")
# What a histogram appends to its name.
SUFFIX = re.compile(r"_(bucket|count|sum)$")


@functools.cache
def promtool() -> str:
    return subprocess.run([FETCH], check=True, capture_output=True, text=True, timeout=300).stdout.strip()


def run(*arguments: object) -> list[str]:
    """What promtool complains of."""
    done = subprocess.run([promtool(), *map(str, arguments)], capture_output=True, text=True, timeout=60)
    return (done.stdout + done.stderr).splitlines() if done.returncode else []


def rule_problems(path: pathlib.Path) -> list[str]:
    """The rules parse, say what to do, and pass the tests beside the real ones."""
    try:
        content = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        return [f"no YAML: {error}"]
    tests = sorted(path.parent.glob("alerts-*test.yml"))
    rules = [rule for group in content["groups"] for rule in group["rules"]]
    played = {
        each["alertname"]
        for file in tests
        for test in yaml.safe_load(file.read_text())["tests"]
        for each in test["alert_rule_test"]
        if each.get("exp_alerts")
    }
    found = []
    for rule in rules:
        if rule["alert"] not in played:
            found.append(f"{rule['alert']}: no test makes it fire")
        if set(rule["annotations"]) != {"summary", "action"} or rule["labels"].get("severity") not in (
            "page",
            "ticket",
        ):
            found.append(f"{rule['alert']}: a summary, an action, and whether it pages")
    # It parses the rules too; asked only if all else is well, because it takes a second.
    return found or run("test", "rules", *tests)


def dashboard_problems(path: pathlib.Path) -> list[str]:
    try:
        dashboard = json.loads(path.read_text())
    except ValueError as error:
        return [f"no JSON: {error}"]
    found = []
    identities = [panel["id"] for panel in dashboard["panels"]]
    if len(set(identities)) != len(identities):
        found.append("two panels have one id")
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        if cells & taken or place["x"] + place["w"] > 24:
            found.append(f"{panel['title']} lies over another panel, or beyond the edge")
        taken |= cells
        if panel["type"] != "row" and not panel.get("targets"):
            found.append(f"{panel['title']} shows nothing")
        if any(
            target["datasource"] != {"type": "prometheus", "uid": "${source}"} for target in panel.get("targets", [])
        ):
            found.append(f"{panel['title']}: the source must be the one that is chosen at the top")
    return found + expression_problems(expressions(dashboard), path.parent)


def expressions(dashboard: dict) -> list[str]:
    texts = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    texts += [each["expr"] for each in dashboard["annotations"]["list"]]
    for name, value in GRAFANA.items():
        texts = [text.replace(name, value) for text in texts]
    return texts


def expression_problems(texts: list[str], folder: pathlib.Path) -> list[str]:
    """promtool parses expressions in rule files only."""
    rules = folder / "expressions.yml"
    records = [{"record": f"expression:{i}", "expr": text} for i, text in enumerate(texts)]
    rules.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": records}]}))
    try:
        return run("check", "rules", rules)
    finally:
        rules.unlink()


def asked(text: str) -> dict[str, set[str]]:
    """The metrics that expressions ask for, each with the labels that the service itself must give it."""
    found: dict[str, set[str]] = {}
    for name, selector in SELECTOR.findall(text):
        labels = set(LABEL.findall(selector)) - {"job", "instance"}
        found.setdefault(SUFFIX.sub("", name), set()).update(labels)
    found.pop("up", None)
    return found


def exposed(text: str) -> dict[str, set[str]]:
    """The metrics in what a service answers to a scrape, and their labels."""
    found: dict[str, set[str]] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, rest = line.partition("{")
            labels = set(LABEL.findall(rest.rpartition("}")[0]))
            found.setdefault(SUFFIX.sub("", name.split(" ")[0]), set()).update(labels)
    return found
