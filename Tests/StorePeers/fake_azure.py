"""Azure Blob Storage in memory, as far as a store uses it, with the checks that the real one documents.

Computes the shared-key signature of every request from what arrived and refuses another; verifies a service SAS, its
expiry and permissions; honours `If-None-Match: *` with 409 BlobAlreadyExists; pages by opaque markers only.
Account: testaccount, with the key that it tells; container: con.
https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
https://learn.microsoft.com/rest/api/storageservices/create-service-sas
"""

import base64
import hashlib
import hmac
import re
import threading
import time
from email.utils import formatdate, parsedate_to_datetime
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from serving import Handler, serve

ACCOUNT, CONTAINER = "testaccount", "con"
KEY = base64.b64encode(hashlib.sha512(b"a key for tests").digest()).decode()
VERSION = "2021-12-02"
PLAIN = ["Content-Encoding", "Content-Language", "Content-Length", "Content-MD5", "Content-Type", "Date",
         "If-Modified-Since", "If-Match", "If-None-Match", "If-Unmodified-Since", "Range"]
NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
lock = threading.Lock()
blobs, blocks, metadata = {}, {}, {}
serial = 0


def sign(text):
    return base64.b64encode(hmac.digest(base64.b64decode(KEY), text.encode(), "sha256")).decode()


def sas_fields(permissions, expiry, container):
    """The string that a service SAS for a container signs, since version 2020-12-06."""
    return "\n".join([permissions, "", expiry, f"/blob/{ACCOUNT}/{container}", "", "", "", VERSION, "c",
                      "", "", "", "", "", "", ""])


def sas(permissions, seconds):
    expiry = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
    fields = {"sp": permissions, "se": expiry, "sv": VERSION, "sr": "c"}
    return "?" + urlencode({**fields, "sig": sign(sas_fields(permissions, expiry, CONTAINER))})


class Blobs(Handler):
    always = {"x-ms-version": VERSION}

    def fail(self, status, code, message="", headers={}):
        body = f"\ufeff<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code>" \
               f"<Message>{escape(message)}\nRequestId:1</Message></Error>"
        self.reply(status, body, {"x-ms-error-code": code, **headers})

    def wrong_key(self, url, pairs):
        expected = [self.command]
        for name in PLAIN:
            value = self.headers.get(name, "")
            expected.append("" if name == "Content-Length" and value == "0" else value)
        own = sorted((n.lower(), v.strip()) for n, v in self.headers.items() if n.lower().startswith("x-ms-"))
        expected += [f"{name}:{value}" for name, value in own]
        expected.append(f"/{ACCOUNT}{url.path}")
        named = {}
        for name, value in pairs:
            named.setdefault(name.lower(), []).append(value)
        expected += [f"{name}:{','.join(sorted(named[name]))}" for name in sorted(named)]
        text = "\n".join(expected)
        if not hmac.compare_digest(self.headers["Authorization"], f"SharedKey {ACCOUNT}:{sign(text)}"):
            return f"The MAC signature is not the one computed. Server used: {text!r}"
        date = parsedate_to_datetime(self.headers["x-ms-date"]).timestamp()
        return None if abs(date - time.time()) < 900 else "the date is too far away"

    def wrong_sas(self, query):
        if query.get("sv") != VERSION or query.get("sr") != "c":
            return "sv or sr"
        if not hmac.compare_digest(query["sig"], sign(sas_fields(query["sp"], query["se"], CONTAINER))):
            return "Signature did not match"
        if query["se"] < time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()):
            return "Signature not valid in the specified time frame"
        return None

    def do_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        pairs = parse_qsl(url.query, keep_blank_values=True)
        query = dict(pairs)
        if "x-ms-version" not in self.headers:
            return self.fail(400, "MissingRequiredHeader", "x-ms-version")
        if self.headers.get("Authorization", "").startswith("SharedKey "):
            wrong = self.wrong_key(url, pairs)
        elif "sig" in query:
            wrong = self.wrong_sas(query)
            needed = {"GET": "l" if query.get("comp") == "list" else "r", "HEAD": "r", "PUT": "w", "DELETE": "d"}
            if not wrong and needed[self.command] not in query["sp"]:
                return self.fail(403, "AuthorizationPermissionMismatch", "not with these permissions")
        else:
            return self.fail(401, "NoAuthenticationInformation", "no credentials")
        if wrong:
            return self.fail(403, "AuthenticationFailed", wrong)
        container, _, name = unquote(url.path)[1:].partition("/")
        if container != CONTAINER:
            return self.fail(404, "ContainerNotFound", "The specified container does not exist.")
        with lock:
            if not name:
                return self.list(query)
            handlers = {"PUT": self.put, "GET": self.get, "HEAD": self.get, "DELETE": self.delete}
            handlers[self.command](name, query, body)

    do_GET = do_PUT = do_DELETE = do_HEAD = do_any

    def keep(self, name, body):
        global serial
        serial += 1
        metadata[name] = {key: value for key, value in self.headers.items() if key.lower().startswith("x-ms-meta-")}
        blobs[name] = (body, f"0x8DA{serial:012X}", time.time())
        self.reply(201, b"", {"ETag": f'"{blobs[name][1]}"', "Last-Modified": formatdate(blobs[name][2], usegmt=True)})

    def put(self, name, query, body):
        if query.get("comp") == "block":
            identifier = base64.b64decode(query["blockid"], validate=True)
            waiting = blocks.setdefault(name, {})
            if len(identifier) > 64 or any(len(other) != len(identifier) for other in waiting):
                return self.fail(400, "InvalidBlobOrBlock", "block names of several lengths")
            waiting[identifier] = body
            return self.reply(201)
        if query.get("comp") == "blocklist":
            wanted = [base64.b64decode(each.text) for each in ElementTree.fromstring(body)]
            if any(each not in blocks.get(name, {}) for each in wanted):
                return self.fail(400, "InvalidBlockList", "a block is missing")
            parts = blocks.pop(name)
            return self.keep(name, b"".join(parts[each] for each in wanted))
        if self.headers.get("x-ms-blob-type") != "BlockBlob" or "comp" in query:
            return self.fail(400, "MissingRequiredHeader", "x-ms-blob-type")
        if name in blobs and self.headers.get("If-None-Match") == "*":
            return self.fail(409, "BlobAlreadyExists", "The specified blob already exists.")
        self.keep(name, body)

    def get(self, name, *_):
        if name not in blobs:
            return self.fail(404, "BlobNotFound", "The specified blob does not exist.")
        body, etag, modified = blobs[name]
        headers = {"ETag": f'"{etag}"', "Last-Modified": formatdate(modified, usegmt=True), "x-ms-blob-type": "BlockBlob",
                   **metadata[name]}
        self.reply_with_range(body, headers, lambda range: self.fail(416, "InvalidRange", "It is invalid.", range))

    def delete(self, name, *_):
        if blobs.pop(name, None) is None:
            return self.fail(404, "BlobNotFound", "The specified blob does not exist.")
        self.reply(202)

    def list(self, query):
        if query.get("restype") != "container" or query.get("comp") != "list":
            return self.fail(400, "InvalidQueryParameterValue")
        start = base64.urlsafe_b64decode(query["marker"]).decode() if query.get("marker") else ""
        names = sorted((name for name in blobs if name.startswith(query.get("prefix", ""))
                        and name.encode() >= start.encode()), key=str.encode)
        limit = min(int(query.get("maxresults", 5000)), 5000)
        entries = ""
        for name in names[:limit]:
            body, etag, modified = blobs[name]
            written = f'<Name Encoded="true">{quote(name)}</Name>' if NOT_IN_XML.search(name) else \
                f"<Name>{escape(name, {chr(13): '&#13;'})}</Name>"
            entries += f"<Blob>{written}<Properties><Last-Modified>{formatdate(modified, usegmt=True)}</Last-Modified>" \
                       f"<Etag>{etag}</Etag><Content-Length>{len(body)}</Content-Length></Properties></Blob>"
        marker = base64.urlsafe_b64encode(names[limit].encode()).decode() if len(names) > limit else ""
        self.reply(200, f"\ufeff<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ContainerName=\"con\">"
                        f"<Blobs>{entries}</Blobs><NextMarker>{marker}</NextMarker></EnumerationResults>")


if __name__ == "__main__":
    serve(Blobs, key=KEY, sas=sas("rwdl", 3600), sas_read_only=sas("rl", 3600), sas_expired=sas("rwdl", -60))
