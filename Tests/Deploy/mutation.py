"""Plants faults in good manifests, to see that the checks find them."""

import pathlib
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """A change to a manifest's text, by a regular expression, that its check must find."""

    what: str
    pattern: str
    replacement: str = ""

    def __str__(self) -> str:
        return self.what

    def planted(self, manifest: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
        """A copy with the fault, under the same name, in a folder of the test's own."""
        good = manifest.read_text()
        bad, count = re.subn(self.pattern, self.replacement, good, count=1, flags=re.MULTILINE)
        assert count == 1 and bad != good, f"the pattern of {self.what!r} changes nothing in {manifest.name}"
        copy = folder / manifest.name
        copy.write_text(bad)
        return copy


def faults(*rows: tuple[str, str, str] | tuple[str, str]) -> list[Fault]:
    return [Fault(*row) for row in rows]
