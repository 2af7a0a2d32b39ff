"""Tables with a column for each month, as spare-parts files and accounting programs write them.

Members of one kind: each is written by its test, and what it must give was written down by hand.
"""

from datetime import datetime

import pandas as pd
import pytest
from test_kinds_reading import text_of, write_book

from plastinka.core import InputError
from plastinka.data.ingest import read_sources
from plastinka.data.ledger import build_ledger
from plastinka.doors.cli import main
from plastinka.panel.panel import build_panel
from plastinka.store.load import load_files
from plastinka.store.query import read_copies, read_panel, store_status

RECORDS = [["Кино", "Ночь", "1200"], ["ДДТ", "Это всё", "900"], ["Can", "Ege", "700"]]
COPIES = [["2", "", "1"], ["0", "3", "-"], ["", "", "4"]]
SOLD = {"2024-01": 2, "2024-02": 3, "2024-03": 5}  # Sums of the columns of COPIES
SPELLINGS = {
    "year first": ["2024-01", "2024-02", "2024-03"],
    "month first": ["01.2024", "02.2024", "03.2024"],
    "slashes": ["1/2024", "2/2024", "3/2024"],
    "English": ["Jan 2024", "Feb 2024", "Mar 2024"],
    "English, short years": ["Jan-24", "Feb-24", "Mar-24"],
    "full names": ["January 2024", "February 2024", "March 2024"],
    "Russian, short": ["янв 2024", "фев 2024", "мар 2024"],
    "Russian": ["Январь 2024", "Февраль 2024", "Март 2024"],
    "Russian, as 1C writes": ["Январь 2024 г.", "Февраль 2024 г.", "Март 2024 г."],
    "German": ["Januar 2024", "Februar 2024", "März 2024"],
    "first days": ["01.01.2024", "01.02.2024", "01.03.2024"],
    "last days": ["31.01.2024", "29.02.2024", "31.03.2024"],
    "American first days": ["1/1/2024", "2/1/2024", "3/1/2024"],
    "ISO days": ["2024-01-01", "2024-02-01", "2024-03-01"],
    "six digits": ["202401", "202402", "202403"],
    "with a word": ["Продано янв 2024", "Продано фев 2024", "Продано мар 2024"],
    "with a unit": ["2024-01, шт", "2024-02, шт", "2024-03, шт"],
}


def wide(months, records=RECORDS, copies=COPIES, names=("Исполнитель", "Альбом", "Цена")):
    "Rows of a table of records by months."
    rows = [[*record, *cells] for record, cells in zip(records, copies, strict=True)]
    return [[*names, *months], *rows]


def sold_by_month(ledger):
    "Copies sold in each month, as the ledger has them."
    month = ledger.copies["sold_date"].dt.strftime("%Y-%m")
    return ledger.copies.groupby(month)["count"].sum().to_dict()


def is_monthly(ledger):
    "Whether the load report says that days are unknown, and the ledger keeps to it."
    return ledger.repairs["what"].str.contains("days are unknown").any() and not ledger.stock_known


@pytest.mark.parametrize("name", SPELLINGS)
def test_months_in_the_headers(tmp_path, name):
    path = tmp_path / "sales.csv"
    path.write_text(text_of(wide(SPELLINGS[name])), encoding="utf-8")
    rows = read_sources(sales=path).rows
    copies = rows["count"].astype(int).groupby(rows["sold_date"].str[:7]).sum()
    assert copies.to_dict() == SOLD
    money = rows["price"].astype(int) * rows["count"].astype(int)
    assert money.sum() == 3 * 1200 + 3 * 900 + 4 * 700


def test_real_dates_in_the_headers_of_a_workbook(tmp_path):
    months = [datetime(2024, month, 1) for month in (1, 2, 3)]
    path = write_book(tmp_path / "sales.xlsx", {"Продажи": wide(months)})
    assert sold_by_month(build_ledger(read_sources(sales=path))) == SOLD


MEMBERS = {
    "a title above": [["Продажи по месяцам", "", "", "", "", ""], *wide(SPELLINGS["Russian"])],
    "a line of sums": [*wide(SPELLINGS["Russian"]), ["Итого", "", "", "2", "3", "5"]],
    "a column of sums": [[*row, "3"] for row in wide(SPELLINGS["Russian"])],
    "sums below and beside": [
        [*wide(SPELLINGS["Russian"])[0], "Итого"],
        *[[*row, "3"] for row in wide(SPELLINGS["Russian"])[1:]],
        ["Итого", "", "", "2", "3", "5", "10"],
    ],
    "decimals as 1C writes them": wide(
        SPELLINGS["Russian"],
        copies=[["2,000", "", "1,000"], ["0,000", "3,000", "-"], ["", "", "4,000"]],
    ),
    "codes alone": wide(
        SPELLINGS["year first"], [["4600000000017"], ["4600000000024"], ["17"]], names=["SKU"]
    ),
    "months down": [
        ["Месяц", "4600000000017", "4600000000024", "17"],
        *[[month, *cells] for month, *cells in zip(SPELLINGS["year first"], *COPIES, strict=True)],
    ],
    "copies and money": [
        ["Исполнитель", "Альбом", *sum(([m, f"{m}, руб."] for m in SPELLINGS["Russian"]), [])],
        *[
            [*record[:2], *sum(([cell, "99"] for cell in cells), [])]
            for record, cells in zip(RECORDS, COPIES, strict=True)
        ],
    ],
}


@pytest.mark.parametrize("name", MEMBERS)
def test_members(tmp_path, name):
    path = tmp_path / "sales.csv"
    path.write_text(text_of(MEMBERS[name]), encoding="utf-8")
    ledger = build_ledger(read_sources(sales=path))
    assert sold_by_month(ledger) == SOLD and is_monthly(ledger)
    assert len(ledger.items) == 3


def test_a_sheet_for_each_year(tmp_path):
    before = ["Январь 2023", "Февраль 2023", "Март 2023"]
    years = {"2023": wide(before), "2024": wide(SPELLINGS["Russian"])}
    path = write_book(tmp_path / "sales.xlsx", years)
    rows = read_sources(sales=path).rows
    assert rows["sold_date"].str[:4].value_counts().to_dict() == {"2023": 4, "2024": 4}


def test_a_stock_beside_it_counts_what_is_there_and_no_past_days(tmp_path):
    sales, stock = tmp_path / "sales.csv", tmp_path / "stock.csv"
    sales.write_text(text_of(wide(SPELLINGS["Russian"])), encoding="utf-8")
    created = "Исполнитель;Альбом;Цена;Дата создания;Остаток\nКино;Ночь;1200;2024-01-05;7\n"
    stock.write_text(created, encoding="utf-8")
    ledger = build_ledger(read_sources(stock, sales))
    assert (len(ledger.items), ledger.stock_known, ledger.stock_counted) == (3, False, True)
    panel = build_panel(ledger)
    assert panel["availability"].isnull().all() and panel["lost_units"].isnull().all()
    assert panel["units"].sum("item").values.tolist() == [2, 3, 5]


def test_what_is_no_number_is_set_aside_with_its_month(tmp_path):
    path = tmp_path / "sales.csv"
    rows = wide(SPELLINGS["Russian"], copies=[["2", "", "1"], ["0", "3", "-"], ["", "два", "4"]])
    path.write_text(text_of(rows), encoding="utf-8")
    ledger = build_ledger(read_sources(sales=path))
    assert sold_by_month(ledger) == SOLD
    line = ledger.quarantine.iloc[0]
    assert (line["row"], line["column"], line["value"]) == (4, "Февраль 2024", "два")


REFUSED = {
    "months without a year": (["Январь", "Февраль", "Март", "Апрель", "Май", "Июнь"], "which year"),
    "numbers": (["1", "2", "3", "4", "5", "6"], "which year"),
    "weeks": ([f"2024-01-{day:02}" for day in (1, 8, 15, 22, 29, 31)], "weeks or days"),
    "two columns for a month": (["2024-01", "01.2024", "2024-02", "2024-03", "a", "b"], "several"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_placed_is_refused(tmp_path, name):
    months, words = REFUSED[name]
    path = tmp_path / "sales.csv"
    path.write_text(text_of(wide(months, copies=[["1"] * 6] * 3)), encoding="utf-8")
    with pytest.raises(InputError, match=words):
        read_sources(sales=path)


def test_a_monthly_table_goes_into_a_store_and_grows_there(tmp_path, capsys):
    path, later, store = tmp_path / "q1.csv", tmp_path / "q2.csv", str(tmp_path / "shop.db")
    path.write_text(text_of(wide(SPELLINGS["Russian"])), encoding="utf-8")
    months = ["Апрель 2024", "Май 2024", "Июнь 2024"]
    later.write_text(text_of(wide(months)), encoding="utf-8")
    assert main(["ingest", "--store", store, "--sales", str(path)]) == 0
    assert "2024-03: 0 copies sold → 5 (+5)" in capsys.readouterr().out
    load_files(store, sales=[later], measure=build_panel)
    status = store_status(store)
    assert (status["months"], status["copies"], status["items"]) == (6, 20, 3)
    whole = build_panel(build_ledger(read_sources(sales=[path, later])))
    pd.testing.assert_series_equal(
        read_panel(store)["units"].sum("item").to_series(),
        whole["units"].sum("item").to_series(),
    )
    assert read_copies(store, "2024-02")["count"].sum() == 3
