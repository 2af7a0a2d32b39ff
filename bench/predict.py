"""Quantiles of all items in one frame, beside darts' two ways to the same numbers.

    python bench/predict.py            # 3,000 items; the 500 samples are drawn for 300 of them and
    compared per item
    python bench/predict.py --quick    # 600 items, 60 of them sampled

All arms ask the same trained network for the same eleven quantiles of the next three months, in
turn, and compare CPU time.
The exit code is 1 where a bar does not hold, or where the numbers differ.
"""

import argparse
import statistics
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import training
from report import finish, row
from plastinka.models.core import forecast_frame
from plastinka.models.outputs import predict_cutoff
from plastinka.models.training import quiet_lightning
from plastinka.models.batches import BlockTrainingDataset, keep_batch


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--items", type=int, default=3000, help="items of 48 months (default: 3000)"
    )
    parser.add_argument(
        "--rounds", type=int, default=3, help="how often each arm runs (default: 3)"
    )
    parser.add_argument("--quick", action="store_true", help="600 items, one round")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    options = parser.parse_args()
    if options.quick:
        options.items, options.rounds = 600, 1
    quiet_lightning()
    torch.set_num_threads(1)
    data = training.arrays(options.items)
    block, windows = training.block_of(data)
    model = training.make_model(256)
    model.fit_from_dataset(
        BlockTrainingDataset(block, windows[:2560]),
        dataloader_kwargs={"collate_fn": keep_batch, "pin_memory": False},
    )
    series = training.series_of(data)
    series.pop("sample_weight")
    some = {name: values[: max(options.items // 10, 1)] for name, values in series.items()}
    items, months = (
        np.arange(options.items).astype(str),
        pd.date_range("2024-01-01", periods=training.HORIZON, freq="MS"),
    )
    found = {}

    def ours():
        found["ours"] = predict_cutoff(
            model, block, training.MONTHS - 1, tuple(training.QUANTILES)
        )[1]
        return forecast_frame(items, months, found["ours"], "tide", tuple(training.QUANTILES))

    def parameters():
        forecasts = model.predict(
            training.HORIZON,
            predict_likelihood_parameters=True,
            verbose=False,
            batch_size=1024,
            **series,
        )
        found["darts"] = np.stack([forecast.values() for forecast in forecasts])
        return pd.concat([forecast.to_dataframe() for forecast in forecasts])

    def samples():
        forecasts = model.predict(
            training.HORIZON, num_samples=500, verbose=False, batch_size=1024, **some
        )
        return pd.concat(
            [
                forecast.to_dataframe()
                for forecast in (each.quantile(training.QUANTILES) for each in forecasts)
            ]
        )

    times = {arm.__name__: [] for arm in (ours, parameters, samples)}
    for _ in range(options.rounds):
        for arm in (ours, parameters, samples):
            times[arm.__name__].append(training.seconds(arm))
    spent = {name: statistics.median(values) for name, values in times.items()}
    sampled = spent["samples"] * options.items / len(some["series"])
    same = np.allclose(found["ours"], np.sort(np.maximum(found["darts"], 0), axis=2), atol=1e-5)
    print(f"{options.items:,} items in {spent['ours']:.3f} s of CPU")
    return finish(
        [
            row(
                "quantile frame, against darts' likelihood parameters",
                spent["parameters"] / spent["ours"],
                25,
            ),
            row(
                "quantile frame, against darts' 500 samples, per item", sampled / spent["ours"], 300
            ),
            row("the same numbers as darts' parameters", same, 1, ""),
        ],
        options.json,
    )


if __name__ == "__main__":
    sys.exit(main())
