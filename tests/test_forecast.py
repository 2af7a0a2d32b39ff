"""The run notebook `forecast`, shrunken, through the command line; and on real files where they
are at hand."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from plastinka.doors.cli import main
from plastinka.data.ingest import read_sources
from plastinka.simulate.shop import make_shop

DATA = Path(os.environ.get("PLASTINKA_DATA", "no-data"))
QUANTILES = ["q0.05", "q0.25", "q0.5", "q0.75", "q0.95"]


def forecast(capsys, *arguments) -> Path:
    "Run `plastinka forecast` and give the run's folder, which is the last line on stdout."
    assert main(["forecast", *map(str, arguments)]) == 0
    return Path(capsys.readouterr().out.strip().splitlines()[-1])


@pytest.fixture
def shop_folder(tmp_path):
    "A small shop's files."
    folder = tmp_path / "shop"
    shop = make_shop(titles=40, months=20, seed=5)
    shop.write(folder, dirt=0)
    return shop, folder


def test_the_same_seed_gives_the_same_forecast_for_every_item(shop_folder, tmp_path, capsys):
    shop, folder = shop_folder
    arguments = [
        "--stock",
        folder / "stock.xlsx",
        "--sales",
        folder,
        "--horizon",
        2,
        "--cutoffs",
        1,
        "--seeds",
        1,
        "--out",
        tmp_path / "runs",
    ]
    first, second = forecast(capsys, *arguments), forecast(capsys, *arguments)
    assert first != second
    one, two = (pd.read_parquet(run / "forecast.parquet") for run in (first, second))
    pd.testing.assert_frame_equal(one, two, check_exact=True)

    receipt = json.loads((first / "receipt.json").read_text(encoding="utf-8"))
    assert receipt["status"] == "succeeded" and receipt["seed"] == 0
    assert next(iter(receipt["scores"])) == "auto"
    assert "The forecast is " in (first / "report.html").read_text(encoding="utf-8")
    for name in ("report.html", "forecast.xlsx", "forecast.ipynb"):
        assert (first / name).stat().st_size > 1000

    known = pd.concat([shop.stock, shop.sales])
    items = known.groupby(["barcode", "artist", "album", "cover_type", "release_type"]).ngroups
    assert one["item_id"].nunique() == items
    assert len(one) == items * 2
    values = one[QUANTILES].to_numpy()
    assert (
        np.isfinite(values).all() and (values >= 0).all() and (np.diff(values, axis=1) >= 0).all()
    )


def test_a_backtest_of_rules_leaves_a_table_scores_and_no_leak(shop_folder, tmp_path, capsys):
    _, folder = shop_folder
    how = ["--models", "recent quantiles", "--cutoffs", 2, "--horizon", 2]
    files = ["--stock", folder / "stock.xlsx", "--sales", folder, "--out", tmp_path / "runs"]
    assert main(["run", "backtest", *map(str, [*how, *files])]) == 0
    run = Path(capsys.readouterr().out.strip().splitlines()[-1])
    table = pd.read_parquet(run / "backtest.parquet", columns=["model", "cutoff", "horizon"])
    assert table["model"].unique()[0] == "recent quantiles" and table["cutoff"].nunique() == 2
    scores = pd.read_excel(run / "scores.xlsx", sheet_name=None)
    assert {"overall", "by horizon", "by demand class", "by abc class", "by age"} <= set(scores)
    costs = pd.read_parquet(run / "backtest.parquet", columns=["peak_mib"])
    receipt = json.loads((run / "receipt.json").read_text(encoding="utf-8"))
    assert 50e6 < costs["peak_mib"].max() * 2**20 < 1.01 * receipt["peak_memory_bytes"]
    audit = (run / "backtest.ipynb").read_text(encoding="utf-8")
    assert "moved" in audit and "depends on the future" in audit


real = pytest.mark.skipif(
    not (DATA / "onec_music_cds_per_copy_2013_2014.xlsx").exists(),
    reason="needs real files: set PLASTINKA_DATA to their folder",
)


@pytest.mark.long
def test_totals_of_weeks(shop_folder, tmp_path, capsys):
    _, folder = shop_folder
    files = ["--sales", folder, "--stock", folder / "stock.xlsx", "--out", tmp_path / "runs"]
    how = ["--every", "week", "--models", "seasonal naive", "--cutoffs", 2]
    assert main(["totals", *map(str, [*how, *files])]) == 0
    run = Path(capsys.readouterr().out.strip().splitlines()[-1])
    found = json.loads((run / "receipt.json").read_text(encoding="utf-8"))
    assert found["status"] == "succeeded" and "seasonal naive" in found["scores"]
    assert {path.suffix for path in run.iterdir()} >= {".parquet", ".xlsx", ".html"}


def test_categories_of_a_table(tmp_path, capsys):
    random, days = np.random.default_rng(0), pd.date_range("2024-01-01", periods=150)
    sold = pd.DataFrame({"Transaction ID": range(150), "Date": days, "Product Category": "Vinyl"})
    sold = sold.assign(**{"Quantity": 1 + random.poisson(1, 150), "Price per Unit": 30})
    sold["Total Amount"] = sold["Quantity"] * sold["Price per Unit"]
    sold.to_csv(tmp_path / "t.csv", index=False)
    files = ["--table", tmp_path / "t.csv", "--profile", "retail_sales", "--out", tmp_path / "runs"]
    assert main(["categories", *map(str, [*files, "--epochs", 2])]) == 0
    run = Path(capsys.readouterr().out.strip().splitlines()[-1])
    assert pd.read_csv(run / "categories.csv")["unique_id"].tolist() == ["Vinyl"]
    assert list((run / "models").glob("*/*.safetensors"))


@pytest.mark.long
def test_a_month_with_a_store(shop_folder, tmp_path, capsys):
    "Files go in, a model is trained and made the champion, it forecasts, and is reported."
    _, folder = shop_folder
    store = ["--store", str(tmp_path / "shop.db")]
    files = ["--stock", str(folder / "stock.xlsx"), "--sales", str(folder)]
    out = ["--out", str(tmp_path / "runs")]
    assert main(["ingest", *store, *files]) == 0
    small = ["--model", "lightgbm", "--cutoffs", "1", "--horizon", "2", "--promote"]
    assert main(["train", *store, *small, *out]) == 0
    capsys.readouterr()
    run = forecast(capsys, *store, "--using", "champion", "--horizon", 2, *out)
    assert main(["report", "last", *store, *out]) == 0
    again = Path(capsys.readouterr().out.strip().splitlines()[-1])
    first, second = ((each / "report.html").read_text("utf-8") for each in (run, again))
    assert again.name != run.name and "made anew" in second and "made anew" not in first
    assert main(["report", "nosuch", *store, *out]) != 0
    assert f"Give one of: {run.name}." in capsys.readouterr().err
    one, two = (pd.read_excel(each / "forecast.xlsx", "records") for each in (run, again))
    pd.testing.assert_frame_equal(one, two)


@pytest.mark.long
def test_a_search_of_settings(shop_folder, tmp_path, capsys):
    _, folder = shop_folder
    files = ["--sales", str(folder), "--stock", str(folder / "stock.xlsx")]
    how = ["--kind", "lightgbm", "--trials", "3", "--horizon", "2", "--engine", "here"]
    assert main(["tune", *files, *how, "--out", str(tmp_path / "runs")]) == 0


@real
def test_real_cds_without_stock_or_arrivals(tmp_path, capsys):
    run = forecast(
        capsys,
        "--sales",
        DATA / "onec_music_cds_per_copy_2013_2014.xlsx",
        "--seeds",
        1,
        "--out",
        tmp_path / "runs",
    )
    receipt = json.loads((run / "receipt.json").read_text(encoding="utf-8"))
    loss = {model: score["mean_pinball"] for model, score in receipt["scores"].items()}
    assert loss["auto"] < min(loss["seasonal naive"], loss["all-zero"]), loss
    assert "unknown" in (run / "report.html").read_text(encoding="utf-8")


@real
def test_real_cds_have_two_foreign_columns():
    sources = read_sources(None, [DATA / "onec_music_cds_per_copy_2013_2014.xlsx"]).sources
    assert len(sources) == 1 and sources["rows"][0] == 11_776
    assert "Категория" in sources["foreign"][0]
