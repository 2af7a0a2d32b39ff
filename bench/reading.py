"""How fast a workbook is read: plastinka's read_sources beside pandas with openpyxl, in one run.

    python bench/reading.py            200,000 rows × 11 columns, the bar is a ratio of 10
    python bench/reading.py --quick    20,000 rows, the same bar

Prints a table and writes it as JSON where --json says. Exit code 1 if the bar does not hold.
"""

import argparse
import statistics
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import xlsxwriter

from report import finish, row
from plastinka.data.ingest import read_sources

BAR = 10  # Times as fast as pandas + openpyxl
HEADERS = [
    "Штрихкод",
    "Исполнитель",
    "Альбом",
    "Конверт",
    "Цена, руб.",
    "Тип",
    "Год записи",
    "Год выпуска",
    "Стиль",
    "Дата создания",
    "Дата продажи",
]


def write_workbook(path: Path, rows: int):
    "A sales file as a shop exports it: text, numbers and real dates."
    draw = np.random.default_rng(0)
    titles, days, prices = (
        draw.integers(0, 5_000, rows),
        draw.integers(0, 900, rows),
        draw.integers(500, 5_000, rows),
    )
    start = datetime(2022, 1, 1)
    with xlsxwriter.Workbook(
        path, dict(constant_memory=True, default_date_format="dd.mm.yyyy")
    ) as book:
        page = book.add_worksheet("Продажи")
        page.write_row(0, 0, HEADERS)
        for row, (title, day, price) in enumerate(
            zip(titles.tolist(), days.tolist(), prices.tolist(), strict=False), start=1
        ):
            page.write_row(
                row,
                0,
                [
                    4_600_000_000_000 + title,
                    f"Исполнитель {title % 900}",
                    f"Альбом {title}",
                    "SS" if title % 3 else "EX",
                    price,
                    "Переиздание" if title % 2 else "Оригинал",
                    1960 + title % 60,
                    1990 + title % 30,
                    "Рок/Джаз",
                    start + timedelta(days=day),
                    start + timedelta(days=day + 20),
                ],
            )


def timed(function):
    "Seconds on the clock and of the processor, and the result."
    clock, processor = time.perf_counter(), time.process_time()
    result = function()
    return time.perf_counter() - clock, time.process_time() - processor, result


def measure(rows: int, repeats: int) -> pd.DataFrame:
    "Both arms in turn, and the medians of their times."
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sales.xlsx"
        write_workbook(path, rows)
        arms = {
            "pandas + openpyxl": lambda: pd.read_excel(path, engine="openpyxl"),
            "plastinka": lambda: read_sources(sales=path).rows,
        }
        times = {name: [] for name in arms}
        for _ in range(repeats):
            for name, read in arms.items():
                wall, processor, frame = timed(read)
                assert len(frame) == rows, (name, len(frame))
                times[name].append((wall, processor))
    medians = {
        name: [statistics.median(each) for each in zip(*taken, strict=False)]
        for name, taken in times.items()
    }
    table = pd.DataFrame.from_dict(medians, orient="index", columns=["seconds", "CPU seconds"])
    table["rows per second"] = (rows / table["seconds"]).round(-2).astype(int)
    return table


def main() -> int:
    "Measure, print, judge."
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="20,000 rows instead of 200,000")
    parser.add_argument("--repeats", type=int, default=1, help="times each arm reads the workbook")
    parser.add_argument("--json", type=Path, help="file for the results")
    options = parser.parse_args()
    rows = 20_000 if options.quick else 200_000
    table = measure(rows, options.repeats)
    ratio = table.loc["pandas + openpyxl", "CPU seconds"] / table.loc["plastinka", "CPU seconds"]
    wall = table.loc["pandas + openpyxl", "seconds"] / table.loc["plastinka", "seconds"]
    print(f"{rows:,} rows × {len(HEADERS)} columns")
    print(table.round(2).to_string())
    name = f"reading a workbook of {rows:,} rows, against pandas + openpyxl"
    return finish(
        [row(f"{name}, CPU", ratio, BAR), row(f"{name}, by the clock", wall, BAR)], options.json
    )


if __name__ == "__main__":
    sys.exit(main())
