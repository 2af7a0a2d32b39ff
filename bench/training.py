"""Training speed of TiDE on finished batches, beside darts' own `fit(series)` and the bound of the
bare network.

    python bench/training.py            # 3,000 and 30,000 items, about fifteen minutes on one core
    python bench/training.py --quick    # 600 items, under a minute

All arms train the same network on the same windows, with the same weights, for one epoch, in turn,
several times over; what is compared is CPU time. "bound" is forward + backward + optimizer on
batches that lie in memory: nothing can be quicker without changing the network. The exit code is 1
where a bar does not hold."""

import argparse
import statistics
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from darts import TimeSeries
from darts.models import TiDEModel
from darts.utils.likelihood_models.torch import QuantileRegression
from darts.utils.torch import MAX_TORCH_SEED_VALUE

from report import finish, row
from plastinka.models.training import LossCurve, quiet_lightning
from plastinka.models.batches import BlockTrainingDataset, keep_batch
from plastinka.panel.windows import WindowBlock

LAGS, HORIZON, MONTHS, PAST, FUTURE, STATIC = 12, 3, 48, 12, 6, 24
QUANTILES = [0.01, 0.05, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.95, 0.99]
BARS = {256: 0.85, 1024: 0.92}
MOST_BATCHES = 1000  # That the bound is measured on; more need not lie in memory at once


def arrays(items: int) -> dict[str, np.ndarray]:
    """Made-up data of a shop's shape: small counts, covariates, statics, and a weight of 0 for one
    month in ten, not on sale."""
    random = np.random.default_rng(0)
    return {
        "target": random.poisson(1.0, (items, MONTHS)).astype(np.float32),
        "scale": np.ones((items, MONTHS), dtype=np.float32),
        "weight": (random.random((items, MONTHS)) > 0.1).astype(np.float32),
        "past": random.normal(size=(items, MONTHS, PAST)).astype(np.float32),
        "future": random.normal(size=(items, MONTHS + HORIZON, FUTURE)).astype(np.float32),
        "static": random.normal(size=(items, STATIC)).astype(np.float32),
    }


def block_of(data: dict[str, np.ndarray]) -> tuple[WindowBlock, np.ndarray]:
    """The arrays as a block, and all full windows, numbered newest first within an item as darts
    does; `target` is in units of `scale`."""

    def pad(values, before, after):
        width = [(0, 0), (before, after)] + [(0, 0)] * (values.ndim - 2)
        return np.ascontiguousarray(np.pad(values, width))

    items, copies = len(data["target"]), data["target"] * data["scale"]
    block = WindowBlock(
        target=pad(copies, LAGS, HORIZON),
        past=pad(data["past"], LAGS, 0),
        future=pad(data["future"], LAGS, 0),
        static=data["static"],
        scale=data["scale"],
        weight=pad(data["weight"], 0, HORIZON),
        known=np.ones((items, MONTHS), dtype=bool),
        sold=pad(copies, 0, HORIZON),
        seen=pad(copies, LAGS, 0),
        lags=LAGS,
        horizon=HORIZON,
    )
    cutoffs = np.arange(MONTHS - HORIZON - 1, LAGS - 2, -1)
    return block, np.stack(
        [np.repeat(np.arange(items), len(cutoffs)), np.tile(cutoffs, items)], axis=1
    )


def make_model(
    batch: int, epochs: int = 1, callbacks: list | None = None, seed: int = 0, fused: bool = True
) -> TiDEModel:
    "The network of every arm; the callbacks of plastinka's own training where they are given."
    trainer = {
        "accelerator": "cpu",
        "enable_progress_bar": False,
        "logger": False,
        "enable_checkpointing": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
        "callbacks": callbacks or [],
    }
    return TiDEModel(
        LAGS,
        HORIZON,
        hidden_size=128,
        likelihood=QuantileRegression(QUANTILES),
        batch_size=batch,
        n_epochs=epochs,
        random_state=seed,
        optimizer_kwargs={"lr": 1e-3} | ({"fused": True} if fused else {}),
        pl_trainer_kwargs=trainer,
    )


def series_of(data: dict[str, np.ndarray], known: int = MONTHS) -> dict[str, list[TimeSeries]]:
    "The arrays as darts' own series, of the first `known` months."
    months = pd.date_range("2020-01-01", periods=data["future"].shape[1], freq="MS")
    statics = [
        pd.DataFrame([row], columns=[f"s{k}" for k in range(len(row))]) for row in data["static"]
    ]
    return {
        "sample_weight": [
            TimeSeries.from_times_and_values(months[:known], w)
            for w in data["weight"] * data["scale"]
        ],
        "series": [
            TimeSeries.from_times_and_values(months[:known], y, static_covariates=s)
            for y, s in zip(data["target"], statics, strict=False)
        ],
        "past_covariates": [
            TimeSeries.from_times_and_values(months[:known], x) for x in data["past"]
        ],
        "future_covariates": [TimeSeries.from_times_and_values(months, x) for x in data["future"]],
    }


def epoch_bound(network, batches: list) -> None:
    "Forward, backward and optimizer on batches in memory, as Lightning would call them."
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    network.train()
    for batch in batches:
        optimizer.zero_grad(set_to_none=True)
        output = network(batch.to_module_input())
        network.likelihood.compute_loss(
            output.prediction, batch.future_target, batch.sample_weight
        ).backward()
        optimizer.step()


def measure(items: int, batch: int, rounds: int) -> dict[str, float]:
    "CPU seconds of one epoch of every arm: medians over the rounds, arms in turn."
    data = arrays(items)
    block, windows = block_of(data)
    dataset = BlockTrainingDataset(block, windows)
    order = np.random.default_rng(1).permutation(len(windows))
    batches = [
        dataset.__getitems__(order[k : k + batch])
        for k in range(0, min(len(order), MOST_BATCHES * batch), batch)
    ]
    start = time.process_time()
    series = series_of(data)
    making = time.process_time() - start
    times = {"bound": [], "block": [], "darts": []}
    loading, share = (
        {"collate_fn": keep_batch, "pin_memory": False},
        len(order) / batch / len(batches),
    )
    for _ in range(rounds):
        bare = make_model(batch)
        bare.fit_from_dataset(
            BlockTrainingDataset(block, windows[:1]), dataloader_kwargs=dict(loading)
        )
        times["bound"].append(seconds(partial(epoch_bound, bare.model, batches)) * share)
        ours = make_model(batch, callbacks=[LossCurve("block", 1)])
        fit = partial(ours.fit_from_dataset, dataset, dataloader_kwargs=dict(loading))
        times["block"].append(seconds(fit))
        times["darts"].append(seconds(partial(make_model(batch).fit, **series)))
    return {name: statistics.median(values) for name, values in times.items()} | {"series": making}


def seconds(work) -> float:
    "CPU seconds of this process."
    start = time.process_time()
    work()
    return time.process_time() - start


def identical_weights(newest_first: bool = True) -> bool:
    """Does training on finished batches end in the same bits as darts' own training, with windows
    numbered as darts does?"""
    data = arrays(40)
    block, windows = block_of(data)
    windows = windows if newest_first else windows[::-1].copy()
    ours, theirs = (
        make_model(64, epochs=2, callbacks=[LossCurve("block", 2)]),
        make_model(64, epochs=2),
    )
    theirs.fit(**series_of(data))
    ours._random_instance.randint(
        0, high=MAX_TORCH_SEED_VALUE
    )  # `fit` draws one seed more than `fit_from_dataset`
    ours.fit_from_dataset(
        BlockTrainingDataset(block, windows),
        dataloader_kwargs={"collate_fn": keep_batch, "pin_memory": False},
    )
    return all(
        torch.equal(a, b)
        for a, b in zip(
            ours.model.state_dict().values(), theirs.model.state_dict().values(), strict=False
        )
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--items",
        type=int,
        nargs="+",
        default=[3000, 30000],
        help="items of 48 months (default: 3000 30000)",
    )
    parser.add_argument(
        "--batch",
        type=int,
        nargs="+",
        default=[256, 1024],
        help="batch sizes (default: 256 1024; 256 from 30,000 items on)",
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=3,
        help="how often each arm runs (default: 3; once from 30,000 items on)",
    )
    parser.add_argument("--quick", action="store_true", help="600 items, batch 256, one round")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    options = parser.parse_args()
    if options.quick:
        options.items, options.batch, options.rounds = [600], [256], 1
    quiet_lightning()
    torch.set_num_threads(1)
    rows = []
    for items in options.items:
        large = items >= 30000
        for batch in options.batch[:1] if large else options.batch:
            times = measure(items, batch, 1 if large else options.rounds)
            rows += [
                row(
                    f"share of the bare network's speed, {items:,} items, batch {batch}",
                    times["bound"] / times["block"],
                    None if large else BARS.get(batch, 0.85),
                ),
                row(
                    f"share that darts fit(series) reaches, {items:,} items, batch {batch}",
                    times["bound"] / times["darts"],
                    None,
                ),
                row(
                    f"against darts fit(series), {items:,} items, batch {batch}",
                    times["darts"] / times["block"],
                    2.5 if large else 1.7,
                ),
                row(
                    f"the same, when darts' series are made from arrays first, {items:,} items, "
                    f"batch {batch}",
                    (times["series"] + times["darts"]) / times["block"],
                    None,
                ),
            ]
    rows.append(row("weights equal to darts fit(series), bit for bit", identical_weights(), 1, ""))
    return finish(rows, options.json)


if __name__ == "__main__":
    sys.exit(main())
