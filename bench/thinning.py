"""Fewer windows of nothing: how much quicker training gets, and what it costs in quality.

    python bench/thinning.py            # 2,000 slow titles of 48 months, three seeds
    python bench/thinning.py --quick    # 300 titles, one seed

A shop of slow titles, most of which sell nothing for months. Both arms go through their windows
equally often, with the same network, and are judged by the weighted quantile loss of the three
months that follow; one keeps all windows, the other a share of those without any demand, weighing
the more (`plastinka.panel.windows.thin_windows`). The exit code is 1 where a bar does not hold.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from report import finish, row
from plastinka.panel.features import fit_static
from plastinka.data.ingest import read_sources
from plastinka.data.ledger import build_ledger
from plastinka.scores.metrics import wql
from plastinka.models.outputs import predict_windows
from plastinka.models.tide import tide_options
from plastinka.models.training import train_network
from plastinka.data.schema import QUANTILES
from plastinka.simulate.shop import make_shop
from plastinka.evaluate.fit import cut_panel
from plastinka.panel.windows import (
    build_block,
    cutoff_windows,
    thin_windows,
    training_windows,
    window_targets,
)

PASSES, KEEP = 6, 0.25


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a small shop, one seed")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        make_shop(titles=300 if options.quick else 2000, months=48, seed=3, demand=0.2).write(
            folder, dirt=0
        )
        panel = cut_panel(build_ledger(read_sources(f"{folder}/stock.xlsx", [folder])))
    last = panel.sizes["month"] - 1 - 3
    settings = replace(tide_options(panel.sizes["month"]), batch_size=256)
    block = build_block(panel, fit_static(panel.isel(month=slice(0, last + 1))), settings.lags, 3)
    windows, held_out = training_windows(block, last_target=last), cutoff_windows(block, last)
    ahead = window_targets(block, held_out, ("demand", "weight"))
    actual, valid = ahead["demand"], ahead["weight"] > 0
    found = {keep: [] for keep in (1.0, KEEP)}
    for seed in range(1 if options.quick else 3):
        for keep, results in found.items():
            chosen = replace(settings, keep_zero=keep, seed=seed)
            count = len(thin_windows(block, windows, keep, seed)[0])
            start = time.process_time()
            fit = train_network(
                block,
                windows,
                chosen,
                steps=PASSES * count // settings.batch_size,
                label=f"keeping {keep:.0%}",
            )
            spent = time.process_time() - start
            values = predict_windows(fit.model.model, block, held_out, QUANTILES)
            results.append((spent, wql(actual[valid], values[valid], QUANTILES), count))
    (time_all, score_all, count_all), (time_few, score_few, count_few) = [
        np.mean(found[keep], axis=0) for keep in (1.0, KEEP)
    ]
    return finish(
        [
            row(
                f"share of {count_all:,.0f} windows that stay, keeping {KEEP:.0%} of the empty "
                f"ones",
                count_few / count_all,
                None,
                "",
            ),
            row("training, times as fast", time_all / time_few, 1.2),
            row(
                "WQL of the months ahead, as a share of that with all windows",
                score_few / score_all,
                1.005,
                at_most=True,
            ),
        ],
        options.json,
        judged=not options.quick,
    )


if __name__ == "__main__":
    sys.exit(main())
