"""`kill -9` at random moments: of the command, the runner and the kernel of a run, of a chain of
shops and of a study. Nothing that was finished is lost, nothing half written is left, the status is
true within a minute, and what is resumed ends as if nothing had happened. Uploads are killed in
test_store, backtests in test_parts, nodes of Ray in test_ray. `PLASTINKA_KILLS` says how often."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from plastinka.core import InputError
from plastinka.data.ingest import read_sources
from plastinka.data.ledger import build_ledger
from plastinka.doors.cli import main
from plastinka.evaluate.search import read_trials
from plastinka.evaluate.space import make_space
from plastinka.evaluate.study import StudyBook, read_winner
from plastinka.evaluate.tune import StudySettings, open_study, plan_study, run_trials, study_data
from plastinka.jobs.core import is_under_way, read_receipt
from plastinka.jobs.worker import run_processes
from plastinka.simulate.shop import make_shop

KILLS = int(os.environ.get("PLASTINKA_KILLS", 5))
SEED = int(os.environ.get("PLASTINKA_KILLS_SEED", 0))  # Another one kills at other moments
A_MINUTE = 60.0
pytestmark = pytest.mark.long

SQUARES = """
import random, time
from pathlib import Path
from plastinka.jobs.core import declare
from plastinka.jobs.parts import open_parts
parts, made = open_parts(), []
for number in range(8):
    made.append(parts.make_json(f"square {number}", lambda: [number ** 2, random.random()]))
    with open(seen, "a") as file:
        file.write(f"{number} {made[-1][1]}\\n")
    time.sleep(0.15)
Path("total.txt").write_text(str(sum(square for square, _ in made)))
declare(artifacts=["total.txt"])
"""
PARAMETERS = """sales: list[str] = []  # Files [file]
seen: str = \"\"  # Where it writes what each part was"""


def write_notebook(folder: Path) -> str:
    "A run notebook of eight parts that take over a second."
    cells = [
        dict(cell_type="code", id=f"c{place}", metadata=dict(tags=tags), source=source)
        | dict(outputs=[], execution_count=None)
        for place, (source, tags) in enumerate([(PARAMETERS, ["parameters"]), (SQUARES, [])])
    ]
    path = folder / "squares.ipynb"
    path.write_text(json.dumps(dict(cells=cells, metadata={}, nbformat=4, nbformat_minor=5)))
    return str(path)


def begin(arguments: list[str]) -> subprocess.Popen:
    "A command of plastinka as a process."
    quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return subprocess.Popen([sys.executable, "-m", "plastinka", *arguments], **quiet)


def folders(runs: Path) -> list[Path]:
    "The run folders with a receipt, oldest first."
    return sorted(path.parent for path in runs.glob("[!.]*/receipt.json"))


def find_victim(which: str, command: subprocess.Popen, runs: Path) -> int | None:
    "The process to kill; None where it is not there (yet, or any more)."
    if which == "command":
        return command.pid if command.poll() is None else None
    with contextlib.suppress(IndexError, InputError, psutil.Error, KeyError):
        runner = psutil.Process(read_receipt(folders(runs)[-1])["process"]["pid"])
        if runner.pid == command.pid:  # Queued, and not begun
            return None
        return runner.pid if which == "runner" else runner.children()[0].pid
    return None


def wait_for_truth(runs: Path) -> float:
    "Wait until no run says that it is under way; the seconds that it took."
    begun = time.monotonic()
    while any(is_under_way(read_receipt(folder)) for folder in folders(runs)):
        assert time.monotonic() - begun < A_MINUTE, "a dead run says that it runs"
        time.sleep(0.2)
    return time.monotonic() - begun


def assert_nothing_half(folder: Path):
    "No process of a run is left, and nothing half written."
    until = time.monotonic() + A_MINUTE
    while run_processes(folder) and time.monotonic() < until:
        time.sleep(0.2)
    assert not run_processes(folder)
    assert not [path for path in folder.glob(".*")]


def test_runs_killed_anywhere_are_told_truly_and_resumed(tmp_path):
    notebook, moment, killed = write_notebook(tmp_path), random.Random(SEED), dict.fromkeys(WHO, 0)
    for number in range(KILLS):
        runs, seen = tmp_path / f"runs{number}", tmp_path / f"seen{number}"
        which, victim = WHO[number % len(WHO)], None
        how = ["--seen", str(seen), "--out", str(runs), "--quiet"]
        command = begin(["run", notebook, *how])
        while victim is None and command.poll() is None:
            victim = find_victim(which, command, runs)
            time.sleep(0.05)
        time.sleep(moment.random() * 3)
        with contextlib.suppress(ProcessLookupError, TypeError):
            os.kill(victim, signal.SIGKILL)
            killed[which] += 1
        command.wait()
        wait_for_truth(runs)
        for folder in folders(runs):
            assert_nothing_half(folder)
        if not folders(runs):  # The command had made nothing yet
            continue
        (broken,) = folders(runs)
        if read_receipt(broken)["status"] != "succeeded":
            parts = seen.read_text().splitlines() if seen.exists() else []
            assert main(["resume", broken.name, "--out", str(runs), "--quiet"]) == 0
            again = seen.read_text().splitlines()[len(parts) :]
            assert again[: len(parts)] == parts and len(again) == 8
        (last,) = [each for each in folders(runs) if each != broken] or [broken]
        assert (last / "total.txt").read_text() == "140"
    print("killed:", killed)


WHO = ("command", "runner", "kernel")


def test_a_killed_chain_is_resumed(tmp_path, capsys):
    notebook, moment = write_notebook(tmp_path), random.Random(SEED + 1)
    for shop in ("kazan", "omsk", "tver"):
        (tmp_path / "chain" / shop).mkdir(parents=True)
        (tmp_path / "chain" / shop / "may.csv").write_text(shop)
    for number in range(max(KILLS // 10, 1)):
        runs = tmp_path / f"runs{number}"
        how = ["--shops", str(tmp_path / "chain"), "--seen", str(tmp_path / f"seen{number}")]
        command = begin(["run", notebook, *how, "--out", str(runs), "--quiet"])
        while command.poll() is None and len(folders(runs)) < 4:  # The chain, and its three runs
            time.sleep(0.1)
        time.sleep(moment.random() * 12)
        command.kill()
        command.wait()
        wait_for_truth(runs)
        (chain,) = [each for each in folders(runs) if read_receipt(each).get("chain")]
        done = [each for each in folders(runs) if read_receipt(each)["status"] == "succeeded"]
        if read_receipt(chain)["status"] == "lost":
            capsys.readouterr()
            assert main(["resume", chain.name, "--out", str(runs), "--quiet"]) == 0
            assert capsys.readouterr().out.count("kept") == len(done)
        made = [each for each in folders(runs) if (each / "total.txt").exists()]
        assert len(made) == 3
        assert {(each / "total.txt").read_text() for each in made} == {"140"}


@pytest.fixture(scope="module")
def tiny_shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    make_shop(titles=60, months=24, seed=3).write(folder, dirt=0)
    return folder


SETTINGS = StudySettings(horizon=1, trials=4, length=4, checks=1, cutoffs=2, engine="here", keep=2)
LEAVES = {"leaves": {"low": 4, "high": 31}, "learning_rate": {"low": 0.01, "high": 0.3}}


def told(folder: Path) -> list:
    "What a study has found, without what the clock says."
    trials = read_trials(folder / "trials.jsonl").values()
    return [
        (
            one.number,
            one.values,
            one.status,
            one.score,
            one.length,
            [each[:2] for each in one.curve],
        )
        for one in trials
    ]


def weights(folder: Path) -> dict[str, bytes]:
    "The files of the models that a study has kept."
    paths = [path for path in sorted((folder / "models").rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_a_killed_study_goes_on_bit_equal(tiny_shop, tmp_path):
    ledger = build_ledger(read_sources(tiny_shop / "stock.xlsx", [str(tiny_shop)]))
    plan = plan_study(ledger, make_space("lightgbm", LEAVES), SETTINGS)
    data, moment = study_data(ledger, plan), random.Random(SEED + 2)
    begun = time.perf_counter()
    run_trials(open_study(tmp_path / "whole", plan, SETTINGS), data, SETTINGS)
    took = time.perf_counter() - begun
    for number in range(max(KILLS // 2, 2)):
        folder = tmp_path / f"broken{number}"
        for _ in range(2):
            child = os.fork()
            if child == 0:
                run_trials(open_study(folder, plan, SETTINGS), data, SETTINGS)
                os._exit(0)
            time.sleep(took * moment.random())
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        book: StudyBook = open_study(folder, plan, SETTINGS)
        run_trials(book, data, SETTINGS)
        assert told(folder) == told(tmp_path / "whole")
        assert weights(folder) == weights(tmp_path / "whole")


def test_the_run_of_a_killed_study_is_resumed(tiny_shop, tmp_path):
    space = tmp_path / "space.yml"
    space.write_text(json.dumps(dict(kind="lightgbm", search=LEAVES)))
    how = ["--stock", str(tiny_shop / "stock.xlsx"), "--sales", str(tiny_shop), "--engine", "here"]
    how += ["--space", str(space), "--horizon", "1", "--trials", "4", "--length", "4", "--quiet"]
    how += ["--checks", "1", "--cutoffs", "2", "--seeds", "1"]
    assert main(["tune", *how, "--out", str(tmp_path / "whole")]) == 0
    (whole,) = folders(tmp_path / "whole")
    runs = tmp_path / "runs"
    command = begin(["tune", *how, "--out", str(runs)])
    while command.poll() is None:
        ledger = list(runs.glob("*/parts/study/trials.jsonl"))
        if ledger and '"trial": 1' in ledger[0].read_text():
            os.kill(find_victim("runner", command, runs), signal.SIGKILL)
            break
        time.sleep(0.05)
    command.wait()
    wait_for_truth(runs)
    (broken,) = folders(runs)
    assert read_receipt(broken)["status"] == "lost"
    assert main(["resume", broken.name, "--out", str(runs), "--quiet"]) == 0
    resumed = folders(runs)[-1]
    assert told(resumed / "study") == told(whole / "study")
    assert weights(resumed / "study") == weights(whole / "study")
    assert read_winner(resumed) == read_winner(whole)
    unlike = {"saved_share"}  # Of the clock
    scores = [
        {name: each for name, each in read_receipt(one)["scores"].items() if name not in unlike}
        for one in (whole, resumed)
    ]
    assert scores[0] == scores[1]
