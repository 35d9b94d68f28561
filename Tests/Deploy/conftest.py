"""What the tests of deploy/ share; `API_BINARY` is the program that they run."""

import pathlib
from collections.abc import Iterator

import pytest
from workplace import Workplace


@pytest.fixture
def workplace(tmp_path: pathlib.Path) -> Iterator[Workplace]:
    """With three tasks in it."""
    place = Workplace(tmp_path)
    try:
        place.start()
        for title in ("one", "two", "three"):
            assert place.request("POST", "/tasks", {"title": title})[0] == 201
        yield place
    finally:
        place.kill()
