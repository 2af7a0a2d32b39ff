"""The report's texts: every one has a Russian one that takes the same values, and a page and a
workbook in Russian say none in English."""

import ast
import re
from pathlib import Path
from string import Formatter
from tempfile import TemporaryDirectory

import openpyxl
import pandas as pd
import pytest
import yaml

from plastinka.data.days import date_faults
from plastinka.data.files import _why_ignored
from plastinka.data.ingest import read_sources
from plastinka.data.ledger import build_ledger
from plastinka.data.records import BY_CODE, BY_WORDS
from plastinka.data.statuses import _MEANINGS
from plastinka.data.values import barcode_repairs
from plastinka.decide.levels import order_list
from plastinka.evaluate.combine import equal_members
from plastinka.models.catalog import CATALOG
from plastinka.report.excel import write_excel
from plastinka.report.html import write_html
from plastinka.report.loaded import record_lines
from plastinka.report.summary import Report, example_report
from plastinka.report.texts import retell, russian, say, speaking
from plastinka.report.words import model_name, verdict

PACKAGE = Path(__file__).parents[1] / "plastinka"


def fields(text):
    "Names of the values that a text takes."
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_no_text_has_two_translations():
    known = {}
    for path in sorted((PACKAGE / "templates").glob("ru*.yml")):
        for text, words in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            assert known.setdefault(text, words) == words, f"{text!r}: {words!r}, {known[text]!r}"


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


DATA = PACKAGE / "data"
TELLERS = dict(find_faults=2, set_aside=1, count_repairs=3, repair_lines=2, Rule=0, CellType=1)
SAMPLES = dict(
    ASKED="each row is one copy",
    STRANGE="no known currency stands beside the prices",
    what="day first, as other files prove",
    reason="is before 1950",
    side="sales",
)
SENTENCE = re.compile(r"(?:[a-z]+|«\{\}») [a-z][^|\\]+")  # Not an expression, nor a list of headers


def written(node):
    "Texts that an expression may give, with a sample where a value stands; none of names."
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        parts = [getattr(part, "value", part) for part in node.values]
        yield "".join(
            part if isinstance(part, str) else SAMPLES.get(ast.unparse(part), "sample")
            for part in parts
        )
    elif isinstance(node, ast.BinOp):
        yield "".join(next(written(side), "sample") for side in (node.left, node.right))
    elif isinstance(node, (ast.IfExp, ast.Tuple)):
        sides = node.elts if isinstance(node, ast.Tuple) else (node.body, node.orelse)
        for side in sides:
            yield from written(side)


def told_in_calls(node):
    "Texts that a call says of rows, and those of notes."
    name = getattr(node.func, "id", getattr(node.func, "attr", ""))
    place, note = TELLERS.get(name, 99), node.args[0] if node.args else None
    if place < len(node.args):
        yield from written(node.args[place])
    if name == "append" and isinstance(note, ast.List) and len(note.elts) == 4:
        yield from written(note.elts[1])


def told_by_reading():
    "Texts of repairs and of rows left out, as the data wing writes them."
    for path in DATA.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield from told_in_calls(node)
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "what":
                yield from written(node.value)
        constants = [node for node in tree.body if isinstance(node, (ast.Assign, ast.AugAssign))]
        texts = [text for node in constants for text in written(node.value)]
        yield from (text.replace("{}", "sample") for text in texts if SENTENCE.fullmatch(text))


def told_elsewhere():
    "Texts that functions of other wings give back."
    cells = pd.Series(["x", "1940-01-01", "01.02.2150", "05.2024"])
    yield from date_faults(cells)
    codes = ["4.6E+12", "4607111111111E0", "0001-2", "36000291452", "4-607"]
    yield from barcode_repairs(pd.Series(codes))
    yield from (f"«sample» says «word»: {meaning}" for meaning in _MEANINGS.values())
    yield from ("«sample» says which rows are sales", "stands above the header line")
    yield from (f"joined by {how}" for how in (BY_CODE, BY_WORDS))
    yield from ("only sold", "only in stock", "more than 7 fields in this line")
    yield from (why for why in map(ignored, ("~$a.xlsx", ".a.csv", "a.pdf")))
    yield equal_members(("tide",), 3).why
    yield equal_members((), 3).why


def ignored(name):
    "Why a file of a folder is not read."
    with TemporaryDirectory() as folder:
        (Path(folder) / name).touch()
        return _why_ignored(Path(folder) / name, ())


def test_what_reading_says_is_told_again():
    texts = {str(text) for text in (*told_by_reading(), *told_elsewhere()) if text}
    assert len(texts) > 75
    with speaking("ru") as gaps:
        told = {text: retell(text) for text in texts}
    assert sorted(gaps) == []
    assert all(re.search("[а-яё]", text) for text in told.values())


def test_what_warns_of_two_shops_is_told_again():
    def shop(columns, number):
        names = [f"{columns[0]} {place}" for place in range(number)]
        return pd.DataFrame(dict.fromkeys(columns, names))

    sold = shop(["Исполнитель", "Альбом"], 8).assign(**{"Дата продажи": "2024-05-03"})
    sold = sold.assign(Исполнитель="Кино")
    for stock in (shop(["Артист", "Название"], 8), shop(["Альбом"], 8)):
        joins = build_ledger(read_sources(stock, [sold]), "2024-06-01").joins
        assert joins.warning
        with speaking("ru") as gaps:
            text = record_lines(joins)[0]["text"]
        assert not gaps and not re.search("share|sales|stock", text)


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


def test_one_is_said_of_one():
    with speaking("en"):
        assert say("{n} copies are ordered.", n=1) == "1 copy is ordered."
        assert say("{n} of {of} records have no price", n=1, of=7) == "1 of 7 records has no price"
        assert say("{n} of {of} are forecast by X", n="1", of="9") == "1 of 9 is forecast by X"
        assert say("{n} copies of {title}", n=21, title="1 days") == "21 copies of 1 days"


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_name_of_a_model_is_one_thing_in_a_sentence(language):
    for model in CATALOG:
        scores = pd.DataFrame(dict(model=[model, "other", "third"], wql=[0.3, 0.9, 0.8]))
        with speaking(language):
            name, said = model_name(model), verdict(scores, model)
        assert name in said and (" of " in name or not name.endswith("quantiles"))
        assert "верить ей" not in said and "квантили" not in name.split()[:1]
