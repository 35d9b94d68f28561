"""How requests are cut out of a byte stream, asked over raw sockets.

What two parsers could understand differently must be refused and the connection closed: behind a proxy, the bytes
after it would otherwise become somebody else's request.
"""

import pytest
from service import HOST, TASK, Server, Wire, chunk, get, post, post_whole

CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKED_TASK = chunk(TASK) + b"0\r\n\r\n"


def with_length(value: bytes) -> bytes:
    return post(b"Content-Length: " + value + b"\r\n", TASK)


def with_encoding(value: bytes) -> bytes:
    return post(b"Transfer-Encoding: " + value + b"\r\n", CHUNKED_TASK)


def with_chunk_size(value: bytes) -> bytes:
    return post(CHUNKED, value + b"\r\n" + TASK + b"\r\n0\r\n\r\n")


BAD = {400}
UNKNOWN_CODING = {400, 501}

MALFORMED = {
    # Two answers to where the body ends.
    "Content-Length and Transfer-Encoding": (post(b"Content-Length: 5\r\n" + CHUNKED, CHUNKED_TASK), BAD),
    "Transfer-Encoding and Content-Length": (post(CHUNKED + b"Content-Length: 4\r\n", CHUNKED_TASK), BAD),
    "two lengths that differ": (post(b"Content-Length: 13\r\nContent-Length: 5\r\n", TASK), BAD),
    "two equal lengths": (post(b"Content-Length: 13\r\nContent-Length: 13\r\n", TASK), BAD),
    "a list of lengths": (with_length(b"13,13"), BAD),
    # Lengths that are not digits.
    "length with a plus": (with_length(b"+13"), BAD),
    "length in hexadecimal": (with_length(b"0x0d"), BAD),
    "negative length": (with_length(b"-1"), BAD),
    "length with a letter": (with_length(b"13a"), BAD),
    "empty length": (with_length(b""), BAD),
    "length over 64 bits": (with_length(b"99999999999999999999"), {400, 413}),
    "length with a space inside": (with_length(b"1 3"), BAD),
    # Transfer codings other than a single chunked.
    "unknown coding": (with_encoding(b"xchunked"), UNKNOWN_CODING),
    "identity": (with_encoding(b"identity"), UNKNOWN_CODING),
    "chunked, identity": (with_encoding(b"chunked, identity"), UNKNOWN_CODING),
    "gzip, chunked": (with_encoding(b"gzip, chunked"), UNKNOWN_CODING),
    "vertical tab before chunked": (with_encoding(b"\x0bchunked"), UNKNOWN_CODING),
    "chunked and identity in two fields": (with_encoding(b"chunked\r\nTransfer-Encoding: identity"), UNKNOWN_CODING),
    "identity and chunked in two fields": (with_encoding(b"identity\r\nTransfer-Encoding: chunked"), UNKNOWN_CODING),
    "chunked twice": (with_encoding(b"chunked\r\nTransfer-Encoding: chunked"), UNKNOWN_CODING),
    "chunked in HTTP/1.0": (post(CHUNKED, CHUNKED_TASK, b"POST /tasks HTTP/1.0"), UNKNOWN_CODING),
    # Header fields.
    "space before the colon": (post(b"Content-Length : 13\r\n", TASK), BAD),
    "folded value": (get(headers=b"X: a\r\n b\r\n"), BAD),
    "length hidden in a fold": (post(b"X: a\r\n Content-Length: 13\r\n", TASK), BAD),
    "lines that end in a bare LF": (b"GET /health HTTP/1.1\nHost: test\n\n", BAD),
    "bare CR in a value": (get(headers=b"X: a\rb\r\n"), BAD),
    "coding hidden behind a bare CR": (post(b"X: a\rTransfer-Encoding: chunked\r\n", b""), BAD),
    "NUL in a value": (get(headers=b"X: a\0b\r\n"), BAD),
    "name with a separator": (get(headers=b"X(y): 1\r\n"), BAD),
    "empty name": (get(headers=b": 1\r\n"), BAD),
    "line without a colon": (get(headers=b"Xyz\r\n"), BAD),
    "no Host": (b"GET /health HTTP/1.1\r\n\r\n", BAD),
    "two Hosts": (get(headers=b"Host: other\r\n"), BAD),
    # Request lines.
    "HTTP/2.0": (b"GET /health HTTP/2.0\r\n" + HOST + b"\r\n", {400, 505}),
    "another protocol": (b"GET /health FOO/1.1\r\n" + HOST + b"\r\n", BAD),
    "no version": (b"GET /health\r\n\r\n", BAD),
    "method with a separator": (b"G(T /health HTTP/1.1\r\n" + HOST + b"\r\n", BAD),
    "two spaces": (b"GET  /health HTTP/1.1\r\n" + HOST + b"\r\n", BAD),
    # Chunks.
    "chunk size with 0x": (with_chunk_size(b"0xd"), BAD),
    "negative chunk size": (with_chunk_size(b"-d"), BAD),
    "chunk size and a space": (with_chunk_size(b"d "), BAD),
    "LF inside a chunk extension": (with_chunk_size(b"d;a\n"), BAD),
    "chunk size over 64 bits": (with_chunk_size(b"FFFFFFFFFFFFFFFFFd"), {400, 413}),
    "chunk lines that end in a bare LF": (post(CHUNKED, b"d\n" + TASK + b"\n0\n\n"), BAD),
    "chunk longer than its size": (post(CHUNKED, b"c\r\n" + TASK + b"\r\n0\r\n\r\n"), BAD),
}


@pytest.mark.parametrize("delivery", ["whole", "byte by byte"])
@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_framing_is_refused_and_the_connection_closed(
    shared_server: Server, name: str, delivery: str
) -> None:
    data, statuses = MALFORMED[name]
    with Wire(shared_server.port) as wire:
        if delivery == "whole":
            wire.send(data + get())  # what follows must not be taken for a request
        else:
            wire.send_bytewise(data)
        answer = wire.answer()
        assert answer.status in statuses
        assert wire.is_closed()
    assert answer.headers["connection"] == "close"
    assert_problem(answer)
    assert shared_server.get("/tasks") == [], "a refused request had an effect"


def assert_problem(answer) -> None:
    assert answer.headers["content-type"].split(";")[0] == "application/problem+json"
    assert answer.headers["x-request-id"]
    problem = answer.json()
    assert problem["status"] == answer.status
    assert {"type", "title", "detail"} <= problem.keys()


TOO_LARGE = {
    "a header of 64 KiB": (get(headers=b"X: " + b"a" * 65536 + b"\r\n"), 431),
    "500 headers": (get(headers=b"".join(b"X%d: 1\r\n" % i for i in range(500))), 431),
    "a target of 20 KiB": (get(b"/" + b"a" * 20000), 414),
    "2 MiB announced": (post(b"Content-Length: 2097152\r\n", b""), 413),
    "2 MiB sent": (post(b"Content-Length: 2097152\r\n", b"a" * 2097152), 413),
    "2 MiB in chunks": (post(CHUNKED, chunk(b"a" * 65536) * 32 + b"0\r\n\r\n"), 413),
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_what_is_too_large_is_refused_with_its_own_status(shared_server: Server, name: str) -> None:
    data, status = TOO_LARGE[name]
    with Wire(shared_server.port) as wire:
        wire.send(data)
        answer = wire.answer()
    assert answer.status == status
    assert_problem(answer)


def test_a_header_that_never_ends_is_refused_before_it_is_kept(shared_server: Server) -> None:
    with Wire(shared_server.port) as wire:
        wire.send(b"GET /health HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 200_000)
        assert wire.answer().status == 431


WELL_FORMED = {
    "one": (get(), [200]),
    "three pipelined": (get() * 3, [200, 200, 200]),
    "writes among pipelined reads": (get() + post_whole() + get() + post_whole(), [200, 201, 200, 201]),
    "a chunked body": (post(CHUNKED, CHUNKED_TASK), [201]),
    "several chunks": (post(CHUNKED, chunk(TASK[:4]) + chunk(TASK[4:]) + b"0\r\n\r\n"), [201]),
    "chunk extensions and trailers": (
        post(CHUNKED, b"d;a=b\r\n" + TASK + b"\r\n0\r\nX-T: 1\r\n\r\n") + get(),
        [201, 200],
    ),
    "upper-case coding": (with_encoding(b"Chunked"), [201]),
    "a body with a GET": (get(headers=b"Content-Length: 5\r\n") + b"hello" + get(), [200, 200]),
    "an empty line before the request": (b"\r\n" + get(), [200]),
    "absolute-form": (b"GET http://test/health HTTP/1.1\r\n" + HOST + b"\r\n", [200]),
    "an upgrade nobody asked us for": (
        get(headers=b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIA\r\n"),
        [200],
    ),
    "an unknown method": (b"BREW /health HTTP/1.1\r\n" + HOST + b"\r\n", [405, 501]),
    "a wrong method": (b"PATCH /tasks HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\n{}", [405]),
    "HTTP/1.0 that asks to stay": (b"GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", [200]),
}


@pytest.mark.parametrize("delivery", ["whole", "byte by byte"])
@pytest.mark.parametrize("name", WELL_FORMED)
def test_well_formed_requests_are_answered_in_order_and_the_connection_goes_on(
    server: Server, name: str, delivery: str
) -> None:
    data, statuses = WELL_FORMED[name]
    with Wire(server.port) as wire:
        if delivery == "whole":
            wire.send(data)
        else:
            wire.send_bytewise(data)
        if name == "an unknown method":  # one answer, of either status
            assert wire.answer().status in statuses
        else:
            assert [wire.answer().status for _ in statuses] == statuses
        wire.send(get(b"/tasks"))
        tasks = wire.answer()
    assert tasks.status == 200
    assert len(tasks.json()) == statuses.count(201)


CLOSING = {
    "HTTP/1.0": b"GET /health HTTP/1.0\r\n\r\n",
    "Connection: close": get(headers=b"Connection: close\r\n"),
    "close in a list": get(headers=b"Connection: foo, Close\r\n"),
}


@pytest.mark.parametrize("name", CLOSING)
def test_the_connection_ends_when_the_client_said_so(shared_server: Server, name: str) -> None:
    with Wire(shared_server.port) as wire:
        wire.send(CLOSING[name])
        assert wire.answer().status == 200
        assert wire.is_closed()


def test_a_body_is_asked_for_when_the_client_waits_for_100_continue(server: Server) -> None:
    with Wire(server.port) as wire:
        wire.send(post(b"Content-Length: %d\r\nExpect: 100-continue\r\n" % len(TASK), b""))
        assert wire.answer().status == 100
        wire.send(TASK)
        assert wire.answer().status == 201


def test_a_body_too_large_is_refused_instead_of_asked_for(shared_server: Server) -> None:
    with Wire(shared_server.port) as wire:
        wire.send(post(b"Content-Length: 2097152\r\nExpect: 100-continue\r\n", b""))
        assert wire.answer().status == 413


def test_an_unknown_expectation_is_refused(shared_server: Server) -> None:
    with Wire(shared_server.port) as wire:
        wire.send(get(headers=b"Expect: magic\r\n"))
        assert wire.answer().status == 417


def test_a_client_that_shuts_its_side_after_the_request_gets_the_answer(server: Server) -> None:
    with Wire(server.port) as wire:
        wire.send(post_whole())
        wire.socket.shutdown(1)
        assert wire.answer().status == 201
        assert wire.is_closed()


@pytest.mark.parametrize("path", [b"/health", b"/tasks", b"/tasks/1", b"/", b"/openapi.json"])
def test_head_is_get_without_the_body(server: Server, path: bytes) -> None:
    server.add_task("first")
    with Wire(server.port) as wire:
        wire.send(b"HEAD " + path + b" HTTP/1.1\r\n" + HOST + b"\r\n" + get(path))
        head, whole = wire.answer(to_head=True), wire.answer()
    assert head.status == whole.status == 200
    assert int(head.headers["content-length"]) == len(whole.body) > 0
    assert head.headers["content-type"] == whole.headers["content-type"]
