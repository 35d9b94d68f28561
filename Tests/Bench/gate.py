#!/usr/bin/env python3
"""`api serve` with a replica: what it costs that a write is in the bucket before it is answered, and what that buys.

Against the same service without a replica, and against a Go service with the Litestream sidecar, which answers first
and uploads later. Needs the virtual environment (`make bench-gate` makes it), Go, wrk, and radosgw.
"""

import argparse
import contextlib
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import sqlite3
import statistics
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass

import litestream
import storage
from bench import Workload, wrk
from harness import (
    ROOT,
    BenchFailure,
    Process,
    build_peer,
    checked_api,
    checked_scratch,
    describe_machine,
    free_port,
    machine_line,
    main,
    number,
    ordered,
    output_of,
    paired_ratio,
    run,
    scratch,
    table_lines,
    verdict,
)

OURS, LOCAL, SIDECAR = "Holdfast", "Holdfast, local", "Go + Litestream"
SIDECAR_VERSION = "0.5.17"
PUT_SECONDS = 0.040
CONNECTIONS = 256
LOSS_RATE = 200
LOSS_CLIENTS = 32
OVERLAP_CLIENTS = 16
OVERLAP_RATE = 100
COMPACTION_SECONDS = 35
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30
PARTS = ["speed", "loss", "boot", "idle", "overlap"]

INSERT = Workload("insert", "POST /tasks", "/tasks", '{"title":"Write the report"}')
ONE = Workload("one", "GET /tasks/{id}", "/tasks/1")


# Services.


@dataclass(frozen=True)
class Programs:
    """What is started, and in which way."""

    api: str
    peer: str
    sidecar: str

    def ours(self, folder: pathlib.Path, port: int, bucket_port: int | None, prefix: str = "", name: str = "ours"):
        command = [self.api, "serve", "--host", "127.0.0.1", "--port", str(port), "--migrations", "Migrations"]
        command += ["--db", str(folder / f"{name}.db"), "--log-format", "json", "--log-level", "info"]
        environment = os.environ | storage.CREDENTIALS
        if bucket_port is not None:
            command += ["--replica", storage.url(bucket_port, prefix)]
        return Process(name, command, folder, environment, STOP_SECONDS_MAX)

    @contextlib.contextmanager
    def with_sidecar(self, folder: pathlib.Path, bucket_port: int, prefix: str):
        """The Go service and Litestream beside it, as two processes."""
        database = folder / "peer.db"
        configuration = folder / "litestream.yml"
        litestream.write_configuration(configuration, SIDECAR_VERSION, database, bucket_port, prefix)
        with Process("peer", [self.peer, "-port", "0", "-db", str(database), "-tuned"], folder) as peer:
            peer.port(START_SECONDS_MAX)
            command = [self.sidecar, "replicate", "-config", str(configuration)]
            with Process("sidecar", command, folder, litestream.environment(), STOP_SECONDS_MAX) as sidecar:
                yield peer, sidecar


def post(connection: http.client.HTTPConnection, title: str) -> int:
    connection.request("POST", "/tasks", json.dumps({"title": title}))
    response = connection.getresponse()
    response.read()
    return response.status


def connect(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=30)


def answers(port: int, path: str) -> bool:
    """Whether a request for the path is answered well."""
    request = f"GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n".encode()
    with socket.socket() as client, contextlib.suppress(OSError):
        client.settimeout(START_SECONDS_MAX)
        client.connect(("127.0.0.1", port))
        client.sendall(request)
        return client.recv(4096).startswith(b"HTTP/1.1 200 ")
    return False


def ready_port(process: Process) -> int:
    """The port of one of our services that is ready to serve."""
    port = process.port(START_SECONDS_MAX)
    process.until(lambda: answers(port, "/readyz"), "readiness", START_SECONDS_MAX)
    return port


def restored_titles(programs: Programs, bucket_port: int, prefix: str, folder: pathlib.Path) -> list[str]:
    """What a fresh machine would find."""
    output = folder / "restored.db"
    command = [programs.api, "restore", "-o", str(output), storage.url(bucket_port, prefix)]
    run("restore", command, os.environ | storage.CREDENTIALS)
    with contextlib.closing(sqlite3.connect(output)) as connection:
        titles = [title for (title,) in connection.execute("SELECT title FROM tasks ORDER BY id")]
    output.unlink()
    return titles


# Speed.


def measure_speed(programs: Programs, upstream: int, folder: pathlib.Path, name: str, prefix: str, seconds: int) -> dict:
    with contextlib.ExitStack() as stack:
        relay = stack.enter_context(storage.Relay(upstream, PUT_SECONDS))
        if name == SIDECAR:
            peer, sidecar = stack.enter_context(programs.with_sidecar(folder, relay.port, prefix))
            port, processes = peer.port(START_SECONDS_MAX), [peer, sidecar]
        else:
            bucket_port = relay.port if name == OURS else None
            process = stack.enter_context(programs.ours(folder, 0, bucket_port, prefix))
            port, processes = ready_port(process), [process]
        with contextlib.closing(connect(port)) as connection:
            if (status := post(connection, "the row that is read")) != 201:
                raise BenchFailure(f"{name}: POST /tasks answered {status}")
        quiet = wrk(ONE, port, 8, seconds)
        wrk(INSERT, port, CONNECTIONS, 1)
        relay.take()
        cpu = sum(process.cpu_seconds() for process in processes)
        crowd = wrk(INSERT, port, CONNECTIONS, seconds)
        cpu = sum(process.cpu_seconds() for process in processes) - cpu
        crowd_log = relay.take()
        alone = wrk(INSERT, port, 1, seconds)
        alone_log = relay.take()
        disturbed: dict = {}
        reader = threading.Thread(target=lambda: disturbed.update(wrk(ONE, port, 8, seconds)))
        reader.start()
        wrk(INSERT, port, CONNECTIONS, seconds)
        reader.join()
        for process in processes:
            process.check_alive()
        memory = sum(process.resident_mib() for process in processes)
    errors = sum(load[key] for load in (quiet, crowd, alone, disturbed) for key in ("bad_status", "socket_errors"))
    if errors:
        raise BenchFailure(f"{name}: {errors} requests were not answered well")
    puts = [exchange for exchange in crowd_log if exchange.method == "PUT"]
    trips = [(exchange.ended - exchange.began) * 1000 for exchange in puts]
    alone_trips = [(e.ended - e.began) * 1000 for e in alone_log if e.method == "PUT"]
    return {
        "writes": crowd["requests"] / crowd["seconds"],
        "cpu_us": cpu / crowd["requests"] * 1e6,
        "crowd_p50": crowd["p50"] / 1000,
        "crowd_p99": crowd["p99"] / 1000,
        "alone_p50": alone["p50"] / 1000,
        "alone_p99": alone["p99"] / 1000,
        "put_p50": statistics.median(trips) if trips else 0.0,
        "alone_put_p50": statistics.median(alone_trips) if alone_trips else 0.0,
        "puts_per_write": len(puts) / crowd["requests"],
        "bytes_per_write": sum(exchange.bytes_in for exchange in puts) / crowd["requests"],
        "read_quiet_p50": quiet["p50"] / 1000,
        "read_quiet_p99": quiet["p99"] / 1000,
        "read_p50": disturbed["p50"] / 1000,
        "read_p99": disturbed["p99"] / 1000,
        "resident_mib": memory,
    }


def report_speed(results: dict) -> tuple[list[str], list[str]]:
    names = [OURS, LOCAL, SIDECAR]
    table = [["**Writes**", *names, *(f"against {name}" for name in names[1:])]]

    def values(name: str, key: str) -> list[float]:
        return [entry[key] for entry in results[name]]

    for key, title in [
        ("writes", f"{CONNECTIONS} connections: writes/s"),
        ("cpu_us", "CPU per write, µs"),
        ("crowd_p50", "p50, ms"),
        ("crowd_p99", "p99, ms"),
        ("alone_p50", "1 connection: p50, ms"),
        ("alone_p99", "p99, ms"),
        ("put_p50", "PUT round trip at the relay, p50, ms"),
        ("puts_per_write", "PUTs per write"),
        ("bytes_per_write", "bytes uploaded per write"),
        ("read_quiet_p50", "8 readers alone: p50, ms"),
        ("read_quiet_p99", "p99, ms"),
        ("read_p50", f"8 readers beside {CONNECTIONS} writers: p50, ms"),
        ("read_p99", "p99, ms"),
        ("resident_mib", "resident, MiB"),
    ]:
        ratios = []
        for name in names[1:]:
            comparable = all(value > 0 for each in (OURS, name) for value in values(each, key))
            ratios.append(f"{paired_ratio(values(OURS, key), values(name, key)):.2f} ×" if comparable else "")
        table.append([title, *(number(statistics.median(values(name, key))) for name in names), *ratios])
    ours = results[OURS]
    share = statistics.median(entry["writes"] / (CONNECTIONS / (entry["put_p50"] / 1000)) for entry in ours)
    over = statistics.median(entry["alone_p50"] - entry["alone_put_p50"] for entry in ours)
    return table_lines(table), [
        verdict(f"writes/s at {CONNECTIONS} connections, of {CONNECTIONS} / (PUT round trip)", share, 0.9, True),
        verdict("1 connection, p50 above the PUT's p50, ms", over, 2),
    ]


# Loss.


class PacedWriters:
    """Clients that together write `LOSS_RATE` rows a second until they are told to stop, and know what was answered."""

    def __init__(self, port: int):
        self._port = port
        self._stops = threading.Event()
        self._lock = threading.Lock()
        self.acknowledged: set[str] = set()
        self._threads = [threading.Thread(target=self._run, args=(index,)) for index in range(LOSS_CLIENTS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stops.set()
        for thread in self._threads:
            thread.join()

    def _run(self, client: int) -> None:
        connection = connect(self._port)
        started = time.monotonic() + client / LOSS_RATE
        sent = 0
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            while not self._stops.wait(max(0.0, started + sent * LOSS_CLIENTS / LOSS_RATE - time.monotonic())):
                title = f"client {client} row {sent}"
                sent += 1
                if post(connection, title) == 201:
                    with self._lock:
                        self.acknowledged.add(title)


def measure_loss(programs: Programs, upstream: int, folder: pathlib.Path, name: str, prefix: str) -> dict:
    """Writes for some seconds, kills everything at once, wipes the disk, and looks what the bucket has."""
    with contextlib.ExitStack() as stack:
        relay = stack.enter_context(storage.Relay(upstream, PUT_SECONDS))
        if name == SIDECAR:
            processes = list(stack.enter_context(programs.with_sidecar(folder, relay.port, prefix)))
            port = processes[0].port(START_SECONDS_MAX)
            processes[1].until(lambda: storage.objects(upstream, prefix), "first upload", START_SECONDS_MAX)
        else:
            processes = [stack.enter_context(programs.ours(folder, 0, relay.port, prefix))]
            port = ready_port(processes[0])
        writers = PacedWriters(port)
        writers.start()
        time.sleep(random.uniform(4, 6))
        for process in processes:
            process.check_alive()
            process.signal(signal.SIGKILL)
        writers.stop()
    shutil.rmtree(folder)
    folder.mkdir()
    kept = restored_titles(programs, upstream, prefix, folder)
    if len(kept) != len(set(kept)):
        raise BenchFailure(f"{name}: rows are there twice")
    return {"acknowledged": len(writers.acknowledged), "lost": len(writers.acknowledged - set(kept))}


def report_loss(results: dict) -> tuple[list[str], list[str]]:
    table = [["**kill -9 and the disk wiped**", "kills", "rows acknowledged", "lost, median", "least", "most", "in all"]]
    for name, rounds in results.items():
        lost = [entry["lost"] for entry in rounds]
        figures = [len(rounds), sum(entry["acknowledged"] for entry in rounds)]
        figures += [statistics.median(lost), min(lost), max(lost), sum(lost)]
        table.append([name, *(f"{figure:,.0f}" for figure in figures)])
    return table_lines(table), [
        verdict("acknowledged rows lost", sum(entry["lost"] for entry in results[OURS]), 0),
    ]


# Boot.


def first_answer(process: Process, port: int, started: float) -> float:
    """Milliseconds until a row is served."""
    while not answers(port, "/tasks/1"):
        process.check_alive()
        if time.perf_counter() - started > START_SECONDS_MAX:
            raise BenchFailure(f"{process.name} did not serve within {START_SECONDS_MAX} s")
        time.sleep(0.0005)
    return (time.perf_counter() - started) * 1e3


def fill_bucket(programs: Programs, upstream: int, folder: pathlib.Path) -> None:
    """The same thousand rows, once by us, once by the peer and its sidecar.

    Both compact what is older than half a minute. Ours does so for its next write: an idle service does nothing.
    """

    def fill(port: int, count: int) -> None:
        with contextlib.closing(connect(port)) as connection:
            for index in range(count):
                if (status := post(connection, f"Task number {index:04}")) != 201:
                    raise BenchFailure(f"POST /tasks answered {status}")

    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(programs.ours(folder, 0, upstream, "boot-ours"))
        peer, sidecar = stack.enter_context(programs.with_sidecar(folder, upstream, "boot-sidecar"))
        ports = [ready_port(ours), peer.port(START_SECONDS_MAX)]
        for port in ports:
            fill(port, 1000)
        time.sleep(COMPACTION_SECONDS)
        for _ in range(3):
            for port in ports:
                fill(port, 1)
            time.sleep(2)
        sidecar.until(lambda: storage.objects(upstream, "boot-sidecar/0009/"), "snapshot", START_SECONDS_MAX)
        time.sleep(3)  # more than two of its syncs, so that all rows are there
    for prefix in ("boot-ours/0001/", "boot-sidecar/0001/"):
        if not storage.objects(upstream, prefix):
            raise BenchFailure(f"nothing was compacted below {prefix}")


def boot_once(programs: Programs, upstream: int, folder: pathlib.Path, name: str) -> float:
    port = free_port()
    if name == OURS:
        started = time.perf_counter()
        with programs.ours(folder, port, upstream, "boot-ours") as process:
            return first_answer(process, port, started)
    database, configuration = folder / "peer.db", folder / "litestream.yml"
    litestream.write_configuration(configuration, SIDECAR_VERSION, database, upstream, "boot-sidecar")
    started = time.perf_counter()
    command = [programs.sidecar, "restore", "-config", str(configuration), str(database)]
    run("litestream restore", command, litestream.environment())
    with Process("peer", [programs.peer, "-port", str(port), "-db", str(database), "-tuned"], folder) as peer:
        return first_answer(peer, port, started)


def measure_boot(programs: Programs, upstream: int, folder: pathlib.Path, rounds: int) -> dict:
    with scratch(folder) as own:
        fill_bucket(programs, upstream, own)
    results: dict[str, list[float]] = {OURS: [], SIDECAR: []}
    for round_number in range(rounds + 1):
        for name in ordered([OURS, SIDECAR], round_number):
            with scratch(folder) as own:
                milliseconds = boot_once(programs, upstream, own, name)
            if round_number > 0:  # round 0 warms the page cache
                results[name].append(milliseconds)
    return results


def report_boot(results: dict) -> tuple[list[str], list[str]]:
    table = [["**Boot on an empty disk, 1,000 rows**", OURS, SIDECAR, f"against {SIDECAR}"]]
    medians = [number(statistics.median(results[name])) for name in (OURS, SIDECAR)]
    ratio = f"{paired_ratio(results[OURS], results[SIDECAR]):.2f} ×"
    table.append(["exec to the first row served, ms", *medians, ratio])
    return table_lines(table), [
        verdict("exec to the first row served, ms, median", statistics.median(results[OURS]), 50)
    ]


# Idle.


def measure_idle(programs: Programs, upstream: int, folder: pathlib.Path, seconds: int) -> dict:
    """Both at the same time, each through its own relay."""
    with contextlib.ExitStack() as stack:
        relays = {name: stack.enter_context(storage.Relay(upstream)) for name in (OURS, SIDECAR)}
        ours = stack.enter_context(programs.ours(folder, 0, relays[OURS].port, "idle-ours"))
        peer, sidecar = stack.enter_context(programs.with_sidecar(folder, relays[SIDECAR].port, "idle-sidecar"))
        for port in (ready_port(ours), peer.port(START_SECONDS_MAX)):
            with contextlib.closing(connect(port)) as connection:
                for index in range(50):
                    post(connection, f"Task number {index}")
        time.sleep(10)  # what the last writes still cause is no idleness
        for relay in relays.values():
            relay.take()
        before = {OURS: ours.cpu_seconds(), SIDECAR: sidecar.cpu_seconds()}
        time.sleep(seconds)
        after = {OURS: ours.cpu_seconds(), SIDECAR: sidecar.cpu_seconds()}
        return {
            name: {
                "requests": dict(Counter(exchange.operation for exchange in relay.take())),
                "cpu_ms_per_minute": (after[name] - before[name]) * 1000 * 60 / seconds,
            }
            for name, relay in relays.items()
        }


def report_idle(results: dict, seconds: int) -> tuple[list[str], list[str]]:
    table = [[f"**Idle for {seconds} s**", OURS, SIDECAR]]
    counts = {name: sum(entry["requests"].values()) for name, entry in results.items()}
    table.append(["requests to the bucket", str(counts[OURS]), str(counts[SIDECAR])])
    table.append(["CPU a minute, ms", *(number(results[name]["cpu_ms_per_minute"]) for name in (OURS, SIDECAR))])
    lines = table_lines(table) + ["", *(f"{name}: {entry['requests'] or 'none'}." for name, entry in results.items())]
    return lines, [verdict("requests to the bucket when idle", counts[OURS], 0)]


# Overlap.


class SwitchingClients:
    """Clients of a service that is being replaced: each request is a connection of its own, to a process that accepts.

    A refused connection was accepted by nobody, and the next process is tried. Everything else that is not a good
    answer is a failure.
    """

    def __init__(self, ports: list[int]):
        self.ports = ports
        self._stops = threading.Event()
        self._lock = threading.Lock()
        self.acknowledged: list[tuple[float, int, str]] = []
        self.failures: list[str] = []
        self._threads = [threading.Thread(target=self._run, args=(index,)) for index in range(OVERLAP_CLIENTS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stops.set()
        for thread in self._threads:
            thread.join()

    def _run(self, client: int) -> None:
        started = time.monotonic() + client / OVERLAP_RATE
        sent = 0
        while not self._stops.wait(max(0.0, started + sent * OVERLAP_CLIENTS / OVERLAP_RATE - time.monotonic())):
            self._write(f"client {client} row {sent}", sent + client)
            sent += 1

    def _write(self, title: str, turn: int) -> None:
        ports = list(self.ports)
        for offset in range(len(ports)):
            port = ports[(turn + offset) % len(ports)]
            with contextlib.closing(connect(port)) as connection:
                try:
                    connection.connect()
                except ConnectionRefusedError:
                    continue
                try:
                    status = post(connection, title)
                except (OSError, http.client.HTTPException) as error:
                    outcome = f"{type(error).__name__}: {error}"
                else:
                    outcome = None if status == 201 else f"status {status}"
            with self._lock:
                if outcome is None:
                    self.acknowledged.append((time.monotonic(), port, title))
                else:
                    self.failures.append(outcome)
            return
        with self._lock:
            self.failures.append("no process accepted it")


def measure_overlap(programs: Programs, upstream: int, folder: pathlib.Path, seconds: float, prefix: str) -> dict:
    with contextlib.ExitStack() as stack:
        relay = stack.enter_context(storage.Relay(upstream, PUT_SECONDS))
        old = stack.enter_context(programs.ours(folder, 0, relay.port, prefix, name="old"))
        old_port = ready_port(old)
        clients = SwitchingClients([old_port])
        clients.start()
        try:
            time.sleep(seconds)
            began = time.monotonic()
            new = stack.enter_context(programs.ours(folder, 0, relay.port, prefix, name="new"))
            new_port = ready_port(new)
            boot = time.monotonic() - began
            clients.ports = [old_port, new_port]
            time.sleep(seconds)
            told = time.monotonic()
            old.signal(signal.SIGTERM)
            code = old.wait(STOP_SECONDS_MAX)
            gone = time.monotonic() - told
            time.sleep(seconds)
            new.check_alive()
        finally:
            clients.stop()
    if code != 0:
        raise BenchFailure(f"the old process ended with {code}: {old.said()}")
    kept = Counter(restored_titles(programs, upstream, prefix, folder))
    titles = [title for _, _, title in clients.acknowledged]
    times = sorted(when for when, _, _ in clients.acknowledged)
    served = Counter(port for _, port, _ in clients.acknowledged)
    return {
        "acknowledged": len(titles),
        "by_old": served[old_port],
        "by_new": served[new_port],
        "failures": dict(Counter(clients.failures)),
        "lost": sum(kept[title] == 0 for title in titles),
        "twice": sum(kept[title] > 1 for title in titles),
        "gap_ms": max(after - before for before, after in zip(times, times[1:])) * 1000,
        "boot_ms": boot * 1000,
        "stop_ms": gone * 1000,
    }


def report_overlap(rounds: list[dict]) -> tuple[list[str], list[str]]:
    table = [["**A new process beside the old one, then SIGTERM to the old one**", *map(str, range(1, len(rounds) + 1))]]
    for key, title in [
        ("acknowledged", "writes acknowledged"),
        ("by_old", "by the old one"),
        ("by_new", "by the new one"),
        ("lost", "of them lost"),
        ("twice", "there twice"),
        ("gap_ms", "longest time without an acknowledged write, ms"),
        ("boot_ms", "new one's exec to ready, ms"),
        ("stop_ms", "SIGTERM to the old one's end, ms"),
    ]:
        table.append([title, *(f"{entry[key]:,.0f}" for entry in rounds)])
    table.append(["requests that failed", *(str(sum(entry["failures"].values())) for entry in rounds)])
    failures = sum((Counter(entry["failures"]) for entry in rounds), Counter())
    lines = table_lines(table) + ([""] + [f"Failed: {dict(failures)}."] if failures else [])
    return lines, [
        verdict("requests that failed in an overlap", sum(failures.values()), 0),
        verdict("acknowledged writes lost or twice in an overlap", sum(e["lost"] + e["twice"] for e in rounds), 0),
    ]


# All of it.


def say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def measure(arguments: argparse.Namespace, folder: pathlib.Path) -> int:
    programs = Programs(arguments.api, build_peer(folder), litestream.binaries()[SIDECAR_VERSION])
    machine = describe_machine(folder) | {"holdfast": output_of(arguments.api, "version"), "server": arguments.server}
    lines = [
        machine_line(machine),
        f"{machine['holdfast']}; S3 from {arguments.server} on loopback, behind a relay that adds "
        f"{PUT_SECONDS * 1000:.0f} ms to each PUT (not for boot and idle); peer: {output_of(programs.peer, '-version')} "
        f"with Litestream {SIDECAR_VERSION}.",
    ]
    results: dict = {}
    judged: list[str] = []

    def finish(part: str, result, report: tuple[list[str], list[str]]) -> None:
        results[part] = result
        lines.extend(["", *report[0]])
        judged.extend(report[1])
        if arguments.json:
            arguments.json.write_text(json.dumps({"machine": machine, **results}, indent=1) + "\n")

    with storage.server(arguments.server) as upstream:
        if "speed" in arguments.only:
            speed: dict[str, list[dict]] = {name: [] for name in (OURS, LOCAL, SIDECAR)}
            for round_number in range(arguments.rounds):
                for name in ordered(list(speed), round_number):
                    say(f"speed: round {round_number + 1} of {arguments.rounds}: {name}")
                    with scratch(folder) as own:
                        prefix = f"speed-{round_number}-{'sidecar' if name == SIDECAR else 'ours'}"
                        figures = measure_speed(programs, upstream, own, name, prefix, arguments.seconds)
                    speed[name].append(figures)
            finish("speed", speed, report_speed(speed))
        if "loss" in arguments.only:
            loss: dict[str, list[dict]] = {OURS: [], SIDECAR: []}
            for round_number in range(arguments.kills):
                say(f"loss: kill {round_number + 1} of {arguments.kills}")
                for name in loss:
                    with scratch(folder) as own:
                        (own / "service").mkdir()
                        prefix = f"loss-{round_number}-{'sidecar' if name == SIDECAR else 'ours'}"
                        loss[name].append(measure_loss(programs, upstream, own / "service", name, prefix))
            finish("loss", loss, report_loss(loss))
        if "boot" in arguments.only:
            say("boot")
            boot = measure_boot(programs, upstream, folder, arguments.boots)
            finish("boot", boot, report_boot(boot))
        if "idle" in arguments.only:
            say(f"idle for {arguments.idle} s")
            with scratch(folder) as own:
                idle = measure_idle(programs, upstream, own, arguments.idle)
            finish("idle", idle, report_idle(idle, arguments.idle))
        if "overlap" in arguments.only:
            overlaps = []
            for round_number in range(arguments.rounds):
                say(f"overlap: round {round_number + 1} of {arguments.rounds}")
                with scratch(folder) as own:
                    prefix = f"overlap-{round_number}"
                    overlaps.append(measure_overlap(programs, upstream, own, arguments.seconds, prefix))
            finish("overlap", overlaps, report_overlap(overlaps))
    print("\n".join([*lines, "", *judged]))
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure what durability in the bucket costs and buys.")
    parser.add_argument("--api", default=str(ROOT / ".build/release/api"), help="the release binary")
    parser.add_argument("--json", metavar="OUT", type=pathlib.Path, help="write every round's figures there")
    parser.add_argument("--server", choices=["radosgw", "moto"], default="radosgw", help="(default radosgw)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of loads and overlaps (default 3)")
    parser.add_argument("--seconds", type=int, default=4, help="length of one load (default 4)")
    parser.add_argument("--kills", type=int, default=10, help="kills of each service (default 10)")
    parser.add_argument("--boots", type=int, default=10, help="starts of each service (default 10)")
    parser.add_argument("--idle", type=int, default=60, help="seconds of idleness (default 60)")
    parser.add_argument("--only", choices=PARTS, action="append", help="only this part; may be given more than once")
    parser.add_argument("--scratch", type=pathlib.Path, default=ROOT / ".build", help="a real disk (default .build)")
    arguments = parser.parse_args()
    arguments.only = arguments.only or PARTS
    if min(arguments.rounds, arguments.seconds, arguments.kills, arguments.boots, arguments.idle) < 1:
        parser.error("rounds, times and counts must be at least 1")
    if not shutil.which("wrk"):
        parser.error("wrk is missing: apt install wrk")
    try:
        arguments.api = checked_api(arguments.api)
        arguments.scratch = checked_scratch(arguments.scratch)
    except BenchFailure as failure:
        parser.error(str(failure))
    return arguments


if __name__ == "__main__":
    parsed = parse_arguments()
    sys.exit(main(lambda folder: measure(parsed, folder), parsed.scratch))
