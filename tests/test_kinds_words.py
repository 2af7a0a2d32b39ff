"""Words that shops write over prices, over conditions, and over weeks: what is read as what. The
truth is made first, and each file is written from it."""

from datetime import date, timedelta

import pytest

from plastinka.data.ingest import read_sources
from plastinka.data.inspect import describe, inspect_file
from plastinka.data.ledger import build_ledger
from plastinka.data.values import parse_price
from test_kinds_shops import HEADERS, RECORDS, SALES, STOCK, ledger, write

# Headers of prices


RETAIL = """Retail|RRP|R.R.P.|Selling price|Sell price|Ticket|Ticket price|Retail price|MSRP
|List price|Розница|Розничная|РРЦ|Розн. цена|Цена розн.|Цена (розница)|UVP|Ladenpreis
|Prix public|PVPR|Sell""".replace("\n", "").split("|")
PURCHASE = """Wholesale|Wholesale price|Dealer price|Dealer|PPD|Trade price|Cost|Опт|Оптовая|Закуп
|Закупка|Цена опт|Цена закуп.|Оптовая цена|Закупочная|Закуп. цена|EK netto|Einkauf
|Händlereinkaufspreis|Prix de gros|Nagyker ár|Precio mayorista""".replace("\n", "").split("|")


def priced(headers, kind, order=1):
    "A table with a price of each record under the first header, and two thirds under the second."
    prices = {record[1:3]: (record[3], round(record[3] * 0.62, 2)) for record in RECORDS}
    rows = SALES if kind == "sales" else STOCK[1:]
    first = 1 if kind == "sales" else 0
    lead = HEADERS[:3] if kind == "sales" else STOCK[0][:2]
    table = [[*lead, "Qty", *headers[::order]]]
    for row in rows:
        money = prices[tuple(row[first : first + 2])][: len(headers)]
        table.append([*row[: first + 2], row[-1], *money[::order]])
    return table


def money(raw, name):
    "Prices of a column as numbers; nothing where it was not read."
    return sorted(parse_price(raw.rows[name])[0].round(2)) if name in raw.rows else []


def true_money(kind, share=1.0):
    "The prices that a table of `priced` has."
    rows = SALES if kind == "sales" else STOCK[1:]
    prices = {record[1:3]: record[3] for record in RECORDS}
    first = 1 if kind == "sales" else 0
    return sorted(round(prices[tuple(row[first : first + 2])] * share, 2) for row in rows)


@pytest.mark.parametrize("kind", ["sales", "stock"])
@pytest.mark.parametrize("header", RETAIL)
def test_a_retail_price_is_the_price(tmp_path, header, kind):
    raw = read_sources(**{kind: write(tmp_path / "a.csv", priced([header], kind))})
    assert money(raw, "price") == true_money(kind) and "purchase_price" not in raw.rows


@pytest.mark.parametrize("kind", ["sales", "stock"])
@pytest.mark.parametrize("header", PURCHASE)
def test_a_wholesale_price_beside_it_is_what_the_shop_paid(tmp_path, header, kind):
    for own, order in (("Retail", 1), ("Розничная", -1)):
        table = priced([own, header], kind, order)
        raw = read_sources(**{kind: write(tmp_path / f"{own}.csv", table)})
        assert money(raw, "price") == true_money(kind)
        assert money(raw, "purchase_price") == true_money(kind, 0.62)


@pytest.mark.parametrize("kind", ["sales", "stock"])
@pytest.mark.parametrize("header", PURCHASE)
def test_a_wholesale_price_alone_is_no_price(tmp_path, header, kind):
    raw = read_sources(**{kind: write(tmp_path / "a.csv", priced([header], kind))})
    assert "price" not in raw.rows or header == "Cost"


def test_the_price_of_the_sale_is_taken_before_a_recommended_one(tmp_path):
    for other in ("RRP", "РРЦ", "MSRP", "Розница", "List price"):
        for own in ("Price", "Selling price", "Цена", "Sold for"):
            table = [[*row, 9999] for row in priced([own], "sales")]
            table[0][-1] = other
            raw = read_sources(sales=write(tmp_path / f"{own}{other}.csv", table))
            assert money(raw, "price") == true_money("sales"), (own, other)


def test_columns_of_copies_in_retail_and_wholesale_are_no_prices(tmp_path):
    for headers in (["Розница", "Опт"], ["Retail", "Wholesale"]):
        table = [[*STOCK[0][:2], *headers]]
        table += [[*row[:2], place % 4, (place + 1) % 3] for place, row in enumerate(STOCK[1:])]
        raw = read_sources(stock=write(tmp_path / f"{headers[0]}.csv", table))
        assert not {"price", "purchase_price"} & set(raw.rows)
        assert raw.rows["count"].astype(float).sum() == sum(sum(row[2:]) for row in table[1:])


def test_a_number_of_a_receipt_is_no_price(tmp_path):
    table = [[*HEADERS[:3], "Qty", "Ticket"]]
    table += [[*row[:3], row[4], 1000 + place // 2] for place, row in enumerate(SALES)]
    raw = read_sources(sales=write(tmp_path / "s.csv", table))
    assert "price" not in raw.rows and "invoice" in raw.rows


# Conditions: which copies are new

NEW_AND_OPENED = {
    "Condition": ("Sealed|S/S|Mint, still sealed", "M|NM|VG+|VG|G+|Used"),
    "Grade": ("Mint (M)|M", "Near Mint (NM or M-)|Very Good Plus (VG+)|Fair (F)"),
    "New / Used": ("New", "Used"),
    "Состояние": ("Новая|запечатана|новый", "Б/У|б.у.|вскрытая|не новая"),
    "Состояние пластинки": ("В слюде|SS", "NM|EX|VG"),
    "Запечатана": ("да", "нет"),
    "Zustand": ("Neu|OVP|neuware", "Gebraucht|wie neu|sehr gut"),
    "État": ("Neuf|neuf scellé", "Occasion|comme neuf|Très bon"),
    "Állapot": ("új|Új, bontatlan", "használt|jó"),
    "Sealed?": ("x", ""),
}


def conditioned(header, words, rows=SALES, lead=HEADERS):
    "A table with a condition of each row, and which of its rows are new."
    new, opened = (each.split("|") for each in words)
    truth = [place % 3 != 0 for place in range(len(rows))]
    cells = [(new if each else opened)[place % 2 * -1] for place, each in enumerate(truth)]
    return [[*lead, header], *([*row, cell] for row, cell in zip(rows, cells, strict=True))], truth


@pytest.mark.parametrize("header", NEW_AND_OPENED)
def test_new_copies_are_told_from_opened_ones(tmp_path, header, capsys):
    table, truth = conditioned(header, NEW_AND_OPENED[header])
    raw = read_sources(sales=write(tmp_path / "s.csv", table))
    assert (raw.rows["cover_type"] == "SS").tolist() == truth
    assert raw.rows["cover_type"].nunique() == 2
    said = [line for line in capsys.readouterr().err.splitlines() if f"«{header}»" in line]
    assert len(said) == 1 and "cover_type: null" in said[0]


def test_two_columns_of_discogs(tmp_path):
    pairs = {
        ("Mint (M)", "Mint (M)"): True,
        ("Mint (M)", "Not Graded"): True,
        ("Mint (M)", "Very Good (VG)"): False,
        ("Near Mint (NM or M-)", "Mint (M)"): False,
    }
    rows = [[*row, *[*pairs][place % 4]] for place, row in enumerate(SALES)]
    for names in (("media_condition", "sleeve_condition"), ("Sleeve Condition", "Media Condition")):
        table = [[*HEADERS, *names], *rows]
        if names[0].startswith("Sleeve"):
            table = [table[0], *([*row[:-2], row[-1], row[-2]] for row in rows)]
        raw = read_sources(sales=write(tmp_path / f"{names[0]}.csv", table))
        truth = [[*pairs.values()][place % 4] for place in range(len(SALES))]
        assert (raw.rows["cover_type"] == "SS").tolist() == truth


@pytest.mark.parametrize("words", ["Оплачен|Отправлен", "Paid|Shipped", "1|2", "Rock|Jazz"])
def test_other_words_are_no_conditions(tmp_path, words):
    table, _ = conditioned("Condition", [words, words])
    assert "cover_type" not in read_sources(sales=write(tmp_path / "s.csv", table)).rows


def test_mint_is_decided_over_all_files(tmp_path):
    first, _ = conditioned("Condition", ("Sealed", "M|VG"), SALES[:28])
    second, _ = conditioned("Condition", ("M", "VG"), SALES[28:])
    paths = [write(tmp_path / f"{n}.csv", each) for n, each in enumerate((first, second))]
    both = read_sources(sales=paths).rows
    assert set(both["cover_type"][both["source_file"] == "1.csv"]) == {"opened"}
    alone = read_sources(sales=paths[1]).rows
    assert set(alone["cover_type"]) == {"SS", "opened"}


def test_a_wrong_guess_is_cured_in_one_line(tmp_path, capsys):
    table, _ = conditioned("Condition", ("M", "NM|VG"))
    sales, profile = write(tmp_path / "s.csv", table), tmp_path / "shop.yml"
    read_sources(sales=sales)
    said = capsys.readouterr().err
    line = said.partition("such as ")[2].partition("; columns")[0]
    profile.write_text(line)
    first = read_sources(sales=sales).rows["cover_type"] == "SS"
    again = read_sources(sales=sales, profile=str(profile)).rows["cover_type"] == "SS"
    assert first.sum() != again.sum()
    profile.write_text("columns: {cover_type: null}\n")
    rows = read_sources(sales=sales, profile=str(profile)).rows
    assert "cover_type" not in rows and {"sold_date", "album", "price"} <= set(rows)


def test_inspect_says_the_guess(tmp_path):
    table, _ = conditioned("Condition", ("Sealed", "NM|VG"))
    found = inspect_file(write(tmp_path / "s.csv", table))
    assert "«Condition»: new copies are Sealed" in describe(found)
    line = found.columns.set_index("header").loc["Condition"]
    assert line["read_as"] == "cover_type"


# Weeks: which month their copies are counted in

MONDAYS = [date(2024, 1, 1) + timedelta(7 * number) for number in range(40)]
WEEKS_AS = {
    "Week": lambda day: f"{day:%d.%m.%Y}",
    "Неделя": lambda day: f"{day.isocalendar()[1]} неделя {day.year}",
    "Week ending": lambda day: f"{day + timedelta(6):%d.%m.%Y}",
    "Week of": lambda day: f"{day:%m/%d/%Y}",
    "KW": lambda day: f"{day.isocalendar().week:02}/{day.isocalendar().year}",
    "Date": lambda day: f"{day.isocalendar().year}-W{day.isocalendar().week:02}",
    "Период": lambda day: f"{day:%d.%m.%Y} - {day + timedelta(6):%d.%m.%Y}",
}


def weekly(header, cell):
    "A row for each record and week; the truth: copies by month, and those of weeks between two."
    rows = [["Artist", "Title", header, "Qty", "Price"]]
    months, between = {}, 0
    for place, day in enumerate(MONDAYS):
        for number, record in enumerate(RECORDS[:3]):
            copies = 1 + (place + number) % 3
            rows.append([*record[1:3], cell(day), copies, record[3]])
            days = [f"{day + timedelta(n):%Y-%m}" for n in range(7)]
            month = max(set(days), key=days.count)
            months[month] = months.get(month, 0) + copies
            between += copies * (len(set(days)) > 1)
    return rows, months, between


@pytest.mark.parametrize("header", WEEKS_AS)
def test_a_week_counts_in_the_month_of_most_of_its_days(tmp_path, header, capsys):
    rows, months, between = weekly(header, WEEKS_AS[header])
    path = write(tmp_path / "s.csv", rows)
    made = ledger(path)
    sold = made.copies.groupby(made.copies["sold_date"].dt.strftime("%Y-%m"))["count"].sum()
    assert sold.to_dict() == months
    line = f"s.csv: {between} copies lie in weeks that cross a month"
    assert line in capsys.readouterr().err
    assert any(each.startswith(f"NOTE: {line}") for each in made.joins.lines())
    assert header == "Период" or inspect_file(path).kind == "sales"


def test_weeks_in_two_columns_and_under_a_profile(tmp_path):
    rows, months, _ = weekly("Week", lambda day: f"{day:%d.%m.%Y}")
    parts = [[*rows[0], "Year"]]
    for row in rows[1:]:
        year, week, _ = date(*map(int, row[2].split(".")[::-1])).isocalendar()
        parts.append([*row[:2], week, *row[3:], year])
    profile = tmp_path / "shop.yml"
    profile.write_text("columns: {sold_date: Gone, album: Title, artist: Artist, count: Qty}\n")
    named = [[*rows[0][:2], "Gone", *rows[0][3:]]]
    named += [[*row[:2], f"{row[2]} - {row[2]}"[:10], *row[3:]] for row in rows[1:]]
    spans = [[*row[:2], WEEKS_AS["Период"](day(row[2])), *row[3:]] for row in rows[1:]]
    for table, own in ((parts, ""), ([named[0], *spans], str(profile))):
        made = build_ledger(read_sources(sales=write(tmp_path / "s.csv", table), profile=own))
        sold = made.copies.groupby(made.copies["sold_date"].dt.strftime("%Y-%m"))["count"].sum()
        assert sold.to_dict() == months


def day(text):
    "The day of a text."
    return date(*map(int, text.split(".")[::-1]))


def test_days_that_are_all_mondays_are_asked_about(tmp_path):
    rows, _, between = weekly("Date", lambda day: f"{day:%d.%m.%Y}")
    made = ledger(write(tmp_path / "s.csv", rows))
    assert set(made.copies["sold_date"].dt.weekday) == {0}
    said = [line for line in made.joins.lines() if "all days are Mondays" in line]
    assert len(said) == 1 and f"{between} copies" in said[0]
