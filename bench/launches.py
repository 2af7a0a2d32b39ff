"""Launches: demand of the first 91 days of titles that were never sold before, before their release
and after ten days, on launches that were held out by time.

    python bench/launches.py        # some minutes; PLASTINKA_DATA names the folder with onec_*
    python bench/launches.py --json bench/results/launches.json
    python bench/launches.py --first 2 --seeds 6    # the shops on which settings were chosen

A Russian media chain: 252 items first sold from March 2013 to September 2014, the 85 from March
2014 on scored, each with what was known on its first day. Its category stands for the style, the
category's first word for the format, the words of its name for artist and title. Beside the model
stand the quantiles of all earlier launches and of the same category's, each at least 91 days old.
Settings were compared on launches from September 2013 to February 2014; about two
dozen variants were also seen on the scored ones, at .49 to .54 before the release and .16 to .25
after ten days. Scored is the weighted quantile loss (WQL) of five quantiles against units sold;
ranges by the randomised count.

Made-up shops: launches of the last year of the span, against true demand, known from sales and the
days with stock alone. Beside the model stands one who knows how the shop is built, and of artists
and titles what the files tell (`ideal.py`): in the mean no forecast can be better; in one shop of
some 150 launches chance may put another ahead by some per cent."""

import argparse
import os
import re
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from ideal import fame_by_files, launch_draws
from report import finish, row

from plastinka.models.launches import (
    GRID,
    Launches,
    fit_launches,
    launch_quantiles,
    launches_until,
    weighted_quantiles,
)

REACH, SEEN = 91, 10
LEVELS = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
PLACES = np.array([int(np.abs(GRID - level).argmin()) for level in LEVELS])


def wql(quantiles, asked):
    "Twice the pinball loss over what was asked for, mean of the levels."
    apart = asked[:, None] - quantiles
    return 2 * np.maximum(LEVELS * apart, (LEVELS - 1) * apart).sum() / len(LEVELS) / asked.sum()


def coverage(grid, asked, level, seed=0):
    "Share of outcomes inside the middle interval, by the randomised count."
    random = np.random.default_rng(seed)
    jitter = random.uniform(-0.5, 0.5, (200, len(asked)))
    low, high = (
        grid[:, int(np.abs(GRID - each).argmin())] for each in (0.5 - level / 2, 0.5 + level / 2)
    )
    drawn = np.maximum(asked + jitter, 0)
    return ((drawn >= low) & (drawn < np.maximum(high, low + 0.5))).mean()


def chain_launches(folder):
    "The chain's items by the days since their first sale."
    sales = pd.read_csv(folder / "onec_sales_2013_2014.csv.gz")
    sales["date"] = pd.to_datetime(sales["date"], format="%d.%m.%Y")
    first = sales.groupby("item_id")["date"].min()
    first = first[(first >= "2013-03-01") & (first < "2014-10-01")].sort_values(kind="stable")
    sales = sales[sales["item_id"].isin(first.index)]
    item = first.index.get_indexer(sales["item_id"])
    age = (sales["date"] - first.loc[sales["item_id"]].to_numpy()).dt.days.to_numpy()
    near = age < REACH
    sold = np.zeros((len(first), REACH))
    np.add.at(sold, (item[near], age[near]), sales["item_cnt_day"].to_numpy()[near])
    shops = pd.DataFrame(dict(item=item, age=age, shop=sales["shop_id"].to_numpy()))
    begun = shops.groupby(["item", "shop"])["age"].min().reset_index().query(f"age < {REACH}")
    branches = np.zeros_like(sold)
    np.add.at(branches, (begun["item"], begun["age"]), 1)
    price = sales.sort_values("date", kind="stable").groupby("item_id")["item_price"].first()
    titles = chain_titles(folder, first).assign(price=price.loc[first.index].to_numpy())
    return Launches(titles, sold, np.ones(sold.shape), branches.cumsum(axis=1))


def chain_titles(folder, first):
    "Attributes of the chain's items."
    items = pd.read_csv(folder / "onec_items.csv").set_index("item_id").loc[first.index]
    categories = pd.read_csv(folder / "onec_item_categories.csv").iloc[:, 0]
    style = items["item_category_id"].map(categories)
    words = [re.findall(r"\w\w+", name.lower()) for name in items["item_name"]]
    titles = dict(item_id=first.index.astype(str), artist="", style=style.to_numpy(), label="")
    titles |= dict(format=style.str.split(" - ").str[0].to_numpy(), words=words)
    return pd.DataFrame(titles | dict(first_day=first.to_numpy()))


def held_out(launches, rows, seen, settle="M"):
    "Quantiles of the whole reach [rows, grid], each title with what was known that many days on."
    found, learnt, month = np.zeros((len(rows), len(GRID))), None, None
    days = launches.titles["first_day"]
    for place, title in enumerate(rows):
        now = days.iloc[title] + pd.Timedelta(days=seen)
        others = launches_until(launches, now)
        others = others.take(others.titles["item_id"] != launches.titles["item_id"].iloc[title])
        again = days.iloc[title].to_period(settle) != month
        model = fit_launches(others, REACH, seen, None if again else learnt)
        learnt, month = model, days.iloc[title].to_period(settle)
        own = launches.take(np.array([title]))
        found[place] = launch_quantiles(model, own)[0] + own.sold[0, :seen].sum()
    return found


def simple(launches, rows, asked, same=None):
    "Quantiles of earlier launches that are old enough; of the same style where told."
    found, days = np.zeros((len(rows), len(GRID))), launches.titles["first_day"]
    for place, title in enumerate(rows):
        old = (days + pd.Timedelta(days=REACH) <= days.iloc[title]).to_numpy()
        weight = np.full(old.sum(), 0.02)
        if same is not None:
            weight = weight + (launches.titles[same] == launches.titles[same].iloc[title])[old]
        found[place] = weighted_quantiles(asked[old], np.asarray(weight, float)[None])[0]
    return found


def made_up(seed):
    "Launches of a made-up shop, and the true demand of their first 91 days."
    from plastinka.data.ingest import read_sources
    from plastinka.data.ledger import build_ledger
    from plastinka.decide.launch import ledger_launches
    from plastinka.evaluate.fit import cut_panel
    from plastinka.simulate.shop import make_shop

    shop = make_shop(titles=1200, months=36, seed=seed, new_releases=0.35, stockouts=0.2)
    ledger = build_ledger(read_sources(shop.stock, [shop.sales]))
    # Season and artists' sales as known before the first scored launch
    launches = ledger_launches(ledger, cut_panel(ledger, "2023-12"))
    born = shop.items.set_index("item_id")["launch"].reindex(launches.titles["item_id"]).to_numpy()
    launches = launches.take(launches.titles["first_day"].to_numpy() == born)
    begin = (launches.titles["first_day"] - pd.Timestamp(shop.plan.start)).dt.days.to_numpy()
    whole = begin + REACH <= shop.daily.sizes["day"]
    launches, begin = launches.take(whole), begin[whole]
    row = pd.Index(shop.items["item_id"]).get_indexer(launches.titles["item_id"])
    demand = shop.daily["demand"].transpose("item", "day").values
    by_day = demand[row[:, None], begin[:, None] + np.arange(REACH)].astype(float)
    asked = by_day.sum(axis=1)
    return launches, asked, partial(known_by_building, shop, by_day)


def known_by_building(shop, by_day, launches, rows, famous=False):
    "WQL before and after some days of one who knows how the shop is built, perhaps who is famous."
    ids, found = launches.titles["item_id"].iloc[rows], []
    fame = None if famous else fame_by_files(shop, ids)
    for seen in (0, SEEN):
        draws = launch_draws(shop, ids, by_day[rows], seen, REACH, fame=fame)
        found.append(wql(np.quantile(draws, LEVELS, axis=1).T, by_day[rows].sum(axis=1)))
    return found


def scores(name, launches, asked, rows, bars, building=None):
    "Rows of the table: losses and coverage."
    whole = asked[rows]
    sold = launches.sold[:, :REACH].sum(axis=1)
    before, after = (held_out(launches, rows, seen) for seen in (0, SEEN))
    style = wql(simple(launches, rows, sold, "style")[:, PLACES], whole)
    every = wql(simple(launches, rows, sold)[:, PLACES], whole)
    losses = [wql(each[:, PLACES], whole) for each in (before, after)]
    found = [row(f"{name}: launches scored", len(rows), None, "")]
    found += [row(f"{name}: WQL, quantiles of all earlier launches", every, None, "")]
    found += [row(f"{name}: WQL, quantiles of the category’s", style, None, "")]
    for when, loss, bar in zip(
        ("before the release", "after ten days"), losses, bars(style), strict=True
    ):
        found.append(row(f"{name}: WQL {when}", loss, bar, "", at_most=True))
    if building is not None:
        known = building(launches, rows)
        for when, loss in zip(("before the release", "after ten days"), known, strict=True):
            what = f"{name}: WQL {when} of one who knows how the shop is built"
            found.append(row(what, loss, None, ""))
    for when, grid in (("before", before), ("after ten days", after)):
        for level in (0.5, 0.9):
            share = coverage(grid, whole, level)
            off = abs(share - level)
            found.append(row(f"{name}: {when}, inside {level:.0%} ranges", share, None, ""))
            found.append(row(f"{name}: {when}, {level:.0%} ranges off by", off, 0.04, "", True))
    print(*(f"{each['name']} {each['value']:.3f}" for each in found), sep="\n", flush=True)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=2, help="made-up shops")
    parser.add_argument("--first", type=int, default=0, help="number of the first made-up shop")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    options = parser.parse_args()
    folder, rows = Path(os.environ.get("PLASTINKA_DATA") or ""), []
    if (folder / "onec_sales_2013_2014.csv.gz").is_file():
        chain = chain_launches(folder)
        scored = np.flatnonzero(chain.titles["first_day"] >= "2014-03-01")
        rows += scores("chain", chain, chain.sold.sum(axis=1), scored, lambda style: (0.5, 0.23))
    else:
        print(
            "PLASTINKA_DATA names no folder with onec_sales_2013_2014.csv.gz: made-up shops alone"
        )
    for seed in range(options.first, options.first + options.seeds):
        launches, asked, building = made_up(seed)
        scored = np.flatnonzero(launches.titles["first_day"] >= "2024-01-01")
        name = f"made-up shop {seed}"
        rows += scores(
            name, launches, asked, scored, lambda style: (0.9 * style, 0.5 * style), building
        )
    return finish(rows, options.json)


if __name__ == "__main__":
    sys.exit(main())
