"""Kinds of lines and files that are no sale of a record: sums of groups, services, statements,
returned rows, windows of a store. Each member is written as a program writes it; the numbers
beside it were worked out by hand."""

from datetime import datetime
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from test_kinds_ledger import make_sales, write

from plastinka.core import InputError
from plastinka.data.ingest import read_sources
from plastinka.data.ledger import build_ledger
from plastinka.store.load import load_files
from plastinka.store.query import read_copies, read_ledger

HEADERS = ["Artist", "Title", "Price", "Sale date", "Qty"]
SALES = [
    [f"Band {n % 4}", f"Record {n % 10}", 10 + n % 7, f"2024-0{1 + n % 5}-{1 + n % 27:02}", 1]
    for n in range(60)
]


def text(path: Path, rows: list[list], mark: str = ",") -> Path:
    "Rows as a text file."
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(mark.join(map(str, row)) for row in rows), encoding="utf-8")
    return path


def book(path: Path, sheets: dict[str, list[list]], merged: tuple[str, ...] = ()) -> Path:
    "A workbook as openpyxl writes it: formulas have no value."
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name, rows in sheets.items():
        page = made.create_sheet(name)
        for row in rows:
            page.append(row)
        for place in merged:
            page.merge_cells(place)
    made.save(path)
    return path


def ledger(sales, stock=None):
    "The ledger of the files."
    return build_ledger(read_sources(stock, sales))


def sums(found, kind: str = "sales") -> tuple[int, float]:
    "Copies and money of a ledger's sales, or of its stock."
    mine = found.copies[found.copies["kind"] == kind]
    return int(mine["count"].sum()), float((mine["count"] * mine["price"].fillna(0)).sum())


def said(found) -> str:
    "What was done with the rows, in one text."
    return "; ".join(found.repairs["what"])


# Groups above or below their records

ROCK = [[f"Альбом {n}", 2 + n % 2, 100 + n] for n in range(10)]  # 25 copies
JAZZ = [[f"Джаз {n}", 3, 200 + n] for n in range(5)]  # 15 copies
HEAD = ["Номенклатура", "Количество", "Цена"]
PLAIN = [row[:2] for row in (*ROCK, *JAZZ)]
CODES = [[4600000000001 + n, *row] for n, row in enumerate([*ROCK, *JAZZ])]
GROUPS = {
    "no price": [HEAD, ["Рок", 25, None], *ROCK, ["Джаз", 15, None], *JAZZ],
    "two levels": [HEAD, ["Склад", 40], ["Рок", 25], *ROCK, ["Джаз", 15], *JAZZ, ["Итого", 40]],
    "below": [HEAD, *ROCK, ["Рок", 25, None], *JAZZ, ["Джаз", 15, None]],
    "no code": [
        ["Штрихкод", *HEAD],
        [None, "Рок", 25, None],
        *CODES[:10],
        [None, "Джаз", 15, None],
        *CODES[10:],
    ],
    "names and counts alone": [HEAD[:2], ["Всё", 40], ["Рок", 25], *PLAIN[:10], ["Джаз", 15]]
    + PLAIN[10:],
    "another column": [
        [*HEAD[:2], "Артикул"],
        ["Рок", 25, None],
        *[[*row, f"A{n}"] for n, row in enumerate(PLAIN[:10])],
        ["Джаз", 15, None],
        *[[*row, f"B{n}"] for n, row in enumerate(PLAIN[10:])],
    ],
}


@pytest.mark.parametrize("name", GROUPS)
def test_sums_of_groups_are_no_stock(tmp_path, name):
    sales = text(tmp_path / "sales.csv", [HEADERS, *SALES])
    found = ledger(sales, book(tmp_path / "stock.xlsx", {"Остатки": GROUPS[name]}))
    assert sums(found, "stock")[0] == 40
    assert "the sum of the rows beside it: left out" in said(found)


LISTS = {
    "falling": [9, 5, 4, 3, 2, 2, 1, 1, 1],
    "ones": [1] * 30,
    "ones and twos": [2, 1, 1, 1, 1, 2, 1, 1, 2, 1, 1, 1],
    "anything": [3, 7, 1, 12, 5, 2, 2, 9, 4, 1, 1, 6],
}


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("priced", [True, False])
def test_a_list_of_records_is_no_list_of_groups(tmp_path, name, priced):
    rows = [[f"Альбом {n}", count, None if n == 1 else 9] for n, count in enumerate(LISTS[name])]
    rows = [HEAD, *rows] if priced else [HEAD[:2], *[row[:2] for row in rows]]
    sales = text(tmp_path / "sales.csv", [HEADERS, *SALES])
    found = ledger(sales, book(tmp_path / "stock.xlsx", {"Остатки": rows}))
    assert sums(found, "stock")[0] == sum(LISTS[name])


# Services

SERVICES = """Пакет-майка|Пакет|Доставка по Москве|Подарочный сертификат 1000|Услуги курьера
|Shipping|Gift card 50|Tote bag|Carrier bag (large)|Deposit|Rounding
|Versandkosten|Geschenkgutschein|Pfand|Tüte 0,25 €|Szállítási költség|Ajándékkártya|Szatyor
|Frais de port|Carte cadeau 20 €|Consigne|Gastos de envío|Tarjeta regalo|Bolsa de papel"""


def test_services_are_no_records_in_six_languages(tmp_path):
    words = SERVICES.replace("\n", "").split("|")
    rows = [["", word, 1, "2024-03-01", 1] for word in words]
    found = ledger(text(tmp_path / "sales.csv", [HEADERS, *SALES, *rows], ";"))
    assert sums(found)[0] == len(SALES) and len(found.quarantine) == 0
    line = found.repairs[found.repairs["what"].str.contains("a service, a bag")].iloc[0]
    assert line["rows"] == len(words) and line["example"].startswith("Пакет-майка, Пакет")
    assert found.report["filtered"].tolist() == [len(words)]


@pytest.mark.parametrize("title", ["Delivery", "Deposit", "Пакет", "Bag", "Pfand", "Livraison"])
def test_a_record_with_such_a_name_has_its_artist(tmp_path, title):
    found = ledger(
        text(tmp_path / "sales.csv", [HEADERS, *SALES, ["Babes", title, 9, "2024-03-01", 1]])
    )
    assert title in set(found.items["album"])


# Statements of a period, and totals of lines

STATEMENT = ["Opening", "Received", "Sold", "Closing"]


@pytest.mark.parametrize("closing", ["Closing", "Closing stock", "Endbestand", "Zárókészlet"])
def test_a_statement_has_numbers_under_received_and_sold(tmp_path, closing):
    rows = [["Artist", "Title", *STATEMENT[:3], closing]]
    rows += [["Band", f"Record {n}", n % 3, 4, n % 3, 4] for n in range(10)]
    sales = text(tmp_path / "sales.csv", [HEADERS, *SALES])
    found = ledger(sales, book(tmp_path / "stock.xlsx", {"Stock": rows}))
    assert sums(found, "stock")[0] == 40 and len(found.quarantine) == 0


def test_sold_over_numbers_is_the_number_of_copies(tmp_path):
    rows = [[*sale[:2], sale[3], 5, 0, 2, 3] for sale in SALES]
    found = ledger(text(tmp_path / "s.csv", [["Artist", "Title", "Date", *STATEMENT], *rows]))
    assert sums(found)[0] == 2 * len(SALES)


TOTALS = "Total|Сумма|Сумма, руб.|Line total|Amount|Gesamtpreis|Összesen|Montant|Importe"


@pytest.mark.parametrize("header", TOTALS.split("|"))
def test_the_money_of_a_line_is_shared_by_its_copies(tmp_path, header):
    rows = [["Band", f"Record {n}", 60, f"2024-01-{1 + n:02}", 3] for n in range(20)]
    path = text(tmp_path / "s.csv", [["Artist", "Title", header, "Sale date", "Qty"], *rows], ";")
    found = ledger(path)
    assert sums(found) == (60, 1200.0) and "divided by its copies" in said(found)


def test_the_sum_of_an_order_is_no_price(tmp_path):
    rows = [["Band", f"Record {n}", 60, "2024-01-02", 1, f"#{n // 2}"] for n in range(20)]
    head = ["Artist", "Title", "Total", "Sale date", "Qty", "Order number"]
    found = ledger(text(tmp_path / "s.csv", [head, *rows]))
    assert sums(found) == (20, 0.0) and "is the sum of an order" in said(found)


# Formulas without stored values

FORMULAS = {"Qty": (4, "=1+0"), "Sale date": (3, "=DATE(2024,1,2)"), "Price": (2, "=10*2")}


@pytest.mark.parametrize("header", FORMULAS)
def test_a_formula_that_was_not_calculated_is_said_with_its_cure(tmp_path, header):
    place, formula = FORMULAS[header]
    rows = [[*sale[:place], formula, *sale[place + 1 :]] for sale in SALES]
    path = book(tmp_path / "s.xlsx", {"Sales": [HEADERS, *rows]})
    if header == "Price":
        assert "formulas without a stored value: unknown. Open the file" in said(ledger(path))
    else:
        with pytest.raises(InputError, match=f"«{header}».*60 formulas.*LibreOffice and save it"):
            ledger(path)


# A count that is not read


@pytest.mark.parametrize("header, copies", [("Пачек", "2"), ("Foo", "12"), ("Stk/Karton", "3")])
def test_an_unread_number_is_asked_for_in_every_report(tmp_path, header, copies, capsys):
    rows = [[*sale[:4], copies] for sale in SALES]
    path = text(tmp_path / "s.csv", [[*HEADERS[:4], header], *rows])
    found = ledger(path)
    question = f"s.csv: each row is one copy; «{header}» is not read, and may be their number"
    assert f"QUESTION: {question}" in found.joins.lines() and question in capsys.readouterr().err
    report = load_files(tmp_path / "s.db", sales=path)
    assert f"QUESTION: {question}" in report.lines()


# Returned rows


@pytest.mark.parametrize("header", ["Returned", "Cancelled"])
@pytest.mark.parametrize("quantity", [1, -1])
def test_a_marked_row_that_repeats_a_sale_cancels_it(tmp_path, header, quantity):
    rows = [[*sale, "FALSE"] for sale in SALES]
    again = [[*SALES[n][:4], quantity, "TRUE"] for n in (3, 10, 20)]
    found = ledger(text(tmp_path / "s.csv", [[*HEADERS, header], *rows, *again]))
    assert sums(found)[0] == len(SALES) - 3 and len(found.quarantine) == 0


def test_a_marked_row_that_repeats_nothing_is_the_returned_sale(tmp_path):
    rows = [[*sale, "TRUE" if n in (3, 10, 20) else "FALSE"] for n, sale in enumerate(SALES)]
    found = ledger(text(tmp_path / "s.csv", [[*HEADERS, "Returned"], *rows]))
    assert sums(found)[0] == len(SALES) - 3


# A sale that a later return cancels, seen before the return

ORDERS = [[*HEADERS, "Order number"]]
ORDERS += [["Can", "Ege", 10, f"2024-0{month}-05", 1, f"#{month}"] for month in (1, 2, 3, 4)]
ORDERS += [["Neu!", "2", 20, "2024-02-06", 1, "#8"], ["Can", "Ege", 10, "2024-04-20", -1, "#2"]]
ORDERS += [["Neu!", "2", 20, "2024-04-21", -1, "#8"]]


@pytest.mark.parametrize("store", [False, True])
def test_a_cutoff_before_the_return_sees_the_sale(tmp_path, store):
    path = text(tmp_path / "s.csv", ORDERS)
    found = ledger(path)
    if store:
        load_files(tmp_path / "s.db", sales=path)
        found = read_ledger(tmp_path / "s.db")
    assert sums(found) == (3, 30.0) and found.items["album"].tolist() == ["Ege"]
    march = found.cut("2024-03")
    assert sums(march) == (4, 50.0) and sorted(march.items["album"]) == ["2", "Ege"]
    assert sums(march.cut("2024-02")) == sums(found.cut("2024-02")) == (3, 40.0)
    assert sums(found.cut("2024-04")) == (3, 30.0)


def test_the_returned_copy_is_in_stock_from_its_return_on(tmp_path):
    lines = [[*row[:3], "2023-12-01", *row[3:]] for row in ORDERS[1:]]
    head = [*ORDERS[0][:3], "Created", *ORDERS[0][3:]]
    stock = [["Artist", "Title", "Price", "Created", "Qty"], ["Can", "Ege", 10, "2023-12-01", 1]]
    found = ledger(text(tmp_path / "s.csv", [head, *lines]), text(tmp_path / "stock.csv", stock))
    assert sums(found, "stock")[0] == 1 and sums(found.cut("2024-03"), "stock")[0] == 0


# Exports that overlap


def test_a_file_that_holds_another_and_more(tmp_path):
    sales = make_sales(first="2025-10", last="2025-10", each=40)
    write(tmp_path / "sales" / "a.csv", sales.iloc[::3])
    write(tmp_path / "sales" / "b.csv", sales)
    assert sums(ledger(tmp_path / "sales"))[0] == sales["Qty"].sum()


@pytest.mark.parametrize(
    "window, step, newest_first",
    [(90, 30, False), pytest.param(30, 14, True, marks=pytest.mark.long)],
)
def test_windows_uploaded_one_by_one_count_each_sale_once(tmp_path, window, step, newest_first):
    sales = make_sales(each=20, last="2024-11")
    day = sales["Sale date"]
    ends = [day.min() + pd.Timedelta(days=window + step * number) for number in range(3)]
    uploads = [sales[day.between(end - pd.Timedelta(days=window - 1), end)] for end in ends]
    for number, part in enumerate(uploads[::-1] if newest_first else uploads):
        load_files(tmp_path / "s.db", sales=write(tmp_path / f"{number}.csv", part))
    seen = sales[day.between(ends[0] - pd.Timedelta(days=window - 1), ends[-1])]
    assert read_copies(tmp_path / "s.db")["count"].sum() == seen["Qty"].sum()


@pytest.mark.long
def test_halves_of_a_month_add_up_in_a_store(tmp_path):
    sales = make_sales(first="2025-10", last="2025-10", each=60)
    early = sales["Sale date"].dt.day <= 15
    for part in (sales[early], sales[~early]):
        load_files(tmp_path / "s.db", sales=write(tmp_path / f"{len(part)}.csv", part))
    assert read_copies(tmp_path / "s.db")["count"].sum() == sales["Qty"].sum()


def test_a_store_has_one_currency(tmp_path):
    files = []
    for month, sign in ((1, "€"), (2, "$")):
        rows = [["Can", "Ege", f"{sign}{10 + n}", f"2024-0{month}-{1 + n:02}", 1] for n in range(9)]
        files.append(text(tmp_path / f"{month}.csv", [HEADERS, *rows]))
    load_files(tmp_path / "s.db", sales=files[0])
    with pytest.raises(InputError, match="1.csv in EUR, 2.csv in \\$"):
        load_files(tmp_path / "s.db", sales=files[1])
    (tmp_path / "rates.txt").write_text("EUR, 1\n$, 0.5\n")
    load_files(tmp_path / "s.db", sales=files[1], rates=tmp_path / "rates.txt")
    copies = read_copies(tmp_path / "s.db")
    assert (copies["count"] * copies["price"]).sum() == 126 + 63


# Folders and workbooks


def test_what_is_no_table_of_sales_is_left_out_by_name(tmp_path):
    text(tmp_path / "sales" / "2024.csv", [HEADERS, *SALES])
    (tmp_path / "sales" / "readme.txt").write_text("Exports of the shop.\nPlease keep them.\n")
    text(tmp_path / "sales" / "people.csv", [["Name", "Email"], ["Ada", "ada@example.org"]])
    raw = read_sources(sales=tmp_path / "sales")
    assert len(raw.rows) == len(SALES) and set(raw.ignored["file"]) == {"readme.txt", "people.csv"}


def test_a_month_under_other_headers_is_not_left_out(tmp_path):
    for month in "123":
        rows = [row for row in SALES if row[3][6] == month]
        head = [*HEADERS[:3], "Tag", "Qty"] if month == "2" else HEADERS
        text(tmp_path / "sales" / f"2024-0{month}.csv", [head, *rows])
    with pytest.raises(InputError, match="2024-02.csv: has no column"):
        read_sources(sales=tmp_path / "sales")


def test_a_summary_beside_the_months_is_left_out_by_name(tmp_path):
    sheets = {"Summary": [["Album", "Qty", "Price"], ["Record 1", 12, 100]]}
    for month in "123":
        sheets[f"2024-0{month}"] = [HEADERS, *[row for row in SALES if row[3][6] == month]]
    found = ledger(book(tmp_path / "book.xlsx", sheets))
    assert sums(found)[0] == 36 and "«Summary»" in set(found.repairs["example"])


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_csv_pasted_into_one_column(tmp_path, mark):
    lines = [[mark.join(map(str, row))] for row in [HEADERS, *SALES]]
    raw = read_sources(sales=book(tmp_path / "book.xlsx", {"Sheet1": lines}))
    assert len(raw.rows) == len(SALES) and raw.rows["source_row"].tolist() == [*range(2, 62)]


@pytest.mark.parametrize("row", [["Can", "Ege", 10, "2024-03-31", 0], ["", "", "", "", 0]])
def test_a_month_of_zeros_is_a_closed_month(tmp_path, row):
    for month in "1245":
        rows = [sale for sale in SALES if sale[3][6] == month]
        text(tmp_path / "sales" / f"2024-0{month}.csv", [HEADERS, *rows])
    text(tmp_path / "sales" / "2024-03.csv", [HEADERS, row])
    found = ledger(tmp_path / "sales")
    assert sums(found)[0] == 48 and "nothing was sold in 2024-03" in said(found)


@pytest.mark.parametrize("clock", ["123000", "1230"])
def test_days_with_the_time_in_digits(tmp_path, clock):
    rows = [[*sale[:3], sale[3].replace("-", "") + clock, 1] for sale in SALES]
    found = ledger(text(tmp_path / "s.csv", [HEADERS, *rows]))
    assert sorted(found.copies["sold_date"].astype(str)) == sorted(sale[3] for sale in SALES)


def test_a_date_merged_down_under_headers_in_two_rows(tmp_path):
    rows = [["Дата", "Исполнитель", "Альбом", "Продажи", None], [None] * 3 + ["Количество", "Цена"]]
    for day in range(1, 11):
        rows += [[datetime(2024, 1, day), "А", f"Б {day}", 2, 10], *[[None, "В", "Г", 2, 10]] * 2]
    places = ("A1:A2", "B1:B2", "C1:C2", "D1:E1")
    places += tuple(f"A{first}:A{first + 2}" for first in range(3, 33, 3))
    path = book(tmp_path / "s.xlsx", {"Продажи": rows}, places)
    assert sums(ledger(path)) == (60, 600.0)


def test_a_release_id_is_no_barcode(tmp_path):
    rows = [[100_000 + n % 10, *sale] for n, sale in enumerate(SALES)]
    found = ledger(text(tmp_path / "s.csv", [["release_id", *HEADERS], *rows]))
    assert (found.items["barcode"] == "").all()
