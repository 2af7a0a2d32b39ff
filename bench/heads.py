"""Heads of TiDE side by side: how well each recovers true demand on synthetic shops, and real
monthly sales.

    python bench/heads.py                                  # two shops, two seeds, about three
    minutes
    python bench/heads.py --quick                          # one small shop, one seed
    python bench/heads.py --sales FILE [FILE ...]          # also a shop of your own, judged on its
    last three months

Every number is a mean pinball loss divided by that of the recent quantiles, the strongest
baseline: below 1 is better. "total" is the forecast of all titles together against the truth. Same
data, same seeds, same training for every head."""

import argparse
import sys
import tempfile

import numpy as np

from plastinka.doors.demo import compare_with_truth
from plastinka.data.ingest import read_sources
from plastinka.data.ledger import build_ledger
from plastinka.scores.metrics import mean_pinball
from plastinka.models.baselines import RecentQuantiles
from plastinka.models.core import Forecast, future_months
from plastinka.data.schema import QUANTILES
from plastinka.simulate.shop import make_shop
from plastinka.evaluate.fit import cut_panel
from plastinka.models.catalog import make_model

HEADS = [
    "darts_quantile",
    "quantile",
    "poisson",
    "negative_binomial",
    "quasi_poisson",
    "hurdle",
    "tweedie",
]


def forecasts(panel, seeds: range):
    "Head, and its forecasts [items, 3], one per seed."
    for head in HEADS:
        models = [make_model("tide", head=head, seed=seed, seeds=1) for seed in seeds]
        yield head, [model.fit(panel, 3).counts(panel, 3) for model in models]


def on_shop(stockouts: float, titles: int, shop_seed: int, seeds: range) -> dict:
    "Loss against true demand and error of the total, by head."
    shop = make_shop(titles=titles, seed=shop_seed, stockouts=stockouts)
    with tempfile.TemporaryDirectory() as folder:
        shop.write(folder, dirt=0)
        ledger = build_ledger(read_sources(f"{folder}/stock.xlsx", [folder]))
    panel, rows = cut_panel(ledger), {}
    for head, found in forecasts(panel, seeds):
        frames = [
            Forecast(panel["item"].values, future_months(panel, 3), counts, "tide").frame()
            for counts in found
        ]
        truths = [compare_with_truth(shop, ledger, frame) for frame in frames]
        ratio = np.mean(
            [
                truth["pinball"]["this run"] / truth["pinball"]["recent quantiles"]
                for truth in truths
            ]
        )
        rows[head] = ratio, np.mean([truth["total"] / truth["true_total"] - 1 for truth in truths])
    return rows


def on_files(files: list[str], seeds: range) -> dict:
    "Loss on the last three months of real sales, by head; models see the months before."
    panel = cut_panel(build_ledger(read_sources(None, files)))
    seen = panel.isel(month=slice(0, -3))
    known = seen["first_seen"].values < panel["month"].values[-3]
    actual = panel["units"].values[known, -3:]
    baseline = mean_pinball(
        actual, RecentQuantiles().counts(seen, 3).quantile(QUANTILES)[known], QUANTILES
    )
    rows = {}
    for head, found in forecasts(seen, seeds):
        rows[head] = (
            np.mean(
                [
                    mean_pinball(actual, counts.quantile(QUANTILES)[known], QUANTILES)
                    for counts in found
                ]
            )
            / baseline,
            np.nan,
        )
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one shop of 150 titles, one seed")
    parser.add_argument(
        "--sales",
        nargs="+",
        default=[],
        metavar="FILE",
        help="sales files of a real shop, judged as well",
    )
    options = parser.parse_args()
    seeds = range(1 if options.quick else 2)
    shops = [(0.2, 150, 0)] if options.quick else [(0.2, 600, 0), (0.35, 600, 1)]
    tables = {
        f"shop, {share:.0%} sold out": on_shop(share, titles, seed, seeds)
        for share, titles, seed in shops
    }
    if options.sales:
        tables["your files"] = on_files(options.sales, seeds)
    print(f"{'head':<32}" + "".join(f"{name:>26}" for name in tables))
    for head in HEADS:
        cells = [table.get(head) for table in tables.values()]
        shown = "".join(
            f"{'':>26}"
            if cell is None
            else f"{cell[0]:>12.3f}"
            + (f"{'':>14}" if np.isnan(cell[1]) else f"  total {cell[1]:+6.1%}")
            for cell in cells
        )
        print(f"{head:<32}{shown}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
