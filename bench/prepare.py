"""Time and memory from raw rows to the panel, beside a straightforward pandas implementation.

    python bench/prepare.py                    # 500,000 copies, 10,000 items, 48 months: about a
    minute
    python bench/prepare.py --quick            # 50,000 copies, 1,000 items: a few seconds
    python bench/prepare.py --files            # 1,000,000 copies in 50 workbooks of sales and one
    of stock: some minutes
    python bench/prepare.py --files --quick    # 50,000 copies in as many workbooks

With --files the whole way is measured: workbooks of the shop's eleven columns, which the bench
writes first, to the ledger and the panel, in a process of its own whose memory is measured too.
Beside it pandas with openpyxl reads one of the workbooks. Seconds are by the clock; where the
machine has more to do than cores, they are those of the processor, and that is said.

Without --files the rows are made in memory, every cell as text, as a reader of workbooks gives
them. Each arm runs in a process of its own, on one thread, and what is compared is CPU time. The
pandas arm is what one writes first: parse, number the items with groupby, lay stock out on every
item's every day, and average by month. It measures less: no quarantine, no lost sales, no
spellings. The units, availability and depth of both arms must be equal. The exit code is 1 where a
bar does not hold."""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from report import finish, row

FULL, QUICK = (500_000, 10_000, 48), (50_000, 1_000, 48)
SECONDS, GIBIBYTES = 5.0, 1.0
FILES, FILES_QUICK = (1_000_000, 20_000, 50), (50_000, 2_000, 50)
TO_LEDGER, TO_PANEL, FILES_GIBIBYTES, FILES_RATIO = (
    60.0,
    5.0,
    2.0,
    6.0,
)  # Bars with --files; a tenth of the seconds with --quick
RATIO = 0.8  # The pandas arm does less; the panel with lost sales must cost about the same at most
KEY = ["barcode", "artist", "album", "cover_type", "release_type"]


def make_rows(copies: int, items: int, months: int):
    "A shop's copies as text: arrivals over the whole span, sales some weeks later."
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(0)
    first, days = np.datetime64("2020-01-01"), int(months * 30.4375)
    item = np.minimum(
        random.integers(0, items, copies), (items * random.random(copies) ** 1.5).astype(int)
    )
    came = random.integers(-200, days, copies)
    left = np.maximum(came, 0) + random.geometric(0.02, copies)

    def text(day):
        return pd.Series(
            (first + day).astype("datetime64[s]").astype(str), dtype=object
        ).str.replace("T", " ", regex=False)

    def names(word, codes):
        return np.array([f"{word} {number}" for number in range(items)], dtype=object)[codes]

    sold = left < days
    kind = pd.Categorical(np.where(sold, "sales", "stock"))
    month = np.minimum(left, days - 1) * months // days
    files = np.array(
        ["stock.xlsx"] + [f"sales_{number:02}.xlsx" for number in range(months)], dtype=object
    )
    rows = pd.DataFrame(
        {
            "barcode": barcodes(items)[item],
            "artist": names("Artist", item // 7),
            "album": names("Album", item),
            "cover_type": np.where(item % 3 == 0, "SS", "VG"),
            "price": random.integers(5, 90, copies).astype(str).astype(object),
            "release_type": np.where(item % 2 == 0, "Оригинал", "Переиздание"),
            "style": names("Style", item % 40),
            "recording_year": (1960 + item % 50).astype(str).astype(object),
            "release_year": (1970 + item % 50).astype(str).astype(object),
            "created_date": text(came),
            "sold_date": text(np.minimum(left, days - 1)).where(sold, None),
            "kind": kind,
            "source_file": pd.Categorical(files[np.where(sold, month + 1, 0)]),
            "source_sheet": pd.Categorical.from_codes(np.zeros(copies, dtype=np.int8), ["Sheet1"]),
            "source_row": np.arange(copies) + 2,
        }
    )
    sources = pd.DataFrame(
        {
            "file": files,
            "path": files,
            "kind": ["stock"] + ["sales"] * months,
            "sheet": "Sheet1",
            "sha256": files,
            "rows": 0,
            "filtered": 0,
        }
    )
    return rows, sources, pd.Timestamp(first + days)


def barcodes(items: int):
    "An EAN-13 for each item, with its check digit."
    import numpy as np

    twelve = 460_000_000_000 + np.arange(items) * 37
    digits = twelve[:, None] // 10 ** np.arange(11, -1, -1) % 10
    return np.char.add(
        twelve.astype(str), (-(digits * np.tile([1, 3], 6)).sum(axis=1) % 10).astype(str)
    ).astype(object)


HEADERS = {
    "barcode": "Штрихкод",
    "artist": "Исполнитель",
    "album": "Альбом",
    "cover_type": "Конверт",
    "price": "Цена, руб.",
    "release_type": "Тип",
    "recording_year": "Год записи",
    "release_year": "Год выпуска",
    "style": "Стиль",
    "created_date": "Дата создания",
    "sold_date": "Дата заказа",
}


def write_workbook(path: Path, rows):
    "Rows as the shop exports them: texts, numbers and real days."
    import numpy as np
    import pandas as pd
    import xlsxwriter

    def serial(texts):
        return (
            (pd.to_datetime(texts).to_numpy().astype("datetime64[D]") - np.datetime64("1899-12-30"))
            .astype(float)
            .tolist()
        )

    names = [name for name in HEADERS if name in rows]
    numbers = {
        name: serial(rows[name]) if name.endswith("date") else rows[name].astype(float).tolist()
        for name in names
        if name in ("price", "recording_year", "release_year", "created_date", "sold_date")
    }
    texts = {name: rows[name].tolist() for name in names if name not in numbers}
    with xlsxwriter.Workbook(path, dict(constant_memory=True)) as book:
        page, day = book.add_worksheet("Лист1"), book.add_format(dict(num_format="dd.mm.yyyy"))
        page.write_row(0, 0, [HEADERS[name] for name in names])
        for number in range(len(rows)):
            for place, name in enumerate(names):
                if name in texts:
                    page.write_string(number + 1, place, texts[name][number])
                else:
                    page.write_number(
                        number + 1,
                        place,
                        numbers[name][number],
                        day if name.endswith("date") else None,
                    )


def make_files(folder: Path, size: tuple[int, int, int]):
    "A workbook for each month's sales, and one of what is unsold."
    rows, _, _ = make_rows(*size)
    sold = rows["sold_date"].notna()
    write_workbook(folder / "stock.xlsx", rows[~sold].drop(columns="sold_date"))
    for month, part in rows[sold].groupby(rows.loc[sold, "sold_date"].str[:7]):
        write_workbook(folder / f"sales_{month}.xlsx", part)


def read_files(folder: Path) -> dict:
    "Workbooks to the ledger, and the ledger to the panel."
    from plastinka.data.ingest import read_sources
    from plastinka.data.ledger import build_ledger
    from plastinka.panel.panel import build_panel

    before, marks = peak_mebibytes(), [moment()]
    raw = read_sources(folder / "stock.xlsx", sorted(folder.glob("sales_*.xlsx")))
    marks.append(moment())
    ledger = build_ledger(raw)
    marks.append(moment())
    del raw
    panel = build_panel(ledger)
    marks.append(moment())
    return {
        "read": since(*marks[:2]),
        "ledger": since(marks[0], marks[2]),
        "panel": since(*marks[2:]),
        "peak": peak_mebibytes(),
        "before": before,
        "copies": int(ledger.copies["count"].sum()),
        "items": panel.sizes["item"],
        "months": panel.sizes["month"],
        "bad": len(ledger.quarantine),
    }


def read_sample(folder: Path) -> dict:
    "One of the workbooks with pandas and openpyxl."
    import pandas as pd

    path, start = sorted(folder.glob("sales_*.xlsx"))[-1], moment()
    rows = len(pd.read_excel(path, engine="openpyxl"))
    return {"sample": since(start, moment()), "rows": rows}


def moment() -> tuple[float, float]:
    "Now, by the clock and by the processor."
    return time.perf_counter(), time.process_time()


def since(start: tuple[float, float], end: tuple[float, float]) -> dict:
    "Seconds between two moments."
    return {"clock": end[0] - start[0], "processor": end[1] - start[1]}


def busy() -> bool:
    "Whether others have more for the processor to do than it can."
    return hasattr(os, "getloadavg") and os.getloadavg()[0] > os.cpu_count()


def by_plastinka(rows, sources, snapshot):
    "Ledger and panel as the package makes them."
    from plastinka.data.ingest import RawRows
    from plastinka.data.ledger import build_ledger
    from plastinka.panel.panel import build_panel

    start = time.process_time()
    ledger = build_ledger(RawRows(rows=rows, sources=sources), snapshot)
    middle = time.process_time()
    panel = build_panel(ledger)
    print(
        f"  ledger {middle - start:.2f} s, panel {time.process_time() - middle:.2f} s; "
        f"{ledger.copies['count'].sum():,} copies, "
        f"{panel.sizes['item']:,} items, {panel.sizes['month']} months",
        file=sys.stderr,
    )
    return [
        float(panel[name].astype("float64").sum()) for name in ("units", "availability", "depth")
    ]


def by_pandas(rows, sources, snapshot):
    "The same three measures with groupby and a daily grid."
    import numpy as np
    import pandas as pd

    rows = rows.assign(
        created=pd.to_datetime(rows["created_date"]),
        sold=pd.to_datetime(rows["sold_date"]),
        price=pd.to_numeric(rows["price"]),
    )
    keys = rows[KEY].apply(
        lambda column: (
            column.str.casefold()
            .str.replace("ё", "е")
            .str.replace(r"\s+", " ", regex=True)
            .str.strip()
        )
    )
    rows["item"] = keys.groupby(KEY).ngroup()
    days = pd.date_range(
        rows["sold"].min().to_period("M").start_time, snapshot, inclusive="left", name="day"
    )
    came = rows.assign(day=rows["created"].clip(lower=days[0])).groupby(["item", "day"]).size()
    left = rows.dropna(subset="sold").groupby(["item", "sold"]).size().rename_axis(["item", "day"])

    def grid(events):
        return events.unstack("day", fill_value=0).reindex(
            index=range(rows["item"].max() + 1), columns=days, fill_value=0
        )

    sold = grid(left)
    stock = (grid(came) - sold).cumsum(axis=1)
    on_sale = (stock > 0) | (sold > 0)

    def monthly(table, how):
        return getattr(table.T.groupby(days.to_period("M")), how)().T

    found = (
        monthly(sold, "sum"),
        monthly(on_sale.astype(float), "mean"),
        monthly(stock.clip(upper=5) / 5, "mean"),
    )
    return [float(np.asarray(table, dtype=float).sum()) for table in found]


ARMS = {"plastinka": by_plastinka, "pandas": by_pandas}


def peak_mebibytes() -> float:
    "Largest resident memory of this process so far."
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1024 * 1024 if sys.platform == "darwin" else 1024
    )


def run_arm(arm: str, size: tuple[int, int, int]) -> dict:
    "Make the rows, then time one arm: imports before, rows not counted."
    import plastinka.panel.panel  # noqa: F401

    rows = make_rows(*size)
    before, start, clock = peak_mebibytes(), time.process_time(), time.perf_counter()
    sums = ARMS[arm](*rows)
    return {
        "seconds": time.process_time() - start,
        "wall": time.perf_counter() - clock,
        "peak": peak_mebibytes(),
        "before": before,
        "sums": sums,
    }


def start_arm(arm: str, size: tuple[int, int, int], folder: str = "") -> dict:
    "Run an arm in a fresh process on one thread."
    threads = {
        name: "1"
        for name in (
            "OMP_NUM_THREADS",
            "OPENBLAS_NUM_THREADS",
            "MKL_NUM_THREADS",
            "NUMEXPR_NUM_THREADS",
        )
    }
    command = [
        sys.executable,
        __file__,
        "--arm",
        arm,
        "--size",
        *map(str, size),
        *(["--folder", folder] if folder else []),
    ]
    done = subprocess.run(
        command, env=os.environ | threads, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def compare_files(size: tuple[int, int, int]) -> list[dict]:
    "Write the workbooks, read them in processes of their own, and judge."
    with tempfile.TemporaryDirectory() as folder:
        start_arm("make", size, folder)
        sample, ours = start_arm("sample", size, folder), start_arm("files", size, folder)
    which = "processor" if busy() else "clock"
    print(
        f"{ours['copies']:,} copies, {ours['items']:,} items, {ours['months']} months, "
        f"{ours['bad']} rows in quarantine; one thread; seconds by the "
        + ("clock" if which == "clock" else "processor, since the machine is busy with other work")
    )
    labels = dict(
        read="files → rows",
        ledger="files → ledger",
        panel="ledger → panel",
        sample="one workbook by pandas + openpyxl",
    )
    for name, label in labels.items():
        found = (ours | sample)[name]
        print(
            f"  {label:<36} {found['clock']:7.2f} s by the clock {found['processor']:7.2f} s of CPU"
        )
    theirs = sample["sample"][which] / sample["rows"] * ours["copies"]
    shop, part = f"{ours['copies']:,} copies", 1 if size == FILES else 0.1
    return [
        row(
            f"files → ledger, {shop}, by the {which}",
            ours["ledger"][which],
            TO_LEDGER * part,
            "s",
            at_most=True,
        ),
        row(
            f"ledger → panel, {shop}, by the {which}",
            ours["panel"][which],
            TO_PANEL * part,
            "s",
            at_most=True,
        ),
        row(
            "peak memory of the process", ours["peak"] / 1024, FILES_GIBIBYTES, "GiB", at_most=True
        ),
        row(
            "files → ledger, times as fast as pandas + openpyxl only reading",
            theirs / ours["ledger"][which],
            FILES_RATIO,
        ),
    ]


def compare_rows(size: tuple[int, int, int]) -> list[dict]:
    "Both arms on the same rows, and judge."
    arms = {arm: start_arm(arm, size) for arm in ARMS}
    for arm, found in arms.items():
        print(
            f"{arm:<10} {found['seconds']:6.2f} s of CPU ({found['wall']:.2f} s by the clock)   "
            f"peak {found['peak']:6.0f} MiB, of which {found['before']:.0f} MiB are imports and "
            f"rows"
        )
    ours, theirs = arms["plastinka"], arms["pandas"]
    apart = max(
        abs(a - b) / max(abs(b), 1) for a, b in zip(ours["sums"], theirs["sums"], strict=False)
    )
    return [
        row(
            f"rows → panel, {size[0]:,} copies, {size[1]:,} items, {size[2]} months, CPU",
            ours["seconds"],
            SECONDS,
            "s",
            at_most=True,
        ),
        row("its peak memory", ours["peak"] / 1024, GIBIBYTES, "GiB", at_most=True),
        row(
            "times as fast as plain pandas, which measures less",
            theirs["seconds"] / ours["seconds"],
            RATIO,
        ),
        row("units, availability, depth differ by", apart, 1e-5, "", at_most=True),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", action="store_true", help="the whole way, from workbooks")
    parser.add_argument("--quick", action="store_true", help="a small shop")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    parser.add_argument("--arm", choices=[*ARMS, "make", "sample", "files"], help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.arm in ARMS:
        print(json.dumps(run_arm(options.arm, tuple(options.size))))
        return 0
    if options.arm:
        print(
            json.dumps(
                make_files(options.folder, tuple(options.size))
                if options.arm == "make"
                else read_sample(options.folder)
                if options.arm == "sample"
                else read_files(options.folder)
            )
        )
        return 0
    if options.files:
        rows = compare_files(FILES_QUICK if options.quick else FILES)
    else:
        rows = compare_rows(QUICK if options.quick else FULL)
    return finish(rows, options.json)


if __name__ == "__main__":
    sys.exit(main())
