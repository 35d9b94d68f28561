"""Google Cloud Storage's XML API in memory, as far as a store uses it, with the checks that the real one makes.

Refuses a bearer token that is not from `credentials.py`, or that was revoked, a GOOG4 signature that is wrong, words of Amazon's dialect, and writes
that fail `x-goog-if-generation-match`; it takes `If-None-Match` on a PUT without heeding it, as the real one does.
`POST /__revoke` revokes all tokens that were used so far. HMAC keys: testkey / testsecret. Bucket: bkt.
https://cloud.google.com/storage/docs/xml-api/reference-headers
"""

import hashlib
import hmac
import re
import threading
import time
from email.utils import formatdate
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

from serving import Handler, serve

TOKEN = re.compile(r"Bearer (metadata|account|user)-[0-9]+")
used, revoked = set(), set()
KEYS = {"testkey": "testsecret"}
lock = threading.Lock()
objects = {}
uploads = {}
metadata = {}
serial = 0


def refusal_of_signature(request, body, url):
    """What is wrong with a GOOG4 signature, or nothing."""
    fields = dict(part.strip().split("=", 1) for part in request.headers["Authorization"].split(" ", 1)[1].split(","))
    key, day, region, service, end = fields["Credential"].split("/")
    date, digest = request.headers.get("x-goog-date"), request.headers.get("x-goog-content-sha256")
    if key not in KEYS or (service, end) != ("storage", "goog4_request") or date[:8] != day:
        return "the scope"
    if abs(time.mktime(time.strptime(date + "GMT", "%Y%m%dT%H%M%SZ%Z")) - time.timezone - time.time()) > 900:
        return "the time"
    if digest != hashlib.sha256(body).hexdigest():
        return "the payload"
    names = fields["SignedHeaders"].split(";")
    unsigned = [n for n in map(str.lower, request.headers) if n.startswith("x-goog-") and n not in names]
    if unsigned or "host" not in names:
        return f"unsigned headers {unsigned}"
    pairs = sorted((quote(n, safe="~"), quote(v, safe="~")) for n, v in parse_qsl(url.query, keep_blank_values=True))
    canonical = "\n".join([
        request.command, url.path, "&".join(f"{n}={v}" for n, v in pairs),
        *(f"{name}:{' '.join(request.headers[name].split())}" for name in names), "", ";".join(names), digest,
    ])
    secret = ("GOOG4" + KEYS[key]).encode()
    for part in (day, region, service, end):
        secret = hmac.digest(secret, part.encode(), "sha256")
    text = "\n".join(["GOOG4-HMAC-SHA256", date, f"{day}/{region}/{service}/{end}",
                      hashlib.sha256(canonical.encode()).hexdigest()])
    good = hmac.new(secret, text.encode(), "sha256").hexdigest()
    return None if hmac.compare_digest(good, fields["Signature"]) else "the signature"


class Storage(Handler):
    def fail(self, status, code, message="", headers={}):
        self.reply(status, f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code>"
                           f"<Message>{escape(message)}</Message></Error>", headers)

    def do_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        if any(name.lower().startswith("x-amz-") for name in self.headers):
            return self.fail(400, "InvalidArgument", "x-amz headers are not for this API")
        authorization = self.headers.get("Authorization", "")
        if authorization.startswith("GOOG4-HMAC-SHA256 "):
            if wrong := refusal_of_signature(self, body, url):
                return self.fail(403, "SignatureDoesNotMatch", wrong)
        elif self.path == "/__revoke":
            revoked.update(used)
            return self.reply(200)
        elif not TOKEN.fullmatch(authorization) or authorization in revoked:
            return self.fail(401, "AuthenticationRequired", "Authentication required.")
        else:
            used.add(authorization)
        bucket, _, key = unquote(url.path)[1:].partition("/")
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        if bucket != "bkt":
            return self.fail(404, "NoSuchBucket", "The specified bucket does not exist.")
        with lock:
            if not key:
                return self.list(query)
            if "uploads" in query or "uploadId" in query:
                return self.multipart(key, query, body)
            {"PUT": self.put, "GET": self.get, "HEAD": self.get, "DELETE": self.delete}[self.command](key, body)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_any

    def own_metadata(self):
        return {name: value for name, value in self.headers.items() if name.lower().startswith("x-goog-meta-")}

    def store(self, key, body, etag=None):
        global serial
        serial += 1
        objects[key] = (body, etag or f'"{hashlib.md5(body).hexdigest()}"', time.time(), str(1700000000000000 + serial))
        return {"ETag": objects[key][1], "x-goog-generation": objects[key][3]}

    def put(self, key, body):
        wanted = self.headers.get("x-goog-if-generation-match")
        if wanted is not None and wanted != (objects[key][3] if key in objects else "0"):
            return self.fail(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold.")
        metadata[key] = self.own_metadata()
        self.reply(200, b"", self.store(key, body))

    def get(self, key, _):
        if key not in objects:
            return self.fail(404, "NoSuchKey", "The specified key does not exist.")
        body, etag, modified, generation = objects[key]
        headers = {"ETag": etag, "Last-Modified": formatdate(modified, usegmt=True), "x-goog-generation": generation,
                   **metadata.get(key, {})}
        self.reply_with_range(body, headers, lambda range: self.fail(416, "InvalidRange", headers=range))

    def delete(self, key, _):
        if objects.pop(key, None) is None:
            return self.fail(404, "NoSuchKey", "The specified key does not exist.")
        self.reply(204)

    def list(self, query):
        if query.get("list-type") != "2" or self.command != "GET":
            return self.fail(400, "InvalidArgument", "only ListObjectsV2 is here")
        encode = (lambda key: quote(key, safe="/")) if query.get("encoding-type") == "url" else escape
        keys = sorted((key for key in objects if key.startswith(query.get("prefix", ""))
                       and key.encode() > query.get("start-after", "").encode()), key=str.encode)
        limit = min(int(query.get("max-keys", 1000)), 1000)
        entries = "".join(
            f"<Contents><Key>{encode(key)}</Key><Generation>{objects[key][3]}</Generation><LastModified>"
            f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(objects[key][2]))}.{int(objects[key][2] % 1 * 1000):03}Z"
            f"</LastModified><ETag>{escape(objects[key][1])}</ETag><Size>{len(objects[key][0])}</Size></Contents>"
            for key in keys[:limit])
        kind = "<EncodingType>url</EncodingType>" if query.get("encoding-type") == "url" else ""
        self.reply(200, "<?xml version='1.0' encoding='UTF-8'?><ListBucketResult xmlns='http://doc.s3.amazonaws.com/2006"
                        f"-03-01'><Name>bkt</Name>{kind}<IsTruncated>{'true' if len(keys) > limit else 'false'}"
                        f"</IsTruncated>{entries}</ListBucketResult>")

    def multipart(self, key, query, body):
        global serial
        if self.command == "POST" and "uploads" in query:
            serial += 1
            uploads[str(serial)] = (key, {})
            metadata[key] = self.own_metadata()
            return self.reply(200, f"<InitiateMultipartUploadResult><UploadId>{serial}</UploadId>"
                                   "</InitiateMultipartUploadResult>")
        if query["uploadId"] not in uploads:
            return self.fail(404, "NoSuchUpload", "no such upload")
        parts = uploads[query["uploadId"]][1]
        if self.command == "PUT":
            parts[int(query["partNumber"])] = body
            return self.reply(200, b"", {"ETag": f'"{hashlib.md5(body).hexdigest()}"'})
        del uploads[query["uploadId"]]
        if self.command == "DELETE":
            return self.reply(204)
        if any(len(parts[number]) < 5 << 20 for number in sorted(parts)[:-1]):
            return self.fail(400, "EntityTooSmall", "a part is too small")
        etag = self.store(key, b"".join(parts[number] for number in sorted(parts)), f'"{hash(body)}-{len(parts)}"')["ETag"]
        self.reply(200, f"<CompleteMultipartUploadResult><ETag>{escape(etag)}</ETag></CompleteMultipartUploadResult>")


if __name__ == "__main__":
    serve(Storage)
