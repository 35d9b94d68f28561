"""The pages at / and /docs, in a real browser: what they show, what they send, and that all may use them.

Needs Chromium (Debian's `chromium`), curl, and from PyPI pytest, playwright and axe-playwright-python.
The fixture `server` is the running service; only its `url` is used here.
"""

import json
import re
import shutil
import subprocess
import urllib.request

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

PASTE_BYTES_MAX = 2 * 1024 * 1024
METHODS = ("get", "post", "put", "patch", "delete")
LOOKS = [(scheme, width) for scheme in ("light", "dark") for width in (1280, 360)]


@pytest.fixture(scope="module")
def browser():
    path = shutil.which("chromium")
    if path is None:
        pytest.fail("Chromium is missing, and the pages cannot be tested without it: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, server):
    """Opens a path in a fresh context; afterwards nothing may have gone wrong unseen, or to another host."""
    contexts, wrongs = [], []

    def open_page(path, **options):
        context = browser.new_context(base_url=server.url, reduced_motion="reduce", **options)
        contexts.append(context)
        page = context.new_page()

        def watch_console(message):
            # The browser reports every answer of 400 and above as an error; those are asked for here.
            if message.type == "error" and not message.text.startswith("Failed to load resource"):
                wrongs.append(f"console: {message.text}")

        def watch_request(request):
            if not request.url.startswith((server.url, "data:")):
                wrongs.append(f"a request left for {request.url}")

        page.on("console", watch_console)
        page.on("pageerror", lambda error: wrongs.append(f"exception: {error}"))
        page.on("request", watch_request)
        policy = page.goto(path).header_value("content-security-policy")
        assert policy and policy.startswith("default-src 'none'") and "unsafe" not in policy, policy
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrongs == []


@pytest.fixture
def document(server):
    return json.loads(read(f"{server.url}/openapi.json"))


def read(url):
    with urllib.request.urlopen(url) as answer:
        return answer.read()


def post(url, value):
    with urllib.request.urlopen(url, data=json.dumps(value).encode()) as answer:
        return json.load(answer)


def operations(document):
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def copied(page):
    return page.evaluate("navigator.clipboard.readText()")


def shell(command):
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=30, check=True).stdout


# --- Home


def stored_address(page):
    page.get_by_role("button", name="Store paste").click()
    link = page.locator("#stored a")
    expect(link).to_be_visible()
    return link.get_attribute("href")


def test_a_text_is_stored_as_it_was_typed(open_page):
    page = open_page("/")
    page.get_by_label("Text").fill("  Grüße 🌊\n\tzwei  \n")
    assert read(stored_address(page)) == "  Grüße 🌊\n\tzwei  \n".encode()


def test_a_file_is_stored_byte_for_byte(open_page):
    content = b"\xef\xbb\xbfa\r\nb\r\x00\xff\xfe\n"
    page = open_page("/")
    page.get_by_label("or a file").set_input_files({"name": "a.txt", "mimeType": "text/plain", "buffer": content})
    expect(page.get_by_label("Text")).to_be_disabled()
    assert read(stored_address(page)) == content
    page.get_by_role("button", name="Remove file").click()
    expect(page.get_by_label("Text")).to_be_focused()


def test_a_file_may_be_dropped_anywhere_on_the_page(open_page):
    page = open_page("/")
    drop = """() => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File(["dropped\\r\\n"], "a.txt"));
        const target = document.querySelector("h1");
        return ["dragover", "drop"].map((type) =>
            target.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true })));
    }"""
    # False: the page took the event, and the browser does not leave to show the file.
    assert page.evaluate(drop) == [False, False]
    assert read(stored_address(page)) == b"dropped\r\n"


@pytest.mark.parametrize("blank", ["", " \n\t", "\u0085\u00a0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000"])
def test_what_is_blank_cannot_be_sent(open_page, blank):
    page = open_page("/")
    page.get_by_label("Text").fill("x")
    expect(page.get_by_role("button", name="Store paste")).to_be_enabled()
    page.get_by_label("Text").fill(blank)
    expect(page.get_by_role("button", name="Store paste")).to_be_disabled()


@pytest.mark.parametrize("text", ["\ufeff", "\u200b", "\u001c"])
def test_what_only_looks_blank_is_stored(open_page, text):
    page = open_page("/")
    page.get_by_label("Text").fill(text)
    assert read(stored_address(page)) == text.encode()


def test_the_limit_is_told_before_anything_is_sent(open_page):
    page = open_page("/")
    file = page.get_by_label("or a file")
    big = {"name": "big.txt", "mimeType": "text/plain", "buffer": b"a" * (PASTE_BYTES_MAX + 1)}
    file.set_input_files(big)
    expect(page.get_by_role("alert").filter(has_text="2,097,153 bytes; at most 2,097,152")).to_be_visible()
    expect(page.get_by_role("button", name="Store paste")).to_be_disabled()
    file.set_input_files(big | {"buffer": b"a" * PASTE_BYTES_MAX})
    assert len(read(stored_address(page))) == PASTE_BYTES_MAX


def test_a_refusal_is_told_in_words_and_leads_to_its_description(open_page):
    page = open_page("/")
    blank = {"name": "blank.txt", "mimeType": "text/plain", "buffer": b" \n"}
    page.get_by_label("or a file").set_input_files(blank)
    page.get_by_role("button", name="Store paste").click()
    alert = page.locator("#trouble")
    expect(alert).to_contain_text("Not stored. Malformed request. ")
    expect(page.locator("#stored")).to_be_empty()
    alert.get_by_role("link", name="What this means").click()
    expect(page.locator("#problem-malformed-request")).to_be_in_viewport()


def test_no_answer_is_told_in_words(open_page):
    page = open_page("/")
    page.get_by_label("Text").fill("x")
    page.route("**/*", lambda route: route.abort())
    page.get_by_role("button", name="Store paste").click()
    expect(page.locator("#trouble")).to_contain_text("no answer came")
    expect(page.get_by_role("button", name="Store paste")).to_be_enabled()


def test_an_answer_that_is_no_problem_document_is_told_by_its_status(open_page):
    page = open_page("/")
    page.get_by_label("Text").fill("x")
    page.route("**/*", lambda route: route.fulfill(status=502, content_type="text/html", body="<p>Bad gateway"))
    page.get_by_role("button", name="Store paste").click()
    expect(page.locator("#trouble")).to_have_text("Not stored. The server answered 502.")


def test_the_state_and_the_version_are_the_servers_own(open_page, document):
    page = open_page("/")
    expect(page.locator("#state")).to_have_text("Ready")
    expect(page.locator("#version")).to_have_text(f"Version {document['info']['version']}")
    look_again = "document.dispatchEvent(new Event('visibilitychange'))"
    page.route("**/readyz", lambda route: route.fulfill(status=503))
    page.evaluate(look_again)
    expect(page.locator("#state")).to_have_text("Not ready")
    page.route("**/readyz", lambda route: route.abort())
    page.evaluate(look_again)
    expect(page.locator("#state")).to_have_text("No answer")
    page.unroute("**/readyz")
    page.evaluate(look_again)
    expect(page.locator("#state")).to_have_text("Ready")


def test_the_commands_can_be_copied_and_work_when_pasted(open_page, server):
    page = open_page("/", permissions=["clipboard-read", "clipboard-write"])
    outputs = []
    for button in page.get_by_role("button", name="Copy the command").all():
        button.click()
        expect(button).to_have_text("Copied")
        outputs.append(shell(copied(page)))
    created, listed, address = outputs
    assert json.loads(created)["id"] > 0
    assert set(json.loads(listed)[0]) == {"id", "title", "status", "created"}
    assert address.startswith(f"{server.url}/")
    assert read(address.strip()).strip() != b""


def test_the_pastes_address_can_be_copied(open_page):
    page = open_page("/", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_label("Text").fill("x")
    address = stored_address(page)
    page.get_by_role("button", name="Copy the address").click()
    expect(page.get_by_role("button", name="Copy the address")).to_have_text("Copied")
    assert copied(page) == address


def test_without_a_clipboard_the_command_is_selected(open_page):
    page = open_page("/")
    # As on plain http:// to any host but this one.
    page.evaluate("() => { Object.defineProperty(navigator, 'clipboard', { value: undefined }) }")
    button = page.get_by_role("button", name="Copy the command: List the tasks")
    button.click()
    expect(button).to_have_text("Selected")
    assert page.evaluate("getSelection().toString()") == page.locator(".command code").nth(1).text_content()


def test_without_javascript_the_form_stores_text_and_files(open_page):
    for fill in (
        lambda page: page.get_by_label("Text").fill("plain form"),
        lambda page: page.get_by_label("or a file").set_input_files(
            {"name": "a.txt", "mimeType": "text/plain", "buffer": b"plain form"}
        ),
    ):
        page = open_page("/", java_script_enabled=False)
        fill(page)
        page.get_by_role("button", name="Store paste").click()
        assert read(page.locator("body").inner_text().strip()) == b"plain form"


# --- Docs


def open_docs(open_page, fragment="", **options):
    page = open_page(f"/docs{fragment}", **options)
    expect(page.locator("#schemas")).to_be_attached()
    return page


def test_the_page_has_every_operation_answer_schema_and_problem(open_page, document):
    page = open_docs(open_page)
    for path, method, operation in operations(document):
        entry = page.locator(f"article[id='{operation['operationId']}']")
        expect(entry.locator("h3")).to_have_text(re.compile(rf"^{method.upper()}\s+{re.escape(path)}$"))
        expect(entry.locator(".response summary .status")).to_have_text(list(operation["responses"]))
    for name in document["components"]["schemas"]:
        expect(page.locator(f"[id='schema-{name}'] h3")).to_contain_text(name)
    for problem in document["x-problems"]:
        expect(page.locator(f"[id='problem-{problem['slug']}']")).to_contain_text(problem["remedy"])
    links = page.locator("#index li a").evaluate_all("links => links.map((link) => link.hash.slice(1))")
    assert links == page.locator("article").evaluate_all("entries => entries.map((entry) => entry.id)")


def test_nothing_that_the_document_says_is_missing_from_the_page(open_page, document):
    said = set()

    def collect(node):
        if isinstance(node, list):
            for part in node:
                collect(part)
        elif isinstance(node, dict):
            for key, value in node.items():
                if key in ("description", "summary") and isinstance(value, str):
                    plain = re.sub(r"^- ", "", value.replace("`", ""), flags=re.MULTILINE)
                    said.update(re.split(r"\n+", plain))
                elif key in ("pattern", "meaning", "remedy"):
                    said.add(value)
                elif key in ("minimum", "maximum", "minLength", "maxLength") and value not in (0, 1):
                    said.add(str(value))
                elif key == "enum":
                    said.update(value)
                else:
                    collect(value)

    collect(document)
    assert str(2**63 - 1) in said
    text = open_docs(open_page).locator("#content").text_content()
    assert [words for words in said if words not in text] == []


@pytest.mark.parametrize("fragment", ["#deleteUser", "#problem-invalid", "#schema-User"])
def test_an_entry_has_an_address(open_page, fragment):
    page = open_docs(open_page, fragment)
    expect(page.locator(fragment)).to_be_in_viewport()
    assert page.evaluate("document.querySelector(':target')?.id") == fragment[1:]


def test_the_filter_leaves_what_has_all_the_words(open_page):
    page = open_docs(open_page)
    page.get_by_label("Filter").fill("delete USERS")
    expect(page.locator("article:visible h3")).to_have_text(re.compile(r"^DELETE\s+/users/\{id\}$"))
    expect(page.locator("#index li:visible")).to_have_count(1)
    expect(page.locator("#content > section:visible")).to_have_count(1)
    expect(page.locator("#matches")).to_have_text(re.compile(r"^1 of \d+ entries$"))
    page.get_by_label("Filter").fill("")
    expect(page.locator("article:visible")).to_have_count(page.locator("article").count())


def test_a_link_to_an_entry_that_is_filtered_away_brings_it_back(open_page):
    page = open_docs(open_page)
    page.get_by_label("Filter").fill("getTask")
    page.locator("[id='getTask']").get_by_text("There is nothing at this address.").click()
    page.evaluate("location.hash = '#problem-not-found'")
    expect(page.locator("#problem-not-found")).to_be_in_viewport()
    expect(page.get_by_label("Filter")).to_have_value("")


def test_every_curl_line_gets_a_documented_success(open_page, server, document):
    page = open_docs(open_page)
    for path, method, operation in operations(document):
        entry = page.locator(f"article[id='{operation['operationId']}']")
        if "{id}" in path:
            # The examples' ids need not exist, and what is deleted here must be nobody else's.
            if path == "/{id}":
                request = urllib.request.Request(server.url, data=b"x", method="PUT")
                with urllib.request.urlopen(request) as answer:
                    made = json.load(answer)
            else:
                kind = path.split("/")[1]
                made = post(f"{server.url}/{kind}", {"title": "x", "first_name": "x"})
            entry.get_by_text("Try it").click()
            entry.get_by_label("id in path").fill(str(made["id"]))
        line = entry.locator(".command code").text_content()
        assert line.startswith("curl ")
        status = shell(f"curl -s -o /dev/null -w '%{{http_code}}' {line.removeprefix('curl ')}")
        assert status == next(iter(operation["responses"])), line


def test_a_form_sends_what_its_curl_line_says(open_page, server):
    page = open_docs(open_page, "#createTask")
    entry = page.locator("article[id='createTask']")
    entry.get_by_text("Try it").click()
    body = json.dumps({"title": "it's <img src=x onerror=alert(1)>\\n"})
    entry.get_by_label("body").fill(body)
    by_curl = json.loads(shell(entry.locator(".command code").text_content()))
    entry.get_by_role("button", name="Send").click()
    expect(entry.locator(".received")).to_contain_text("201 Created")
    by_form = json.loads(entry.locator(".received pre").nth(1).text_content())
    titles = [json.loads(read(f"{server.url}/tasks/{made['id']}"))["title"] for made in (by_curl, by_form)]
    assert titles == [json.loads(body)["title"].strip()] * 2

    reading = page.locator("article[id='getTask']")
    reading.get_by_text("Try it").click()
    reading.get_by_label("id in path").fill(str(by_form["id"]))
    reading.get_by_role("button", name="Send").click()
    expect(reading.locator(".received")).to_contain_text("<img src=x onerror=alert(1)>")
    expect(reading.locator("img")).to_have_count(0)


def test_a_document_that_cannot_be_read_is_told_in_words(browser, server):
    page = browser.new_page(base_url=server.url)
    page.route("**/openapi.json", lambda route: route.fulfill(status=503))
    page.goto("/docs")
    expect(page.get_by_role("alert")).to_contain_text("could not be read: the server answered 503")
    page.close()


def test_without_javascript_the_docs_lead_to_the_document(open_page):
    page = open_page("/docs", java_script_enabled=False)
    expect(page.locator("main").get_by_role("link", name="openapi.json")).to_be_visible()


# --- Both


def look_at_home(open_page, **options):
    page = open_page("/", **options)
    expect(page.locator("#state")).to_have_text("Ready")
    page.get_by_label("Text").fill("x")
    stored_address(page)
    blank = {"name": "blank.txt", "mimeType": "text/plain", "buffer": b" "}
    page.get_by_label("or a file").set_input_files(blank)
    page.get_by_role("button", name="Store paste").click()
    expect(page.locator("#trouble")).to_contain_text("Not stored")
    return page


def look_at_docs(open_page, **options):
    page = open_docs(open_page, **options)
    # The entries are all drawn alike, and axe takes ten seconds when all of them are open.
    page.evaluate("for (const details of document.querySelectorAll('#tag-tasks details')) details.open = true")
    page.locator("article[id='listTasks']").get_by_role("button", name="Send").click()
    expect(page.locator("article[id='listTasks'] .received")).to_contain_text("200")
    return page


@pytest.mark.parametrize("look_at", [look_at_home, look_at_docs])
@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_everyone_can_use_the_page(open_page, look_at, scheme, width):
    page = look_at(open_page, color_scheme=scheme, viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == width, "it scrolls sideways"
    violations = Axe().run(page).response["violations"]
    assert [(found["id"], [node["target"] for node in found["nodes"]][:5]) for found in violations] == []


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_the_keyboard_shows_where_it_is(open_page, path):
    page = open_page(path)
    for _ in range(12):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        style = focused.evaluate("element => getComputedStyle(element).outline")
        assert "solid 2px" in style, focused.evaluate("element => element.outerHTML")
