"""Expected units of all titles together, against what sold, on monthly sets kept outside the
project.

    PLASTINKA_DATA=folder python bench/totals.py        # 4 sets, 5 cutoffs, 2 networks each
    PLASTINKA_DATA=folder python bench/totals.py --quick  # at most 300 items of each, one network
    PLASTINKA_DATA=folder python bench/totals.py --sets carparts M5 --option averaging=0.5
    PLASTINKA_DATA=folder python bench/totals.py --model tide     # the network alone
    PLASTINKA_DATA=folder python bench/totals.py --most 800 --cutoffs 8 --seeds 1  # more cutoffs

Each model sees the months up to a cutoff and says what sells in the three months after. Of five
cutoffs all but the first two are judged; the factor of the total, the dependence of the months and
the correction of their sums are learnt on at most five cutoffs before, and so are the weights of a
combination: of `auto` (the default) every
member stands beside it. "best simple" is the better of the rules among them. "total" is the mean
over cutoffs of |log(expected units / units sold)|, and its bar is 0.07, and not more than 0.03
above that of the mean of the last twelve months. Whether the bar can be reached is shown by who
knows the months to come: of all models, all simple totals (`simple_totals`) and all geometric means
of up to four of them, the one whose totals came nearest on these very cutoffs, of each set, and the
one choice that came nearest over all sets together. No choice made beforehand among them can be
better. "below 75 %" is the share of the items whose three
months together lie below the 75 % quantile of their sum, ties shared; "lowest" to "highest" are
thirds of the items by what is expected of them; "plain" is without the correction of sums. All
items of a cutoff stray together, so that the share of one cutoff is some points off though the
forecast may be right; the standard error of the mean over cutoffs stands beside it."""

import argparse
import os
import sys
import time
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from report import finish, row
from plastinka.evaluate.backtest import totals_factor
from plastinka.scores.counts import concat_counts
from plastinka.scores.sums import Dependence, learn_dependence, sum_counts
from plastinka.evaluate.folds import Experience, ask_models, fit_models
from plastinka.models.baselines import BASELINES
from plastinka.models.catalog import make_model
from plastinka.panel.monthly import tiny_panel
from plastinka.data.schema import QUANTILES

HORIZON, CUTOFFS, FIRST, MOST = 3, 5, 2, 0.07  # The first cutoffs only teach


def carparts(folder: Path) -> tuple[np.ndarray, bool]:
    "Demand of spare parts without blanks, known from the first month."
    table = pd.read_csv(folder / "carparts_1998-01_2001-03.csv", index_col=0).dropna(axis=1)
    return table.to_numpy().T, True


def auto(folder: Path) -> tuple[np.ndarray, bool]:
    "Spare parts of a car maker, known from the first month."
    table = pd.read_excel(folder / "AUTO.xls", sheet_name="GOEIE", header=None)
    return table.iloc[1:, 1:25].to_numpy(float), True


def m5(folder: Path) -> tuple[np.ndarray, bool]:
    "Foods in shops, known from their first sale."
    return pd.read_csv(folder / "m5_foods1_monthly_2011-02_2015-03.csv", index_col=0).to_numpy(
        float
    ).T, False


def chain(folder: Path) -> tuple[np.ndarray, bool]:
    "CDs and records of a chain, all its shops together, known from their first sale."
    table = pd.read_csv(folder / "onec_sales_2013_2014.csv.gz")
    units = table.pivot_table(
        index="item_id",
        columns="date_block_num",
        values="item_cnt_day",
        aggfunc="sum",
        fill_value=0,
    )
    return np.maximum(units.to_numpy(float), 0), False


SETS = {"carparts": carparts, "AUTO": auto, "M5": m5, "chain": chain}


def panel_until(units: np.ndarray, known: bool, cutoff: int):
    "The panel of the items known by a cutoff, and which they are."
    first = (
        np.zeros(len(units), int)
        if known
        else np.where(units.any(axis=1), (units > 0).argmax(axis=1), units.shape[1])
    )
    there = first < cutoff
    panel = tiny_panel(units[there, :cutoff], first[there], start="2015-01-01")
    return panel.assign_coords(item=np.flatnonzero(there).astype(str).astype(object)), there


def pinball(actual: np.ndarray, values: np.ndarray) -> float:
    "Weighted quantile loss: twice the pinball, over the units."
    error, levels = actual[..., None] - values, np.array(QUANTILES)
    return 2 * np.maximum(levels * error, (levels - 1) * error).mean(axis=-1).sum() / actual.sum()


def below(counts, actual: np.ndarray, level: float = 0.75) -> np.ndarray:
    "What lies below a quantile of the forecast [items], the mass at the quantile shared out."
    quantile = counts.quantile([level])[..., 0]
    under, at = counts.cdf(quantile - 1), counts.pmf(quantile)
    share = (level - under) / np.maximum(at, 1e-12)
    return np.where(actual < quantile, 1, np.where(actual == quantile, share, 0))


def thirds(values: np.ndarray, expected: np.ndarray) -> dict[str, float]:
    "Means of thirds of the items by what is expected of them."
    parts = np.array_split(np.argsort(expected, kind="stable"), 3)
    named = zip(THIRDS, parts, strict=True)
    return {name: float(values[part].mean()) for name, part in named}


def make_models(name: str, months: int, seeds: int, changes: dict) -> list:
    "The model that is judged, its members if it combines some, and the baselines."
    network = name == "auto" or name.startswith("tide")
    model = make_model(name, **({"seeds": seeds} | changes if network else {}))
    model = model.settled(months, HORIZON) if hasattr(model, "settled") else model
    every = {each.name: each for each in [model, *getattr(model, "members", ()), *BASELINES]}
    return list(every.values())


def simple_totals(panel) -> dict[str, float]:
    "What simple rules say of all items together, the next three months."
    units, age = panel["units"].values, panel["month"].values >= panel["first_seen"].values[:, None]
    month, found = units.sum(axis=0), {}
    for back in (3, 6, 12, 24):
        if units.shape[1] >= back:
            mean = units[:, -back:].sum(axis=1) / np.maximum(age[:, -back:].sum(axis=1), 1)
            found[f"last {back} months"] = HORIZON * float(mean.sum())
    if units.shape[1] >= 12:
        found["last year"] = float(month[-12:][:HORIZON].sum())
    if units.shape[1] >= 15:
        growth = month[-HORIZON:].sum() / max(month[-15:-12].sum(), 1)
        found["last year and its growth"] = found["last year"] * growth
        found["last year and half its growth"] = found["last year"] * growth**0.5
    return found


def forecast_at(
    units: np.ndarray, known: bool, cutoff: int, models: list, experience: Experience
) -> dict:
    "What the models and the mean of the last twelve months say at a cutoff, and what sold."
    panel, there = panel_until(units, known, cutoff)
    began = time.process_time()
    fitted, _ = fit_models(models, panel, HORIZON, experience)
    forecasts, _ = ask_models(fitted, panel, HORIZON, experience=experience)
    seconds = time.process_time() - began
    return {
        "cutoff": cutoff,
        "counts": {name: each.counts for name, each in forecasts.items()},
        "simple": simple_totals(panel),
        "actual": units[there, cutoff : cutoff + HORIZON],
        "seconds": seconds,
    }


def learn(earlier: list[dict], model: str) -> tuple[float, Dependence]:
    "Factor of the total, and how months go together, from cutoffs whose months are over."
    totals = pd.DataFrame(
        [
            {
                "cutoff": each["cutoff"],
                "model": model,
                "expected": each["counts"][model].mean.sum(),
                "asked": each["actual"].sum(),
            }
            for each in earlier
        ]
    )
    counts = concat_counts([each["counts"][model] for each in earlier])
    actual = np.concatenate([each["actual"] for each in earlier])
    cutoff = np.repeat(np.arange(len(earlier)), [len(each["actual"]) for each in earlier])
    known = learn_dependence(counts, actual[None], np.ones(actual.shape, bool), cutoff)
    return totals_factor(totals, model), known


def measure(found: dict, earlier: list[dict], model: str) -> dict:
    """One cutoff judged; the factor brings the total to its level, the distribution of each item
    stays as it was said."""
    factor, known = learn(earlier[-5:], model)
    counts, actual, sold = found["counts"][model], found["actual"], found["actual"].sum()
    losses = {
        f"wql {name}": pinball(actual, each.quantile(QUANTILES))
        for name, each in found["counts"].items()
    }
    asked, sums = actual.sum(axis=1), sum_counts(counts, known)
    under = below(sums, asked)
    said = {name: each.mean.sum() for name, each in found["counts"].items()} | found["simple"]
    return (
        losses
        | {f"total {name}": np.log(each / sold) for name, each in said.items() if each > 0}
        | thirds(under, sums.mean)
        | {
            "ratio": np.log(factor * counts.mean.sum() / sold),
            "unfactored": np.log(counts.mean.sum() / sold),
            "simple": np.log(found["simple"]["last 12 months"] / sold),
            "wql": losses[f"wql {model}"],
            "below": under.mean(),
            "factor": factor,
            "plain": below(sum_counts(counts, known.correlation), asked).mean(),
            "dependence": known.correlation,
            "seconds": found["seconds"],
        }
    )


def cutoffs_of(units: np.ndarray, most: int) -> list[int]:
    "The last cutoffs that three months follow, three months apart, with a year before each."
    places = [units.shape[1] - HORIZON * back for back in range(most, 0, -1)]
    return [place for place in places if place >= 12]


def run_set(
    name: str, folder: Path, most: int, seeds: int, changes: dict, model: str, cutoffs: int
) -> pd.DataFrame:
    "All cutoffs of a set; all but the first ones are judged."
    units, known = SETS[name](folder)
    if len(units) > most:
        units = units[np.random.default_rng(0).permutation(len(units))[:most]]
    found, rows, experience = [], [], Experience()
    models = make_models(model, units.shape[1], seeds, changes)
    for cutoff in cutoffs_of(units, cutoffs):
        found.append(forecast_at(units, known, cutoff, models, experience))
        if len(found) > FIRST:
            rows.append({"set": name, "cutoff": cutoff} | measure(found[-1], found[:-1], model))
            print(
                {
                    key: round(float(value), 3) if not isinstance(value, str) else value
                    for key, value in rows[-1].items()
                },
                flush=True,
            )
    return pd.DataFrame(rows)


THIRDS = ("lowest", "middle", "highest")
MOST_MEANS = 4  # Totals in a mean that is chosen in hindsight


def hindsight(table: pd.DataFrame, most: int = MOST_MEANS) -> tuple[float, str]:
    """The mean over sets of the mean |log(total / truth)| that the best mean of at most so many
    totals has on the very cutoffs it is chosen on, and which totals it takes."""
    names = [each for each in table.filter(like="total ") if table[each].notna().all()]
    ratios, sets = table[names].to_numpy(), pd.Series(np.unique(table["set"])).to_numpy()
    parts = [ratios[table["set"].to_numpy() == each] for each in sets]
    best = min(
        (np.mean([abs(part[:, few].mean(axis=1)).mean() for part in parts]), few)
        for count in range(1, most + 1)
        for few in map(list, combinations(range(len(names)), count))
    )
    return float(best[0]), ", ".join(names[at].removeprefix("total ") for at in best[1])


def chosen(table: pd.DataFrame, name: str) -> list[dict]:
    "What could have been reached by who knows the months to come."
    rows = []
    for most, told in (
        (1, "the best of them"),
        (MOST_MEANS, f"the best mean of up to {MOST_MEANS}"),
    ):
        value, which = hindsight(table, most)
        rows.append(row(f"{name}: total, in hindsight {told} ({which})", value, None, ""))
    return rows


def bars(table: pd.DataFrame) -> list[dict]:
    "What is reported of one set."
    name, model, simple = (
        table["set"].iloc[0],
        table["ratio"].abs().mean(),
        table["simple"].abs().mean(),
    )
    wql = table.filter(like="wql ").mean()
    rules = min(wql[f"wql {each.name}"] for each in BASELINES)
    sets = {
        "total": (model, MOST),
        "total, without the factor": (table["unfactored"].abs().mean(), None),
        "total, last twelve months": (simple, None),
        "total, above them": (model - simple, 0.03),
        "WQL": (table["wql"].mean(), None),
        "WQL, over that of the best simple": (table["wql"].mean() / rules, 1.05),
        **{f"WQL, {each.removeprefix('wql ')}": (value, None) for each, value in wql.items()},
        f"below 75 %, {len(table)} cutoffs": (table["below"].mean(), None),
        "below 75 %, standard error": (table["below"].sem(), None),
        **{f"below 75 %, {each}": (table[each].mean(), None) for each in THIRDS},
        "below 75 %, plain": (table["plain"].mean(), None),
        "seconds of CPU, one cutoff": (table["seconds"].mean(), None),
    }
    totals = table.filter(like="total ").abs().mean()
    sets |= {
        f"total, {each.removeprefix('total ')}": (value, None) for each, value in totals.items()
    }
    rows = [
        row(f"{name}: {what}", value, bar, "", at_most=True) for what, (value, bar) in sets.items()
    ]
    return [*rows, *chosen(table, name)]


def over_all(tables: list[pd.DataFrame]) -> list[dict]:
    "The mean over the sets, beside what one choice for all of them could have reached."
    table = pd.concat(tables, ignore_index=True)
    means = table.groupby("set")[["ratio", "unfactored", "simple"]].agg(
        lambda each: each.abs().mean()
    )
    ours, plain, simple = means.mean()
    return [
        row("all sets: total", ours, MOST, "", at_most=True),
        row("all sets: total, without the factor", plain, None, ""),
        row("all sets: total, last twelve months", simple, None, ""),
        *chosen(table, "all sets"),
    ]


def read_changes(words: list[str]) -> dict:
    "NAME=VALUE as options of the network."
    pairs = [word.split("=", 1) for word in words]
    return {
        name: float(value)
        if value.replace(".", "", 1).isdigit() and "." in value
        else int(value)
        if value.isdigit()
        else value
        for name, value in pairs
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="at most 300 items, one network")
    parser.add_argument(
        "--most", type=int, default=10**6, help="items of each set at most, drawn at random"
    )
    parser.add_argument("--seeds", type=int, default=2, help="networks of each model")
    parser.add_argument("--cutoffs", type=int, default=CUTOFFS, help="of each set at most")
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument(
        "--option", nargs="+", default=[], metavar="NAME=VALUE", help="options of the network"
    )
    parser.add_argument("--model", default="auto", help="a name in the catalog")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if not os.environ.get("PLASTINKA_DATA"):
        parser.error("set PLASTINKA_DATA to the folder with the sets")
    most, seeds = (min(options.most, 300), 1) if options.quick else (options.most, options.seeds)
    tables = [
        run_set(
            name,
            Path(os.environ["PLASTINKA_DATA"]),
            most,
            seeds,
            read_changes(options.option),
            options.model,
            options.cutoffs,
        )
        for name in options.sets
    ]
    return finish(
        [*(each for table in tables for each in bars(table)), *over_all(tables)],
        options.json,
        judged=not options.quick,
    )


if __name__ == "__main__":
    sys.exit(main())
