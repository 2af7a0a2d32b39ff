"""A large shop as a whole: a monthly run from the files to the report, and the memory that
training takes.

    python bench/scale.py            # 10,000 titles of 48 months, then training on 100,000 titles
    of 60 months: some minutes
    python bench/scale.py --quick    # 500 and 5,000 titles: under a minute; the bars are those of
    the full size

The run is `plastinka forecast` on the shop's own Excel files, as a process of its own, by the
clock. Training happens in a process of its own on a shop of 2,000 titles written down fifty times,
both phases, and what is told is the process's peak. The exit code is 1 where a bar does not hold.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from report import finish, row

SECONDS, GIBIBYTES = 120.0, 4.0


def shop_files(titles: int, months: int, folder: str) -> int:
    "Write a made-up shop's files; returns how many rows they hold."
    from plastinka.simulate.shop import make_shop

    shop = make_shop(titles=titles, months=months, seed=0)
    shop.write(folder, dirt=0)
    return len(shop.sales) + len(shop.stock)


def monthly_run(titles: int) -> tuple[float, float, int]:
    "Seconds by the clock, peak GiB, and rows of a run on a shop's files."
    with tempfile.TemporaryDirectory() as folder:
        rows = shop_files(titles, 48, f"{folder}/shop")
        start = time.perf_counter()
        subprocess.run(
            [
                str(Path(sys.executable).with_name("plastinka")),
                "forecast",
                "--stock",
                f"{folder}/shop/stock.xlsx",
                "--sales",
                f"{folder}/shop",
                "--out",
                f"{folder}/runs",
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        seconds = time.perf_counter() - start
        return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20, rows


def large_panel(titles: int, months: int):
    "A shop of a fiftieth of the titles, written down fifty times."
    import numpy as np
    from plastinka.data.ingest import read_sources
    from plastinka.data.ledger import build_ledger
    from plastinka.evaluate.fit import cut_panel

    with tempfile.TemporaryDirectory() as folder:
        shop_files(max(titles // 50, 10), months, folder)
        panel = cut_panel(build_ledger(read_sources(f"{folder}/stock.xlsx", [folder])))
    large = panel.isel(item=np.resize(np.arange(panel.sizes["item"]), titles))
    return large.assign_coords(item=np.arange(titles).astype(str).astype(object))


def train_large(titles: int, months: int) -> None:
    """Both phases on a large panel; prints items, months, the panel's peak and the whole peak in
    GiB, and CPU seconds."""
    import torch
    from plastinka.models.catalog import make_model

    torch.set_num_threads(1)
    panel = large_panel(titles, months)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, time.process_time()
    make_model("tide", seeds=1).fit(panel, 3)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(panel.sizes["item"], panel.sizes["month"], before, peak, time.process_time() - start)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a small shop")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    parser.add_argument("--train", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        train_large(*options.train)
        return 0
    titles, many = (500, 5_000) if options.quick else (10_000, 100_000)
    seconds, memory, rows = monthly_run(titles)
    done = subprocess.run(
        [sys.executable, __file__, "--train", str(many), "60"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    items, months, before, peak, spent = done.stdout.split()[-5:]
    return finish(
        [
            row(
                f"monthly run, files to report, {titles:,} titles × 48 months, {rows:,} rows",
                seconds,
                SECONDS,
                "s",
                at_most=True,
            ),
            row("its memory", memory, None, "GiB"),
            row(
                f"memory of training, {int(items):,} titles × {months} months",
                float(peak),
                GIBIBYTES,
                "GiB",
                at_most=True,
            ),
            row("of which the panel before it", float(before), None, "GiB"),
            row("CPU time of that training, both phases", float(spent), None, "s"),
        ],
        options.json,
    )


if __name__ == "__main__":
    sys.exit(main())
