"""More members of the kinds: reports as 1C, QuickBooks and spreadsheets print them, with the month
in a title, a range or a sheet's name, groups in several rows of headers, documents and records as
headings, branches without a sum. The truth is made first, and each file is written from it."""

import openpyxl
import pandas as pd
import pytest
from test_kinds_exports import book
from test_kinds_shops import STOCK, read, write

from plastinka.core import InputError
from plastinka.data.ingest import read_sources
from plastinka.data.ledger import build_ledger
from plastinka.data.inspect import inspect_file
from plastinka.data.values import parse_count

NAMES = ["Marmalade Sun - Glass Harbour", "Сад камней - Вода", "DJ Kobold - Erdgeschoss"]
MONTHS = ["2025-01", "2025-02", "2025-03", "2025-04"]
COPIES = [[2, 1, 4, 1], [1, 3, 2, 5], [1, 1, 1, 2]]  # Records × months
SOLD = dict(zip(MONTHS, map(sum, zip(*COPIES, strict=True)), strict=True))
ALL = sum(SOLD.values())


def sold_by_month(path):
    "Copies by month, as rows are read."
    rows = read_sources(sales=path).rows
    copies = parse_count(rows["count"])[0]
    months = pd.to_datetime(rows["sold_date"], dayfirst=True, format="mixed").dt.strftime("%Y-%m")
    return copies.groupby(months).sum().to_dict()


# The month above the table, in the sheet's name, or in a range

TITLES = """Продажи за март 2025 г.|Период: 01.03.2025 00:00:00 - 31.03.2025 23:59:59
|С 1 по 31 марта 2025|Sales report, March 2025|From 2025-03-01 to 2025-03-31
|03/01/2025 - 03/31/2025|Verkäufe im März 2025|Zeitraum: 01.03.2025 bis 31.03.2025
|Ventes du mois de mars 2025|du 01/03/2025 au 31/03/2025|Ventas de marzo de 2025
|Eladások 2025. március""".replace("\n", "").split("|")
REPORT = [
    ["Номенклатура", "Количество", "Сумма"],
    *[[n, c[2], 100] for n, c in zip(NAMES, COPIES, strict=True)],
]


@pytest.mark.parametrize("title", TITLES)
def test_the_month_stands_above_the_table(tmp_path, title):
    path = write(tmp_path / "s.csv", [[title], [], *REPORT, ["Итого", SOLD["2025-03"], 300]])
    assert sold_by_month(path) == {"2025-03": SOLD["2025-03"]}


def test_a_part_of_a_month_ends_on_its_last_day(tmp_path):
    path = write(tmp_path / "s.csv", [["01.03.2025 - 12.03.2025"], *REPORT])
    assert set(read_sources(sales=path).rows["sold_date"]) == {"2025-03-12"}


@pytest.mark.parametrize("title", ["01.03.2025 - 30.04.2025", "с 01.01.2025 по 30.06.2025"])
def test_a_period_of_several_months_is_refused_by_its_days(tmp_path, title):
    path = write(tmp_path / "s.csv", [[title], *REPORT])
    with pytest.raises(InputError, match="which is more than a month.* Export each month"):
        read_sources(sales=path)


@pytest.mark.parametrize("title", ["2 апреля 2025", "январь - март 2025", "2025", "Marketing 2025"])
def test_a_title_that_is_no_month_dates_nothing(tmp_path, title):
    with pytest.raises(InputError, match="sold_date"):
        read_sources(sales=write(tmp_path / "s.csv", [[title], *REPORT]))


@pytest.mark.parametrize("names", ["Январь 2025|Февраль 2025", "Jan|Feb"])
def test_a_sheet_for_each_month_without_days(tmp_path, names):
    head = ["Item", "Sold", "Price"]
    rows = [[head, *[[n, c[m], 9] for n, c in zip(NAMES, COPIES, strict=True)]] for m in (0, 1)]
    path = book(tmp_path / "Sales 2025.xlsx", dict(zip(names.split("|"), rows, strict=True)))
    assert sold_by_month(path) == {month: SOLD[month] for month in MONTHS[:2]}


RANGES = ["01.{m}.2025–28.{m}.2025", "2025-{m}-01 - 2025-{m}-28"]


@pytest.mark.parametrize("form", RANGES)
@pytest.mark.parametrize("wide", [True, False])
def test_a_range_of_days_is_its_month(tmp_path, form, wide):
    spans = [form.format(m=month[5:]) for month in MONTHS]
    rows = [["Название", *spans], *[[n, *c] for n, c in zip(NAMES, COPIES, strict=True)]]
    if not wide:
        rows = [["Период", "Название", "Продано"]] + [
            [span, name, own[at]]
            for at, span in enumerate(spans)
            for name, own in zip(NAMES, COPIES, strict=True)
        ]
    assert sold_by_month(write(tmp_path / "s.csv", rows)) == SOLD


def test_a_period_in_two_columns(tmp_path):
    rows = [["Begin Date", "End Date", "Title", "Quantity"]]
    rows += [
        [f"{m}-01", f"{m}-28", n, c[at]]
        for at, m in enumerate(MONTHS)
        for n, c in zip(NAMES, COPIES, strict=True)
    ]
    assert sold_by_month(write(tmp_path / "s.csv", rows)) == SOLD


# Months in headers: words of many languages, years above, two numbers of each month

WORDS = """Jan Feb Mrz Apr|Jänner Feber März April|janv. févr. mars avr.|ene feb mar abr
|jan. febr. márc. ápr.|янв фев мар апр|gen feb mar apr|sty lut mar kwi""".replace("\n", "")
TOTALS = "Summe|Gesamt|Total|Total|Összesen|Итого|Totale|Razem".split("|")


@pytest.mark.parametrize("words, total", list(zip(WORDS.split("|"), TOTALS, strict=True)))
def test_months_are_known_in_eight_languages(tmp_path, words, total):
    rows = [["Title", *[f"{word} 2025" for word in words.split()], total]]
    rows += [[name, *own, sum(own)] for name, own in zip(NAMES, COPIES, strict=True)]
    rows.append([total, *SOLD.values(), ALL])
    assert sold_by_month(write(tmp_path / "s.csv", rows)) == SOLD


def test_a_column_that_looks_like_one_more_month_is_refused_by_name(tmp_path):
    rows = [["Title", "Jan 2025", "Qwx 2025", "Mar 2025"], [NAMES[0], 1, 2, 3], [NAMES[1], 1, 2, 3]]
    with pytest.raises(InputError, match="«Qwx 2025» beside its months"):
        read_sources(sales=write(tmp_path / "s.csv", rows))


ABOVE = {
    "years": ([2025, "", "", ""], ["Janvier", "Février", "Mars", "Avril"], lambda c: c),
    "two numbers": (
        [word for name in "Январь Февраль Март Апрель".split() for word in (f"{name} 2025", "")],
        ["Количество", "Сумма"] * 4,
        lambda c: [cell for copies in c for cell in (copies, 100 * copies)],
    ),
}


@pytest.mark.parametrize("way", ABOVE)
def test_months_in_two_rows_of_headers(tmp_path, way):
    first, second, cells = ABOVE[way]
    rows = [["Désignation", *first], ["", *second]]
    rows += [[name, *cells(own)] for name, own in zip(NAMES, COPIES, strict=True)]
    rows.append(["Total", *cells(list(SOLD.values()))])
    assert sold_by_month(write(tmp_path / "s.csv", rows)) == SOLD


# Reports of 1C and of bookkeeping programs


def test_groups_under_headers_of_several_levels(tmp_path):
    made = openpyxl.Workbook()
    page, head = made.active, ["Начальный остаток", "Приход", "Расход", "Конечный остаток"]
    rows = [["Ведомость по товарам на складах"], ["Период: 01.01.2025 - 30.06.2025"], []]
    rows += [["Склад", None, *head], ["Номенклатура", "Ед. изм.", *[None] * 4]]
    left = [own[0] for own in COPIES] + [3, 2, 4]
    names = [*NAMES, "Okta - Polar", "Juno - Mare", "Red Clay - Kiln"]
    rows.append(["Основной склад", None, 60, 30, 74, sum(left)])
    for group, part in (("Винил", slice(0, 3)), ("Винил б/у", slice(3, 6))):
        rows.append([group, None, 30, 15, 37, sum(left[part])])
        rows += [[n, "шт", 10, 5, 15 - c, c] for n, c in zip(names[part], left[part], strict=True)]
    for row in [*rows, ["Итого", None, 60, 30, 74, sum(left)]]:
        page.append(row)
    made.save(tmp_path / "k.xlsx")
    assert read_sources(tmp_path / "k.xlsx").rows["count"].astype(int).sum() == sum(left)
    assert inspect_file(tmp_path / "k.xlsx").kind == "stock"


PAPER = "Чек ККМ 0000-{n:06d} от {n:02d}.03.2025 12:30:11"


@pytest.mark.parametrize("above", [True, False])
def test_the_day_stands_in_the_name_of_a_document(tmp_path, above):
    rows = [["Документ", "Номенклатура", "Количество"]]
    rows += [[PAPER.format(n=n), NAMES[n % 3], 1 + n % 2] for n in range(1, 9)]
    if above:
        rows = [["Документ движения", "Количество"], ["Номенклатура", ""]] + [
            line for paper, name, copies in rows[1:] for line in ([paper, copies], [name, copies])
        ]
    path = write(tmp_path / "s.csv", rows)
    found = read_sources(sales=path).rows
    assert found["count"].astype(int).sum() == sum(1 + n % 2 for n in range(1, 9))
    assert sorted(found["sold_date"])[0] == "01.03.2025" and inspect_file(path).kind == "sales"


def test_the_record_stands_above_its_sales(tmp_path):
    rows = [["", "Date", "Transaction Type", "Qty", "Sales Price"]]
    for name, own in zip(NAMES, COPIES, strict=True):
        rows.append([name, "", "", "", ""])
        rows += [["", f"0{m}/05/2025", "Sales Receipt", c, 9] for m, c in enumerate(own, 1)]
        rows.append([f"Total for {name}", "", "", sum(own), ""])
    path = write(tmp_path / "s.csv", [*rows, ["TOTAL", "", "", ALL, ""]])
    assert read(path) == (ALL, 9.0 * ALL)
    assert set(read_sources(sales=path).rows["album"]) == set(NAMES)


# Stocks

BRANCHES = {
    "bare names": (["Тверская", "Невский"], 1),
    "in brackets": (["In stock [North]", "In stock [South]"], 1),
    "facts beside": (["Discs", "Tracks"], None),
}


@pytest.mark.parametrize("way", BRANCHES)
def test_a_stock_by_branches_without_their_sum(tmp_path, way):
    headers, summed = BRANCHES[way]
    left = [0, 3, 1, 5, 0, 4]
    rows = [["Artist", "Title", *headers]]
    rows += [
        [f"A{n}", f"T{n}", c // 2 if summed else 1, c - c // 2 if summed else 9]
        for n, c in enumerate(left)
    ]
    path = write(tmp_path / "k.csv", rows)
    found = read_sources(path).rows
    assert ("count" in found) == bool(summed)
    if summed:
        assert found["count"].astype(int).sum() == sum(left)
        shown = inspect_file(path).columns.set_index("header")["read_as"]
        assert [shown[each] for each in headers] == ["count, a part"] * 2


WORDS_OF_SUMS = "Итого|Total|Grand total|Общий итог|Gesamtergebnis|Totale complessivo|Σ|Sum"


@pytest.mark.parametrize("word", [*WORDS_OF_SUMS.split("|"), "Artist Total", "A1 Total"])
@pytest.mark.parametrize("day", ["", "2025-03-31"])
def test_a_sum_is_no_record_with_a_day_either(tmp_path, word, day):
    rows = [["Artist", "Title", "Qty", "Date"]]
    rows += [[f"A{n}", f"T{n}", n, f"2025-03-{n:02}"] for n in (1, 2, 3, 4)]
    path = write(tmp_path / "s.csv", [*rows, [word, "", 10, day]])
    assert read_sources(sales=path).rows["count"].astype(int).sum() == 10


def test_an_artist_called_total_stays(tmp_path):
    rows = [["Artist", "Title", "Qty", "Date"], ["A", "T", 1, "2025-03-01"]]
    rows += [["Total", "", 3, "2025-03-02"], ["Sum 41", "Chuck", 1, "2025-03-03"]]
    path = write(tmp_path / "s.csv", rows)
    assert read_sources(sales=path).rows["count"].astype(int).sum() == 5


SHEETS = {
    "branches": (["Центр", "Север"], 1, True),
    "groups": (["Jazz", "Rock"], 0, False),
    "days": (["2025-05", "2025-06"], 1, None),
    "default names": (["Sheet1", "Sheet2"], 1, None),
    "a copy": (["Stock", "Stock, old"], 1, None),
    "the sum": (["Центр", "Всего"], 1, None),
}


@pytest.mark.parametrize("way", SHEETS)
def test_a_stock_on_several_sheets(tmp_path, way):
    names, shared, branches = SHEETS[way]
    head, rows = ["Artist", "Title", "Price", "Qty"], STOCK[1:]
    second = rows if shared else [["another", *row[1:]] for row in rows]
    parts = {names[0]: [head, *rows], names[1]: [head, *[[*row[:3], row[3] + 1] for row in second]]}
    path = book(tmp_path / "k.xlsx", parts)
    if branches is None:
        with pytest.raises(InputError, match="has 2 sheets with data.*Choose one"):
            read_sources(path)
        return
    found = read_sources(path).rows
    assert found["count"].astype(int).sum() == 2 * sum(row[3] for row in rows) + len(rows)
    assert set(found["branch"] if branches else []) == set(names if branches else [])
    assert ("branch" in found) == branches


LINES = {
    "numbers of columns": [["1", "2", "3", "4"]],
    "units": [["", "", "руб.", "шт."]],
    "headers again": [STOCK[0]] * 2,
}


@pytest.mark.parametrize("way", LINES)
def test_lines_of_a_form_are_no_records(tmp_path, way):
    path = write(tmp_path / "k.csv", [STOCK[0], *LINES[way], *STOCK[1:]])
    raw = read_sources(path)
    assert len(raw.rows) == len(STOCK) - 1 and raw.sources["filtered"].sum() == len(LINES[way])


def test_one_code_in_either_of_two_columns(tmp_path):
    rows = [
        ["UPC", "EAN", *STOCK[0]],
        ["602557048445", "", *STOCK[1]],
        ["", "4600000000017", *STOCK[2]],
    ]
    found = read_sources(write(tmp_path / "k.csv", rows)).rows
    assert list(found["barcode"]) == ["602557048445", "4600000000017"]


HEADS = (
    "Количество (в базовых единицах)|Сумма по полю Остаток|Sum of Stock|Количество (в ед. хранения)"
)


@pytest.mark.parametrize("header", HEADS.split("|"))
def test_more_headers_of_a_stock(tmp_path, header):
    rows = [[*STOCK[0][:3], header], *STOCK[1:]]
    found = read_sources(write(tmp_path / "k.csv", rows)).rows
    assert found["count"].astype(int).sum() == sum(row[3] for row in STOCK[1:])


# Forms: a balance sheet of an account, orders with all items in one cell, tables side by side

SIDES = ["Дебет", "Кредит"] * 3
BALANCE = [
    ["Оборотно-сальдовая ведомость по счету 41.01 за Март 2025 г."],
    [],
    ["Счет", "Показатели", "Сальдо на начало", "", "Обороты", "", "Сальдо на конец", ""],
    ["Номенклатура", "", *SIDES],
]


def balance(deep, again):
    "Rows of a balance sheet: 10 of each came, `COPIES` of March left."
    sold, rows = [own[2] for own in COPIES], []
    lines = [("41.01", 30, sum(sold)), *[(n, 10, c) for n, c in zip(NAMES, sold, strict=True)]]
    for name, came, left in [*lines, ("Итого", 30, sum(sold))]:
        for own in (name, "Склад 1") if deep and name in NAMES else (name,):
            money = [own, "БУ", "", "", came * 700, left * 700, (came - left) * 700, ""]
            copies = [own if again else "", "Кол.", "", "", came, left, came - left, ""]
            rows += [money, copies]
    return [*BALANCE, *([["Склады"]] if deep else []), *rows]


@pytest.mark.parametrize("deep, again", [(False, False), (False, True), (True, False)])
def test_a_balance_sheet_gives_its_copies(tmp_path, deep, again):
    path = book(tmp_path / "ОСВ.xlsx", {"TDSheet": balance(deep, again)})
    assert sold_by_month(path) == {"2025-03": SOLD["2025-03"]}
    left = read_sources(path).rows
    assert left["count"].astype(int).sum() == 30 - SOLD["2025-03"]
    titles = left["album"].fillna("") if "artist" not in left else left["artist"] + left["album"]
    assert titles.nunique() == len(NAMES)


def test_a_balance_sheet_of_money_alone_is_refused(tmp_path):
    rows = [row for row in balance(False, True) if row[1:2] != ["Кол."]]
    with pytest.raises(InputError, match="money and no copies. Tick «Количество»"):
        read_sources(book(tmp_path / "ОСВ.xlsx", {"TDSheet": rows}))


def test_a_balance_sheet_says_above_that_it_shows_copies(tmp_path):
    shown = ["Выводимые данные:", "БУ (данные бухгалтерского учета)", "Количество"]
    for lines in ([shown], [shown[:2], ["", "", "Количество"]]):
        rows = balance(False, False)
        rows[2][1] = "Показа-тели"
        path = book(tmp_path / "ОСВ.xlsx", {"TDSheet": [rows[0], *lines, *rows[1:]]})
        left = read_sources(path).rows
        assert left["count"].astype(int).sum() == 30 - SOLD["2025-03"]
        assert sold_by_month(path) == {"2025-03": SOLD["2025-03"]}


@pytest.mark.parametrize("store, known", [("Основной склад", True), ("Основной", False)])
@pytest.mark.parametrize("wrong", [0, 1])
def test_a_store_above_the_titles_of_a_balance_sheet(tmp_path, store, known, wrong):
    rows = balance(False, False)
    at = len(BALANCE) + 2
    whole = [[store, *rows[at - 2][1:]], rows[at - 1]]
    rows[-1] = [*rows[-1][:6], rows[-1][6] + wrong, ""]
    path = book(tmp_path / "ОСВ.xlsx", {"TDSheet": [*rows[:at], *whole, *rows[at:]]})
    left = 30 - SOLD["2025-03"]
    if known and not wrong:
        assert read_sources(path).rows["count"].astype(int).sum() == left
        return
    message = f"hold {left} copies under «Остаток на конец», and its line of the sum {left + 1}"
    message = message if known else "hold 60 copies under «Приход», and its line of the sum 30"
    with pytest.raises(InputError, match=message):
        read_sources(path)


def test_a_balance_sheet_without_its_sum(tmp_path):
    rows = balance(False, True)[:-2]  # The line of the account stands for «Итого»
    left = 30 - SOLD["2025-03"]
    found = read_sources(book(tmp_path / "ОСВ.xlsx", {"TDSheet": rows}))
    assert found.rows["count"].astype(int).sum() == left
    with pytest.raises(InputError, match="its line of the sum 30"):
        read_sources(book(tmp_path / "short.xlsx", {"TDSheet": rows[:-2]}))
    bare = [row for row in rows if row[:1] != ["41.01"]]
    made = build_ledger(
        read_sources(book(tmp_path / "bare.xlsx", {"TDSheet": bare})), stock_alone=True
    )
    assert made.copies["count"].sum() == left
    said = [line for line in made.joins.lines() if line.startswith("NOTE: bare.xlsx: a balance")]
    assert len(said) == 1


@pytest.mark.parametrize("first, rows", [(1, 4), (1, 30), (4, 3), (6, 30)])
def test_a_table_of_something_else_beside_a_stock(tmp_path, first, rows):
    stock = [["Исполнитель", "Альбом", "Цена", "Остаток"]]
    stock += [[f"A{n}", f"B{n}", 100 + n, n % 4] for n in range(10)]
    calls = [["Кто", "Когда", "Что"], *[["Оля", "05.06.2025", "звонок"]] * rows]
    lines = max(len(stock), first + len(calls))
    page = [[*(stock[at] if at < len(stock) else [""] * 4), ""] for at in range(lines)]
    for at, call in enumerate(calls, first - 1):
        page[at] += call
    path = book(tmp_path / "stock.xlsx", {"Лист1": page})
    made = build_ledger(read_sources(path), stock_alone=True)
    assert made.copies["count"].sum() == 13 and not len(made.quarantine)
    said = [line for line in made.joins.lines() if "other tables beside it" in line]
    assert len(said) == 1 and said[0].startswith("NOTE: stock.xlsx")


FIELDS = "id:7|name:{}|sku:460000000001{n}|quantity:{c}|total:{t}.00"
LISTS = {
    "before": ("Product(s)", "{c}× {}", ", "),
    "behind": ("Товары", "{} × {c}", "; "),
    "in brackets": ("Bestellte Artikel", "{} (x{c})", "\n"),
    "fields": ("line_items", FIELDS, ";"),
    "pieces": ("Товары", "{} - {c} шт.", ", "),
    "pieces in brackets": ("Товары", "{} ({c} шт)", ", "),
    "pieces before": ("Товары", "{c} шт. {}", "; "),
    "colon": ("Items", "{}: {c} pcs", ", "),
    "word": ("Items", "{} (Qty: {c})", "\n"),
    "words": ("Товары", "{}, кол-во: {c}", "; "),
}


@pytest.mark.parametrize("way", LISTS)
@pytest.mark.parametrize("wrong", [False, True])
def test_orders_with_all_items_in_one_cell(tmp_path, way, wrong):
    header, form, between = LISTS[way]
    rows = [["Date", "Order #", "Status", header, "Items sold", "N. Revenue"]]
    for at, month in enumerate(MONTHS):
        own = [c[at] for c in COPIES]
        pairs = enumerate(zip(NAMES, own, strict=True))
        parts = [form.format(name, n=n, c=c, t=20 * c) for n, (name, c) in pairs]
        said = sum(own) + (wrong and at == 2)
        rows.append([f"{month}-05", str(at), "completed", between.join(parts), said, 99])
    path = book(tmp_path / "s.xlsx", {"Orders": rows})
    if wrong:
        with pytest.raises(InputError, match="row 4: says .* copies under «Items sold»"):
            read_sources(sales=path)
        return
    assert sold_by_month(path) == SOLD
    assert read_sources(sales=path).rows["album"].nunique() == len(NAMES)


def test_one_item_in_each_cell_has_its_number_of_copies(tmp_path):
    rows = [
        ["Дата", "Товары"],
        *[[f"{m}-05", f"{NAMES[0]} - {n} шт."] for n, m in enumerate(MONTHS, 2)],
    ]
    path = write(tmp_path / "s.csv", rows)
    assert sold_by_month(path) == dict(zip(MONTHS, (2, 3, 4, 5), strict=True))
    assert set(read_sources(sales=path).rows["album"]) == {NAMES[0]}


APART = {
    "a number is missing": ([f"{NAMES[0]} - 2 шт., {NAMES[1]}"], 3),
    "the first number is missing": ([f"{NAMES[1]}, {NAMES[0]} - 2 шт."], 3),
    "no unit": ([f"{NAMES[0]} - 2, {NAMES[1]} - 1", f"{NAMES[2]} - 3"], 2),
    "no number": ([f"{NAMES[0]}, {NAMES[1]}", NAMES[2]], 2),
}


@pytest.mark.parametrize("way", APART)
def test_items_in_one_cell_that_cannot_be_told_apart_are_refused(tmp_path, way):
    cells, row = APART[way]
    whole = [f"{NAMES[0]} - 1 шт., {NAMES[2]} - 4 шт."] if row == 3 else []
    rows = [["Дата", "Товары"], *[["2025-01-05", each] for each in [*whole, *cells]]]
    with pytest.raises(InputError, match=f"row {row}.* cannot be told apart.* Export a row for"):
        read_sources(sales=write(tmp_path / "s.csv", rows))


def test_a_name_with_a_comma_is_one_record(tmp_path):
    name = "Earth, Wind & Fire - I Am"
    rows = [["Дата", "Товары"], ["2025-01-05", f"{name} - 2 шт., {NAMES[0]} - 1 шт."]]
    found = read_sources(
        sales=write(tmp_path / "s.csv", [*rows, ["2025-01-06", f"{name} - 1 шт."]])
    )
    assert set(found.rows["album"]) == {name, NAMES[0]}


SHIFTS = [(1, 0, 1), (0, 1, 1), (2, 0, 1), (1, 0, 0)]  # Lines above: right, left; blank columns


@pytest.mark.parametrize("right, left, gap", SHIFTS)
def test_tables_side_by_side_whose_headers_are_not_in_one_line(tmp_path, right, left, gap):
    head = ["Date", "Item", "Sold"]
    one = [[""] * 3] * left + [
        head,
        *[[f"{m}-05", n, c] for m in MONTHS for n, c in zip(NAMES, (1, 2, 3), strict=True)],
    ]
    two = [[""] * 3] * right + [
        head,
        ["2025-04-07", "Okta - Polar", 5],
        ["2025-04-08", NAMES[0], 1],
    ]
    height = max(len(one), len(two))
    parts = [[*each, *[[""] * 3] * (height - len(each))] for each in (one, two)]
    rows = [[*a, *[""] * gap, *b] for a, b in zip(*parts, strict=True)]
    found = read_sources(sales=book(tmp_path / "s.xlsx", {"S": rows})).rows
    assert found["count"].astype(int).sum() == 6 * len(MONTHS) + 6


def test_tables_side_by_side(tmp_path):
    sold = [["Artist", "Title", "Sold on", "Qty"], ["Can", "Ege", "2025-01-05", 2]]
    sold += [["Neu!", "Isi", "2025-01-06", 1], ["Can", "Ege", "2025-01-07", 1]]
    empty = [""] * 4
    left = [STOCK[0], *STOCK[1:4]]
    width = len(STOCK[0])
    rows = [
        [*(left[at] if at < len(left) else [""] * width), "", *(sold[at] if at < 4 else empty)]
        for at in range(max(len(left), 4))
    ]
    path = book(tmp_path / "k.xlsx", {"Лист1": rows})
    both = read_sources(path, path).rows
    copies = both["count"].astype(int).groupby(both["kind"], observed=True).sum()
    assert copies["sales"] == 4 and copies["stock"] == sum(row[3] for row in left[1:])


@pytest.mark.parametrize("gap", [[], [""]])
def test_a_list_that_goes_on_beside_its_end(tmp_path, gap):
    head, rows = STOCK[0], STOCK[1:]
    beside = [[*head, *gap, *head]]
    beside += [[*a, *gap, *b] for a, b in zip(rows[::2], rows[1::2], strict=False)]
    wanted = [row for a, b in zip(rows[::2], rows[1::2], strict=False) for row in (a, b)]
    found = read_sources(book(tmp_path / "k.xlsx", {"Лист1": beside})).rows
    assert found["count"].astype(int).sum() == sum(row[3] for row in wanted)


@pytest.mark.parametrize("filling", [" ", "\n", "-", "1 ", "x ", "("])
def test_a_huge_cell_is_no_list_of_products_and_is_read(tmp_path, filling):
    rows = [
        ["Artist", "Title", "Qty", "Date"],
        ["A" + filling * 50_000 + "z", "T", 2, "2025-03-01"],
    ]
    path = book(
        tmp_path / "s.xlsx",
        {"s": [[each[:32_000] if isinstance(each, str) else each for each in row] for row in rows]},
    )
    assert read_sources(sales=path).rows["count"].astype(int).sum() == 2
