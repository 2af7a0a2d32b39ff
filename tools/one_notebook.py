"""Run one notebook as `nbdev_test` does, in a process of its own that need not import the large
libraries again: it is a fork of a server that has them (multiprocessing's forkserver).
"""

import multiprocessing
import os
import signal
import sys
import tempfile
import time
from functools import cache
from multiprocessing.forkserver import ensure_running
from pathlib import Path

# What many notebooks import; seconds of each of them if every process began anew
LARGE = [
    "nbdev.test",
    "pandas",
    "pyarrow.parquet",
    "scipy.stats",
    "xarray",
    "sqlalchemy",
    "openpyxl",
    "matplotlib.pyplot",
    "torch",
    "pytorch_lightning",
    "lightgbm",
    "darts.models.forecasting.tide_model",
    "statsforecast",
    "fastapi",
    "panel",
]


@cache
def server():
    "The context that forks; its server has imported what is large, and has settings of its own."
    own = dict(OMP_NUM_THREADS="1", PYTHONWARNINGS="ignore", MPLBACKEND="agg")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LARGE)
    kept = dict(os.environ)
    os.environ.update(own)
    try:
        ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(kept)
    return context


def in_child(root: str, page: str, log: str):
    "The child: a session of its own, its output in a file, and `nbdev_test` of one notebook."
    os.setsid()
    file = os.open(log, os.O_WRONLY)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.chdir(root)
    from nbdev.test import nbdev_test

    nbdev_test(path=page, n_workers=0)
    sys.stdout.flush()
    os._exit(0)  # Libraries with threads of their own sometimes crash when they are taken down


def stop(process):
    "End a process and what it started, or it alone where it has not begun a session yet."
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()
    process.join()


def run_notebook(
    root: Path,  # The checkout
    page: Path,  # The notebook
    limit: float,  # Seconds after which it is stopped
) -> tuple[bool, float, str]:  # Whether it passed, seconds, what it printed
    "One notebook in a process of its own: nothing leaks into another, and a stuck one ends."
    start = time.monotonic()
    with tempfile.NamedTemporaryFile(suffix=".log") as log:
        process = server().Process(target=in_child, args=(str(root), str(page), log.name))
        process.start()
        process.join(limit)
        late = process.is_alive()
        if late:
            stop(process)
        output = Path(log.name).read_text(encoding="utf-8", errors="replace")
    if late:
        output += f"\nstopped after {limit} s"
    passed = process.exitcode == 0 and "Success." in output
    if process.exitcode and not late:
        output += f"\nended with exit code {process.exitcode}"
    return passed, time.monotonic() - start, output
