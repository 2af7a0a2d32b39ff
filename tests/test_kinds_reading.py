"""Kinds of files that shops' programs write, each a table of members with what a person reads in
them. Every file is written by its test; the value beside it was written down by hand."""

import io
import zipfile
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest
import xlsxwriter
from damage import write_old_book

from plastinka.core import InputError
from plastinka.data.ingest import read_frame, read_sources
from plastinka.data.inspect import describe, inspect_file
from plastinka.data.ledger import build_ledger

HEADERS = ["Artist", "Album", "Price", "Sold"]
SALES = [
    ["Кино", "Ночь", "1200", "2024-05-01"],
    ["Сад Камней", "Зеркала", "900", "2024-05-02"],
    ["Кино", "Ночь", "1200", "2024-05-20"],
    ["Артемий", "Ёлка", "700", "2024-05-31"],
]


def text_of(rows: list[list[str]], separator: str = ";") -> str:
    "Rows as text, as a program without quotation marks writes them."
    return "\n".join(separator.join(row) for row in rows) + "\n"


def write_book(path: Path, sheets: dict[str, list[list]], hidden: tuple[str, ...] = ()) -> Path:
    "A workbook of sheets, some of them hidden."
    with xlsxwriter.Workbook(path, dict(default_date_format="dd.mm.yyyy")) as book:
        for name, rows in sheets.items():
            page = book.add_worksheet(name)
            if name in hidden:
                page.hide()
            for number, row in enumerate(rows):
                page.write_row(number, 0, row)
    return path


def read(path: Path, kind: str = "sales") -> pd.DataFrame:
    "The rows of one file."
    return read_sources(**{kind: path}).rows


def said(raw) -> str:
    "What the load report says of the files."
    return "; ".join(note[1] for notes in raw.sources["notes"] for note in notes)


# Sheets

MONTHS = {
    "2024-04": [HEADERS, ["Кино", "Ночь", 9, datetime(2024, 4, 2)]],
    "2024-05": [HEADERS, ["ДДТ", "Это всё", 8, datetime(2024, 5, 2)]],
}
TURNED = [HEADERS[::-1], [datetime(2024, 6, 1), 7, "Ra", "Sun"]]
MORE = [[*HEADERS, "Комментарий"], ["Can", "Ege", 7, datetime(2024, 6, 1), "подарок"]]
TITLED = [["Отчёт за июнь"], [], HEADERS, ["Can", "Ege", 7, datetime(2024, 6, 1)]]
SHEETS = {
    "two months": (MONTHS, (), 2),
    "names in Russian": (dict(zip(["Апрель", "Май"], MONTHS.values(), strict=True)), (), 2),
    "columns in another order": ({**MONTHS, "2024-06": TURNED}, (), 3),
    "a column more": ({**MONTHS, "2024-06": MORE}, (), 3),
    "a title above": ({**MONTHS, "2024-06": TITLED}, (), 3),
    "notes beside": ({**MONTHS, "Заметки": [["позвонить"]]}, (), 2),
    "an empty sheet": ({**MONTHS, "2024-06": []}, (), 2),
    "a hidden sheet": ({**MONTHS, "2023": [HEADERS, ["x", "y", 1, "2023-01-01"]]}, ("2023",), 2),
    "hidden lists": ({"2024-05": MONTHS["2024-05"], "L": [["Artist"], ["Кино"]]}, ("L",), 1),
}


@pytest.mark.parametrize("name", SHEETS)
def test_sheets_with_the_same_headers_are_all_read(tmp_path, name):
    sheets, hidden, rows = SHEETS[name]
    found = read(write_book(tmp_path / "year.xlsx", sheets, hidden))
    assert len(found) == rows and found["sold_date"].notna().all()
    assert set(found["artist"]) <= {"Кино", "ДДТ", "Ra", "Can"} | {"Sun"}


RETURNS = dict(zip(["Продажи", "Возвраты"], MONTHS.values(), strict=True))


def test_sheets_of_returns_are_asked_for(tmp_path):
    book = write_book(tmp_path / "book.xlsx", RETURNS)
    with pytest.raises(InputError, match="Choose one"):
        read(book)
    assert len(read_sources(sales=book, sheet="Продажи").rows) == 1


def test_a_sheet_of_prices_is_left_out_by_name(tmp_path):
    sheets = {"2024-05": MONTHS["2024-05"], "Цены": [["Album", "Price"], ["Ночь", 9]]}
    raw = read_sources(sales=write_book(tmp_path / "book.xlsx", sheets))
    assert len(raw.rows) == 1 and "other sheets, not read" in said(raw)


def test_sheets_of_a_stock_are_asked_for(tmp_path):
    sheets = {name: [["Artist", "Album"], ["Can", "Ege"]] for name in ("May", "June")}
    with pytest.raises(InputError, match="Choose one"):
        read(write_book(tmp_path / "stock.xlsx", sheets), "stock")


def test_months_of_a_workbook_reach_the_ledger(tmp_path):
    ledger = build_ledger(read_sources(sales=write_book(tmp_path / "year.xlsx", MONTHS)))
    assert ledger.copies["count"].sum() == 2 and len(ledger.report) == 2


# Encodings

ENCODED = {
    "cp1251 artists in UTF-8": ("utf-8", "cp1251"),
    "cp866 artists in UTF-8": ("utf-8", "cp866"),
    "UTF-8 artists in cp1251": ("cp1251", "utf-8"),
    "UTF-8 with its mark": ("utf-8-sig", "cp1251"),
}


@pytest.mark.parametrize("name", ENCODED)
def test_two_encodings_by_field(tmp_path, name):
    main, other = ENCODED[name]
    lines = [";".join(HEADERS).encode(main)]
    for artist, *rest in SALES:
        lines.append(artist.encode(other) + b";" + ";".join(rest).encode(main.removesuffix("-sig")))
    (tmp_path / "may.csv").write_bytes(b"\n".join(lines))
    raw = read_sources(sales=tmp_path / "may.csv")
    assert raw.rows[["artist", "album"]].to_numpy().tolist() == [row[:2] for row in SALES]
    assert "two encodings" in said(raw)


@pytest.mark.parametrize("second", ["cp1251", "cp866"])
def test_two_encodings_by_line(tmp_path, second):
    content = text_of([HEADERS, *SALES[:2]]).encode() + text_of(SALES[2:]).encode(second)
    (tmp_path / "may.csv").write_bytes(content)
    assert read(tmp_path / "may.csv")["artist"].tolist() == [row[0] for row in SALES]


@pytest.mark.parametrize("first, second", [("cp1251", "cp866"), ("cp866", "cp1251")])
@pytest.mark.parametrize("share", [1, 4])
def test_two_old_encodings_by_line(tmp_path, first, second, share):
    "Two programs write into one file, one from the days of DOS: each fifth line, or every second."
    lines = [line.encode(first) for line in text_of([HEADERS, *SALES * share]).splitlines(True)]
    added = [line.encode(second) for line in text_of(SALES[:3]).splitlines(True)]
    (tmp_path / "may.csv").write_bytes(b"".join([*lines, *added]))
    raw = read_sources(sales=tmp_path / "may.csv")
    names = [row[0] for row in [*SALES * share, *SALES[:3]]]
    assert raw.rows["artist"].tolist() == names and "two encodings" in said(raw)


def test_a_western_name_in_two_encodings(tmp_path):
    rows = [["Björk", "Début", "9", "2024-05-01"], ["Motörhead", "Überkill", "9", "2024-05-02"]]
    content = text_of([HEADERS, rows[0]]).encode() + text_of(rows[1:]).encode("cp1252")
    (tmp_path / "may.csv").write_bytes(content)
    assert read(tmp_path / "may.csv")["artist"].tolist() == ["Björk", "Motörhead"]


def test_one_damaged_letter_is_no_second_encoding(tmp_path):
    content = text_of([HEADERS, *SALES]).encode().replace("Кино".encode(), "Кино".encode()[:-1], 1)
    (tmp_path / "may.csv").write_bytes(content)
    raw = read_sources(sales=tmp_path / "may.csv")
    assert raw.rows["artist"].tolist()[0] == "Кин\ufffd" and "encodings" not in said(raw)
    assert raw.rows["artist"].tolist()[1:] == [row[0] for row in SALES[1:]]


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "cp1251", "cp866"])
def test_one_encoding_is_one(tmp_path, codec):
    (tmp_path / "may.csv").write_bytes(text_of([HEADERS, *SALES]).encode(codec))
    raw = read_sources(sales=tmp_path / "may.csv")
    assert raw.rows["artist"].tolist() == [row[0] for row in SALES] and not said(raw)


# Quotation marks

QUOTED = {
    "inches at the end": ('"Royce 5\'9"","Layers",9,2024-05-01', "Royce 5'9\"", "Layers"),
    "inches in two fields": ('"Royce 5\'9"","Blue 12"",9,2024-05-01', "Royce 5'9\"", 'Blue 12"'),
    "before a bracket": ('"Can","Ege (12")",9,2024-05-01', "Can", 'Ege (12")'),
    "a word in marks": (
        '"Bonnie "Prince" Billy","Ease",9,2024-05-01',
        'Bonnie "Prince" Billy',
        "Ease",
    ),
    "marks and a comma": (
        '"Bonnie "Prince", The","Ease",9,2024-05-01',
        'Bonnie "Prince", The',
        "Ease",
    ),
    "the whole title": ('"Bowie",""Heroes"",9,2024-05-01', "Bowie", '"Heroes"'),
    "a title begins so": ('"Bowie",""Heroes" (Live)",9,2024-05-01', "Bowie", '"Heroes" (Live)'),
    "bare inches": ('Can,Ege 12",9,2024-05-01', "Can", 'Ege 12"'),
    "marks doubled": ('"Bowie","""Heroes""",9,2024-05-01', "Bowie", '"Heroes"'),
    "doubled with a comma": ('"Say ""Yes"", OK","B",9,2024-05-01', 'Say "Yes", OK', "B"),
}
AFTER = "Can,Tago Mago,20,2024-05-02\nCan,Ege,20,2024-05-03\n"


@pytest.mark.parametrize("name", QUOTED)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_quotation_marks_inside_a_field(tmp_path, name, separator):
    line, artist, album = QUOTED[name]
    text = (",".join(HEADERS) + "\n" + AFTER + line + "\n" + AFTER).replace(",", separator)
    (tmp_path / "may.csv").write_text(text)
    raw = read_sources(sales=tmp_path / "may.csv")
    third = raw.rows.loc[2, ["artist", "album", "price", "sold_date"]].tolist()
    inner = [each.replace(",", separator) for each in (artist, album)]
    assert [" ".join(each.split()) for each in third[:2]] == [
        " ".join(each.split()) for each in inner
    ]
    assert third[2:] == ["9", "2024-05-01"]
    assert len(raw.rows) == 5 and raw.rejected.empty


# Rows that are no records

STOCK = ["Artist", "Album", "Qty"]
SUMS = {
    "a word": [["Can", "Ege", "2"], ["Итого", "", "2"]],
    "group and sum by word": [["Can", "Ege", "2"], ["", "Итого по группе: Рок", "2"]],
    "sums above": [["", "Rock", "5"], ["Can", "Ege", "2"], ["Neu!", "2", "3"], ["", "Jazz", "4"],
                   ["Sun Ra", "Space", "4"]],
    "sums below": [["Can", "Ege", "2"], ["Neu!", "2", "3"], ["", "Rock", "5"],
                   ["Sun Ra", "Space", "4"], ["", "Jazz", "4"]],
    "one sum of all": [["Can", "Ege", "2"], ["Neu!", "2", "3"], ["Can", "Tago", "1"],
                       ["", "Alle", "6"]],
    "a shop above its groups": [["", "Shop", "9"], ["", "Rock", "5"], ["Can", "Ege", "2"],
                                ["Neu!", "2", "3"], ["", "Jazz", "4"], ["Sun Ra", "Space", "4"]],
}  # fmt: skip


@pytest.mark.parametrize("name", SUMS)
def test_sums_are_no_records(tmp_path, name):
    (tmp_path / "stock.csv").write_text(text_of([STOCK, *SUMS[name]]))
    raw = read_sources(stock=tmp_path / "stock.csv")
    artists = {"Can", "Neu!", "Sun Ra"}
    assert raw.rows["artist"].isin(artists).all()
    records = [row for row in SUMS[name] if row[0] in artists]
    assert len(raw.rows) == len(records) and "sum" in said(raw)
    assert raw.sources["filtered"].sum() == len(SUMS[name]) - len(records)


def test_a_record_without_its_artist_is_no_sum(tmp_path):
    rows = [["Can", "Ege", "2"], ["", "Various", "4"], ["Neu!", "2", "3"], ["", "Sampler", "9"]]
    (tmp_path / "stock.csv").write_text(text_of([STOCK, *rows]))
    assert len(read(tmp_path / "stock.csv", "stock")) == 4


BLANKS = {"sales": (["2"], 1), "stock": (["2", "0"], 2)}


@pytest.mark.parametrize("kind", BLANKS)
def test_a_blank_count_is_no_copy(tmp_path, kind):
    counts, rows = BLANKS[kind]
    text = "Album;Qty;Sold\nBlue;2;2024-05-01\nRed;;2024-05-02\n"
    (tmp_path / "file.csv").write_text(text)
    raw = read_sources(**{kind: tmp_path / "file.csv"})
    assert raw.rows["count"].tolist() == counts and len(raw.rows) == rows
    assert "no number of copies" in said(raw)


# Orders, merged cells, other formats

ORDERS = {
    "every line has its number": (["#1", "#1", "#2"], ["2024-05-01", "", "2024-05-02"]),
    "the number on its first line": (["#1", "", "#2"], ["2024-05-01", "", "2024-05-02"]),
    "the day on the last line": (["#1", "#1", "#2"], ["", "2024-05-01", "2024-05-02"]),
}


@pytest.mark.parametrize("header", ["Order", "Order ID", "Номер заказа", "Bestellnummer", "Name"])
@pytest.mark.parametrize("name", ORDERS)
def test_an_orders_day_holds_for_its_lines(tmp_path, name, header):
    numbers, days = ORDERS[name]
    rows = [[number, "Blue", day] for number, day in zip(numbers, days, strict=True)]
    (tmp_path / "orders.csv").write_text(text_of([[header, "Album", "Sale date"], *rows]))
    expected = ["2024-05-01", "2024-05-01", "2024-05-02"]
    assert read(tmp_path / "orders.csv")["sold_date"].tolist() == expected


def test_a_line_of_no_order_stays_without_its_day(tmp_path):
    rows = [["#1", "Blue", "2024-05-01"], ["#2", "Red", ""], ["#3", "Red", "2024-05-02"]]
    (tmp_path / "orders.csv").write_text(text_of([["Order", "Album", "Sold"], *rows]))
    assert read(tmp_path / "orders.csv")["sold_date"].isna().tolist() == [False, True, False]


def test_merged_cells_hold_for_all_their_rows(tmp_path):
    with xlsxwriter.Workbook(tmp_path / "may.xlsx") as book:
        page = book.add_worksheet("May")
        for number, row in enumerate([HEADERS, *SALES]):
            page.write_row(number, 0, row)
        page.merge_range("A2:A4", "Кино")
        page.merge_range("D2:D3", "2024-05-01")
    rows = read(tmp_path / "may.xlsx")
    assert rows["artist"].tolist() == ["Кино"] * 3 + ["Артемий"]
    assert rows["sold_date"].tolist() == ["2024-05-01"] * 2 + ["2024-05-20", "2024-05-31"]


def test_merged_cells_of_an_old_workbook_hold_too(tmp_path):
    rows = [[*row] for row in [HEADERS, *SALES]]
    for number in (2, 3):
        rows[number][0] = None  # Excel keeps the first of merged cells
    rows[2][3] = None
    places = [(1, 3, 0, 0), (1, 2, 3, 3)]
    (tmp_path / "may.xls").write_bytes(write_old_book(rows, merged=places))
    rows = read(tmp_path / "may.xls")
    assert rows["artist"].tolist() == ["Кино"] * 3 + ["Артемий"]
    assert rows["sold_date"].tolist() == ["2024-05-01"] * 2 + ["2024-05-20", "2024-05-31"]


def test_merged_headers_are_no_rows(tmp_path):
    with xlsxwriter.Workbook(tmp_path / "may.xlsx") as book:
        page = book.add_worksheet("May")
        page.merge_range("A1:A2", "Дата продажи")
        page.merge_range("B1:B2", "Альбом")
        page.merge_range("C1:D1", "Продажи")
        page.write_row(1, 2, ["Количество", "Цена"])
        page.write_row(2, 0, ["01.05.2024", "Ночь", 2, 9])
    rows = read(tmp_path / "may.xlsx")
    assert rows[["sold_date", "album", "count", "price"]].to_numpy().tolist() == [
        ["01.05.2024", "Ночь", "2", "9"]
    ]


def cells(row: list[str], tag: str) -> str:
    "A row of a web page."
    return "<tr>" + "".join(f"<{tag}>{text}</{tag}>" for text in row) + "</tr>"


def page_of(meta: str) -> str:
    "The sales as a web page."
    rows = cells(HEADERS, "th") + "".join(cells(row, "td") for row in SALES)
    return f"<html><head>{meta}</head><body><table>{rows}</table></body></html>"


def xml_of(rows: list[list[str]]) -> str:
    "Rows as a workbook of Excel 2003."
    lines = "".join(
        "<Row>"
        + "".join(f'<Cell><Data ss:Type="String">{text}</Data></Cell>' for text in row)
        + "</Row>"
        for row in rows
    )
    space = 'xmlns="urn:schemas-microsoft-com:office:spreadsheet"'
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><Workbook {space} xmlns:ss="urn:x">'
        f'<Worksheet ss:Name="May"><Table>{lines}</Table></Worksheet></Workbook>'
    )


def document_of(rows: list[list[str]]) -> bytes:
    "Rows as an OpenDocument sheet."
    lines = "".join(
        "<table:table-row>"
        + "".join(
            f'<table:table-cell office:value-type="string"><text:p>{text}</text:p>'
            "</table:table-cell>"
            for text in row
        )
        + '<table:table-cell table:number-columns-repeated="16380"/></table:table-row>'
        for row in rows
    )
    office = "urn:oasis:names:tc:opendocument:xmlns:"
    names = " ".join(f'xmlns:{name}="{office}{name}:1.0"' for name in ("office", "table", "text"))
    table = f'<table:table table:name="May">{lines}</table:table>'
    body = f"<office:body><office:spreadsheet>{table}</office:spreadsheet></office:body>"
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    place = f"{office}manifest:1.0"
    manifest = (
        f'<manifest:manifest xmlns:manifest="{place}"><manifest:file-entry manifest:full-path="/" '
        f'manifest:media-type="{kind}"/></manifest:manifest>'
    )
    with zipfile.ZipFile(made := io.BytesIO(), "w") as archive:
        archive.writestr("mimetype", kind)
        archive.writestr("META-INF/manifest.xml", manifest)
        content = f"<office:document-content {names}>{body}</office:document-content>"
        archive.writestr("content.xml", '<?xml version="1.0" encoding="UTF-8"?>' + content)
    return made.getvalue()


FORMATS = {
    "page in UTF-8": ("may.xls", page_of('<meta charset="utf-8">').encode()),
    "page in cp1251": ("may.xls", page_of('<meta charset="windows-1251">').encode("cp1251")),
    "page without a word": ("may.xls", page_of("").encode("cp1251")),
    "page by its name": ("may.html", page_of("").encode()),
    "XML of Excel 2003": ("may.xls", xml_of([HEADERS, *SALES]).encode()),
    "XML by its name": ("may.xml", xml_of([HEADERS, *SALES]).encode()),
    "OpenDocument": ("may.ods", document_of([HEADERS, *SALES])),
}


@pytest.mark.parametrize("name", FORMATS)
def test_other_formats(tmp_path, name):
    file, content = FORMATS[name]
    (tmp_path / file).write_bytes(content)
    rows = read(tmp_path / file)
    assert rows[["artist", "album", "price", "sold_date"]].to_numpy().tolist() == SALES


# DataFrames


def test_a_frame_counts_as_a_file(tmp_path):
    frame = pd.DataFrame(SALES, columns=HEADERS).assign(Price=[1200.0, 900, 1200, 700])
    frame["Sold"] = pd.to_datetime(frame["Sold"])
    (tmp_path / "may.csv").write_text(text_of([HEADERS, *SALES]))
    by_file, by_frame = (
        build_ledger(raw) for raw in (read_sources(sales=tmp_path / "may.csv"), read_frame(frame))
    )
    columns = ["item", "sold_date", "count", "price"]
    pd.testing.assert_frame_equal(by_file.copies[columns], by_frame.copies[columns])
    assert by_file.items["item_id"].tolist() == by_frame.items["item_id"].tolist()


def test_a_frame_with_a_name_and_a_file_together(tmp_path):
    frame = pd.DataFrame(SALES[:2], columns=HEADERS)
    frame.attrs["name"] = "April"
    (tmp_path / "may.csv").write_text(text_of([HEADERS, *SALES[2:]]))
    raw = read_sources(sales=[tmp_path / "may.csv", frame])
    assert raw.sources["file"].tolist() == ["may.csv", "April"] and len(raw.rows) == 4


# Money

MONEY = {"12.50 €": "EUR", "£12.50": "GBP", "12,50 руб.": "RUB", "USD 12.50": "USD", "12.50": ""}


@pytest.mark.parametrize("text", MONEY)
def test_the_currency_is_kept(tmp_path, text):
    (tmp_path / "may.csv").write_text(f"Album;Sold;Price\nBlue;2024-05-01;{text}\n")
    assert read_sources(sales=tmp_path / "may.csv").sources["currency"].tolist() == [MONEY[text]]


RATES = {
    "beside the price": ("Price", ["€10", "$5", "1200 руб", "900"], "EUR,100\nUSD,90\nRUB,1\n"),
    "as YAML": ("Price", ["€10", "$5", "1200 руб", "900"], "EUR: 100\n$: 90\nRUB: 1\n"),
    "codes": ("Price", ["10 EUR", "5 USD", "1200 RUB", "900"], "EUR;100\nUSD;90\nRUB;1\n"),
    "decimals": ("Price", ["€10.00", "$5.00", "1200,00 ₽", "900,00 ₽"], "€,100,\n$,90\n₽,1\n"),
    "a column": (
        "Price;Currency",
        ["10;EUR", "5;USD", "1200;RUB", "900;"],
        "EUR,100\nUSD,90\nRUB,1",
    ),
}


@pytest.mark.parametrize("name", RATES)
def test_two_currencies_are_converted_by_given_rates(tmp_path, name):
    "10 euros at 100, 5 dollars at 90, and what is in roubles stays."
    header, prices, rates = RATES[name]
    path, table = tmp_path / "may.csv", tmp_path / "rates.txt"
    lines = [f"Can;Ege {n};{price};2024-05-{n:02}" for n, price in enumerate(prices, 1)]
    path.write_text("\n".join([f"Artist;Album;{header};Sold", *lines]), encoding="utf-8")
    table.write_text(rates.replace(",\n", "\n"), encoding="utf-8")
    with pytest.raises(InputError, match="currencies.*--rates"):
        read_sources(sales=path)
    raw = read_sources(sales=path, rates=table)
    money = build_ledger(raw).copies.sort_values("sold_date")["price"]
    assert money.tolist() == [1000, 450, 1200, 900]
    assert raw.sources["currency"].tolist() == ["RUB"] and "converted to RUB" in said(raw)
    table.write_text("RUB,1\nEUR,100\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"in (USD|\$), without a rate"):
        read_sources(sales=path, rates=table)


PURCHASES = {  # Header, rows, prices and purchase prices in roubles, at 100 for a euro
    "one column for both": (
        "Цена;Себестоимость;Валюта",
        ["25,50;15,25;EUR", "2490,00;1500,00;руб."],
        [2550, 2490],
        [1525, 1500],
    ),
    "all rows in euros": (
        "Price;Cost;Currency",
        ["25;15;EUR", "30;20;EUR"],
        [2500, 3000],
        [1500, 2000],
    ),
    "headers": (
        "Цена, руб.;Закупочная цена, EUR",
        ["2490;15", "3000;20"],
        [2490, 3000],
        [1500, 2000],
    ),
    "a header of prices": (
        "Price (EUR);Cost, руб.",
        ["25;1500", "30;2000"],
        [2500, 3000],
        [1500, 2000],
    ),
    "a column of its own": (
        "Цена;Закупочная цена;Валюта закупки",
        ["2490;15;EUR", "3000;2000;RUB"],
        [2490, 3000],
        [1500, 2000],
    ),
    "a sign in the cell": (
        "Цена;Закупочная цена;Валюта",
        ["2490;€ 15,00;RUB", "30;20;EUR"],
        [2490, 3000],
        [1500, 2000],
    ),
}


@pytest.mark.parametrize("name", PURCHASES)
def test_purchase_prices_are_converted_as_prices_are(tmp_path, name):
    "A purchase price of 15.25 euros is 1525 roubles, wherever the file says that it is in euros."
    header, rows, prices, costs = PURCHASES[name]
    path, table = tmp_path / "may.csv", tmp_path / "rates.txt"
    lines = [f"Can;Ege {n};{row};2024-05-{n:02}" for n, row in enumerate(rows, 1)]
    path.write_text("\n".join([f"Artist;Album;{header};Sold", *lines]), encoding="utf-8")
    table.write_text("RUB,1\nEUR,100\n", encoding="utf-8")
    copies = build_ledger(read_sources(sales=path, rates=table)).copies.sort_values("sold_date")
    assert (copies["price"].tolist(), copies["purchase_price"].tolist()) == (prices, costs)
    if name != "all rows in euros":
        with pytest.raises(InputError, match="--rates"):
            read_sources(sales=path)


def test_files_in_two_currencies_are_refused(tmp_path):
    for name, price in [("april.csv", "9 €"), ("may.csv", "9 £")]:
        (tmp_path / name).write_text(f"Album;Sold;Price\nBlue;2024-05-01;{price}\n")
    with pytest.raises(InputError, match="april.csv in EUR, may.csv in GBP"):
        read_sources(sales=tmp_path)


# Messages

CONTROLS = ["\x1b[2J", "\x1b]0;title\x07", "\x9b31m"]


@pytest.mark.parametrize("control", CONTROLS, ids=["clear", "title", "colour"])
def test_control_characters_do_not_reach_the_terminal(tmp_path, control):
    text = f"Album;Sold;Price;{control}x\n{control}Blue;soon{control};9;1\nRed;2024-05-01;9;1\n"
    (tmp_path / "may.csv").write_text(text, encoding="utf-8")
    shown = describe(inspect_file(tmp_path / "may.csv"))
    assert not set(shown) & set("\x1b\x07\x9b") and "Blue" in shown


def test_inspect_and_a_load_say_the_same(tmp_path):
    rows = [["Blue", "2", "01.05.2024", "9"], ["Red", "x", "02.05.2024", "9"]]
    rows += [["Red", "1", f"{day:02}.05.2024", "9"] for day in range(3, 13)] + [
        ["Red", "1", "a", "9", "b"]
    ]
    (tmp_path / "mai.csv").write_text(text_of([["Artikel", "Menge", "Datum", "Preis"], *rows]))
    found = inspect_file(tmp_path / "mai.csv")
    ledger = build_ledger(read_sources(sales=tmp_path / "mai.csv"))
    assert found.kind == "sales" and not found.missing
    columns = ["row", "column", "reason"]
    assert sorted(map(tuple, found.problems[columns].astype(str).to_numpy())) == sorted(
        map(tuple, ledger.quarantine[columns].astype(str).to_numpy())
    )


UNREAD = {"Упаковок": True, "шт в ячейке": True, "shop_id": False, "Рейтинг код": False}


@pytest.mark.parametrize("header", UNREAD)
def test_an_unread_number_beside_a_missing_count_is_asked_for(tmp_path, header):
    text = f"Album;Sold;{header}\nBlue;2024-05-01;2\nRed;2024-05-02;1\n"
    (tmp_path / "may.csv").write_text(text)
    assert (f"«{header}» is not read" in said(read_sources(sales=tmp_path / "may.csv"))) is UNREAD[
        header
    ]


# Profiles that come with plastinka, each with a made-up sample under the program's own headers

DISCOGS = (
    "listing_id,artist,title,label,catno,format,release_id,status,price,listed,comments,quantity"
)
SHOPIFY = "Name,Financial Status,Created at,Lineitem quantity,Lineitem name,Lineitem price"
VARIANTS = "Handle,Title,Type,Variant Inventory Qty,Variant Price,Variant Barcode,Image Src"
SQUARE = "Date,Category,Item,Qty,SKU,Gross Sales,Event Type,Count,GTIN"
WOO = "ID,Type,SKU,Name,Published,In stock?,Stock,Regular price,Categories"
SAMPLES = {
    "discogs_inventory": (
        "stock",
        f'{DISCOGS}\n1,Can (2),Ege,UA,1,"LP, Album",9,For Sale,20.00,2024-05-01 10:00:00,,2\n'
        "2,Can,Tago,UA,1,LP,9,Draft,20.00,2024-05-01 10:00:00,,1\n"
        "3,Neu!,2,Brain,1,LP,9,Sold,20.00,2024-05-01 10:00:00,,1\n",
        ["album", "count", "price", "created_date"],
        [["Ege", "2", "20.00", "2024-05-01 10:00:00"]],
    ),
    "shopify_orders": (
        "sales",
        f"{SHOPIFY}\n#1,paid,2024-05-01 10:00:00 +0200,2,Can - Ege,20.00\n"
        "#1,,2024-05-01 10:00:00 +0200,1,Compilation,5.00\n"
        "#2,refunded,2024-05-02 10:00:00 +0200,1,Can - Ege,20.00\n"
        "#2,,2024-05-02 10:00:00 +0200,1,Neu! - 2,20.00\n",
        ["artist", "album", "count", "price"],
        [["Can", "Ege", "2", "20.00"], [None, "Compilation", "1", "5.00"]],
    ),
    "shopify_products": (
        "stock",
        f"{VARIANTS}\nege,Ege,Vinyl,3,20.00,4006408126,x.png\nege,,,,,,y.png\n",
        ["album", "count", "price", "barcode"],
        [["Ege", "3", "20.00", "4006408126"]],
    ),
    "square_items": (
        "sales",
        f"{SQUARE}\n2024-05-01,Rock,Can - Ege,2.0,,$24.00,Payment,1,4006408126\n"
        "2024-05-02,Rock,Can - Ege,-1.0,,-$12.00,Refund,1,4006408126\n",
        ["artist", "album", "count", "price"],
        [["Can", "Ege", "2.0", "12"], ["Can", "Ege", "-1.0", "-12"]],
    ),
    "woocommerce_products": (
        "stock",
        f"{WOO}\n1,simple,A1,Ege,1,1,3,20,Rock\n2,variable,A2,Shirt,1,1,,,Other\n",
        ["barcode", "album", "count", "price", "style"],
        [["A1", "Ege", "3", "20", "Rock"]],
    ),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_shipped_profiles_read_their_programs_exports(tmp_path, name):
    kind, text, columns, rows = SAMPLES[name]
    (tmp_path / "export.csv").write_text(text)
    raw = read_sources(**{kind: tmp_path / "export.csv"}, profile=name)
    assert raw.rows[columns].to_numpy().tolist() == rows
    assert raw.sources["filtered"].sum() + len(raw.rows) == text.count("\n") - 1
    assert inspect_file(tmp_path / "export.csv").fitting == name


def test_the_stock_has_a_profile_of_its_own(tmp_path):
    for file, name in [("sales.csv", "shopify_orders"), ("stock.csv", "discogs_inventory")]:
        (tmp_path / file).write_text(SAMPLES[name][1])
    raw = read_sources(
        tmp_path / "stock.csv",
        tmp_path / "sales.csv",
        profile="shopify_orders",
        stock_profile="discogs_inventory",
    )
    assert raw.rows["kind"].tolist() == ["stock", "sales", "sales"]


# Columns that say yes, a day or a reason: copies that count, of four rows of one copy each, the
# third of which repeats the first sale

FLAGS = {
    "Is return": (["No", "No", "Yes", "No"], 2),
    "Is refund": (["0", "0", "1", "0"], 2),
    "Return": (["", "", "x", ""], 2),
    "Возврат": (["нет", "нет", "да", "нет"], 2),
    "Причина возврата": (["", "", "царапина", ""], 2),
    "Return reason": (["", "", "scratched", ""], 2),
    "Retoure": (["nein", "nein", "ja", "nein"], 2),
    "Cancelled": (["No", "No", "Yes", "No"], 3),
    "Cancelled at": (["", "", "2024-05-21 10:00", ""], 3),
    "Storniert": (["nein", "nein", "ja", "nein"], 3),
    "Annulé": (["non", "non", "oui", "non"], 3),
    "Отменён": (["", "", "да", ""], 3),
    "Event": (["Sale", "Sale", "Exchange return", "Sale"], 2),
    "Type": (["Vente", "Vente", "Remboursement", "Vente"], 2),
    "Refund": (["0", "1", "0", "2"], 4),  # Perhaps how many copies: asked, not guessed
}


@pytest.mark.parametrize("header", FLAGS)
def test_a_yes_a_day_or_a_reason_says_what_became_of_a_sale(tmp_path, header):
    cells, copies = FLAGS[header]
    rows = [[*row, cell] for row, cell in zip(SALES, cells, strict=True)]
    path = tmp_path / "sales.csv"
    path.write_text(text_of([[*HEADERS, header], *rows]), encoding="utf-8")
    ledger = build_ledger(read_sources(sales=path))
    assert ledger.copies.loc[ledger.copies["sold_date"].notna(), "count"].sum() == copies


def test_a_word_that_is_no_answer_is_named(tmp_path):
    rows = [[*row, cell] for row, cell in zip(SALES, ["No", "maybe", "Yes", "No"], strict=True)]
    path = tmp_path / "sales.csv"
    path.write_text(text_of([[*HEADERS, "Is return"], *rows]), encoding="utf-8")
    raw = read_sources(sales=path)
    assert "«maybe»: not known" in said(raw) and raw.rows["count"].tolist().count("-1") == 1


# Sums

DATED_SUMS = ["Итого за 01.05.2024", "Total for 2024-05-01", "Summe 01.05.2024"]


@pytest.mark.parametrize("words", DATED_SUMS)
def test_a_sum_with_its_day_is_no_record(tmp_path, words):
    rows = [[*SALES[0], "1"], [words, "", "1200", "2024-05-01", "1"], [*SALES[1], "1"]]
    path = tmp_path / "sales.csv"
    path.write_text(text_of([[*HEADERS, "Qty"], *rows]), encoding="utf-8")
    assert read(path)["artist"].tolist() == ["Кино", "Сад Камней"]


# Prices: as they are written, and what they come to

WRITTEN_PRICES = {
    "thousands beside small ones": (["840", "1.260", "980", "1.050"], [840, 1260, 980, 1050]),
    "thousandths beside small ones": (["12", "15", "9.500", "11"], [12, 15, 9.5, 11]),
    "a dash for no cents": (["14.–", "13.-", "15,–", "14.50"], [14, 13, 15, 14.5]),
}


@pytest.mark.parametrize("name", WRITTEN_PRICES)
def test_prices_come_to_what_is_meant(tmp_path, name):
    written, meant = WRITTEN_PRICES[name]
    rows = [[*row[:2], price, row[3]] for row, price in zip(SALES, written, strict=True)]
    path = tmp_path / "sales.csv"
    path.write_text(text_of([HEADERS, *rows]), encoding="utf-8")
    ledger = build_ledger(read_sources(sales=path))
    assert sorted(ledger.copies["price"]) == sorted(meant)


UNITS = ["x2", "2 шт", "2 db", "2 Stk.", "2 ud."]


@pytest.mark.parametrize("two", UNITS)
def test_a_count_may_have_its_unit(tmp_path, two):
    rows = [[*row, two if row is SALES[0] else two.replace("2", "1")] for row in SALES]
    path = tmp_path / "sales.csv"
    path.write_text(text_of([[*HEADERS, "Qty"], *rows]), encoding="utf-8")
    ledger = build_ledger(read_sources(sales=path))
    assert ledger.copies.loc[ledger.copies["sold_date"].notna(), "count"].sum() == 5


@pytest.mark.parametrize("header", ["Sold at", "Sold on"])
def test_more_names_of_the_day_of_sale(tmp_path, header):
    path = tmp_path / "sales.csv"
    path.write_text(text_of([[*HEADERS[:3], header], *SALES]), encoding="utf-8")
    assert str(read(path)["sold_date"].max())[:10] == "2024-05-31"


def test_added_is_the_day_of_arrival(tmp_path):
    path = tmp_path / "stock.csv"
    rows = [["Кино", "Ночь", "1200", "2024-05-01"]]
    path.write_text(text_of([["Artist", "Album", "Price", "Added"], *rows]), encoding="utf-8")
    assert str(read(path, "stock")["created_date"].iloc[0])[:10] == "2024-05-01"
