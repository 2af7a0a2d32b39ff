"""Runs as processes: what signals, kills, foreign kernels and odd folders do to them. The
examples are in 80, 81, 82."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from plastinka.doors.cli import main
from plastinka.jobs.core import Job, queue_run, read_receipt, write_receipt

ROOT = Path(__file__).resolve().parent.parent
FORECAST = """
import sys
from plastinka.jobs.local import run_local
from plastinka.jobs.core import Job
from plastinka.jobs.runner import exit_code, failure_message
folder, receipt = run_local(Job(sys.argv[1]), sys.argv[2])
if receipt["status"] != "succeeded": print(failure_message(receipt, folder), file=sys.stderr)
print(folder)
sys.exit(exit_code(receipt))
"""


def notebook(folder: Path, *sources: str) -> Path:
    "A run notebook with the given code cells."
    texts = [("seed: int = 0", ["parameters"])] + [(source, []) for source in sources]
    cells = [
        dict(
            cell_type="code",
            id=f"c{n}",
            metadata=dict(tags=tags),
            source=source,
            outputs=[],
            execution_count=None,
        )
        for n, (source, tags) in enumerate(texts)
    ]
    path = folder / "tiny.ipynb"
    path.write_text(json.dumps(dict(cells=cells, metadata={}, nbformat=4, nbformat_minor=5)))
    return path


def start(path: Path, **environment) -> subprocess.Popen:
    "A process that runs the notebook on the local backend, as the command line does."
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.Popen(
        [sys.executable, "-c", FORECAST, str(path), str(path.parent / "runs")],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=surroundings,
        start_new_session=True,
    )


def only_run(path: Path, seconds: float = 30) -> Path:
    "The run's folder, once the notebook's step has begun."
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for folder in (path.parent / "runs").glob("*"):
            log = folder / "progress.jsonl"
            if log.exists() and "Waiting" in log.read_text():
                return folder
        time.sleep(0.1)
    raise AssertionError("the run did not start")


def ended(pid: int, seconds: float = 20) -> bool:
    "Whether a process is gone, or goes soon."
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.1)
    return False


WAIT = """import os, time
from pathlib import Path
from plastinka.core import atomic_path, step
Path("kernel.pid").write_text(str(os.getpid()))
with step("Waiting"), atomic_path("report.html") as path:
    path.write_text("half")
    time.sleep(60)"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_cancels_and_keeps_the_notebook(tmp_path, number):
    process = start(notebook(tmp_path, WAIT, "print('never')"))
    folder = only_run(tmp_path / "tiny.ipynb")
    process.send_signal(number)
    shown, told = process.communicate(timeout=30)
    receipt = read_receipt(folder)
    assert (process.returncode, receipt["status"]) == (130, "cancelled")
    assert "Cancelled at step «Waiting»" in told and "Traceback" not in told
    assert shown.splitlines()[-1] == str(folder)
    assert sorted(file["path"] for file in receipt["artifacts"]) == ["kernel.pid", "tiny.ipynb"]
    assert "never" not in str(
        [cell.get("outputs") for cell in json.loads((folder / "tiny.ipynb").read_text())["cells"]]
    )


def test_signal_before_the_runner_listens(tmp_path):
    process = start(notebook(tmp_path, WAIT))
    while not list((tmp_path / "runs").glob("*/runner.log")):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    shown, told = process.communicate(timeout=30)
    assert (process.returncode, read_receipt(shown.strip())["status"]) == (130, "cancelled"), told


def test_a_kernel_that_does_not_listen_is_killed(tmp_path):
    deaf = (
        "import signal, time\nfrom plastinka.core import step\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\nwith step('Waiting'): time.sleep(60)"
    )
    process = start(notebook(tmp_path, deaf))
    folder = only_run(tmp_path / "tiny.ipynb")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=40)
    assert (process.returncode, read_receipt(folder)["status"]) == (130, "cancelled")


def test_killed_runner_is_lost_and_takes_its_kernel_along(tmp_path):
    process = start(notebook(tmp_path, WAIT))
    folder = only_run(tmp_path / "tiny.ipynb")
    kernel = int((folder / "kernel.pid").read_text())
    os.kill(json.loads((folder / "receipt.json").read_text())["process"]["pid"], signal.SIGKILL)
    _, told = process.communicate(timeout=30)
    assert (process.returncode, read_receipt(folder)["status"]) == (1, "lost")
    assert "killed by signal 9" in told
    assert ended(kernel)


def test_killed_parent_cancels_the_run(tmp_path):
    process = start(notebook(tmp_path, WAIT))
    folder = only_run(tmp_path / "tiny.ipynb")
    kernel = int((folder / "kernel.pid").read_text())
    process.kill()
    process.communicate()
    assert ended(kernel)
    assert ended(read_receipt(folder)["process"]["pid"])
    assert read_receipt(folder)["status"] == "cancelled"


def test_dead_kernel_fails_with_its_step(tmp_path):
    process = start(
        notebook(
            tmp_path,
            "import os\nfrom plastinka.core import step\nwith step('Learning'): "
            "os.kill(os.getpid(), 9)",
        )
    )
    _, told = process.communicate(timeout=40)
    assert process.returncode == 1
    assert (
        "failed at step «Learning»" in told
        and "the kernel was killed by SIGKILL" in told
        and "Traceback" not in told
    )


def test_foreign_kernels_odd_folders_and_two_at_once(tmp_path):
    foreign = tmp_path / "jupyter" / "kernels" / "python3"
    foreign.mkdir(parents=True)
    (foreign / "kernel.json").write_text(
        json.dumps(dict(argv=["false"], display_name="Python 3", language="python"))
    )
    odd = tmp_path / "shop {2024} «Пластинка»"
    odd.mkdir()
    path = notebook(
        odd,
        "import sys, plastinka.jobs.core as jobs\njobs.declare(scores={'interpreter': "
        "sys.executable})",
    )
    processes = [
        start(path, JUPYTER_PATH=str(tmp_path / "jupyter"), HOME=str(tmp_path)) for _ in range(2)
    ]
    folders = []
    for process in processes:
        shown, told = process.communicate(timeout=60)
        assert process.returncode == 0, told
        folders.append(Path(shown.splitlines()[-1]))
    assert len(set(folders)) == 2
    assert {read_receipt(folder)["scores"]["interpreter"] for folder in folders} == {sys.executable}


def test_progress_is_shown_while_the_run_works(tmp_path):
    slow = (
        "import time\nfrom plastinka.core import report_progress, step\n"
        "report_progress('first line')\nwith step('Waiting'): time.sleep(4)"
    )
    process = start(notebook(tmp_path, slow))
    assert process.stderr.readline().startswith("Run ")
    first = process.stderr.readline()
    seen = time.monotonic()
    process.communicate(timeout=40)
    assert first == "first line\n"
    assert time.monotonic() - seen > 3


def test_no_file_of_a_run_holds_a_secret(tmp_path):
    "Printed, logged, raised, put into a file: the value stands nowhere, in any spelling."
    value, address = 's3"same & open', "postgresql://anna:plain-0815@host/shop"
    loud = (
        "import sys\nfrom pathlib import Path\n"
        "from plastinka.core import report_progress, resolve_secret\n"
        "secret = resolve_secret('secret://SHOP_KEY')\n"
        "address = resolve_secret('secret://SHOP_DB')\n"
        "print(secret, repr(secret), address)\nprint(address, file=sys.__stderr__, flush=True)\n"
        "report_progress(f'connecting to {address}')\nPath('note.txt').write_text(address)"
    )
    process = start(
        notebook(tmp_path, loud, "raise ValueError('cannot reach ' + address + secret)"),
        SHOP_KEY=value,
        SHOP_DB=address,
    )
    shown, told = process.communicate(timeout=60)
    folder = Path(shown.splitlines()[-1])
    receipt = read_receipt(folder)
    assert receipt["error"]["message"] == "cannot reach secret://SHOP_DBsecret://SHOP_KEY"
    texts = {path.name: path.read_text(errors="replace") for path in folder.rglob("*.*")}
    assert {"tiny.ipynb", "receipt.json", "progress.jsonl", "runner.log", "note.txt"} <= set(texts)
    assert "secret://SHOP_DB" in texts["tiny.ipynb"] + texts["runner.log"]
    for name, text in dict(texts, shown=shown, told=told).items():
        for part in ("plain-0815", "s3", "same & open", "same &amp; open"):
            assert part not in text, (name, part)


@pytest.mark.parametrize(
    "store",
    [
        "postgresql://anna:plain-0815@host/shop",
        "postgresql://host/shop?user=anna&password=plain-0815",
        "host=host user=anna password=plain-0815 dbname=shop",
    ],
)
def test_a_password_is_refused_before_anything_is_written(tmp_path, store, capsys):
    from plastinka.doors.cli import main

    for command in (["forecast", "--out", str(tmp_path / "runs")], ["status"]):
        assert main([*command, "--store", store]) == 2
        assert "plain-0815" not in "".join(capsys.readouterr())
    assert not list(tmp_path.iterdir())


def test_lost_stands_on_the_disk_when_nobody_was_left_to_write_it(tmp_path):
    process = start(notebook(tmp_path, WAIT))
    folder = only_run(tmp_path / "tiny.ipynb")
    kernel = int((folder / "kernel.pid").read_text())
    receipt = json.loads((folder / "receipt.json").read_text())
    os.kill(process.pid, signal.SIGKILL)
    os.kill(receipt["process"]["pid"], signal.SIGKILL)
    process.communicate()
    assert ended(kernel) and ended(receipt["process"]["pid"])
    assert read_receipt(folder)["status"] == "lost"
    assert json.loads((folder / "receipt.json").read_text())["status"] == "lost"
    assert not Path(receipt["temporary"]).exists()
    assert not list(folder.glob(".report*"))  # The half-written report


def test_cancel_stops_a_run_from_elsewhere(tmp_path, capsys):
    from plastinka.doors.cli import main

    process = start(notebook(tmp_path, WAIT))
    folder = only_run(tmp_path / "tiny.ipynb")
    assert main(["cancel", "last", "--out", str(tmp_path / "runs")]) == 0
    assert "cancelled" in capsys.readouterr().out
    process.communicate(timeout=30)
    assert (process.returncode, read_receipt(folder)["status"]) == (130, "cancelled")


def test_models_and_languages_are_refused_before_anything_is_written(tmp_path, capsys):
    from plastinka.doors.cli import main
    from plastinka.jobs.parameters import notebook_parameters, run_notebooks
    from plastinka.models.catalog import CATALOG
    from plastinka.models.totals import TOTALS_MODELS
    from plastinka.report.texts import LANGUAGES

    books = {name: notebook_parameters(path) for name, path in run_notebooks().items()}
    for notebook, name in {
        **dict.fromkeys(("forecast", "train", "replay"), "model"),
        **dict(backtest="models"),
    }.items():
        assert books[notebook][name].choices == tuple(CATALOG), notebook
    assert set(books["totals"]["models"].choices) == set(TOTALS_MODELS)
    for notebook in ("forecast", "launch", "replay"):
        assert books[notebook]["language"].choices == tuple(LANGUAGES)
    (tmp_path / "may.csv").write_text("Sold;Price\n2024-01-01;5\n")
    given = ["--sales", str(tmp_path / "may.csv"), "--out", str(tmp_path / "runs")]
    for words in (["forecast", "--model", "tde"], ["backtest", "--models", "auto", "tde"]):
        assert main([*words, *given]) == 2
        assert "Did you mean" in capsys.readouterr().err
    assert main(["forecast", "--language", "de", *given]) == 2
    assert "Give one of en, ru" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_a_disk_without_room_leaves_no_folder_without_a_receipt(tmp_path, capsys, monkeypatch):
    import errno

    from plastinka.doors.cli import main
    from plastinka.jobs import core

    def full(folder, **_):
        raise OSError(errno.ENOSPC, "No space left on device", str(folder / "receipt.json"))

    monkeypatch.setattr(core, "write_receipt", full)
    assert main(["run", str(notebook(tmp_path)), "--out", str(tmp_path / "runs")]) == 2
    assert "Make room there" in capsys.readouterr().err
    assert not list((tmp_path / "runs").iterdir())


def test_a_runner_that_begins_after_its_parent_was_killed_leaves_the_run_lost(tmp_path):
    from plastinka.jobs.core import Job, queue_run, this_process, write_receipt
    from plastinka.jobs.runner import execute_run

    folder, gone = queue_run(Job(str(notebook(tmp_path))), tmp_path / "runs"), 2**22 + 1
    write_receipt(folder, process=this_process() | dict(pid=gone))
    assert read_receipt(folder)["status"] == "lost"  # Somebody has looked meanwhile
    assert execute_run(folder, parent=gone)["status"] == "lost"
    assert [path.name for path in folder.iterdir()] == ["receipt.json"]


def test_last_is_the_newest_run_that_can_be_repeated(tmp_path, capsys):
    runs = tmp_path / "runs"
    run = ["--out", str(runs)]
    assert main(["run", str(notebook(tmp_path, "print(seed)")), *run]) == 0
    (first,) = runs.iterdir()
    store = tmp_path / "shop.db"
    files = dict(ingest=dict(store=str(store), sales=[]), report=dict(run=str(first)))
    for kind, values in files.items():  # Newer ones, which cannot be repeated
        folder = queue_run(Job(kind, values), runs)
        write_receipt(folder, status="succeeded", data=[])
        assert max(runs.iterdir()) == folder
        assert main(["rerun", folder.name, *run]) == 2
        said = capsys.readouterr().err
        assert folder.name in said and f"plastinka {kind}" in said
    assert main(["rerun", "last", *run]) == 0
    assert capsys.readouterr().err.startswith(f"Repeats {first.name}\n")
    shutil.rmtree(first)
    for folder in runs.glob("*_tiny_*"):
        shutil.rmtree(folder)
    assert main(["rerun", "last", *run]) == 2
    assert "none" in capsys.readouterr().err
