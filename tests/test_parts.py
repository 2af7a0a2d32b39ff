"""Runs that are killed at any moment and resumed end as if nothing had happened. The examples are
in 81_jobs.parts; `PLASTINKA_KILLS=100` kills more often."""

import json
import os
import random
import signal
import time
from pathlib import Path

import pandas as pd
import pytest

from plastinka.data.ingest import read_sources
from plastinka.data.ledger import build_ledger
from plastinka.doors.cli import main
from plastinka.evaluate.backtest import cross_validate
from plastinka.jobs.core import read_receipt
from plastinka.jobs.parts import Parts
from plastinka.models.catalog import make_model
from plastinka.simulate.shop import make_shop

KILLS = int(os.environ.get("PLASTINKA_KILLS", 0))
MEASURED = ["fit_seconds", "predict_seconds", "peak_mib"]  # Of the clock, not of the data
SQUARES = """
import os, random, signal
from pathlib import Path
from plastinka.jobs.core import declare
from plastinka.jobs.parts import open_parts
parts = open_parts(states=dict(store=Path(store).read_text()))
for number in range(5):
    if number == 3 and Path(trigger).exists():
        Path(trigger).unlink()
        os.kill(os.getppid() if victim == "runner" else os.getpid(), signal.SIGKILL)
        signal.pause()
    made = parts.make_json(f"square {number}", lambda: dict(of=number, chance=random.random()))
    with open(seen, "a") as file:
        file.write(f"{made['of']} {made['chance']}\\n")
total = sum(parts.make_json(f"square {number}", dict)["of"] ** 2 for number in range(5))
Path("total.txt").write_text(str(total))
declare(artifacts=["total.txt"])
"""
PARAMETERS = """trigger: str = ""
victim: str = ""
seen: str = ""
store: str = ""  # A store [file or address]"""


def tiny_notebook(folder: Path) -> str:
    "A run notebook of five parts, which kills a process at the fourth where it is told to."
    cells = [
        dict(cell_type="code", id=f"c{place}", metadata=dict(tags=tags), source=source)
        | dict(outputs=[], execution_count=None)
        for place, (source, tags) in enumerate([(PARAMETERS, ["parameters"]), (SQUARES, [])])
    ]
    path = folder / "squares.ipynb"
    path.write_text(json.dumps(dict(cells=cells, metadata={}, nbformat=4, nbformat_minor=5)))
    return str(path)


VICTIMS = [("runner", "lost"), ("kernel", "failed")]


@pytest.mark.parametrize("victim, status", VICTIMS if KILLS else VICTIMS[:1])
def test_a_killed_run_is_resumed_from_its_parts(tmp_path, victim, status, capsys):
    store, trigger = tmp_path / "shop.db", tmp_path / "trigger"
    store.write_text("state 1")
    trigger.write_text("kill")
    how = ["--trigger", trigger, "--store", store, "--seen", tmp_path / "seen", "--victim", victim]
    command = ["run", tiny_notebook(tmp_path), *map(str, how), "--out", str(tmp_path / "runs")]
    assert main([*command, "--quiet"]) == 1
    (broken,) = (tmp_path / "runs").iterdir()
    assert read_receipt(broken)["status"] == status
    before = (tmp_path / "seen").read_text().splitlines()
    assert len(before) == 3
    resume = ["resume", broken.name, "--out", str(tmp_path / "runs"), "--quiet"]
    store.write_text("state 2")
    assert main(resume) == 2
    assert "made with other states" in capsys.readouterr().err
    store.write_text("state 1")
    assert main(resume) == 0
    resumed = max((tmp_path / "runs").iterdir())
    assert (resumed / "total.txt").read_text() == "30"
    after = (tmp_path / "seen").read_text().splitlines()[3:]
    assert after[:3] == before and len(after) == 5  # Read, not drawn again
    assert read_receipt(resumed)["resumes"] == broken.name
    assert not (broken / "parts").exists() and not (resumed / "parts").exists()
    assert main(["resume", resumed.name, "--out", str(tmp_path / "runs")]) == 2


@pytest.fixture(scope="module")
def shop_ledger(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    shop = make_shop(titles=40, months=20, seed=3)
    shop.write(folder)
    return build_ledger(read_sources(folder / "stock.xlsx", sorted(folder.glob("sales_*.xlsx"))))


def backtest(ledger, parts: Parts) -> tuple[pd.DataFrame, pd.DataFrame]:
    "The long table without what the clock says, and the scores."
    names = ("pooled negative binomial", "recent quantiles", "pooled hurdle")
    held = cross_validate(ledger, [make_model(name) for name in names], cutoffs=2, parts=parts)
    return held.table().drop(columns=MEASURED), held.scores


def killed_backtest(ledger, parts: Parts, seconds: float):
    "Work on a backtest in a process of its own, and kill it after some time."
    child = os.fork()
    if child == 0:
        backtest(ledger, parts)
        os._exit(0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_a_killed_backtest_ends_as_an_unbroken_one(shop_ledger, tmp_path):
    begun = time.perf_counter()
    table, scores = backtest(shop_ledger, Parts(tmp_path / "whole"))
    took, random_moment = time.perf_counter() - begun, random.Random(0)
    assert len(Parts(tmp_path / "whole").names()) == 6
    for number in range(1 + KILLS):
        parts = Parts(tmp_path / f"broken {number}")
        for _ in range(2):
            killed_backtest(shop_ledger, parts, took * random_moment.random())
        again, scored = backtest(shop_ledger, parts)
        pd.testing.assert_frame_equal(again, table, check_exact=True)
        pd.testing.assert_frame_equal(scored, scores, check_exact=True)
    plain, plain_scores = backtest(shop_ledger, None)
    pd.testing.assert_frame_equal(plain, table, check_exact=True)
    pd.testing.assert_frame_equal(plain_scores, scores, check_exact=True)
