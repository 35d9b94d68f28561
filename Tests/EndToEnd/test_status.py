"""/status.json, and the page that shows it, in a real browser."""

import shutil
import urllib.error
import urllib.request

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright
from service import Server

SAFE = {
    "version": "1", "instance": "abc", "uptime_seconds": 90_061, "durability": "replicated",
    "database": {
        "bytes": 5_000_000, "wal_bytes": 4096, "journal_mode": "wal", "schema": "20260101000000_first",
        "tables": [{"name": "tasks", "rows": 1234}, {"name": "users", "rows": None}],
    },
    "replicas": [
        {
            "name": "s3", "state": "ok", "problem": None, "is_gate": True, "lag_milliseconds": 0,
            "txid": "00000000000001af", "snapshot_time_ms": 1_700_000_000_000,
            "usage": {
                "write_requests": 1200, "read_requests": 7, "sent_bytes": 9_000_000, "received_bytes": 10,
                "stored_bytes": 7_000_000,
            },
            "estimate": {"prices": "S3 Standard", "cents_a_month": 17},
        },
    ],
    "restore_proof": {"succeeded": True, "time_ms": 1_700_000_000_000, "duration_ms": 1500, "detail": "It is the same."},
}


def changed(**replica) -> dict:
    return SAFE | {"replicas": [SAFE["replicas"][0] | replica]}


@pytest.fixture(scope="module")
def browser():
    path = shutil.which("chromium")
    if path is None:
        pytest.fail("Chromium is missing, and the page cannot be tested without it: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_status(browser, server: Server):
    """The page, with the service's own status or a made-up one."""
    contexts = []

    def open_status(status: dict | None = None, **options):
        context = browser.new_context(base_url=server.url, reduced_motion="reduce", **options)
        contexts.append(context)
        page = context.new_page()
        if status:
            page.route("**/status.json", lambda route: route.fulfill(json=status))
        page.goto("/status")
        expect(page.locator("main")).to_have_attribute("aria-busy", "false")
        return page

    yield open_status
    for context in contexts:
        context.close()


def test_it_tells_what_there_is(server: Server) -> None:
    for number in range(3):
        server.add_task(f"{number}")
    status = server.get("/status.json")
    assert status["durability"] == "local" and status["replicas"] == [] and status["restore_proof"] is None
    database = status["database"]
    assert database["bytes"] == server.database.stat().st_size and database["wal_bytes"] > 0
    assert database["journal_mode"] == "wal" and database["schema"].endswith("_create_idempotency_keys")
    assert {table["name"]: table["rows"] for table in database["tables"]} == {"tasks": 3, "users": 0, "pastes": 0}
    assert status["instance"] and 0 <= status["uptime_seconds"] < 60
    with urllib.request.urlopen(server.url + "/status.json") as answer:
        assert answer.headers["Cache-Control"] == "no-store"


def test_an_unmigrated_database_has_no_tables(start_server) -> None:
    assert start_server(no_migrate=True).get("/status.json")["database"]["tables"] == []


def test_the_page_follows_without_a_reload(server: Server, open_status) -> None:
    page = open_status()
    expect(page.locator("#headline")).to_have_text("Serving, from one disk")
    row = page.locator("#tables tr", has_text="tasks").locator("td")
    expect(row).to_have_text("0")
    server.add_task("a")
    expect(row).to_have_text("1", timeout=10_000)


def test_it_says_when_the_service_is_gone(server: Server, open_status) -> None:
    page = open_status()
    page.route("**/status.json", lambda route: route.abort())
    expect(page.locator("#headline")).to_have_text("No answer", timeout=10_000)


@pytest.mark.parametrize(
    ("status", "headline", "meaning"),
    [
        (SAFE, "The data is safe", "loses nothing"),
        (changed(state="failing", problem="403 <b>denied</b>"), "The replica s3 has trouble", "answered 503"),
        (changed(state="failing", is_gate=False), "The replica s3 has trouble", "Writes go on. What it lacks"),
        (SAFE | changed(state="failing", is_gate=False) | {"durability": "async"}, "The replica s3 has trouble", "keep the disk"),
        (
            changed(state="starting", txid=None, snapshot_time_ms=None, usage=None, estimate=None),
            "A replica is starting",
            "loses nothing",
        ),
        (
            SAFE | {"restore_proof": SAFE["restore_proof"] | {"succeeded": False}},
            "The last restore proof failed",
            "may not bring the data back",
        ),
    ],
)
def test_the_headline_is_the_worst_that_is_known(open_status, status: dict, headline: str, meaning: str) -> None:
    page = open_status(status)
    expect(page.locator("#headline")).to_have_text(headline)
    expect(page.locator("#meaning")).to_contain_text(meaning)
    assert page.locator("b").count() == 0, "what a store says is text, not markup"


def test_what_an_estimate_covers_is_said(open_status) -> None:
    card = open_status(SAFE).locator("#replicas article")
    expect(card).to_contain_text("about $0.17 a month")
    expect(card).to_contain_text("At the list prices of S3 Standard: requests as since the start, and what is stored now.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("status", [SAFE, changed(state="failing", problem="It is full."), None])
def test_all_can_use_it(open_status, scheme: str, width: int, status: dict | None) -> None:
    page = open_status(status, color_scheme=scheme, viewport={"width": width, "height": 800})
    report = Axe().run(page)
    assert report.violations_count == 0, report.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_with_a_port_of_its_own_the_page_is_there_and_nowhere_else(start_server, browser) -> None:
    server = start_server(admin_port=0)
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(server.url + "/status")
    port = next(entry["admin_port"] for entry in server.logs() if entry["message"] == "listening")
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{port}/status")
    expect(page.locator("main")).to_have_attribute("aria-busy", "false")
    page.close()
