"""More members of the kinds: lists of movements, facts in several columns, days above their rows,
a stock of branches, sheets of stock and sales in one book. The truth is made first, and each file
is written from it."""

import time
from datetime import date, timedelta

import pandas as pd
import pytest
from test_kinds_exports import book
from test_kinds_shops import STOCK, changed, ledger, read, sums, write

from plastinka.core import InputError
from plastinka.data.ingest import read_sources
from plastinka.data.ledger import build_ledger
from plastinka.data.values import parse_count

NAMES = ["Marmalade Sun - Glass Harbour", "Сад камней - Вода", "DJ Kobold - Erdgeschoss"]
HEADERS = ["Date", "Item", "Qty", "Price"]
SALES = [
    [
        str(date(2024, 1, 2) + timedelta(2 * n)),
        NAMES[(n + n // 4) % 3],
        1 + (n % 6 == 0),
        900 + 100 * (n % 3),
    ]
    for n in range(60)
]
SOLD = sum(row[2] for row in SALES)
MONEY = sum(row[2] * row[3] for row in SALES)


# Lists of movements: header, word of a sale, words of rows that are none

MOVES = """Вид движения / Расход / Приход / Перемещение
Direction / out / in
Movement type / Sale / Purchase / Adjustment / Transfer
Bewegungsart / Abgang / Zugang
Sens / Sortie / Entrée
Movimiento / Salida / Entrada
Mozgás típusa / Kiadás / Bevételezés
Обоснование для оплаты / Продажа / Логистика / Хранение
Line Type / Sale Line / Sale / Payment"""


@pytest.mark.parametrize("words", MOVES.split("\n"))
@pytest.mark.parametrize("sign", [1, -1])
def test_a_row_that_came_in_is_no_sale(tmp_path, words, sign):
    header, sale, *others = words.split(" / ")
    rows = [[*row[:2], sign * row[2], row[3], sale] for row in SALES]
    rows += [[*SALES[n][:2], 7, 400, others[n % len(others)]] for n in range(0, 60, 4)]
    path = write(tmp_path / "s.csv", [[*HEADERS, header], *sorted(rows)])
    assert read(path) == (SOLD, MONEY)


@pytest.mark.parametrize("word", ["Purchase", "Приход", "Payment"])
def test_where_no_other_word_says_so_it_is_the_sale(tmp_path, word):
    rows = [[*row, word] for row in SALES] + [[*SALES[9], "Refund"]]
    path = write(tmp_path / "s.csv", [[*HEADERS, "Type"], *sorted(rows)])
    assert read(path)[0] == SOLD - SALES[9][2]


COLUMNS = "In/Out/Balance|Приход/Расход/Остаток|Zugang/Abgang/Bestand|Entradas/Salidas/Saldo"


@pytest.mark.parametrize("headers", COLUMNS.split("|"))
def test_what_went_out_stands_in_a_column(tmp_path, headers):
    rows = [[*row[:2], 0, row[2], 9, row[3]] for row in SALES]
    rows += [[*SALES[n][:2], 5, 0, 14, SALES[n][3]] for n in range(0, 60, 9)]
    head = [*HEADERS[:2], *headers.split("/"), "Price"]
    assert read(write(tmp_path / "s.csv", [head, *rows])) == (SOLD, MONEY)


# One fact in several columns

PARTS = ["Year|Month|Day", "Год|Месяц|День", "Jahr|Monat|Tag", "Année|Mois|Jour"]


@pytest.mark.parametrize("headers", PARTS)
def test_a_day_in_three_columns(tmp_path, headers):
    rows = [[*map(int, row[0].split("-")), *row[1:]] for row in SALES]
    path = write(tmp_path / "s.csv", [[*headers.split("|"), *HEADERS[1:]], *rows])
    days = ledger(path).copies.query("kind == 'sales'")["sold_date"]
    assert sorted(set(days.astype(str))) == sorted({row[0] for row in SALES})


@pytest.mark.parametrize("month", ["Jan 2024", "2024-01", "январь 2024", "01.2024"])
def test_a_row_for_each_record_and_month(tmp_path, month):
    words = {"J": "Jan Feb Mar Apr", "я": "январь февраль март апрель"}.get(month[0], "01 02 03 04")
    form = "2024-{}" if month[0] == "2" else ("{}.2024" if month[0] == "0" else "{} 2024")
    rows = [[form.format(words.split()[int(row[0][5:7]) - 1]), *row[1:]] for row in SALES]
    found = ledger(write(tmp_path / "s.csv", [["Month", *HEADERS[1:]], *rows]))
    assert sums(found)[1:] == (SOLD, MONEY)
    assert found.copies["sold_date"].max() == pd.Timestamp("2024-04-30")


NETS = {
    "Net qty": lambda sold, back: sold - back,
    "Qty returned": lambda sold, back: back,
    "Возвращено, шт.": lambda sold, back: back or "",
}


@pytest.mark.parametrize("header", NETS)
def test_copies_that_came_back_are_taken_off(tmp_path, header):
    rows = [
        [*row[:2], row[2] + 1, NETS[header](row[2] + 1, n % 9 == 2), row[3]]
        for n, row in enumerate(SALES)
    ]
    rows = [
        [str(cell) if cell is not True and cell is not False else int(cell) for cell in row]
        for row in rows
    ]
    path = write(tmp_path / "s.csv", [["Date", "Item", "Qty sold", header, "Price"], *rows])
    assert read(path)[0] == SOLD + 60 - sum(n % 9 == 2 for n in range(60))


SHOPS = {
    "a shared beginning": ["Остаток на Тверской", "Остаток на Невском", "Цена"],
    "a sum": ["North", "South", "Total"],
    "Square": ["Current Quantity Main St", "New Quantity Main St", "Stock Alert Count Main St"],
    "reserved apart": ["Lagerbestand gesamt", "In Aufträgen", "Verfügbar"],
}
SHOP_CELLS = {
    "a shared beginning": lambda n: [n - n // 2, n // 2 or "", 500],
    "a sum": lambda n: [n - n // 2, n // 2, n],
    "Square": lambda n: [n, "", 1],
    "reserved apart": lambda n: [n, n // 3, n - n // 3],
}


@pytest.mark.parametrize("way", SHOPS)
def test_a_stock_in_several_columns(tmp_path, way):
    rows = [[*row[:2], *SHOP_CELLS[way](row[3] + 2)] for row in STOCK[1:]]
    path = write(tmp_path / "k.csv", [["Artist", "Title", *SHOPS[way]], *rows])
    copies = parse_count(read_sources(path).rows["count"])[0].sum()
    assert copies == sum(row[3] + 2 for row in STOCK[1:])


# Days above their rows, and days of orders


@pytest.mark.parametrize("headed", [True, False])
def test_a_report_by_days(tmp_path, headed):
    rows = []
    for number in range(0, 60, 3):
        own = SALES[number : number + 3]
        rows.append([own[0][0], "", sum(row[2] for row in own), ""])
        rows += [["" if headed else row[0], *row[1:]] for row in own]
    path = write(tmp_path / "s.csv", [HEADERS, *(rows if headed else [r for r in rows if r[1]])])
    assert read(path) == (SOLD, MONEY)


@pytest.mark.parametrize("header", ["Дата создания", "Created"])
def test_a_day_of_creation_of_an_order_is_that_of_its_sale(tmp_path, header):
    rows = [[n // 2, *row] for n, row in enumerate(SALES)]
    path = write(tmp_path / "s.csv", [["Номер заказа", header, *HEADERS[1:]], *rows])
    assert read(path) == (SOLD, MONEY)
    with pytest.raises(InputError, match="sold_date"):
        read_sources(sales=write(tmp_path / "k.csv", [[header, *HEADERS[1:]], *SALES]))


def test_stock_and_sales_on_two_sheets_of_one_book(tmp_path):
    sheets = {"Остатки": STOCK, "Продажи": [HEADERS, *SALES]}
    path = book(tmp_path / "база.xlsx", sheets)
    raw = read_sources(path, path)
    assert raw.rows["kind"].value_counts().to_dict() == {"sales": 60, "stock": len(STOCK) - 1}


# Headers and cells

NAMED = "Megnevezés|Termék neve|Désignation|Libellé|Artículo|Descripción|Description|Описание"


@pytest.mark.parametrize("header", NAMED.split("|"))
def test_a_name_is_known_in_six_languages(tmp_path, header):
    found = ledger(write(tmp_path / "s.csv", changed([HEADERS, *SALES], "Item", header)))
    assert set(found.items["album"]) == set(NAMES) and sums(found)[1:] == (SOLD, MONEY)


DATED = """Posted at|Когда продано|Order placed (UTC)|Дата закрытия заказа|Shipped date|Day
|Teljesítés dátuma""".replace("\n", "")


@pytest.mark.parametrize("header", DATED.split("|"))
def test_a_day_of_sale_is_known_by_its_words(tmp_path, header):
    rows = changed([HEADERS, *SALES], "Date", header)
    assert read(write(tmp_path / "s.csv", rows)) == (SOLD, MONEY)


COUNTED = "quantity-purchased|No. of copies|Quantité commandée|Absatzmenge|Qtà|How many"


@pytest.mark.parametrize("header", COUNTED.split("|"))
def test_a_number_of_sold_copies_is_known_by_its_words(tmp_path, header):
    rows = changed([HEADERS, *SALES], "Qty", header)
    assert read(write(tmp_path / "s.csv", rows)) == (SOLD, MONEY)


def test_pieces_are_numbers_of_copies():
    texts = pd.Series(["×2", "2 ea", "2 (pcs)", "2 copies", "x 2", "2 pz"], dtype=object)
    copies, bad = parse_count(texts)
    assert copies.tolist() == [2] * 6 and not bad.any()


def test_a_header_with_commas_in_quotation_marks(tmp_path):
    "Columns behind it moved, and the stock of a WooCommerce export came out as zero."
    head = ["ID", "GTIN, UPC, EAN, or ISBN", "Name", "Stock", "Regular price"]
    rows = [[n, "", f"{row[0]} - {row[1]}", row[3], row[2]] for n, row in enumerate(STOCK[1:])]
    path = write(tmp_path / "k.csv", [head, *rows], ",")
    assert read(path, "stock")[0] == sum(row[3] for row in STOCK[1:])


def test_what_is_no_day_is_named_with_its_row(tmp_path):
    rows = changed([HEADERS, *SALES], "Date", cell=lambda day: f"{day} - {day}")
    with pytest.raises(
        InputError, match="row 2, sold_date «2024-01-02 - 2024-01-02»: is not a date"
    ):
        ledger(write(tmp_path / "s.csv", rows))


def test_half_of_the_rows_sold_nothing(tmp_path):
    rows = [each for row in SALES for each in (row, [row[0], NAMES[0], 0, 900])]
    assert read(write(tmp_path / "s.csv", [HEADERS, *rows])) == (SOLD, MONEY)


CURED = """s.xlsb save it as .xlsx|s.dbf LibreOffice|s.json DataFrame|s.zip Unpack it
|s.pdf export the|s.mxl in 1C|s.docx into a workbook|s.png picture|s.parquet pandas
|s.gsheet Download|s.xyz Save it as one""".replace("\n", "")


@pytest.mark.parametrize("case", CURED.split("|"))
def test_what_is_not_read_gets_one_message_with_its_cure(tmp_path, case):
    name, _, cure = case.partition(" ")
    (tmp_path / name).write_bytes(b"\x03" + bytes(range(256)) * 4)
    ending = name.partition(".")[2]
    with pytest.raises(InputError, match=rf"files that end in .{ending} cannot be read. .*{cure}"):
        read_sources(sales=tmp_path / name)


def test_a_cell_of_300_000_letters_costs_no_minutes(tmp_path):
    "The search for a second encoding looked at the rest of the cell from each of its letters."
    rows = [[*SALES[0][:1], "x" * 300_000, *SALES[0][2:]], *SALES]
    path = write(tmp_path / "s.csv", [HEADERS, *rows], "\t", "utf-8-sig")
    path.write_bytes(path.read_bytes() + "\n2024-04-30\tÀ propos\t1\t900\n".encode("cp1252"))
    start = time.process_time()
    assert len(read_sources(sales=path).rows) == len(SALES) + 2
    assert time.process_time() - start < 10


def test_the_month_stands_in_the_files_name_alone(tmp_path):
    for month in (1, 2, 3):
        text = f"Artist,Title,Sold\nCan,Tago Mago,{month + 1}\nNeu!,Neu!,1\n"
        (tmp_path / f"Verkauf_{month:02d}_2025.csv").write_text(text)
    ledger = build_ledger(read_sources(None, tmp_path))
    sold = ledger.copies.groupby(ledger.copies["sold_date"].dt.strftime("%Y-%m"))["count"].sum()
    assert sold.to_dict() == {"2025-01": 3, "2025-02": 4, "2025-03": 5}
    notes = " ".join(ledger.repairs["what"].astype(str))
    assert "the month that the file's name says" in notes


def test_two_months_of_equal_content_are_two_months(tmp_path):
    for name, sold in {"2025-01": 3, "2025-02": 2, "2025-03": 2, "2025-03 (1)": 2}.items():
        (tmp_path / f"{name}.csv").write_text(f"Artist,Title,Sold\nCan,Tago Mago,{sold}\n")
    ledger = build_ledger(read_sources(None, tmp_path))
    sold = ledger.copies.groupby(ledger.copies["sold_date"].dt.strftime("%Y-%m"))["count"].sum()
    assert sold.to_dict() == {"2025-01": 3, "2025-02": 2, "2025-03": 2}
