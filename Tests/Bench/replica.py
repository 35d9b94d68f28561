#!/usr/bin/env python3
"""`api restore` and `api replicate` against the real Litestream, on one S3 server and in one run.

Needs the virtual environment (`make bench-replica` makes it), radosgw for `--server radosgw`, and curl.
"""

import argparse
import contextlib
import hashlib
import json
import os
import pathlib
import random
import sqlite3
import statistics
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass

import litestream
import storage
from harness import (
    ROOT,
    BenchFailure,
    Process,
    Run,
    checked_api,
    checked_scratch,
    describe_machine,
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

OURS = "Holdfast"
LTX, GENERATIONS = "0.5.17", "0.3.11"
RESTORE_RATIO_MAX = 0.5
IDLE_REQUESTS_MAX = 0
SETTLE_SECONDS_MAX = 180
RATE = 200
STOP_SECONDS_MAX = 60


# Restore.


def make_database(path: pathlib.Path, megabytes: int) -> None:
    """Rows as services have them: words, numbers and identifiers, of which about half compresses away."""
    chosen = random.Random(1)
    words = "order paid shipped refund customer invoice pending error retry created updated Tokyo Berlin Lagos".split()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER, who TEXT, what TEXT, proof BLOB)")
        connection.execute("CREATE INDEX events_who ON events (who, at)")
        row, size = 0, 0
        while size < megabytes << 20:
            connection.execute("BEGIN")
            for _ in range(20_000):
                row += 1
                text = " ".join(chosen.choices(words, k=40))
                who = f"user-{chosen.randrange(10_000)}"
                event = (row, 1_700_000_000 + row, who, text, chosen.randbytes(200))
                connection.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?)", event)
            connection.execute("COMMIT")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            size = path.stat().st_size


def upload_by(version: str, binary: str, database: pathlib.Path, port: int, folder: pathlib.Path) -> str:
    """Lets a Litestream replicate the database, changed in a hundred places meanwhile, and gives the prefix."""
    prefix = f"restore-{version}"
    configuration = folder / f"litestream-{version}.yml"
    litestream.write_configuration(configuration, version, database, port, prefix)
    command = [binary, "replicate", "-config", str(configuration)]
    whole = f"{prefix}/0009/" if version == LTX else "/snapshots/"
    with Process(f"litestream-{version}", command, folder, litestream.environment(), STOP_SECONDS_MAX) as process:
        process.until(
            lambda: any(whole in key for key in storage.objects(port, prefix)), "snapshot", SETTLE_SECONDS_MAX
        )
        with contextlib.closing(sqlite3.connect(database, isolation_level=None, timeout=30)) as connection:
            (rows,) = connection.execute("SELECT max(id) FROM events").fetchone()
            for step in range(100):
                change = (os.urandom(200), 1 + step * (rows // 100))
                connection.execute("UPDATE events SET proof = ? WHERE id = ?", change)
                time.sleep(0.02)
        settle(process, port, prefix)
    return prefix


def settle(process: Process, port: int, prefix: str) -> None:
    """Waits until nothing has been added for some syncs, which are a second apart."""
    seen, since = None, time.monotonic()

    def is_still() -> bool:
        nonlocal seen, since
        now = storage.objects(port, prefix)
        if now != seen:
            seen, since = now, time.monotonic()
        return time.monotonic() - since > 4

    process.until(is_still, "end of uploads", SETTLE_SECONDS_MAX)


@dataclass(frozen=True)
class Restore:
    """One way to restore one replica."""

    name: str
    replica: str
    command: list[str]
    environment: dict[str, str]


def restores(arguments: argparse.Namespace, binaries: dict[str, str], port: int, folder: pathlib.Path) -> list[Restore]:
    ways = []
    for version in (LTX, GENERATIONS):
        url = storage.url(port, f"restore-{version}")
        for check in ("quick", "none"):
            ours = [arguments.api, "restore", "--integrity-check", check, "-o", "{output}", url]
            ways.append(
                Restore(f"{OURS}, {check} check, {version}'s replica", version, ours, os.environ | storage.CREDENTIALS)
            )
        theirs = [binaries[version], "restore", "-config", str(folder / f"litestream-{version}.yml"), "-o", "{output}"]
        theirs.append(str(folder / f"source-{version}.db"))
        ways.append(Restore(f"Litestream {version}", version, theirs, litestream.environment()))
    return ways


def restore_once(way: Restore, folder: pathlib.Path) -> tuple[Run, str]:
    with scratch(folder) as own:
        output = own / "restored.db"
        os.sync()  # what an earlier one left to write must not slow this one down
        took = run(way.name, [part.format(output=output) for part in way.command], way.environment)
        with open(output, "rb") as file:
            return took, hashlib.file_digest(file, "sha256").hexdigest()


def floors(port: int, version: str, size: int, folder: pathlib.Path) -> tuple[float, float]:
    """Seconds to fetch the replica's objects and throw them away, and to write as many bytes and sync them."""
    s3 = storage.client(port)
    needed = [
        key
        for key in storage.objects(port, f"restore-{version}")
        if "/0009/" in key or "/snapshots/" in key or "/wal/" in key
    ]
    command = ["curl", "-sS", "--fail", "-Z", "--parallel-max", "8"]
    for key in needed:
        address = s3.generate_presigned_url("get_object", Params={"Bucket": storage.BUCKET, "Key": key})
        command += ["-o", "/dev/null", address]
    fetched = run("curl", command).seconds
    piece = os.urandom(1 << 20)
    with scratch(folder) as own:
        os.sync()
        started = time.perf_counter()
        with open(own / "file", "wb") as file:
            for _ in range(size >> 20):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        return fetched, time.perf_counter() - started


def measure_restore(arguments: argparse.Namespace, binaries: dict[str, str], port: int, folder: pathlib.Path) -> dict:
    sizes = {}
    for version in (LTX, GENERATIONS):
        say(f"restore: {arguments.megabytes} MB, uploaded by Litestream {version}")
        database = folder / f"source-{version}.db"
        make_database(database, arguments.megabytes)
        upload_by(version, binaries[version], database, port, folder)
        sizes[version] = database.stat().st_size
    ways = restores(arguments, binaries, port, folder)
    rounds: dict[str, list[dict]] = {way.name: [] for way in ways}
    least: dict[str, list[tuple[float, float]]] = {version: [] for version in sizes}
    for round_number in range(arguments.rounds):
        say(f"restore: round {round_number + 1} of {arguments.rounds}")
        digests: dict[str, set[str]] = {version: set() for version in sizes}
        for way in ordered(ways, round_number):
            took, digest = restore_once(way, folder)
            rounds[way.name].append(vars(took))
            digests[way.replica].add(digest)
        for version, found in digests.items():
            if len(found) != 1:
                raise BenchFailure(f"the restored databases of {version}'s replica differ")
            least[version].append(floors(port, version, sizes[version], folder))
    return {"rounds": rounds, "floors": least, "ways": [(way.name, way.replica) for way in ways]}


def report_restore(results: dict, arguments: argparse.Namespace) -> tuple[list[str], list[str]]:
    def seconds(name: str) -> list[float]:
        return [entry["seconds"] for entry in results["rounds"][name]]

    peers = [f"Litestream {version}" for version in (LTX, GENERATIONS)]
    better = min(peers, key=lambda name: statistics.median(seconds(name)))
    table = [["**Restore**", "seconds", "CPU seconds", "peak MiB", "against its own", "against the better"]]
    for name, replica in results["ways"]:
        rounds = results["rounds"][name]
        table.append(
            [name]
            + [number(statistics.median(entry[key] for entry in rounds)) for key in ("seconds", "cpu_seconds", "peak_mib")]
            + [f"{paired_ratio(seconds(name), seconds(peer)):.2f} ×" for peer in (f"Litestream {replica}", better)]
        )
    for version, pairs in results["floors"].items():
        fetched, written = (statistics.median(pair[index] for pair in pairs) for index in (0, 1))
        table.append([f"{version}'s replica, fetched by curl and thrown away", number(fetched), "", "", "", ""])
        table.append(["as many bytes written and synced", number(written), "", "", "", ""])
    judged = []
    for check in ("quick", "none"):
        ratio = paired_ratio(seconds(f"{OURS}, {check} check, {LTX}'s replica"), seconds(better))
        judged.append(verdict(f"restore, {check} check, seconds against {better}", ratio, RESTORE_RATIO_MAX))
    return table_lines(table), judged


# Replicate.


class Writer:
    """Commits `RATE` transactions a second, each with a mark of its own, and remembers when each was done."""

    def __init__(self, database: pathlib.Path, seconds: int):
        self._database, self._seconds = database, seconds
        self.commits: list[float] = []
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    @staticmethod
    def prepare(database: pathlib.Path, megabytes: int) -> None:
        with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, mark TEXT, text TEXT)")
            connection.execute("CREATE INDEX rows_text ON rows (text)")
            connection.execute("BEGIN")
            for _ in range(megabytes * 1000):
                connection.execute("INSERT INTO rows (mark, text) VALUES ('', ?)", (os.urandom(250).hex(),))
            connection.execute("COMMIT")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def run(self) -> None:
        self._thread.start()
        self._thread.join()
        if self._failure:
            raise BenchFailure(f"the writer failed: {self._failure}")

    def _run(self) -> None:
        try:
            with contextlib.closing(sqlite3.connect(self._database, isolation_level=None, timeout=10)) as connection:
                connection.execute("PRAGMA synchronous = NORMAL")
                # The replicator owns checkpoints, as Litestream's documentation wants it.
                connection.execute("PRAGMA wal_autocheckpoint = 0")
                started = time.monotonic()
                for index in range(1, self._seconds * RATE + 1):
                    time.sleep(max(0.0, started + index / RATE - time.monotonic()))
                    row = (f"MRK{index:010}", os.urandom(50).hex())
                    connection.execute("INSERT INTO rows (mark, text) VALUES (?, ?)", row)
                    self.commits.append(time.time())
        except BaseException as failure:
            self._failure = failure


def replicate_command(name: str, arguments, binaries, database, port: int, prefix: str, folder) -> tuple:
    if name == OURS:
        command = [arguments.api, "replicate", str(database), storage.url(port, prefix)]
        return command, os.environ | storage.CREDENTIALS
    configuration = folder / f"replicate-{name}.yml"
    litestream.write_configuration(configuration, name, database, port, prefix)
    return [binaries[name], "replicate", "-config", str(configuration)], litestream.environment()


def measure_replicate(name: str, arguments, binaries, port: int, folder: pathlib.Path, round_number: int) -> dict:
    prefix = f"replicate-{name}-{round_number}"
    database = folder / "app.db"
    Writer.prepare(database, 10)
    with storage.Relay(port) as relay:
        command, environment = replicate_command(name, arguments, binaries, database, relay.port, prefix, folder)
        with Process(f"replicate-{name}", command, folder, environment, STOP_SECONDS_MAX) as process:
            process.until(lambda: storage.objects(port, prefix), "first upload", SETTLE_SECONDS_MAX)
            settle(process, port, prefix)
            started_with = relay.take()
            cpu, writer = process.cpu_seconds(), Writer(database, arguments.seconds)
            began = time.time()
            writer.run()
            took = time.time() - began
            cpu = process.cpu_seconds() - cpu
            settle(process, port, prefix)
            peak = process.peak_mib()
            log = relay.take()
            # A minute after the last write, what goes on is what always goes on.
            time.sleep(arguments.rest)
            relay.take()
            time.sleep(arguments.idle)
            process.check_alive()
            idle = relay.take()
    lags = lag_seconds(writer.commits, log, port)
    check_restored(arguments, port, prefix, database, folder)
    counts = Counter(exchange.operation for exchange in log)
    return {
        "cpu_percent": cpu / took * 100,
        "peak_mib": peak,
        "requests": dict(counts),
        "requests_all": sum(counts.values()),
        "kib_up": sum(exchange.bytes_in for exchange in log) / 1024,
        "lag_p50": statistics.median(lags) * 1000,
        "lag_p99": statistics.quantiles(lags, n=100)[98] * 1000,
        "idle": {key: count * 60 / arguments.idle for key, count in Counter(e.operation for e in idle).items()},
        "idle_all": len(idle) * 60 / arguments.idle,
        "at_start": dict(Counter(exchange.operation for exchange in started_with)),
    }


def lag_seconds(commits: list[float], log: list[storage.Exchange], port: int) -> list[float]:
    """From each commit until an object that holds it was in the bucket, seen from where the server stands."""
    arrivals = []
    for exchange in sorted(log, key=lambda exchange: exchange.ended):
        if exchange.operation == "PUT" and exchange.status == 200:
            newest = litestream.newest_marker(exchange.key, storage.contents(port, exchange.key))
            arrivals.append((exchange.ended, newest))
    lags, at = [], 0
    for index, committed in enumerate(commits, start=1):
        while at < len(arrivals) and arrivals[at][1] < index:
            at += 1
        if at == len(arrivals):
            raise BenchFailure(f"transaction {index} of {len(commits)} never came to the bucket")
        lags.append(max(0.0, arrivals[at][0] - committed))
    return lags


def check_restored(arguments, port: int, prefix: str, database: pathlib.Path, folder: pathlib.Path) -> None:
    """What was measured must also be right."""
    with scratch(folder) as own:
        output = own / "restored.db"
        command = [arguments.api, "restore", "-o", str(output), storage.url(port, prefix)]
        run("restore", command, os.environ | storage.CREDENTIALS)
        digests = set()
        for path in (database, output):
            with contextlib.closing(sqlite3.connect(path)) as connection:
                rows = connection.execute("SELECT id, mark, text FROM rows ORDER BY id")
                digests.add(hashlib.sha256(repr(rows.fetchall()).encode()).hexdigest())
    if len(digests) != 1:
        raise BenchFailure(f"{prefix}: what was restored is not what was written")


def report_replicate(results: dict, arguments: argparse.Namespace) -> tuple[list[str], list[str]]:
    names = [OURS, LTX, GENERATIONS]
    table = [["**Replicate**", *names, *(f"against {name}" for name in names[1:])]]

    def values(name: str, key: str) -> list[float]:
        return [entry[key] for entry in results[name]]

    for key, title in [
        ("cpu_percent", "CPU, % of a core"),
        ("peak_mib", "peak resident, MiB"),
        ("requests_all", "requests"),
        ("kib_up", "uploaded, KiB"),
        ("lag_p50", "commit to bucket, p50, ms"),
        ("lag_p99", "commit to bucket, p99, ms"),
        ("idle_all", "requests a minute when idle"),
    ]:
        ratios = []
        for name in names[1:]:
            comparable = all(value > 0 for value in values(name, key))
            ratios.append(f"{paired_ratio(values(OURS, key), values(name, key)):.2f} ×" if comparable else "")
        table.append([title, *(number(statistics.median(values(name, key))) for name in names), *ratios])
    lines = table_lines(table) + [""]
    for name in names:
        last = results[name][-1]
        lines.append(f"{name}: under load {last['requests']}; idle, a minute, {last['idle'] or 'none'}.")
    idle = max(values(OURS, "idle_all"))
    return lines, [verdict("requests a minute when idle, highest", idle, IDLE_REQUESTS_MAX)]


# All of it.


def say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def measure(arguments: argparse.Namespace, folder: pathlib.Path) -> int:
    binaries = litestream.binaries()
    machine = describe_machine(folder) | {"holdfast": output_of(arguments.api, "version"), "server": arguments.server}
    results: dict = {}
    lines, judged = [machine_line(machine), f"{machine['holdfast']}; S3 from {arguments.server} on loopback."], []
    with storage.server(arguments.server) as port:
        if "restore" in arguments.only:
            with scratch(folder) as own:
                results["restore"] = measure_restore(arguments, binaries, port, own)
            lines.append(f"Restore: {arguments.megabytes} MB, medians of {arguments.rounds} rounds.")
        if "replicate" in arguments.only:
            results["replicate"] = {name: [] for name in (OURS, LTX, GENERATIONS)}
            for round_number in range(arguments.replicate_rounds):
                for name in ordered([OURS, LTX, GENERATIONS], round_number):
                    say(f"replicate: round {round_number + 1} of {arguments.replicate_rounds}: {name}")
                    with scratch(folder) as own:
                        figures = measure_replicate(name, arguments, binaries, port, own, round_number)
                    results["replicate"][name].append(figures)
            lines.append(
                f"Replicate: {RATE} transactions a second for {arguments.seconds} s, then idle for {arguments.idle} s; "
                "requests and lag as a relay in front of the server saw them."
            )
    for part, report in (("restore", report_restore), ("replicate", report_replicate)):
        if part in results:
            table, verdicts = report(results[part], arguments)
            lines += ["", *table]
            judged += verdicts
    print("\n".join([*lines, "", *judged]))
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine, **results}, indent=1) + "\n")
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure restore and replicate against Litestream.")
    parser.add_argument("--api", default=str(ROOT / ".build/release/api"), help="the release binary")
    parser.add_argument("--json", metavar="OUT", type=pathlib.Path, help="write every round's figures there")
    parser.add_argument("--server", choices=["radosgw", "rclone", "moto"], default="radosgw", help="(default radosgw)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of restores (default 5)")
    parser.add_argument("--megabytes", type=int, default=256, help="size of the restored database (default 256)")
    parser.add_argument("--replicate-rounds", type=int, default=1, help="rounds of replication (default 1)")
    parser.add_argument("--seconds", type=int, default=30, help="length of the load (default 30)")
    parser.add_argument("--rest", type=int, default=30, help="seconds between load and idle (default 30)")
    parser.add_argument("--idle", type=int, default=60, help="seconds of idleness (default 60)")
    parser.add_argument("--only", choices=["restore", "replicate"], action="append", help="only this part")
    parser.add_argument("--scratch", type=pathlib.Path, default=ROOT / ".build", help="a real disk (default .build)")
    arguments = parser.parse_args()
    arguments.only = arguments.only or ["restore", "replicate"]
    if min(arguments.rounds, arguments.replicate_rounds, arguments.megabytes, arguments.seconds, arguments.idle) < 1:
        parser.error("rounds, sizes and times must be at least 1")
    try:
        arguments.api = checked_api(arguments.api)
        arguments.scratch = checked_scratch(arguments.scratch)
    except BenchFailure as failure:
        parser.error(str(failure))
    return arguments


if __name__ == "__main__":
    parsed = parse_arguments()
    sys.exit(main(lambda folder: measure(parsed, folder), parsed.scratch))
