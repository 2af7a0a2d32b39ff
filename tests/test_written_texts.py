"""Texts of the shop's files stay texts in the files that we write: no formula, no link, no
markup, whatever a title looks like."""

import re
import zipfile
from html.parser import HTMLParser

import numpy as np
import openpyxl
import pandas as pd
import pytest

from plastinka.scores.counts import quantile_counts
from plastinka.data.ingest import RawRows
from plastinka.data.ledger import build_ledger
from plastinka.models.core import Forecast
from plastinka.decide.buying import ShopStock, buy
from plastinka.panel.panel import build_panel
from plastinka.report.excel import write_excel
from plastinka.report.html import write_html
from plastinka.data.schema import QUANTILES
from plastinka.simulate.files import write_workbook

HOSTILE = [
    '=HYPERLINK("http://evil.example","x")',
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1+1)",
    "\t=1+1",
    "\r=1+1",
    " =1+1",
    "{=1+1}",
    "http://evil.example/",
    "mailto:a@b.example",
    "file:///etc/passwd",
    "internal:Sheet1!A1",
    "external:x.xlsx",
    "ftp://x.example",
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "{{ 7*7 }}",
    "{% raw %}",
    "&lt;b&gt;",
    "$x^2$",
    "_$\\frac{a}{b}$",
    "%s %n %d",
    "a\x00b",
    "a\x07\x1b[31mb",
    "_x000D_",
    "\u202egnirts",
    "مرحبا",
    "😀" * 20_000,
    "Я" * 40_000,
    "NaN",
    "nan",
    "None",
    "NULL",
    "#N/A",
    "TRUE",
    "0012",
    "1e10",
    "45292",
    "2024-01-05",
    "'; DROP TABLE items; --",
    "\ud800".encode("utf-16", "surrogatepass").decode("utf-16", "replace"),
]


@pytest.fixture(scope="module")
def parts():
    "What a report is made of, for a shop whose every text is hostile."
    rows = pd.DataFrame(
        [
            dict(
                artist=text,
                album=HOSTILE[-place],
                style=text,
                cover_type=text,
                price="100",
                created_date=f"01.{month:02}.2024",
                sold_date=f"15.{month:02}.2024",
                kind="sales",
                source_file=HOSTILE[place % 7],
                source_sheet=text[:31],
            )
            for month in (1, 2, 3)
            for place, text in enumerate(HOSTILE)
        ]
    )
    rows.loc[:20, "price"] = HOSTILE[:21]
    rows["source_row"] = np.arange(len(rows)) + 2
    sources = (
        rows[["source_file", "kind"]].drop_duplicates().rename(columns={"source_file": "file"})
    )
    sources = sources.assign(
        path=sources["file"], sheet="", sha256=sources["file"], rows=0, filtered=0
    )
    rows = rows.astype({name: "category" for name in ("kind", "source_file", "source_sheet")})
    ledger = build_ledger(RawRows(rows, sources), max_bad_share=1)
    panel = build_panel(ledger)
    months = pd.date_range("2024-04-01", periods=3, freq="MS")
    items = panel["item"].values
    values = np.broadcast_to(np.arange(1.0, 1 + len(QUANTILES)), (len(items), 3, len(QUANTILES)))
    forecast = Forecast(items, months, quantile_counts(values, QUANTILES), "tide")
    nothing = pd.Series(0, index=items)
    suppliers = pd.Series([HOSTILE[place % 9] for place in range(len(items))], items)
    prices = panel["price_last"].to_series().fillna(100)
    shop = ShopStock(ledger.items.assign(cover_type=""), nothing, prices, suppliers=suppliers)
    order = buy(forecast, shop)
    return dict(
        ledger=ledger,
        panel=panel,
        forecast=forecast,
        orders=order.lines,
        order=order,
        settings=dict(stock=HOSTILE[0], sales=HOSTILE),
        title="=1+1",
    )


# Formulas of the order sheet: sums of columns, products of cells, what is left of the budget;
# of a supplier's sheet: the buyer's copies by the number of the line
OURS = re.compile(
    r"(SUM|COUNTIF)\([A-Z]+\d+:[A-Z]+\d+(,\"(>|&gt;)0\")?\)|[A-Z]+\d+\*[A-Z]+\d+"
    r"|IF\(B5=\"\",\"\",B5-B4\)"
    r"|INDEX\('to order'!(\$[A-Z]+\$\d+:?){2},MATCH\(\d+,'to order'!(\$[A-Z]+\$\d+:?){2},0\)\)"
)


def assert_only_texts(path):
    """No part of the workbook holds a link, a macro, a connection, or a formula but those of the
    sheet to work in, and Excel's own reader takes it."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            assert not re.search("hyperlink|external|vba|connection|activeX", name, re.I), name
            content = archive.read(name)
            formulas = re.findall(rb"<f[ >]([^<]*)</f>", content)
            assert content.count(b"<f>") == len(formulas) and b"<f " not in content, name
            assert all(OURS.fullmatch(formula.decode()) for formula in formulas), name
            assert b"<hyperlink" not in content, name
            assert b"TargetMode" not in content, name
    book = openpyxl.load_workbook(path)
    cells = [
        cell
        for sheet in book
        for row in sheet.iter_rows()
        for cell in row
        if cell.value is not None
    ]
    assert all(cell.hyperlink is None for cell in cells)
    assert all(OURS.fullmatch(cell.value[1:]) for cell in cells if cell.data_type == "f")
    return [str(cell.value) for cell in cells if cell.data_type != "f"]


def test_the_workbook(parts, tmp_path):
    write_excel(tmp_path / "forecast.xlsx", **parts)
    texts = assert_only_texts(tmp_path / "forecast.xlsx")
    for text in HOSTILE[:6]:
        assert any(text.strip() in each for each in texts), text
    with zipfile.ZipFile(
        tmp_path / "forecast.xlsx"
    ) as archive:  # Excel counts letters as UTF-16 does, and takes 32,767 a cell
        texts = [
            text
            for name in archive.namelist()
            if "sheet" in name
            for text in re.findall(r"<t[^>]*>([^<]*)</t>", archive.read(name).decode())
        ]
        assert (
            max(
                len(re.sub("_x[0-9A-F]{4}_|&[a-z]+;", "x", text).encode("utf-16-le")) // 2
                for text in texts
            )
            == 32_767
        )
        assert archive.testzip() is None


class Page(HTMLParser):
    "Tags, and attributes that can act."

    def __init__(self):
        super().__init__()
        self.tags, self.acting = [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.acting += [
            (name, value)
            for name, value in attributes
            if name.startswith("on") or name in ("href", "src", "action", "formaction")
        ]


def test_the_page(parts, tmp_path):
    write_html(tmp_path / "report.html", **parts)
    page = Page()
    page.feed((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert page.tags.count("script") == 3  # The page's own, its long list, and its titles
    assert "img" not in page.tags and "iframe" not in page.tags
    assert all(name == "href" and value.startswith("#") for name, value in page.acting), (
        page.acting[:5]
    )
    assert (tmp_path / "report.html").stat().st_size < 6 << 20


def test_the_made_up_shops_files(tmp_path):
    texts = [text.replace("\0", "")[:32_000] for text in HOSTILE if len(text) < 1000]
    write_workbook(
        tmp_path / "stock.xlsx",
        "Склад",
        ["Альбом", "Исполнитель", "Стиль"],
        [np.array(texts, dtype=object)] * 3,
    )
    assert_only_texts(tmp_path / "stock.xlsx")
