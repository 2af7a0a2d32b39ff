"""Time and memory from raw rows to the panel, beside a straightforward pandas implementation.

    python bench/prepare.py            # 500,000 copies, 10,000 items, 48 months: about a minute
    python bench/prepare.py --quick    # 50,000 copies, 1,000 items: a few seconds

The rows are made in memory, every cell as text, as a reader of workbooks gives them. Each arm runs in a process of its own,
on one thread, and what is compared is CPU time. The pandas arm is what one writes first: parse, number the items with
groupby, lay stock out on every item's every day, and average by month. It measures less: no quarantine, no lost sales, no
spellings. The units, availability and depth of both arms must be equal. The exit code is 1 where a bar does not hold.
"""
import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

FULL, QUICK = (500_000, 10_000, 48), (50_000, 1_000, 48)
SECONDS, GIBIBYTES = 5.0, 1.0
RATIO = 0.8 # The pandas arm does less; the panel with lost sales must cost about the same at most
KEY = ["barcode", "artist", "album", "cover_type", "release_type"]


def make_rows(copies: int, items: int, months: int):
    "A shop's copies as text: arrivals over the whole span, sales some weeks later."
    import numpy as np
    import pandas as pd
    random = np.random.default_rng(0)
    first, days = np.datetime64("2020-01-01"), int(months * 30.4375)
    item = np.minimum(random.integers(0, items, copies), (items * random.random(copies) ** 1.5).astype(int))
    came = random.integers(-200, days, copies)
    left = np.maximum(came, 0) + random.geometric(0.02, copies)
    text = lambda day: pd.Series((first + day).astype("datetime64[s]").astype(str), dtype=object).str.replace("T", " ", regex=False)
    names = lambda word, codes: np.array([f"{word} {number}" for number in range(items)], dtype=object)[codes]
    sold = left < days
    kind = pd.Categorical(np.where(sold, "sales", "stock"))
    month = np.minimum(left, days - 1) * months // days
    files = np.array(["stock.xlsx"] + [f"sales_{number:02}.xlsx" for number in range(months)], dtype=object)
    rows = pd.DataFrame({
        "barcode": names("46000", item), "artist": names("Artist", item // 7), "album": names("Album", item),
        "cover_type": np.where(item % 3 == 0, "SS", "VG"), "price": random.integers(5, 90, copies).astype(str).astype(object),
        "release_type": np.where(item % 2 == 0, "Оригинал", "Переиздание"), "style": names("Style", item % 40),
        "recording_year": (1960 + item % 50).astype(str).astype(object), "release_year": (1970 + item % 50).astype(str).astype(object),
        "created_date": text(came), "sold_date": text(np.minimum(left, days - 1)).where(sold, None),
        "kind": kind, "source_file": pd.Categorical(files[np.where(sold, month + 1, 0)]),
        "source_sheet": pd.Categorical.from_codes(np.zeros(copies, dtype=np.int8), ["Sheet1"]), "source_row": np.arange(copies) + 2})
    sources = pd.DataFrame({"file": files, "path": files, "kind": ["stock"] + ["sales"] * months, "sheet": "Sheet1", "sha256": files,
                            "rows": 0, "filtered": 0})
    return rows, sources, pd.Timestamp(first + days)


def by_plastinka(rows, sources, snapshot):
    "Ledger and panel as the package makes them."
    from plastinka.ingest import RawRows
    from plastinka.ledger import build_ledger
    from plastinka.panel import build_panel
    start = time.process_time()
    ledger = build_ledger(RawRows(rows=rows, sources=sources), snapshot)
    middle = time.process_time()
    panel = build_panel(ledger)
    print(f"  ledger {middle - start:.2f} s, panel {time.process_time() - middle:.2f} s; {ledger.copies['count'].sum():,} copies, "
          f"{panel.sizes['item']:,} items, {panel.sizes['month']} months", file=sys.stderr)
    return [float(panel[name].astype("float64").sum()) for name in ("units", "availability", "depth")]


def by_pandas(rows, sources, snapshot):
    "The same three measures with groupby and a daily grid."
    import numpy as np
    import pandas as pd
    rows = rows.assign(created=pd.to_datetime(rows["created_date"]), sold=pd.to_datetime(rows["sold_date"]), price=pd.to_numeric(rows["price"]))
    keys = rows[KEY].apply(lambda column: column.str.casefold().str.replace("ё", "е").str.replace(r"\s+", " ", regex=True).str.strip())
    rows["item"] = keys.groupby(KEY).ngroup()
    days = pd.date_range(rows["sold"].min().to_period("M").start_time, snapshot, inclusive="left", name="day")
    came = rows.assign(day=rows["created"].clip(lower=days[0])).groupby(["item", "day"]).size()
    left = rows.dropna(subset="sold").groupby(["item", "sold"]).size().rename_axis(["item", "day"])
    grid = lambda events: events.unstack("day", fill_value=0).reindex(index=range(rows["item"].max() + 1), columns=days, fill_value=0)
    sold = grid(left)
    stock = (grid(came) - sold).cumsum(axis=1)
    on_sale = (stock > 0) | (sold > 0)
    monthly = lambda table, how: getattr(table.T.groupby(days.to_period("M")), how)().T
    found = monthly(sold, "sum"), monthly(on_sale.astype(float), "mean"), monthly(stock.clip(upper=5) / 5, "mean")
    return [float(np.asarray(table, dtype=float).sum()) for table in found]


ARMS = {"plastinka": by_plastinka, "pandas": by_pandas}


def peak_mebibytes() -> float:
    "Largest resident memory of this process so far."
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)


def run_arm(arm: str, size: tuple[int, int, int]) -> dict:
    "Make the rows, then time one arm: imports before, rows not counted."
    import plastinka.panel  # noqa: F401
    rows = make_rows(*size)
    before, start, clock = peak_mebibytes(), time.process_time(), time.perf_counter()
    sums = ARMS[arm](*rows)
    return {"seconds": time.process_time() - start, "wall": time.perf_counter() - clock, "peak": peak_mebibytes(), "before": before, "sums": sums}


def start_arm(arm: str, size: tuple[int, int, int]) -> dict:
    "Run an arm in a fresh process on one thread."
    threads = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")}
    command = [sys.executable, __file__, "--arm", arm, "--size", *map(str, size)]
    done = subprocess.run(command, env=os.environ | threads, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="50,000 copies, 1,000 items")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    parser.add_argument("--arm", choices=ARMS, help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.arm:
        print(json.dumps(run_arm(options.arm, tuple(options.size))))
        return 0
    size = QUICK if options.quick else FULL
    arms = {arm: start_arm(arm, size) for arm in ARMS}
    for arm, found in arms.items():
        print(f"{arm:<10} {found['seconds']:6.2f} s of CPU ({found['wall']:.2f} s by the clock)   peak {found['peak']:6.0f} MiB, of which {found['before']:.0f} MiB are imports and rows")
    ours, theirs = arms["plastinka"], arms["pandas"]
    apart = max(abs(a - b) / max(abs(b), 1) for a, b in zip(ours["sums"], theirs["sums"]))
    shop = f"{size[0]:,} copies, {size[1]:,} items, {size[2]} months"
    rows = [{"name": f"seconds of CPU, {shop}", "value": ours["seconds"], "bar": SECONDS, "holds": ours["seconds"] < SECONDS},
            {"name": "peak memory of the process, GiB", "value": ours["peak"] / 1024, "bar": GIBIBYTES, "holds": ours["peak"] < 1024 * GIBIBYTES},
            {"name": "times as fast as plain pandas", "value": theirs["seconds"] / ours["seconds"], "bar": RATIO,
             "holds": theirs["seconds"] > RATIO * ours["seconds"]},
            {"name": "units, availability, depth differ by", "value": apart, "bar": 1e-5, "holds": apart < 1e-5}]
    for row in rows:
        print(f"{row['name']:<58} {row['value']:9.3g}   bar {row['bar']:<6g} {'holds' if row['holds'] else 'DOES NOT HOLD'}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))
    return 0 if all(row["holds"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
