"""The workbook in LibreOffice: it opens, its formulas are computed anew, and they follow what a
buyer types."""

import shutil
import subprocess
from dataclasses import replace

import numpy as np
import openpyxl
import pytest

from plastinka.decide.buying import Plan
from plastinka.decide.replayed import example_replayed
from plastinka.report.excel import write_excel
from plastinka.report.launches import example_launches
from plastinka.report.summary import example_report

OFFICE = shutil.which("soffice") or shutil.which("libreoffice")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(OFFICE is None, reason="LibreOffice is not installed"),
]


def recomputed(path, folder):
    "The values of a workbook after LibreOffice has opened, computed and saved it."
    (folder / "out").mkdir(exist_ok=True)
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    how = [OFFICE, profile, "--headless", "--convert-to", "xlsx:Calc MS Excel 2007 XML"]
    done = subprocess.run(
        [*how, "--outdir", str(folder / "out"), str(path)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0 and "rror" not in done.stdout + done.stderr, done
    return openpyxl.load_workbook(folder / "out" / path.name, data_only=True)


def faulty_cells(book):
    "Cells that show an error."
    return [
        f"{sheet.title}!{cell.coordinate}: {cell.value}"
        for sheet in book.worksheets
        for row in sheet.iter_rows()
        for cell in row
        if cell.data_type == "e" or str(cell.value).startswith(("#", "Err:"))
    ]


@pytest.fixture(scope="module", params=["en", "ru"])
def written(request, tmp_path_factory):
    "A workbook with suppliers, a budget, launches and a replay; its report."
    report, folder = example_report(), tmp_path_factory.mktemp(request.param)
    names = np.where(np.arange(len(report.orders)) % 2, "Warner/Elektra", "Мелодия")
    report = replace(
        report,
        orders=report.orders.assign(supplier=names),
        order=replace(report.order, plan=Plan(budget=50_000.0)),
        launches=example_launches(),
        replay=example_replayed(),
        settings=report.settings | dict(language=request.param, currency="€"),
    )
    write_excel(folder / "forecast.xlsx", **vars(report))
    return report, folder / "forecast.xlsx", folder


def test_libreoffice_computes_the_sums_of_the_order(written):
    report, path, folder = written
    book = recomputed(path, folder)
    assert faulty_cells(book) == []
    sheet, lines = book.worksheets[1], report.orders[report.orders["order"] > 0]
    spent = lines["at_purchase_price"].sum()
    assert [sheet["B2"].value, sheet["B3"].value] == [len(lines), lines["order"].sum()]
    assert sheet["B4"].value == pytest.approx(spent)
    assert sheet["B6"].value == pytest.approx(50_000 - spent)
    warner = book["Warner Elektra"]
    assert warner["B2"].value == lines.loc[lines["supplier"] == "Warner/Elektra", "order"].sum()


def test_sums_follow_what_the_buyer_types(written):
    report, path, folder = written
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[1]
    heads = [cell.value for cell in sheet[7]]
    own = heads.index({"en": "Your order", "ru": "Ваш заказ"}[report.settings["language"]]) + 1
    before = sheet.cell(8, own).value
    sheet.cell(8, own).value = before + 100
    book.save(folder / "typed.xlsx")
    again = recomputed(folder / "typed.xlsx", folder)
    assert again.worksheets[1]["B3"].value == report.orders["order"].sum() + 100
    suppliers = [again[name]["B2"].value for name in ("Warner Elektra", "Мелодия")]
    assert sum(suppliers) == report.orders["order"].sum() + 100
