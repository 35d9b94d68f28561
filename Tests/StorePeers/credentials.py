"""The services that give out credentials, as AWS and Google document them, and refuse what these would refuse.

Everything is under a path of its own, so that one process serves all tests:
  /imds/...     EC2 metadata, version 2 only      /ecs/...      a container's endpoint
  /sts/         AssumeRoleWithWebIdentity         /computeMetadata/... Google's metadata server
  /token        Google's OAuth token endpoint: verifies the JWT; started with `jwt` it tells the private key
`GET /log` tells how often each path was asked; `/expiry/SECONDS` sets how long what is given out is good for;
`/fail/N` makes the next N requests fail with 500.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from urllib.parse import parse_qs, urlsplit

from serving import Handler, serve

state = {"expiry": 3600, "fail": 0, "serial": 0, "log": {}}
lock = threading.Lock()


def timestamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def decode(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


class Services(Handler):
    def do_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        path = urlsplit(self.path).path
        with lock:
            if path == "/log":
                return self.reply(200, json.dumps(state["log"]))
            if path.startswith(("/expiry/", "/fail/")):
                _, name, value = path.split("/")
                state[name] = int(value)
                return self.reply(200, "")
            state["log"][path] = state["log"].get(path, 0) + 1
            if state["fail"]:
                state["fail"] -= 1
                return self.reply(500, "")
            state["serial"] += 1
        service = {"imds": self.imds, "ecs": self.ecs, "sts": self.sts, "computeMetadata": self.metadata, "token": self.token}
        service.get(path.split("/")[1], lambda *_: self.reply(404, ""))(path, body)

    do_GET = do_PUT = do_POST = do_any

    def document(self, name):
        return json.dumps({
            "Code": "Success", "LastUpdated": timestamp(0), "Type": "AWS-HMAC",
            "AccessKeyId": f"{name}-{state['serial']}", "SecretAccessKey": "secret", "Token": "session",
            "Expiration": timestamp(state["expiry"]),
        })

    def imds(self, path, _):
        if path == "/imds/latest/api/token":
            seconds = int(self.headers.get("X-aws-ec2-metadata-token-ttl-seconds") or 0)
            if self.command != "PUT" or not 1 <= seconds <= 21600 or self.headers.get("X-Forwarded-For"):
                return self.reply(400, "")
            return self.reply(200, "imds-token")
        if self.headers.get("X-aws-ec2-metadata-token") != "imds-token":
            return self.reply(401, "")
        if path == "/imds/latest/meta-data/iam/security-credentials/":
            return self.reply(200, "my-role")
        if path == "/imds/latest/meta-data/iam/security-credentials/my-role":
            return self.reply(200, self.document("imds"))
        self.reply(404, "")

    def ecs(self, path, _):
        wanted = {"/ecs/open": None, "/ecs/token": "ecs-token"}
        if path not in wanted or self.headers.get("Authorization") != wanted[path]:
            return self.reply(403, json.dumps({"code": "AccessDenied", "message": "secret words"}))
        document = json.loads(self.document("ecs"))
        self.reply(200, json.dumps({k: document[k] for k in ("AccessKeyId", "SecretAccessKey", "Token", "Expiration")}))

    def sts(self, _, body):
        form = {name: values[0] for name, values in parse_qs(body).items()}
        if form.get("Action") != "AssumeRoleWithWebIdentity" or form.get("Version") != "2011-06-15":
            return self.reply(400, self.sts_error("InvalidAction", "no such action"))
        if form.get("WebIdentityToken") != "web token/+=" or not form.get("RoleArn", "").startswith("arn:aws:iam::"):
            return self.reply(403, self.sts_error("AccessDenied", "Not authorized to perform sts:Assume"))
        if "RoleSessionName" not in form or "Authorization" in self.headers:
            return self.reply(400, self.sts_error("ValidationError", "session name"))
        self.reply(200, f"""<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult><Credentials><SessionToken>session</SessionToken>
    <SecretAccessKey>secret</SecretAccessKey><Expiration>{timestamp(state["expiry"])}</Expiration>
    <AccessKeyId>sts-{state["serial"]}</AccessKeyId></Credentials></AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>""")

    @staticmethod
    def sts_error(code, message):
        return f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"

    def metadata(self, path, _):
        if self.headers.get("Metadata-Flavor") != "Google":
            return self.reply(403, "")
        if path != "/computeMetadata/v1/instance/service-accounts/default/token":
            return self.reply(404, "")
        self.reply(200, self.access_token("metadata"))

    def access_token(self, name):
        return json.dumps({
            "access_token": f"{name}-{state['serial']}", "expires_in": state["expiry"], "token_type": "Bearer",
        })

    def token(self, _, body):
        form = {name: values[0] for name, values in parse_qs(body).items()}
        refuse = lambda why: self.reply(400, json.dumps({"error": "invalid_grant", "error_description": why}))
        if form.get("grant_type") == "refresh_token":
            wanted = {"client_id": "client", "client_secret": "hush", "refresh_token": "refresh"}
            if any(form.get(name) != value for name, value in wanted.items()):
                return refuse("bad refresh token")
            return self.reply(200, self.access_token("user"))
        if form.get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer":
            return refuse("unknown grant type")
        header, claims, signature = form["assertion"].split(".")
        head, told = json.loads(decode(header)), json.loads(decode(claims))
        if head.get("alg") != "RS256" or head.get("typ") != "JWT" or head.get("kid") != "key-1":
            return refuse("bad header")
        now = time.time()
        if told["iss"] != "robot@project.iam.gserviceaccount.com" or "devstorage" not in told["scope"]:
            return refuse("bad claims")
        if told["aud"] != f"http://127.0.0.1:{self.server.server_port}/token":
            return refuse("bad audience")
        if not (now - 60 < told["iat"] < now + 60 and told["iat"] < told["exp"] <= told["iat"] + 3600):
            return refuse("bad times")
        with tempfile.NamedTemporaryFile() as file:
            file.write(decode(signature))
            file.flush()
            verified = subprocess.run(
                ["openssl", "dgst", "-sha256", "-verify", os.environ["JWT_PUBLIC_KEY"], "-signature", file.name],
                input=f"{header}.{claims}".encode(), capture_output=True,
            )
        if verified.returncode:
            return refuse("Invalid JWT Signature.")
        self.reply(200, self.access_token("account"))


if __name__ == "__main__":
    folder = tempfile.mkdtemp(prefix="credentials-")
    facts = {}
    if sys.argv[1:] == ["jwt"]:
        private, public = os.path.join(folder, "private.pem"), os.path.join(folder, "public.pem")
        subprocess.run(["openssl", "genrsa", "-out", private, "2048"], check=True, capture_output=True)
        subprocess.run(["openssl", "rsa", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
        os.environ["JWT_PUBLIC_KEY"] = public
        with open(private) as file:
            facts["private_key"] = file.read()
    serve(Services, **facts)
    subprocess.run(["rm", "-rf", folder], check=True)
