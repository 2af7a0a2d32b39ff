"""Words that shops write over prices, over conditions, and over weeks: what is read as what. The
truth is made first, and each file is written from it."""

import pytest

from plastinka.data.ingest import read_sources
from plastinka.data.values import parse_price
from test_kinds_shops import HEADERS, RECORDS, SALES, STOCK, write

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
