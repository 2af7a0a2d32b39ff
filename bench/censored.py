"""Learning from what sold, told when stock cut it off, beside learning from sales as if they were demand: who finds the true demand?

    python bench/censored.py                                   # shops 10, 20, 30, 40 % out of stock, three seeds: some minutes
    python bench/censored.py --quick                           # one small shop, 40 % out of stock, under a minute
    python bench/censored.py --heads quantile --json rows.json # other heads; the numbers as JSON

A made-up shop knows what people asked for in the months after its files end. For each level of stock-outs and each head,
TiDE learns four times, from the same features, for the same number of steps:

    sales      what sold, as if it were demand
    censored   what sold, told which months ended sold out and which were on sale in part
    estimate   sales plus the estimate of lost sales, as plastinka's runs do by default
    truth      the true demand, which no shop knows: what the network itself gets wrong

bias is the total of the mean forecasts over that of the true demand, minus 1, over all shops of a level; WQL is the weighted
quantile loss against it, of 19 levels. Bars, at every level: the bias of censored is at most a third of that of sales, and its WQL
is lower. The network has an error of a few per cent of its own, as truth shows, and three months of one shop are luck, so beside
the bias stands what stock did to it: the same ratio of distances from truth. A quantile head has no mean (beyond its outer levels it
is taken flat), so for it only WQL has a bar. The exit code is 1 where a bar does not hold.
"""
import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import xarray as xr

from report import finish, row
from plastinka.features import fit_static, known_months
from plastinka.ingest import read_sources
from plastinka.ledger import build_ledger
from plastinka.metrics import wql
from plastinka.models.tide import predict_tide, train_tide
from plastinka.shop import make_shop
from plastinka.train import panel_at, tide_options
from plastinka.windows import WindowBlock, build_block, cutoff_windows, module_input, pad_months, training_windows

STOCKOUTS, HORIZON = (0.1, 0.2, 0.3, 0.4), 3
LEVELS = tuple(float(level) for level in np.round(np.arange(0.05, 0.96, 0.05), 2))
ARMS = ("sales", "censored", "estimate", "truth")


def shop_panel(**knobs) -> tuple[xr.Dataset, np.ndarray]:
    "The panel of a made-up shop, and its true demand [items, months + HORIZON]."
    shop = make_shop(**knobs)
    with tempfile.TemporaryDirectory() as folder:
        shop.write(folder, dirt=0)
        panel = panel_at(build_ledger(read_sources(f"{folder}/stock.xlsx", [folder])))
    asked = shop.truth.pivot_table(index="item_id", columns="month", values="demand", aggfunc="sum").reindex(panel["item"].values)
    return panel, asked.to_numpy(dtype=float)[:, : panel.sizes["month"] + HORIZON]


def told(block: WindowBlock, panel: xr.Dataset, demand: np.ndarray, arm: str) -> WindowBlock:
    "The block from which an arm learns: only the target months differ."
    if arm in ("censored", "estimate"):
        return block
    whole = dict(censored=torch.zeros_like(block.censored), exposure=torch.ones_like(block.exposure))
    if arm == "sales":
        return replace(block, **whole)
    complete = known_months(panel) * (panel["observed"].values >= 1)
    return replace(block, sold=pad_months(demand[:, : panel.sizes["month"]], 0, HORIZON), weight=pad_months(complete, 0, HORIZON), **whole)


def forecast(panel: xr.Dataset, demand: np.ndarray, head: str, arm: str, steps: int, seed: int) -> tuple[np.ndarray, float]:
    "Quantiles [items, HORIZON, LEVELS] of the months after the panel, and the total of the mean forecasts."
    options = replace(tide_options(panel.sizes["month"], HORIZON, quantiles=LEVELS, head=head, seed=seed), censored=arm != "estimate")
    block = build_block(panel, fit_static(panel), options.lags, HORIZON)
    learnt = told(block, panel, demand, arm)
    model = train_tide(learnt, training_windows(learnt), options, steps=steps, label=f"{head}, {arm}").model
    _, values = predict_tide(model, block, block.months - 1, LEVELS)
    inputs, scale = module_input(block, cutoff_windows(block, block.months - 1))
    with torch.inference_mode():
        mean = model.likelihood.mean(model.model.eval()(inputs).prediction, scale)
    return values, float(mean.sum())


def compare(head: str, stockouts: float, seeds: range, steps: int, **knobs) -> dict[str, dict[str, float]]:
    "Bias and WQL of every arm at one level of stock-outs, over several shops."
    found = {arm: {"total": 0.0, "demand": 0.0, "wql": []} for arm in ARMS}
    for seed in seeds:
        panel, demand = shop_panel(seed=seed, stockouts=stockouts, **knobs)
        ahead = demand[:, panel.sizes["month"] :]
        for arm, sums in found.items():
            values, total = forecast(panel, demand, head, arm, steps, seed)
            sums["total"] += total
            sums["demand"] += float(ahead.sum())
            sums["wql"].append(wql(ahead, values, LEVELS))
    return {arm: {"bias": sums["total"] / sums["demand"] - 1, "wql": float(np.mean(sums["wql"]))} for arm, sums in found.items()}


def judge(head: str, stockouts: float, found: dict[str, dict[str, float]]) -> list[dict]:
    "The rows of one head and level; ratios are better when smaller."
    name, bias = f"{head}, {stockouts:.0%} out of stock: ", {arm: scores["bias"] for arm, scores in found.items()}
    ratio = abs(bias["censored"]) / abs(bias["sales"])
    from_truth = abs(bias["censored"] - bias["truth"]) / abs(bias["sales"] - bias["truth"])
    return [row(f"{name}bias, censored over sales", ratio, None if head == "quantile" else 1 / 3, "", at_most=True),
            row(f"{name}the same, as distances from truth", from_truth, None, ""),
            row(f"{name}WQL, censored over sales", found["censored"]["wql"] / found["sales"]["wql"], 1.0, "", at_most=True),
            *(row(f"{name}bias of {arm}", bias[arm], None, "") for arm in ARMS)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heads", nargs="+", default=["negative_binomial"], help="names of plastinka's heads (default: negative_binomial)")
    parser.add_argument("--stockouts", nargs="+", type=float, default=STOCKOUTS, help="shares of title-days out of stock (default: 0.1 0.2 0.3 0.4)")
    parser.add_argument("--seeds", type=int, default=3, help="shops per level (default: 3)")
    parser.add_argument("--titles", type=int, default=600, help="titles of a shop (default: 600)")
    parser.add_argument("--steps", type=int, default=400, help="training steps (default: 400)")
    parser.add_argument("--quick", action="store_true", help="one shop of 300 titles, 40 %% out of stock, 200 steps")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    options = parser.parse_args()
    if options.quick:
        options.stockouts, options.seeds, options.titles, options.steps = [0.4], 1, 300, 200
    rows = []
    print(f"{'head':<20}{'out of stock':>13}   " + "".join(f"{arm + ': bias':>18}{'WQL':>7}" for arm in ARMS))
    for head in options.heads:
        for stockouts in options.stockouts:
            found = compare(head, stockouts, range(options.seeds), options.steps, titles=options.titles)
            rows += judge(head, stockouts, found)
            print(f"{head:<20}{stockouts:>13.0%}   " + "".join(f"{score['bias']:>18.1%}{score['wql']:>7.3f}" for score in found.values()), flush=True)
    return finish(rows, options.json)


if __name__ == "__main__":
    sys.exit(main())
