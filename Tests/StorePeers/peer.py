"""Runs one real object store on 127.0.0.1 for the tests: `peer.py moto|rclone|gcs|radosgw`.

Prints one line of JSON with its port once it answers, and ends, with everything that it started, when its standard
input is closed: also when the test process was killed.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

BIN = Path(sys.executable).parent
FOLDER = Path(tempfile.mkdtemp(prefix="store-peer-"))
KEY, SECRET, BUCKET = "testkey", "testsecret", "bkt"
children = []


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def start(name, *command):
    log = open(FOLDER / f"{name}.out", "wb")
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    children.append((name, child))


def wait_for_port(port, seconds=60):
    end = time.time() + seconds
    while time.time() < end:
        for name, child in children:
            if child.poll() is not None:
                sys.exit(f"{name} ended with {child.returncode}: {(FOLDER / (name + '.out')).read_text()[-2000:]}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"nothing answers on port {port} after {seconds} s")


def moto():
    (port,) = free_ports(1)
    start("moto", BIN / "moto_server", "-H", "127.0.0.1", "-p", str(port))
    wait_for_port(port)
    return port


def rclone():
    (port,) = free_ports(1)
    (FOLDER / "data" / BUCKET).mkdir(parents=True)
    start(
        "rclone", BIN / "rclone", "serve", "s3", "--config", "/dev/null", "--addr", f"127.0.0.1:{port}",
        "--auth-key", f"{KEY},{SECRET}", "--vfs-cache-mode", "off", "--cache-dir", FOLDER / "cache", FOLDER / "data",
    )
    wait_for_port(port)
    return port


def gcs():
    (port,) = free_ports(1)
    start(
        "gcs", BIN / "gcp-storage-emulator", "start", "--host", "127.0.0.1", "--port", str(port), "--in-memory",
        f"--default-bucket={BUCKET}",
    )
    wait_for_port(port)
    return port


def radosgw():
    """A one-node Ceph (monitor, manager, one OSD in memory) with radosgw's S3 API in front."""
    mon2, mon1, port = free_ports(3)
    here = FOLDER
    for name in ("mon", "osd", "mgr"):
        (here / name).mkdir()
    fsid = str(uuid.uuid4())
    (here / "ceph.conf").write_text(f"""
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{mon2},v1:127.0.0.1:{mon1}]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
mon allow pool size one = true
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = 3221225472
run dir = {here}
log file = {here}/$name.log
admin socket = {here}/$name.asok
pid file = {here}/$name.pid
mon data = {here}/mon
osd data = {here}/osd
mgr data = {here}/mgr
keyring = {here}/keyring
setuser match path =
[client.admin]
rgw frontends = beast endpoint=127.0.0.1:{port}
rgw enable usage log = false
rgw enable gc threads = false
rgw dns name = radosgw.localhost
""")
    conf = ("-c", here / "ceph.conf")

    def run(*command, seconds=60):
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=seconds)
        if done.returncode:
            sys.exit(f"{command[0]} failed: {done.stderr[-2000:]}")
        return done.stdout

    def until(question):
        end = time.time() + 60
        while time.time() < end:
            try:
                done = subprocess.run([str(p) for p in question], capture_output=True, text=True, timeout=10)
                if done.returncode == 0:
                    return done.stdout
            except subprocess.TimeoutExpired:
                pass
            time.sleep(0.2)
        sys.exit(f"no success from {question}")

    run("ceph-authtool", "--create-keyring", here / "keyring", "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
    run(
        "ceph-authtool", here / "keyring", "--gen-key", "-n", "client.admin",
        "--cap", "mon", "allow *", "--cap", "osd", "allow *", "--cap", "mgr", "allow *",
    )
    run(
        "monmaptool", "--create", "--fsid", fsid, "--addv", "a",
        f"[v2:127.0.0.1:{mon2},v1:127.0.0.1:{mon1}]", here / "monmap",
    )
    run("ceph-mon", *conf, "--mkfs", "-i", "a", "--monmap", here / "monmap", "--keyring", here / "keyring")
    start("mon", "ceph-mon", *conf, "-i", "a", "-f")
    until(("ceph", *conf, "--connect-timeout", "5", "-s"))
    with open(here / "keyring", "a") as keyring:
        keyring.write(run(
            "ceph", *conf, "auth", "get-or-create", "mgr.x",
            "mon", "allow profile mgr", "osd", "allow *", "mds", "allow *",
        ))
        keyring.write(run(
            "ceph", *conf, "auth", "get-or-create", "osd.0",
            "mon", "allow profile osd", "mgr", "allow profile osd", "osd", "allow *",
        ))
    start("mgr", "ceph-mgr", *conf, "-i", "x", "-f")
    osd = str(uuid.uuid4())
    run("ceph", *conf, "osd", "new", osd, "0")
    run("ceph-osd", *conf, "-i", "0", "--mkfs", "--osd-uuid", osd)
    start("osd", "ceph-osd", *conf, "-i", "0", "-f")
    end = time.time() + 60
    while "1 up" not in run("ceph", *conf, "osd", "stat"):
        if time.time() > end:
            sys.exit("the OSD does not come up")
        time.sleep(0.2)
    run(
        "radosgw-admin", *conf, "user", "create", "--uid=t", "--display-name=t", f"--access-key={KEY}",
        f"--secret-key={SECRET}", seconds=180,
    )
    start("rgw", "radosgw", *conf, "-n", "client.admin", "-f")
    wait_for_port(port, 120)
    return port


def stop():
    for _, child in reversed(children):
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGTERM)
    for _, child in children:
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
    shutil.rmtree(FOLDER, ignore_errors=True)


if __name__ == "__main__":
    try:
        port = {"moto": moto, "rclone": rclone, "gcs": gcs, "radosgw": radosgw}[sys.argv[1]]()
        print(json.dumps({"port": port}), flush=True)
        sys.stdin.read()
    finally:
        stop()
