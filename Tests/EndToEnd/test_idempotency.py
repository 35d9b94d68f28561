"""`Idempotency-Key`: a request that is sent again is not done again, whatever happened in between."""

import concurrent.futures
import contextlib
import json

import pytest
from service import Server

PROBLEM = "/docs#problem-"


def send(server: Server, method: str, path: str, body: bytes, **headers: str):
    """Status, headers and body of one answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with contextlib.closing(server.client()) as client:
        client.request(method, path, body, named)
        response = client.getresponse()
        return response.status, response.headers, response.read()


def form(boundary: str, text: str) -> tuple[bytes, str]:
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"\r\n\r\n'
    return f"{head}{text}\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/tasks", b'{"title": "once"}'),
        ("POST", "/users", b'{"first_name": "Taro", "last_name": null}'),
        ("PUT", "/", b"a paste"),
    ],
)
def test_the_first_answer_comes_again_even_after_a_kill(start_server, tmp_path, method, path, body) -> None:
    database = tmp_path / "kept.db"
    server = start_server(database=database)
    first = send(server, method, path, body, Idempotency_Key="k-1")
    assert first[0] in (200, 201) and "Idempotency-Replayed" not in first[1]
    server.kill()
    server = start_server(database=database)
    again = send(server, method, path, body, Idempotency_Key="k-1")
    assert again[0] == first[0] and again[2] == first[2]
    assert again[1]["Location"] == first[1]["Location"] and again[1]["Content-Type"] == first[1]["Content-Type"]
    assert again[1]["Idempotency-Replayed"] == "true"
    other = send(server, method, path, body, Idempotency_Key="k-2")
    assert other[2] != first[2]


def test_a_form_is_the_same_whatever_its_boundary(server: Server) -> None:
    answers = []
    for boundary in ("one", "two"):
        body, kind = form(boundary, "hello")
        answers.append(send(server, "POST", "/", body, Content_Type=kind, Idempotency_Key="f"))
    assert answers[0][2] == answers[1][2] and answers[1][1]["Idempotency-Replayed"] == "true"
    body, kind = form("one", "other")
    assert send(server, "POST", "/", body, Content_Type=kind, Idempotency_Key="f")[0] == 422


def test_another_request_under_the_same_key_is_refused(server: Server) -> None:
    assert send(server, "POST", "/tasks", b'{"title": "a"}', Idempotency_Key="k")[0] == 201
    for path, body in [("/tasks", b'{"title": "b"}'), ("/users", b'{"first_name": "a"}')]:
        status, _, answer = send(server, "POST", path, body, Idempotency_Key="k")
        assert (status, json.loads(answer)["type"]) == (422, PROBLEM + "idempotency-key-reused")
    assert len(server.all_tasks()) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "\xff"])
def test_a_key_that_is_none_is_refused_and_nothing_done(server: Server, key: str) -> None:
    status, _, answer = send(server, "POST", "/tasks", b'{"title": "a"}', Idempotency_Key=key)
    assert (status, json.loads(answer)["type"]) == (400, PROBLEM + "malformed-request")
    assert server.all_tasks() == []


def test_many_at_a_time_are_done_once(server: Server) -> None:
    def post(_: int):
        return send(server, "POST", "/tasks", b'{"title": "a"}', Idempotency_Key="k" * 255)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(post, range(64)))
    assert {(status, body) for status, _, body in answers} == {(201, b'{"id":1}')}
    assert sum("Idempotency-Replayed" not in headers for _, headers, _ in answers) == 1
    assert len(server.all_tasks()) == 1


def test_an_invalid_body_leaves_its_key_free(server: Server) -> None:
    assert send(server, "POST", "/tasks", b'{"title": ""}', Idempotency_Key="k")[0] == 422
    assert send(server, "POST", "/tasks", b'{"title": "a"}', Idempotency_Key="k")[0] == 201


def test_an_unmigrated_database_says_so(start_server, tmp_path) -> None:
    server = start_server(no_migrate=True)
    status, headers, answer = send(server, "POST", "/tasks", b'{"title": "a"}', Idempotency_Key="k")
    assert status == 503 and "migrations" in json.loads(answer)["detail"] and headers["Retry-After"]
