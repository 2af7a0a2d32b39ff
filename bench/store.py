"""Time to add a month to a store that holds many copies, and the store's size.

    python bench/store.py            # 1,000,000 copies, 20,000 items, 50 months, the last of
    20,000 copies: some minutes
    python bench/store.py --quick    # 50,000 copies: half a minute; the bar is a fifth

The files are CSV, so that it is the store that is timed, not a workbook's reader. Adding means all
that `plastinka ingest` does: reading the month's file and the new stock, building the ledger and
the panel anew, writing what changed. Seconds are by the clock; where the machine has more to do
than cores, they are those of the processor, and that is said. The panel that the store then gives
must be the panel of all the files. The exit code is 1 where the bar does not hold, or the panels
differ."""

import argparse
import sys
import tempfile
from pathlib import Path

import pandas as pd
from report import finish, row
from prepare import busy, make_rows, moment, since

FULL, QUICK = (1_000_000, 20_000, 50), (50_000, 2_000, 50)
SECONDS = 10.0


def write_files(
    copies: int, items: int, months: int, folder: Path
) -> tuple[list[Path], list[Path]]:
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


def timed(call) -> dict:
    "What a call gives, and its seconds by the clock and by the processor."
    start = moment()
    return {"found": call(), **since(start, moment())}


def measure(sales: list[Path], stocks: list[Path], store: str) -> tuple[dict, dict, bool]:
    """Load all but the last month, then add it; timings, status, and whether the panel is that of
    the files."""
    from plastinka.data.ingest import read_sources
    from plastinka.data.ledger import build_ledger
    from plastinka.store.load import load_files
    from plastinka.panel.panel import build_panel
    from plastinka.store.query import read_panel, store_status

    def load(stock, paths):
        return load_files(
            store, stock, paths, measure=build_panel, snapshot_date=_day_after(paths[-1])
        )

    timings = {
        "first load": timed(lambda: load(stocks[0], sales[:-1])),
        "adding a month": timed(lambda: load(stocks[1], sales[-1:])),
        "the same again": timed(lambda: load(stocks[1], sales[-1:])),
        "reading the panel": timed(lambda: read_panel(store)),
    }
    panel = build_panel(build_ledger(read_sources(stocks[1], sales), _day_after(sales[-1])))
    return timings, store_status(store), timings["reading the panel"]["found"].identical(panel)


def main() -> int:
    "Measure, print, judge."
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a small store")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        timings, status, same = measure(
            *write_files(*(QUICK if options.quick else FULL), Path(folder)), f"{folder}/shop.db"
        )
    which, bars = (
        "processor" if busy() else "clock",
        {"adding a month": SECONDS / 5 if options.quick else SECONDS},
    )
    print(
        f"{status['copies']:,} copies, {status['items']:,} items, {status['months']} months, "
        f"{status['megabytes']:.0f} MB; seconds by the "
        + ("clock" if which == "clock" else "processor, since the machine is busy with other work")
    )
    for name, found in timings.items():
        print(
            f"  {name:<20} {found['clock']:7.2f} s by the clock {found['processor']:7.2f} s of CPU"
        )
    rows = [
        row(
            f"{name}, {status['copies']:,} copies, by the {which}",
            found[which],
            bars.get(name),
            "s",
            at_most=True,
        )
        for name, found in timings.items()
    ]
    return finish(
        [*rows, row("the panel of the store is that of the files", same, 1, "")], options.json
    )


def _day_after(path: Path) -> str:
    return f"{(pd.Period(path.stem.split('_')[1], 'M') + 1).start_time:%Y-%m-%d}"


if __name__ == "__main__":
    sys.exit(main())
