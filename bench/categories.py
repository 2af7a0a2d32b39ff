"""The mean and the small network on the daily totals of three categories, by two ways of judging.

    PLASTINKA_DATA=folder python bench/categories.py    # sales_data.csv: half a minute

What is told is the mean squared error (MSE) in units of the series' spread, on the last 20 % of
days. "Ours": mean and spread are those of the first 80 %, all days of the last 20 % are judged
(windows begin before them), and every category runs to the last day of the table. "Published": mean
of the first 80 %, spread of the whole series, the first 14 of the last days only feed the window,
and each category runs from its first to its last sale; the bar is the published number. The exit
code is 1 where the published number is not met within .001."""

import argparse
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from plastinka.doors.totals import category_totals
from plastinka.models.cnn_lstm import fit_all_series, next_periods
from report import finish, row

PUBLISHED = {"Beauty": 0.993, "Clothing": 0.982, "Electronics": 0.856}
WINDOW = 14  # Days that the network sees


def published_way(path: Path, category: str) -> float:
    "The mean's MSE as it was published, from the file alone."
    table = pd.read_csv(path, parse_dates=["Date"])
    sales = table[table["Product Category"] == category].groupby("Date")["Total Amount"].sum()
    values = sales.resample("D").sum().to_numpy(float)
    span = int(0.8 * len(values))
    after = (values[span + WINDOW :] - values[:span].mean()) / values.std()
    return float(np.mean(after**2))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    options = parser.parse_args()
    folder = os.environ.get("PLASTINKA_DATA") or parser.error("set PLASTINKA_DATA to the folder")
    path, rows = Path(folder) / "sales_data.csv", []
    series = category_totals(str(path), "retail_sales")
    ours = next_periods(series, fit_all_series(series)).set_index("unique_id")
    for name, known in PUBLISHED.items():
        found = published_way(path, name)
        rows.append(
            row(f"{name}: mean, published way, is off by", abs(found - known), 1e-3, "", True)
        )
        rows.append(row(f"{name}: mean, published way", found, None, ""))
        rows.append(row(f"{name}: mean, ours", ours.loc[name, "mse_mean"], None, ""))
        rows.append(row(f"{name}: network, ours", ours.loc[name, "mse_network"], None, ""))
    return finish(rows, options.json)


if __name__ == "__main__":
    sys.exit(main())
