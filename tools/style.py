"""How code in the notebooks must look, in figures.

`python tools/style.py` prints them, and what breaks a limit. Lines are counted as ruff formats
them, blank lines and directives (`#| export`) left out; a function's lines go from its `def` to its
end, blank lines included.
"""

import ast
import json
import re
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CHECKED = ("nbs", "tests", "bench", "tools", "setup.py")
MEDIAN_CELL, LONGEST_CELL = 12, 40
LONG_FUNCTION, LONGEST_FUNCTION, LONG_SHARE = 25, 40, 1 / 20
LEAST_PROSE = 1 / 4
EXPORT = re.compile(r"^#\s*\|\s*exporti?s?\b", re.MULTILINE)
BACKEND = ("run_folder", "check", "cancel")  # Names that every backend has
MIGRATION = ("revision", "down_revision", "upgrade", "downgrade")  # Names that alembic prescribes


@dataclass
class Figures:
    "What is counted over all notebooks."

    cells: list[tuple[str, int]]  # Of each export cell: "notebook: first line", and its lines
    functions: list[tuple[str, int]]  # Of each function: "notebook: name", and its lines
    names: dict[str, list[str]]  # Public name → notebooks that export it
    prose: float  # Share of cells that are prose


def notebooks(root: Path) -> list[Path]:
    "Every notebook; folders that start with `_` or `.` are left out, as nbdev does."
    pages = sorted((root / "nbs").rglob("*.ipynb"))
    return [page for page in pages if not re.search(r"/[._]", page.relative_to(root).as_posix())]


def code_lines(source: str) -> list[str]:
    "The lines of a cell that count."
    return [line for line in source.splitlines() if line.strip() and not line.startswith("#|")]


def function_lengths(tree: ast.Module) -> list[tuple[str, int]]:
    "Name and lines of every function and method of a cell."
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = [node for node in ast.walk(tree) if isinstance(node, kinds)]
    return [(node.name, node.end_lineno - node.lineno + 1) for node in found]


def public_names(tree: ast.Module) -> list[str]:
    "Functions, classes and constants that a cell exports; what is patched into a class is not."
    found = []
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            patched = any("patch" in ast.unparse(each) for each in node.decorator_list)
            found += [] if patched else [node.name]
        elif isinstance(node, ast.Assign):
            leaves = [leaf for target in node.targets for leaf in ast.walk(target)]
            stored = [leaf for leaf in leaves if isinstance(leaf, ast.Name)]
            found += [leaf.id for leaf in stored if isinstance(leaf.ctx, ast.Store)]
    return [name for name in found if not name.startswith("_")]


def measure(root: Path) -> Figures:
    "Count cells, functions, names and prose of all notebooks."
    figures, prose, total = Figures([], [], {}, 0.0), 0, 0
    for page in notebooks(root):
        for cell in json.loads(page.read_text(encoding="utf-8"))["cells"]:
            source = "".join(cell["source"])
            prose, total = prose + (cell["cell_type"] == "markdown"), total + 1
            if cell["cell_type"] == "code" and EXPORT.search(source):
                count_cell(figures, page.name, source)
    figures.prose = prose / max(total, 1)
    return figures


def count_cell(figures: Figures, name: str, source: str):
    "Add one export cell to the figures."
    tree = ast.parse(re.sub(r"(?m)^[%!].*$", "pass", source))
    lines = code_lines(source)
    figures.cells.append((f"{name}: {next(iter(lines), '')[:60]}", len(lines)))
    for function, length in function_lengths(tree):
        figures.functions.append((f"{name}: {function}", length))
    for public in public_names(tree):
        figures.names.setdefault(public, []).append(name)


def figure_faults(figures: Figures) -> list[str]:
    "The limits that the figures break, one line each."
    faults, functions = [], figures.functions
    median = statistics.median([lines for _, lines in figures.cells] or [0])
    long = sorted((lines, name) for name, lines in functions if lines > LONG_FUNCTION)
    if median > MEDIAN_CELL:
        faults.append(f"the median export cell has {median:g} lines: more than {MEDIAN_CELL}")
    for name, lines in figures.cells:
        if lines > LONGEST_CELL:
            faults.append(f"{name}: an export cell of {lines} lines, more than {LONGEST_CELL}")
    for lines, name in long:
        if lines > LONGEST_FUNCTION:
            faults.append(f"{name}: a function of {lines} lines, more than {LONGEST_FUNCTION}")
    if len(long) > LONG_SHARE * len(functions):
        longest = ", ".join(name for _, name in long[:-6:-1])
        faults.append(
            f"{len(long)} of {len(functions)} functions have more than {LONG_FUNCTION} lines: more "
            f"than one in {1 / LONG_SHARE:.0f}. The longest: {longest}"
        )
    if figures.prose < LEAST_PROSE:
        faults.append(f"{figures.prose:.0%} of the cells are prose: less than {LEAST_PROSE:.0%}")
    return faults + name_faults(figures.names)


def name_faults(names: dict[str, list[str]]) -> list[str]:
    "Names that two notebooks export."
    return [
        f"{name} is exported by {' and '.join(sorted(set(pages)))}"
        for name, pages in sorted(names.items())
        if len(set(pages)) > 1 and name not in MIGRATION + BACKEND
    ]


def ruff_faults(root: Path) -> list[str]:
    "What ruff would format anew, and what its rules find."
    ruff = str(Path(sys.executable).parent / "ruff")
    paths = [path for path in CHECKED if (root / path).exists()]
    faults = []
    for arguments in (["format", "--check"], ["check"]):
        command = [ruff, *arguments, "--output-format=concise", *paths]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True)
        lines = (done.stdout + done.stderr).splitlines() if done.returncode else []
        faults += [line for line in lines if re.match(r"error|\S+:\d", line)]
    return faults


def summary(figures: Figures) -> str:
    "The figures in one line."
    cells = [lines for _, lines in figures.cells]
    functions = [lines for _, lines in figures.functions]
    long = sum(lines > LONG_FUNCTION for lines in functions)
    median = statistics.median(cells)
    return (
        f"{len(cells)} export cells, median {median:g} lines, longest {max(cells)}; "
        f"{len(functions)} functions, {long} over {LONG_FUNCTION} lines, longest {max(functions)}; "
        f"{figures.prose:.0%} prose"
    )


if __name__ == "__main__":
    counted = measure(ROOT)
    print(summary(counted))
    found = figure_faults(counted) + ruff_faults(ROOT)
    print(*found, sep="\n")
    sys.exit(bool(found))
