"""Draw the wings and their imports into CONTRIBUTING.md: `python tools/structure.py`.

The picture is read off the notebooks' exported cells, so that it shows what is and not what was
planned. A circle of wings ends the command with exit code 1.
"""

import ast
import json
import re
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- picture: make picture -->", "<!-- end of picture -->"
ROOM = re.compile(r"\d\d_(?:(\w+)\.)?([\w.]+)\.ipynb")


def exported_code(path: Path) -> str:
    "The code that a notebook exports."
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return "\n".join(source for source in sources if re.match(r"#\s*\|\s*exporti?\b", source))


def imported_wings(code: str) -> set[str]:
    "Wings of the package that code imports from, wherever the import stands."
    modules = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.split(".")[1] for name in modules if name.startswith("plastinka.")}


def read_structure(root: Path) -> tuple[dict[str, list[str]], dict[str, set[str]]]:
    "Modules of every wing, and the wings that each imports from."
    rooms, imports = {}, {}
    for path in sorted((root / "nbs").glob("*.ipynb")):
        match = ROOM.fullmatch(path.name)
        if match and match[1]:
            rooms.setdefault(match[1], []).append(match[2])
            imports.setdefault(match[1], set()).update(imported_wings(exported_code(path)))
    return rooms, {wing: (imports[wing] & set(rooms)) - {wing} for wing in rooms}


def reachable(imports: dict[str, set[str]], wing: str) -> set[str]:
    "All wings that one depends on, directly or through others."
    found, waiting = set(), list(imports[wing])
    while waiting:
        other = waiting.pop()
        if other not in found:
            found.add(other)
            waiting += imports[other]
    return found


def needed_arrows(imports: dict[str, set[str]]) -> list[tuple[str, str]]:
    "Imports that do not follow from others, as pairs of imported and importing wing."
    arrows = []
    for wing, direct in imports.items():
        indirect = set().union(*(reachable(imports, other) for other in direct), set())
        arrows += [(other, wing) for other in sorted(direct - indirect)]
    return sorted(arrows)


def picture(root: Path) -> str:
    "The picture as mermaid; raises `CycleError` where wings import each other in a circle."
    rooms, imports = read_structure(root)
    order = list(TopologicalSorter(imports).static_order())
    boxes = [f'    {wing}["<b>{wing}</b><br/>{"<br/>".join(rooms[wing])}"]' for wing in order]
    arrows = [f"    {source} --> {target}" for source, target in needed_arrows(imports)]
    return "\n".join(["```mermaid", "flowchart LR", *boxes, *arrows, "```"])


def placed(text: str, drawn: str) -> str:
    "A text with the picture between its two marks."
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{drawn}\n{END}{rest.split(END)[1]}"


def main(root: Path = ROOT) -> int:
    "Write the picture where it is not what the notebooks say."
    target = root / "CONTRIBUTING.md"
    text = target.read_text(encoding="utf-8")
    try:
        drawn = placed(text, picture(root))
    except CycleError as error:
        print(f"wings import each other in a circle: {' -> '.join(error.args[1])}", file=sys.stderr)
        return 1
    if drawn != text:
        target.write_text(drawn, encoding="utf-8")
    print(f"CONTRIBUTING.md {'is up to date' if drawn == text else 'has a new picture'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
