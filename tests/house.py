"""The rules of the house, as functions: each takes the project's folder and returns what breaks
it, one line per fault.

They read text and never import the package, so that a broken room still gets a clear message."""

import ast
import io
import json
import re
import tokenize
from pathlib import Path

import yaml

MACHINE_PATH = re.compile(
    r"(?<![\w.~-])/(?:home|root|Users|tmp|work|var/folders)/[\w.-]+|[A-Za-z]:\\\\?Users"
)
NETWORK_ROOMS = {42, 43, 44, 45, 49}
NETWORK_LIBRARIES = {"torch", "darts", "pytorch_lightning", "lightning"}
WINGS = (
    "data simulate store panel scores models evaluate decide report jobs doors".split()
)  # In the order in which data flows; a wing imports only from those before it
EXPORT = re.compile(r"^#\s*\|\s*(export|exporti|exports)\b", re.MULTILINE)
RELATIVE_LINK = re.compile(r"\]\((?![a-z]+:|#)([^)\s#]+)")  # Without the place on the page
ROOM_NAME = re.compile(r"`(\d\d_[\w.]+?)(?:\.ipynb)?`")
DEFAULT_EXP = re.compile(r"^#\s*\|\s*default_exp\s+(\S+)", re.MULTILINE)


def pages(root: Path) -> dict[str, list[dict]]:
    """Every notebook by its path under nbs/, as a list of cells with `type`, `source`, `tags`,
    `outputs` and `id`."""
    found = {}
    for path in sorted((root / "nbs").rglob("*.ipynb")):
        name = path.relative_to(root / "nbs").as_posix()
        if any(part[0] in "._" for part in name.split("/")):
            continue
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        found[name] = [
            dict(
                type=cell["cell_type"],
                source="".join(cell["source"]),
                outputs=cell.get("outputs", []),
                tags=cell.get("metadata", {}).get("tags", []),
                id=cell.get("id"),
            )
            for cell in cells
        ]
    return found


def number(name: str) -> int | None:
    "The number of a room; None for pages that have none (index, runs, tutorials, explanations)."
    match = re.fullmatch(r"(\d\d)_[\w.]+\.ipynb", name)
    return int(match[1]) if match else None


def module(name: str) -> str:
    "`45_models.tide.ipynb` → `models.tide`."
    return re.sub(r"^\d\d_", "", name).removesuffix(".ipynb")


def parsed(source: str) -> ast.Module:
    "A cell's code; lines for the shell and magics are blanked."
    return ast.parse(re.sub(r"(?m)^[%!].*$", "pass", source))


def imported(source: str) -> set[str]:
    """Modules of the package that a cell imports, without the leading `plastinka.`; wherever the
    import stands."""
    names = set()
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.removeprefix("plastinka.") for name in names if name.startswith("plastinka.")}


def layering(root: Path) -> list[str]:
    "A notebook imports only from notebooks with smaller numbers."
    found = pages(root)
    numbers = {module(name): number(name) for name in found if number(name) is not None}
    faults = []
    for name, cells in found.items():
        own = number(name)
        used = set().union(
            *(imported(cell["source"]) for cell in cells if cell["type"] == "code"), set()
        )
        for other in sorted(used & set(numbers)):
            if own is not None and other != module(name) and numbers[other] >= own:
                faults.append(
                    f"{name} imports plastinka.{other}, which is number {numbers[other]:02}"
                )
    return faults


def wing(name: str) -> int:
    "The place of a module's wing, counted from 0; -1 for `core` and others that stand in none."
    first = name.split(".")[0]
    return WINGS.index(first) if first in WINGS else -1


def wings(root: Path) -> list[str]:
    "A wing imports only from wings before it, and `jobs` knows nothing of forecasting."
    faults = []
    for name, cells in pages(root).items():
        if number(name) is None:
            continue
        own = wing(module(name))
        exported = [cell["source"] for cell in filter(is_export, cells)]
        for other in sorted(set().union(*map(imported, exported))):
            place = wing(other)
            if place > own or own == WINGS.index("jobs") and -1 < place < own:
                faults.append(f"{name} imports plastinka.{other}, which its wing must not")
    return faults


def learning(root: Path) -> list[str]:
    "Only networks use torch or darts, and `to_darts`; the rest starts fast and works without."
    faults = []
    for name, cells in pages(root).items():
        if number(name) in NETWORK_ROOMS:
            continue
        for cell in filter(is_export, cells):
            if "\ndef to_darts(" in cell["source"]:
                continue
            for node in ast.walk(parsed(cell["source"])):
                used = (
                    [alias.name for alias in node.names]
                    if isinstance(node, ast.Import)
                    else [getattr(node, "module", "") or ""]
                )
                faults += [
                    f"{name} imports {module}"
                    for module in used
                    if isinstance(node, (ast.Import, ast.ImportFrom))
                    and module.split(".")[0] in NETWORK_LIBRARIES
                ]
    return faults


def names(root: Path) -> list[str]:
    "`NN_a.b.ipynb` exports `a.b`; a page without a number exports nothing."
    faults = []
    for name, cells in pages(root).items():
        exported = [
            match
            for cell in cells
            if cell["type"] == "code"
            for match in DEFAULT_EXP.findall(cell["source"])
        ]
        if number(name) is not None and exported != [module(name)]:
            faults.append(
                f"{name} must have `#| default_exp {module(name)}`, and has {exported or 'none'}"
            )
        if number(name) is None and (
            exported or any(EXPORT.search(cell["source"]) for cell in cells)
        ):
            faults.append(f"{name} exports something: only numbered notebooks do")
    return faults


def quarto_link(root: Path) -> list[str]:
    "nbs/_quarto.yml is a link to the one at the top; else nbdev would write a default one."
    link, target = root / "nbs" / "_quarto.yml", root / "_quarto.yml"
    if not target.is_file() or target.is_symlink():
        return ["_quarto.yml must be a real file at the top"]
    if not link.is_symlink() or link.readlink().as_posix() != "../_quarto.yml":
        return ["nbs/_quarto.yml must be a link: ln -s ../_quarto.yml nbs/_quarto.yml"]
    return []


def sidebar(root: Path) -> list[str]:
    "Every page stands in the sidebar once, and every sidebar entry is a page."

    def leaves(node):
        if isinstance(node, str):
            return [node]
        if isinstance(node, list):
            return [leaf for child in node for leaf in leaves(child)]
        return leaves(node.get("href", [])) + leaves(node.get("contents", []))

    content = yaml.safe_load((root / "nbs" / "sidebar.yml").read_text(encoding="utf-8"))
    listed = leaves(content["website"]["sidebar"]["contents"])
    found = set(pages(root))
    return (
        [f"nbs/sidebar.yml does not list {name}" for name in sorted(found - set(listed))]
        + [
            f"nbs/sidebar.yml lists {name}, which is no page"
            for name in sorted(set(listed) - found)
        ]
        + [
            f"nbs/sidebar.yml lists {name} twice"
            for name in sorted({n for n in listed if listed.count(n) > 1})
        ]
    )


def documented(root: Path) -> list[str]:
    """Every public function, class and method has a docstring, and every parameter a comment
    (docments)."""
    faults = []
    for path in sorted((root / "plastinka").rglob("*.py")):
        if path.name not in ("_modidx.py", "__init__.py"):
            faults += [
                f"{path.relative_to(root).as_posix()}: {fault}"
                for fault in undocumented(path.read_text("utf-8"))
            ]
    return faults


def undocumented(source: str) -> list[str]:
    """The faults of one module. Parameters of methods in a class with a base are the base's to
    document."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    marks = [token for token in tokens if token.type == tokenize.COMMENT]
    beside = {token.start[0] for token in marks}
    above = {token.start[0] + 1 for token in marks if token.line.lstrip().startswith("#")}
    comments = beside | above
    faults = []

    def visit(body, prefix="", has_base=False):
        for node in body:
            if isinstance(node, (ast.If, ast.Try)):
                visit(node.body, prefix, has_base)
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                continue
            if node.name.startswith("_") and not (prefix and node.name == "__init__"):
                continue
            name = prefix + node.name
            if node.name != "__init__" and not ast.get_docstring(node) and not is_setter(node):
                faults.append(f"{name} has no docstring")
            for parameter, line in [] if has_base else parameters(node):
                if line not in comments:
                    faults.append(f"{name}: parameter {parameter} has no comment")
            if isinstance(node, ast.ClassDef):
                bases = {getattr(base, "id", getattr(base, "attr", "")) for base in node.bases}
                visit(node.body, name + ".", bool(bases - {"Protocol", "ABC", "NamedTuple"}))

    visit(ast.parse(source).body)
    return faults


def decorators(node) -> set[str]:
    "Last names of a definition's decorators: `functools.cached_property` → `cached_property`."
    plain = (
        decorator.func if isinstance(decorator, ast.Call) else decorator
        for decorator in node.decorator_list
    )
    return {getattr(decorator, "attr", getattr(decorator, "id", "")) for decorator in plain}


def is_setter(node) -> bool:
    "A property's setter shares the getter's docstring."
    return bool({"setter", "overload"} & decorators(node))


def parameters(node) -> list[tuple[str, int]]:
    "Parameters, or the fields of a dataclass, with their lines."
    if isinstance(node, ast.ClassDef):
        fields = node.body if "dataclass" in decorators(node) else []
        return [
            (field.target.id, field.lineno)
            for field in fields
            if isinstance(field, ast.AnnAssign) and not field.target.id.startswith("_")
        ]
    arguments = node.args
    listed = (
        arguments.posonlyargs
        + arguments.args
        + arguments.kwonlyargs
        + [arguments.vararg, arguments.kwarg]
    )
    return [
        (argument.arg, argument.lineno)
        for argument in listed
        if argument and argument.arg not in ("self", "cls") and not argument.arg.startswith("_")
    ]


def is_export(cell: dict) -> bool:
    "A code cell that goes into the package."
    return cell["type"] == "code" and bool(EXPORT.search(cell["source"]))


def only_imports(cell: dict) -> bool:
    "A cell that imports and does nothing else."
    return all(
        isinstance(node, (ast.Import, ast.ImportFrom)) for node in parsed(cell["source"]).body
    )


def shape(root: Path) -> list[str]:
    """How a room reads: title and sentence first, small export cells with something between them,
    prose, a limit."""
    faults = []
    for name, cells in pages(root).items():
        cells = [cell for cell in cells if cell["type"] != "raw"]
        first = cells[0]["source"] if cells and cells[0]["type"] == "markdown" else ""
        if not re.fullmatch(r"# \S.*\n+> \S.*\n*(- \S+: .*\n?)*", first):
            faults.append(
                f"{name} does not begin with a cell of title and sentence alone (`# Title`, then "
                f"`> sentence`; "
                "nbdev takes them for the page's head, and drops whatever else is in that cell)"
            )
        if len(cells) > 80:
            faults.append(f"{name} has {len(cells)} cells: more than 80")
        prose = sum(cell["type"] == "markdown" for cell in cells) / max(len(cells), 1)
        if prose < 0.25:
            faults.append(f"{name}: {prose:.0%} of its cells are prose, less than a quarter")
        for cell in filter(is_export, cells):
            lines = len(cell["source"].strip().splitlines()) - 1
            if lines > 40:
                faults.append(
                    f"{name}: an export cell of {lines} lines, more than 40: {opening(cell)}"
                )
        for before, cell in zip(cells, cells[1:], strict=False):
            if (
                is_export(before)
                and is_export(cell)
                and not only_imports(before)
                and not only_imports(cell)
            ):
                faults.append(
                    f"{name}: two export cells in a row, nothing said or shown between: "
                    f"{opening(cell)}"
                )
    return faults


def imports_apart(root: Path) -> list[str]:
    """In a room, a cell that imports does nothing else: making the docs executes such cells, and
    only such, whole."""
    faults = []
    for name, cells in pages(root).items():
        for cell in cells:
            if number(name) is None or cell["type"] != "code" or is_export(cell):
                continue
            found = [
                node
                for node in ast.walk(parsed(cell["source"]))
                if isinstance(node, (ast.Import, ast.ImportFrom))
            ]
            if found and not only_imports(cell) and "eval: false" not in cell["source"]:
                faults.append(f"{name}: a cell imports and does more: {opening(cell)}")
    return faults


def opening(cell: dict) -> str:
    "The first line of a cell that says what it is."
    lines = [
        line
        for line in cell["source"].splitlines()
        if line.strip() and not line.startswith(("#", "@"))
    ]
    return lines[0][:60] if lines else ""


def machine_paths(root: Path) -> list[str]:
    "No output and no source names a folder of somebody's machine."
    faults = []
    for name, cells in pages(root).items():
        for cell in cells:
            texts = [cell["source"]] + [
                text for output in cell["outputs"] for text in output_texts(output)
            ]
            faults += [
                f"{name} names {match[0]}"
                for text in texts
                for match in MACHINE_PATH.finditer(text)
            ]
    return sorted(set(faults))


def output_texts(output: dict) -> list[str]:
    "What an output says in words; pictures are left out."
    values = [output.get("text", "")] + output.get("traceback", [])
    values += [
        value for kind, value in output.get("data", {}).items() if not kind.startswith("image/")
    ]
    return [
        value if isinstance(value, str) else "".join(value)
        for value in values
        if isinstance(value, (str, list))
    ]


def run_notebooks(root: Path) -> list[str]:
    """A run notebook has at most 12 cells, and one cell tagged `parameters` whose names have types
    and defaults."""
    faults = []
    for name, cells in pages(root).items():
        if not name.startswith("runs/"):
            continue
        if len(cells) > 12:
            faults.append(f"{name} has {len(cells)} cells: more than 12")
        tagged = [cell for cell in cells if "parameters" in cell["tags"]]
        if len(tagged) != 1:
            faults.append(f"{name} has {len(tagged)} cells tagged `parameters`: it needs one")
        for node in (node for cell in tagged for node in parsed(cell["source"]).body):
            if not (isinstance(node, ast.AnnAssign) and node.value is not None):
                faults.append(
                    f"{name}: line {node.lineno} of the parameters is not `name: type = default`"
                )
    return faults


def bound(node: ast.stmt) -> list[str]:
    "Public names that a statement of a cell defines."
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        found = [node.name]
    else:
        targets = (
            node.targets
            if isinstance(node, ast.Assign)
            else [node.target]
            if isinstance(node, ast.AnnAssign)
            else []
        )
        found = [
            leaf.id for target in targets for leaf in ast.walk(target) if isinstance(leaf, ast.Name)
        ]
    return [name for name in found if not name.startswith("_")]


def exported_once(root: Path) -> list[str]:
    """A room exports each name once: of two definitions the first is dead, and only the reader
    does not know it."""
    faults = []
    for name, cells in pages(root).items():
        exported = [
            found
            for cell in cells
            if is_export(cell)
            for node in parsed(cell["source"]).body
            for found in bound(node)
        ]
        faults += [
            f"{name} exports {found} twice"
            for found in sorted({one for one in exported if exported.count(one) > 1})
        ]
    return faults


def cell_ids(root: Path) -> list[str]:
    "No two cells of a notebook have one id: Jupyter would give one of them another, and save it."
    faults = []
    for name, cells in pages(root).items():
        ids = [cell["id"] for cell in cells if cell["id"]]
        faults += [f"{name} has two cells {one}" for one in sorted(set(ids)) if ids.count(one) > 1]
    return faults


def links(root: Path) -> list[str]:
    "What prose links to is there, and so is each notebook that it names."
    found, faults = pages(root), []
    known = {name.removesuffix(".ipynb") for name in found}
    for name, cells in found.items():
        for text in (cell["source"] for cell in cells if cell["type"] == "markdown"):
            folder = (root / "nbs" / name).parent
            faults += [
                f"{name} links to {link}, which is not there"
                for link in RELATIVE_LINK.findall(text)
                if not (folder / link).exists()
            ]
            faults += [
                f"{name} names {other}, which is no notebook"
                for other in ROOM_NAME.findall(text)
                if other not in known
            ]
    return faults


RULES = [
    layering,
    wings,
    learning,
    names,
    quarto_link,
    sidebar,
    documented,
    shape,
    imports_apart,
    machine_paths,
    run_notebooks,
    exported_once,
    cell_ids,
    links,
]
