"""/metrics, read as Prometheus would."""

import contextlib
import re
import urllib.request

from service import Server, Wire

SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*\})? (\S+)$')


def scrape(server: Server) -> dict[str, float]:
    """Every sample by name and labels; fails unless each line is one or a comment, and each family has its type."""
    with urllib.request.urlopen(server.url + "/metrics") as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        text = answer.read().decode()
    samples: dict[str, float] = {}
    types: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types
            types[name] = kind
        elif not line.startswith("# HELP "):
            name, labels, value = SAMPLE.match(line).groups()
            family = re.sub(r"_(bucket|sum|count)$", "", name)
            assert name in types or types[family] == "histogram", line
            assert name + (labels or "") not in samples, line
            samples[name + (labels or "")] = float(value)
    return samples


def test_requests_are_counted_by_route_and_status_not_by_path(server: Server) -> None:
    with contextlib.closing(server.client()) as client:
        for path in ("/tasks/1", "/tasks/2", "/nothing/here", "/tasks"):
            client.request("GET", path)
            client.getresponse().read()
        client.request("BREW", "/tasks")
        client.getresponse().read()
    samples = scrape(server)

    def count(method: str, route: str, status: int) -> float:
        labels = f'{{method="{method}",route="{route}",status="{status}"}}'
        return samples[f"http_server_request_duration_seconds_count{labels}"]

    assert count("GET", "/tasks/{id}", 404) == 2
    assert count("GET", "/tasks", 200) == 1
    assert count("GET", "", 404) == 1
    assert count("OTHER", "", 405) == 1
    assert not [name for name in samples if "/tasks/1" in name or "BREW" in name]


def test_buckets_add_up(server: Server) -> None:
    server.add_task("a")
    samples = scrape(server)
    labels = 'method="POST",route="/tasks",status="201"'
    prefix = "http_server_request_duration_seconds"
    buckets = [value for name, value in samples.items() if name.startswith(f"{prefix}_bucket{{{labels},le=")]
    assert buckets == sorted(buckets) and buckets[-1] == samples[f"{prefix}_count{{{labels}}}"] == 1
    assert 0 < samples[f"{prefix}_sum{{{labels}}}"] < 10


def test_the_database_and_the_process_are_measured(server: Server) -> None:
    before = scrape(server)
    for number in range(20):
        server.add_task(f"{number}")
    after = scrape(server)
    assert after["holdfast_write_batch_size_sum"] - before["holdfast_write_batch_size_sum"] == 20
    assert after["holdfast_write_batch_duration_seconds_count"] == after["holdfast_write_batch_size_count"]
    assert after["holdfast_database_wal_bytes"] > before["holdfast_database_wal_bytes"]
    assert after["holdfast_database_bytes"] == server.database.stat().st_size
    assert after["holdfast_write_queue_depth"] == 0
    assert after["http_server_connections"] >= 1
    assert abs(after["process_resident_memory_bytes"] - server.resident_bytes()) < 8 << 20
    assert after["process_open_fds"] > 5
    assert any(name.startswith('holdfast_build_info{version="') for name in after)


def test_what_is_no_request_is_counted_as_refused(server: Server) -> None:
    with Wire(server.port) as wire:
        wire.send(b"nonsense\r\n\r\n")
        assert wire.answer().status == 400
    assert scrape(server)['http_server_refused_total{status="400"}'] == 1
