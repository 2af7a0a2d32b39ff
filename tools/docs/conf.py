"""How Sphinx makes pages of the notebooks in nbs/, where Quarto is missing: see tools/pages.py.

Sphinx and its theme furo give search, index, contents, previous and next, dark and small screens;
myst-nb reads notebooks; autodoc reads signatures. Here stands only what nbdev's notebooks need
beside: what is exported is shown by its signature and docments, what is hidden is left out, and
names in prose become links.
"""

import ast
import importlib
import json
import logging
import re
import sys
from functools import cache
from pathlib import Path
from typing import get_origin

import nbformat
import yaml
from docutils import nodes
from fastcore.docments import docments
from latex2mathml.converter import convert

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
logging.getLogger("alembic").setLevel(logging.WARNING)  # Else it names each of its parts

project = "plastinka"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
exclude_patterns = ["**/.*", "**/_*"]
nb_execution_mode = "off"
nb_merge_streams = True
nb_render_markdown_format = "myst"  # Else tables in outputs are lines of text
myst_enable_extensions = ["dollarmath", "smartquotes"]
myst_heading_anchors = 3
add_module_names = False
python_use_unqualified_type_names = True
viewcode_follow_imported_members = False
autodoc_typehints = "description"
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
html_theme = "furo"
html_title = "plastinka"
html_static_path = [str(ROOT / "nbs" / "styles.css")]
html_css_files = ["styles.css"]
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False
html_math_renderer = "mathml"

DIRECTIVE = re.compile(r"^#\s*\|\s*(\S+)(.*)\n?", re.MULTILINE)
NAME = re.compile(r"(?<!`)`(\w+)(\(\))?`(?!`)")
TOCTREE = "```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{pages}\n```"


def public_names(source: str) -> list[str]:
    "The public functions, classes and constants that a cell defines."
    names = []
    for node in ast.parse(source).body:
        targets = getattr(node, "targets", [node])
        names += [getattr(target, "name", getattr(target, "id", "_")) for target in targets]
    return [name for name in names if not name.startswith("_")]


def reference(module: str, name: str) -> str:
    "What autodoc is asked for one name of a module; a constant has its value where it is short."
    found = getattr(importlib.import_module(module), name)
    is_function = callable(found) and get_origin(found) is None  # `Annotated[…]` can be called, too
    kind = "class" if isinstance(found, type) else "function" if is_function else "data"
    short = isinstance(found, int | float | str | tuple) and len(repr(found)) <= 60
    option = {"class": ":members:", "data": "" if short else ":no-value:"}.get(kind, "")
    return f"```{{eval-rst}}\n.. auto{kind}:: {module}.{name}\n   {option}\n```"


@cache
def known_names() -> dict[str, str]:
    "Every public name of the package: `read_files` → `plastinka.data.ingest.read_files`."
    modules = importlib.import_module("plastinka._modidx").d["syms"]
    found = [(path, importlib.import_module(path).__all__) for path in modules]
    return {name: f"{path}.{name}" for path, names in found for name in names}


def meant_names(code: str) -> set[str]:
    "Names that a page imports or defines and that none of its functions has as a parameter."
    tree = list(ast.walk(ast.parse(re.sub(r"(?m)^[%!].*", "", code))))
    own = {node.name for node in tree if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    own |= {node.name for node in tree if isinstance(node, ast.alias)}
    own |= {node.id for node in tree if isinstance(node, ast.Name) and node.id.isupper()}
    return own - {node.arg for node in tree if isinstance(node, ast.arg)}


def linked(text: str, known: dict[str, str]) -> str:
    "Prose in which a known name in backticks leads to its description."

    def link(match):
        name, call = match[1], match[2] or ""
        return f"{{py:obj}}`{name}{call} <{known[name]}>`" if name in known else match[0]

    return NAME.sub(link, text)


def only_constants(source: str) -> bool:
    "Whether a cell does nothing but set names, so that its code says it best."
    kinds = ast.Assign | ast.AnnAssign | ast.AugAssign
    return all(isinstance(node, kinds) for node in ast.parse(source).body)


def exported(cell: dict, module: str) -> list[dict]:
    "An exported cell is shown by the descriptions of what it defines; constants as they are set."
    names = public_names(cell["source"])
    found = [nbformat.v4.new_markdown_cell(reference(module, name)) for name in names]
    source = DIRECTIVE.sub("", cell["source"])
    if names and only_constants(source):
        found.append(cell | dict(source=source))
    return found


def shown(cell: dict, module: str, links: dict[str, str]) -> list[dict]:
    "The cells that a page shows for one cell of its notebook."
    directives = dict(DIRECTIVE.findall(cell["source"])) if cell["cell_type"] == "code" else {}
    if "hide" in directives:
        return []
    if "export" in directives:
        return exported(cell, module)
    if cell["cell_type"] == "markdown":
        return [cell | dict(source=linked(cell["source"], links))]
    source = DIRECTIVE.sub("", cell["source"])
    if directives.get("echo:", "").strip() == "false":  # What it prints is shown, its code is not
        cell = cell | dict(metadata=dict(tags=["remove-input"]))
    return [cell | dict(source=source)] if source else []


def sidebar() -> str:
    "The sections of nbs/sidebar.yml and the indexes, as Sphinx wants them."
    text = (ROOT / "nbs" / "sidebar.yml").read_text(encoding="utf-8")
    sections = yaml.safe_load(text)["website"]["sidebar"]["contents"]
    pages = {part["section"]: "\n".join(part["contents"]) for part in sections}
    pages["Index"] = "genindex\nmodindex"
    parts = [TOCTREE.format(caption=caption, pages=names) for caption, names in pages.items()]
    return "\n\n".join(parts).replace("index.ipynb", "self")


def head(title: str, module: str, docname: str) -> str:
    "The first cell of a page: title and sentence; then the module's name, or all pages."
    if docname == root_doc:
        return f"{title}\n\n{sidebar()}"
    return f"{title}\n\n```{{py:module}} {module}\n```\n`{module}`" if module else title


def prepare(_app, docname: str, source: list[str]):
    "A notebook as it is read, before Sphinx makes a page of it."
    notebook = json.loads(source[0])
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
    code = "\n".join(cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "code")
    exports_to = dict(DIRECTIVE.findall(code)).get("default_exp", "").strip()
    module = exports_to and f"plastinka.{exports_to}"
    meant = meant_names(code)
    links = {name: path for name, path in known_names().items() if name in meant}
    title, *rest = notebook["cells"]
    title["source"] = head(title["source"], module, docname)
    notebook["cells"] = [title, *(new for cell in rest for new in shown(cell, module, links))]
    # Lines are counted from the cell's number; myst-nb's own 10,000 a cell makes docutils crawl.
    notebook["metadata"]["source_map"] = list(range(len(notebook["cells"])))
    source[0] = json.dumps(notebook)


def describe(_app, what: str, _name, found, _options, lines: list[str]):
    "Docstrings are text with names in backticks; comments of parameters and fields join them."
    lines[:] = [] if what == "data" else [plain(line) for line in lines]
    comments = docments(found) if what in ("function", "method", "class", "exception") else {}
    fields = {name: f":param {name}:" for name in comments} | {"return": ":returns:"}
    lines += ["", *(f"{fields[name]} {plain(text)}" for name, text in comments.items() if text)]


def plain(text: str) -> str:
    "Text for reStructuredText: signs that mean something there mean nothing, and code is code."
    parts = re.split(r"`([^`]+)`", " ".join(text.split()))
    parts[::2] = [re.sub(r"([*|\\_])", r"\\\1", part) for part in parts[::2]]
    parts[1::2] = [f"``{part}``" for part in parts[1::2]]
    return "".join(parts)


def inline_formula(self, node):
    "A formula as MathML, which browsers draw by themselves."
    self.body.append(convert(node.astext()))
    raise nodes.SkipNode


def formula(self, node):
    "A formula on a line of its own; a wide one scrolls."
    mathml = convert(node.astext(), display="block")
    self.body.append(f'<div class="formula">{mathml}</div>')
    raise nodes.SkipNode


def setup(app):
    "What Sphinx calls first."
    app.connect("source-read", prepare)
    app.connect("autodoc-process-docstring", describe)
    app.add_html_math_renderer("mathml", (inline_formula, None), (formula, None))


root_doc = "index"
