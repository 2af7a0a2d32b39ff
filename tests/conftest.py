"""Marks of the tests, and what property tests draw: the same examples at every run, so that a gate
that has passed passes again. `PLASTINKA_EXAMPLES=random python -m pytest tests` draws new ones;
what they find becomes an `@example`."""

import os

import pytest
from databases import new_store, server  # noqa: F401
from hypothesis import settings

settings.register_profile("same", derandomize=True, database=None)
settings.register_profile("random", print_blob=True)
settings.load_profile(os.environ.get("PLASTINKA_EXAMPLES", "same"))


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "ray: starts a Ray cluster; needs the extra `tune`, and a machine with time"
    )
    config.addinivalue_line(
        "markers",
        "postgres: needs a PostgreSQL server, which the tests start by themselves where its wheel "
        "is installed",
    )
    config.addinivalue_line(
        "markers", "long: takes long, and runs where PLASTINKA_LONG is set, as `make test-all` does"
    )


# Files that hold few tests and take long: begun first, none of them keeps one process at work
# while the others have nothing left to do
LONG = ("wheel", "fuzz", "bad_input", "store", "forecast", "ledger_properties", "truth_wins")


def pytest_collection_modifyitems(items):
    if not os.environ.get("PLASTINKA_LONG"):
        skip = pytest.mark.skip(reason="takes long: make test-all runs it (PLASTINKA_LONG=1)")
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(skip)
    places = {f"test_{name}.py": place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONG)))
