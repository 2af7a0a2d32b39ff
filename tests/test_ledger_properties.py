"""Random small shops, counted day by day: the panel says the same, in whatever order its rows
come, and never looks ahead.

`PLASTINKA_FUZZ=2000` tries that many shops per property instead of a few."""

import os
from collections import defaultdict
from datetime import date, timedelta

import numpy as np
import pandas as pd
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plastinka.core import InputError
from plastinka.panel.days import FADING, day_weights
from plastinka.panel.demand import demand_rates
from plastinka.panel.prior import usual_lot
from plastinka.panel.features import fit_static, future_features, past_features, static_features
from plastinka.data.ingest import RawRows
from plastinka.data.ledger import build_ledger
from plastinka.panel.intervals import daily_stock
from plastinka.panel.panel import build_panel, stock_now

WRITTEN = (
    "first_sold",
    "first_style",
    "first_recording_year",
    "first_release_year",
    "first_decade",
)  # As said by the first sale
FILLER = "Z"  # An item that sells every month, so that no month is missing
RELEASED = {"C": 2023, "D": 2024}  # Release years; an item that came in its year is a new release


def shops(examples):
    "Hypothesis settings: `examples` in CI, as many as PLASTINKA_FUZZ says elsewhere."
    return settings(
        max_examples=int(os.environ.get("PLASTINKA_FUZZ", examples)),
        deadline=None,
        derandomize="PLASTINKA_FUZZ" not in os.environ,
        suppress_health_check=list(HealthCheck),
    )


# A shop as plain Python: rows (kind, item, created, sold, count, price, style), days as numbers,
# None = unknown


@st.composite
def shop_rows(draw, returns=True):
    "Rows of a random shop, its first day, and the number of days that its data covers."
    start = draw(st.sampled_from([date(2023, 1, 1), date(2024, 2, 1), date(2023, 11, 1)]))
    days = draw(st.integers(15, 130))
    day = st.integers(-40, days + 2) | st.sampled_from([0, 5])  # Some arrive together
    prices = st.sampled_from([None, 0.0, 9.99, 100.0, 1250.5])
    sale = st.tuples(
        st.just("sales"),
        st.sampled_from("ABCD"),
        st.none() | day,
        st.integers(0, days - 1),
        st.sampled_from([1, 1, 1, 2, 5, *([-1, -2] if returns else [])]),
        prices,
        st.sampled_from(["Rock", "Jazz", None]),
    )
    unsold = st.tuples(
        st.just("stock"),
        st.sampled_from("ABCDE"),
        st.none() | day,
        st.none(),
        st.sampled_from([1, 1, 1, 2, 7]),
        prices,
        st.sampled_from(["Rock", "Jazz", None]),
    )
    rows = draw(st.lists(sale, max_size=14)) + draw(st.lists(unsold, max_size=8))
    months = sorted({(start + timedelta(each)).replace(day=1) for each in range(days)})
    firsts = [max((month - start).days, 0) for month in months]
    rows += [("sales", FILLER, first, first, 1, 100.0, "Rock") for first in firsts]
    rows += [("stock", FILLER, 0, None, 1, 100.0, "Rock")] * draw(st.integers(1, 2))
    return draw(st.permutations(rows)), start, days


def order_of(row):
    "Sales of jazz are made on paper, and all under one number."
    return "1001" if row[0] == "sales" and row[6] == "Jazz" else None


def raw_rows(rows, start, by_month=False):
    "The same rows as the reader would give them."

    def text(day):
        return None if day is None else (start + timedelta(day)).strftime("%d.%m.%Y")

    def month(day):
        return (start + timedelta(day)).strftime("%Y-%m")

    table = pd.DataFrame(
        [
            dict(
                artist=item,
                style=style,
                price=None if price is None else str(price),
                created_date=text(created),
                sold_date=text(sold),
                count=str(count),
                kind=kind,
                release_year=str(RELEASED[item]) if item in RELEASED else None,
                invoice=order_of((kind, item, created, sold, count, price, style)),
                source_file="stock" if kind == "stock" else "sales" + month(sold) * by_month,
            )
            for kind, item, created, sold, count, price, style in rows
        ],
        dtype=object,
    )
    table["source_row"] = table.groupby("source_file").cumcount().to_numpy() + 2
    files = table[["source_file", "kind"]].drop_duplicates()
    sources = pd.DataFrame(
        dict(
            file=files["source_file"],
            path=files["source_file"],
            kind=files["kind"],
            sheet="",
            sha256=files["source_file"],
            rows=0,
            filtered=0,
        )
    )
    table = table.assign(source_sheet="").astype(
        {name: "category" for name in ("kind", "source_file", "source_sheet")}
    )
    return RawRows(table, sources)


def ledger_of(rows, start, days, **how):
    "The ledger of a shop whose snapshot was taken on the day after its data end."
    return build_ledger(raw_rows(rows, start, **how), start + timedelta(days), max_bad_share=1)


# What the shop's records mean, once more and slowly


def came(row):
    "Day of arrival of a sale: none after the day of the sale; the last where it is unknown."
    return float("inf") if row[2] is None else min(row[2], row[3])


def settle_item(events, month):
    """Copies of each sale that stay in their month, and of each return that come from earlier
    ones and from none; events of one item in order of time."""
    places = range(len(events))
    stays = {at: events[at][4] for at in places if events[at][4] > 0}
    free, owed = dict(stays), {at: -events[at][4] for at in places if events[at][4] < 0}
    back = dict.fromkeys(owed, 0)

    def cancel(fits, leaves):
        for at in owed:
            for sale in sorted(
                (sale for sale in free if sale < at and fits(sale, at)), reverse=True
            ):
                taken = min(owed[at], free[sale])
                free[sale] -= taken
                owed[at] -= taken
                stays[sale] -= taken * leaves
                back[at] += taken * (not leaves)

    def same_order(sale, at):
        return order_of(events[sale]) is not None and order_of(events[sale]) == order_of(events[at])

    def same_copy(sale, at):
        return events[at][2] is not None and came(events[sale]) == came(events[at])

    def same_month(sale, at):
        return month(events[sale]) == month(events[at])

    cancel(same_order, True)
    cancel(lambda *pair: same_copy(*pair) and same_month(*pair), True)
    cancel(lambda *pair: same_copy(*pair) and not same_month(*pair), False)
    cancel(same_month, True)
    cancel(lambda *pair: not same_month(*pair), False)
    return stays, back, owed


def second_stays(copies, events, back):
    """A copy that came back leaves the shop a second time: [created, sold, copies, price, unused]
    get the day of the return as their arrival."""
    sold_once = [tuple(copy) for copy in copies]
    for at, amount in back.items():
        day, own = events[at][3], None if events[at][2] is None else came(events[at])
        if not amount:
            continue
        fresh = sum(copy[2] for copy in copies if copy[0] == day and copy[4])
        arrivals = {
            copy[0]
            for copy in sold_once
            if copy[1] is not None and copy[1] < day and own in (None, copy[0])
        }
        fits = [
            copy
            for copy in copies
            if copy[4]
            and copy[2] == 1
            and copy[0] in arrivals
            and copy[0] is not None
            and copy[0] < day
            and (copy[1] is None or copy[1] >= day)
        ]
        last = float("inf")
        fits.sort(key=lambda c: [last if value is None else value for value in (c[1], c[0], c[3])])
        for copy in fits[: max(amount - fresh, 0)]:
            copy[0], copy[4] = day, False


def settle_returns(rows, start):
    "Copies of items, as (item, created, sold, copies, price); how many returns matched nothing."

    def month(row):
        return (start + timedelta(row[3])).strftime("%Y-%m")

    def key(row):
        return row[3], row[4] < 0, came(row), float("inf") if row[5] is None else row[5]

    found, unmatched = [], 0
    for item in sorted({row[1] for row in rows}):
        mine = [row for row in rows if row[1] == item]
        events = sorted((row for row in mine if row[0] == "sales"), key=key)
        stays, back, owed = settle_item(events, month)
        unmatched += sum(copies > 0 for copies in owed.values())
        copies = [
            [
                None if events[at][2] is None else came(events[at]),
                events[at][3],
                left,
                events[at][5],
                1,
            ]
            for at, left in stays.items()
            if left
        ]
        copies += [[row[2], None, row[4], row[5], 1] for row in mine if row[0] == "stock"]
        second_stays(copies, events, back)
        found += [(item, *copy[:4]) for copy in copies]
    return found, unmatched


def count_copies(rows, start, days):
    """Copies as (item, start, end or None, count, price); whether stock is known; how many rows
    are set aside."""
    copies, bad = settle_returns(rows, start)
    sales = [copy for copy in copies if copy[2] is not None]
    stock = [copy for copy in copies if copy[2] is None]
    bad += sum(created is not None and created >= days for _, created, *_ in stock)
    stock = [copy for copy in stock if copy[1] is None or copy[1] < days]
    known = all(
        2 * sum(copy[1] is not None for copy in part) >= len(part)
        for part in (sales, stock)
        if part
    )
    return sales + stock, known, bad


def count_by_day(copies, known, start, days):
    "Every measure of every item and month by walking through days and copies."
    found = defaultdict(lambda: defaultdict(float))
    prices = defaultdict(list)
    items = sorted({copy[0] for copy in copies})
    first, on_shelf, sold_on, new, told = {}, np.zeros((len(items), days)), np.zeros(days), [], []
    for item in items:
        mine = []
        for _, created, sold, count, price in [copy for copy in copies if copy[0] == item]:
            seen = created if known and created is not None else days - 1 if sold is None else sold
            mine.append((max(seen, 0), seen, sold, count, price))
        first[item] = min(each[0] for each in mine)
        for day in range(days):
            today = start + timedelta(day)
            cell = found[item, today.strftime("%Y-%m")]
            stock = sum(
                count
                for begin, _, sold, count, _ in mine
                if begin <= day and (sold is None or day < sold)
            )
            sold_today = sum(count for _, _, sold, count, _ in mine if sold == day)
            if "stock_open" not in cell:
                cell["stock_open"] = sum(
                    count
                    for begin, seen, sold, count, _ in mine
                    if seen < day and (sold is None or day <= sold)
                )
            cell["stock_close"] = stock
            cell["units"] += sold_today
            came = sum(count for _, seen, _, count, _ in mine if seen == day)
            cell["arrivals"] += came
            cell["lots"] += came > 0
            cell["days"] += 1
            cell["on_sale"] += stock > 0 or sold_today > 0
            cell["exposure"] += 1 if stock > 0 else 0.5 if sold_today > 0 else 0
            cell["shelf"] += min(stock, 5) / 5
            exposed = on_shelf[items.index(item), day] = (
                1 if stock > 0 else 0.5 if sold_today > 0 else 0
            )
            sold_on[day] += sold_today
            if day >= first[item]:
                cell["fading"] += exposed * FADING ** (day - first[item])
                cell["fading_missed"] += (1 - exposed) * FADING ** (day - first[item])
        came = start + timedelta(first[item])
        sales = [sold for _, _, sold, _, _ in mine if sold is not None]
        is_new = (
            not any(seen < 0 for _, seen, *_ in mine)
            and came.year <= RELEASED.get(item, 0)
            and sales
        )

        def month_of(day):
            return (day.year - start.year) * 12 + day.month - start.month

        new.append(month_of(came) if is_new else -1)
        told.append(month_of(start + timedelta(min(sales))) if is_new else 0)
        for _, _, sold, count, price in mine:
            if price is not None and sold is not None:
                prices[item, (start + timedelta(sold)).strftime("%Y-%m")] += [price] * count
    months = sorted({month for _, month in found})

    def table(name):
        return np.array([[found[item, month][name] for month in months] for item in items])

    dates = pd.date_range(start, periods=days)
    for item, shelf in zip(items, on_shelf, strict=False):
        for day, weight in enumerate(day_weights(dates, sold_on, (on_shelf > 0).sum(axis=0))):
            cell = found[item, f"{dates[day]:%Y-%m}"]
            cell["worth"] += weight * shelf[day]
            cell["worth_missed"] += weight * (1 - shelf[day]) * (day >= first[item])
    measures = {
        name: table(name)
        for name in (
            "units",
            "arrivals",
            "lots",
            "stock_open",
            "stock_close",
            "exposure",
            "on_sale",
            "days",
            "worth",
            "worth_missed",
            "fading",
            "fading_missed",
        )
    } | {"new": np.array(new), "told": np.array(told)}
    measures["availability"] = measures["on_sale"] / measures["days"]
    measures["depth"] = table("shelf") / measures["days"]
    measures["daily_rate"] = measures["units"] / np.maximum(measures["on_sale"], 1)
    measures["price"] = np.array(
        [
            [np.mean(prices[item, month]) if prices[item, month] else np.nan for month in months]
            for item in items
        ]
    )
    return items, months, measures


def lost_by_day(measures):
    """Lost copies: days since the item first came that it was not exposed × its demand rate, and
    the same of its rush if it is new."""
    lot = usual_lot(measures["arrivals"], measures["lots"], measures["stock_open"][:, 0])
    rate, rush, _ = demand_rates(
        measures["units"],
        measures["worth"],
        lot,
        measures["new"],
        measures["fading"],
        known_from=measures["told"],
    )
    return measures["worth_missed"] * rate + measures["fading_missed"] * rush


def dated(rows, start, days):
    """The rows with every arrival written down, where stock is known: undated ones on their last
    day (27_panel.arrivals has its own proofs)."""
    if not count_copies(rows, start, days)[1]:
        return rows
    return [
        (
            kind,
            item,
            days - 1 if created is None and sold is None else sold if created is None else created,
            sold,
            *rest,
        )
        for kind, item, created, sold, *rest in rows
    ]


# The properties


@shops(40)
@given(shop_rows())
def test_the_panel_is_what_counting_day_by_day_gives(shop):
    rows, start, days = shop
    rows = dated(rows, start, days)
    copies, known, bad = count_copies(rows, start, days)
    ledger = ledger_of(rows, start, days)
    assert len(ledger.quarantine) == bad
    assert ledger.stock_known == known
    panel = build_panel(ledger)
    items, months, counted = count_by_day(copies, known, start, days)
    panel = panel.sortby("artist")
    assert panel["artist"].values.tolist() == items
    assert [str(month)[:7] for month in panel["month"].values] == months
    names = ("units", "price") + (
        "arrivals",
        "stock_open",
        "stock_close",
        "availability",
        "depth",
        "exposure",
        "daily_rate",
    ) * known
    for name in names:
        np.testing.assert_allclose(
            panel[name].values, counted[name].astype(np.float32), rtol=1e-6, err_msg=name
        )
    if not known:
        assert all(
            panel[name].isnull().all()
            for name in (
                "stock_open",
                "availability",
                "depth",
                "exposure",
                "daily_rate",
                "lost_units",
                "lost_money",
            )
        )
        return
    lost = lost_by_day(counted) * panel["offered"].values
    np.testing.assert_allclose(
        panel["lost_units"].values, lost.astype(np.float32), rtol=1e-5, atol=1e-7
    )
    price = pd.DataFrame(counted["price"]).ffill(axis=1).to_numpy()
    np.testing.assert_allclose(
        panel["lost_money"].values,
        np.where(lost > 0, lost * price, 0).astype(np.float32),
        rtol=1e-5,
        atol=1e-5,
    )
    unsold = {
        item: sum(count for other, _, sold, count, _ in copies if other == item and sold is None)
        for item in items
    }
    ids = dict(zip(ledger.items["artist"], ledger.items["item_id"], strict=False))
    assert {item: stock_now(ledger)[ids[item]] for item in items} == unsold
    for item, values in zip(items, counted["on_sale"], strict=False):
        assert daily_stock(ledger, ids[item])["on_sale"].sum() == values.sum()


@shops(25)
@given(shop_rows(), st.randoms(use_true_random=False))
def test_the_order_of_rows_and_files_does_not_matter(shop, random):
    rows, start, days = shop
    once, shuffled = build_panel(ledger_of(rows, start, days)), list(rows)
    random.shuffle(shuffled)
    xr.testing.assert_identical(build_panel(ledger_of(shuffled, start, days)), once)
    xr.testing.assert_identical(build_panel(ledger_of(shuffled, start, days, by_month=True)), once)


@shops(20)
@given(shop_rows())
def test_nothing_looks_ahead(shop):
    rows, start, days = shop
    ledger = ledger_of(dated(rows, start, days), start, days)
    panel = build_panel(ledger).drop_vars(["lost_units_settled", "offered_settled"])
    past, future = past_features(panel), future_features(panel, 3)
    for month in panel["month"].values:
        known = build_panel(ledger.cut(month))
        seen = panel.sel(item=known["item"].values, month=slice(None, month))
        for name in (*panel.data_vars, "first_seen"):
            np.testing.assert_array_equal(known[name], seen[name], err_msg=f"{name} up to {month}")
        sold = ~np.isnat(known["first_sold"].values)
        for name in WRITTEN:
            np.testing.assert_array_equal(
                known[name][sold], seen[name][sold], err_msg=f"{name} up to {month}"
            )
        for features, whole in ((past_features(known), past), (future_features(known, 3), future)):
            same = whole.sel(item=features["item"].values).isel(
                month=slice(0, features.sizes["month"])
            )
            np.testing.assert_array_equal(
                features.values, same.values, err_msg=f"features up to {month}"
            )
        later = panel.sel(month=slice(None, month)).drop_sel(item=known["item"].values)
        assert float(later["units"].sum()) == 0 and not later["arrivals"].sum() > 0


@shops(20)
@given(shop_rows(returns=False), st.integers(0, 130))
def test_a_cut_ledger_is_the_ledger_of_the_files_of_that_day(shop, cut):
    """Cutting says the same as reading what the shop would have exported at the end of that month,
    whatever was on the tags then."""
    rows, start, days = shop
    ends = [day for day in range(1, days) if (start + timedelta(day)).day == 1]
    known, rows = count_copies(rows, start, days)[1], dated(rows, start, days)
    if not ends or not known:
        return
    end = ends[cut % len(ends)]

    def seen(created, sold):
        return (
            (min(created, sold) if sold is not None else created)
            if created is not None
            else sold
            if sold is not None
            else days - 1
        )

    def gone(sold):
        return sold is not None and sold < end

    exported = [
        (kind, item, seen(created, sold), sold, count, price, style)
        if gone(sold)
        else ("stock", item, seen(created, sold), None, count, 777.7, "Polka")
        for kind, item, created, sold, count, price, style in rows
        if seen(created, sold) < end
    ]
    whole = ledger_of(rows, start, days)
    try:
        then = build_panel(
            build_ledger(
                raw_rows(exported, start), start + timedelta(end), max_bad_share=1, with_stock=True
            )
        )
    except InputError as error:
        raise AssertionError(f"what was exported then is refused: {error}") from error
    cut_panel = build_panel(whole.cut(start + timedelta(end - 1)))
    for name in (*cut_panel.data_vars, "first_seen", *WRITTEN):
        np.testing.assert_array_equal(cut_panel[name], then[name], err_msg=name)
    np.testing.assert_array_equal(
        static_features(cut_panel, fit_static(cut_panel)), static_features(then, fit_static(then))
    )


@st.composite
def much_returned(draw):
    "Rows of a shop in which much comes back, and copies that arrived together are told apart."
    day = st.integers(0, 80)
    sale = st.tuples(
        st.just("sales"),
        st.sampled_from("AB"),
        st.sampled_from([None, 0, 5]),
        day,
        st.sampled_from([1, 1, 1, 2, -1, -1, -2]),
        st.just(10.0),
        st.sampled_from(["Rock", "Jazz"]),
    )
    unsold = st.tuples(
        st.just("stock"),
        st.sampled_from("AB"),
        st.sampled_from([0, 5]),
        *map(st.just, (None, 1, 10.0, "Rock")),
    )
    rows = draw(st.lists(sale, min_size=4, max_size=14)) + draw(st.lists(unsold, max_size=3))
    rows += [("sales", FILLER, first, first, 1, 100.0, "Rock") for first in (0, 31, 60)]
    return [*rows, ("stock", FILLER, 0, None, 1, 100.0, "Rock")], date(2023, 1, 1), 85


@shops(15)
@given(much_returned())
def test_returns_cancel_what_they_name(shop):
    rows, start, days = shop
    copies, _, bad = count_copies(rows, start, days)
    ledger = ledger_of(rows, start, days)
    assert len(ledger.quarantine) == bad
    found = ledger.copies.assign(artist=ledger.items["artist"].to_numpy()[ledger.copies["item"]])
    numbers = [
        (found[name] - pd.Timestamp(start)).dt.days for name in ("created_date", "sold_date")
    ]
    table = zip(found["artist"], *numbers, found["count"], strict=True)
    ours = [[name, *(None if each != each else int(each) for each in row)] for name, *row in table]
    assert sorted(map(repr, ours)) == sorted(repr(list(copy[:4])) for copy in copies)
