#!/usr/bin/env python3
"""Holdfast against a Go peer, paired: every round runs both on the same machine, minutes apart at most.

Python's standard library, wrk, and Go with Debian's chi and go-sqlite3 are all it needs.
"""

import argparse
import concurrent.futures
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

from harness import (
    HERE,
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
    scratch,
    table_lines,
    verdict,
)

CONNECTIONS = 64
ROWS = 1000
WARM_UP_SECONDS = 1
START_SECONDS_MAX = 10
COLD_ROUNDS = 15

OURS, PEER, TUNED = "Holdfast", "Go", "Go tuned"


@dataclass(frozen=True)
class Workload:
    """A request that wrk repeats."""

    name: str
    title: str
    path: str
    body: str | None = None


WORKLOADS = [
    Workload("one", "GET /tasks/{id}", "/tasks/1"),
    Workload("list", "GET /tasks, 100 rows", "/tasks"),
    Workload("insert", "POST /tasks", "/tasks", '{"title":"Write the report"}'),
]

# What to reach, from the project's plan: the first three pairs are what a bare server of the same design, without
# routing, logging or limits, reached against this kind of peer (with synchronous=NORMAL on both sides); the rest are
# aims for the service itself.
RPS_RATIO_MIN = {"one": 2.4, "list": 7.2, "insert": 5.1}
CPU_RATIO_MAX = {"one": 0.37, "list": 0.12, "insert": 0.17}
START_MS_MAX = 15.0
RESIDENT_MIB_MAX = 20.0

FOOTER = """\
wrk shares the cores with the server it loads, so requests/s and latencies move with the machine: trust CPU per request
and the ratios, which are medians of ratios within a round. Holdfast writes one log line per request, the peer writes
none. Both sync the WAL on every commit (`synchronous=FULL`). `Go tuned` has a pool of four for reads and one connection
for writes."""


@dataclass(frozen=True)
class Program:
    """A server that can be started on a database file."""

    name: str
    argv: tuple[str, ...]

    def command(self, database: pathlib.Path, port: int) -> list[str]:
        return [part.format(database=database, port=port) for part in self.argv]


class Server(Process):
    """A server on a database file."""

    def __init__(self, program: Program, folder: pathlib.Path, port: int = 0):
        self.program = program
        self.database = folder / "bench.db"
        super().__init__(program.name, program.command(self.database, port), folder)


def answer(port: int, path: str) -> object:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise BenchFailure(f"GET {path} answered {response.status}: {body[:200]!r}")
    return json.loads(body)


def fill(port: int) -> None:
    """Adds the rows that are read later, through the front door."""

    def post(first: int, count: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        for number in range(first, first + count):
            connection.request("POST", "/tasks", json.dumps({"title": f"Task number {number:04}"}))
            response = connection.getresponse()
            body = response.read()
            if response.status != 201:
                raise BenchFailure(f"POST /tasks answered {response.status}: {body[:200]!r}")
        connection.close()

    clients = 20
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        for result in [pool.submit(post, 1 + i * (ROWS // clients), ROWS // clients) for i in range(clients)]:
            result.result()


def check_same_answers(port: int, name: str) -> None:
    """A peer that answers less would be measured doing less."""
    one = answer(port, "/tasks/1")
    if list(one) != ["id", "title", "status", "created", "modified"]:
        raise BenchFailure(f"{name}: /tasks/1 has the keys {list(one)}")
    rows = answer(port, "/tasks")
    if [row["id"] for row in rows] != list(range(1, 101)) or list(rows[0]) != ["id", "title", "status", "created"]:
        raise BenchFailure(f"{name}: /tasks is not the first 100 tasks with four keys each")
    if any(not re.fullmatch(r"Task number \d{4}", row["title"]) for row in rows):
        raise BenchFailure(f"{name}: /tasks holds titles that were not sent")


def wrk(workload: Workload, port: int, connections: int, seconds: int) -> dict:
    environment = {key: value for key, value in os.environ.items() if key != "BENCH_BODY"}
    if workload.body:
        environment["BENCH_BODY"] = workload.body
    command = ["wrk", f"-t{min(2, connections)}", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"]
    command += ["-s", str(HERE / "load.lua"), f"http://127.0.0.1:{port}{workload.path}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=seconds + 30)
    found = re.search(r"^result (\{.*\})$", done.stdout, re.MULTILINE)
    if done.returncode != 0 or not found:
        raise BenchFailure(f"wrk failed: {done.stdout[-500:]} {done.stderr[-500:]}")
    return json.loads(found[1])


def measure(server: Server, port: int, workload: Workload, connections: int, seconds: int) -> dict:
    cpu = server.cpu_seconds()
    load = wrk(workload, port, connections, seconds)
    server.check_alive()
    cpu = server.cpu_seconds() - cpu
    if load["requests"] == 0:
        raise BenchFailure(f"{server.program.name} answered nothing to {workload.title}")
    return {
        "requests": load["requests"],
        "rps": load["requests"] / load["seconds"],
        "cpu_us": cpu / load["requests"] * 1e6,
        "p50_us": load["p50"],
        "p99_us": load["p99"],
        "resident_mib": server.resident_mib(),
        "errors": load["bad_status"] + load["socket_errors"],
    }


def measure_program(program: Program, folder: pathlib.Path, workloads: list[Workload], seconds: int) -> dict:
    """One program's share of a round: a fresh database, filled, then every load at 64 connections and at one."""
    results: dict = {}
    inserted = 0
    with Server(program, folder) as server:
        port = server.port(START_SECONDS_MAX)
        fill(port)
        check_same_answers(port, program.name)
        for workload in workloads:
            warm_up = wrk(workload, port, CONNECTIONS, WARM_UP_SECONDS)
            results[workload.name] = measure(server, port, workload, CONNECTIONS, seconds)
            results[workload.name]["errors"] += warm_up["bad_status"] + warm_up["socket_errors"]
            alone = measure(server, port, workload, 1, 1)
            results[workload.name] |= {"alone_p50_us": alone["p50_us"], "alone_p99_us": alone["p99_us"]}
            results[workload.name]["errors"] += alone["errors"]
            if workload.body:
                inserted += sum(part["requests"] for part in (warm_up, results[workload.name], alone))
        database = server.database
    with contextlib.closing(sqlite3.connect(database)) as connection:
        (rows,) = connection.execute("SELECT count(*) FROM tasks").fetchone()
    # wrk leaves without reading its last answers, so there may be more rows than it counted, but never fewer.
    if rows < ROWS + inserted:
        raise BenchFailure(f"{program.name} acknowledged {ROWS + inserted} tasks and kept {rows}")
    return results


def cold_start(program: Program, folder: pathlib.Path) -> tuple[float, float]:
    """Milliseconds from exec to the first 200 on /health, and MiB resident a moment later."""
    port = free_port()
    request = b"GET /health HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"
    started = time.perf_counter()
    with Server(program, folder, port) as server:
        while True:
            with socket.socket() as client, contextlib.suppress(ConnectionError):
                client.settimeout(START_SECONDS_MAX)
                client.connect(("127.0.0.1", port))
                client.sendall(request)
                if client.recv(4096).startswith(b"HTTP/1.1 200 "):
                    break
            server.check_alive()
            if time.perf_counter() - started > START_SECONDS_MAX:
                raise BenchFailure(f"{program.name} did not answer /health within {START_SECONDS_MAX} s")
            time.sleep(0.0002)
        milliseconds = (time.perf_counter() - started) * 1e3
        time.sleep(0.05)  # what start-up still does in the background counts as resident too
        return milliseconds, server.resident_mib()


def run_cold(programs: list[Program], parent: pathlib.Path) -> dict:
    results = {program.name: {"fresh_ms": [], "existing_ms": [], "idle_mib": []} for program in programs}
    for round_number in range(COLD_ROUNDS + 1):
        for program in ordered(programs, round_number):
            with scratch(parent) as folder:
                fresh, _ = cold_start(program, folder)
                existing, resident = cold_start(program, folder)
            if round_number > 0:  # round 0 warms the page cache
                results[program.name]["fresh_ms"].append(fresh)
                results[program.name]["existing_ms"].append(existing)
                results[program.name]["idle_mib"].append(resident)
    return results


def describe(arguments: argparse.Namespace, peer: str, folder: pathlib.Path) -> dict:
    return describe_machine(folder) | {
        "holdfast": output_of(arguments.api, "version"),
        "peer": output_of(peer, "-version"),
        "wrk": output_of("wrk", "-v").split(" Copyright")[0],
    }


def report(results: dict, machine: dict, names: list[str], workloads: list[Workload], what: str) -> str:
    others = names[1:]
    table = [["", *names, *(f"against {name}" for name in others)]]

    def add(title: str, samples: dict[str, list[float]]) -> None:
        medians = [number(statistics.median(samples[name])) for name in names]
        ratios = [f"{paired_ratio(samples[OURS], samples[name]):.2f} ×" for name in others]
        table.append([title, *medians, *ratios])

    for workload in workloads:
        if "loads" not in results:
            break
        rows = {name: [entry[workload.name] for entry in results["loads"][name]] for name in names}
        table.append([f"**{workload.title}**"] + [""] * (len(table[0]) - 1))
        for key, title in [
            ("rps", "requests/s"),
            ("cpu_us", "CPU per request, µs"),
            ("p50_us", "p50, µs"),
            ("p99_us", "p99, µs"),
            ("resident_mib", "resident, MiB"),
            ("alone_p50_us", "1 connection, p50, µs"),
            ("alone_p99_us", "1 connection, p99, µs"),
        ]:
            add(title, {name: [row[key] for row in rows[name]] for name in names})
    if "cold" in results:
        table.append(["**Start**"] + [""] * (len(table[0]) - 1))
        for key, title in [
            ("fresh_ms", "exec to 200, new database, ms"),
            ("existing_ms", "exec to 200, existing one, ms"),
            ("idle_mib", "resident when idle, MiB"),
        ]:
            add(title, {name: results["cold"][name][key] for name in names})

    return "\n".join(
        [
            machine_line(machine),
            f"{machine['holdfast']}; peer: {machine['peer']}; {machine['wrk']}.",
            what,
            "",
            *table_lines(table),
            "",
            FOOTER,
        ]
    )


def verdicts(results: dict, workloads: list[Workload]) -> list[str]:
    lines = []

    def judge(title: str, value: float, bound: float, at_least: bool) -> None:
        lines.append(verdict(title, value, bound, at_least))

    for workload in workloads:
        if "loads" not in results:
            break
        ours, peer = ([entry[workload.name] for entry in results["loads"][name]] for name in (OURS, PEER))
        for key, what, bound, at_least in [
            ("rps", "requests/s", RPS_RATIO_MIN[workload.name], True),
            ("cpu_us", "CPU per request", CPU_RATIO_MAX[workload.name], False),
        ]:
            ratio = paired_ratio([row[key] for row in ours], [row[key] for row in peer])
            judge(f"{workload.title}, {what} against {PEER}", ratio, bound, at_least)
    if "loads" in results:
        highest = max(
            entry[workload.name]["resident_mib"] for entry in results["loads"][OURS] for workload in workloads
        )
        judge("resident under load, MiB, highest", highest, RESIDENT_MIB_MAX, False)
    if "cold" in results:
        cold = results["cold"][OURS]
        judge("exec to 200, new database, ms", statistics.median(cold["fresh_ms"]), START_MS_MAX, False)
        judge("exec to 200, existing one, ms", statistics.median(cold["existing_ms"]), START_MS_MAX, False)
        judge("resident when idle, MiB", statistics.median(cold["idle_mib"]), RESIDENT_MIB_MAX, False)
    return lines


def errors(results: dict) -> list[str]:
    return [
        f"{name}: {entry[load]['errors']} bad statuses or socket errors in round {index + 1} of {load}"
        for name, rounds in results.get("loads", {}).items()
        for index, entry in enumerate(rounds)
        for load in entry
        if entry[load]["errors"]
    ]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure Holdfast against a Go peer.")
    parser.add_argument("--api", default=str(ROOT / ".build/release/api"), help="the release binary")
    parser.add_argument("--json", metavar="OUT", type=pathlib.Path, help="write every round's figures there")
    parser.add_argument("--rounds", type=int, default=4, help="rounds of the loads (default 4)")
    parser.add_argument("--seconds", type=int, default=3, help="length of one load (default 3)")
    parser.add_argument(
        "--only",
        choices=[*(load.name for load in WORKLOADS), "cold"],
        action="append",
        help="only this part; may be given more than once",
    )
    parser.add_argument(
        "--scratch",
        type=pathlib.Path,
        default=ROOT / ".build",
        help="where the databases go while it runs; a real disk (default .build)",
    )
    arguments = parser.parse_args()
    if arguments.rounds < 1 or arguments.seconds < 1:
        parser.error("--rounds and --seconds must be at least 1")
    if not shutil.which("wrk"):
        parser.error("wrk is missing: apt install wrk")
    try:
        arguments.api = checked_api(arguments.api)
        arguments.scratch = checked_scratch(arguments.scratch)
    except BenchFailure as failure:
        parser.error(str(failure))
    return arguments


def run(arguments: argparse.Namespace, folder: pathlib.Path) -> int:
    peer = build_peer(folder)
    machine = describe(arguments, peer, folder)
    go = (peer, "-port", "{port}", "-db", "{database}")
    programs = [
        Program(
            OURS,
            (
                arguments.api,
                "serve",
                "--host",
                "127.0.0.1",
                "--port",
                "{port}",
                "--db",
                "{database}",
                "--migrations",
                "Migrations",
                "--log-format",
                "json",
            ),
        ),
        Program(PEER, go),
        Program(TUNED, (*go, "-tuned")),
    ]
    parts = arguments.only or [*(load.name for load in WORKLOADS), "cold"]
    workloads = [load for load in WORKLOADS if load.name in parts]
    results: dict = {}
    if workloads:
        results["loads"] = {program.name: [] for program in programs}
        for round_number in range(arguments.rounds):
            for program in ordered(programs, round_number):
                print(f"round {round_number + 1} of {arguments.rounds}: {program.name}", file=sys.stderr, flush=True)
                with scratch(folder) as own:
                    results["loads"][program.name].append(measure_program(program, own, workloads, arguments.seconds))
    if "cold" in parts:
        print(f"start, {COLD_ROUNDS} rounds", file=sys.stderr, flush=True)
        results["cold"] = run_cold(programs, folder)

    failures = errors(results)
    what = (
        f"{CONNECTIONS} connections from wrk -t2, {ROWS:,} rows at first; medians of {arguments.rounds} rounds of "
        f"{arguments.seconds} s, of {COLD_ROUNDS} starts."
    )
    print(report(results, machine, [program.name for program in programs], workloads, what))
    print()
    print("\n".join(verdicts(results, workloads)))
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine, **results, "errors": failures}, indent=1) + "\n")
    if failures:
        print("\nThe figures do not count, because not every request was answered well:", file=sys.stderr)
        print("\n".join(failures), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    arguments = parse_arguments()
    sys.exit(main(lambda folder: run(arguments, folder), arguments.scratch))
