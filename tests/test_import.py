"""Importing plastinka is quick and changes nothing global; each is tried in a new process."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("numpy", "pandas", "xarray", "matplotlib", "sqlalchemy", "torch", "darts")
NETWORKS = ("torch", "darts", "pytorch_lightning", "lightning")
STATE = """
import csv, json, locale, logging, os, signal, sys, threading, time, warnings
def state():
    levels = {name: logging.getLogger(name).level for name in ("", "pytorch_lightning", "darts")}
    signals = [str(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    filters = [str(each) for each in warnings.filters]
    limits = [csv.field_size_limit(), sys.getrecursionlimit(), threading.active_count()]
    return [limits, filters, levels, dict(os.environ), signals, locale.setlocale(locale.LC_ALL)]
before, start = state(), time.perf_counter()
import plastinka
seconds = time.perf_counter() - start
print(json.dumps(dict(
    same=state() == before,
    seconds=seconds,
    loaded=sorted(sys.modules),
)))
"""


def in_new_process(code: str) -> dict:
    "What a script prints as JSON in its last line."
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=surroundings)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_import_is_quick_and_changes_nothing():
    found = in_new_process(STATE)
    assert found["same"]
    assert found["seconds"] < 1
    assert not set(HEAVY) & set(found["loaded"])


def test_functions_come_when_they_are_asked_for():
    found = in_new_process(
        "import json, sys, plastinka\n"
        "names = [plastinka.forecast.__module__, plastinka.open.__module__]\n"
        "missing = hasattr(plastinka, 'horoscope')\n"
        "print(json.dumps(dict(names=names, missing=missing, listed=dir(plastinka), "
        "loaded=sorted(sys.modules))))"
    )
    assert found["names"] == ["plastinka.doors.forecast", "plastinka.doors.shop"]
    assert not found["missing"] and {"forecast", "open", "__version__"} <= set(found["listed"])
    assert not set(NETWORKS) & set(found["loaded"]), "only training a network needs its libraries"


USED = """
import csv, json, logging
names = ("", "fastexcel", "darts", "pytorch_lightning")
def state(): return [csv.field_size_limit(), [logging.getLogger(name).level for name in names]]
before = state()
import plastinka
plastinka.forecast, plastinka.open
print(json.dumps(dict(before=before, after=state())))
"""


def test_the_functions_change_no_limits_and_no_log_levels():
    found = in_new_process(USED)
    assert found["after"] == found["before"]
