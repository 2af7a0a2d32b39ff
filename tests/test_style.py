"""The figures of tools/style.py are counted right, and each limit is noticed when it is broken."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import style  # noqa: E402

SMALL = "#| export\ndef rate(units, days):\n    return units / days"


def write(root, name, *sources):
    "A notebook whose sources are code, or prose where they start with a word in italics."
    cells = [
        dict(cell_type="markdown" if source.startswith("*") else "code", source=source)
        for source in sources
    ]
    (root / "nbs").mkdir(exist_ok=True)
    (root / "nbs" / f"{name}.ipynb").write_text(json.dumps(dict(cells=cells)))


def function(name, lines):
    "An exported function of so many lines, its `def` counted."
    return f"#| export\ndef {name}():\n" + "    pass\n" * (lines - 1)


def faults(root):
    return style.figure_faults(style.measure(root))


def test_what_is_counted(tmp_path):
    write(
        tmp_path, "00_core", "*prose*", SMALL, "#| export\n\nRATE = 3\n\nclass Shop: pass", "x = 1"
    )
    figures = style.measure(tmp_path)
    assert figures.cells == [
        ("00_core.ipynb: def rate(units, days):", 2),
        ("00_core.ipynb: RATE = 3", 2),
    ]
    assert figures.functions == [("00_core.ipynb: rate", 2)]
    assert list(figures.names) == ["rate", "RATE", "Shop"]
    assert figures.prose == 0.25
    assert not faults(tmp_path)


def test_a_patched_method_is_no_exported_name(tmp_path):
    patched = "#| export\n@patch\ndef plot(self: Shop): pass"
    write(tmp_path, "00_core", "*prose*", patched)
    write(tmp_path, "01_more", "*prose*", patched)
    assert not style.measure(tmp_path).names and not faults(tmp_path)


@pytest.mark.parametrize(
    "sources, words",
    [
        ([function("a", 13)], "the median export cell has 13 lines"),
        ([SMALL, SMALL, "#| export\n" + "y = 1\n" * 41], "an export cell of 41 lines"),
        ([SMALL, SMALL, function("a", 41)], "a function of 41 lines"),
        ([SMALL, SMALL, function("a", 26)], "1 of 3 functions have more than 25 lines"),
        ([SMALL, "x = 1", "x = 2", "x = 3"], "20% of the cells are prose"),
    ],
)
def test_a_broken_limit_is_noticed(tmp_path, sources, words):
    write(tmp_path, "00_core", "*prose*", *sources)
    assert any(words in fault for fault in faults(tmp_path)), faults(tmp_path)


def test_what_is_within_the_limits_is_not(tmp_path):
    write(tmp_path, "00_core", "*prose*", *[SMALL] * 20, function("a", 25))
    assert [fault for fault in faults(tmp_path) if "prose" not in fault] == []


def test_a_name_that_two_notebooks_export(tmp_path):
    write(tmp_path, "00_core", "*prose*", SMALL)
    write(tmp_path, "01_more", "*prose*", SMALL)
    assert faults(tmp_path) == ["rate is exported by 00_core.ipynb and 01_more.ipynb"]


def test_ruff_is_asked(tmp_path):
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "good.py").write_text("x = 1\n")
    assert style.ruff_faults(tmp_path) == []
    (tmp_path / "tools" / "bad.py").write_text("import os\nx = {  }\n")
    found = style.ruff_faults(tmp_path)
    assert any("would be reformatted" in fault for fault in found)
    assert any("F401" in fault for fault in found)
