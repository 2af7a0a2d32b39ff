"""Is the service level held that an order is made for? Made-up shops with true demand: the share of
titles whose demand from the order to the delivery of the next one is met, against the level asked.

    python bench/service_level.py            # some minutes
    python bench/service_level.py --seeds 2 --json bench/results/service_level.json

Of each cutoff the forecast of the named model is fitted anew on what was known then, and the stock
that is enough with the wished probability for 14 days of lead time and 30 days of review is read
from three rules: the joint distribution of the months with the dependence that the cutoffs taught
(the product's rule), the same with independent months, and the old rule, which added up the months'
quantiles by their share of days and rounded up. The first two are judged by the randomised count,
since copies are whole: the last copy counts with the share of it that the level needs; the old rule
knows no such share. All cutoffs and titles that were scored count alike."""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from report import finish, row

from plastinka.data.ingest import read_sources
from plastinka.data.ledger import build_ledger
from plastinka.decide.demand import period_shares, thin_counts
from plastinka.evaluate.backtest import cross_validate
from plastinka.models.catalog import make_model
from plastinka.scores.sums import sum_counts
from plastinka.simulate.shop import make_shop

LEAD, REVIEW, HORIZON = 14, 30, 2


def met(counts, asked, level):
    "Share of titles whose demand the level's stock meets, by the randomised count."
    stock = counts.quantile([level])[:, 0]
    below, at = counts.cdf(stock - 1), counts.cdf(stock)
    share = np.clip((level - below) / np.maximum(at - below, 1e-12), 0, 1)  # Of the last copy
    return np.where(asked < stock, 1.0, np.where(asked == stock, share, 0.0))


def old_rule(counts, shares, asked, level):
    "The same of stock that adds up the months' own quantiles."
    stock = np.ceil((counts.quantile([level])[..., 0] * shares).sum(axis=1))
    return (asked <= stock).astype(float)


def play(model_name, stockouts, seed, cutoffs, titles, levels):
    "Share of demand met [rules, levels] in one made-up shop."
    shop = make_shop(titles=titles, months=36, seed=seed, stockouts=stockouts)
    ledger = build_ledger(read_sources(shop.stock, [shop.sales]))
    held = cross_validate(ledger, [make_model(model_name)], cutoffs=cutoffs, horizon=HORIZON)
    truth = shop.daily["demand"].transpose("item", "day")
    found = {rule: {level: [] for level in levels} for rule in ("joint", "independent", "old")}
    for fold in held.folds[1:]:
        forecast = fold.forecasts[held.fitted.name]
        begin = pd.DatetimeIndex(forecast.months)[0]
        shares = period_shares(pd.DatetimeIndex(forecast.months), begin, [0, LEAD + REVIEW])[0]
        place = pd.Index(shop.items["item_id"]).get_indexer(forecast.items)
        days = truth.sel(day=slice(begin, begin + pd.Timedelta(days=LEAD + REVIEW - 1))).values
        rows = fold.scored.any(axis=1) & (place >= 0)
        asked, own = days[place].sum(axis=1)[rows], forecast.counts.take(np.flatnonzero(rows))
        thin = thin_counts(own, shares)
        sums = dict(joint=sum_counts(thin, held.dependence), independent=sum_counts(thin, 0.0))
        for level in levels:
            for rule, counts in sums.items():
                found[rule][level].append(met(counts, asked, level))
            found["old"][level].append(old_rule(own, shares, asked, level))
    print(f"dependence {held.dependence:.2f}, {sum(map(len, found['old'][levels[0]]))} titles")
    return {
        rule: {level: np.concatenate(each).mean() for level, each in by_level.items()}
        for rule, by_level in found.items()
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=2, help="shops for each share of stock-outs")
    parser.add_argument("--model", default="lightgbm", help="name in the catalog")
    parser.add_argument("--cutoffs", type=int, default=5, help="the first one only calibrates")
    parser.add_argument("--titles", type=int, default=400, help="titles of each shop")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    options, levels, played = parser.parse_args(), (0.75, 0.9), []
    for stockouts in (0.1, 0.3):
        for seed in range(options.seeds):
            how = (options.cutoffs, options.titles, levels)
            played.append(play(options.model, stockouts, seed, *how))
            print(stockouts, seed, played[-1], flush=True)
    names = dict(joint="joint distribution", independent="independent months", old="old rule")
    rows = []
    for rule, name in names.items():
        for level in levels:
            share = np.mean([each[rule][level] for each in played])
            rows.append(row(f"{name}, {level:.0%} asked: held", share, None, ""))
            bar = 0.02 if rule == "joint" else None
            rows.append(
                row(f"{name}, {level:.0%} asked: off by", abs(share - level), bar, "", True)
            )
    return finish(rows, options.json)


if __name__ == "__main__":
    sys.exit(main())
