"""Told when stock cut sales off, a head finds true demand better than from sales alone: bench/censored.py on one small shop.

The whole bench takes longer: python bench/censored.py
"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "bench"))
import censored  # noqa: E402


def test_the_bars_hold_on_a_small_shop_that_is_often_sold_out():
    rows = censored.judge("negative_binomial", 0.4, censored.compare("negative_binomial", 0.4, range(1), 200, titles=300))
    assert sum(row["bar"] is not None for row in rows) == 2 and all(row["holds"] for row in rows), rows


def test_a_bar_that_does_not_hold_is_seen():
    found = {"sales": {"bias": -0.1, "wql": 0.6}, "censored": {"bias": 0.05, "wql": 0.61}, "estimate": {"bias": 0.0, "wql": 0.6}, "truth": {"bias": 0.01, "wql": 0.5}}
    assert [row["holds"] for row in censored.judge("poisson", 0.2, found) if row["bar"] is not None] == [False, False]
