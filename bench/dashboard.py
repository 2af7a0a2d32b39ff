"""How quickly the pages of the dashboard are there in a browser.

    python bench/dashboard.py                    # 20,000 titles of 30 months: some minutes
    python bench/dashboard.py --quick            # 1,000 titles
    python bench/dashboard.py --store FOLDER     # a shop that an earlier call has left there

A made-up shop of 2,000 titles, written down ten times, is loaded into a store, its recent quantiles
are forecast and judged, and `plastinka serve` shows it. Chromium opens each page three times, in
Russian. The time is from the request of the page to the moment when the last of its contents are in
it, the best of three; beside it stand the seconds of processor that the service and
the browser spent on it. The exit code is 1 where a page took longer than two seconds. Where the
machine has more to do than cores, the times say little, and the processor's seconds say more."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
from prepare import busy
from report import finish, row

CHROMIUM = "/usr/bin/chromium"
PART, MONTHS, SECONDS = 2000, 30, 2.0
RUN = "2026-11-0{}T00-00-00_forecast_000{}"
LAST = dict(  # What stands among the last contents of each page: a text, or a row of a table
    explorer=".tabulator-row",
    forecast="Что, если",
    orders=".tabulator-row",
    launch="Спрогнозировать",
    runs="Сравнить",
    models="Обучить и настроить",
    data="Отложенные строки загруженных файлов",
    trust="Проверка новейшей модели на прошлых месяцах",
)


def fill_store(folder: Path, titles: int):
    "A store with two forecasts and the trial of their model."
    import pandas as pd

    from plastinka.evaluate.artifacts import write_artifact
    from plastinka.evaluate.backtest import cross_validate
    from plastinka.models.baselines import RecentQuantiles
    from plastinka.panel.panel import build_panel
    from plastinka.store.forecasts import keep_run
    from plastinka.store.load import load_files
    from plastinka.store.query import read_ledger, read_panel

    store, (stock, sales) = str(folder / "shop.db"), write_files(folder, titles)
    load_files(store, stock, sales, measure=build_panel)
    panel = read_panel(store)
    held = cross_validate(read_ledger(store), [RecentQuantiles()], cutoffs=2, horizon=3, seed=0)
    for number, past in enumerate((panel.isel(month=slice(None, -2)), panel), 1):
        model, name = RecentQuantiles().fit(past, 3), RUN.format(number, number)
        digest = write_artifact(folder / name, model, held, past, 3)
        scores = pd.DataFrame({"model": [model.name], "wql": [0.5], "wql 2024-01": [0.5]})
        kept = dict(model_folder=str(folder / name), model_digest=digest)
        made = model.predict(past, 3).frame()
        keep_run(store, name, made, scores, past["month"].values[-1], **kept)


def write_files(folder: Path, titles: int) -> tuple[Path, list[Path]]:
    "The stock file and the sales files of a made-up shop, several times over."
    import pandas as pd

    from plastinka.simulate.shop import make_shop

    shop = make_shop(titles=min(titles, PART), months=MONTHS, seed=0)
    found = []
    for table in (shop.stock, shop.sales):
        parts = [
            table.assign(
                artist=table["artist"] + f" {number}",
                album=table["album"] + f" {number}",
                barcode="",
            )
            for number in range(max(titles // PART, 1))
        ]
        found.append(pd.concat(parts, ignore_index=True))
    folder.mkdir(parents=True, exist_ok=True)
    found[0].to_csv(folder / "stock.csv", index=False)
    paths = []
    for month, rows in found[1].groupby(pd.to_datetime(found[1]["sold_date"]).dt.to_period("M")):
        paths.append(folder / f"sales_{month}.csv")
        rows.to_csv(paths[-1], index=False)
    return folder / "stock.csv", paths


@contextmanager
def serving(folder: Path):
    "The service in a process of its own: the process, its address and a viewer's key."
    from plastinka.doors.keys import make_key
    from plastinka.doors.service import open_service

    keys = open_service(str(folder / "shop.db"), folder / "service").keys
    key, _ = make_key(keys, "bench", "viewer", per_minute=100_000)
    command = [sys.executable, "-m", "plastinka", "serve", "--workers", "0", "--port", "0"]
    command += ["--store", str(folder / "shop.db"), "--data", str(folder / "service")]
    quiet = dict(stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    started = subprocess.Popen(command, **quiet, env=os.environ | dict(PYTHONUNBUFFERED="1"))
    try:
        address = next(line for line in started.stdout if line.startswith("http"))
        address = address.strip().removesuffix("/api/v1")
        process = psutil.Process(started.pid)
        wait_until_warm(process)
        yield process, address, key
    finally:
        started.terminate()
        started.wait(60)


def wait_until_warm(process: psutil.Process, most: float = 300.0):
    "Wait until a service has read what its pages need: it spends little for three seconds."
    until = time.monotonic() + most
    while time.monotonic() < until:
        before = sum(process.cpu_times()[:2])
        time.sleep(3)
        if sum(process.cpu_times()[:2]) - before < 0.2 and before > 2:
            return


def spent(process: psutil.Process) -> float:
    "Seconds of processor that a process and its children have used."
    total = 0.0
    for each in [process, *process.children(recursive=True)]:
        try:
            total += sum(each.cpu_times()[:2])
        except psutil.Error:
            continue
    return total


def browsers() -> float:
    "Seconds of processor that the browsers below this process have used."
    return spent(psutil.Process()) - sum(psutil.Process().cpu_times()[:2])


def measure(folder: Path, times: int) -> dict[str, tuple[float, float, float]]:
    "Page → seconds by the clock, of the service's processor, of the browser's."
    from playwright.sync_api import sync_playwright

    found = {}
    with serving(folder) as (process, address, key), sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_context(viewport=dict(width=1280, height=900)).new_page()
        page.goto(f"{address}/login")
        page.fill("#key", key)
        page.get_by_role("button").click()
        page.wait_for_url("**/app/**")
        page.goto(f"{address}/app/language/ru")
        for name, text in LAST.items():
            tries = [open_page(page, f"{address}/app/{name}", text, process) for _ in range(times)]
            found[name] = tuple(map(min, zip(*tries, strict=True)))
            print(name, *(f"{each:.2f}" for each in found[name]), flush=True)
        browser.close()
    return found


def open_page(page, address: str, text: str, process) -> tuple[float, float, float]:
    "The seconds that one opening takes."
    served, shown, began = spent(process), browsers(), time.perf_counter()
    page.goto(address, wait_until="commit")
    found = page.locator(text) if text.startswith(".") else page.get_by_text(text)
    found.first.wait_for(timeout=120_000)
    took = time.perf_counter() - began
    time.sleep(1.5)
    service = spent(process) - served
    return took, service, browsers() - shown - service


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--store", default="", help="Folder of the shop; filled where it is empty")
    parser.add_argument("--times", type=int, default=3, help="How often each page is opened")
    parser.add_argument("--json", default="", help="File for the results")
    options, was_busy = parser.parse_args(), busy()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        folder = Path(options.store or temporary).resolve()
        if not (folder / "shop.db").is_file():
            fill_store(folder, 1000 if options.quick else 20_000)
        found = measure(folder, options.times)
    rows = []
    for name, (took, service, browser) in found.items():
        rows.append(row(f"page {name}", took, SECONDS, "s", True))
        rows.append(row("its processor time in the service", service, None, "s"))
        rows.append(row("its processor time in the browser", browser, None, "s"))
    if was_busy:
        print("The machine had more to do than cores: the times say little.")
    return finish(rows, options.json)


if __name__ == "__main__":
    sys.exit(main())
