"""Time to the same score: TiDE trained by plastinka, beside darts' own `fit(series)` and
neuralforecast's TiDE.

    python bench/race.py                               # six made-up shops of 3,000 titles
    python bench/race.py --quick                       # one shop of 400 titles: under a minute,
    too small for the bars
    python bench/race.py --neuralforecast PYTHON       # also neuralforecast, by the interpreter of
    an environment that has it

All arms learn the same quantiles of the same titles from the same features and the same months,
with a network of the same width, and are judged on the same three months that none of them has
seen: the weighted quantile loss (WQL) of demand in copies, over months on sale. darts and
neuralforecast train as they come: Adam at a constant rate, dropout, batches of 256 windows.
plastinka uses its options: finished batches, one epoch in one cycle of the learning rate, no
dropout, fused Adam, the calendar once, narrow projections; they were chosen on the shops of seeds
0 to 2, and the race is run on others. Learning curves (CPU seconds on one thread, and WQL, after
each epoch) are averaged over the shops. The line to cross is half a percent above the lowest point
of the other arm's curve in twelve epochs; what is compared is the time until a curve first crosses
it, judging not counted. The exit code is 1 where a bar does not hold.

neuralforecast pins other versions, so it has an environment of its own: `python -m venv nf &&
nf/bin/pip install neuralforecast`."""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from pytorch_lightning.callbacks import Callback

import training
from report import finish, row
from plastinka.panel.features import fit_static, future_features, past_features, static_features
from plastinka.data.ingest import read_sources
from plastinka.data.ledger import build_ledger
from plastinka.scores.metrics import wql
from plastinka.models.outputs import predict_windows
from plastinka.models.tide import TideOptions
from plastinka.models.training import (
    LossCurve,
    TrainingPlan,
    network_dataset,
    quiet_lightning,
    training_callbacks,
)
from plastinka.simulate.shop import make_shop
from plastinka.evaluate.fit import cut_panel
from plastinka.models.batches import keep_batch
from plastinka.panel.features import demand_estimate
from plastinka.panel.windows import target_weight, WindowBlock

HORIZON, EPOCHS, SLACK = training.HORIZON, 12, 1.005
FIRST_SHOP = 6  # Seed of the first shop; the options below were chosen on others
OURS = {
    "epochs": 1,
    "options": {"batch_size": 256, "learning_rate": 6e-3, "dropout": 0.0, "covariate_hidden": 16},
}


def shop_arrays(titles: int, seed: int) -> dict[str, np.ndarray]:
    """A made-up shop as arrays: demand over each title's own scale, features, weights of months;
    the scale is of the months before the last three."""
    shop = make_shop(titles=titles, months=training.MONTHS, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        shop.write(folder, dirt=0)
        panel = cut_panel(build_ledger(read_sources(f"{folder}/stock.xlsx", [folder])))
    demand, seen = demand_estimate(panel), panel.isel(month=slice(0, -HORIZON))
    scale = 1 + demand[:, :-HORIZON].mean(axis=1, keepdims=True)
    return {
        "target": (demand / scale).astype(np.float32),
        "past": past_features(panel).values,
        "future": future_features(panel, HORIZON).values,
        "static": static_features(panel, fit_static(seen)).values,
        "weight": target_weight(panel),
        "scale": np.ascontiguousarray(np.broadcast_to(scale, demand.shape), dtype=np.float32),
    }


class Judge(Callback):
    "After every epoch: CPU seconds of training so far, and the WQL of the held-out windows."

    def __init__(
        self, block: WindowBlock, windows: np.ndarray, actual: np.ndarray, valid: np.ndarray
    ):
        self.held_out, self.points, self.judging = (block, windows, actual, valid), [], 0.0

    def on_fit_start(self, trainer, module) -> None:
        self.start = time.process_time()

    def on_train_epoch_end(self, trainer, module) -> None:
        begun = time.process_time()
        block, windows, actual, valid = self.held_out
        values = predict_windows(module, block, windows, tuple(training.QUANTILES))
        self.points.append((begun - self.start - self.judging, score(actual, values, valid)))
        self.judging += time.process_time() - begun


def score(actual: np.ndarray, values: np.ndarray, valid: np.ndarray) -> float:
    "WQL of the months that count, in copies."
    return wql(actual[valid], np.maximum(values, 0)[valid], tuple(training.QUANTILES))


def mean_curve(runs: list[list[tuple[float, float]]]) -> np.ndarray:  # [epochs, 2] CPU seconds, WQL
    "Learning curves of several shops as one."
    return np.mean(runs, axis=0)


def until(curve: np.ndarray, line: float) -> float:
    "CPU seconds until the line is crossed; infinite if it never is."
    return next((float(seconds) for seconds, value in curve if value <= line), float("inf"))


def by_darts(data: dict, judge: Judge, seed: int) -> None:
    "darts, from series to weights; the making of its series is not counted."
    known = {
        name: values[:, :-HORIZON] if name in ("target", "past", "weight", "scale") else values
        for name, values in data.items()
    }
    series = training.series_of(known, training.MONTHS - HORIZON)
    model = training.make_model(256, EPOCHS, [judge], seed=seed, fused=False)
    model.fit(**series)


def by_plastinka(block: WindowBlock, windows: np.ndarray, judge: Judge, seed: int) -> None:
    "plastinka with its options."
    options = TideOptions(
        training.LAGS,
        HORIZON,
        tuple(training.QUANTILES),
        "darts_quantile",
        hidden_size=128,
        seed=seed,
        **OURS["options"],
    )
    per_epoch = -(-len(windows) // options.batch_size)
    steps = OURS["epochs"] * per_epoch
    model = options.build(
        TrainingPlan(OURS["epochs"], per_epoch, steps),
        [*training_callbacks(options, LossCurve("plastinka", OURS["epochs"]), steps), judge],
    )
    model.fit_from_dataset(
        network_dataset(block, windows, options, model.likelihood),
        dataloader_kwargs={"collate_fn": keep_batch, "pin_memory": False},
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--titles", type=int, default=3000, help="titles of 48 months (default: 3000)"
    )
    parser.add_argument(
        "--shops", type=int, default=6, help="shops, one training of each arm for each (default: 6)"
    )
    parser.add_argument("--quick", action="store_true", help="one shop of 400 titles, no bars")
    parser.add_argument(
        "--neuralforecast",
        metavar="PYTHON",
        help="interpreter of an environment with neuralforecast",
    )
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    options = parser.parse_args()
    if options.quick:
        options.titles, options.shops = 400, 1
    quiet_lightning()
    torch.set_num_threads(1)
    runs = {
        name: []
        for name in ("plastinka", "darts") + (("neuralforecast",) if options.neuralforecast else ())
    }
    for seed in range(FIRST_SHOP, FIRST_SHOP + options.shops):
        for name, points in race(options.titles, seed, options.neuralforecast).items():
            runs[name].append(points)
        print(
            f"shop {seed}: "
            + ", ".join(
                f"{name} {min(value for _, value in points[-1]):.4f} in {len(points[-1])} epochs "
                f"of {points[-1][0][0]:.1f} s"
                for name, points in runs.items()
            ),
            flush=True,
        )
    curves, rows = {name: mean_curve(points) for name, points in runs.items()}, []
    for name, bar in {"darts": 5.0, "neuralforecast": 1.5}.items():
        if name in curves:
            lowest = curves[name][:, 1].min()
            seconds = {arm: until(curves[arm], lowest * SLACK) for arm in (name, "plastinka")}
            print(
                f"WQL {lowest * SLACK:.4f}: "
                + ", ".join(f"{arm} after {spent:.1f} s" for arm, spent in seconds.items())
            )
            rows += [
                row(
                    f"time to the same score, against {name}",
                    seconds[name] / seconds["plastinka"],
                    bar,
                ),
                row(
                    f"best WQL, as a share of that of {name}",
                    curves["plastinka"][:, 1].min() / lowest,
                    SLACK,
                    at_most=True,
                ),
            ]
    return finish(rows, options.json, judged=not options.quick)


def race(
    titles: int, seed: int, neuralforecast: str | None
) -> dict[str, list[tuple[float, float]]]:
    "CPU seconds and WQL after every epoch of every arm, for one shop."
    data = shop_arrays(titles, seed)
    block, windows = training.block_of(data)
    cutoff = training.MONTHS - 1 - HORIZON
    held_out, windows = windows[windows[:, 1] == cutoff], windows[windows[:, 1] <= cutoff - HORIZON]
    scale = data["scale"][:, :1]
    actual, valid = (
        data["target"][held_out[:, 0], -HORIZON:] * scale[held_out[:, 0]],
        data["weight"][held_out[:, 0], -HORIZON:] > 0,
    )
    print(
        f"{titles} titles, {len(windows):,} windows to learn from, {valid.sum():,} months to be "
        f"judged on"
    )
    arms = {name: Judge(block, held_out, actual, valid) for name in ("darts", "plastinka")}
    by_darts(data, arms["darts"], seed)
    by_plastinka(block, windows, arms["plastinka"], seed)
    points = {name: judge.points for name, judge in arms.items()}
    if neuralforecast:
        points["neuralforecast"] = by_neuralforecast(neuralforecast, data, actual, valid, seed)
    return points


def by_neuralforecast(
    python: str, data: dict, actual: np.ndarray, valid: np.ndarray, seed: int
) -> list[tuple[float, float]]:
    "neuralforecast in its own environment: CPU seconds and score after every epoch."
    with tempfile.TemporaryDirectory() as folder:
        np.savez(f"{folder}/data.npz", **data)
        subprocess.run(
            [
                python,
                str(Path(__file__).with_name("race_neuralforecast.py")),
                f"{folder}/data.npz",
                f"{folder}/out.npz",
                str(seed),
                str(EPOCHS),
            ],
            check=True,
        )
        with np.load(f"{folder}/out.npz") as found:
            return [
                (seconds, score(actual, values, valid))
                for seconds, values in zip(found["seconds"], found["values"], strict=False)
            ]


if __name__ == "__main__":
    sys.exit(main())
