"""An HTTP server that misbehaves as the path asks, to see what a client makes of it.

`GET /log` answers how often each path was asked for and how many connections there were.
"""

import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time

lock = threading.Lock()
log = {"connections": 0, "paths": {}, "concurrent": 0, "concurrent_max": 0}


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def answer(status, body=b"", headers=""):
    return (f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n").encode() + body


def read_request(stream):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()
        if not line:
            return None
        head += line
    lines = head.decode("latin-1").split("\r\n")
    method, target, _ = lines[0].split(" ", 2)
    headers = [line.split(":", 1) for line in lines[1:] if ":" in line]
    length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
    return method, target, headers, length


def serve(connection):
    with lock:
        log["connections"] += 1
    served = 0
    try:
        stream = connection.makefile("rb")
        while (request := read_request(stream)) is not None:
            method, target, headers, length = request
            with lock:
                log["paths"][target] = log["paths"].get(target, 0) + 1
                log["concurrent"] += 1
                log["concurrent_max"] = max(log["concurrent_max"], log["concurrent"])
            try:
                if target == "/reset-in-body":
                    stream.read(min(length, 1000))
                    return reset(connection)
                body = stream.read(length)
                if not act(connection, method, target, target.split("?")[0], headers, body, served):
                    return
            finally:
                with lock:
                    log["concurrent"] -= 1
            served += 1
    except (OSError, ValueError):
        pass
    finally:
        connection.close()


def act(connection, method, target, path, headers, body, served):
    """Answers one request; false when the connection is over."""
    send = connection.sendall
    if path == "/log":
        with lock:
            send(answer("200 OK", json.dumps(log).encode()))
    elif path.startswith("/echo"):
        told = {"method": method, "target": target, "headers": headers, "body": body.decode("latin-1")}
        send(answer("200 OK", b"" if method == "HEAD" else json.dumps(told).encode()))
    elif path == "/status/503":
        send(answer("503 Slow Down", b"<Error/>", "Retry-After: 7\r\n"))
    elif path == "/redirect":
        send(answer("307 Temporary Redirect", b"", "Location: http://127.0.0.1:9/elsewhere\r\n"))
    elif path == "/continue":
        send(b"HTTP/1.1 100 Continue\r\nX-Early: yes\r\n\r\n" + answer("201 Created", b"done", "X-Late: yes\r\n"))
    elif path == "/reset":
        reset(connection)
        return False
    elif path == "/close":
        return False
    elif path == "/close-when-reused":
        if served:
            return False
        send(answer("200 OK", b"first"))
    elif path == "/reset-in-head":
        send(b"HTTP/1.1 200 OK\r\nContent-Le")
        time.sleep(0.05)
        reset(connection)
        return False
    elif path == "/truncated":
        send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789")
        return False
    elif path == "/truncated-chunks":
        send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n")
        return False
    elif path == "/two-parts":
        # As servers do that leave Nagle's algorithm on: the body goes when the head was acknowledged.
        send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
        send(b"body")
    elif path == "/chunks":
        send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    elif path == "/garbage":
        send(b"\x00\x01 this is not HTTP\r\n\r\n")
        return False
    elif path == "/silent":
        time.sleep(30)
        return False
    elif path == "/stall-in-body":
        send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789")
        time.sleep(30)
        return False
    elif path == "/trickle":
        send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        for _ in range(300):
            send(b"x" * 50)
            time.sleep(0.1)
        return False
    elif path == "/endless":
        send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            send(b"10000\r\n" + b"x" * 65536 + b"\r\n")
    elif path == "/endless-headers":
        send(b"HTTP/1.1 200 OK\r\n")
        while True:
            send(b"X-More: " + b"x" * 1000 + b"\r\n")
    elif path == "/pause":
        time.sleep(0.2)
        send(answer("200 OK", b"ok"))
    else:
        send(answer("404 Not Found"))
    return True


def listen(handle, context=None, backlog=128):
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(backlog)

    def accept():
        while True:
            connection, _ = server.accept()
            threading.Thread(target=wrapped, args=(connection,), daemon=True).start()

    def wrapped(connection):
        try:
            handle(context.wrap_socket(connection, server_side=True) if context else connection)
        except (OSError, ssl.SSLError):
            connection.close()

    threading.Thread(target=accept, daemon=True).start()
    return server.getsockname()[1]


def full_port():
    """A port that takes no more connections: one that waits for it gets no answer at all."""
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(0)
    waiting = []
    for _ in range(4):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(server.getsockname())
        waiting.append(client)
    keep.extend([server, *waiting])
    return server.getsockname()[1]


keep = []

if __name__ == "__main__":
    folder = tempfile.mkdtemp(prefix="faults-")
    certificate = os.path.join(folder, "certificate.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", os.path.join(folder, "key.pem"), "-out", certificate],
        check=True, capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, os.path.join(folder, "key.pem"))
    print(json.dumps({
        "port": listen(serve), "tls": listen(serve, context), "mute": listen(lambda _: time.sleep(60)),
        "blunt": listen(lambda each: each.sendall(b"this is not TLS")), "full": full_port(), "certificate": certificate,
    }), flush=True)
    sys.stdin.read()
    subprocess.run(["rm", "-rf", folder], check=True)
