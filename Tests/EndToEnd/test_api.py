"""Every row of the HTTP contract and every error, over real sockets."""

import json
import re
import socket
import sqlite3

import pytest
from service import Server

TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
PASTE_BYTES_MAX = 2 << 20
BODY_BYTES_MAX = 1 << 20


class Answer:
    """What a request came back with."""

    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status = status
        self.headers = {name.lower(): value for name, value in headers}
        self.body = body

    @property
    def json(self):
        assert self.headers["content-type"] in ("application/json", "application/problem+json")
        return json.loads(self.body)


@pytest.fixture
def call(server: Server):
    """Sends one request on a connection of its own."""

    def send(method: str, path: str, body=None, **headers: str) -> Answer:
        connection = server.client()
        try:
            headers = {name.replace("_", "-"): value for name, value in headers.items()}
            if isinstance(body, (dict, list)):
                body = json.dumps(body)
            # What `curl -d` sends: the service takes JSON under any name.
            if body is not None:
                headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, response.getheaders(), response.read())
        finally:
            connection.close()

    return send


def assert_problem(answer: Answer, status: int, slug: str, detail: str = "") -> dict:
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json
    assert problem["type"] == f"/docs#problem-{slug}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert detail in problem["detail"], problem
    return problem


# Tasks


def test_a_task_lives_from_post_to_delete(call) -> None:
    created = call("POST", "/tasks", '{"title":"x"}')
    assert (created.status, created.body) == (201, b'{"id":1}')
    assert created.headers["location"] == "/tasks/1"

    listed = call("GET", "/tasks")
    assert listed.status == 200
    (row,) = listed.json
    assert list(row) == ["id", "title", "status", "created"]
    assert (row["id"], row["title"], row["status"]) == (1, "x", "todo")
    assert TIME.fullmatch(row["created"])

    shown = call("GET", "/tasks/1").json
    assert list(shown) == ["id", "title", "status", "created", "modified"]
    assert shown == row | {"modified": row["created"]}

    patched = call("PATCH", "/tasks/1", {"status": "doing"})
    assert patched.status == 200
    assert (patched.json["title"], patched.json["status"]) == ("x", "doing")
    assert patched.json["modified"] >= shown["modified"]
    assert call("PATCH", "/tasks/1", {"title": " y "}).json["title"] == "y"
    assert call("PATCH", "/tasks/1", {}).json["status"] == "doing"

    put = call("PUT", "/tasks/1", {"title": "z", "status": "done"})
    assert (put.status, put.json["title"], put.json["status"]) == (200, "z", "done")

    deleted = call("DELETE", "/tasks/1")
    assert (deleted.status, deleted.json) == (200, put.json)
    assert_problem(call("GET", "/tasks/1"), 404, "not-found")
    assert_problem(call("DELETE", "/tasks/1"), 404, "not-found")
    assert_problem(call("PATCH", "/tasks/1", {}), 404, "not-found")
    assert call("GET", "/tasks").body == b"[]"
    # An id is never given out twice.
    assert call("POST", "/tasks", {"title": "next"}).json == {"id": 2}


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"/title": "required"}),
        ({"title": None}, {"/title": "string"}),
        ({"title": 5}, {"/title": "string"}),
        ({"title": ["x"]}, {"/title": "string"}),
        ({"title": ""}, {"/title": "1 to 500"}),
        ({"title": " \t\n\u00a0\u3000"}, {"/title": "1 to 500"}),
        ({"title": "x" * 501}, {"/title": "1 to 500"}),
        ([], {"": "object"}),
        ("5", {"": "object"}),
        ('"title"', {"": "object"}),
        ("null", {"": "object"}),
    ],
)
def test_a_body_that_breaks_a_rule_is_told_which(call, body, errors) -> None:
    problem = assert_problem(call("POST", "/tasks", body), 422, "invalid")
    found = {error["pointer"]: error["detail"] for error in problem["errors"]}
    assert found.keys() == errors.keys()
    for pointer, words in errors.items():
        assert words in found[pointer]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("x" * 500, "x" * 500),
        ("  x" + "y" * 499 + " \n", "x" + "y" * 499),
        ("\U0001f600" * 500, "\U0001f600" * 500),
        ('quote " backslash \\ nul \u0000 tab \t end', 'quote " backslash \\ nul \u0000 tab \t end'),
        ("</script>\u2028\x1f\x7f", "</script>\u2028\x1f\x7f"),
        ("Robert'); DROP TABLE tasks;--", "Robert'); DROP TABLE tasks;--"),
    ],
)
def test_a_title_comes_back_as_it_was_sent(call, sent, kept) -> None:
    id = call("POST", "/tasks", {"title": sent, "unknown": {"keys": ["are", "ignored"]}}).json["id"]
    assert call("GET", f"/tasks/{id}").json["title"] == kept
    assert call("GET", "/tasks").json[0]["title"] == kept


def test_put_needs_both_and_names_all_that_is_wrong(call) -> None:
    call("POST", "/tasks", {"title": "x"})
    assert [e["pointer"] for e in assert_problem(call("PUT", "/tasks/1", {}), 422, "invalid")["errors"]] == [
        "/title",
        "/status",
    ]
    wrong = {"title": 5, "status": "never"}
    for method in ("PUT", "PATCH"):
        errors = assert_problem(call(method, "/tasks/1", wrong), 422, "invalid")["errors"]
        assert [e["pointer"] for e in errors] == ["/title", "/status"]
    assert "/status" in str(assert_problem(call("PATCH", "/tasks/1", {"status": None}), 422, "invalid"))
    assert call("GET", "/tasks/1").json["title"] == "x"


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ("", "line 1, column 1"),
        ("{", "line 1, column 2"),
        ('{"title":"x"', "line 1, column 13"),
        ('{\n "title": x}', "line 2, column 11"),
        ('{"title":"x"} trailing', "line 1, column 15"),
        ("{'title':'x'}", "line 1, column 2"),
        ('{"title":"\\ud800"}', "surrogate"),
        (b'{"title":"\xff"}', "UTF-8"),
        ("[" * 65, "deeper than 64"),
        ("title=x", "line 1, column 2"),
        ('{"title":"a","title":"b"}', "line 1, column 14"),
    ],
)
def test_malformed_json_is_400_with_the_position(call, body, place) -> None:
    assert_problem(call("POST", "/tasks", body), 400, "malformed-request", place)


@pytest.mark.parametrize("id", ["0", "-1", "01", "1.0", "x", "9223372036854775808", "99999999999999999999", "%31", "1%00"])
def test_an_id_that_is_no_positive_integer_is_404(call, id) -> None:
    call("POST", "/tasks", {"title": "x"})
    for path in (f"/tasks/{id}", f"/users/{id}"):
        assert_problem(call("GET", path), 404, "not-found")
        assert_problem(call("DELETE", path), 404, "not-found")
        assert_problem(call("PATCH", path, {}), 404, "not-found")


def test_tasks_are_listed_in_pages_and_by_status(call) -> None:
    for number in range(1, 8):
        call("POST", "/tasks", {"title": f"task {number}"})
    call("PATCH", "/tasks/3", {"status": "done"})
    call("PATCH", "/tasks/6", {"status": "done"})

    def ids(path: str) -> list[int]:
        return [row["id"] for row in call("GET", path).json]

    assert ids("/tasks") == [1, 2, 3, 4, 5, 6, 7]
    assert ids("/tasks?status=done") == [3, 6]
    assert ids("/tasks?status=doing") == []
    assert ids("/tasks?after=5") == [6, 7]
    assert ids("/tasks?after=9223372036854775807") == []
    assert ids("/tasks?limit=1000&unknown=1") == [1, 2, 3, 4, 5, 6, 7]

    seen, path = [], "/tasks?limit=3"
    while path:
        page = call("GET", path)
        seen += [row["id"] for row in page.json]
        link = page.headers.get("link")
        path = re.fullmatch(r'<(.+)>; rel="next"', link)[1] if link else None
    assert seen == [1, 2, 3, 4, 5, 6, 7]
    # Exactly full: nothing follows.
    assert "link" not in call("GET", "/tasks?limit=7").headers
    assert call("GET", "/tasks?status=todo&limit=2").headers["link"] == '</tasks?status=todo&limit=2&after=2>; rel="next"'


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=1001", "limit=x", "limit=", "limit=1.5", "limit=%2B5", "limit=5&limit=6", "after=-1", "after=x"],
)
def test_a_bad_parameter_is_400_and_named(call, query) -> None:
    name = query.partition("=")[0]
    for path in ("/tasks", "/users"):
        assert_problem(call("GET", f"{path}?{query}"), 400, "malformed-request", name)


def test_a_bad_status_filter_is_400(call) -> None:
    for value in ("never", "", "TODO", "todo,done"):
        assert_problem(call("GET", f"/tasks?status={value}"), 400, "malformed-request", "status")


# Users


def test_a_user_lives_from_post_to_delete(call) -> None:
    created = call("POST", "/users", {"first_name": "Taro", "last_name": "Yamada"})
    assert created.status == 201
    assert created.headers["location"] == "/users/1"
    row = created.json
    assert list(row) == ["id", "first_name", "last_name", "created_at", "updated_at"]
    assert TIME.fullmatch(row["created_at"]) and row["updated_at"] == row["created_at"]
    assert call("GET", "/users/1").json == row
    assert call("GET", "/users").json == [row]

    for method in ("PUT", "PATCH"):
        changed = call(method, "/users/1", {"first_name": method})
        assert (changed.json["first_name"], changed.json["last_name"]) == (method, "Yamada")
    assert call("PATCH", "/users/1", {"last_name": None}).json["last_name"] is None
    assert call("PATCH", "/users/1", {"last_name": "Suzuki"}).json["last_name"] == "Suzuki"
    unchanged = call("PUT", "/users/1", {})
    assert (unchanged.status, unchanged.json["last_name"]) == (200, "Suzuki")
    assert unchanged.json["created_at"] == row["created_at"]

    assert call("POST", "/users", {"first_name": "Hanako"}).json["last_name"] is None
    assert call("POST", "/users", {"first_name": "Jiro", "last_name": None}).json["last_name"] is None
    assert call("GET", "/users?limit=2").headers["link"] == '</users?limit=2&after=2>; rel="next"'

    deleted = call("DELETE", "/users/1")
    assert (deleted.status, deleted.json) == (200, unchanged.json)
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        assert_problem(call(method, "/users/1", "{}" if method[0] == "P" else None), 404, "not-found")


def test_updated_at_moves(server: Server, call) -> None:
    row = call("POST", "/users", {"first_name": "Taro"}).json
    with sqlite3.connect(server.database) as database:
        database.execute("UPDATE users SET created_at = '2022-07-31 05:45:20', updated_at = '2022-07-31 05:45:20'")
    database.close()
    changed = call("PATCH", f"/users/{row['id']}", {}).json
    assert changed["created_at"] == "2022-07-31 05:45:20"
    assert changed["updated_at"] > changed["created_at"]


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/first_name"]),
        ({"first_name": None, "last_name": 1}, ["/first_name", "/last_name"]),
        ({"first_name": "x" * 201}, ["/first_name"]),
        ({"first_name": "x", "last_name": " "}, ["/last_name"]),
    ],
)
def test_a_user_that_breaks_a_rule_is_told_which(call, body, pointers) -> None:
    problem = assert_problem(call("POST", "/users", body), 422, "invalid")
    assert [error["pointer"] for error in problem["errors"]] == pointers


# Pastes


@pytest.mark.parametrize("text", [b"hello\n", b" x ", "日本語\r\n".encode(), b"\xff\xfe\x00binary", b"x" * PASTE_BYTES_MAX])
def test_a_paste_comes_back_byte_for_byte(call, text) -> None:
    put = call("PUT", "/", text)
    assert put.status == 200
    id = put.json["id"]
    assert re.fullmatch(r"[A-Za-z0-9]{8}", id)
    assert put.body == b'{"id":"%s"}' % id.encode()
    assert put.headers["location"] == f"/{id}"
    got = call("GET", f"/{id}")
    assert (got.status, got.headers["content-type"], got.body) == (200, "text/plain; charset=utf-8", text)
    assert got.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("text", [b"", b" ", b"\r\n\t", "\u3000\u00a0".encode()])
def test_an_empty_or_blank_paste_is_400(call, text) -> None:
    assert_problem(call("PUT", "/", text), 400, "malformed-request", "empty")


def test_a_paste_over_the_limit_is_413(call) -> None:
    assert_problem(call("PUT", "/", b"x" * (PASTE_BYTES_MAX + 1)), 413, "too-large", str(PASTE_BYTES_MAX))
    form = multipart(("file", b"x" * (PASTE_BYTES_MAX + 1)))
    assert_problem(call("POST", "/", form, Content_Type=FORM), 413, "too-large")


def test_a_body_over_the_limit_is_413(call) -> None:
    start = b'{"title":"x","pad":"'
    fits = start + b"x" * (BODY_BYTES_MAX - len(start) - 2) + b'"}'
    assert call("POST", "/tasks", fits).status == 201
    assert_problem(call("POST", "/tasks", fits + b" "), 413, "too-large", str(BODY_BYTES_MAX))


FORM = "multipart/form-data; boundary=cut"


def multipart(*parts: tuple[str, bytes]) -> bytes:
    body = b""
    for name, text in parts:
        body += b'--cut\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), text)
    return body + b"--cut--\r\n"


def test_a_form_answers_the_paste_s_address(call) -> None:
    answer = call("POST", "/", multipart(("empty", b""), ("file", b"from a form\r\n--cu")), Content_Type=FORM, Host="a.example:1")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    address = re.fullmatch(rb"http://a\.example:1(/[A-Za-z0-9]{8})\n", answer.body)
    assert answer.headers["location"] == address[1].decode()
    assert call("GET", address[1].decode()).body == b"from a form\r\n--cu"
    secure = call("POST", "/", multipart(("x", b"y")), Content_Type=FORM, X_Forwarded_Proto="https")
    assert secure.body.startswith(b"https://")


@pytest.mark.parametrize(
    ("body", "type"),
    [
        (b"text", "text/plain"),
        (b"text", FORM),
        (multipart(("file", b"x"))[:-9], FORM),
        (multipart(("file", b"x")), "multipart/form-data"),
        (multipart(("file", b" \n")), FORM),
        (multipart(), FORM),
        (b"", FORM),
    ],
)
def test_a_form_without_text_is_400(call, body, type) -> None:
    assert_problem(call("POST", "/", body, Content_Type=type), 400, "malformed-request")


@pytest.mark.parametrize("path", ["/abcdefgh", "/short", "/waytoolong", "/abc%20def", "/favicon.ico"])
def test_an_unknown_paste_is_404(call, path) -> None:
    assert_problem(call("GET", path), 404, "not-found")


# What holds everywhere


def test_health_and_readiness(call) -> None:
    for path in ("/health", "/healthz"):
        assert (call("GET", path).status, call("GET", path).body) == (200, b'{"status": "ok"}')
    ready = call("GET", "/readyz")
    assert ready.status == 200
    assert ready.json["status"] == "ready"
    assert ready.json["schema"].endswith("_create_idempotency_keys")


def test_not_ready_while_migrations_are_pending(start_server) -> None:
    server = start_server(no_migrate=True)
    connection = server.client()
    connection.request("GET", "/readyz")
    response = connection.getresponse()
    problem = json.loads(response.read())
    assert (response.status, problem["type"]) == (503, "/docs#problem-unavailable")
    assert response.getheader("Retry-After")
    connection.request("GET", "/tasks")
    response = connection.getresponse()
    problem = json.loads(response.read())
    # A client hears neither SQL nor table names; the log does.
    assert (response.status, problem["detail"]) == (500, "Something went wrong here, not in the request.")
    assert server.stop() == 0
    assert any("no such table" in line.get("error", "") for line in server.logs())


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/health", "/tasks", "/users", "/assets/site.css"])
def test_head_is_get_without_the_body(call, path) -> None:
    head, get = call("HEAD", path), call("GET", path)
    assert (head.status, head.body) == (get.status, b"")
    assert head.headers["content-length"] == str(len(get.body))
    assert head.headers["content-type"] == get.headers["content-type"]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/tasks", {"GET", "HEAD", "POST", "OPTIONS"}),
        ("/tasks/1", {"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"}),
        ("/users", {"GET", "HEAD", "POST", "OPTIONS"}),
        ("/", {"GET", "HEAD", "PUT", "POST", "OPTIONS"}),
        ("/health", {"GET", "HEAD", "OPTIONS"}),
        ("/abcdefgh", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_options_and_wrong_methods_tell_what_is_allowed(call, path, allowed) -> None:
    options = call("OPTIONS", path)
    assert (options.status, options.body) == (204, b"")
    assert set(options.headers["allow"].split(", ")) == allowed
    for method in {"GET", "PUT", "POST", "PATCH", "DELETE", "TRACE", "BREW"} - allowed:
        wrong = call(method, path)
        assert_problem(wrong, 405, "method-not-allowed", method)
        assert wrong.headers["allow"] == options.headers["allow"]


@pytest.mark.parametrize("path", ["/tasks/", "/users/1/", "/nothing/here", "//", "/tasks//1", "/health/"])
def test_another_path_is_404(call, path) -> None:
    for method in ("GET", "OPTIONS", "POST"):
        assert_problem(call(method, path), 404, "not-found")


def test_every_answer_has_a_request_id(call) -> None:
    assert call("GET", "/tasks", X_Request_Id="trace-1.a:b/c_d").headers["x-request-id"] == "trace-1.a:b/c_d"
    for insane in ("a b", "x" * 129, "<script>", '"', "a,b"):
        given = call("GET", "/tasks", X_Request_Id=insane).headers["x-request-id"]
        assert re.fullmatch(r"[a-z0-9]{1,8}-\d+", given)
    first, second = (call("GET", "/nowhere").headers["x-request-id"] for _ in range(2))
    assert first != second


def test_the_log_has_one_line_for_each_request(server: Server, call) -> None:
    call("POST", "/tasks", {"title": "x"}, X_Request_Id="find-me")
    call("GET", "/tasks/2?secret=1", X_Request_Id="find-me-too")
    assert server.stop() == 0
    lines = server.logs()
    (line,) = [line for line in lines if line.get("request_id") == "find-me"]
    assert (line["method"], line["path"], line["status"], line["remote"]) == ("POST", "/tasks", 201, "127.0.0.1")
    assert line["severity"] == "INFO" and line["message"] == "request" and line["duration_ms"] > 0
    (line,) = [line for line in lines if line.get("request_id") == "find-me-too"]
    assert (line["path"], line["status"]) == ("/tasks/2", 404)


def test_a_pipelined_read_sees_the_write_before_it(server: Server) -> None:
    """Both arrive in one packet, so the loop may hold a snapshot from before the write."""
    body = b'{"title":"mine"}'
    count = 50
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        for number in range(1, count + 1):
            connection.sendall(
                b"GET /tasks HTTP/1.1\r\nHost: x\r\n\r\n"
                b"POST /tasks HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
                + b"GET /tasks/%d HTTP/1.1\r\nHost: x\r\n\r\n" % number
            )
            received = b""
            while received.count(b"HTTP/1.1 ") < 3 or not received.endswith(b"}"):
                received += connection.recv(65536)
            assert re.findall(rb"HTTP/1.1 (\d+)", received) == [b"200", b"201", b"200"]
