"""Does the forecast's order rule earn money? Months of made-up shops replayed against their true
demand, beside simple rules, the same rule fed with the true distribution, and the demand known.

    python bench/replay.py          # some minutes
    python bench/replay.py --seeds 3 --json bench/results/replay.json

A year of months at 10, 20 and 40 % stock-outs; every month is ordered on its first day, deliveries
come 14 days later. The forecast is fitted anew at each cutoff on what the shop knew then. Profit is
margin of copies sold less the cost of capital and half of what dead stock cost. A simple rule is
compared at the capital that ours binds, along the line of its covers. The way from the best simple
rule to the true distribution is what a forecast can win."""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from ideal import known_paths
from report import finish, row

from plastinka.data.ingest import read_sources
from plastinka.data.ledger import build_ledger
from plastinka.decide.replay import profit_gain
from plastinka.decide.shop_replay import (
    at_equal_capital,
    forecast_paths,
    replay_shop,
    shop_stretch,
    stretch_money,
)
from plastinka.decide.terms import Rules
from plastinka.evaluate.fit import cut_panel
from plastinka.models.catalog import make_model
from plastinka.panel.panel import build_panel
from plastinka.simulate.shop import make_shop

LEAD, DRAWS, HORIZON = 14, 512, 2
THERE, BUILT = "true distribution of titles that are there", "how the shop is built"
WAYS = [
    ("ours", "of the way from simple to the true distribution", 0.8),
    (THERE, f"of that way, the {THERE}", None),
    (BUILT, f"of that way, one who knows {BUILT}", None),
]


def true_paths(shop, months, items, there=False, seed=0):
    "Draws of the made-up shop's own distribution of months, perhaps of titles that are there."
    expected = shop.truth.pivot(index="item_id", columns="month", values="expected").reindex(items)
    launch = shop.items.set_index("item_id")["launch"].reindex(items)
    clump, quiet, random = shop.plan.clumping, shop.plan.quiet, np.random.default_rng(seed)

    def paths(review):
        ahead = pd.DatetimeIndex([months[review] + pd.DateOffset(months=each) for each in (0, 1)])
        mean = np.nan_to_num(expected[ahead].to_numpy(float))[:, None, :]
        shape = (len(items), DRAWS, len(ahead))
        effect = random.gamma(1 / clump, clump, shape) if clump else np.ones(shape)
        asked = random.random(shape) >= quiet
        known = (launch < months[review]).to_numpy() | (not there)
        return random.poisson(mean * effect * asked / (1 - quiet)) * known[:, None, None], ahead

    return paths


def play(model_name, stockouts, seed, reviews, titles):
    "The contest of one made-up shop."
    shop = make_shop(titles=titles, months=36, seed=seed, stockouts=stockouts)
    ledger = build_ledger(read_sources(shop.stock, [shop.sales]))
    panel = build_panel(ledger)
    end = pd.DatetimeIndex(panel["month"].values)[-1]
    months = pd.date_range(end=end - pd.DateOffset(months=1), periods=reviews, freq="MS")
    stretch = shop_stretch(ledger, months, LEAD)
    item = pd.Index(shop.items["item_id"]).get_indexer(ledger.items["item_id"])
    truth = shop.daily["demand"].sel(day=stretch.past.days)
    demand = truth.transpose("item", "day").values[item].astype(int)
    forecasts, model = [], make_model(model_name)
    for month in months:
        seen = cut_panel(ledger, month - pd.DateOffset(months=1))
        forecasts.append(model.fit(seen, HORIZON).predict(seen, HORIZON))
    ids = pd.Index(ledger.items["item_id"].to_numpy()[stretch.items])
    prices, terms = stretch_money(ledger, panel, stretch, Rules())
    paths = {
        "ours": forecast_paths(forecasts, ids),
        "true distribution": true_paths(shop, months, ids),
        THERE: true_paths(shop, months, ids, there=True),
        BUILT: known_paths(shop, months, ids),
    }
    return replay_shop(stretch, [demand], paths, prices, terms)


def judge(name, contest):
    "Rows of one shop."
    table = contest.table()
    print(name, table[["profit", "fill_rate", "capital", "dead"]].round(2), sep="\n", flush=True)
    lines = [
        at_equal_capital(table, "ours", each) for each in ("fill up to", "minimum and maximum")
    ]
    simple = table[table.index.str.startswith(("fill", "minimum", "order"))]["profit"]
    best = max(simple.max(), *lines)
    ours, true, known = (
        table.loc[each, "profit"] for each in ("ours", "true distribution", "demand known")
    )
    gain, low, high = profit_gain(contest, "ours", simple.idxmax())
    rows = [row(f"{name}: profit over the best line at equal capital", ours / max(lines), 1.0, "")]
    rows += [row(f"{name}: profit over the best simple rule of all", ours / simple.max(), 1.0, "")]
    rows += [row(f"{name}: lower bound of that gain, share of profit", low / ours, 0.0, "")]
    for rule, what, bar in WAYS:
        share = (table.loc[rule, "profit"] - best) / (true - best)
        rows += [row(f"{name}: {what}", share, bar, "")]
    rows += [
        row(
            f"{name}: profit over the shop’s own deliveries",
            ours / table.loc["deliveries as they were", "profit"],
            None,
            "",
        )
    ]
    rows += [row(f"{name}: profit over that of the demand known", ours / known, None, "")]
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=2, help="shops for each share of stock-outs")
    parser.add_argument("--model", default="lightgbm", help="name in the catalog")
    parser.add_argument("--reviews", type=int, default=11, help="months with an order")
    parser.add_argument("--titles", type=int, default=400, help="titles of each shop")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    options, rows = parser.parse_args(), []
    for stockouts in (0.1, 0.2, 0.4):
        for seed in range(options.seeds):
            contest = play(options.model, stockouts, seed, options.reviews, options.titles)
            rows += judge(f"stock-outs {stockouts:.0%}, shop {seed}", contest)
    return finish(rows, options.json)


if __name__ == "__main__":
    sys.exit(main())
