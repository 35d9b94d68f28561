"""Fixtures for tests that start the built program: `API_BINARY=path pytest Tests/EndToEnd`."""

import resource

import pytest
from service import BINARY, Server

FILES_NEEDED = 6000


def pytest_sessionstart() -> None:
    if not BINARY.is_file():
        pytest.exit(f"{BINARY} is not there: `swift build` makes it, or set API_BINARY", returncode=2)
    # Thousands of connections are opened from here, and the server inherits the limit.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FILES_NEEDED:
        pytest.exit(f"these tests need {FILES_NEEDED} open files and `ulimit -Hn` says {hard}", returncode=2)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES_NEEDED, hard))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """Shows what the servers of a failed test said on standard error."""
    report = yield
    if report.failed:
        for server in item.stash.get(SERVERS, []):
            report.sections.append((f"serve {server.pid}, standard error", server.errors()[-4000:]))
    return report


SERVERS = pytest.StashKey[list[Server]]()


@pytest.fixture
def start_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """Starts servers with flags of the test's choice; all are stopped at its end."""
    servers = request.node.stash.setdefault(SERVERS, [])

    def start(**options) -> Server:
        servers.append(Server(tmp_path_factory.mktemp("serve"), **options))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


@pytest.fixture
def server(start_server) -> Server:
    """A server with default limits and an empty, migrated database; a crash during the test fails it."""
    started = start_server()
    yield started
    assert started.stop() == 0, started.errors()


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """One server for a module whose tests leave nothing behind that the others could see."""
    started = Server(tmp_path_factory.mktemp("serve"))
    yield started
    assert started.stop() == 0, started.errors()
