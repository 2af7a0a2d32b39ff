"""Training speed of TiDE on finished batches, beside darts' own `fit(series)` and the bound of the bare network.

    python bench/training.py            # 3,000 items, about ten minutes on one core
    python bench/training.py --quick    # 600 items, under a minute
    python bench/training.py --items 30000 --batch 1024

All arms train the same network on the same windows for one epoch, in turn, several times over; what is compared is CPU
time. "bound" is forward + backward + optimizer on batches that lie in memory: nothing can be quicker without changing the
network. The exit code is 1 where a bar does not hold.
"""
import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from darts import TimeSeries
from darts.models import TiDEModel
from darts.utils.likelihood_models.torch import QuantileRegression
from darts.utils.torch import MAX_TORCH_SEED_VALUE

from plastinka.models.tide import quiet_lightning
from plastinka.windows import BlockTrainingDataset, WindowBlock, as_is

LAGS, HORIZON, MONTHS, PAST, FUTURE, STATIC = 12, 3, 48, 12, 6, 24
QUANTILES = [0.01, 0.05, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.95, 0.99]
BARS = {256: 0.85, 1024: 0.92}


def arrays(items: int) -> dict[str, np.ndarray]:
    "Made-up data of a shop's shape: small counts, covariates, statics."
    random = np.random.default_rng(0)
    return {"target": random.poisson(1.0, (items, MONTHS)).astype(np.float32),
            "past": random.normal(size=(items, MONTHS, PAST)).astype(np.float32),
            "future": random.normal(size=(items, MONTHS + HORIZON, FUTURE)).astype(np.float32),
            "static": random.normal(size=(items, STATIC)).astype(np.float32)}


def block_of(data: dict[str, np.ndarray]) -> tuple[WindowBlock, np.ndarray]:
    "The arrays as a block, and all full windows, numbered newest first within an item as darts does."
    pad = lambda values, before, after: torch.from_numpy(np.ascontiguousarray(
        np.pad(values, [(0, 0), (before, after)] + [(0, 0)] * (values.ndim - 2))))
    items = len(data["target"])
    block = WindowBlock(target=pad(data["target"], LAGS, HORIZON), past=pad(data["past"], LAGS, 0),
                        future=pad(data["future"], LAGS, 0), static=torch.from_numpy(data["static"]),
                        scale=torch.ones(items, MONTHS), weight=torch.ones(items, MONTHS + HORIZON),
                        known=torch.ones(items, MONTHS, dtype=torch.bool), sold=pad(data["target"], 0, HORIZON),
                        censored=torch.zeros(items, MONTHS + HORIZON), lags=LAGS, horizon=HORIZON)
    cutoffs = np.arange(MONTHS - HORIZON - 1, LAGS - 2, -1)
    return block, np.stack([np.repeat(np.arange(items), len(cutoffs)), np.tile(cutoffs, items)], axis=1)


def make_model(batch: int, epochs: int = 1) -> TiDEModel:
    "The network of every arm."
    trainer = {"accelerator": "cpu", "enable_progress_bar": False, "logger": False, "enable_checkpointing": False,
               "enable_model_summary": False, "num_sanity_val_steps": 0}
    return TiDEModel(LAGS, HORIZON, hidden_size=128, likelihood=QuantileRegression(QUANTILES), batch_size=batch, n_epochs=epochs,
                     random_state=0, optimizer_kwargs={"lr": 1e-3, "fused": True}, pl_trainer_kwargs=trainer)


def series_of(data: dict[str, np.ndarray]) -> dict[str, list[TimeSeries]]:
    "The arrays as darts' own series."
    months = pd.date_range("2020-01-01", periods=MONTHS + HORIZON, freq="MS")
    statics = [pd.DataFrame([row], columns=[f"s{k}" for k in range(STATIC)]) for row in data["static"]]
    return {"series": [TimeSeries.from_times_and_values(months[:MONTHS], y, static_covariates=s) for y, s in zip(data["target"], statics)],
            "past_covariates": [TimeSeries.from_times_and_values(months[:MONTHS], x) for x in data["past"]],
            "future_covariates": [TimeSeries.from_times_and_values(months, x) for x in data["future"]]}


def epoch_bound(network, batches: list) -> None:
    "Forward, backward and optimizer on batches in memory, as Lightning would call them."
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    network.train()
    for batch in batches:
        optimizer.zero_grad(set_to_none=True)
        output = network(batch.to_module_input())
        network.likelihood.compute_loss(output.prediction, batch.future_target, batch.sample_weight).backward()
        optimizer.step()


def measure(items: int, batch: int, rounds: int, most_batches: int | None) -> dict[str, float]:
    "CPU seconds of one epoch of every arm: medians over the rounds, arms in turn."
    data = arrays(items)
    block, windows = block_of(data)
    if most_batches:
        windows = windows[: most_batches * batch]
    dataset = BlockTrainingDataset(block, windows)
    order = np.random.default_rng(1).permutation(len(windows))
    batches = [dataset.__getitems__(order[k : k + batch]) for k in range(0, len(order), batch)]
    series = None if most_batches else series_of(data)
    times = {"bound": [], "block": [], "darts": []}
    for _ in range(rounds):
        model = make_model(batch)
        model.fit_from_dataset(BlockTrainingDataset(block, windows[:1]), dataloader_kwargs={"collate_fn": as_is, "pin_memory": False})
        times["bound"].append(seconds(lambda: epoch_bound(model.model, batches)))
        model = make_model(batch)
        times["block"].append(seconds(lambda: model.fit_from_dataset(dataset, dataloader_kwargs={"collate_fn": as_is, "pin_memory": False})))
        if series is not None:
            model = make_model(batch)
            times["darts"].append(seconds(lambda: model.fit(**series)))
    return {name: statistics.median(values) for name, values in times.items() if values}


def seconds(work) -> float:
    "CPU seconds of this process."
    start = time.process_time()
    work()
    return time.process_time() - start


def identical_weights(newest_first: bool = True) -> bool:
    "Does training on finished batches end in the same bits as darts' own training, with windows numbered as darts does?"
    data = arrays(40)
    block, windows = block_of(data)
    windows = windows if newest_first else windows[::-1].copy()
    ours, theirs = make_model(64, epochs=2), make_model(64, epochs=2)
    theirs.fit(**series_of(data))
    ours._random_instance.randint(0, high=MAX_TORCH_SEED_VALUE) # `fit` draws one seed more than `fit_from_dataset`
    ours.fit_from_dataset(BlockTrainingDataset(block, windows), dataloader_kwargs={"collate_fn": as_is, "pin_memory": False})
    return all(torch.equal(a, b) for a, b in zip(ours.model.state_dict().values(), theirs.model.state_dict().values()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=3000, help="items of 48 months (default: 3000)")
    parser.add_argument("--batch", type=int, nargs="+", default=[256, 1024], help="batch sizes (default: 256 1024)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each arm runs (default: 3)")
    parser.add_argument("--quick", action="store_true", help="600 items, batch 256, one round")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    options = parser.parse_args()
    if options.quick:
        options.items, options.batch, options.rounds = 600, [256], 1
    quiet_lightning()
    torch.set_num_threads(1)
    rows = []
    for batch in options.batch:
        times = measure(options.items, batch, options.rounds, None)
        rows.append({"name": f"share of the bare network's speed, batch {batch}", "ratio": times["bound"] / times["block"], "bar": BARS.get(batch, 0.85)})
        rows.append({"name": f"against darts fit(series), batch {batch}, {options.items} items", "ratio": times["darts"] / times["block"],
                     "bar": 2.5 if options.items >= 30000 else 1.7})
    for row in rows:
        row["holds"] = bool(row["ratio"] >= row["bar"])
        print(f"{row['name']:<60} {row['ratio']:6.2f}   bar {row['bar']:.2f}   {'holds' if row['holds'] else 'DOES NOT HOLD'}")
    print("weights identical to darts fit(series), bit for bit:", identical_weights())
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))
    return 0 if all(row["holds"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
