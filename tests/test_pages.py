"""The pages for readers: each fault is found, and they show what the notebooks say."""

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools" / "docs"))
from check import page_faults  # noqa: E402

GOOD = """<html><head><meta name="viewport" content="width=device-width">
<link href="style.css"></head>
<body><h1 id="top">Page</h1><a href="#top">up</a><a href="other.html#end">on</a>
<a href="https://example.org/far">far</a></body></html>"""
OTHER = '<html><meta name="viewport"><p id="end">End</p></html>'


@pytest.fixture
def site(tmp_path):
    "Two pages and a style, without a fault."
    for name, text in {"index.html": GOOD, "other.html": OTHER, "style.css": ""}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture(scope="module")
def conf():
    "The settings of Sphinx, as a module."
    return pytest.importorskip("conf")


def test_a_good_site_has_no_fault(site):
    assert page_faults(site) == []


@pytest.mark.parametrize(
    "old, new, fault",
    [
        ('name="viewport"', 'name="author"', "no viewport"),
        ('href="style.css"', 'href="https://fonts.example.org/a.css"', "from elsewhere"),
        ('href="style.css"', 'href="//fonts.example.org/a.css"', "from elsewhere"),
        ("Page</h1>", '[source](a){target="_blank"}</h1>', "raw markup {target="),
        ("other.html#end", "gone.html#end", "gone.html#end leads nowhere"),
        ("other.html#end", "other.html#start", "other.html#start leads nowhere"),
        ('href="#top"', 'href="#bottom"', "#bottom leads nowhere"),
        ('href="style.css"', 'href="gone.css"', "gone.css leads nowhere"),
    ],
)
def test_each_fault_is_found(site, old, new, fault):
    page = site / "index.html"
    assert old in GOOD
    page.write_text(GOOD.replace(old, new), encoding="utf-8")
    (found,) = page_faults(site)
    assert found.startswith("index.html: ") and fault in found


def test_a_parameter_is_no_link_to_a_function_of_the_same_name(conf):
    code = "from plastinka.core import bar, step\ndef walk(step=1): return step"
    known = {"bar": "plastinka.core.bar", "step": "plastinka.core.step"}
    meant = {name: known[name] for name in known if name in conf.meant_names(code)}
    assert conf.linked("`bar()` by `step`, ``bar``", meant) == (
        "{py:obj}`bar() <plastinka.core.bar>` by `step`, ``bar``"
    )


def test_hidden_cells_and_directives_are_not_shown_and_exports_are_described(conf):
    def shown(source):
        cell = dict(cell_type="code", source=source, outputs=[], metadata={})
        return [new["source"] for new in conf.shown(cell, "plastinka.core", {})]

    assert shown("#| hide\nbar()") == []
    assert shown("#| slow\nbar()") == ["bar()"]
    assert shown("#| export\nimport os") == []
    (quiet,) = conf.shown(dict(cell_type="code", source="#| echo: false\nbar()"), "", {})
    assert quiet["source"] == "bar()" and quiet["metadata"]["tags"] == ["remove-input"]
    (text,) = shown("#| export\ndef input_error(): ...\ndef _own(): ...")
    assert ".. autofunction:: plastinka.core.input_error" in text
    text, code = shown('#| export\nSECRET_FOLDER = "here"  # Where they are')
    assert ".. autodata:: plastinka.core.SECRET_FOLDER" in text
    assert code == 'SECRET_FOLDER = "here"  # Where they are'


def test_comments_of_parameters_and_fields_join_the_docstring(conf):
    @dataclass
    class Shelf:
        "Where `copies` stand."

        length: int  # Metres, *not* feet
        name: str = ""  # Written on `it`

    def measure(
        shelf: Shelf,  # What is measured
    ) -> int:  # Copies that fit
        "Copies on a shelf."

    lines = ["Where `copies` stand."]
    conf.describe(None, "class", "", Shelf, {}, lines)
    assert lines == [
        "Where ``copies`` stand.",
        "",
        r":param length: Metres, \*not\* feet",
        ":param name: Written on ``it``",
    ]
    lines = []
    conf.describe(None, "function", "", measure, {}, lines)
    assert lines[1:] == [":param shelf: What is measured", ":returns: Copies that fit"]


def test_the_sidebar_has_every_page_and_the_indexes(conf):
    text = conf.sidebar()
    names = {path.relative_to(ROOT / "nbs").as_posix() for path in (ROOT / "nbs").rglob("*.ipynb")}
    assert all(f"\n{name}\n" in text for name in names - {"index.ipynb"})
    assert "\ngenindex\n" in text and "\nself\n" in text
