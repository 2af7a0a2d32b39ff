"""What a large shop asks of every model, and of a backtest: processor time and memory.

    python bench/large.py            # every model on 100,000 titles; a backtest of 30,000 titles,
    60 months, 6 cutoffs and 5 models: an hour
    python bench/large.py --quick    # 2,000 and 500 titles; the bars are those of the full size
    python bench/large.py --models naive "auto ets" --only models

Each model fits and forecasts in a process of its own, on a shop of 2,000 titles written down as
often as needed, and must answer for every title: no quantile unknown, below zero or out of order.
One that needs more than --seconds of processor time is stopped, and is told with the titles that
it was given last: 100,000, then a tenth of them, then a hundredth. The backtest's models are
--backtest-models; its peak is of the whole process, ledger included. The exit code is 1 where a
bar does not hold.
"""

import argparse
import os
import resource
import signal
import sys
import time
import traceback
from functools import partial
from pathlib import Path

from report import finish, row

GIBIBYTES = 6.0
CHEAP = ("recent quantiles", "all-zero", "seasonal naive", "naive", "last year's quantiles")
LEFT_OUT = ("zero shot",)  # It needs weights, which are not here


def shop_ledger(titles: int, months: int):
    "The ledger of a made-up shop, without files."
    from plastinka.data.ingest import read_sources
    from plastinka.data.ledger import build_ledger
    from plastinka.simulate.shop import make_shop

    shop = make_shop(titles=titles, months=months, seed=0)
    return build_ledger(read_sources(shop.stock, [shop.sales]))


def large_panel(titles: int, months: int):
    "The panel of a shop, written down until it has so many titles."
    import numpy as np
    from plastinka.evaluate.fit import cut_panel

    panel = cut_panel(shop_ledger(min(titles, 2000), months))
    large = panel.isel(item=np.resize(np.arange(panel.sizes["item"]), titles))
    return large.assign_coords(item=np.arange(titles).astype(str).astype(object))


def answer(name: str, panel) -> None:
    "Fit a model, forecast, and look at every number."
    import numpy as np
    from plastinka.models.catalog import make_model

    settings = dict(seeds=1) if name.startswith("tide") else {}
    table = make_model(name, **settings).fit(panel, 3).predict(panel, 3).frame()
    assert len(table) == 3 * panel.sizes["item"], "rows are missing"
    values = table.filter(regex="^q0").to_numpy(float)
    assert np.isfinite(values).all() and (values >= 0).all(), "an unknown quantile, or one below 0"
    assert (np.diff(values, axis=1) >= -1e-9).all(), "quantiles out of order"


def apart(work, seconds: int) -> tuple[int, float, float]:
    "Do something in a process of its own: its end, processor seconds and peak GiB."
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        signal.signal(signal.SIGXCPU, signal.SIG_DFL)
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status, used = os.wait4(child, 0)
    return status, used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20


def model_rows(names: list[str], titles: int, months: int, seconds: int) -> list[dict]:
    "Processor time and memory of every model."
    rows, panels = [], {titles: large_panel(titles, months)}
    for size in (titles // 10, titles // 100):
        panels[size] = panels[titles].isel(item=slice(0, size))
    for name in names:
        for size, panel in panels.items():
            status, spent, peak = apart(partial(answer, name, panel), seconds)
            print(f"{name}, {size:,} titles: end {status}, {spent:.0f} s, {peak:.2f} GiB")
            if not os.WIFSIGNALED(status):
                break
        of = f"{name}, {size:,} titles × {months} months"
        rows.append(row(f"{of}: answers for every title", status == 0, 1, ""))
        rows.append(row(f"{of}: processor time", spent, None, "s"))
        rows.append(row(f"{of}: peak memory", peak, GIBIBYTES, "GiB", at_most=True))
    return rows


def judge(titles: int, months: int, names: list[str], folder: str) -> None:
    "Backtest models at six cutoffs; the long table goes to a file."
    from plastinka.evaluate.backtest import cross_validate
    from plastinka.models.catalog import make_model

    ledger = shop_ledger(titles, months)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"the ledger of {titles:,} titles: peak {peak:.2f} GiB, {time.process_time():.0f} s")
    models = [make_model(name) for name in names]
    held = cross_validate(ledger, models, cutoffs=6, horizon=3, path=f"{folder}/backtest.parquet")
    print(held.scores[["model", "wql"]].round(3))


def backtest_rows(names: list[str], titles: int, months: int) -> list[dict]:
    "Processor time and memory of a backtest."
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        status, spent, peak = apart(partial(judge, titles, months, names, folder), 7200)
    of = f"backtest of {titles:,} titles × {months} months, 6 cutoffs × {len(names)} models"
    return [
        row(f"{of}: ends well", status == 0, 1, ""),
        row(f"{of}: processor time", spent, None, "s"),
        row(f"{of}: peak memory", peak, GIBIBYTES, "GiB", at_most=True),
    ]


def main() -> int:
    from plastinka.models.catalog import CATALOG

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    everything = [name for name in CATALOG if name not in LEFT_OUT]
    parser.add_argument("--quick", action="store_true", help="small shops")
    parser.add_argument("--models", nargs="+", default=everything, help="names in the catalog")
    parser.add_argument("--months", type=int, default=48, help="months of the large shop")
    parser.add_argument("--seconds", type=int, default=600, help="most seconds of a model")
    parser.add_argument("--backtest-models", nargs="+", default=CHEAP, help="five names")
    parser.add_argument("--only", choices=("models", "backtest"), help="one of the two")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    options = parser.parse_args()
    titles, many = (500, 2_000) if options.quick else (30_000, 100_000)
    rows = []
    if options.only != "backtest":
        rows += model_rows(options.models, many, options.months, options.seconds)
    if options.only != "models":
        rows += backtest_rows([*options.backtest_models], titles, 60)
    return finish(rows, options.json)


if __name__ == "__main__":
    sys.exit(main())
