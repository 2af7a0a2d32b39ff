"""neuralforecast's arm of `bench/race.py`: trains its TiDE and keeps the forecasts after every
epoch. Run by that file.

    PYTHON bench/race_neuralforecast.py DATA.npz OUT.npz SEED EPOCHS

An epoch is as many steps of 256 windows as the data has windows; the network's widths are those of
the other arms. Months that are not on sale are masked. CPU seconds are those of training alone:
the weights are kept after every epoch and forecast from afterwards."""

import copy
import logging
import sys
import time
import warnings

import numpy as np
import pandas as pd
import torch
from neuralforecast import NeuralForecast
from neuralforecast.losses.pytorch import MQLoss
from neuralforecast.models import TiDE
from pytorch_lightning.callbacks import Callback

LAGS, HORIZON, BATCH = 12, 3, 256
QUANTILES = [0.01, 0.05, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.95, 0.99]


class Snapshots(Callback):
    "CPU seconds and a copy of the weights after every epoch."

    def __init__(self, steps: int):
        self.steps, self.kept, self.copying = steps, [], 0.0

    def on_fit_start(self, trainer, module) -> None:
        self.start = time.process_time()

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx) -> None:
        if trainer.global_step % self.steps == 0:
            begun = time.process_time()
            self.kept.append(
                (begun - self.start - self.copying, copy.deepcopy(module.state_dict()))
            )
            self.copying += time.process_time() - begun


def frames(data: dict) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, dict]:
    "Past, future and static tables as neuralforecast takes them, and the names of the features."
    items, months = data["target"].shape
    known = months - HORIZON
    dates = pd.date_range("2020-01-01", periods=data["future"].shape[1], freq="MS")
    names = {
        part: [f"{part}_{k}" for k in range(data[part].shape[-1])]
        for part in ("past", "future", "static")
    }
    ids = np.array([f"{number:06}" for number in range(items)], dtype=object)

    def table(first, last):
        return pd.DataFrame(
            {"unique_id": np.repeat(ids, last - first), "ds": np.tile(dates[first:last], items)}
        )

    def columns(part, first, last):
        return pd.DataFrame(
            data[part][:, first:last].reshape(items * (last - first), -1), columns=names[part]
        )

    past = pd.concat(
        [table(0, known), columns("past", 0, known), columns("future", 0, known)], axis=1
    )
    past["y"], past["available_mask"] = (
        data["target"][:, :known].ravel(),
        (data["weight"][:, :known] > 0).astype(np.float32).ravel(),
    )
    future = pd.concat(
        [table(known, known + HORIZON), columns("future", known, known + HORIZON)], axis=1
    )
    return (
        past,
        future,
        pd.DataFrame(data["static"], columns=names["static"]).assign(unique_id=ids),
        names,
    )


def main(source: str, target: str, seed: str, epochs: str) -> None:
    "Train, then forecast from every snapshot."
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    with np.load(source) as found:
        data = dict(found)
    past, future, static, names = frames(data)
    items, months = data["target"].shape
    steps = items * (months - HORIZON - LAGS - HORIZON + 1) // BATCH
    snapshots = Snapshots(steps)
    model = TiDE(
        h=HORIZON,
        input_size=LAGS,
        hidden_size=128,
        decoder_output_dim=16,
        temporal_decoder_dim=32,
        dropout=0.1,
        layernorm=False,
        hist_exog_list=names["past"],
        futr_exog_list=names["future"],
        stat_exog_list=names["static"],
        loss=MQLoss(quantiles=QUANTILES),
        max_steps=steps * int(epochs),
        learning_rate=1e-3,
        batch_size=32,
        windows_batch_size=BATCH,
        random_seed=int(seed) + 1,
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[snapshots],
    )
    forecaster = NeuralForecast(models=[model], freq="MS")
    forecaster.fit(past, static_df=static)
    snapshots = next(
        each
        for each in forecaster.models[0].trainer_kwargs["callbacks"]
        if isinstance(each, Snapshots)
    )  # Models are copied
    values, scale = [], data["scale"][:, :1, None]
    for _, weights in snapshots.kept:
        forecaster.models[0].load_state_dict(weights)
        found = forecaster.predict(futr_df=future, static_df=static).sort_values(
            ["unique_id", "ds"]
        )
        columns = [name for name in found.columns if name not in ("unique_id", "ds")]
        values.append(
            np.sort(found[columns].to_numpy(dtype=np.float64).reshape(items, HORIZON, -1), axis=2)
            * scale
        )
    np.savez(
        target,
        seconds=np.array([seconds for seconds, _ in snapshots.kept]),
        values=np.stack(values),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
