"""What a shop gets wrong: each gives one message that names the place and the cure, exit code 2,
and no half-written output."""

import io
import json
import os
import re
import sys
from contextlib import redirect_stderr, redirect_stdout
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from damage import HEADERS, good_rows, write_book, write_old_book, write_text  # noqa: E402

from plastinka.doors.cli import main  # noqa: E402
from plastinka.core import InputError  # noqa: E402
from plastinka.data.ingest import read_sources  # noqa: E402
from plastinka.data.ledger import build_ledger  # noqa: E402
from plastinka.decide.terms import load_suppliers  # noqa: E402
from plastinka.doors.forecast import forecast  # noqa: E402
from plastinka.jobs.parameters import (  # noqa: E402
    check_parameters,
    notebook_parameters,
    run_notebook_path,
    run_notebooks,
)

RUSSIAN = dict(
    barcode="Штрихкод",
    artist="Исполнитель",
    album="Альбом",
    cover_type="Конверт",
    price="Цена, руб.",
    release_type="Тип",
    style="Стиль",
    created_date="Дата создания",
    sold_date="Дата заказа",
    count="Экземпляры",
)


def sales_rows(months=14, titles=6, start="2023-01-01") -> pd.DataFrame:
    "One sold copy of every title in every month, with canonical columns."
    days = pd.date_range(start, periods=months, freq="MS").repeat(titles) + pd.Timedelta(days=20)
    title = [f"{number:02}" for number in range(titles)] * months
    return pd.DataFrame(
        dict(
            barcode=[f"46000000000{each}" for each in title],
            artist="Кино",
            album=[f"Альбом {each}" for each in title],
            cover_type="SS",
            price=1500.0,
            release_type="Переиздание",
            style="Рок",
            created_date=days - pd.Timedelta(days=9),
            sold_date=days,
            count=1,
        )
    )


def write_shop(folder: Path, rows: pd.DataFrame, stock: pd.DataFrame | None = None) -> list[str]:
    "Monthly sales files and a stock file; the arguments that forecast them."
    (folder / "sales").mkdir()
    for month, part in rows.groupby(rows["sold_date"].dt.strftime("%Y-%m")):
        part.rename(columns=RUSSIAN).to_excel(folder / "sales" / f"sales_{month}.xlsx", index=False)
    stock = sales_rows(1).drop(columns="sold_date") if stock is None else stock
    stock.rename(columns=RUSSIAN).to_excel(folder / "stock.xlsx", index=False)
    return ["--stock", str(folder / "stock.xlsx"), "--sales", str(folder / "sales")]


def call(tmp_path: Path, *arguments) -> tuple[int, str, list[Path]]:
    "Exit code, stderr, and run folders of `plastinka forecast`, with trees for speed."
    told = io.StringIO()
    with redirect_stdout(io.StringIO()), redirect_stderr(told):
        try:
            how = ["--model", "lightgbm", "--out", str(tmp_path / "runs")]
            code = main(["forecast", *map(str, arguments), *how])
        except SystemExit as stop:  # argparse
            code = stop.code
    return code, told.getvalue(), sorted((tmp_path / "runs").glob("*"))


def assert_refused(outcome, *words):
    """Exit code 2, one message with these words, and nothing but notebook, receipt and logs in a
    run folder."""
    code, told, folders = outcome
    assert code == 2, told
    assert "Traceback" not in told
    for word in words:
        assert word in told
    for folder in folders:
        assert json.loads((folder / "receipt.json").read_text())["status"] == "failed"
        assert {path.name for path in folder.iterdir()} <= {
            "receipt.json",
            "forecast.ipynb",
            "progress.jsonl",
            "runner.log",
        }


@pytest.fixture
def shop(tmp_path):
    "Arguments for a good small shop."
    return write_shop(tmp_path, sales_rows())


# At the door: before any process is started


def test_missing_file(tmp_path, shop):
    outcome = call(tmp_path, "--stock", tmp_path / "stok.xlsx", *shop[2:])
    assert_refused(outcome, "stok.xlsx", "no such file", "Did you mean stock.xlsx")
    assert not outcome[2]


def test_empty_file(tmp_path, shop):
    (tmp_path / "stock.xlsx").write_bytes(b"")
    outcome = call(tmp_path, *shop)
    assert_refused(outcome, "stock.xlsx", "empty", "Export it again")
    assert not outcome[2]


@pytest.mark.parametrize(
    "options, words",
    [
        (["--horizon", "0"], ["horizon", "1 to 6"]),
        (["--horizon", "seven"], ["--horizon", "a whole number"]),
        (["--demand-quantile", "75"], ["--demand-quantile"]),
        (["--max-bad-share", "-1"], ["--max-bad-share"]),
        (["--snapshot-date", "31.02.2024"], ["--snapshot-date", "2024-05-31"]),
        (["--profile", "no-such-shop"], ["no-such-shop"]),
        (["--horizont", "3"], ["--horizont"]),
        (["--lead-days", "1e400"], ["--lead-days", "a whole number"]),
        (["--lead-days", "-1"], ["--lead-days", "0 to 180"]),
        (["--review-days", "nan"], ["--review-days", "a whole number"]),
        (["--service-level", "nan"], ["--service-level", "0.01 to 0.99"]),
    ],
)
def test_parameters(tmp_path, shop, options, words):
    outcome = call(tmp_path, *shop, *options)
    assert_refused(outcome, *words)
    assert not outcome[2]


ABSURD = "1e400 nan NaN inf Infinity -inf -5 −5 1e5 1e15 99999999999999999999 5% 200k --5 ² 1/2"


@pytest.mark.parametrize("money", ABSURD.split())
def test_absurd_budgets(tmp_path, shop, money):
    outcome = call(tmp_path, *shop, f"--budget={money}")
    assert_refused(outcome, "budget", "no amount of money", "200000")
    assert not outcome[2]


@pytest.mark.parametrize("notebook", run_notebooks())
def test_absurd_numbers_for_any_run(notebook):
    path = run_notebook_path(notebook)
    for name, each in notebook_parameters(path).items():
        if {"int", "float"} & set(re.findall(r"\w+", each.type)):
            for value in (float("nan"), float("inf"), float("-inf"), -1, -0.5, 10**400, 2**63):
                with pytest.raises(InputError, match=name):
                    check_parameters(path, {name: value})


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1.0, 1e400, 1e15, "nan", "1e400"])
def test_absurd_numbers_from_python(bad):
    rules = ("margin", "capital_cost", "salvage", "lead_days", "review_days")
    asked = [
        dict(budget=bad),
        dict(service_level=bad),
        *(dict(rules={each: bad}) for each in rules),
    ]
    for settings in asked:
        with pytest.raises(InputError, match="budget|service_level|" + "|".join(rules)):
            forecast(sales=sales_rows(), **settings)


@pytest.mark.parametrize("bad", ["1e400", "inf", "-5", "1e30", "99999999999999999", "5%", "abc"])
@pytest.mark.parametrize("header", ["Lead time", "Review period", "Minimum order", "Pack"])
def test_absurd_numbers_in_the_table_of_suppliers(tmp_path, header, bad):
    path = tmp_path / "suppliers.csv"
    path.write_text(f"Supplier;{header}\nNorth;{bad}\n")
    with pytest.raises(InputError, match=r"suppliers.csv, row 2: .*not a .*number from"):
        load_suppliers(path)


def test_out_is_a_file(tmp_path, shop):
    (tmp_path / "runs").write_text("")
    assert_refused((*call(tmp_path, *shop)[:2], []), "runs", "no run folder can be made", "--out")


# In the library, where the run meets them


def refused(words, function):
    "The function raises an InputError with these words."
    with pytest.raises(InputError) as caught:
        function()
    for word in words:
        assert word in str(caught.value)


def read(shop):
    "Read and validate as the run does."
    return build_ledger(read_sources(shop[1], [shop[3]]))


def test_truncated_workbook(tmp_path, shop):
    whole = (tmp_path / "stock.xlsx").read_bytes()
    (tmp_path / "stock.xlsx").write_bytes(whole[: len(whole) // 2])
    refused(["stock.xlsx"], lambda: read(shop))


def test_password_protected_workbook(tmp_path, shop):
    package = (
        bytes.fromhex("D0CF11E0A1B11AE1")
        + bytes(504)
        + "EncryptedPackage".encode("utf-16-le")
        + bytes(2000)
    )
    (tmp_path / "stock.xlsx").write_bytes(package)
    refused(["stock.xlsx", "password"], lambda: read(shop))


def test_two_sheets(tmp_path, shop):
    with pd.ExcelWriter(tmp_path / "stock.xlsx") as book:
        for sheet in ["Склад", "Магазин"]:
            sales_rows(1).drop(columns="sold_date").rename(columns=RUSSIAN).to_excel(
                book, sheet_name=sheet, index=False
            )
    refused(["stock.xlsx", "Склад", "Магазин", "sheet"], lambda: read(shop))
    assert (
        read_sources(shop[1], [], sheet="Магазин")
        .rows["source_sheet"]
        .astype(str)
        .eq("Магазин")
        .all()
    )


def test_missing_column_names_the_nearest(tmp_path):
    shop = write_shop(tmp_path, sales_rows())
    for path in (tmp_path / "sales").iterdir():
        pd.read_excel(path).rename(columns={"Дата заказа": "Дата зоказа"}).to_excel(
            path, index=False
        )
    refused(["sales_2023-01.xlsx", "Дата заказа", "Дата зоказа"], lambda: read(shop))


def test_semicolons_in_windows_1251_work(tmp_path, shop):
    for path in (tmp_path / "sales").iterdir():
        pd.read_excel(path).to_csv(
            path.with_suffix(".csv"),
            sep=";",
            decimal=",",
            encoding="cp1251",
            index=False,
            date_format="%d.%m.%Y",
        )
        path.unlink()
    ledger = read(shop)
    assert len(ledger.quarantine) == 0
    assert ledger.copies["sold_date"].notna().sum() == len(sales_rows())
    assert ledger.items["artist"].eq("Кино").all()


@pytest.mark.parametrize("from_1904", [False, True])
def test_bare_numbers_of_days_in_an_old_workbook(tmp_path, from_1904):
    days = [45323 - 1462 * from_1904, 45324.5 - 1462 * from_1904, date(2024, 2, 3)]
    (tmp_path / "sales.xls").write_bytes(
        write_old_book(
            [["Альбом", "Дата заказа", "Цена"], *[["Ночь", day, 45323] for day in days]], from_1904
        )
    )
    ledger = build_ledger(read_sources(None, [tmp_path / "sales.xls"]))
    assert list(ledger.copies["sold_date"].dt.strftime("%Y-%m-%d")) == [
        "2024-02-01",
        "2024-02-02",
        "2024-02-03",
    ]
    assert set(ledger.copies["price"]) == {45323}


def february(folder: Path, name: str, content: bytes):
    "A folder with three good months, of which February is this file."
    for month in (1, 3):
        (folder / f"sales_2024-{month:02}.csv").write_bytes(
            write_text([HEADERS, *good_rows(month)], "utf-8")
        )
    (folder / name).write_bytes(content)
    return build_ledger(read_sources(None, folder))


ROWS = [HEADERS, *good_rows(2)]
TAKEN = {
    "the header in row 5": (
        "f.xlsx",
        write_book([["Отчёт"], [], ["за февраль", None, "2024"], [], *ROWS]),
    ),
    "a second line of headers above": (
        "f.xlsx",
        write_book([["Товар", *[None] * 7, "Продажа", *[None] * 3], *ROWS]),
    ),
    "headers over two rows": ("f.xlsx", write_book([HEADERS, [None] * 12, *ROWS[1:]])),
    "UTF-16": ("f.csv", write_text(ROWS, "utf-16")),
    "UTF-16 without its mark": ("f.csv", write_text(ROWS, "utf-16-le")),
    "a quotation mark never closed": (
        "f.csv",
        write_text(ROWS, "utf-8").replace("Björk".encode(), '"Björk'.encode(), 1),
    ),
    "many of them": (
        "f.csv",
        write_text(ROWS, "utf-8").replace(";Björk".encode(), ';"Björk'.encode()),
    ),
    "one above the headers": ("f.csv", '"Отчёт\r\n'.encode() + write_text(ROWS, "utf-8")),
    "old line ends": ("f.csv", write_text(ROWS, "cp1251", newline="\r")),
    "barcodes as numbers": (
        "f.xlsx",
        write_book([HEADERS, *[[float(row[0]), *row[1:]] for row in ROWS[1:]]]),
    ),
    "an odd name": ("фев 'x' \"q\" 😀\n2.xlsx", write_book(ROWS)),
    "an old workbook": ("f.xls", write_old_book(ROWS)),
    "a workbook named .csv": ("f.csv", write_book(ROWS)),
    "a text named .xlsx": ("f.xlsx", write_text(ROWS, "utf-8")),
    "2,000 columns": ("f.csv", write_text([row + ["x"] * 1988 for row in ROWS], "utf-8")),
}
REFUSED = {
    "empty": ("f.xlsx", b"", ["is empty"]),
    "only headers": ("f.xlsx", write_book([HEADERS]), ["no rows"]),
    "a header twice": (
        "f.csv",
        write_text([row + [row[4]] for row in ROWS], "utf-8"),
        ["2 columns for price"],
    ),
    "a web page named .xls": ("f.xls", b"<html><table><tr><td>1</table>", ["web page"]),
    "a document named .xls": (
        "f.xls",
        write_old_book(ROWS).replace(
            "Workbook".encode("utf-16-le"), "WordDocu".encode("utf-16-le")
        ),
        ["is not one of Excel"],
    ),
    "half a workbook": ("f.xlsx", write_book(ROWS)[:3000], ["damaged or was cut short"]),
    "every count below zero": (
        "f.csv",
        write_text([HEADERS, *[[*row[:11], -1] for row in ROWS[1:]]], "utf-8"),
        ["every count in f.csv is below zero"],
    ),
    "every count zero": (
        "f.csv",
        write_text([HEADERS, *[[*row[:11], 0] for row in ROWS[1:]]], "utf-8"),
        ["24 of its rows (100%)", "zero copies"],
    ),
    "every day long ago": (
        "f.csv",
        write_text([HEADERS, *[[*row[:10], "05.02.1924", 1] for row in ROWS[1:]]], "utf-8"),
        ["is before 1950"],
    ),
    "12,000 columns": (
        "f.csv",
        write_text([row + ["x"] * 11_988 for row in ROWS], "utf-8"),
        ["12,000 columns", "at most 10,000"],
    ),
}


@pytest.mark.parametrize("how", TAKEN)
def test_taken_as_it_was_meant(tmp_path, how):
    ledger = february(tmp_path, *TAKEN[how])
    assert len(ledger.quarantine) == 0
    assert ledger.copies.groupby(ledger.copies["sold_date"].dt.month)["count"].sum().tolist() == [
        26,
        26,
        26,
    ]


@pytest.mark.parametrize("how", REFUSED)
def test_refused_with_its_reason(tmp_path, how):
    name, content, words = REFUSED[how]
    refused([name, *words], lambda: february(tmp_path, name, content))


def test_pipes_and_links_in_a_circle_are_left_out(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    os.symlink("circle.csv", tmp_path / "circle.csv")
    os.symlink(tmp_path, tmp_path / "folder.csv")
    refused(
        ["circle.csv", "a link to nothing"], lambda: read_sources(None, tmp_path / "circle.csv")
    )
    assert len(february(tmp_path, *TAKEN["UTF-16"]).report) == 3


def test_a_folder_is_no_stock_file(tmp_path, shop):
    refused(["is a folder", "one file"], lambda: read_sources(tmp_path / "sales", [shop[3]]))


def test_text_in_a_price_and_sold_before_created(tmp_path):
    rows = sales_rows()
    rows["price"] = rows["price"].astype(object)
    rows.loc[0, "price"] = "дорого"
    rows.loc[1, "created_date"] = rows.loc[1, "sold_date"] + pd.Timedelta(days=3)
    ledger = read(write_shop(tmp_path, rows))
    assert len(ledger.quarantine) == 0 and (ledger.copies["kind"] == "sales").sum() == len(rows)
    said = ledger.repairs.set_index("what")
    line = said.loc["is not a price: unknown, and the row counts"]
    assert (line["file"], line["example"]) == ("sales_2023-01.xlsx", "row 2: дорого")
    assert said.loc["created after it was sold: set to the day of the sale", "rows"] == 1
    known = ledger.copies.dropna(subset=["created_date", "sold_date"])
    assert (known["created_date"] <= known["sold_date"]).all()


def test_missing_month(tmp_path):
    rows = sales_rows()
    shop = write_shop(tmp_path, rows[rows["sold_date"].dt.strftime("%Y-%m") != "2023-05"])
    refused(["2023-05"], lambda: read(shop))


def test_nothing_sold_at_all(tmp_path):
    shop = write_shop(tmp_path, sales_rows(months=2))
    for path in (tmp_path / "sales").iterdir():
        pd.read_excel(path).head(0).to_excel(path, index=False)
    refused(["sales"], lambda: read(shop))


def test_fewer_months_than_the_lags_need():
    from plastinka.models.tide import tide_options

    refused(["12", "months"], lambda: tide_options(4, 3, 12))


# Through the whole door: what only the run can know


def test_a_refusal_inside_the_run_is_one_message(tmp_path):
    shop = write_shop(tmp_path, sales_rows())
    for path in (tmp_path / "sales").iterdir():
        pd.read_excel(path).rename(columns={"Дата заказа": "Дата зоказа"}).to_excel(
            path, index=False
        )
    outcome = call(tmp_path, *shop)
    assert_refused(outcome, "sales_2023-01.xlsx", "Дата зоказа", "forecast.ipynb")
    assert len(outcome[2]) == 1


def test_one_item(tmp_path):
    code, told, [folder] = call(
        tmp_path,
        *write_shop(
            tmp_path, sales_rows(titles=1), sales_rows(1, titles=1).drop(columns="sold_date")
        ),
    )
    assert code == 0, told
    assert (folder / "report.html").exists()
    assert pd.read_parquet(folder / "forecast.parquet")["item_id"].nunique() == 1


# What a shop may well give, and what no order may come of


def stock_rows(rows: pd.DataFrame, copies: int, created="2024-01-05") -> pd.DataFrame:
    "Copies at hand of every title that was sold."
    return (
        rows.drop_duplicates("album")
        .drop(columns="sold_date")
        .assign(count=copies, created_date=pd.Timestamp(created))
    )


def done(outcome) -> tuple[pd.DataFrame, str]:
    "The order list of a run that succeeded, and its page."
    code, told, [folder] = outcome
    assert code == 0, told
    return pd.read_excel(folder / "forecast.xlsx", sheet_name="records", dtype={"Barcode": str}), (
        folder / "report.html"
    ).read_text(encoding="utf-8")


def daily_rows(days=420, titles=6, start="2023-01-01") -> pd.DataFrame:
    "One sold copy of every title on every day."
    when = np.repeat(pd.date_range(start, periods=days), titles)
    title = [f"{number:02}" for number in range(titles)] * days
    return (
        sales_rows(1, titles)
        .iloc[[int(each) for each in title]]
        .reset_index(drop=True)
        .assign(created_date=pd.Timestamp("2022-12-01"), sold_date=when)
    )


def test_snapshot_in_the_middle_of_a_month(tmp_path):
    rows = daily_rows()  # to 2024-02-24: the last five days of February are left
    shop = write_shop(tmp_path, rows, stock_rows(rows, 40, "2022-12-01"))
    orders, page = done(call(tmp_path, *shop, "--horizon", "1", "--snapshot-date", "2024-02-25"))
    assert (orders["Demand"] < 12).all() and (orders["Order"] == 0).all(), orders
    assert "2024-02-25" in page and "2024-02-29" in page


@pytest.mark.long
def test_snapshot_before_the_last_sale(tmp_path, shop):
    outcome = call(tmp_path, *shop, "--snapshot-date", "2024-02-21")
    assert_refused(
        outcome, "a sale on 2024-02-21", "snapshot is of 2024-02-21", "right snapshot date"
    )


@pytest.mark.long
def test_snapshot_on_the_first(tmp_path):
    rows = sales_rows(titles=3)
    shop = write_shop(tmp_path, rows, stock_rows(rows, 1))
    orders, page = done(call(tmp_path, *shop, "--horizon", "1", "--snapshot-date", "2024-03-01"))
    assert (
        "2024-03-01" in page
        and "2024-03-31" in page
        and "2024-02-29" not in page.split("<main>")[1].split("loaded")[0]
    )
    assert orders["Demand"].between(0, 3).all()


@pytest.mark.long
def test_no_month_is_complete(tmp_path):
    shop = write_shop(tmp_path, sales_rows(1))
    assert_refused(
        call(tmp_path, *shop, "--snapshot-date", "2023-01-25"),
        "no month is complete",
        "2023-01-01 to 2023-01-24",
        "whole months",
    )


@pytest.mark.long
def test_one_month_only(tmp_path):
    shop = write_shop(tmp_path, sales_rows(1))
    assert_refused(call(tmp_path, *shop, "--snapshot-date", "2023-02-01"), "months", "sales files")


def test_every_arrival_undated(tmp_path):
    rows = sales_rows(titles=3)
    stock = stock_rows(rows, 4)
    shop = write_shop(
        tmp_path, rows.drop(columns="created_date"), stock.drop(columns="created_date")
    )
    orders, page = done(call(tmp_path, *shop, "--horizon", "1"))
    assert (orders["In stock"] == 4).all() and (orders["Order"] == 0).all(), (
        "what lies on the shelf today is known"
    )
    assert "the days on which copies arrived" in page


@pytest.mark.long
def test_no_stock_file_no_order(tmp_path):
    shop = write_shop(tmp_path, sales_rows(titles=3))
    orders, page = done(call(tmp_path, *shop[2:], "--horizon", "1"))
    assert set(orders["Order"]) == {"unknown"} and set(orders["In stock"]) == {"unknown"}
    assert pd.api.types.is_numeric_dtype(orders["Demand"])
    assert "Stock is unknown" in page and ">In all" not in page


@pytest.mark.long
def test_every_price_missing(tmp_path):
    rows = sales_rows(titles=3)
    shop = write_shop(
        tmp_path, rows.drop(columns="price"), stock_rows(rows, 0 + 1).drop(columns="price")
    )
    orders, page = done(call(tmp_path, *shop, "--horizon", "1"))
    assert set(orders["At purchase price"]) == {"unknown"} and (orders["Order"] >= 0).all()
    assert "No price is known" in page


def test_all_copies_are_single_pieces(tmp_path):
    rows = sales_rows(titles=40).assign(cover_type="EX")
    rows["album"] = [f"Альбом {number}" for number in range(len(rows))]
    rows["barcode"] = ""
    shop = write_shop(tmp_path, rows, stock_rows(rows.head(5), 1, "2023-01-05"))
    orders, page = done(call(tmp_path, *shop, "--horizon", "1"))
    assert (orders["Order"] == 0).all(), "a second-hand copy cannot be ordered"
    assert "To order" in page


def test_sealed_single_pieces_are_not_ordered(tmp_path):
    rows = sales_rows(titles=40).assign(cover_type="SS")  # Each title came once, and never again
    rows["album"] = [f"Альбом {number}" for number in range(len(rows))]
    rows["barcode"] = ""
    shop = write_shop(tmp_path, rows, stock_rows(rows.head(5), 1, "2023-01-05"))
    orders, _ = done(call(tmp_path, *shop, "--horizon", "1"))
    assert (orders["Order"] == 0).all(), "a shop of single pieces reorders nothing"


@pytest.mark.long
def test_nothing_on_the_shelf_all_month(tmp_path):
    rows = sales_rows(months=16, titles=4)
    empty = rows["sold_date"].dt.strftime("%Y-%m").eq("2024-03") & rows["album"].ne("Альбом 00")
    rows.loc[rows["album"].eq("Альбом 00"), "created_date"] = pd.Timestamp(
        "2022-12-01"
    )  # always there, sells once a month
    shop = write_shop(tmp_path, rows[~empty], stock_rows(rows, 1, "2024-04-25").head(1))
    orders, page = done(call(tmp_path, *shop, "--horizon", "1"))
    assert orders["Demand"].ge(0).all() and len(orders) == 4
    assert not re.search(r">\s*(nan|none|nat)\b", page, re.IGNORECASE)


@pytest.mark.long
def test_nothing_on_the_shelf_in_the_months_held_out(tmp_path):
    rows = sales_rows(months=16, titles=4)
    late = rows["sold_date"] >= "2024-02-01"
    rows.loc[late, "album"] = [
        f"Новый {number}" for number in range(late.sum())
    ]  # what sold before is never there again
    shop = write_shop(tmp_path, rows, stock_rows(rows.tail(1), 1, "2024-04-25"))
    orders, page = done(call(tmp_path, *shop, "--horizon", "3"))
    assert len(orders) == 4 + late.sum() and orders["Demand"].ge(0).all()
    assert not re.search(r">\s*(nan|none|nat)\b", page, re.IGNORECASE)
