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
import platform
import re
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CONNECTIONS = 64
ROWS = 1000
WARM_UP_SECONDS = 1
START_SECONDS_MAX = 10
STOP_SECONDS_MAX = 10
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


class BenchFailure(Exception):
    """The run cannot be trusted, or cannot go on."""


@dataclass(frozen=True)
class Program:
    """A server that can be started on a database file."""

    name: str
    argv: tuple[str, ...]

    def command(self, database: pathlib.Path, port: int) -> list[str]:
        return [part.format(database=database, port=port) for part in self.argv]


class Server:
    """A started program, stopped by its own process id."""

    def __init__(self, program: Program, folder: pathlib.Path, port: int = 0):
        self.program = program
        self.database = folder / "bench.db"
        self._log = folder / "stdout"
        self._errors = folder / "stderr"
        command = program.command(self.database, port)
        with open(self._log, "wb") as log, open(self._errors, "wb") as errors:
            self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=errors)
        self.pid = self._process.pid

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_) -> None:
        """Stops it; a server that does not go when told is a failure of its own."""
        if self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise BenchFailure(f"{self.program.name} was still there {STOP_SECONDS_MAX} s after SIGTERM") from None

    def check_alive(self) -> None:
        if (code := self._process.poll()) is not None:
            said = self._errors.read_text(errors="replace")[-2000:]
            raise BenchFailure(f"{self.program.name} ended with {code}: {said.strip()}")

    def port(self) -> int:
        """Waits for the line on standard output that says which port was free."""
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            self.check_alive()
            for line in self._log.read_text(errors="replace").splitlines():
                with contextlib.suppress(ValueError):
                    entry = json.loads(line)
                    if entry.get("message") == "listening" and entry.get("port"):
                        return int(entry["port"])
            time.sleep(0.01)
        raise BenchFailure(f"{self.program.name} said no port within {START_SECONDS_MAX} s")

    def cpu_seconds(self) -> float:
        """What the scheduler gave all threads, in nanoseconds; `stat` counts in ticks of 10 ms."""
        total = 0
        for thread in pathlib.Path(f"/proc/{self.pid}/task").iterdir():
            with contextlib.suppress(FileNotFoundError):  # a thread that ended while we looked
                total += int((thread / "schedstat").read_text().split()[0])
        return total / 1e9

    def resident_mib(self) -> float:
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


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
        port = server.port()
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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


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


@contextlib.contextmanager
def scratch(parent: pathlib.Path):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


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


def ordered(programs: list[Program], round_number: int) -> list[Program]:
    """Who goes first changes every round: a machine that slows down must not favour one side."""
    return programs if round_number % 2 == 0 else programs[::-1]


def filesystem(path: pathlib.Path) -> str:
    best, kind = "", "unknown"
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        _, mount, mounted_kind, *_ = line.split()
        if path.is_relative_to(mount) and len(mount) >= len(best):
            best, kind = mount, mounted_kind
    return kind


def fsync_us(folder: pathlib.Path) -> float:
    """What this disk charges for making a page durable; inserts cannot be read without it."""
    times = []
    with open(folder / "fsync", "wb") as file:
        for _ in range(50):
            file.write(bytes(4096))
            file.flush()
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - started) * 1e6)
    return statistics.median(times)


def output_of(*command: str) -> str:
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BenchFailure(f"cannot run {' '.join(command)}: {error}") from None
    lines = (done.stdout or done.stderr).strip().splitlines()
    return lines[0] if lines else ""


def describe_machine(arguments: argparse.Namespace, peer: str, folder: pathlib.Path) -> dict:
    processor = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    system = dict(
        line.split("=", 1) for line in pathlib.Path("/etc/os-release").read_text().splitlines() if "=" in line
    )
    return {
        "processor": processor[1] if processor else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{system['PRETTY_NAME'].strip(chr(34))}, Linux {platform.release()}",
        "disk": f"{filesystem(folder)}, fdatasync of a page {fsync_us(folder):.0f} µs",
        "holdfast": output_of(arguments.api, "version"),
        "peer": output_of(peer, "-version"),
        "wrk": output_of("wrk", "-v").split(" Copyright")[0],
        "load_before": os.getloadavg()[0],
    }


def build_peer(folder: pathlib.Path) -> str:
    peer = folder / "peer"
    environment = os.environ | {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode"}
    try:
        built = subprocess.run(
            ["go", "build", "-o", str(peer), str(HERE / "peer" / "main.go")],
            env=environment,
            capture_output=True,
            text=True,
        )
    except FileNotFoundError:
        raise BenchFailure(
            "go is missing: apt install golang-go golang-github-go-chi-chi-dev golang-github-mattn-go-sqlite3-dev"
        ) from None
    if built.returncode != 0:
        raise BenchFailure(f"the peer does not build:\n{built.stderr.strip()}")
    return str(peer)


def number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def paired_ratio(ours: list[float], theirs: list[float]) -> float:
    """The median of the rounds' ratios: what slows a whole round falls out of it."""
    return statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))


def report(results: dict, machine: dict, names: list[str], workloads: list[Workload], what: str) -> str:
    """Markdown that is aligned, so that it also reads well in a terminal."""
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

    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    lines = []
    for index, row in enumerate(table):
        cells = [
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("| " + " | ".join(cells) + " |")
        if index == 0:
            rules = ["-" * width if column == 0 else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
            lines.append("| " + " | ".join(rules) + " |")
    return "\n".join(
        [
            f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB; {machine['system']}; "
            f"{machine['disk']}.",
            f"{machine['holdfast']}; peer: {machine['peer']}; {machine['wrk']}; load before the run "
            f"{machine['load_before']:.1f}.",
            what,
            "",
            *lines,
            "",
            FOOTER,
        ]
    )


def verdicts(results: dict, workloads: list[Workload]) -> list[str]:
    lines = []

    def judge(title: str, value: float, bound: float, at_least: bool) -> None:
        reached = value >= bound if at_least else value <= bound
        word = "reached    " if reached else "not reached"
        lines.append(f"{word}  {title}: {value:.3g} (target: at {'least' if at_least else 'most'} {bound:g})")

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
    arguments.api = str(pathlib.Path(arguments.api).resolve())
    if not os.access(arguments.api, os.X_OK):
        parser.error(f"{arguments.api} is not there: build it with `swift build -c release`, or name it with --api")
    if not shutil.which("wrk"):
        parser.error("wrk is missing: apt install wrk")
    arguments.scratch = arguments.scratch.resolve()
    arguments.scratch.mkdir(exist_ok=True)
    if filesystem(arguments.scratch) in ("tmpfs", "ramfs"):
        parser.error(f"{arguments.scratch} is in memory, where a sync costs nothing: name a disk with --scratch")
    return arguments


def run(arguments: argparse.Namespace, folder: pathlib.Path) -> int:
    peer = build_peer(folder)
    machine = describe_machine(arguments, peer, folder)
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


def main() -> int:
    arguments = parse_arguments()
    # `kill` must clean up like Ctrl-C does: both leave through the `with` blocks that stop servers and remove files.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with scratch(arguments.scratch) as folder:
            return run(arguments, folder)
    except BenchFailure as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted; what it started is stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
