"""Time to add a month to a store that holds many copies, and the store's size.

    python bench/store.py            # 1,000,000 copies, 20,000 items, 50 months, the last of 20,000 copies: some minutes
    python bench/store.py --quick    # 50,000 copies: half a minute

The files are CSV, so that it is the store that is timed, not a workbook's reader. Adding means all that `plastinka ingest` does:
reading the month's file and the new stock, building the ledger and the panel anew, writing what changed. The exit code is 1
where the bar does not hold.
"""
import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from prepare import make_rows

FULL, QUICK = (1_000_000, 20_000, 50), (50_000, 2_000, 50)
SECONDS = 10.0


def write_files(copies: int, items: int, months: int, folder: Path) -> tuple[list[Path], list[Path]]:
    "Monthly sales files, and the stock file before and after the last month."
    rows, _, _ = make_rows(copies, items, months)
    rows = rows.drop(columns=["kind", "source_sheet", "source_row"])
    sold, created = pd.to_datetime(rows["sold_date"]), pd.to_datetime(rows["created_date"])
    month = sold.dt.to_period("M")
    paths = []
    for period, part in rows.groupby(month):
        paths.append(folder / f"sales_{period}.csv")
        part.drop(columns="source_file").to_csv(paths[-1], index=False)
    stocks = []
    for name, day in (("before", month.max().start_time), ("after", (month.max() + 1).start_time)):
        here = (created < day) & ~(sold < day)
        stocks.append(folder / f"stock_{name}.csv")
        rows[here].drop(columns=["source_file", "sold_date"]).to_csv(stocks[-1], index=False)
    return paths, stocks


def main() -> int:
    "Load all but the last month, then time the last."
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small store")
    parser.add_argument("--json", help="file for the result")
    options = parser.parse_args()
    from plastinka.load import load_files
    from plastinka.panel import build_panel
    from plastinka.query import read_panel, store_status
    with tempfile.TemporaryDirectory() as folder:
        sales, stocks = write_files(*(QUICK if options.quick else FULL), Path(folder))
        store, timings = f"{folder}/shop.db", {}
        for name, call in {
            "first load": lambda: load_files(store, stocks[0], sales[:-1], measure=build_panel, snapshot_date=_day_after(sales[-2])),
            "adding a month": lambda: load_files(store, stocks[1], sales[-1:], measure=build_panel, snapshot_date=_day_after(sales[-1])),
            "the same again": lambda: load_files(store, stocks[1], sales[-1:], measure=build_panel),
            "reading the panel": lambda: read_panel(store)}.items():
            start = time.perf_counter()
            call()
            timings[name] = time.perf_counter() - start
        status = store_status(store)
    added = len(sales) and timings["adding a month"]
    print(f"{status['copies']:,} copies, {status['items']:,} items, {status['months']} months, {status['megabytes']:.0f} MB")
    for name, seconds in timings.items():
        print(f"{name:<20} {seconds:7.2f} s" + (f"   (at most {SECONDS:.0f} s: {'holds' if added <= SECONDS else 'DOES NOT HOLD'})" if name == "adding a month" else ""))
    if options.json:
        rows = [dict(name=name, seconds=seconds, bar=SECONDS if name == "adding a month" else None, holds=name != "adding a month" or seconds <= SECONDS)
                for name, seconds in timings.items()]
        Path(options.json).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return int(added > SECONDS)


def _day_after(path: Path) -> str:
    return f"{(pd.Period(path.stem.split('_')[1], 'M') + 1).start_time:%Y-%m-%d}"


if __name__ == "__main__":
    sys.exit(main())
