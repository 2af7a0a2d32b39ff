"""The house keeps its rules; and each rule notices a house that breaks it."""

import ast
import configparser
import json
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import house
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import readme  # noqa: E402


@pytest.mark.parametrize("rule", house.RULES, ids=lambda rule: rule.__name__)
def test_house(rule):
    faults = rule(ROOT)
    assert not faults, f"{rule.__doc__}\n" + "\n".join(faults)


def test_readme_is_what_the_index_says():
    assert (ROOT / "README.md").read_text(encoding="utf-8") == readme.render(ROOT), (
        "Run: make readme"
    )


# Of extras that dev leaves out
ELSEWHERE = dict(datasphere=["datasphere"], grpc=["grpcio"], ray=["ray"], mlflow=["mlflow-skinny"])
ELSEWHERE |= dict(fracast=["fracast"])


def undeclared(modules, requirements):
    "Third-party names that the modules import and the requirements do not bring."
    declared = {re.split(r"[\[<>=!~]", requirement)[0].lower() for requirement in requirements}
    tops = {
        name.split(".")[0]
        for text in modules
        for node in ast.walk(ast.parse(text))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module]
            if isinstance(node, ast.ImportFrom) and node.level == 0
            else []
        )
    }
    providers = packages_distributions() | ELSEWHERE
    return sorted(
        top
        for top in tops - set(sys.stdlib_module_names) - {"plastinka"}
        if not declared & {name.lower() for name in providers.get(top, [])}
    )


def test_what_the_package_imports_is_declared():
    settings = configparser.ConfigParser(delimiters=["="])
    settings.read(ROOT / "settings.ini", encoding="utf-8")
    kinds = [
        name
        for name in settings["DEFAULT"]
        if name == "requirements" or name.endswith("_requirements")
    ]
    requirements = [
        one
        for name in kinds
        if name not in ("dev_requirements", "lab_requirements")
        for one in settings["DEFAULT"][name].split()
    ]
    modules = [path.read_text(encoding="utf-8") for path in (ROOT / "plastinka").rglob("*.py")]
    assert not undeclared(modules, requirements), (
        "settings.ini must name them, in requirements or in those of an extra"
    )
    without_pandas = [name for name in requirements if not name.startswith("pandas")]
    assert "pandas" in undeclared(["import pandas.io"], without_pandas)


def test_changelog_names_this_version():
    settings = configparser.ConfigParser(delimiters=["="])
    settings.read(ROOT / "settings.ini", encoding="utf-8")
    assert f"\n## {settings['DEFAULT']['version']}" in (ROOT / "CHANGELOG.md").read_text(
        encoding="utf-8"
    )


# A small good house; every test below breaks one thing in it.


def cell(source, kind="code", tags=(), output=""):
    made = dict(cell_type=kind, source=source, metadata=dict(tags=list(tags)))
    if kind == "code":
        made["outputs"] = [dict(output_type="stream", text=[output])] if output else []
    return made


def title(text="Room"):
    return cell(f"# {text}\n\n> One sentence", "markdown")


def room(name, *cells):
    return [title(), cell(f"#| default_exp {name}"), *cells]


def write(path, cells):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps(dict(cells=cells, metadata={}, nbformat=4, nbformat_minor=5)), encoding="utf-8"
    )


SIDEBAR = """website:
  sidebar:
    contents:
      - index.ipynb
      - section: Rooms
        contents: [00_core.ipynb, 10_parts.first.ipynb]
      - section: Runs
        contents: [runs/forecast.ipynb]
"""
GOOD = """import os
@dataclass
class Copy:
    "One record."
    price: float # Money
    def cut(self, month): # First day of a month
        "Until a month."
def total(
    copies, # Table of copies
    # The day after the last sale
    end=None,
): "How many copies."
"""


@pytest.fixture
def good(tmp_path):
    (tmp_path / "nbs").mkdir()
    (tmp_path / "_quarto.yml").write_text("project: {type: website}\n")
    (tmp_path / "nbs" / "_quarto.yml").symlink_to("../_quarto.yml")
    (tmp_path / "nbs" / "sidebar.yml").write_text(SIDEBAR)
    write(
        tmp_path / "nbs" / "index.ipynb",
        [title("plastinka"), cell("from plastinka.parts.first import x")],
    )
    write(tmp_path / "nbs" / "00_core.ipynb", room("core", cell("#| export\ny = 1")))
    write(
        tmp_path / "nbs" / "10_parts.first.ipynb",
        room("parts.first", cell("from plastinka.core import y")),
    )
    write(
        tmp_path / "nbs" / "runs" / "forecast.ipynb",
        [title(), cell("horizon: int = 3", tags=["parameters"])],
    )
    (tmp_path / "plastinka").mkdir()
    (tmp_path / "plastinka" / "core.py").write_text(GOOD)
    return tmp_path


@pytest.mark.parametrize("rule", house.RULES, ids=lambda rule: rule.__name__)
def test_the_small_house_is_good(rule, good):
    assert rule(good) == []


def broken_room(name, *cells):
    return lambda root: write(root / "nbs" / f"{name}.ipynb", list(cells))


def broken_module(old, new):
    def change(root):
        assert old in GOOD
        (root / "plastinka" / "core.py").write_text(GOOD.replace(old, new))

    return change


def broken_link(root):
    (root / "nbs" / "_quarto.yml").unlink()
    (root / "nbs" / "_quarto.yml").write_text("project: {type: website}\n")


def broken_sidebar(root):
    text = SIDEBAR.replace("00_core.ipynb", "00_core.ipynb, 00_core.ipynb, 20_gone.ipynb")
    (root / "nbs" / "sidebar.yml").write_text(text)


EXPORT = cell("#| export\ndef total(): pass")
LONG = cell("#| export\n" + "y = 1\n" * 41)
RUN = "runs/forecast"
BREAKS = [
    (
        house.layering,
        broken_room("00_core", *room("core", cell("from plastinka.parts.first import x"))),
        "number 10",
    ),
    (
        house.layering,
        broken_room(
            "00_core", *room("core", cell("def f():\n    from plastinka.parts import first"))
        ),
        "imports plastinka.parts.first",
    ),
    (
        house.layering,
        broken_room(
            "00_core", *room("core", cell("%matplotlib inline\nimport plastinka.parts.first"))
        ),
        "imports plastinka.parts.first",
    ),
    (
        house.wings,
        broken_room(
            "10_data.first",
            *room("data.first", cell("#| export\nfrom plastinka.panel.panel import build_panel")),
        ),
        "imports plastinka.panel.panel, which its wing must not",
    ),
    (
        house.wings,
        broken_room(
            "80_jobs.core",
            *room("jobs.core", cell("#| export\nfrom plastinka.data.schema import COLUMNS")),
        ),
        "imports plastinka.data.schema, which its wing must not",
    ),
    (
        house.learning,
        broken_room(
            "10_parts.first", title(), cell("#| export\nfrom darts.models import TiDEModel")
        ),
        "10_parts.first.ipynb imports darts.models",
    ),
    (house.names, broken_room("00_core", *room("kernel")), "default_exp core"),
    (house.names, broken_room("00_core", title()), "has none"),
    (house.names, broken_room("index", title(), EXPORT), "only numbered"),
    (house.quarto_link, broken_link, "ln -s"),
    (house.quarto_link, lambda root: (root / "_quarto.yml").unlink(), "real file"),
    (house.sidebar, broken_room("20_new", title()), "does not list 20_new.ipynb"),
    (house.sidebar, broken_sidebar, "twice"),
    (house.sidebar, broken_sidebar, "20_gone.ipynb, which is no page"),
    (house.documented, broken_module(" # Money", ""), "Copy: parameter price"),
    (house.documented, broken_module(" # Table of copies", ""), "total: parameter copies"),
    (
        house.documented,
        broken_module("    # The day after the last sale\n", ""),
        "total: parameter end",
    ),
    (house.documented, broken_module(" # First day of a month", ""), "Copy.cut: parameter month"),
    (house.documented, broken_module('"Until a month."', "pass"), "Copy.cut has no docstring"),
    (house.documented, broken_module('"One record."', "pass"), "Copy has no docstring"),
    (house.shape, broken_room("00_core", cell("x = 1")), "title"),
    (
        house.shape,
        broken_room("00_core", cell("# Core\n\n> One sentence\n\nWhy it exists.", "markdown")),
        "drops",
    ),
    (house.shape, broken_room("00_core", title(), *[cell("x = 1")] * 4), "prose"),
    (house.shape, broken_room("00_core", *[title()] * 81), "81 cells"),
    (house.shape, broken_room("00_core", title(), LONG), "41 lines"),
    (house.shape, broken_room("00_core", title(), EXPORT, EXPORT), "in a row"),
    (
        house.imports_apart,
        broken_room("00_core", *room("core", cell("import os\nprint(os)"))),
        "imports and does more",
    ),
    (
        house.machine_paths,
        broken_room("index", title(), cell("1", output="read /home/anna/sales.xlsx")),
        "/home/anna",
    ),
    (
        house.machine_paths,
        broken_room("index", title(), cell("open('C:\\\\Users\\\\anna')")),
        "Users",
    ),
    (
        house.run_notebooks,
        broken_room(RUN, *[title()] * 12, cell("a: int = 1", tags=["parameters"])),
        "13 cells",
    ),
    (house.run_notebooks, broken_room(RUN, title(), cell("a: int = 1")), "0 cells tagged"),
    (
        house.run_notebooks,
        broken_room(RUN, title(), cell("horizon = 3", tags=["parameters"])),
        "type = default",
    ),
    (
        house.exported_once,
        broken_room(
            "00_core",
            *room(
                "core",
                cell("#| export\ndef rate(): pass"),
                cell("rate()"),
                cell("#| export\ndef rate(): return 1"),
            ),
        ),
        "00_core.ipynb exports rate twice",
    ),
    (
        house.exported_once,
        broken_room(
            "00_core",
            *room(
                "core",
                cell("#| export\nMOST, LEAST = 3, 1"),
                cell("MOST"),
                cell("#| export\nMOST: int = 4"),
            ),
        ),
        "exports MOST twice",
    ),
    (
        house.cell_ids,
        broken_room("00_core", *[each | dict(id="a") for each in room("core")]),
        "00_core.ipynb has two cells a",
    ),
    (
        house.links,
        broken_room(RUN, title(), cell("[Core](00_core.ipynb#errors)", "markdown")),
        "links to 00_core.ipynb, which is not there",
    ),
    (
        house.links,
        broken_room("index", title(), cell("Files are read by `11_parts.gone`.", "markdown")),
        "names 11_parts.gone, which is no notebook",
    ),
]


@pytest.mark.parametrize(
    "rule, change, words", BREAKS, ids=[f"{rule.__name__}: {words}" for rule, _, words in BREAKS]
)
def test_a_broken_house_is_noticed(rule, change, words, good):
    change(good)
    faults = rule(good)
    assert any(words in fault for fault in faults), faults
