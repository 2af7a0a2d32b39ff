"""What is one record: files that differ in columns, spellings and order give the same ledger, and
what differs stays apart.

The shop is made up here: 40 records, each sold and in stock. Every member of the kind changes one
side of it as shops' programs do, and what must come out is known from how the shop was made, not
from the code that joins.
"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plastinka.data.ingest import RawRows
from plastinka.data.ledger import build_ledger
from plastinka.evaluate.fit import cut_panel
from plastinka.store.forecasts import keep_run
from plastinka.store.load import load_files
from plastinka.store.query import read_forecast, read_ledger, store_status

ARTISTS = "Lake Effect|Сад Камней|Northern Tram|Чёрный Май|Glass & Orchard|Nick Stone".split("|")
TITLES = "Amber|Письма|Low Tide|Second Sun|Ночной рейс|Зеркала|Still Water".split("|")
DAY = pd.Timestamp("2024-01-01")


def ean(digits):
    "Thirteen digits with the check digit."
    return digits + str(-sum(int(d) * w for d, w in zip(digits, [1, 3] * 6, strict=True)) % 10)


def shop(records=40, sales=400, seed=0):
    "Stock and sales as a reader gives them, with the number of the true record beside."
    rng = np.random.default_rng(seed)
    names = pd.DataFrame(
        dict(
            record=np.arange(records),
            barcode=[ean(f"46000000{number:03d}7") for number in range(records)],
            artist=[ARTISTS[number % 6] for number in range(records)],
            album=[f"{TITLES[number % 7]} {number // 42 + 1}" for number in range(records)],
        )
    )
    sold = np.append(np.arange(records), rng.integers(0, records, sales - records))
    days = pd.Series(DAY + pd.to_timedelta(np.arange(sales) * 360 // sales, "D"))
    sold = names.iloc[sold].reset_index(drop=True)
    sold = sold.assign(price="20", count="1", created_date="2023-12-01", sold_date=days.astype(str))
    stock = names.assign(price="20", count="3", created_date="2023-12-05")
    return sold, stock


def raw(sold, stock):
    "The rows of one sales and one stock file."
    parts = [
        table.drop(columns="record").assign(
            kind=kind, source_file=kind, source_row=2 + np.arange(len(table))
        )
        for table, kind in ((sold, "sales"), (stock, "stock"))
    ]
    rows = pd.concat(parts, ignore_index=True).astype(object)
    rows = rows.where(rows.notna(), None).assign(source_sheet="")
    for name in ("kind", "source_file", "source_sheet"):
        rows[name] = pd.Categorical(rows[name])
    rows["source_row"] = rows["source_row"].astype(np.int32)
    kinds = ["sales", "stock"]
    sources = dict(file=kinds, path="", kind=kinds, sheet="", sha256=kinds, rows=0, filtered=0)
    return RawRows(rows, pd.DataFrame(sources))


def ledger_of(sold, stock):
    return build_ledger(raw(sold, stock), "2025-01-01")


def true_records(ledger, sold, stock):
    "Pairs of item and true record that occur among the copies."
    copies = ledger.copies
    truth = {"sales": sold["record"].to_numpy(), "stock": stock["record"].to_numpy()}
    records = [
        truth[str(kind)][row - 2]
        for kind, row in zip(copies["kind"], copies["source_row"], strict=True)
    ]
    return pd.DataFrame(dict(item=copies["item"], record=records)).drop_duplicates()


def assert_joined(sold, stock):
    "Each true record is one item, and each item one record."
    ledger = ledger_of(sold, stock)
    pairs = true_records(ledger, sold, stock)
    assert len(pairs) == pairs["record"].nunique() == pairs["item"].nunique()
    return ledger


def every(column, change):
    return lambda table: table.assign(**{column: table[column].map(change)})


def half(column, value=None):
    return lambda table: table.assign(
        **{column: table[column].where(np.arange(len(table)) % 2 == 0, value)}
    )


def without(*columns):
    return lambda table: table.drop(columns=list(columns))


def both(*changes):
    def change(table):
        for each in changes:
            table = each(table)
        return table

    return change


def one_column(table):
    joined = table["artist"] + " - " + table["album"]
    return table.assign(album=joined).drop(columns=["artist", "barcode"])


FORMAT = " (LP, Album, RE)"
SPELLINGS = {
    "namesake": every("artist", lambda text: text + " (2)"),
    "asterisk": every("artist", lambda text: text + "*"),
    "article behind": every("artist", lambda text: text + ", The"),
    "article before": every("artist", lambda text: "The " + text),
    "dot": every("artist", lambda text: text + "."),
    "dash": every("artist", lambda text: text.replace(" ", "-")),
    "accent": every("artist", lambda text: text.replace("a", "á").replace("o", "ö")),
    "ё": every("artist", lambda text: text.replace("ё", "е").upper()),
    "and": every("artist", lambda text: text.replace("&", "and")),
    "surname first": every("artist", lambda text: text.replace("Nick Stone", "Stone, Nick")),
    "guest": every("artist", lambda text: text + " feat. Somebody"),
    "format": every("album", lambda text: text + FORMAT),
    "format in square brackets": every("album", lambda text: text + " [2LP]"),
    "format without brackets": every("album", lambda text: text + " - LP"),
    "spaces": every("album", lambda text: "  " + text.replace(" ", "   ")),
    "quotes": every("album", lambda text: f"«{text}»"),
}
COLUMNS = {
    "barcode alone": without("artist", "album"),
    "no artist": without("artist"),
    "no barcode": without("barcode"),
    "half of the barcodes": half("barcode"),
    "half of the artists": half("artist"),
    "cover": lambda table: table.assign(cover_type="SS"),
    "type": lambda table: table.assign(release_type="LP"),
    "several covers": lambda table: table.assign(
        cover_type=["SS", "NM", "VG+", None] * (len(table) // 4)
    ),
    "artist and title in one column": one_column,
}
CODES = {
    "formula": every("barcode", lambda code: f'="{code}"'),
    "invisible": every("barcode", lambda code: f"\u200b{code}\u200e"),
    "word": every("barcode", lambda code: f"EAN {code}"),
    "hash": every("barcode", lambda code: f"#{code}"),
    "asterisks": every("barcode", lambda code: f"*{code}*"),
    "apostrophe": every("barcode", lambda code: f"'{code}"),
    "decimals": every("barcode", lambda code: f"{code}.0"),
    "thousands": every("barcode", lambda code: f"{int(code):,}"),
    "scientific": every("barcode", lambda code: f"{float(code):.5E}"),
    "scientific, written out": every("barcode", lambda code: f"{float(f'{float(code):.4E}'):.0f}"),
    "filler": every("barcode", lambda code: "0000000000000"),
    "other filler": every("barcode", lambda code: "9999999999999"),
    "catalogue numbers": every("barcode", lambda code: f"SHVL {code[-5:]}"),
    "the shop's own numbers": every("barcode", lambda code: ean(f"2000000{code[-6:-1]}")),
    "words for none": every("barcode", lambda code: "нет"),
}
MEMBERS = SPELLINGS | COLUMNS | CODES


@pytest.mark.parametrize("side", ["stock", "sales"])
@pytest.mark.parametrize("name", MEMBERS)
def test_one_side_is_written_otherwise(name, side):
    sold, stock = shop()
    changed = MEMBERS[name]
    sold, stock = (changed(sold), stock) if side == "sales" else (sold, changed(stock))
    ledger = assert_joined(sold, stock)
    assert not ledger.joins.warning
    shared = ledger.joins.counts.loc[["joined by barcode", "joined by artist and title"]]
    assert shared["records"].sum() == 40
    assert shared["stock"].sum() == 120


@pytest.mark.parametrize("name", SPELLINGS)
def test_other_spellings_without_barcodes(name):
    sold, stock = shop()
    bare = without("barcode")
    ledger = assert_joined(bare(sold), bare(SPELLINGS[name](stock)))
    assert ledger.joins.counts.loc["joined by artist and title", "records"] == 40


@pytest.mark.parametrize("zeros", [1, 4])
def test_numbers_of_the_shop_that_lost_their_zeros(zeros):
    sold, stock = shop()
    own = every("barcode", lambda code: "0" * zeros + str(int(code[-5:-1])))
    lost = every("barcode", lambda code: str(int(code[-5:-1])))
    names = without("artist", "album")
    assert_joined(names(lost(sold)), names(own(stock)))


def test_numbers_that_look_scientific():
    sold, stock = shop()
    own = every("barcode", lambda code: f"{int(code[-5:-2]) + 1}E10")
    names = without("artist", "album")
    assert_joined(names(own(sold)), names(own(stock)))


def test_zeros_count_where_one_file_has_both():
    sold, stock = shop(records=2, sales=40)
    codes = every("barcode", lambda code: "7" if code == stock["barcode"][0] else "007")
    assert_joined(codes(sold), codes(stock))


def no_check_digit(zeros):
    "Codes of thirteen digits that begin with zeros and break the rule of the check digit."

    def change(code):
        digits = ("0" * zeros + str(6005270079341 + int(code[-5:-1]) * 1010203))[:12]
        return digits + str((int(ean(digits)[-1]) + 1 + int(code[-5:-1]) % 9) % 10)

    return every("barcode", change)


LOST = {
    "text": lambda code: str(int(code)),
    "number": int,
    "float": float,
}
WHERE = {
    "every second sale": lambda kind, row, record: kind == "sales" and row % 2 == 1,
    "the early sales": lambda kind, row, record: kind == "sales" and row < 150,
    "the late sales and the stock": lambda kind, row, record: kind == "stock" or row > 250,
    "all sales": lambda kind, row, record: kind == "sales",
    "the stock": lambda kind, row, record: kind == "stock",
    "some sales of some records": lambda kind, row, record: record % 3 == row % 2 == 0,
}


def lose(sold, stock, where, how):
    "The zeros of the barcodes of some rows are gone."
    for kind, table in (("sales", sold), ("stock", stock)):
        cells = [
            LOST[how](code) if WHERE[where](kind, row, record) else code
            for row, record, code in table.reset_index()[["index", "record", "barcode"]].to_numpy()
        ]
        yield table.assign(barcode=pd.Series(cells, index=table.index, dtype=object))


@pytest.mark.parametrize("zeros", [1, 5])
@pytest.mark.parametrize("how", LOST)
@pytest.mark.parametrize("where", WHERE)
def test_barcodes_that_lost_their_zeros_and_have_no_check_digit(zeros, how, where):
    "One record for each, in any order of the rows, under the longer code, and it is said."
    sold, stock = map(no_check_digit(zeros), shop())
    longer = set(stock["barcode"])
    sold, stock = lose(sold, stock, where, how)
    gone = [(~table["barcode"].isin(longer)).sum() for table in (sold, stock)]
    respell = both(SPELLINGS["accent"], SPELLINGS["format"])
    ledger = assert_joined(sold.sample(frac=1, random_state=zeros), respell(stock))
    assert set(ledger.items["barcode"]) == longer
    said = ledger.repairs[ledger.repairs["what"].str.contains("leading zeros")]
    said = said.groupby("file")["rows"].sum()
    assert [said.get(name, 0) for name in ("sales", "stock")] == gone


REALLY_OTHER = {
    "other titles": [("0600527007931", "Lake", "Amber"), ("600527007931", "Lake", "Зеркала")],
    "other artists": [("0600527007931", "Lake", "Amber"), ("600527007931", "Tram", "Low")],
    "other digits": [("0600527007931", "Lake", "Amber"), ("600527007932", "Lake", "Amber")],
    "zeros behind": [("0600527007931", "Lake", "Amber"), ("6005270079310", "Lake", "Amber")],
    "few digits": [("0000000012345", "Lake", "Amber"), ("12345", "Lake", "Amber")],
}


@pytest.mark.parametrize("name", REALLY_OTHER)
@pytest.mark.parametrize("where", ["every second sale", "the stock"])
def test_codes_that_really_differ_stay_apart_beside_such_that_lost_their_zeros(name, where):
    sold, stock = lose(*map(no_check_digit(1), shop()), where, "text")
    for table in (sold, stock):
        for record, values in enumerate(REALLY_OTHER[name]):
            mine = table["record"] == record
            table.loc[mine, ["barcode", "artist", "album"]] = values
    ledger = assert_joined(sold, stock)
    assert {values[0] for values in REALLY_OTHER[name]} <= set(ledger.items["barcode"])


APART = {
    "two titles under one barcode": dict(barcode=ean("460000001000")),
    "two covers": dict(
        album="Amber", artist="Lake", cover_type=["SS", "NM"], barcode=ean("460000001000")
    ),
    "two types": dict(
        album="Amber", artist="Lake", release_type=["Оригинал", "Переиздание"], barcode=None
    ),
    "two pressings": dict(album="Amber", artist="Lake"),
    "two formats": dict(album=["Amber (LP)", "Amber (CD)"], artist="Lake", barcode=None),
    "a record and a compact disc": dict(album=["Amber", "Amber (CD)"], artist="Lake", barcode=None),
    "two volumes": dict(album=["Hits 1", "Hits 2"], artist="Lake", barcode=ean("460000001000")),
    "plain and deluxe": dict(
        album=["Amber", "Amber (Deluxe Edition)"], artist="Lake", barcode=None
    ),
    "two artists": dict(album="Greatest Hits", artist=["Lake", "Tram"], barcode=None),
}


@pytest.mark.parametrize("name", APART)
def test_what_both_sides_tell_apart_stays_apart(name):
    sold, stock = shop(sales=80)
    for table in (sold, stock):
        for column, value in APART[name].items():
            values = dict(enumerate(value)) if isinstance(value, list) else {0: value, 1: value}
            table[column] = (
                table["record"].map(values).where(table["record"] < 2, table.get(column))
            )
    assert_joined(sold, stock)


def test_numbers_of_copies_are_no_barcodes():
    sold, stock = shop()
    stock = stock.assign(count="1")
    sold["barcode"] = [f"U{number}" for number in range(len(sold))]
    stock["barcode"] = [f"V{number}" for number in range(len(stock))]
    assert_joined(sold, stock)


def test_ids_of_files_that_are_written_alike_are_those_of_their_keys():
    sold, stock = shop()
    ledger = ledger_of(sold, stock)
    more = ledger_of(sold, SPELLINGS["namesake"](stock).assign(cover_type="SS"))
    assert ledger.items["item_id"].tolist() == more.items["item_id"].tolist()


def test_two_shops_are_told_loudly():
    sold, stock = shop()
    other = stock.assign(
        artist="Nobody", album=[f"Elsewhere {number}" for number in range(40)], barcode=None
    )
    joins = ledger_of(sold, other).joins
    assert joins.lines()[0].startswith("WARNING: Stock and sales share only 0 of 40")
    assert "stock has no barcode" in joins.warning


def test_later_spellings_move_nothing():
    "After the cutoff all is written otherwise, and nothing that is said as of the cutoff moves."
    sold, stock = shop(sales=600)
    later = (sold["sold_date"] >= "2024-07-01").to_numpy()
    respell = both(SPELLINGS["namesake"], SPELLINGS["format"], half("barcode"), COLUMNS["cover"])
    other = pd.concat([sold[~later], respell(sold[later])]).sort_index()
    plain, changed = (
        cut_panel(ledger_of(*each), pd.Timestamp("2024-06-01"))
        for each in ((sold, stock), (other, respell(stock)))
    )
    for name in (*plain.data_vars, *plain.coords):
        np.testing.assert_array_equal(plain[name].values, changed[name].values, err_msg=name)


def upload(store, folder, **tables):
    "Write tables as files, and load them."
    paths = {name: folder / f"{name}.csv" for name in tables}
    for name, table in tables.items():
        table.drop(columns="record").to_csv(paths[name], index=False)
    stock = paths.pop("stock", None)
    return load_files(store, stock, list(paths.values()))


def test_a_store_merges_what_a_later_file_proves_in_any_order(tmp_path):
    """First barcodes alone, then names alone, then a stock with both: what is found to be one
    record is said, and a forecast kept before stays readable. One upload gives the same."""
    sold, stock = shop(sales=120)
    early = (sold["sold_date"] < "2024-07-01").to_numpy()
    parts = dict(early=sold[early].drop(columns=["artist", "album"]))
    parts |= dict(late=sold[~early].drop(columns="barcode"))
    store = tmp_path / "turns.db"
    for name, table in parts.items():
        upload(store, tmp_path, **{name: table})
    apart = store_status(store)["items"]
    kept = keep_forecast(store)
    lines = upload(store, tmp_path, stock=stock).lines()
    assert f"{2 * (apart - 40)} records are found to be one record" in lines[0]
    assert store_status(store)["items"] == 40 < apart
    pd.testing.assert_frame_equal(read_forecast(store)[kept.columns], kept)
    once = tmp_path / "once.db"
    upload(once, tmp_path, **parts, stock=stock)
    pd.testing.assert_frame_equal(read_ledger(store).items, read_ledger(once).items)
    pd.testing.assert_frame_equal(read_ledger(store).copies, read_ledger(once).copies)


@pytest.mark.parametrize("order", ["abs", "bas", "bsa"])
def test_a_store_joins_codes_that_lost_their_zeros_in_any_order(tmp_path, order):
    """Two sales files (a: zeros lost, b: whole codes without names) and the stock, which proves
    that they are the same; one upload gives the same."""
    sold, stock = map(no_check_digit(1), shop(sales=120))
    early = (sold["sold_date"] < "2024-05-01").to_numpy()
    parts = dict(
        a=every("barcode", LOST["text"])(sold[early]), b=without("artist", "album")(sold[~early])
    )
    store, once = tmp_path / "turns.db", tmp_path / "once.db"
    for name in order:
        upload(store, tmp_path, **({"stock": stock} if name == "s" else {name: parts[name]}))
    assert store_status(store)["items"] == 40
    upload(once, tmp_path, **parts, stock=stock)
    for name in ("items", "copies"):
        one, other = (getattr(read_ledger(each), name) for each in (store, once))
        pd.testing.assert_frame_equal(one, other)
    assert set(read_ledger(store).items["barcode"]) == set(stock["barcode"])


def test_a_store_splits_what_both_sides_begin_to_tell_apart(tmp_path):
    sold, stock = shop(records=20, sales=120)
    two = pd.concat([stock, stock]).assign(cover_type=["SS"] * 20 + ["NM"] * 20)
    early = (sold["sold_date"] < "2024-07-01").to_numpy()
    store = tmp_path / "shop.db"
    upload(store, tmp_path, early=sold[early], stock=two)
    assert store_status(store)["items"] == 20
    covers = np.where(np.arange((~early).sum()) % 2 == 0, "SS", "NM")
    later = sold[~early].assign(cover_type=covers)
    lines = upload(store, tmp_path, late=later, stock=two.assign(count="2")).lines()
    assert "are told apart now" in lines[0]
    assert 35 < store_status(store)["items"] <= 40  # Some sold no copy in the later months


def keep_forecast(store):
    "A forecast of every item, kept in the store, and as it is read back."
    ids = read_ledger(store).items["item_id"]
    table = pd.DataFrame(dict(item_id=ids, month=pd.Timestamp("2025-01-01"), horizon=1))
    table = table.assign(**{"q0.5": 1.0}, model="last year")
    scores = pd.DataFrame(dict(model=["last year"], wql=[0.5]))
    keep_run(store, "run", table, scores, "2024-12-01")
    return read_forecast(store)


@st.composite
def changes(draw):
    "Which members change which side, and an order of the rows."
    spelled = st.sets(st.sampled_from(sorted(SPELLINGS)), max_size=3)
    column = st.sampled_from([None, "barcode alone", "half of the barcodes", "cover", "no barcode"])
    sides = [(draw(spelled), draw(column)) for _ in range(2)]
    return sides, draw(st.integers(0, 2**16))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changes())
def test_columns_spellings_and_order_do_not_matter(change):
    (in_sales, in_stock), seed = change
    if "barcode alone" in (in_sales[1], in_stock[1]) and {"no barcode", "half of the barcodes"} & {
        in_sales[1],
        in_stock[1],
    }:
        return  # Nothing is left that both sides hold
    tables = []
    for table, (spelled, column) in zip(shop(sales=120), (in_sales, in_stock), strict=True):
        for name in sorted(spelled):
            table = SPELLINGS[name](table)
        table = COLUMNS[column](table) if column else table
        tables.append(table.sample(frac=1, random_state=seed).reset_index(drop=True))
    assert_joined(*tables)
