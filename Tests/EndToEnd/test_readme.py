"""The README's curl lines, pasted one after the other against a fresh server, print what the README says."""

import pathlib
import re
import subprocess
from dataclasses import dataclass

from service import ROOT, Server, environment

README = ROOT / "README.md"

BLOCK = re.compile(r"<!-- transcript -->\s*\n```(?:sh|console)\n(.*?)^```", re.DOTALL | re.MULTILINE)
ADDRESS = re.compile(r"(?:localhost|127\.0\.0\.1):8080")

# What differs from run to run, as pattern and what stands for it.
CHANGING = [
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "<time>"),
    (re.compile(r"(?i)^(date|x-request-id): .*$", re.MULTILINE), r"\1: <changes>"),
    (re.compile(r'(?<="request_id":")[^"]+'), "<changes>"),
]
PASTE_ID = re.compile(r'(?<=[/"])(?=[A-Za-z0-9]*[A-Z0-9])[A-Za-z0-9]{8}\b')


@dataclass
class Step:
    """A command and what it must print."""

    command: str
    expected: str


def steps(block: str) -> list[Step]:
    """Reads `$ command` lines, `\\` continuing them, and the output below each."""
    found: list[Step] = []
    continued = False
    for line in block.splitlines():
        if continued:
            found[-1].command += "\n" + line
        elif line.startswith("$ "):
            found.append(Step(line[2:], ""))
        elif found:
            found[-1].expected += line + "\n"
        else:
            raise AssertionError(f"a transcript begins with a `$ command` line, not with {line!r}")
        continued = (continued or line.startswith("$ ")) and line.endswith("\\")
    return found


def comparable(text: str) -> str:
    """The text without what changes from run to run, and without the white space nobody sees."""
    text = text.replace("\r\n", "\n")
    for pattern, standing_for in CHANGING:
        text = pattern.sub(standing_for, text)
    return "\n".join(line.rstrip() for line in text.splitlines()).strip()


def test_the_reader_of_transcripts_understands_them() -> None:
    document = "<!-- transcript -->\n```console\n$ curl \\\n    a\none\ntwo\n$ curl b\n```\n```sh\n$ curl c\n```\n"
    (block,) = BLOCK.findall(document)
    assert steps(block) == [Step("curl \\\n    a", "one\ntwo\n"), Step("curl b", "")]
    assert comparable("a 2022-07-31 05:45:20 \r\nDate: x\n") == "a <time>\nDate: <changes>"
    assert PASTE_ID.findall('"fFnL9cU6" /fFnL9cU6 "password" "too_long1"') == ["fFnL9cU6", "fFnL9cU6"]
    ids: dict[str, str] = {}
    learn_ids(ids, '{"id":"fFnL9cU6"} http://a/fFnL9cU6', '{"id":"abcdefgh"} http://a/abcdefgh')
    assert with_ids("curl b/fFnL9cU6", ids) == "curl b/abcdefgh"


def learn_ids(ids: dict[str, str], expected: str, printed: str) -> None:
    """Remembers what the ids of pastes, which are random, are in this run."""
    for written in PASTE_ID.findall(expected):
        before = expected.partition(written)[0]
        found = re.match(re.escape(before) + r"([A-Za-z0-9]{8})\b", printed)
        if found and written not in ids.values():
            ids[written] = found[1]
            expected = expected.replace(written, found[1])


def with_ids(text: str, ids: dict[str, str]) -> str:
    for written, here in ids.items():
        text = text.replace(written, here)
    return text


def test_the_curl_lines_of_the_readme_print_what_it_says(server: Server, tmp_path: pathlib.Path) -> None:
    blocks = BLOCK.findall(README.read_text())
    assert blocks, "the README has no block marked <!-- transcript -->"
    ids: dict[str, str] = {}
    for step in (step for block in blocks for step in steps(block)):
        assert step.command.startswith("curl "), f"only curl lines can be checked: {step.command}"
        assert ADDRESS.search(step.command), f"which server is meant? {step.command}"
        done = subprocess.run(
            ["sh", "-c", ADDRESS.sub(f"127.0.0.1:{server.port}", with_ids(step.command, ids))],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=30,
        )
        printed = comparable(done.stdout.replace(f"127.0.0.1:{server.port}", "localhost:8080"))
        expected = with_ids(comparable(ADDRESS.sub("localhost:8080", step.expected)), ids)
        learn_ids(ids, expected, printed)
        assert printed == with_ids(expected, ids), f"$ {step.command}\n{done.stderr}"
