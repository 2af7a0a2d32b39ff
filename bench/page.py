"""The report's page of a large shop: megabytes, and seconds until a browser shows its first lines.

    python bench/page.py                 # 20,000 titles of 30 months: some minutes
    python bench/page.py --titles 2000   # the bars are those of the full size

A made-up shop of a thousand titles, written down twenty times, is forecast by its recent quantiles
and ordered by value. The page is written in Russian and opened in chromium by playwright without a
network. The time is the browser's own, from the start of loading to the first frame with the order
list in it, the best of three; a search and a title's own page are timed, too."""

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from report import finish, row

CHROMIUM = "/usr/bin/chromium"
PART = 1000  # Titles that are made up; a larger shop has them several times
SHOWN = """() => new Promise(done => {
  requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now())));
})"""
SEARCH = """text => new Promise(done => {
  const box = document.querySelector('input[type=search]'), start = performance.now();
  box.value = text; box.dispatchEvent(new Event('input'));
  requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - start)));
})"""


OPEN = """() => new Promise(done => {
  const start = performance.now();
  document.querySelector('td button.title').click();
  requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - start)));
})"""


def many(panel, orders, times: int):
    "The same shop several times over: panel and order list, with ids and titles of their own."
    import pandas as pd
    import xarray as xr

    panels, lists = [], []
    for number in range(times):
        ids = [f"{item} {number}" for item in panel["item"].values]
        names = [f"{name} {number}" for name in panel["album"].values]
        panels.append(panel.assign_coords(item=ids, album=("item", names)))
        own = dict(item_id=orders["item_id"] + f" {number}", album=orders["album"] + f" {number}")
        lists.append(orders.assign(**own))
    return xr.concat(panels, "item", data_vars="minimal", coords="minimal"), pd.concat(
        lists, ignore_index=True
    )


def shop_page(titles: int, path: Path) -> float:
    "Write the page of a made-up shop; seconds that writing took."
    from plastinka.data.ingest import read_sources
    from plastinka.data.ledger import build_ledger
    from plastinka.decide.buying import Plan
    from plastinka.decide.terms import Rules
    from plastinka.doors.ordering import order_shop
    from plastinka.models.baselines import RecentQuantiles
    from plastinka.models.core import Forecast, future_months
    from plastinka.panel.panel import build_panel
    from plastinka.report.html import write_html
    from plastinka.simulate.shop import make_shop

    shop = make_shop(titles=min(titles, PART), months=36, seed=0)
    ledger = build_ledger(read_sources(shop.stock, [shop.sales]))
    panel = build_panel(ledger)
    names = np.full(panel.sizes["item"], "recent quantiles", dtype=object)
    own = RecentQuantiles().counts(panel, 3)
    own = Forecast(panel["item"].values, future_months(panel, 3), own, names)
    order = order_shop(ledger, panel, own, Plan(Rules(), "value"))
    panel, lines = many(panel, order.lines, max(titles // PART, 1))
    names = np.full(panel.sizes["item"], "recent quantiles", dtype=object)
    counts = RecentQuantiles().counts(panel, 3)
    forecast = Forecast(panel["item"].values, own.months, counts, names)
    order = replace(order, lines=lines)
    parts = dict(ledger=ledger, panel=panel, forecast=forecast, orders=lines, order=order)
    start = time.perf_counter()
    write_html(path, **parts, settings=dict(language="ru", currency="₽"))
    print(f"{len(lines)} lines, {(lines['order'] > 0).sum()} of them ordered", flush=True)
    return time.perf_counter() - start


def seconds_to_open(path: Path, chromium: str) -> tuple[float, float, float]:
    "Seconds until the page is shown, a search has answered, a title opens; the best of three."
    from playwright.sync_api import sync_playwright

    shown, searched, opened = [], [], []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for _ in range(3):
            page = browser.new_page(viewport=dict(width=1300, height=900))
            page.goto(path.as_uri(), wait_until="load")
            shown.append(page.evaluate(SHOWN) / 1000)
            opened.append(page.evaluate(OPEN) / 1000)
            searched.append(page.evaluate(SEARCH, "а") / 1000)
            page.close()
        browser.close()
    return min(shown), min(searched), min(opened)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--titles", type=int, default=20_000)
    parser.add_argument("--chromium", default=CHROMIUM, help="path of the browser")
    parser.add_argument("--keep", type=Path, help="also keep the page there")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = (options.keep or Path(folder) / "report.html").resolve()
        written = shop_page(options.titles, path)
        size = path.stat().st_size / 1e6
        shown, searched, opened = seconds_to_open(path, options.chromium)
    rows = [
        row("page", size, 5.0, "MB", at_most=True),
        row("writing it", written, None, "s"),
        row("until the order list is shown", shown, 2.0, "s", at_most=True),
        row("a search", searched, 0.5, "s", at_most=True),
        row("the first title's own page", opened, 0.5, "s", at_most=True),
    ]
    return finish(rows, options.json)


if __name__ == "__main__":
    sys.exit(main())
