"""Write README.md from nbs/index.ipynb, without Quarto: `python tools/readme.py`.

The outputs stored in the notebook are taken as they are; nothing is executed. Links to pages
become links to their notebooks, and pictures are looked for under nbs/.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NOTE = "<!-- Written from nbs/index.ipynb by `make readme`: edit that, not this. -->\n\n"


def render(root: Path = ROOT) -> str:
    "The text README.md should have."
    import nbformat
    from nbconvert import MarkdownExporter

    page = nbformat.read(root / "nbs" / "index.ipynb", as_version=4)
    page.metadata["language_info"] = {"name": "python"}
    page.cells = [shown(cell) for cell in page.cells if not is_hidden(cell)]
    for cell in page.cells:
        for output in cell.get("outputs", []):
            if "text/plain" in output.get("data", {}):
                output["data"] = {"text/plain": output["data"]["text/plain"]}
    text, _ = MarkdownExporter().from_notebook_node(page)
    text = re.sub(r"\]\((?!https?://|#|mailto:)([^)]+)\)", r"](nbs/\1)", text)
    text = text.replace("](nbs/../", "](")
    text = re.sub(r"[ \t]+\n", "\n", text)
    return NOTE + re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def is_hidden(cell) -> bool:
    "Front matter, and cells that the site hides."
    return cell.cell_type == "raw" or bool(
        re.match(r"#\s*\|\s*(hide|default_exp|export)\b", cell.source)
    )


def shown(cell):
    "The cell without its directive lines."
    if cell.cell_type == "code":
        cell.source = re.sub(r"(?m)^#\s*\|.*\n?", "", cell.source).strip("\n")
    return cell


def main(root: Path = ROOT):
    "Write README.md if it is not what the index says."
    target, text = root / "README.md", render(root)
    if target.exists() and target.read_text(encoding="utf-8") == text:
        print("README.md is up to date")
        return
    target.write_text(text, encoding="utf-8")
    print("README.md written from nbs/index.ipynb")


if __name__ == "__main__":
    sys.exit(main())
