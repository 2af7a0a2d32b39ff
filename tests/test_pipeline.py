"""The run notebooks of a scheduled pipeline, one after the other, as Airflow or cron start them."""

from pathlib import Path

import pytest

from plastinka.doors.cli import main
from plastinka.store.registry import list_models


@pytest.mark.long
def test_a_made_up_shop_is_taken_in_trained_compared_and_registered(tmp_path, capsys):
    store, given = tmp_path / "shop.db", ["--store", str(tmp_path / "shop.db")]
    given += ["--out", str(tmp_path / "runs")]
    assert main(["run", "extract", *given, "--made-up", "40"]) == 0
    assert main(["run", "validate", *given, "--validation-sample-size", "3"]) == 0
    small = ["--model", "recent quantiles", "--cutoffs", "1", "--horizon", "1"]
    capsys.readouterr()
    assert main(["train", *given, *small]) == 0
    made = ["--model", Path(capsys.readouterr().out.strip().splitlines()[-1]).name]
    assert main(["run", "evaluate", *given, *made]) == 0
    assert main(["run", "register", *given, *made]) == 0
    assert "champion" in set(list_models(store)["stage"])
    assert main(["run", "backup", *given]) == 0
    assert main(["run", "cleanup", *given]) == 0
    runs = [path for path in (tmp_path / "runs").iterdir() if path.is_dir()]
    assert len(runs) == 7 and all((run / "receipt.json").exists() for run in runs)
