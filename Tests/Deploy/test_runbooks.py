"""The runbooks, followed literally: every `console` line is typed, and what it prints is what the runbook says."""

import datetime
import re
import subprocess
import time
from dataclasses import dataclass, field

from workplace import ROOT, Workplace, free_port

RUNBOOKS = ROOT / "deploy/runbooks"
BLOCK = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)
MARK = "=== step"
SECONDS_MAX = 120


@dataclass
class Step:
    """What is typed, and what it must print; `...` stands for anything, alone on a line for any lines."""

    command: str
    expected: list[str] = field(default_factory=list)

    def pattern(self) -> str:
        text = ""
        for line in self.expected:
            text += r"(?:.*\n)*?" if line == "..." else re.escape(line).replace(re.escape("..."), ".*") + r"\n"
        return text


def steps(document: str) -> list[Step]:
    found: list[Step] = []
    for block in BLOCK.findall(document):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(Step(line[2:]))
            else:
                found[-1].expected.append(line)
    return found


def follow(workplace: Workplace, runbook: str, **variables: str) -> None:
    """Types all of a runbook into one shell; the port 8080 becomes a free one."""
    found = steps((RUNBOOKS / runbook).read_text())
    port = str(free_port())
    script = ["exec 2>&1", "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT"]
    for i, step in enumerate(found):
        script += [step.command.replace("8080", port), f"printf '{MARK} %d %d\\n' {i} $?"]
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=workplace.folder,
        env=workplace.environment | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
    )
    printed = re.split(rf"{MARK} (\d+) (\d+)\n", done.stdout)
    for i, step in enumerate(found):
        output, number, code = printed[3 * i : 3 * i + 3]
        # What does not end its line is still a line to whoever reads it.
        output = output if output.endswith("\n") or not output else output + "\n"
        assert (int(number), int(code)) == (i, 0), f"$ {step.command}\n{output}{workplace.logs()}"
        assert re.fullmatch(step.pattern(), output), (
            f"$ {step.command}\n{output}\nis not\n{step.expected}{workplace.logs()}"
        )


def test_the_reader_of_runbooks_understands_them() -> None:
    (first, second) = steps("```console\n$ a\none\n...\ntwo,...\n$ b\n```\n```sh\n$ c\n```\n")
    assert (first.command, second.command) == ("a", "b")
    assert re.fullmatch(first.pattern(), "one\nx\ny\ntwo, and so on\n")
    assert re.fullmatch(first.pattern(), "one\ntwo,\n")
    assert not re.fullmatch(first.pattern(), "one\ntwo\n")
    assert re.fullmatch(second.pattern(), "") and not re.fullmatch(second.pattern(), "x\n")


def test_server_lost(workplace: Workplace) -> None:
    workplace.kill()
    subprocess.run(["rm", "-rf", workplace.folder / "data"], check=True)
    follow(workplace, "server-lost.md")


def test_corruption(workplace: Workplace) -> None:
    workplace.kill()
    with open(workplace.folder / "data/holdfast.db", "r+b") as database:
        database.seek(4096)
        database.write(b"\xde\xad\xbe\xef" * 2048)
    follow(workplace, "corruption.md")


def test_accidental_delete(workplace: Workplace) -> None:
    time.sleep(1.1)
    before = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    time.sleep(1.1)
    assert workplace.request("DELETE", "/tasks/2")[0] == 200
    follow(workplace, "accidental-delete.md", BEFORE=before)
    status, tasks = workplace.request("GET", "/tasks")
    assert (status, [task["title"] for task in tasks]) == (200, ["one", "three", "two"])
