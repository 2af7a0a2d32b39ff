"""Totals that add up: coverage of ranges over a backtest's cutoffs, and 20,000 titles in memory.

    python bench/hierarchy.py       # ten minutes
    python bench/hierarchy.py --json bench/results/hierarchy.json

Made-up shops are backtested at a cutoff every three months; at each the common shocks are learnt
from the three cutoffs before, as in a report, and the 90 % ranges of the shop, the styles and the
artists are compared with what was asked for: of single months, and of three months together."""

import argparse
import resource
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from report import finish, row

from plastinka.data.ingest import read_sources
from plastinka.data.ledger import build_ledger
from plastinka.evaluate.backtest import cross_validate
from plastinka.evaluate.hierarchy import (
    Shocks,
    backtest_residuals,
    title_levels,
    total_paths,
    totals_coverage,
)
from plastinka.models.catalog import make_model
from plastinka.panel.panel import build_panel
from plastinka.scores.counts import negative_binomial_counts
from plastinka.simulate.shop import make_shop


def shop_coverage(seed, model, cutoffs):
    "Coverage by level of one made-up shop."
    shop = make_shop(titles=300, months=36, seed=seed, stockouts=0.2)
    ledger = build_ledger(read_sources(shop.stock, [shop.sales]))
    panel = build_panel(ledger)
    months = pd.DatetimeIndex(panel["month"].values)[::-1][3 : 3 * cutoffs + 1 : 3][::-1]
    held = cross_validate(ledger, [make_model(model)], cutoffs=list(months), horizon=3, seed=seed)
    return totals_coverage(backtest_residuals(held, panel))


def big_totals(items=20_000, months=3):
    "Seconds and GiB of the totals of many titles."
    random = np.random.default_rng(0)
    counts = negative_binomial_counts(random.gamma(0.5, 2, (items, months)), 1.0)
    levels = title_levels(random.integers(0, 14, items), random.integers(0, 6000, items))
    begin = time.process_time()
    total_paths(counts, levels, Shocks(0.01, 0.01, 0.05, 0.5), dependence=0.3)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return time.process_time() - begin, peak


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=2, help="made-up shops")
    parser.add_argument("--cutoffs", type=int, default=8, help="of each")
    parser.add_argument("--model", default="auto", help="name in the catalog")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    options = parser.parse_args()
    seconds, peak = big_totals()
    rows = [row("20,000 titles, three months, 500 paths: memory", peak, 2.0, "GiB", at_most=True)]
    rows.append(row("20,000 titles, three months, 500 paths: time", seconds, None, "s"))
    found = [shop_coverage(seed, options.model, options.cutoffs) for seed in range(options.seeds)]
    table = pd.concat(found, ignore_index=True)
    for of, column in dict(months="inside", sums="inside_sum").items():
        for level, inside in table.groupby("level", sort=False)[column].mean().items():
            rows.append(row(f"made-up shops, {level}: {of} inside 90% ranges", inside, None, ""))
            off = abs(inside - 0.9)
            rows.append(row(f"{level}: 90% ranges of {of} off by", off, 0.05, "", at_most=True))
    return finish(rows, options.json)


if __name__ == "__main__":
    sys.exit(main())
