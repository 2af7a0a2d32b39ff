"""The DAG that comes with plastinka, by `airflow dags test` in an environment of its own: the one
that PLASTINKA_AIRFLOW names, or `.venv-airflow` beside the project, which `make test-all` makes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from plastinka.jobs.registry import read_runs_in
from plastinka.store.registry import list_models

ROOT = Path(__file__).resolve().parents[1]
AIRFLOW = Path(os.environ.get("PLASTINKA_AIRFLOW") or ROOT / ".venv-airflow" / "bin" / "airflow")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not AIRFLOW.exists(), reason="needs .venv-airflow: make test-all makes it"),
]
DAG = "sales_forecast_training"
QUICK = dict(model="recent quantiles", cutoffs=1)


@pytest.fixture(scope="module")
def airflow(tmp_path_factory):
    "Airflow's command with a home and a shop of its own."
    home = tmp_path_factory.mktemp("airflow")
    command = home / "plastinka"
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m plastinka "$@"\n')
    command.chmod(0o755)
    given = dict(AIRFLOW_HOME=str(home), AIRFLOW__CORE__LOAD_EXAMPLES="False")
    given |= dict(AIRFLOW__CORE__DAGS_FOLDER=str(ROOT / "deploy" / "airflow" / "dags"))
    given |= dict(PLASTINKA_COMMAND=str(command), PLASTINKA_HOME=str(home / "shop"))
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(*words, **more):
        return subprocess.run(
            [AIRFLOW, *words], env=clean | given | more, capture_output=True, text=True, timeout=900
        )

    assert run("db", "migrate").returncode == 0
    run.home = home / "shop"
    return run


def test_the_dag_can_be_imported(airflow):
    found = airflow("dags", "list-import-errors", "-o", "json")
    assert found.returncode == 0 and not json.loads(found.stdout.strip().splitlines()[-1] or "[]")


def test_a_shop_is_trained_and_registered(airflow):
    done = airflow("dags", "test", DAG, "--conf", json.dumps(QUICK | dict(made_up=80)))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    store = airflow.home / "shop.db"
    (model,) = list_models(store).to_dict("records")
    assert model["stage"] == "champion"
    receipts = list(read_runs_in(airflow.home / "runs").values())
    names = [one["notebook"] for one in receipts]
    assert names == ["extract", "validate", "train", "evaluate", "register"]
    assert {one["status"] for one in receipts} == {"succeeded"}
    # From the store that is there now: up to an earlier month, and without registration
    conf = QUICK | dict(data_end_date="2023-12-31", enable_model_registration=False)
    assert airflow("dags", "test", DAG, "--conf", json.dumps(conf)).returncode == 0
    first, second = list_models(store).to_dict("records")
    assert (first["stage"], second["stage"]) == ("champion", "candidate")
    assert f"{second['cutoff']:%Y-%m}" == "2023-12"


def test_a_broken_export_ends_the_pipeline_before_training(airflow, tmp_path):
    (tmp_path / "may.csv").write_text("Sold;Price\n2024-01-01;5\n")
    before = len(list((airflow.home / "runs").glob("*")))
    done = airflow("dags", "test", DAG, PLASTINKA_SALES=str(tmp_path))
    assert "state=failed" in (text := done.stdout + done.stderr) or done.returncode, text[-2000:]
    new = list(read_runs_in(airflow.home / "runs").values())[before:]
    assert "train" not in [one["notebook"] for one in new]
