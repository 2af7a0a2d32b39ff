"""Titles week by week on the scoreboard, through room 46: statsforecast and mlforecast.

Four weeks ahead, from five cutoffs four weeks apart: the last three are reported, and `auto` is at
each of them the model that was best at the cutoffs before, as `best_totals` chooses. Of VN2, weeks
with an empty shelf are filled with what they would have brought, as known at the week's end, and
are not judged."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from plastinka.data.schema import QUANTILES, quantile_columns
from plastinka.models.totals import (
    TOTALS_MODELS,
    TotalsTask,
    cross_validate_totals,
    make_task,
    totals_scores,
)
from plastinka.panel.demand import demand_rates
from plastinka.panel.totals import ledger_totals
from plastinka.scores.counts import quantile_counts
from plastinka.scores.metrics import mase_scale, rmsse_scale
from plastinka.scores.tables import plain_truth
from scoreboard_sets import read_sales
from vn2 import read_weeks

HORIZON, CUTOFFS, JUDGED = 4, 5, 3


@dataclass
class Weeks:
    "A set of weekly series."

    name: str
    task: TotalsTask
    judged: pd.DataFrame | None = None  # unique_id, ds: rows that count; None = all


def some(series: pd.DataFrame, most: int) -> pd.DataFrame:
    "At most so many series, drawn at random, of those with a year of weeks."
    sizes = series.groupby("unique_id").size()
    names = np.sort(sizes.index[sizes >= min(52, sizes.max())].to_numpy())
    chosen = np.random.default_rng(0).permutation(names)[:most]
    return series[series["unique_id"].isin(chosen)]


def of_sales(name: str, path: Path, profile: str, most: int) -> Weeks:
    "The weeks of a set of sales, by barcode."
    series = ledger_totals(read_sales(path, profile), "barcode", "week")
    series["y"] = series["y"].clip(lower=0)
    return Weeks(name, make_task(some(series, most), "week", HORIZON))


def grocer(folder: Path, most: int) -> Weeks:
    "VN2: weeks without stock filled with what they would have brought."
    sales, there, weeks = read_weeks(folder)
    rate = demand_rates(sales * there, 7.0 * there, np.zeros(sales.shape, int))[0]
    filled = np.where(there, sales, 7 * rate)
    listed = np.maximum.accumulate(there, axis=1)
    row, column = np.nonzero(listed)
    series = pd.DataFrame(
        {"unique_id": row.astype(str), "ds": weeks[column], "y": filled[row, column]}
    )
    judged = series.loc[there[row, column], ["unique_id", "ds"]]
    return Weeks("VN2, by week", make_task(some(series, most), "week", HORIZON), judged)


def chain(folder: Path, most: int) -> Weeks:
    path = folder / "onec_sales_2013_2014.csv.gz"
    return of_sales("chain, by week", path, "onec_daily", most)


def retail(folder: Path, most: int) -> Weeks:
    path = folder / "online_retail_uk.csv.gz"
    return of_sales("Online Retail, by week", path, "online_retail", min(most, 1500))


WEEKS = {"vn2_weeks": grocer, "chain_weeks": chain, "retail_weeks": retail}


def answer_weeks(data: Weeks, model: str) -> pd.DataFrame:
    "What a model said at the cutoffs, beside what was sold."
    return cross_validate_totals(data.task, [model], CUTOFFS)


def zero_answers(one: pd.DataFrame) -> pd.DataFrame:
    "Nothing sells."
    columns = quantile_columns(QUANTILES)
    return one.assign(model="all-zero", mean=0.0, **dict.fromkeys(columns, 0.0))


def chosen_answers(held: pd.DataFrame) -> pd.DataFrame:
    "At each cutoff the model that was best before."
    cutoffs, parts = np.sort(held["cutoff"].unique()), []
    for cutoff in cutoffs[-JUDGED:]:
        best = totals_scores(held[held["cutoff"] < cutoff])["model"].iloc[0]
        parts.append(held[(held["cutoff"] == cutoff) & (held["model"] == best)])
    return pd.concat(parts).assign(model="auto")


def weeks_rows(data: Weeks, frames: dict[str, pd.DataFrame]) -> tuple:
    "Forecasts by model, truth, rows and MASE's scale of the reported cutoffs."
    held = pd.concat([frame for frame in frames.values() if len(frame)])
    one = held[held["model"] == held["model"].iloc[0]]
    auto = chosen_answers(held[held["model"].isin(TOTALS_MODELS)])
    held = pd.concat([auto, zero_answers(one), held])
    held = held[held["cutoff"].isin(np.sort(held["cutoff"].unique())[-JUDGED:])]
    if data.judged is not None:
        held = held.merge(data.judged, on=["unique_id", "ds"])
    held = held.sort_values(["unique_id", "cutoff", "ds"], kind="stable")
    tables = {name: table for name, table in held.groupby("model", sort=False)}
    order = ["auto", *(name for name in tables if name != "auto")]
    columns = quantile_columns(QUANTILES)
    forecasts = {
        name: quantile_counts(
            tables[name][columns].to_numpy(), QUANTILES, tables[name]["mean"].to_numpy()
        )
        for name in order
    }
    one = tables["auto"]
    wide = data.task.series.pivot_table(index="unique_id", columns="ds", values="y")
    before = wide.loc[:, wide.columns <= held["cutoff"].min()]
    scales = [
        pd.Series(of(before.to_numpy()), before.index)[one["unique_id"]].to_numpy()
        for of in (mase_scale, rmsse_scale)
    ]
    rows = pd.DataFrame(
        {"item_id": one["unique_id"], "cutoff": one["cutoff"], "scale": scales[1]}
    ).reset_index(drop=True)
    return forecasts, plain_truth(np.rint(one["y"].to_numpy(float))), rows, scales[0]
