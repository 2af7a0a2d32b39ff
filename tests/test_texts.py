"""The report's texts: every one has a Russian one that takes the same values, and a page and a
workbook in Russian say none in English."""

import ast
import re
from pathlib import Path
from string import Formatter

import openpyxl
import pytest

from plastinka.decide.levels import order_list
from plastinka.report.excel import write_excel
from plastinka.report.html import write_html
from plastinka.report.summary import Report, example_report
from plastinka.report.texts import russian, speaking

PACKAGE = Path(__file__).parents[1] / "plastinka"


def fields(text):
    "Names of the values that a text takes."
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def said_texts():
    "Texts that stand in calls of `say`, in code and template."
    for path in (PACKAGE / "report").glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "say":
                values = ast.walk(call.args[0])
                yield from (node.value for node in values if isinstance(node, ast.Constant))
    template = (PACKAGE / "templates" / "report.html").read_text(encoding="utf-8")
    yield from re.findall(r'say\("([^"]*)"', template)


def test_every_text_has_a_russian_one_with_the_same_values():
    said = {text for text in said_texts() if isinstance(text, str)} - {"{name} "}
    assert len(said) > 150
    assert sorted(said - set(russian())) == []
    assert [text for text, ours in russian().items() if fields(text) != fields(ours)] == []


@pytest.fixture(scope="module")
def example():
    return example_report()


def variants(example):
    "Reports in which much, little and nothing is known."
    orders = order_list(example.forecast, None, None, example.ledger.items)
    alone = dict(scores=None, coverage=None, holdout=None, orders=orders, order=None)
    alone = vars(example) | alone
    return [vars(example), alone, vars(Report())]


@pytest.mark.parametrize("number", range(3))
def test_a_russian_report_has_no_gap(example, number, tmp_path, monkeypatch):
    found = set()

    class Noted(dict):
        "The table, noting what it is asked for in vain."

        def get(self, text, default=None):
            if text not in self:
                found.add(text)
            return super().get(text, default)

    table = Noted(russian())
    monkeypatch.setattr("plastinka.report.texts.russian", lambda: table)
    parts = variants(example)[number]
    parts = parts | dict(settings=parts["settings"] | dict(language="ru", currency="₽"))
    write_html(tmp_path / "report.html", **parts)
    write_excel(tmp_path / "forecast.xlsx", **parts)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert 'lang="ru"' in page and "Что заказать" in page or "Спрос по пластинкам" in page
    names = openpyxl.load_workbook(tmp_path / "forecast.xlsx").sheetnames
    assert names[0] == "сводка" and "прогноз" in names
    assert sorted(text for text in found if not re.search("[а-яё]", text)) == []


def test_the_language_ends_with_its_report():
    with speaking("ru"):
        pass
    from plastinka.report.texts import say

    assert say("unknown") == "unknown"
