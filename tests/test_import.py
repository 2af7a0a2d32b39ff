"""Importing plastinka is quick and changes nothing global; each is tried in a new process."""

import ast
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


def imported(path):
    "Module and name of whatever a file takes from plastinka, also inside its functions."
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("plastinka."):
            yield from ((node.module, each.name) for each in node.names)


def defined(module):
    "The names of a module, read without importing it."
    place = ROOT / module.replace(".", "/")
    file = place.with_suffix(".py") if place.with_suffix(".py").exists() else place / "__init__.py"
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((each.asname or each.name).split(".")[0] for each in node.names)


def test_benches_and_tools_import_what_is_there():
    "They are run seldom, and import inside functions: a name that was moved would be seen late."
    files = [*ROOT.glob("bench/*.py"), *ROOT.glob("tools/*.py")]
    asked = {(file.name, *each) for file in files for each in imported(file)}
    known = {module: set(defined(module)) for _, module, _ in asked}
    assert len(asked) > 100
    assert [each for each in sorted(asked) if each[2] not in known[each[1]]] == []
