"""Old runs go, but never one that something kept refers to: a later run, a chain, a store's
forecast or model, a run that is under way."""

from datetime import UTC, datetime, timedelta

import pytest

from plastinka.doors.cli import main
from plastinka.jobs.core import read_receipt, this_process, write_receipt
from plastinka.jobs.registry import find_run, prune_plan, remove_run
from plastinka.store.forecasts import keep_run
from plastinka.store.load import load_files
from plastinka.panel.panel import build_panel
from plastinka.simulate.shop import make_shop


def past_run(runs, name, days, status="succeeded", **more):
    "A run that began some days ago."
    folder = runs / name
    folder.mkdir(parents=True)
    began = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    more = dict(parameters={}, data=[]) | more
    write_receipt(folder, status=status, notebook="train", started=began, queued=began, **more)
    return folder


def planned(runs, **how):
    "Names of the runs that would go."
    return [folder.name for folder in prune_plan(runs, **(dict(days=90, keep=0) | how))]


def test_age_and_number(tmp_path):
    for number, days in enumerate((400, 300, 200, 89)):
        past_run(tmp_path, f"run{number}", days)
    assert planned(tmp_path) == ["run0", "run1", "run2"]
    assert planned(tmp_path, keep=2) == ["run0", "run1"]
    assert planned(tmp_path, days=350) == ["run0"]
    assert planned(tmp_path, needed={"run0"}) == ["run1", "run2"]


@pytest.mark.parametrize(
    "entry",
    [
        dict(parameters=dict(using="/runs/old/model")),
        dict(parameters=dict(from_="old")),
        dict(repeats="old"),
        dict(resumes="old"),
        dict(parts="/runs/old/parts"),
        dict(chain=dict(runs=dict(kazan="old"))),
    ],
    ids=lambda entry: next(iter(entry)),
)
def test_what_a_kept_run_refers_to_stays(tmp_path, entry):
    past_run(tmp_path, "old", 400)
    assert planned(tmp_path) == ["old"]
    past_run(tmp_path, "new", 1, **entry)
    assert planned(tmp_path) == []
    past_run(tmp_path, "older", 500, resumes="old")  # That goes itself, and keeps nothing
    assert planned(tmp_path) == ["older"]


def test_a_run_under_way_stays_and_a_lost_one_goes(tmp_path):
    past_run(tmp_path, "busy", 400, "running", process=this_process())
    gone = this_process() | dict(pid=2**22 + 1)
    lost = past_run(tmp_path, "gone", 400, "running", process=gone)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "receipt.json").write_text('{"status": "succ')
    assert "gone" in planned(tmp_path) and "busy" not in planned(tmp_path)
    assert read_receipt(lost)["status"] == "lost"
    remove_run(lost)
    assert not lost.exists() and not list(tmp_path.glob(".*"))
    assert find_run("busy", tmp_path).name == "busy"


def test_what_a_store_keeps_stays(tmp_path, capsys):
    import pandas as pd

    make_shop(titles=10, months=3, seed=1).write(tmp_path / "files", dirt=0)
    sales = sorted((tmp_path / "files").glob("sales*"))
    store, runs = tmp_path / "shop.db", tmp_path / "runs"
    load_files(store, tmp_path / "files" / "stock.xlsx", sales, "", "", "", 0.2, build_panel)
    nothing = pd.DataFrame(dict(item_id=[], month=pd.to_datetime([]), horizon=[], model=[]))
    scores = pd.DataFrame(dict(model=["auto"], wql=[0.5]))
    keep_run(store, "kept", nothing, scores, pd.Timestamp("2022-02-01"), parameters={})
    for name in ("kept", "other"):
        past_run(runs, name, 400, parameters=dict(store=str(store)))
    how = ["prune", "--out", str(runs), "--keep", "0"]
    assert main(how) == 0
    assert capsys.readouterr().out == "other: would be taken away\n"
    assert main([*how, "--yes"]) == 0
    assert sorted(path.name for path in runs.iterdir()) == ["kept"]
