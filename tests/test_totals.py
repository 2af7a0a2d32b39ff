"""The run notebook `totals`, shrunken, through the command line."""

from pathlib import Path

import pandas as pd

from plastinka.doors.cli import main
from plastinka.simulate.shop import make_shop


def test_a_shop_by_style_and_week(tmp_path, capsys):
    folder, runs = tmp_path / "shop", tmp_path / "runs"
    shop = make_shop(titles=30, months=12, seed=5)
    shop.write(folder, dirt=0)
    given = ["--sales", folder, "--stock", folder / "stock.xlsx", "--by", "style", "--out", runs]
    chosen = ["--models", "seasonal naive", "--cutoffs", 1, "--horizon", 2]
    assert main(["totals", *map(str, given + chosen)]) == 0
    run = Path(capsys.readouterr().out.strip().splitlines()[-1])
    table = pd.read_parquet(run / "totals.parquet")
    assert table.groupby("unique_id").size().eq(2).all() and table["unique_id"].nunique() > 2
    assert (table["ds"].dt.dayofweek == 0).all()
    assert table["ds"].min() > shop.sales["sold_date"].max() - pd.Timedelta(days=7)
    assert (run / "totals.html").stat().st_size > 3000
    assert (run / "totals.xlsx").stat().st_size > 3000
