"""Lost units where availability is real: a grocer's weeks, some full ones hidden by made-up
stock-outs of the same kind.

    python bench/vn2.py                           # a minute; PLASTINKA_DATA names the folder with
    vn2_weekly_*.csv
    python bench/vn2.py --seeds 5 --json bench/results/vn2.json

599 pairs of shop and product, 116 weeks, 14.6 % of them with an empty shelf, most of these before
the product came and after it went. Each pair gets the empty weeks of another one, those with stock
before and after, moved in time; where both have stock the week's sales are hidden, as if its shelf
had been empty. The estimate sees units and days on sale by month (each week in the month of its
Monday) and says what the hidden weeks would have brought, as known at the month's end. Beside it
stand the same estimate on weeks, and simple rules:

- dropped: hidden weeks count as if nothing had been asked for; - mean of full weeks: of the pair,
all of its weeks that were full, later ones too; - mean of eight: of the pair, its last eight full
weeks before.

Told are the total over what was hidden, and the mean absolute error per hidden week, of pairs and
months, over that of the mean of full weeks. The made-up stock-outs do not answer to demand, so
what is shown is that rates are right given exposure; that sell-outs come in good months, made-up
shops show (bench/lost_units.py)."""

import argparse
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from report import finish, row

BAR = 0.05


def read_weeks(folder):
    "Units and truth values of stock, [pairs, weeks], and the weeks' Mondays."
    sales, stock = (
        pd.read_csv(folder / f"vn2_weekly_{name}_2021_2023.csv").set_index(["Store", "Product"])
        for name in ("sales", "in_stock")
    )
    weeks = pd.DatetimeIndex(sales.columns)
    return np.nan_to_num(sales.to_numpy(float)), stock.loc[sales.index].to_numpy() > 0, weeks


def hide(sales, there, seed):
    """Which full weeks are hidden: those in which another pair, moved in time, had an empty shelf;
    never before the first sale."""
    random, listed = np.random.default_rng(seed), np.maximum.accumulate(sales > 0, axis=1)
    again = np.flip(np.logical_or.accumulate(np.flip(there, axis=1), axis=1), axis=1)
    gone = ~there & np.logical_or.accumulate(there, axis=1) & again
    other = gone[random.permutation(len(there))]
    moved = np.stack([np.roll(each, random.integers(len(each))) for each in other])
    return moved & there & listed


def to_months(values, month):
    "Sums of weeks by month, [pairs, months]; a week belongs to the month of its Monday."
    starts = np.flatnonzero(np.diff(month, prepend=-1))
    return np.add.reduceat(values, starts, axis=1)


def estimates(sales, seen, hidden, month):
    "What each rule says of every hidden week, [pairs, months]."
    from plastinka.panel.demand import demand_rates

    days, by_month = 7.0 * seen, lambda values: to_months(values, month)

    def no_lots(table):
        return np.zeros(table.shape, dtype=int)

    units, exposure = by_month(sales * seen), by_month(days)
    monthly = demand_rates(units, exposure, no_lots(units))[0] * by_month(7.0 * hidden)
    weekly = demand_rates(sales * seen, days, no_lots(sales))[0] * 7 * hidden
    full = (sales * seen).sum(axis=1, keepdims=True) / np.maximum(
        seen.sum(axis=1, keepdims=True), 1
    )
    return {
        "estimate by month": monthly,
        "estimate by week": by_month(weekly),
        "dropped": 0 * monthly,
        "mean of full weeks": by_month(full * hidden),
        "mean of eight": by_month(last_eight(sales, seen) * hidden),
    }


def last_eight(sales, seen):
    "Mean of the last eight full weeks before each."
    found = np.zeros_like(sales)
    for pair, (units, there) in enumerate(zip(sales, seen, strict=False)):
        at = np.flatnonzero(there)
        sums = np.append(0, np.cumsum(units[at]))
        end = np.searchsorted(at, np.arange(len(units)))
        begin = np.maximum(end - 8, 0)
        found[pair] = (sums[end] - sums[begin]) / np.maximum(end - begin, 1)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3, help="times that weeks are hidden")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    options = parser.parse_args()
    folder = os.environ.get("PLASTINKA_DATA")
    if not folder or not (Path(folder) / "vn2_weekly_sales_2021_2023.csv").is_file():
        sys.exit(
            "PLASTINKA_DATA: names no folder with vn2_weekly_sales_2021_2023.csv. Point it at one"
        )
    sales, there, weeks = read_weeks(Path(folder))
    month, found = (weeks.year * 12 + weeks.month).to_numpy(), []
    for seed in range(options.seeds):
        hidden = hide(sales, there, seed)
        truth, count = to_months(sales * hidden, month), to_months(1.0 * hidden, month)
        said = estimates(sales, there & ~hidden, hidden, month)

        found.append(
            {
                name: (
                    each.sum() / truth.sum(),
                    np.abs(each - truth)[count > 0].sum() / hidden.sum(),
                )
                for name, each in said.items()
            }
        )
        print(
            f"seed {seed}: {hidden.sum():,} of {there.sum():,} full weeks hidden, "
            f"{truth.sum():,.0f} units"
        )
    rows = []
    for name in found[0]:
        ratio = np.mean([each[name][0] for each in found])
        errors = [each[name][1] / each["mean of full weeks"][1] for each in found]
        rows += [row(f"{name}: total over what was hidden", ratio, None, "")]
        rows += [
            row(
                f"{name}: error per hidden week over the mean of full weeks'",
                np.mean(errors),
                None,
                "",
            )
        ]
    off = abs(rows[0]["value"] - 1)
    rows.append(row("estimate by month: how far its total is from 1", off, BAR, "", at_most=True))
    return finish(rows, options.json)


if __name__ == "__main__":
    sys.exit(main())
