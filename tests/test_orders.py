"""What is ordered: once for each day, never from a guess, and held against what a simulated
buyer would have needed."""

import numpy as np
import pandas as pd
import pytest

from plastinka.scores.counts import negative_binomial_counts, poisson_counts
from plastinka.models.core import Forecast
from plastinka.decide.demand import demand_ahead, order_reach
from plastinka.decide.levels import order_list
from plastinka.decide.orders import order_total

ITEMS = pd.DataFrame(
    dict(
        item_id=["a", "b"],
        artist="Кино",
        album=["46", "Ночь"],
        barcode="",
        cover_type=["SS", ""],
        release_type="",
    )
)


def forecast(mean, size=None, start="2025-06-01") -> Forecast:
    "A forecast of items a, b, … with these monthly means."
    mean = np.asarray(mean, float)
    counts = poisson_counts(mean) if size is None else negative_binomial_counts(mean, size)
    return Forecast(
        np.array(list("ab")[: len(mean)]),
        pd.date_range(start, periods=mean.shape[1], freq="MS"),
        counts,
        "tide",
    )


@pytest.mark.parametrize(
    "day, size",
    [("2025-06-01", 3.0), ("2025-06-11", 3.0), ("2025-06-29", 1.0), ("2025-06-30", 8.0)],
)
def test_the_demand_of_the_days_left_is_that_of_simulated_buyers(day, size):
    rng, draws = np.random.default_rng(3), 200_000
    first = pd.Timestamp(day).day
    june, july = (rng.poisson(rng.gamma(size, mean / size, draws)) for mean in (12, 4))
    who = np.repeat(np.arange(draws), june)
    late = rng.integers(1, 31, len(who)) >= first  # every buyer comes on a day of his own
    asked = np.bincount(who[late], minlength=draws) + july
    counts = demand_ahead(
        forecast([[12, 4]], size).counts, order_reach(forecast([[12, 4]]).months, day)
    )
    levels = [0.25, 0.5, 0.75, 0.9, 0.97]
    assert abs(counts.mean[0] - asked.mean()) < 0.05
    for level, quantile in zip(levels, counts.quantile(levels)[0], strict=False):
        assert (asked < quantile).mean() < level + 0.004 and (
            asked <= quantile
        ).mean() > level - 0.004, (level, quantile)


def test_a_month_is_ordered_once_however_often_one_orders():
    rng = np.random.default_rng(8)
    bought, left = 0, []
    for _ in range(80):  # a shop that counts and orders on five days of one June
        shelf, days, total = 0, [1, 8, 15, 22, 29], 0
        asked = np.bincount(rng.integers(1, 31, rng.poisson(30)), minlength=32)
        for day, until in zip(days, [*days[1:], 31], strict=False):
            order = order_list(
                forecast([[30.0]]), pd.Series({"a": shelf}), None, ITEMS, 0.75, f"2025-06-{day:02}"
            )["order"].iloc[0]
            total += order
            shelf = max(shelf + order - asked[day:until].sum(), 0)
        bought, left = bought + total, [*left, shelf]
    assert 30 <= bought / 80 < 36, bought / 80  # ordering whole months anew would buy more than 100
    assert np.mean(left) < 8  # not a whole month too much


def test_the_order_falls_as_the_month_goes_by():
    orders = [
        order_list(forecast([[30.0]]), pd.Series({"a": 0}), None, ITEMS, day=f"2025-06-{day:02}")[
            "order"
        ].iloc[0]
        for day in range(1, 31)
    ]
    assert (np.diff(orders) <= 0).all() and orders[0] == 34 and orders[28] <= 3


def test_the_mean_is_the_models_and_not_one_guessed_from_quantiles():
    rare = forecast([[0.04, 0.04, 0.04], [0.5, 0.5, 0.5]])
    table = rare.frame()
    assert (table.loc[table["item_id"] == "a", ["q0.05", "q0.5", "q0.95"]] == 0).all(axis=None)
    for given in (rare, table):
        orders = order_list(given, None, None, ITEMS).set_index("item_id")
        assert orders["expected"].round(6).to_dict() == {"a": 0.12, "b": 1.5}


def test_unknown_stock_gives_no_order():
    orders = order_list(forecast([[3.0], [3.0]]), None, pd.Series({"a": 10.0, "b": 10.0}), ITEMS)
    assert (
        orders[["stock", "order", "look_for", "at_purchase_price"]].isna().all(axis=None)
        and (orders["demand"] > 0).all()
    )
    assert not order_total(orders)["stock_known"] and np.isnan(order_total(orders)["copies"])


def test_used_copies_are_looked_for_and_never_ordered():
    items = ITEMS.assign(cover_type=["VG+", ""])
    orders = order_list(
        forecast([[3.0], [3.0]]), pd.Series({"a": 0}), None, items, offered=pd.Series({"b": 0.2})
    ).set_index("item_id")
    assert (orders["order"] == 0).all() and (orders["look_for"] == orders["demand"]).all()
    assert (
        order_list(forecast([[3.0], [3.0]]), pd.Series({"a": 0}), None, ITEMS)["look_for"].sum()
        == 0
    )
