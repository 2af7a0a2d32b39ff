"""More members of the kinds, as programs of shops in six languages write them: headers, words for
what was not sold, money, names, exports that meet, and tables under a foreign name. The truth is
made first, and each file is written from it."""

from datetime import date, timedelta

import openpyxl
import pandas as pd
import pytest

from plastinka.core import InputError
from plastinka.data.days import parse_date
from plastinka.data.ingest import read_sources
from plastinka.data.ledger import build_ledger
from plastinka.data.values import parse_count, parse_price

NAMES = """Lake Effect|Second Sun;Кино дождя|Ночной поезд;Björk Öde|Tür;The Northern Tram|Low Tide;
Soap & Salt|Bookmarks;Ёлка ветра|Город обмана""".replace("\n", "")
RECORDS = [
    (f"46000000{number}0{number}0", *name.split("|"), 900 + 350 * number)
    for number, name in enumerate(NAMES.split(";"), 1)
]
HEADERS = ["Sale date", "Artist", "Title", "Price", "Qty"]
SALES = [
    [str(date(2024, 1, 1) + timedelta(2 * n)), *RECORDS[(n * 5 + n // 6) % 6][1:], 1 + (n % 7 == 0)]
    for n in range(56)
]
SOLD = sum(row[4] for row in SALES)
MONEY = sum(row[3] * row[4] for row in SALES)
STOCK = [["Artist", "Title", "Price", "Qty"]]
STOCK += [[*record[1:], n % 4] for n, record in enumerate(RECORDS)]
IN_STOCK = sum(row[3] for row in STOCK[1:])


def write(path, table, mark=";", encoding="utf-8"):
    "Rows as a text file; a cell that holds the mark stands in quotation marks."
    path.parent.mkdir(exist_ok=True)
    cells = [[f'"{cell}"' if mark in str(cell) else str(cell) for cell in row] for row in table]
    path.write_bytes("\n".join(mark.join(row) for row in cells).encode(encoding))
    return path


def changed(table, header, name=None, cell=lambda cell: cell):
    "A table with another header, or with other cells under it."
    place = table[0].index(header)
    rows = [[*row[:place], cell(row[place]), *row[place + 1 :]] for row in table[1:]]
    return [[*table[0][:place], name or header, *table[0][place + 1 :]], *rows]


def sums(ledger, kind="sales"):
    "Records, copies and money of a ledger's sales, or of its stock."
    mine = ledger.copies[ledger.copies["kind"] == kind]
    money = float((mine["count"] * mine["price"].fillna(0)).sum())
    return mine["item"].nunique(), int(mine["count"].sum()), money


def ledger(sales, stock=None):
    "The ledger of the files."
    return build_ledger(read_sources(stock, sales))


def read(path, kind="sales"):
    "Copies and money of one file's rows as they are read; each row is a copy where none is given."
    rows = read_sources(**{kind: path}).rows
    count = rows.get("count", pd.Series("1", rows.index))
    copies, price = parse_count(count)[0], parse_price(rows["price"])[0]
    return int(copies.sum()), float((copies * price).sum())


# Headers of the number of copies that no list holds

COUNTS = """Количество проданных / Количество на складе
Verkaufte Stückzahl / Aktueller Bestand
Eladott darabszám / Szabad készlet
Qté vendue / Quantité disponible
Cant. vendida / Stock real
product_quantity / Stock on hand
Number sold / Number in stock
Реализация, шт / Текущий остаток, шт
Absatz / Verfügbarer Bestand
Total Sold / Qty in stock
Sale Qty / Available to sell
Ventes Quantité / Stock restant"""


@pytest.mark.parametrize("headers", COUNTS.split("\n"))
def test_a_count_is_known_by_the_words_of_its_header(tmp_path, headers):
    sold, stocked = headers.split(" / ")
    sales = write(tmp_path / "sales.csv", changed([HEADERS, *SALES], "Qty", sold), ",")
    stock = write(tmp_path / "stock.csv", changed(STOCK, "Qty", stocked), ",")
    assert read(sales) == (SOLD, MONEY) and read(stock, "stock")[0] == IN_STOCK


@pytest.mark.parametrize("header", ["Количество в резерве", "Reorder qty", "Returned units", "№"])
def test_another_number_is_no_count(tmp_path, header):
    rows = [HEADERS[:4] + [header], *SALES]
    raw = read_sources(sales=write(tmp_path / "sales.csv", rows))
    assert "count" not in raw.rows


ROWS = {
    "ru": "Дата и время чека|Исполнитель / группа|Наименование товара|Цена за ед., руб.|Кол-во шт",
    "de": "Bestellzeit|Interpret|Artikelname|VK-Preis|Anz.",
    "hu": "Eladás ideje|Előadó neve|Lemez címe|Bruttó eladási ár|Darabszám",
    "fr": "Date de la commande|Nom de l'artiste|Titre de l'album|Prix TTC|Qté",
    "es": "Fecha y hora de venta|Artista|Título del disco|PVP|Uds",
    "en": "date_add|artist_name|product_name|unit_price_tax_incl|product_quantity",
}


@pytest.mark.parametrize("language", ROWS)
def test_a_whole_row_of_headers_is_known_by_its_words(tmp_path, language):
    raw = read_sources(sales=write(tmp_path / "s.csv", [ROWS[language].split("|"), *SALES]))
    assert {"sold_date", "artist", "album", "price", "count"} <= set(raw.rows)


def test_headers_in_two_rows_over_several_columns(tmp_path):
    made = openpyxl.Workbook()
    page = made.active
    page.append(["Номенклатура", "Начальный остаток", None, "Конечный остаток", None])
    page.append([None, "Количество", "Сумма", "Количество", "Сумма"])
    for place in ("A1:A2", "B1:C1", "D1:E1"):
        page.merge_cells(place)
    for artist, title, price, count in STOCK[1:]:
        page.append([f"{artist} - {title}", count + 2, price, count, count * price])
    made.save(tmp_path / "stock.xlsx")
    rows = read_sources(tmp_path / "stock.xlsx").rows
    assert parse_count(rows["count"])[0].sum() == IN_STOCK and len(rows) == 6


def test_a_question_is_no_number_of_copies(tmp_path):
    rows = [[*STOCK[0][:3], "In stock?", "Stock"]]
    rows += [[*row[:3], int(row[3] > 0), row[3]] for row in STOCK[1:]]
    assert read(write(tmp_path / "k.csv", rows), "stock")[0] == IN_STOCK


# Words for rows that are no sales: header, word of a sale, word of the others

GONE = """Rendelés állapota / Teljesítve / Törölve
Statut de la commande / Livré / Annulée
Order State / Shipped / Cancelled (Non-Paying Buyer)
Status / wc-completed / wc-failed
Проведен / Да / Нет
Статус / Доставлен / Отказ покупателя
Cancelled / 0 / 1
Bestellstatus / Offen / Abgebrochen
Deleted / No / Yes
Пометка удаления / Нет / Да"""


@pytest.mark.parametrize("words", GONE.split("\n"))
def test_a_row_that_was_not_sold_does_not_count(tmp_path, words):
    header, sale, gone = words.split(" / ")
    rows = [[*row, gone if n % 11 == 5 else sale] for n, row in enumerate(SALES)]
    path = write(tmp_path / "sales.csv", [[*HEADERS, header], *rows])
    assert read(path)[0] == sum(row[4] for n, row in enumerate(SALES) if n % 11 != 5)


BACK = """Belegart / Rechnung / Gutschrift
Тип документа / Реализация / Возврат от покупателя
Transaction / Sale / Refund
Bizonylat típusa / Számla / Sztornó
Type de document / Facture / Avoir
Tipo de documento / Factura / Abono
Line type / SALE / RETURN
Признак расчета / Приход / Возврат прихода"""


@pytest.mark.parametrize("words", BACK.split("\n"))
def test_a_row_of_another_type_takes_its_sale_back(tmp_path, words):
    header, sale, back = words.split(" / ")
    rows = [[*row, sale] for row in SALES] + [[*SALES[n], back] for n in (9, 30)]
    path = write(tmp_path / "sales.csv", [[*HEADERS, header], *sorted(rows)])
    assert read(path)[0] == SOLD - SALES[9][4] - SALES[30][4]


@pytest.mark.parametrize("words", ["Payment type / Credit", "Тип оплаты / Возвратный сертификат"])
def test_how_it_was_paid_says_nothing_of_the_sale(tmp_path, words):
    header, word = words.split(" / ")
    rows = [[*row, word if n % 5 == 0 else "Cash"] for n, row in enumerate(SALES)]
    assert read(write(tmp_path / "s.csv", [[*HEADERS, header], *rows]))[0] == SOLD


# Money

WRITTEN = {
    "(USD)": lambda price: f"{price:.2f} (USD)",
    "сум": lambda price: f"{price} сум",
    "дин.": lambda price: f"{price} дин.",
    "Rs.": lambda price: f"Rs. {price:,}.00",
    "֏": lambda price: f"{price} ֏",
    "тугр": lambda price: f"{price} тугр",
}


@pytest.mark.parametrize("word", WRITTEN)
def test_a_word_beside_every_price_is_its_currency(tmp_path, word):
    rows = changed([HEADERS, *SALES], "Price", cell=WRITTEN[word])
    path = write(tmp_path / "sales.csv", rows)
    assert read(path) == (SOLD, MONEY) and read_sources(sales=path).sources["currency"].iloc[0]


def test_the_currency_of_a_header_is_kept(tmp_path):
    rows = changed([HEADERS, *SALES], "Price", "Цена, руб.")
    path = write(tmp_path / "sales.csv", rows, ",")
    assert read_sources(sales=path).sources["currency"].tolist() == ["RUB"]
    other = write(tmp_path / "k.csv", changed(STOCK, "Price", "Preis (EUR)"))
    with pytest.raises(InputError, match="prices in 2 currencies"):
        read_sources(other, path)


# Days

DAYS = """1er juin 2024 à 14:05|Jun-01-2024|1. Juni 2024|2024. június 1.|1 de junio de 2024
|Saturday, June 1, 2024|June 1st, 2024|01-июн-2024|1 июн. 2024 г.|Sa, 01.06.2024|01 06 2024
|Sat Jun 01 2024 14:05:00 GMT+0300""".replace("\n", "")


def test_a_day_is_read_however_it_is_written():
    days, bad = parse_date(pd.Series(DAYS.split("|"), dtype=object))
    assert not bad.any() and set(days) == {pd.Timestamp("2024-06-01")}


# Names

SPELLED = {
    "marks of a web page": lambda row: [each.replace("&", "&amp;") for each in row],
    "without umlauts": lambda row: [each.replace("ö", "oe").replace("ü", "ue") for each in row],
    "in one column": lambda row: ["", f"{row[0]} — {row[1]} [Vinyl LP]"],
    "with a colon": lambda row: ["", f"{row[0]}: {row[1]}"],
    "the title first": lambda row: ["", f"{row[1]} - {row[0]}"],
    "by": lambda row: ["", f"{row[1]} by {row[0]}"],
    "a number first": lambda row: ["", f"[SKU-{len(row[0])}] {row[0]} - {row[1]}"],
    "a number behind": lambda row: [row[0], f"{row[1]} [CAT-{len(row[1]):03}]"],
}


@pytest.mark.parametrize("way", SPELLED)
def test_names_are_joined_however_they_are_written(tmp_path, way):
    rows = [HEADERS, *[[row[0], *SPELLED[way](row[1:3]), *row[3:]] for row in SALES]]
    found = ledger(write(tmp_path / "s.csv", rows), write(tmp_path / "k.csv", STOCK))
    assert len(found.items) == 6 and sums(found)[1:] == (SOLD, MONEY)


# Exports that meet on a day, and branches that sell alike


def of_days(first, last):
    "Headers, and the sales of some rows."
    return [HEADERS, *SALES[first:last]]


@pytest.mark.parametrize("rows, twice", [(2, 0), (1, SALES[39][4])])
def test_a_few_equal_sales_of_two_exports_count_once(tmp_path, rows, twice):
    "One sale of a record that is every tenth sale of the shop may be a chance: both count."
    write(tmp_path / "sales" / "a.csv", of_days(0, 40))
    write(tmp_path / "sales" / "b.csv", of_days(40 - rows, None))
    more = [["2024-01-02", "Another", f"Title {n}", 500, 1] for n in range(30)]
    write(tmp_path / "sales" / "c.csv", [HEADERS, *more])
    assert sums(ledger(tmp_path / "sales"))[1] == SOLD + 30 + twice


def test_equal_sales_of_two_branches_count_twice(tmp_path):
    for name, rows in (("main", SALES), ("kiosk", SALES[10:16])):
        table = [[*HEADERS, "Branch"], *[[*row, name] for row in rows]]
        write(tmp_path / "sales" / f"{name}.csv", table)
    assert sums(ledger(tmp_path / "sales"))[1] == SOLD + sum(row[4] for row in SALES[10:16])


def test_a_file_of_no_bytes_stops_nothing(tmp_path, capsys):
    paths = [write(tmp_path / "sales" / "a.csv", of_days(0, None)), tmp_path / "sales" / "b.csv"]
    paths[1].touch()
    for given in (tmp_path / "sales", paths):
        assert read(given)[0] == SOLD
    assert "Left out: b.csv, is empty" in capsys.readouterr().err
    with pytest.raises(InputError, match="0 bytes"):
        read_sources(sales=paths[1])


def test_a_closed_month_is_named_in_words(tmp_path):
    for month in ("2024-01", "2024-03", "2024-04"):
        rows = [row for row in SALES if row[0].startswith(month)]
        write(tmp_path / "sales" / f"{month}.csv", [HEADERS, *rows])
    write(tmp_path / "sales" / "февраль 2024.csv", [HEADERS])
    assert ledger(tmp_path / "sales").last_day >= pd.Timestamp("2024-04-21")


# Tables under a foreign name


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("name", ["sales.xls", "sales.xlsx"])
def test_text_under_the_name_of_a_workbook(tmp_path, name, encoding):
    assert read(write(tmp_path / name, [HEADERS, *SALES], "\t", encoding)) == (SOLD, MONEY)


def test_a_workbook_under_the_name_of_a_text_file(tmp_path):
    pd.DataFrame(SALES, columns=HEADERS).to_excel(tmp_path / "a.xlsx", index=False)
    assert read((tmp_path / "a.xlsx").rename(tmp_path / "sales.csv")) == (SOLD, MONEY)


def test_headers_of_a_program_below_a_title(tmp_path):
    title = [["Отчёт о продажах"], ["Склад", "Основной"], []]
    path = write(tmp_path / "s.csv", [*title, ROWS["ru"].split("|"), *SALES])
    assert read(path) == (SOLD, MONEY)


@pytest.mark.parametrize("kind", ["sales", "stock"])
def test_a_sheet_of_notes_beside_the_table(tmp_path, kind):
    table = [HEADERS, *SALES] if kind == "sales" else STOCK
    notes = pd.DataFrame([["Отчёт", None], ["Дата", "28.04.2024"]])
    with pd.ExcelWriter(tmp_path / "f.xlsx") as book:
        notes.to_excel(book, sheet_name="Справка", header=False, index=False)
        pd.DataFrame(table).to_excel(book, sheet_name="Продажи", header=False, index=False)
    assert read(tmp_path / "f.xlsx", kind)[0] == (SOLD if kind == "sales" else IN_STOCK)
