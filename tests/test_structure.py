"""The picture of the wings is read off the imports, and stands in CONTRIBUTING.md."""

import json
import re
import sys
from graphlib import CycleError
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import structure  # noqa: E402


def write(root, name, *sources):
    "A notebook of code cells."
    cells = [dict(cell_type="code", source=source) for source in sources]
    (root / "nbs").mkdir(exist_ok=True)
    (root / "nbs" / f"{name}.ipynb").write_text(json.dumps(dict(cells=cells)))


@pytest.fixture
def house(tmp_path):
    "Three wings in a row; an import in an example does not count."
    write(tmp_path, "00_core", "#| export\nx = 1")
    write(
        tmp_path,
        "10_data.read",
        "#| export\nfrom plastinka.core import x",
        "import plastinka.panel.m",
    )
    write(tmp_path, "30_panel.m", "#| export\nfrom plastinka.data.read import x")
    late = "#| export\ndef f():\n    from plastinka.data import read\n    import plastinka.panel.m"
    write(tmp_path, "40_models.m", late)
    return tmp_path


def test_only_arrows_that_do_not_follow_from_others(house):
    rooms, imports = structure.read_structure(house)
    assert rooms == dict(data=["read"], panel=["m"], models=["m"])
    assert imports["models"] == {"data", "panel"}
    assert structure.needed_arrows(imports) == [("data", "panel"), ("panel", "models")]


def test_a_circle_is_noticed(house, capsys):
    write(house, "10_data.read", "#| export\nfrom plastinka.models.m import x")
    with pytest.raises(CycleError):
        structure.picture(house)
    (house / "CONTRIBUTING.md").write_text(f"{structure.BEGIN}\n{structure.END}\n")
    assert structure.main(house) == 1 and "in a circle" in capsys.readouterr().err


def test_the_picture_is_placed_between_its_marks(house):
    target = house / "CONTRIBUTING.md"
    target.write_text(f"before\n{structure.BEGIN}\nold\n{structure.END}\nafter\n")
    assert structure.main(house) == 0
    text = target.read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    assert "    data --> panel\n" in text


def arrows(text):
    return sorted(re.findall(r"^    (\w+) --> (\w+)$", text, flags=re.M))


def test_contributing_shows_the_arrows_of_today():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert arrows(text) == arrows(structure.picture(ROOT)) != [], "Run: make picture"
