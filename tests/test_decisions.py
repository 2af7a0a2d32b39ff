"""The run notebooks `launch` and `replay`, shrunken, through the command line; a replay sees no
future."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from plastinka.data.ingest import read_sources
from plastinka.data.ledger import build_ledger
from plastinka.decide.launch import launch_list
from plastinka.doors.cli import main
from plastinka.simulate.shop import make_shop


@pytest.fixture(scope="module")
def shop_folder(tmp_path_factory):
    "A small shop with many new releases, and its files."
    folder = tmp_path_factory.mktemp("shop")
    shop = make_shop(titles=80, months=18, seed=4, new_releases=0.7)
    shop.write(folder, dirt=0)
    return shop, folder


def files(folder, out):
    "Options of a run on a shop's files."
    return ["--stock", f"{folder}/stock.xlsx", "--sales", str(folder), "--out", str(out)]


def run_folder(capsys):
    "The folder of the run, which is the last line on stdout."
    return Path(capsys.readouterr().out.strip().splitlines()[-1])


@pytest.mark.long
def test_launch_orders_new_titles_and_refuses_an_empty_list(shop_folder, tmp_path, capsys):
    shop, folder = shop_folder
    known = shop.items.sort_values("base_rate").iloc[-1]
    new = pd.DataFrame({"Исполнитель": [known["artist"], "Никто"], "Альбом": ["Новый", "Первый"]})
    new.assign(Цена=[3000, 2500], Предложено=[2, 0]).to_excel(tmp_path / "new.xlsx", index=False)
    how = files(folder, tmp_path / "runs")
    assert main(["launch", "--titles", str(tmp_path / "new.xlsx"), "--language", "ru", *how]) == 0
    listed = pd.read_excel(run_folder(capsys) / "launches.xlsx").set_index("Исполнитель")
    listed = listed.loc[[known["artist"], "Никто"]]
    assert (listed["Заказ"] <= [2, 0]).all() and (listed["Шесть месяцев"] > 0).all()
    assert "у исполнителя ещё не было новинок" in listed.loc["Никто", "Примечание"]
    new.iloc[:0].to_excel(tmp_path / "empty.xlsx", index=False)
    assert main(["launch", "--titles", str(tmp_path / "empty.xlsx"), *how]) != 0
    assert "holds no title" in capsys.readouterr().err


@pytest.mark.long
def test_replay_leaves_rules_titles_and_a_picture(shop_folder, tmp_path, capsys):
    _, folder = shop_folder
    how = ["--model", "recent quantiles", "--months", "2", "--draws", "1"]
    assert main(["replay", *how, *files(folder, tmp_path / "runs")]) == 0
    run = run_folder(capsys)
    drawn = pd.read_excel(run / "replay.xlsx", sheet_name="draws")
    rules = drawn.groupby("rule")[["profit"]].mean()
    assert rules["profit"].idxmax() == "demand known"
    assert {"ours", "deliveries as they were", "order what sold"} <= set(rules.index)
    receipt = json.loads((run / "receipt.json").read_text(encoding="utf-8"))
    assert receipt["status"] == "succeeded" and (run / "replay.png").exists()


def test_a_title_that_the_shop_has_is_no_launch():
    shop = make_shop(titles=60, months=16, seed=4, new_releases=0.7)
    ledger = build_ledger(read_sources(shop.stock, [shop.sales]))
    old = shop.items[shop.items["launch"] < shop.plan.start].iloc[0]
    listed = launch_list(ledger, pd.DataFrame(dict(artist=[old["artist"]], album=[old["album"]])))
    assert "the shop has it" in listed["note"].iloc[0]
    assert np.isnan(listed["order"].iloc[0]) and np.isnan(listed["expected_1"].iloc[0])
