"""Forecasts, lost sales and an order list for a record shop: `plastinka.forecast`, `plastinka.open`.

Nothing is imported until it is used: pandas, xarray and the rest come with the first call.
"""

from importlib import import_module

__version__ = "0.1.0"

_LAZY = {"forecast": "plastinka.doors.forecast", "open": "plastinka.doors.shop"}
_LAZY |= {"client": "plastinka.doors.client"}


def __getattr__(name):
    "Import a function of `_LAZY` when it is first asked for."
    if name not in _LAZY:
        raise AttributeError(f"module 'plastinka' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__():
    return sorted([*globals(), *_LAZY])
