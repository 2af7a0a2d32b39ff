"""Runs and studies on a real Ray: the same outputs as here, and a node that dies costs only what
it had under way. The rooms 01, 69 and 83 show the rest without Ray."""

import io
import json
import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from plastinka.cluster import node_options, own_cluster
from plastinka.jobs.core import Job, queue_run, read_receipt
from plastinka.jobs.local import run_folder as run_here

pytestmark = [
    pytest.mark.ray,
    pytest.mark.long,
    pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray: pip install 'plastinka[tune]'"),
]

KILLS = max(int(os.environ.get("PLASTINKA_KILLS", 30)) // 10, 2)  # Of workers of Ray

SLOW_SUM = """
import time
from importlib.util import find_spec
from pathlib import Path
from plastinka.jobs.core import declare
numbers = [int(word) for word in Path(file).read_text().split()]
time.sleep(seconds)
Path("total.txt").write_text(str(sum(numbers)))
declare(scores=dict(total=sum(numbers)), artifacts=["total.txt"])
"""


@pytest.fixture
def quiet(monkeypatch):
    "No address from outside, and no reports."
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")


def summing(folder: Path, count: int, seconds: float) -> list[Path]:
    "Queued runs of a notebook that sums the numbers of a file, slowly."
    lines = f"file: str = ''  # Numbers [file; needed]\nseconds: float = {seconds}  # To wait"
    cells = [
        dict(
            cell_type="code",
            id=f"c{number}",
            metadata=dict(tags=["parameters"] if number == 0 else []),
            source=source,
            outputs=[],
            execution_count=None,
        )
        for number, source in enumerate((lines, SLOW_SUM))
    ]
    book = dict(cells=cells, metadata={}, nbformat=4, nbformat_minor=5)
    (folder / "summing.ipynb").write_text(json.dumps(book))
    runs = []
    for number in range(count):
        (folder / f"{number}.txt").write_text(" ".join(map(str, range(number + 3))))
        job = Job(str(folder / "summing.ipynb"), dict(file=str(folder / f"{number}.txt")))
        runs.append(queue_run(job, folder / "runs"))
    return runs


def results(folder: Path) -> dict:
    "What must not depend on where a run was executed."
    receipt = read_receipt(folder)
    made = {
        one["path"]: one["sha256"] for one in receipt["artifacts"] if "ipynb" not in one["path"]
    }
    given = [(one["path"], one["sha256"]) for one in receipt["data"]]
    return dict(status=receipt["status"], scores=receipt["scores"], made=made, given=given)


def kill_when_busy(cluster, node, runs):
    "Kill a node as soon as a run of its is under way."
    from ray.experimental.internal_kv import _internal_kv_get

    while not any(_internal_kv_get(f"plastinka {run.name}") for run in runs):
        time.sleep(0.5)
    time.sleep(3)
    cluster.remove_node(node, allow_graceful=False)


def test_a_node_that_dies_costs_only_its_runs(tmp_path, quiet):
    import ray

    from plastinka.jobs.ray import run_folders

    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
    undisturbed = summing(here, 3, 0.1)
    for run in undisturbed:
        run_here(run, io.StringIO())
    disturbed = summing(there, 3, 15)
    with own_cluster(1) as cluster:
        node = cluster.add_node(**node_options(2))
        ray.init(address=cluster.address, log_to_driver=False)
        try:
            killer = threading.Thread(target=kill_when_busy, args=(cluster, node, disturbed))
            killer.start()
            receipts = run_folders(disturbed, io.StringIO())
            killer.join()
        finally:
            ray.shutdown()
    assert [receipt["status"] for receipt in receipts] == ["succeeded"] * 3
    for one, other in zip(undisturbed, disturbed, strict=True):
        before, after = results(one), results(other)
        assert (before["scores"], before["made"]) == (after["scores"], after["made"])
        assert [Path(path).name for path, _ in before["given"]] == [
            Path(path).name for path, _ in after["given"]
        ]
    assert not list(there.glob("runs/*/.*"))


def kill_a_worker(after: float) -> bool:
    "Kill a process that has a run for a node, after some seconds; whether there was one."
    time.sleep(after)
    for process in psutil.process_iter(["cmdline"]):
        if any("ray::remote_run" in word for word in process.info["cmdline"] or []):
            process.kill()
            return True
    return False


def orphans() -> list[psutil.Process]:
    "Runners whose parent is gone."
    found = [each for each in psutil.process_iter(["cmdline", "ppid"]) if each.info["ppid"] == 1]
    return [one for one in found if "execute_from_arguments" in " ".join(one.info["cmdline"] or [])]


def test_killed_workers_cost_only_their_runs(tmp_path, quiet):
    import ray

    from plastinka.jobs.ray import run_folders

    moment, killed = random.Random(KILLS), []
    with own_cluster(2) as cluster, ThreadPoolExecutor(1) as killer:
        ray.init(address=cluster.address, log_to_driver=False)
        try:
            for number in range(KILLS):
                folder = tmp_path / f"round{number}"
                folder.mkdir()
                runs = summing(folder, 2, 1.0)
                kill = killer.submit(kill_a_worker, moment.random() * 6)
                receipts = run_folders(runs, io.StringIO())
                killed.append(kill.result())
                assert [receipt["status"] for receipt in receipts] == ["succeeded"] * 2
                assert [(run / "total.txt").read_text() for run in runs] == ["3", "6"]
                assert not list(folder.glob("runs/*/.*"))
        finally:
            ray.shutdown()
    print(f"{sum(killed)} of {KILLS} workers were killed at work")
    assert sum(killed) >= KILLS / 3
    until = time.monotonic() + 60
    while orphans() and time.monotonic() < until:
        time.sleep(1)
    assert not orphans()


def test_a_study_on_ray_is_stopped_resumed_and_told(tmp_path, quiet):
    from dataclasses import replace

    from plastinka.data.ingest import read_sources
    from plastinka.data.ledger import build_ledger
    from plastinka.evaluate.search import read_trials
    from plastinka.evaluate.space import make_space
    from plastinka.evaluate.study import read_winner
    from plastinka.evaluate.tune import StudySettings, tune
    from plastinka.simulate.shop import make_shop

    make_shop(titles=80, months=26, seed=4).write(tmp_path / "files", dirt=0)
    ledger = build_ledger(read_sources(f"{tmp_path}/files/stock.xlsx", [str(tmp_path / "files")]))
    rates = {"learning_rate": {"low": 1e-4, "high": 0.3, "log": True}}
    space = make_space("lightgbm", rates | {"leaves": {"low": 4, "high": 31}})
    settings = StudySettings(horizon=2, trials=3, length=8, checks=1, at_once=2)
    first = tune(ledger, space, tmp_path / "study", settings)
    result = tune(ledger, space, tmp_path / "study", replace(settings, trials=8))
    trials = read_trials(tmp_path / "study" / "trials.jsonl")
    assert set(result.table["status"]) == {"complete", "stopped"} and len(trials) == 8
    assert {n: trials[n].values for n in range(3)} == {
        row.trial: {name: getattr(row, name) for name in trials[0].values}
        for row in first.table.itertuples()
    }
    assert read_winner(tmp_path / "study") == result.winner
    assert result.saved["share"] > 0 and "cutoffs that the study did not see" in result.verdict
    kept = [path.name for path in (tmp_path / "study" / "models").iterdir()]
    assert f"{result.winner.number:04}" in kept and len(kept) <= settings.keep
    assert "RAY_ADDRESS" not in os.environ


def test_the_fits_of_a_backtest_are_spread_and_equal_to_those_made_here(tmp_path, quiet):
    import pandas as pd
    import ray

    from plastinka.data.ingest import read_sources
    from plastinka.data.ledger import build_ledger
    from plastinka.evaluate.backtest import cross_validate
    from plastinka.jobs.parts import Parts
    from plastinka.models.catalog import make_model
    from plastinka.simulate.shop import make_shop

    make_shop(titles=80, months=22, seed=3).write(tmp_path / "files", dirt=0)
    ledger = build_ledger(read_sources(f"{tmp_path}/files/stock.xlsx", [str(tmp_path / "files")]))
    models = [make_model(name) for name in ("lightgbm", "tide", "recent quantiles")]
    seconds = ["fit_seconds", "predict_seconds", "peak_mib"]
    here = cross_validate(ledger, models, cutoffs=2, parts=Parts(tmp_path / "here"))
    there, spread = Parts(tmp_path / "there", "cluster"), []
    with own_cluster(2) as cluster:
        ray.init(address=cluster.address, log_to_driver=False)
        try:
            seen = Parts.spread
            Parts.spread = lambda self, *how: spread.append(seen(self, *how))
            held = cross_validate(ledger, models, cutoffs=2, parts=there)
        finally:
            Parts.spread = seen
            ray.shutdown()
    assert spread == [6] and there.names() == Parts(tmp_path / "here").names()
    tables = [each.table().drop(columns=seconds) for each in (here, held)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


def test_a_run_on_ray_tells_its_kernel_of_the_cluster(tmp_path, quiet, monkeypatch):
    from plastinka.jobs.ray import run_folders

    monkeypatch.setenv("TMPDIR", str(tmp_path))  # A machine on which Ray has never run
    (run,) = summing(tmp_path, 1, 0.1)
    book = json.loads((tmp_path / "summing.ipynb").read_text())
    book["cells"][1]["source"] += (
        "\nimport os\nPath('told.txt').write_text(os.environ['PLASTINKA_CLUSTER'])"
    )
    (tmp_path / "summing.ipynb").write_text(json.dumps(book))
    (receipt,) = run_folders([run], io.StringIO(), 1)
    assert receipt["status"] == "succeeded"
    assert ":" in (run / "told.txt").read_text()
