"""Who may do what, from where, and how often."""

import base64
import contextlib
import json

import pytest
from service import Server, eventually, run_api

TOKEN = "a-token-of-the-tests"
READER = "a-reader-of-the-tests"


def ask(server: Server, method: str, path: str, body: bytes | None = None, source: str = "127.0.0.1", **headers: str):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with contextlib.closing(server.client(source)) as client:
        client.request(method, path, body, named)
        response = client.getresponse()
        return response.status, response.headers, response.read()


def kind(answer) -> str:
    return json.loads(answer[2])["type"].removeprefix("/docs#problem-")


@pytest.fixture
def guarded(start_server, tmp_path) -> Server:
    file = tmp_path / "tokens"
    file.write_text(f"# of the tests\n{TOKEN}\nread-only {READER}\n")
    return start_server(token_file=file)


@pytest.mark.parametrize("path", ["/", "/tasks", "/docs", "/metrics", "/openapi.json", "/assets/site.css", "/nothing/here"])
def test_without_a_token_nothing_but_health_answers(guarded: Server, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong-token-of-tests"}):
        answer = ask(guarded, "GET", path, **headers)
        assert (answer[0], kind(answer)) == (401, "unauthorized")
        assert answer[1].get_all("WWW-Authenticate")[0].startswith("Bearer ")
    assert ask(guarded, "GET", path, Authorization=f"Bearer {TOKEN}")[0] != 401


@pytest.mark.parametrize("path", ["/health", "/healthz", "/readyz"])
def test_health_answers_everybody(guarded: Server, path: str) -> None:
    assert ask(guarded, "GET", path)[0] == 200


def test_a_read_only_token_reads(guarded: Server) -> None:
    reader = {"Authorization": f"Bearer {READER}"}
    assert ask(guarded, "GET", "/tasks", **reader)[0] == 200
    for method, path in [("POST", "/tasks"), ("PUT", "/"), ("PATCH", "/tasks/1"), ("DELETE", "/users/1")]:
        answer = ask(guarded, method, path, b'{"title": "a"}', **reader)
        assert (answer[0], kind(answer)) == (403, "forbidden")
    assert ask(guarded, "POST", "/tasks", b'{"title": "a"}', Authorization=f"Bearer {TOKEN}")[0] == 201
    assert len(json.loads(ask(guarded, "GET", "/tasks", **reader)[2])) == 1


def test_a_browser_may_read_with_a_password_and_not_write(guarded: Server) -> None:
    basic = {"Authorization": "Basic " + base64.b64encode(f"me:{TOKEN}".encode()).decode()}
    assert ask(guarded, "GET", "/", **basic)[0] == 200
    assert ask(guarded, "POST", "/tasks", b'{"title": "a"}', **basic)[0] == 403


def test_tokens_are_never_shown(tmp_path) -> None:
    done = run_api("config", "print", cwd=tmp_path, API_TOKEN=TOKEN)
    assert done.returncode == 0 and TOKEN not in done.stdout and "API_TOKEN" in done.stdout
    done = run_api("serve", cwd=tmp_path, API_TOKEN="short-token")
    assert done.returncode == 2 and "short-token" not in done.stderr and "16 characters" in done.stderr
    (tmp_path / "none").write_text("# nothing\n")
    done = run_api("serve", "--token-file", "none", cwd=tmp_path)
    assert done.returncode == 2 and "no token" in done.stderr


def test_pages_of_other_origins_get_nothing_unless_listed(start_server) -> None:
    closed = start_server()
    headers = ask(closed, "GET", "/tasks", Origin="https://app.example")[1]
    assert not [name for name in headers if name.lower().startswith("access-control-")]
    server = start_server(cors_origins="https://app.example,http://localhost:3000", token=TOKEN)
    status, headers, _ = ask(server, "OPTIONS", "/tasks", Origin="https://app.example", Access_Control_Request_Method="POST")
    assert status == 204 and headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert "Authorization" in headers["Access-Control-Allow-Headers"] and headers["Vary"] == "Origin"
    answer = ask(server, "GET", "/tasks", Origin="http://localhost:3000", Authorization=f"Bearer {TOKEN}")
    assert answer[0] == 200 and answer[1]["Access-Control-Allow-Origin"] == "http://localhost:3000"
    # What went wrong must be readable there too.
    assert ask(server, "GET", "/tasks", Origin="https://app.example")[1]["Access-Control-Allow-Origin"]
    for origin in ("https://evil.example", "https://app.example.evil", "null"):
        answer = ask(server, "GET", "/tasks", Origin=origin, Authorization=f"Bearer {TOKEN}")
        assert answer[0] == 200 and "Access-Control-Allow-Origin" not in answer[1] and answer[1]["Vary"] == "Origin"


@pytest.mark.parametrize("path", ["/tasks", "/health", "/nothing", "/docs", "/"])
def test_every_answer_has_the_fields_that_bind_a_browser(server: Server, path: str) -> None:
    headers = ask(server, "GET", path)[1]
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    policies = headers.get_all("Content-Security-Policy")
    assert len(policies) == 1 and "frame-ancestors 'none'" in policies[0]


def write(server: Server, source: str, **headers: str):
    return ask(server, "POST", "/tasks", b'{"title": "a"}', source, **headers)


def test_writes_are_limited_for_each_address_and_reads_are_not(start_server) -> None:
    server = start_server(rate_limit=3)
    assert [write(server, "127.0.0.2")[0] for _ in range(4)] == [201, 201, 201, 429]
    answer = write(server, "127.0.0.2")
    assert kind(answer) == "too-many-requests" and 1 <= int(answer[1]["Retry-After"]) <= 20
    assert write(server, "127.0.0.3")[0] == 201
    assert {ask(server, "GET", "/tasks", source="127.0.0.2")[0] for _ in range(10)} == {200}
    # Without a trusted proxy nobody is fooled by what a client says of itself.
    assert write(server, "127.0.0.2", X_Forwarded_For="203.0.113.1")[0] == 429


def test_behind_a_trusted_proxy_the_client_counts(start_server) -> None:
    server = start_server(rate_limit=1, trusted_proxies="127.0.0.2/32, 10.0.0.0/8")
    proxy = "127.0.0.2"
    assert write(server, proxy, X_Forwarded_For="203.0.113.1")[0] == 201
    assert write(server, proxy, X_Forwarded_For="203.0.113.1")[0] == 429
    assert write(server, proxy, X_Forwarded_For="203.0.113.2")[0] == 201
    assert write(server, proxy, X_Forwarded_For="198.51.100.1, 203.0.113.2, 10.0.0.7")[0] == 429
    assert write(server, "127.0.0.9", X_Forwarded_For="203.0.113.3")[0] == 201
    assert write(server, "127.0.0.9", X_Forwarded_For="203.0.113.4")[0] == 429
    # The line of a request may be written a moment after its answer.
    assert eventually(lambda: "203.0.113.2" in {entry.get("remote") for entry in server.logs()}, 5)


def test_metrics_can_have_a_port_of_their_own(start_server) -> None:
    server = start_server(admin_port=0)
    assert ask(server, "GET", "/metrics")[0] == 404
    assert ask(server, "GET", "/tasks")[0] == 200
    server.port = next(entry["admin_port"] for entry in server.logs() if entry["message"] == "listening")
    assert ask(server, "GET", "/metrics")[0] == 200
    assert ask(server, "GET", "/readyz")[0] == 200
    assert ask(server, "GET", "/tasks")[0] == 404
    assert server.stop() == 0
