"""systemd units, by systemd itself: `systemd-analyze verify`, and `security` with a limit."""

import pathlib
import re
import shutil
import subprocess

# Of 100; 14 is what the unit scores.
EXPOSURE_MAX = 14


def problems(path: pathlib.Path) -> list[str]:
    folder = path.parent / "verified"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        # The program is not on this machine; systemd asks that it is.
        copy = folder / path.name
        copy.write_text(re.sub(r"^(ExecStart)=\S+", r"\1=/bin/true", path.read_text(), flags=re.MULTILINE))
        # Its exit code is 0 also for settings that it does not know: any word is a complaint.
        verify = run("verify", "--man=no", copy)
        found = [line for line in verify.stderr.splitlines() + verify.stdout.splitlines() if path.name in line]
        security = run("security", "--offline=true", f"--threshold={EXPOSURE_MAX}", copy)
        if security.returncode:
            found.append(security.stdout.strip().splitlines()[-1] if security.stdout else security.stderr)
    finally:
        shutil.rmtree(folder)
    return found + rules(path.read_text())


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *map(str, arguments)], capture_output=True, text=True, timeout=30)


def rules(unit: str) -> list[str]:
    lines = unit.splitlines()
    found = [
        f"{line} is missing"
        for line in (
            "ExecStart=/usr/local/bin/api serve",
            "EnvironmentFile=/etc/holdfast/holdfast.env",
            "StateDirectory=holdfast",
            "Restart=on-failure",
            "SystemCallErrorNumber=EPERM",
            "MemoryDenyWriteExecute=yes",
        )
        if line not in lines
    ]
    seconds = re.search(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    if not seconds or int(seconds[1]) < 10:
        found.append("TimeoutStopSec: 10 or more")
    return found
