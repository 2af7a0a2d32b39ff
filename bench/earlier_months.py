"""What earlier months say of the models where `auto` is behind, beside what happened.

    PLASTINKA_DATA=folder python bench/earlier_months.py
    PLASTINKA_DATA=folder python bench/earlier_months.py --parts carparts_year

Two sets of the scoreboard have one cutoff, and there `auto` is behind a single model by more than
the doubt about titles. Could it have known? All models forecast as of earlier months, as far as the
months allow that are known at the reported cutoff:

- retail: nine months of *Online Retail*, of which no forecast of three months is over that all
  members of `auto` could have made, so that these count the same.
- carparts_year: 27 months of car parts, of which 12 months ahead can be judged once.
- others: which members, with equal weights, are best where nothing can be learnt? Asked of the
  first 8 to 11 months of other sets, three months ahead; none of them is reported anywhere.

Losses are WQL (quantiles 5, 25, 50, 75, 95 %); `behind` is the loss over that of the usual three
members with equal weights, less one, with 95 % limits over titles."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # Before numpy is loaded

import argparse  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from scoreboard import QUANTILES, behind, keep_rows, quiet, score_row  # noqa: E402
from scoreboard_sets import SETS, Cutoff, DataSet, until  # noqa: E402

from plastinka.evaluate.backtest import can_run, pool, settle  # noqa: E402
from plastinka.evaluate.combine import best_weights, crps_products, mix_rows  # noqa: E402
from plastinka.evaluate.fit import cut_panel  # noqa: E402
from plastinka.evaluate.folds import arrived_since, judge_fold  # noqa: E402
from plastinka.models.catalog import make_model  # noqa: E402
from plastinka.models.core import Forecast  # noqa: E402
from plastinka.scores.counts import Counts  # noqa: E402
from plastinka.scores.tables import Truth, row_losses, scored_rows  # noqa: E402

OTHERS = ("chain", "pairs", "carparts", "auto_xls", "m5", "vn2", "music", "made_up")
MODELS = (
    "tide",
    "lightgbm",
    "pooled negative binomial",
    "pooled hurdle",
    "tsb",
    "imapa",
    "ses",
    "recent quantiles",
)
LONG = (*MODELS[:4], "lightgbm quantile", "xgboost", "recent quantiles")
PLANS = {  # Set, models, and months seen and ahead; the last of each is the reported cutoff
    "retail": ("retail", MODELS, ((4, 3), (5, 3), (6, 3), (7, 2), (8, 1), (9, 3))),
    "carparts_year": ("carparts_year", LONG, ((15, 6), (21, 6), (15, 12), (27, 12))),
    "others": (None, MODELS, ((8, 3), (9, 3), (10, 3), (11, 3))),
}
USUAL = MODELS[:3]
HINDSIGHT = "the usual three, weighed in hindsight"
MIXTURES = {
    "the usual three": USUAL,
    "and TSB": (*USUAL, "tsb"),
    "and IMAPA": (*USUAL, "imapa"),
    "and hurdle": (*USUAL, "pooled hurdle"),
    "and TSB, IMAPA": (*USUAL, "tsb", "imapa"),
    "TSB for pooled": ("tide", "lightgbm", "tsb"),
    "LightGBM, TSB": ("lightgbm", "tsb"),
    "TiDE, LightGBM": ("tide", "lightgbm"),
}


def as_of(data: DataSet, seen: int, ahead: int) -> Cutoff:
    "What is known after so many months."
    if data.ledger is None:
        return Cutoff(until(data.panel, seen - 1), None, True, ahead)
    panel = cut_panel(data.ledger, pd.Timestamp(data.panel["month"].values[seen - 1]))
    return Cutoff(panel, arrived_since(data.ledger, panel), True, ahead)


def forecasts_of(data: DataSet, cutoff: Cutoff, names) -> dict[str, Forecast]:
    "What the models say that can be run."
    found, months = {}, cutoff.seen.sizes["month"]
    for name in names:
        model = make_model(name)
        if months + cutoff.ahead >= model.requires(cutoff.ahead).months:  # Else no options fit
            model = settle(model, months + cutoff.ahead, cutoff.ahead)
        if can_run(model, cutoff.seen, cutoff.ahead):
            fitted = model.fit(cutoff.seen, cutoff.ahead)
            found[name] = fitted.predict(cutoff.seen, cutoff.ahead, newcomers=cutoff.arrived)
    return found


def mixtures(found: dict[str, Forecast], asked) -> dict[str, Forecast]:
    "Members with equal weights, of those that could be run."
    made = {}
    for title, names in MIXTURES.items():
        if not set(names) <= set(asked):
            continue
        parts = [found[name].counts.reshape(-1) for name in names if name in found]
        one = next(iter(found.values()))
        weights = np.full((len(parts), one.counts.shape[0] * one.counts.shape[1]), 1 / len(parts))
        counts = mix_rows(parts, weights).reshape(*one.counts.shape)
        made[title] = Forecast(one.items, one.months, counts, title)
    return made


def best_mixture(parts: list[Counts], truth: Truth) -> Counts:
    "The mixture that would have been best, with one set of weights for all."
    weights = best_weights(crps_products(parts, np.rint(truth.completed)).sum(axis=0))
    return mix_rows(parts, np.tile(weights[:, None], len(truth.units)))


def losses(data: DataSet, seen: int, ahead: int, names=MODELS) -> pd.DataFrame:
    "WQL of every model and mixture as of one month."
    cutoff = as_of(data, seen, ahead)
    found = forecasts_of(data, cutoff, names)
    fold = judge_fold(data.panel, cutoff.seen, found | mixtures(found, names), data.demand)
    forecasts, truth, rows = pool([fold])
    valid = scored_rows(truth, rows["valid"])
    kept, rows = keep_rows(truth, valid), rows[valid].reset_index(drop=True)
    forecasts = {name: counts.take(valid) for name, counts in forecasts.items()}
    forecasts[HINDSIGHT] = best_mixture([forecasts[one] for one in USUAL if one in found], kept)
    table, lost = [], {}
    for name, counts in forecasts.items():
        scores = score_row(counts, kept, QUANTILES, rows["scale"].to_numpy(), rows["item_id"])
        lost[name] = row_losses(counts, kept, QUANTILES)["mean_pinball"]
        asked = max(kept.completed.mean(axis=0).sum(), 1e-9)
        line = {"data": data.name, "seen": seen, "ahead": ahead, "points": len(rows)}
        line |= {"model": name, "wql": scores["wql"], "bias": np.sum(counts.mean) / asked - 1}
        table.append(line)
    for line in table:
        apart = behind(lost[line["model"]], lost["the usual three"], rows)
        line |= dict(zip(("behind", "low", "high"), map(float, apart), strict=True))
    return pd.DataFrame(table)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", default=list(PLANS), choices=PLANS)
    parser.add_argument("--others", nargs="+", default=OTHERS, help="sets to choose members on")
    parser.add_argument("--most", type=int, default=800, help="items of the other sets at most")
    parser.add_argument("--csv", type=Path, help="also write the rows to this file")
    options = parser.parse_args()
    folder = os.environ.get("PLASTINKA_DATA") or parser.error("set PLASTINKA_DATA to the folder")
    quiet()
    found = []
    for part in options.parts:
        name, models, cutoffs = PLANS[part]
        for each in [name] if name else options.others:
            data = SETS[each](Path(folder), 2500 if name else options.most)
            for seen, ahead in cutoffs:
                found.append(losses(data, seen, ahead, models).assign(part=part))
                print(found[-1].round(4).to_string(), flush=True)
                if options.csv:
                    pd.concat(found).round(5).to_csv(options.csv, index=False)


if __name__ == "__main__":
    main()
