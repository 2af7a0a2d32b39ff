"""What a run costs beside its own work: the runner beside papermill alone, a forecast by a model
that is there, and Ray on one machine beside no Ray.

    python bench/runs.py            # 10,000 titles of 36 months, trained once: some minutes
    python bench/runs.py --quick    # 300 titles; the bars are those of the full size
    python bench/runs.py --shop F   # a folder that an earlier call has filled: files, champion

Everything is a command in processes of its own. What the runner adds is told in CPU time, all
processes together, so that a busy machine gives about the same number. The others are times by the
clock, of which only a machine that does nothing else gives good ones: a forecast has two cores work
side by side (its CPU time stands beside it), and Ray's own processes have work of their own; its
start is left out. Of several rounds the least counts: whatever else the machine does only adds.
The exit code is 1 where a bar does not hold.
"""

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

RUNNER, FILES, STORE, RAY = 3.0, 25.0, 15.0, 0.15
ROUNDS = 3
WORK = """
import time
until = time.process_time() + seconds
while time.process_time() < until:
    sum(range(10_000))
"""


def notebook(folder: Path) -> Path:
    "A run notebook that works for some seconds of CPU."
    cells = [
        dict(cell_type="code", id=f"c{place}", metadata=dict(tags=tags), source=source)
        | dict(outputs=[], execution_count=None)
        for place, (source, tags) in enumerate(
            [("seconds: float = 0.0", ["parameters"]), (WORK, [])]
        )
    ]
    path = folder / "work.ipynb"
    path.write_text(json.dumps(dict(cells=cells, metadata={}, nbformat=4, nbformat_minor=5)))
    return path


def spent(words: list[str]) -> tuple[float, float]:
    "CPU seconds of a command and its children, and seconds by the clock."

    def used():
        found = resource.getrusage(resource.RUSAGE_CHILDREN)
        return found.ru_utime + found.ru_stime

    before, begun = used(), time.perf_counter()
    quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    subprocess.run([sys.executable, "-m", *words], check=True, **quiet)
    return used() - before, time.perf_counter() - begun


def runner_rows(folder: Path) -> list[dict]:
    "The runner beside papermill alone."
    source = str(notebook(folder))
    ours, alone = [], []
    for number in range(ROUNDS):
        ours.append(spent(["plastinka", "run", source, "--out", f"{folder}/runs"])[0])
        alone.append(spent(["papermill", source, f"{folder}/{number}.ipynb", "-k", "python3"])[0])
    over = min(ours) - min(alone)
    return [
        row("papermill alone, a notebook that does nothing", min(alone), None, "s of CPU"),
        row("what plastinka run adds to it", over, RUNNER, "s of CPU", at_most=True),
    ]


def make_shop_folder(folder: Path, titles: int) -> None:
    "Files, a store and its champion, unless they are there."
    from plastinka.simulate.shop import make_shop

    store = ["--store", f"{folder}/big.db"]
    if not (folder / "big.db").exists():
        make_shop(titles=titles, months=36, seed=0).write(folder / "files", dirt=0)
        files = ["--stock", f"{folder}/files/stock.xlsx", "--sales", f"{folder}/files"]
        spent(["plastinka", "ingest", *files, *store])
    if not list((folder / "runs").glob("*_train_*/model")):
        how = ["--cutoffs", "1", "--seeds", "1", "--promote", "--out", f"{folder}/runs"]
        spent(["plastinka", "train", *store, *how])


def champion_rows(folder: Path) -> list[dict]:
    "A forecast by the champion, from the store and from files."
    out = ["--out", f"{folder}/forecasts"]
    model = sorted((folder / "runs").glob("*_train_*/model"))[-1]
    store = ["--store", f"{folder}/big.db", "--using", "champion"]
    files = ["--stock", f"{folder}/files/stock.xlsx", "--sales", f"{folder}/files"]
    commands = {"a store": store, "files": [*files, "--using", str(model)]}
    name, rows = "forecast by the champion, report and workbook included, from", []
    for source, words in commands.items():
        runs = [spent(["plastinka", "forecast", *words, *out]) for _ in range(ROUNDS)]
        cpu, clock = (min(each) for each in zip(*runs, strict=True))
        bar = STORE if source == "a store" else FILES
        rows.append(row(f"{name} {source}", clock, bar, "s", at_most=True))
        rows.append(row(f"{name} {source}, CPU", cpu, None, "s of CPU"))
    return rows


def ray_rows(folder: Path, seconds: float) -> list[dict]:
    "Ray on one machine beside no Ray, without Ray's start."
    source = str(notebook(folder))
    words = ["plastinka", "run", source, "--seconds", str(seconds), "--out", f"{folder}/runs"]
    local = spent(words)[1]
    code = "from plastinka.cluster import ray_ready\nwith ray_ready(1):\n    pass\n"
    script = folder / "start.py"
    script.write_text(code)
    begun = time.perf_counter()
    subprocess.run([sys.executable, str(script)], check=True, stderr=subprocess.DEVNULL)
    start = time.perf_counter() - begun
    over = (spent([*words, "--backend", "ray"])[1] - start) / local - 1
    return [
        row("start and end of Ray on this machine", start, None, "s"),
        row(f"{seconds:.0f} s of work on Ray, over local", over, RAY, "", at_most=True),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a small shop")
    parser.add_argument("--shop", type=Path, help="folder to keep the shop in")
    parser.add_argument("--no-ray", action="store_true", help="leave Ray out")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as name:
        folder, shop = Path(name), options.shop or Path(name) / "shop"
        shop.mkdir(exist_ok=True, parents=True)
        make_shop_folder(shop, 300 if options.quick else 10_000)
        rows = runner_rows(folder) + champion_rows(shop)
        if not options.no_ray:
            rows += ray_rows(folder, 20 if options.quick else 30)
    return finish(rows, options.json)


if __name__ == "__main__":
    sys.exit(main())
