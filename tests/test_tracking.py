"""Runs in MLflow, with a database of its own in SQLite: parameters, scores, curves, files, and the
model with its alias. The room 82_jobs.tracking shows what happens where nobody answers."""

import json
from importlib.util import find_spec

import pytest

from plastinka.doors.cli import main
from plastinka.jobs.core import read_receipt
from plastinka.jobs.tracking import track_alias

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(find_spec("mlflow") is None, reason="needs plastinka[mlflow]"),
]

TRAINING = """
from pathlib import Path
from plastinka.jobs.core import declare
Path("model").mkdir()
Path("model/weights.json").write_text("[1, 2]")
declare(
    scores=dict(auto=dict(wql=0.5, truth="demand")),
    artifacts=["model"],
    curves={"loss/tide": [3.0, 2.0, 1.5]},
    model=dict(folder="model", alias=alias),
)
"""


def training(folder) -> str:
    "A run notebook that makes a model."
    cells = [
        dict(cell_type="code", id=f"c{place}", metadata=dict(tags=tags), source=source)
        | dict(outputs=[], execution_count=None)
        for place, (source, tags) in enumerate(
            [('alias: str = "candidate"\naddress: str = ""', ["parameters"]), (TRAINING, [])]
        )
    ]
    path = folder / "training.ipynb"
    path.write_text(json.dumps(dict(cells=cells, metadata={}, nbformat=4, nbformat_minor=5)))
    return str(path)


def test_runs_and_models_are_seen_in_mlflow(tmp_path, monkeypatch):
    from mlflow import MlflowClient

    address = f"sqlite:///{tmp_path}/tracking.db"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLASTINKA_TRACKING", address)
    monkeypatch.setenv("PLASTINKA_EXPERIMENT", "shop")
    monkeypatch.setenv("ADDRESS", "postgresql://user:t0psecret@host/db")
    notebook = training(tmp_path)
    for alias in ("candidate", "champion"):
        how = ["--alias", alias, "--address", "secret://ADDRESS", "--quiet"]
        assert main(["run", notebook, *how]) == 0
    assert (
        main(["run", notebook, "--alias", "v1", "--quiet"]) == 0
    )  # MLflow refuses it, the run has succeeded
    first, second, third = (tmp_path / "runs" / one.name for one in sorted(tmp_path.glob("runs/*")))
    client = MlflowClient(address)
    run = client.get_run(read_receipt(first)["tracking"]["run"])
    assert run.info.status == "FINISHED" and run.data.tags["mlflow.runName"] == first.name
    assert run.data.params["alias"] == "candidate"
    assert "t0psecret" not in json.dumps(run.to_dictionary())
    assert run.data.metrics["auto/wql"] == 0.5 and run.data.metrics["seconds"] > 0
    steps = client.get_metric_history(run.info.run_id, "loss/tide")
    assert [(one.step, one.value) for one in steps] == [(1, 3.0), (2, 2.0), (3, 1.5)]
    names = {each.path for each in client.list_artifacts(run.info.run_id)}
    assert names == {"model", "training.ipynb", "receipt.json"}
    version = client.get_model_version_by_alias("shop", "candidate")
    assert version.run_id == run.info.run_id and version.tags["run"] == first.name
    champion = client.get_model_version_by_alias("shop", "champion")
    assert champion.run_id == read_receipt(second)["tracking"]["run"]
    assert "version 1 of shop" in track_alias(first.name)
    assert client.get_model_version_by_alias("shop", "champion").version == version.version
    assert "error" in read_receipt(third)["tracking"]


def test_check_tries_the_server(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PLASTINKA_TRACKING", f"sqlite:///{tmp_path}/tracking.db")
    main(["check", "--json"])
    (row,) = [
        each for each in json.loads(capsys.readouterr().out)["tried"] if each["what"] == "tracking"
    ]
    assert row["result"] == "good"
    monkeypatch.setenv("PLASTINKA_TRACKING", "http://127.0.0.1:9")
    assert main(["check", "--json"]) == 2
    (row,) = [
        each for each in json.loads(capsys.readouterr().out)["tried"] if each["what"] == "tracking"
    ]
    assert row["result"] == "bad" and "does not answer" in row["message"]
