"""What the statistical models take beside what statsforecast alone takes for the same series.

    python bench/statistical.py            # 2,000 titles of 48 months; 100 for ETS, Theta and CES
    python bench/statistical.py --quick    # 400 titles, and 20

Both give means and 50 % and 90 % ranges for three months of titles that differ in level and in
how often they sell. The library makes its ranges from two windows of past months
(`ConformalIntervals`), as who uses it alone would; `plastinka.models.statistical` makes
distributions of counts. A second figure is against the library's means alone. The exit code is 1
where a model takes more than 1.2 times what the library takes.
"""

import argparse
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from plastinka.models.statistical import METHODS, Statistical, import_statsforecast
from plastinka.panel.monthly import tiny_panel
from report import finish, row

HORIZON, MONTHS = 3, 48


def titles(count: int) -> np.ndarray:
    "Monthly copies [titles, months] of titles from one sale a year to one a day."
    random = np.random.default_rng(0)
    rate = np.exp(random.uniform(np.log(0.1), np.log(30), count))
    months = random.gamma(2, 0.5, (count, MONTHS))
    return random.poisson(rate[:, None] * months).astype(float)


def library(method, units: np.ndarray, ranges: bool) -> float:
    "Seconds of the library alone, its long table included."
    package, models = import_statsforecast()
    start = time.process_time()
    count = len(units)
    long = pd.DataFrame(
        {
            "unique_id": np.repeat(np.arange(count), MONTHS),
            "ds": np.tile(np.arange(MONTHS), count),
            "y": units.ravel(),
        }
    )
    given = method.settings | ({"season_length": 12} if method.seasonal else {})
    if ranges:
        given["prediction_intervals"] = package.utils.ConformalIntervals(2, HORIZON)
    model = getattr(models, method.maker)(**given)
    engine = package.StatsForecast([model], 1, n_jobs=1, fallback_model=models.NaNModel())
    engine.forecast(df=long, h=HORIZON, level=[50, 90] if ranges else None)
    return time.process_time() - start


def ours(name: str, units: np.ndarray) -> float:
    "Seconds of our model, quantiles read off."
    panel = tiny_panel(units)
    start = time.process_time()
    Statistical(name, name).fit(panel, HORIZON).predict(panel, HORIZON).frame()
    return time.process_time() - start


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer titles")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    every, rows = titles(400 if options.quick else 2000), []
    for name, method in METHODS.items():
        units = every[:: 20 if method.seasonal else 1]
        library(method, units[:5], True), ours(name, units[:5])  # First calls load and compile
        best = [
            min(run() for _ in range(1 if method.seasonal else 5))
            for run in (
                lambda: ours(name, units),  # noqa: B023
                lambda: library(method, units, True),  # noqa: B023
                lambda: library(method, units, False),  # noqa: B023
            )
        ]
        rows.append(
            row(f"{name}: over the library with ranges", best[0] / best[1], 1.2, at_most=True)
        )
        rows.append(row(f"{name}: over the library's means alone", best[0] / best[2], None))
        rows.append(row(f"{name}: seconds", best[0], None, "s"))
    return finish(rows, options.json)


if __name__ == "__main__":
    sys.exit(main())
