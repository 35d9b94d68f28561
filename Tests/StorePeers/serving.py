"""What the servers of the tests have in common: one JSON line that says where they listen, and an end with stdin."""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are written apart, and the second would wait for an ACK
    always = {}  # headers of every answer

    def log_message(self, *_):
        pass

    def reply(self, status, body=b"", headers={}):
        body = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", headers.get("Content-Length", str(len(body))))
        for name, value in {**self.always, **headers}.items():
            if name != "Content-Length":
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def reply_with_range(self, body, headers, refuse):
        """Answers GET and HEAD of an object; `refuse` is called for a range behind its end."""
        if self.command == "HEAD":
            return self.reply(200, b"", {**headers, "Content-Length": str(len(body))})
        if not (asked := self.headers.get("Range")):
            return self.reply(200, body, headers)
        first, last = map(int, asked.removeprefix("bytes=").split("-"))
        if first >= len(body):
            return refuse({"Content-Range": f"bytes */{len(body)}"})
        last = min(last, len(body) - 1)
        self.reply(206, body[first:last + 1], {**headers, "Content-Range": f"bytes {first}-{last}/{len(body)}"})


def serve(handler, **facts):
    """Serves until standard input is closed."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"port": server.server_port, **facts}), flush=True)
    sys.stdin.read()
