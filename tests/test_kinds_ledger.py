"""Kinds of exports that shops' programs write: dates, overlaps, closed months, refunds, blanks.

Every test writes files as such a program would, reads them, and compares with what it knows of the
shop, which no part of the library said.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from plastinka.core import InputError
from plastinka.data.ingest import read_sources
from plastinka.data.ledger import build_ledger

MONTHS = pd.period_range("2024-06", "2025-11", freq="M")


def make_sales(seed: int = 0, each: int = 30, first="2024-06", last="2025-11") -> pd.DataFrame:
    "Sales of thirty records, `each` a month, in order of time, one copy or two each."
    rng = np.random.default_rng(seed)
    months = pd.period_range(first, last, freq="M")
    days = [
        np.sort(month.start_time + pd.to_timedelta(rng.integers(0, month.days_in_month, each), "D"))
        for month in months
    ]
    title = rng.integers(0, 30, each * len(months))
    return pd.DataFrame(
        {
            "Artist": [f"Band {number % 7}" for number in title],
            "Title": [f"Record {number}" for number in title],
            "Price": 1000 + 50 * title,
            "Sale date": np.concatenate(days),
            "Qty": rng.choice([1, 1, 1, 2], each * len(months)),
        }
    )


def write(path: Path, sales: pd.DataFrame, date: str = "%Y-%m-%d") -> Path:
    "A CSV file whose dates are written so."
    path.parent.mkdir(exist_ok=True)
    days = pd.to_datetime(sales["Sale date"]).dt.strftime(date)
    sales.assign(**{"Sale date": days}).to_csv(path, index=False)
    return path


def monthly(folder: Path, sales: pd.DataFrame, date: str, until: str | None = None) -> Path:
    "One file per month; nothing after `until`."
    sales = sales[sales["Sale date"] <= until] if until else sales
    for month, part in sales.groupby(sales["Sale date"].dt.to_period("M")):
        write(folder / f"sales-{month}.csv", part, date)
    return folder


def ledger(sales, stock=None, **options):
    "The ledger of the files."
    return build_ledger(read_sources(stock, sales), **options)


def sold_by_day(found) -> pd.Series:
    "Copies sold by day, as the ledger has them."
    sold = found.copies[found.copies["sold_date"].notna()]
    return sold.groupby("sold_date")["count"].sum()


def true_by_day(sales) -> pd.Series:
    "Copies sold by day, as they were written."
    return sales.groupby("Sale date")["Qty"].sum()


def same_days(found, sales):
    "Whether the ledger sold on each day what the shop sold."
    pd.testing.assert_series_equal(
        sold_by_day(found), true_by_day(sales), check_names=False, check_dtype=False
    )


# Day and month


@pytest.mark.parametrize("date", ["%m/%d/%Y", "%m-%d-%Y", "%m.%d.%Y", "%m/%d/%y", "%d/%m/%Y"])
@pytest.mark.parametrize("until", ["2025-11-12", "2025-11-05", "2025-01-12"])
def test_a_month_to_date_follows_its_siblings(tmp_path, date, until):
    sales = make_sales()
    folder = monthly(tmp_path / "sales", sales, date, until)
    same_days(ledger(folder), sales[sales["Sale date"] <= until])


@pytest.mark.parametrize("month", ["2024-02", "2024-07", "2024-11", "2024-12"])
def test_a_single_month_to_date_lies_in_one_month(tmp_path, month):
    sales = make_sales(each=40, first=month, last=month)
    sales = sales[sales["Sale date"].dt.day <= 12]
    same_days(ledger(write(tmp_path / "november.csv", sales, "%m/%d/%Y")), sales)


def test_sums_dated_on_the_first_of_each_month_stay_day_first(tmp_path):
    sales = make_sales()
    sales["Sale date"] = sales["Sale date"].dt.to_period("M").dt.start_time
    same_days(ledger(write(tmp_path / "sums.csv", sales, "%d/%m/%Y")), sales)


def test_the_stock_file_follows_the_sales(tmp_path):
    sales = make_sales()
    stock = tmp_path / "stock.csv"
    stock.write_text("Artist,Title,Price,Created,Qty\nBand 0,Record 0,10,11/03/2025,2\n")
    found = ledger(monthly(tmp_path / "sales", sales, "%m/%d/%Y"), stock)
    unsold = found.copies[found.copies["kind"] == "stock"]
    assert unsold["created_date"].tolist() == [pd.Timestamp("2025-11-03")]


def test_one_typing_error_does_not_turn_a_file(tmp_path):
    sales = make_sales()
    path = write(tmp_path / "sales.csv", sales, "%m/%d/%Y")
    lines = path.read_text().splitlines()
    wrong = next(n for n, line in enumerate(lines) if "/25/" in line)
    lines[wrong] = lines[wrong].replace("/25/", "/45/")
    path.write_text("\n".join(lines))
    found = ledger(path)
    assert len(found.quarantine) == 1
    same_days(found, sales.drop(index=wrong - 1))


@pytest.mark.parametrize("month_first", [True, False])
def test_dates_swapped_by_a_spreadsheet_are_put_right(tmp_path, month_first):
    "A spreadsheet that expects the other order turns what it can into real dates."
    sales = make_sales()
    form = "%m/%d/%Y" if month_first else "%d/%m/%Y"

    def typed(day):
        if day.day <= 12:
            return pd.Timestamp(year=day.year, month=day.day, day=day.month).to_pydatetime()
        return day.strftime(form)

    cells = sales.assign(**{"Sale date": pd.Series(sales["Sale date"].map(typed), dtype=object)})
    cells.to_excel(tmp_path / "sales.xlsx", index=False)
    found = ledger(tmp_path / "sales.xlsx")
    same_days(found, sales)
    assert found.repairs["what"].str.contains("swapped").any()


# Orders with their date on the first line


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("every", [2, 3, 8])
def test_order_lines_have_the_date_of_the_line_above(tmp_path, every, newest_first):
    sales = make_sales()
    order = np.arange(len(sales)) // every
    sales["Sale date"] = sales["Sale date"].groupby(order).transform("first")
    sales = sales[::-1] if newest_first else sales
    order = order[::-1] if newest_first else order
    later = pd.Series(order, index=sales.index).duplicated()
    path = tmp_path / "orders.csv"
    sales.assign(**{"Sale date": sales["Sale date"].dt.strftime("%Y-%m-%d").where(~later)}).to_csv(
        path, index=False
    )
    found = ledger(path)
    same_days(found, sales)
    assert (
        found.repairs.loc[found.repairs["what"].str.contains("line above"), "rows"].sum()
        == later.sum()
    )


def test_a_few_sales_without_a_date_are_set_aside(tmp_path):
    sales = make_sales()
    days = sales["Sale date"].dt.strftime("%Y-%m-%d")
    days = days.mask(days.index.isin([5, 100]))
    sales.assign(**{"Sale date": days}).to_csv(tmp_path / "sales.csv", index=False)
    found = ledger(tmp_path / "sales.csv")
    assert found.quarantine["reason"].tolist() == ["a sale without its date"] * 2


# Windows that overlap


@pytest.mark.parametrize(
    "window, step, each", [(90, 30, 30), (90, 30, 2), (14, 7, 30), (365, 30, 10)]
)
def test_rolling_exports_count_each_sale_once(tmp_path, window, step, each):
    sales = make_sales(each=each, last="2025-11" if step > 7 else "2024-10")
    start, end = sales["Sale date"].min(), sales["Sale date"].max()
    seen = pd.Series(False, index=sales.index)
    for number, last in enumerate(
        pd.date_range(start + pd.Timedelta(days=step), end, freq=f"{step}D")
    ):
        mine = sales["Sale date"].between(last - pd.Timedelta(days=window - 1), last)
        seen |= mine
        write(tmp_path / "sales" / f"last_{number:03}.csv", sales[mine])
    same_days(ledger(tmp_path / "sales"), sales[seen])


def test_an_export_in_the_middle_of_a_day_is_completed_by_the_next(tmp_path):
    sales = make_sales()
    half = len(sales) // 2
    day = sales["Sale date"][half]
    first = sales.iloc[: half + 1]
    write(tmp_path / "sales" / "a.csv", first)
    write(tmp_path / "sales" / "b.csv", sales[sales["Sale date"] >= day - pd.Timedelta(days=40)])
    same_days(ledger(tmp_path / "sales"), sales)


def test_a_sale_that_is_cancelled_in_the_later_export_stays(tmp_path):
    "Of each day the fullest export counts."
    sales = make_sales()
    write(tmp_path / "sales" / "2025-10.csv", sales[sales["Sale date"] >= "2025-10-01"])
    write(
        tmp_path / "sales" / "2025-10 (1).csv", sales[sales["Sale date"] >= "2025-10-01"].iloc[1:]
    )
    write(tmp_path / "sales" / "before.csv", sales[sales["Sale date"] < "2025-10-01"])
    same_days(ledger(tmp_path / "sales"), sales)


def test_two_branches_of_one_month_both_count(tmp_path):
    one, two = make_sales(1), make_sales(2)
    write(tmp_path / "sales" / "north.csv", one)
    write(tmp_path / "sales" / "south.csv", two)
    same_days(ledger(tmp_path / "sales"), pd.concat([one, two]))


def test_branches_that_each_save_rolling_windows(tmp_path):
    one, two = (make_sales(seed, first="2025-02") for seed in (1, 2))
    for name, sales in (("north", one), ("south", two)):
        for month in MONTHS[9:]:
            mine = sales["Sale date"].dt.to_period("M").between(month - 1, month)
            write(tmp_path / "sales" / f"{name}_{month}.csv", sales[mine])
    same_days(ledger(tmp_path / "sales"), pd.concat([one, two]))


def test_a_corrected_price_is_refused_by_name(tmp_path):
    sales = make_sales(first="2025-10", last="2025-10")
    write(tmp_path / "sales" / "2025-10.csv", sales)
    changed = sales.copy()
    changed.loc[10, "Price"] += 1
    write(tmp_path / "sales" / "2025-10 (1).csv", changed)
    day = f"{sales['Sale date'][10]:%Y-%m-%d}"
    with pytest.raises(InputError, match=rf"2025-10.*2025-10.*{day}"):
        ledger(tmp_path / "sales")


def test_the_same_month_as_csv_and_xlsx_counts_once(tmp_path):
    sales = make_sales(each=5)
    write(tmp_path / "sales" / "all.csv", sales)
    sales.to_excel(tmp_path / "sales" / "all.xlsx", index=False)
    same_days(ledger(tmp_path / "sales"), sales)


# Closed months


def without(sales, month):
    "The sales, but for a month in which the shop was closed."
    return sales[sales["Sale date"].dt.to_period("M") != month]


@pytest.mark.parametrize("month", ["2024-07", "2025-08", "2025-10"])
def test_one_export_covers_a_closed_month(tmp_path, month):
    sales = without(make_sales(each=3), month)
    found = ledger(write(tmp_path / "all.csv", sales))
    same_days(found, sales)
    assert found.repairs["what"].str.contains(f"nothing was sold in {month}").any()


def test_a_missing_file_is_asked_for_and_the_way_out_is_named(tmp_path):
    folder = monthly(tmp_path / "sales", without(make_sales(), "2025-08"), "%Y-%m-%d")
    with pytest.raises(InputError, match="sales of 2025-08.*closed.*2025-08.csv"):
        ledger(folder)
    found = ledger(folder, closed_months=("2025-08",))
    assert (found.first_day, found.last_day) >= (
        pd.Timestamp("2024-06-01"),
        pd.Timestamp("2025-11-01"),
    )


@pytest.mark.parametrize("name", ["2025-08.csv", "sales_202508.csv", "08.2025.csv"])
def test_a_file_with_headers_alone_is_a_closed_month(tmp_path, name):
    sales = without(make_sales(each=10), "2025-08")
    folder = monthly(tmp_path / "sales", sales, "%Y-%m-%d")
    write(folder / name, sales[:0])
    found = ledger(folder)
    same_days(found, sales)
    assert found.repairs["what"].str.contains("nothing was sold in 2025-08").any()


def test_a_nameless_file_with_headers_alone_is_no_closed_month(tmp_path):
    sales = without(make_sales(each=10), "2025-08")
    folder = monthly(tmp_path / "sales", sales, "%Y-%m-%d")
    write(folder / "export.csv", sales[:0])
    with pytest.raises(InputError, match="sales of 2025-08.*export.csv has headers but no rows"):
        ledger(folder)


def test_one_late_row_does_not_cover_a_missing_month(tmp_path):
    sales = without(make_sales(), "2025-08")
    folder = monthly(tmp_path / "sales", sales, "%Y-%m-%d")
    late = sales[sales["Sale date"].dt.to_period("M") == "2025-07"]
    late.loc[late.index[-1], "Sale date"] = pd.Timestamp("2025-09-02")
    write(folder / "sales-2025-07.csv", late)
    with pytest.raises(InputError, match="sales of 2025-08"):
        ledger(folder)


# Wrong years


@pytest.mark.parametrize("year", [1925, 2023, 2024, 2026, 2052])
def test_one_wrong_year_in_a_monthly_file_is_set_aside(tmp_path, year):
    sales = make_sales()
    wrong = sales.index[sales["Sale date"].dt.to_period("M") == "2025-06"][3]
    folder = monthly(tmp_path / "sales", sales, "%Y-%m-%d")
    path = folder / "sales-2025-06.csv"
    lines = path.read_text().splitlines()
    lines[4] = lines[4].replace("2025-06", f"{year}-06")
    path.write_text("\n".join(lines))
    found = ledger(folder)
    assert found.quarantine[["file", "row"]].to_numpy().tolist() == [["sales-2025-06.csv", 5]]
    same_days(found, sales.drop(index=wrong))


# Cells that say nothing, and cells that cannot be read


@pytest.mark.parametrize("word", ["", "-", "—", "n/a", "N/A", "неизвестно", "н/д", "unknown"])
def test_words_for_nothing_are_blanks(tmp_path, word):
    sales = (
        make_sales().astype({"Price": object}).assign(Created="2024-01-05", Barcode="4600000010007")
    )
    sales.loc[::5, ["Price", "Created", "Barcode"]] = word
    found = ledger(write(tmp_path / "sales.csv", sales))
    assert len(found.quarantine) == 0
    same_days(found, sales)
    assert found.copies["price"].isna().sum() == len(sales[::5])
    assert found.copies["created_date"].isna().sum() == len(sales[::5])
    assert found.copies["barcode"].isna().sum() == len(sales[::5])


@pytest.mark.parametrize(
    "column, word", [("Price", "договорная"), ("Created", "31.02.2024"), ("Created", "весной")]
)
def test_an_optional_cell_costs_the_cell_and_its_row_is_named(tmp_path, column, word):
    sales = make_sales().astype({"Price": object}).assign(Created="2024-01-05")
    sales.loc[[3, 77], column] = word
    found = ledger(write(tmp_path / "sales.csv", sales))
    assert len(found.quarantine) == 0
    same_days(found, sales)
    line = found.repairs[found.repairs["what"].str.contains("unknown, and the row counts")].iloc[0]
    assert line["rows"] == 2 and line["example"].startswith(f"row 5: {word}")


def test_a_price_column_of_words_is_still_refused(tmp_path):
    sales = make_sales().assign(Price="дорого")
    with pytest.raises(InputError, match="100%.*is not a price"):
        ledger(write(tmp_path / "sales.csv", sales))


# Orders of what is not sold yet

AHEAD = {
    "one, next month": (["2025-12-29"], True),
    "three, in months to come": (["2025-12-19", "2026-01-23", "2026-03-06"], True),
    "after a gap": (["2026-02-06", "2026-02-13"], True),
    "a month that has begun": (["2025-12-01", "2025-12-02"], False),
    "a thin month": ([f"2025-12-{day:02}" for day in range(1, 31, 5)], False),
}


@pytest.mark.parametrize("name", AHEAD)
def test_the_data_end_where_sales_end(tmp_path, name):
    days, ahead = AHEAD[name]
    sales = make_sales()
    more = sales.tail(len(days)).assign(**{"Sale date": pd.to_datetime(days)})
    path = write(tmp_path / "sales.csv", pd.concat([sales, more]))
    found = ledger(path)
    same_days(found, sales if ahead else pd.concat([sales, more]))
    assert found.quarantine["reason"].str.contains("not sold yet|far from").sum() == ahead * len(
        days
    )
    assert (found.last_day == pd.Timestamp("2025-12-01")) == ahead


def test_a_month_of_its_own_file_is_what_it_is(tmp_path):
    sales = make_sales()
    monthly(tmp_path / "sales", sales, "%Y-%m-%d")
    more = sales.tail(2).assign(**{"Sale date": pd.to_datetime(["2025-12-05", "2025-12-30"])})
    write(tmp_path / "sales" / "sales-2025-12.csv", more)
    same_days(ledger(tmp_path / "sales"), pd.concat([sales, more]))


@pytest.mark.parametrize("word", ["Pre-order", "Preorder", "Предзаказ"])
def test_a_status_says_that_a_row_is_an_order(tmp_path, word):
    sales = make_sales().assign(Status="Completed")
    sales.loc[::25, "Status"] = word
    found = ledger(write(tmp_path / "sales.csv", sales))
    same_days(found, sales[sales["Status"] == "Completed"])


# Refunds


@pytest.mark.parametrize("quantity, sign", [(-1, 1), (-1, -1), (1, -1)])
def test_a_refund_takes_its_sale_back_however_it_is_signed(tmp_path, quantity, sign):
    sales = make_sales().assign(Qty=1)
    back = sales[sales["Sale date"].dt.day < 20][::9]
    rows = back.assign(Qty=quantity, Price=back["Price"] * sign)
    found = ledger(
        write(
            tmp_path / "sales.csv", pd.concat([sales, rows]).sort_values("Sale date", kind="stable")
        )
    )
    same_days(found, sales.drop(index=back.index))
    assert len(found.quarantine) == 0


def test_a_copy_that_came_back_later_arrives_again(tmp_path):
    "Created 10 January, sold 5 February, back on 3 April, sold 20 May: never two at a time."
    path = tmp_path / "sales.csv"
    path.write_text(
        "Artist,Title,Price,Created,Sold,Qty\n"
        + "".join(f"Band,Other {n},10,2023-12-01,2024-0{n}-07,1\n" for n in range(2, 6))
        + "Can,Tago Mago,10,2024-01-10,2024-02-05,1\nCan,Tago Mago,10,2024-01-10,2024-04-03,-1\n"
        "Can,Tago Mago,10,2024-01-10,2024-05-20,1\n"
    )
    found = ledger(path)
    mine = found.copies[found.copies["album"] == "Tago Mago"].sort_values("sold_date")
    assert mine["created_date"].dt.strftime("%m-%d").tolist() == ["01-10", "04-03"]
    assert mine["sold_date"].dt.strftime("%m-%d").tolist() == ["02-05", "05-20"]
    later = found.repairs[found.repairs["what"].str.contains("returned in a later month")]
    assert later["example"].tolist() == ["1 copies, 10.00 in money"]


RETURNS = {
    "the same number": ("Order number", ["#1001", "#1002", "#1003", "#1001"], [0, 1, 1]),
    "an invoice": ("Invoice", ["A-17", "A-18", "A-19", "A-18"], [1, 0, 1]),
    "in Russian": ("Номер заказа", ["17", "18", "19", "17"], [0, 1, 1]),
    "a number of its own": ("Order number", ["#1001", "#1002", "#1003", "#1004"], [1, 1, 1]),
    "no number": ("Order number", ["#1001", "#1002", "#1003", ""], [1, 1, 1]),
    "a number of another record": ("Order number", ["#1001", "#1002", "#1003", "#9"], [1, 1, 1]),
}


@pytest.mark.parametrize("name", RETURNS)
@pytest.mark.parametrize("files", [1, 2])
def test_a_return_cancels_the_sale_that_its_order_names(tmp_path, name, files):
    "Can sold in January, February and March; in April one copy comes back, and Neu! sells."
    header, numbers, left = RETURNS[name]
    days = ["2024-01-05", "2024-02-06", "2024-03-07", "2024-04-08"]
    lines = [
        f"Can,Ege,10,{day},{1 if day < '2024-04' else -1},{number}"
        for day, number in zip(days, numbers, strict=True)
    ]
    lines.insert(3, "Neu!,Neu!,20,2024-04-01,1,#9")
    head = f"Artist,Title,Price,Sale date,Qty,{header}"
    cut = 5 if files == 1 else 3
    (tmp_path / "a.csv").write_text("\n".join([head, *lines[:cut]]))
    if files == 2:  # The return is in a later file than its sale
        (tmp_path / "b.csv").write_text("\n".join([head, *lines[cut:]]))
    found = ledger(sorted(tmp_path.glob("*.csv")), closed_months=["2024-01", "2024-02"])
    sold = found.copies[found.copies["price"] == 10]["sold_date"].dt.month.tolist()
    assert sold == [month for month, copies in zip((1, 2, 3), left, strict=True) if copies]
    said = found.repairs[found.repairs["what"].str.contains("returned")]
    rule = "by the number of its order" if 0 in left else "the sale stays in its month"
    assert said["what"].str.contains(rule).all() and said["example"].item() == (
        "1 copies, 10.00 in money"
    )


# Arrivals that are the order's own date


def stock_of(sales) -> str:
    "A stock file with one copy of each record."
    titles = sales[["Artist", "Title"]].drop_duplicates()
    return titles.assign(Price=10, Created="2024-03-01", Qty=1).to_csv(index=False)


@pytest.mark.parametrize("share, used", [(1.0, False), (0.95, False), (0.3, True)])
def test_created_that_is_the_day_of_the_sale_is_no_arrival(tmp_path, share, used):
    sales = make_sales()
    arrival = sales["Sale date"] - pd.Timedelta(days=9)
    same = np.arange(len(sales)) < share * len(sales)
    arrival = arrival.where(~same, sales["Sale date"]).dt.strftime("%Y-%m-%d")
    (tmp_path / "stock.csv").write_text(stock_of(sales))
    found = ledger(write(tmp_path / "s.csv", sales.assign(Created=arrival)), tmp_path / "stock.csv")
    assert found.stock_known is used
    assert found.repairs["what"].str.contains("no day of arrival").any() != used


# Stock


def test_blank_and_zero_stock_is_no_copy(tmp_path):
    sales = make_sales()
    stock = tmp_path / "stock.csv"
    counts = ["2", "", "-", "0", "нет", "3"]
    rows = [f"Band,Record {n},10,2024-05-01,{count}" for n, count in enumerate(counts)]
    stock.write_text("\n".join(["Artist,Title,Price,Created,Qty", *rows]))
    found = ledger(write(tmp_path / "sales.csv", sales), stock)
    assert found.copies.loc[found.copies["kind"] == "stock", "count"].sum() == 5
    assert len(found.quarantine) == 0


def test_records_announced_for_later_do_not_make_the_shop_open(tmp_path):
    sales = make_sales()
    sales = sales[sales["Sale date"] <= "2025-11-12"]
    last = sales["Sale date"].max()
    stock = tmp_path / "stock.csv"
    stock.write_text(stock_of(sales) + "Band,Coming,10,2025-11-29,3\n")
    found = ledger(write(tmp_path / "sales.csv", sales), stock)
    assert found.last_day == last + pd.Timedelta(days=1)
    assert found.quarantine["reason"].tolist() == [
        f"after the snapshot of {found.last_day:%Y-%m-%d}"
    ]


# Shares and settings


def test_the_share_of_bad_rows_is_of_all_rows(tmp_path):
    "Three bad lines of ten are 30 %: two that cannot be split, and one without a date."
    path = tmp_path / "sales.csv"
    good = [f"Can,Tago Mago,10,2024-06-0{day}" for day in range(1, 8)]
    path.write_text(
        "\n".join(
            ["Artist,Title,Price,Sold", *good, "Can,Tago Mago,10,", "a,b,c,d,e,f", "a,b,c,d,e,f"]
        )
    )
    with pytest.raises(InputError, match=r"3 of its rows \(30%\)"):
        ledger(path)


def test_a_wrong_item_key_is_a_message(tmp_path):
    path = write(tmp_path / "sales.csv", make_sales())
    for key in (("isbn",), "barcode", ()):
        with pytest.raises(InputError, match="item_key"):
            ledger(path, item_key=key)
