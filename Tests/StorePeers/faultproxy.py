"""An HTTP proxy in front of a store that makes the requests it is told to make go wrong.

`faultproxy.py PORT` forwards to 127.0.0.1:PORT. `POST /__faults` with a JSON list says what happens to the next
requests, one fault each, after which everything passes again; `POST /__standing` with one fault is what happens to
all others until it is "pass" again; `GET /__log` tells what arrived and forgets it.
"""

import http.client
import json
import random
import socket
import struct
import sys
import threading
import time

from serving import Handler, serve

lock = threading.Lock()
faults = []
standing = ["pass"]
log = []


class Proxy(Handler):
    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/__faults":
            with lock:
                faults[:] = json.loads(body)
            return self.reply(200, b"ok")
        if self.path == "/__standing":
            with lock:
                standing[:] = [json.loads(body)]
            return self.reply(200, b"ok")
        if self.path == "/__log":
            with lock:
                taken = json.dumps(log).encode()
                log.clear()
            return self.reply(200, taken)
        with lock:
            fault = faults.pop(0) if faults else standing[0]
            if fault.startswith("GET "):  # the others pass
                fault = fault.removeprefix("GET ") if self.command == "GET" else "pass"
            log.append(f"{self.command} {fault}")
        if fault == "reset-before":
            return self.reset()
        if fault.startswith("slow|"):  # slow|SECONDS|SECONDS: passes after a time between these
            time.sleep(random.uniform(*map(float, fault.split("|")[1:])))
        if fault == "stall-before":
            time.sleep(8)
            return self.reset()
        if fault.startswith("answer|"):  # answer|STATUS|NAME=VALUE;NAME=VALUE|BODY
            _, status, headers, text = fault.split("|")
            return self.reply(int(status), text.encode(), dict(h.split("=") for h in headers.split(";") if h))
        status, headers, answer = self.forward(body)
        if fault == "reset-after":
            return self.reset()
        if fault == "stall-after":
            time.sleep(8)
            return self.reset()
        if fault == "truncate":
            self.send_head(status, headers)
            self.wfile.write(answer[: len(answer) // 2])
            return self.reset()
        if fault == "short":
            # A whole answer, by its own account, that lacks the second half.
            answer = answer[: len(answer) // 2]
            headers = [(n, str(len(answer)) if n.lower() == "content-length" else v) for n, v in headers]
        if fault == "other-etag":
            headers = [(n, '"another"' if n.lower() == "etag" else v) for n, v in headers]
        if fault == "no-date":
            headers = [(n, v) for n, v in headers if n.lower() != "date"]
        self.send_head(status, headers)
        self.wfile.write(answer)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any

    def forward(self, body):
        upstream = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=60)
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            upstream.putheader(name, value)
        upstream.endheaders(body or None)
        answer = upstream.getresponse()
        content = answer.read()
        headers = [(n, v) for n, v in answer.getheaders() if n.lower() not in ("transfer-encoding", "connection")]
        if self.command != "HEAD" and not any(n.lower() == "content-length" for n, _ in headers):
            headers.append(("Content-Length", str(len(content))))
        return answer.status, headers, content

    def send_head(self, status, headers):
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()

    def reset(self):
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.shutdown(socket.SHUT_RD)
        self.close_connection = True
        self.connection.close()


if __name__ == "__main__":
    serve(Proxy)
