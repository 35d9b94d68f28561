"""Alerts fire when they should, the dashboard's expressions parse, and both ask for metrics that the service has."""

import pathlib
import shutil
import urllib.request

import pytest
from checks import prometheus
from mutation import Fault, faults
from workplace import Workplace

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"
ALERTS = DEPLOY / "prometheus/alerts.yml"
DASHBOARD = DEPLOY / "grafana/holdfast.json"

ALERT_FAULTS = faults(
    ("no PromQL", r"\} == 0", "} == "),
    ("no such function", "rate\\(", "rates("),
    ("no such time", "for: 2m", "for: soon"),
    ("never down", r"\} == 0", "} == 2"),
    ("reads count as writes", r'method!~"GET\|HEAD\|OPTIONS"', 'method=~".*"'),
    ("a peek is a failure", r"ok\|exists\|notFound", "ok"),
    ("a threshold nobody reaches", "> 0.05", "> 5"),
    ("fires too late", r"(HoldfastReplicationLags[\s\S]*?)for: 2m", r"\1for: 20m"),
    (
        "0 is 1970",
        r"\(holdfast_replication_snapshot_timestamp_seconds(\{.*?\}) > 0\)",
        r"holdfast_replication_snapshot_timestamp_seconds\1",
    ),
    ("who asked for no proof is told that there is none", "> 0 <= 86400", "<= 86400"),
    ("a proof that another instance made does not count", r"max by \(job\) \(max_over_time\((holdfast_restore_proof_txid)", r"min by (job) (min_over_time(\1"),
    ("what was written just now is old", " offset 2d", ""),
    ("a misspelt metric", "holdfast_database_wal_bytes", "holdfast_wal_bytes"),
    ("a misspelt label", "status=~", "code=~"),
    ("no word on what to do", "^          action: Look .*\n"),
    ("an alert without a test", "HoldfastRestoreIsSlow", "HoldfastRestoreIsSlower"),
)
DASHBOARD_FAULTS = faults(
    ("no JSON", '"title": "Holdfast",', '"title": "Holdfast"'),
    ("no PromQL", r"\[\$__rate_interval\]\)\)", "[$__rate_interval])"),
    (
        "a source of one installation",
        r'"uid": "\$\{source\}"(?=\s*\},\s*"expr": "holdfast_database_bytes)',
        '"uid": "P1809F7CD0C75ACF3"',
    ),
    ("two of one id", '"id": 3,', '"id": 2,'),
    ("one over the other", '"x": 4,', '"x": 0,'),
)


def with_tests(folder: pathlib.Path) -> pathlib.Path:
    for file in ALERTS.parent.glob("alerts-*test.yml"):
        shutil.copy(file, folder)
    return folder


def test_the_alerts_are_good() -> None:
    assert prometheus.rule_problems(ALERTS) == []


@pytest.mark.parametrize("fault", ALERT_FAULTS, ids=str)
def test_a_fault_in_the_alerts_is_found(fault: Fault, tmp_path: pathlib.Path) -> None:
    assert prometheus.rule_problems(fault.planted(ALERTS, with_tests(tmp_path)))


def test_the_dashboard_is_good(tmp_path: pathlib.Path) -> None:
    assert prometheus.dashboard_problems(pathlib.Path(shutil.copy(DASHBOARD, tmp_path))) == []


@pytest.mark.parametrize("fault", DASHBOARD_FAULTS, ids=str)
def test_a_fault_in_the_dashboard_is_found(fault: Fault, tmp_path: pathlib.Path) -> None:
    assert prometheus.dashboard_problems(fault.planted(DASHBOARD, tmp_path))


def test_the_service_has_every_metric_that_is_asked_for(workplace: Workplace) -> None:
    workplace.request("GET", "/tasks")
    with urllib.request.urlopen(f"http://127.0.0.1:{workplace.port}/metrics", timeout=10) as answer:
        exposed = prometheus.exposed(answer.read().decode())
    asked = prometheus.asked(ALERTS.read_text() + DASHBOARD.read_text().replace('\\"', '"'))
    assert len(asked) > 15
    for name, labels in asked.items():
        assert name in exposed, f"the service has no {name}"
        assert labels <= exposed[name], f"{name} has no {labels - exposed[name]}"


def test_what_is_asked_for_is_understood() -> None:
    expression = 'rate(a_total{job="x", b!~"c{}"}[5m]) / sum by (le) (d_seconds_bucket{job="x"}) + up{job="x"}'
    assert prometheus.asked(expression) == {"a_total": {"b"}, "d_seconds": set()}
    text = '# TYPE a_total counter\na_total{b="1",c="2"} 5\nd_seconds_bucket{le="+Inf"} 1\n'
    assert prometheus.exposed(text) == {"a_total": {"b", "c"}, "d_seconds": {"le"}}
