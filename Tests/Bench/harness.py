"""What all measurements share: processes that are stopped by their own ids, the machine, and how figures are shown.

Python's standard library only.
"""

import contextlib
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
STOP_SECONDS_MAX = 10


class BenchFailure(Exception):
    """The run cannot be trusted, or cannot go on."""


# Processes.


class Process:
    """A started program, stopped by its own process id."""

    def __init__(
        self,
        name: str,
        command: list[str],
        folder: pathlib.Path,
        environment: dict[str, str] | None = None,
        stop_seconds_max: float = STOP_SECONDS_MAX,
    ):
        self.name = name
        self._stop_seconds_max = stop_seconds_max
        self.log = folder / f"{name}.stdout"
        self.errors = folder / f"{name}.stderr"
        with open(self.log, "wb") as log, open(self.errors, "wb") as errors:
            self._process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=errors, env=environment
            )
        self.pid = self._process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        """Stops it; a program that does not go when told is a failure of its own."""
        if self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(self._stop_seconds_max)
        except subprocess.TimeoutExpired:
            self.kill()
            raise BenchFailure(f"{self.name} was still there {self._stop_seconds_max} s after SIGTERM") from None

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Only tells it; `wait` then says how it ended."""
        self._process.send_signal(number)

    def wait(self, seconds: float) -> int:
        return self._process.wait(seconds)

    def check_alive(self) -> None:
        if (code := self._process.poll()) is not None:
            raise BenchFailure(f"{self.name} ended with {code}: {self.said()}")

    def said(self) -> str:
        texts = [path.read_text(errors="replace")[-2000:].strip() for path in (self.log, self.errors)]
        return " ".join(text for text in texts if text)

    def until(self, condition: Callable[[], object], what: str, seconds: float) -> object:
        """Waits for something that the program will do."""
        deadline = time.monotonic() + seconds
        while not (result := condition()):
            self.check_alive()
            if time.monotonic() > deadline:
                raise BenchFailure(f"{self.name}: no {what} within {seconds} s: {self.said()}")
            time.sleep(0.01)
        return result

    def port(self, seconds: float) -> int:
        """Waits for the line on standard output that says which port was free."""
        return self.until(self._listening, "port", seconds)

    def _listening(self) -> int | None:
        for line in self.log.read_text(errors="replace").splitlines():
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                if entry.get("message") == "listening" and entry.get("port"):
                    return int(entry["port"])
        return None

    def cpu_seconds(self) -> float:
        """What the scheduler gave all threads, in nanoseconds; `stat` counts in ticks of 10 ms."""
        total = 0
        for thread in pathlib.Path(f"/proc/{self.pid}/task").iterdir():
            with contextlib.suppress(FileNotFoundError):  # a thread that ended while we looked
                total += int((thread / "schedstat").read_text().split()[0])
        return total / 1e9

    def resident_mib(self) -> float:
        return memory_mib(self.pid, "VmRSS")

    def peak_mib(self) -> float:
        return memory_mib(self.pid, "VmHWM")


def memory_mib(pid: int, what: str) -> float:
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"{what}:\s+(\d+)", status)[1]) / 1024


@dataclass(frozen=True)
class Run:
    """What a program took that ran to its end."""

    seconds: float
    cpu_seconds: float
    peak_mib: float


def run(name: str, command: list[str], environment: dict[str, str] | None = None, seconds: float = 300) -> Run:
    """Runs a program to its end, which must be a good one."""
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
        )
        try:
            # Not `wait`: only `wait4` says what exactly this child took. Its peak would be that of the parent, if higher.
            peak = 0.0
            while True:
                with contextlib.suppress(FileNotFoundError, TypeError):  # gone, or without memory at its end
                    peak = max(peak, memory_mib(process.pid, "VmHWM"))
                pid, status, usage = os.wait4(process.pid, os.WNOHANG)
                if pid:
                    break
                if time.perf_counter() - started > seconds:
                    raise BenchFailure(f"{name} took more than {seconds} s")
                time.sleep(0.003)
        except BaseException:
            process.kill()
            process.wait()
            raise
        elapsed = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            output.seek(0)
            raise BenchFailure(f"{name} ended with {process.returncode}: {output.read()[-2000:].decode()}")
    return Run(elapsed, usage.ru_utime + usage.ru_stime, peak)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def scratch(parent: pathlib.Path):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def build_peer(folder: pathlib.Path) -> str:
    """The service in Go that does the same as ours."""
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


def main(measure: Callable[[pathlib.Path], int], scratch_parent: pathlib.Path) -> int:
    """Runs a measurement in a folder of its own; whatever ends it, what it started is stopped."""
    # `kill` must clean up like Ctrl-C does: both leave through the `with` blocks that stop servers and remove files.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with scratch(scratch_parent) as folder:
            return measure(folder)
    except BenchFailure as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted; what it started is stopped", file=sys.stderr)
        return 130


def checked_scratch(folder: pathlib.Path) -> pathlib.Path:
    folder = folder.resolve()
    folder.mkdir(exist_ok=True)
    if filesystem(folder) in ("tmpfs", "ramfs"):
        raise BenchFailure(f"{folder} is in memory, where a sync costs nothing: name a disk with --scratch")
    return folder


def checked_api(path: str) -> str:
    """The release binary: a debug build would be measured against the peers' best."""
    api = str(pathlib.Path(path).resolve())
    if not os.access(api, os.X_OK):
        raise BenchFailure(f"{api} is not there: run `make build`, or name it with --api")
    return api


# The machine.


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


def describe_machine(folder: pathlib.Path) -> dict:
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
        "load_before": os.getloadavg()[0],
    }


def machine_line(machine: dict) -> str:
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB; {machine['system']}; "
        f"{machine['disk']}; load before the run {machine['load_before']:.1f}."
    )


# Figures.


def number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def paired_ratio(ours: list[float], theirs: list[float]) -> float:
    """The median of the rounds' ratios: what slows a whole round falls out of it."""
    return statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))


def ordered(programs: list, round_number: int) -> list:
    """Who goes first changes every round: a machine that slows down must not favour one side."""
    return programs if round_number % 2 == 0 else programs[::-1]


def table_lines(table: list[list[str]]) -> list[str]:
    """Markdown that is aligned, so that it also reads well in a terminal; the first row is the head."""
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
    return lines


def verdict(title: str, value: float, bound: float, at_least: bool = False) -> str:
    reached = value >= bound if at_least else value <= bound
    word = "reached    " if reached else "not reached"
    return f"{word}  {title}: {value:.3g} (target: at {'least' if at_least else 'most'} {bound:g})"
