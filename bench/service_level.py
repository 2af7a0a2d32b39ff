"""Is the service level held that an order is made for? Made-up shops with true demand: the share of
titles whose demand from the order to the delivery of the next one is met, against the level asked.

    python bench/service_level.py            # five minutes
    python bench/service_level.py --seeds 1 --titles 250 --cutoffs 4  # half a minute, and noisy

Of each cutoff the forecast of the named model is fitted anew on what was known then, and the stock
that is enough with the wished probability for 14 days of lead time and 30 days of review is read
from three rules: the joint distribution of the months with the dependence that the cutoffs before
taught (the product's rule), the same with independent months, and the old rule, which added up
the months' quantiles by their share of days and rounded up. The first two are judged by the
randomised count, since copies are whole: the last copy counts with the share of it that the level
needs; the old rule knows no such share. All cutoffs and titles that were scored count alike. The
titles of a shop and a cutoff stray together, so that of one cutoff the share is some points off
though the rule may be right: few shops and cutoffs prove nothing. Groups by the copies that the
forecast expects for the days stand beside the whole."""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from report import finish, row

from plastinka.data.ingest import read_sources
from plastinka.data.ledger import build_ledger
from plastinka.decide.demand import period_shares, thin_counts
from plastinka.evaluate.backtest import cross_validate, pooled_dependence
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
    "One made-up shop: a row per rule, level, cutoff and title, with the share of demand met."
    shop = make_shop(titles=titles, months=36, seed=seed, stockouts=stockouts)
    ledger = build_ledger(read_sources(shop.stock, [shop.sales]))
    held = cross_validate(ledger, [make_model(model_name)], cutoffs=cutoffs, horizon=HORIZON)
    truth = shop.daily["demand"].transpose("item", "day")
    name, found = held.fitted.name, []
    for place, fold in enumerate(held.folds[1:], 1):
        forecast = fold.forecasts[name]
        begin = pd.DatetimeIndex(forecast.months)[0]
        shares = period_shares(pd.DatetimeIndex(forecast.months), begin, [0, LEAD + REVIEW])[0]
        known = pd.Index(shop.items["item_id"]).get_indexer(forecast.items)
        days = truth.sel(day=slice(begin, begin + pd.Timedelta(days=LEAD + REVIEW - 1))).values
        rows = fold.scored.any(axis=1) & (known >= 0)
        asked, own = days[known].sum(axis=1)[rows], forecast.counts.take(np.flatnonzero(rows))
        thin, learnt = thin_counts(own, shares), pooled_dependence(held.folds[:place], name)
        sums = dict(joint=sum_counts(thin, learnt), independent=sum_counts(thin, 0.0))
        kept = dict(cutoff=fold.cutoff, expected=thin.mean.sum(axis=1))
        for level in levels:
            for rule, counts in sums.items():
                kind = kept | dict(rule=rule, level=level, met=met(counts, asked, level))
                found.append(pd.DataFrame(kind))
            old = old_rule(own, shares, asked, level)
            found.append(pd.DataFrame(kept | dict(rule="old", level=level, met=old)))
    return pd.concat(found).assign(shop=f"{stockouts:.0%}, {seed}")


GROUPS = {"less than 1": (0, 1), "1 to 3": (1, 3), "3 and more": (3, np.inf)}  # Copies expected


def report_rows(played, levels):
    "What was held, by rule and level; of the product's rule by copies expected too."
    names = dict(joint="joint distribution", independent="independent months", old="old rule")
    rows = []
    for rule, name in names.items():
        for level in levels:
            part = played[(played["rule"] == rule) & (played["level"] == level)]
            share, told = part["met"].mean(), f"{name}, {level:.0%} asked"
            rows.append(row(f"{told}: held", share, None, ""))
            bar = 0.02 if rule == "joint" else None
            rows.append(row(f"{told}: off by", abs(share - level), bar, "", True))
            for group, (low, high) in GROUPS.items() if rule == "joint" else ():
                own = part[part["expected"].between(low, high, inclusive="left")]["met"].mean()
                rows.append(row(f"{told}, {group} copies expected: held", own, None, ""))
            if rule == "joint":
                cutoffs = part.groupby(["shop", "cutoff"])["met"].mean()
                each = f"{told}: deviation of the {len(cutoffs)} cutoffs"
                rows.append(row(each, cutoffs.std(), None, ""))
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=4, help="shops for each share of stock-outs")
    parser.add_argument("--model", default="lightgbm", help="name in the catalog")
    parser.add_argument("--cutoffs", type=int, default=7, help="the first one only teaches")
    parser.add_argument("--titles", type=int, default=400, help="titles of each shop")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    options, levels, played = parser.parse_args(), (0.75, 0.9), []
    for stockouts in (0.1, 0.3):
        for seed in range(options.seeds):
            how = (options.cutoffs, options.titles, levels)
            played.append(play(options.model, stockouts, seed, *how))
            held = played[-1][played[-1]["rule"] == "joint"].groupby("level")["met"].mean()
            print(f"stock-outs {stockouts:.0%}, seed {seed}: {held.round(3).to_dict()}", flush=True)
    rows = report_rows(pd.concat(played), levels)
    return finish(rows, options.json)


if __name__ == "__main__":
    sys.exit(main())
