"""Make the documentation in _docs: the site with Quarto, or plain HTML pages of the same notebooks without it.

nbdev prepares the pages either way (signatures, parameters, links between names). `nbdev_docs` is not called, because
it tries to install Quarto, and rewrites README.md in its own way.
"""

import html
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WITHOUT_QUARTO = """Quarto is not installed, so these are plain pages: everything to read, no search.
For the whole site, install Quarto (https://quarto.org/docs/get-started/) and run `make docs` again."""
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; display: flex; color: #222 }
nav { width: 15rem; flex: none; padding: 1rem; font-size: .9rem; box-sizing: border-box; height: 100vh; overflow: auto;
      position: sticky; top: 0; background: #f6f6f4 }
nav ul { list-style: none; padding: 0 } nav a { color: inherit; text-decoration: none } nav .here { font-weight: bold }
main { max-width: 52rem; padding: 1rem 2rem; min-width: 0 } pre { overflow-x: auto; font-size: .85rem; line-height: 1.35 }
.jp-InputArea, .highlight pre { background: #f6f6f4; padding: .1rem .6rem } .jp-OutputArea { padding-left: .6rem }
.jp-InputPrompt, .jp-OutputPrompt, .anchor-link, .prompt { display: none } img { max-width: 100% }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; display: block; overflow-x: auto }
th, td { padding: .1rem .6rem; text-align: right; border-bottom: 1px solid #ddd } .sentence { font-size: 1.1rem; color: #555 }
"""


def prepared(root: Path) -> Path:
    "The folder in which nbdev has made the notebooks ready to be read."
    from nbdev.quarto import refresh_quarto_yml
    from nbdev.serve import proc_nbs

    if not (root / "nbs" / "_quarto.yml").exists():
        sys.exit("nbs/_quarto.yml is missing. Run: ln -s ../_quarto.yml nbs/_quarto.yml")
    refresh_quarto_yml()
    sys.path.insert(0, str(root))
    return Path(proc_nbs(n_workers=2))


def render_site(root: Path, stage: Path):
    "The site by Quarto, from what nbdev prepared."
    done = subprocess.run(["quarto", "render", "--no-cache"], cwd=stage)
    if done.returncode:
        sys.exit("quarto could not render the site (see above). The pages it read are in _proc/")
    shutil.rmtree(root / "_docs", ignore_errors=True)
    shutil.move(stage / "_docs", root / "_docs")


def sections(root: Path) -> list[tuple[str, list[str]]]:
    "The sidebar: titles with the notebooks under them."
    import yaml

    contents = yaml.safe_load((root / "nbs" / "sidebar.yml").read_text(encoding="utf-8"))[
        "website"
    ]["sidebar"]["contents"]
    return [
        ("", [entry]) if isinstance(entry, str) else (entry["section"], entry["contents"])
        for entry in contents
    ]


def read_page(path: Path) -> tuple[dict, object]:
    "A prepared notebook: its front matter, and what is left of it to show."
    import nbformat
    import yaml

    page = nbformat.read(path, as_version=4)
    matter = {}
    for cell in page.cells:
        if cell.cell_type == "raw" and cell.source.strip().startswith("---"):
            matter = yaml.safe_load(cell.source.strip().strip("-")) or {}
        if cell.cell_type == "code" and re.search(r"(?m)^#\|\s*echo:\s*false", cell.source):
            cell.metadata["transient"] = {"remove_source": True}
        cell.source = (
            re.sub(r"(?m)^#\|.*\n?", "", cell.source) if cell.cell_type == "code" else cell.source
        )
    page.cells = [cell for cell in page.cells if cell.cell_type != "raw"]
    return matter, page


def write_plain(root: Path, stage: Path) -> int:
    "One HTML file per page, with the sidebar; returns how many."
    from nbconvert import HTMLExporter
    from pygments.formatters import HtmlFormatter

    shutil.rmtree(root / "_docs", ignore_errors=True)
    exporter, style = (
        HTMLExporter(template_name="basic"),
        STYLE + HtmlFormatter().get_style_defs(".highlight"),
    )
    read = {
        name: read_page(stage / name)
        for _, names in sections(root)
        for name in names
        if (stage / name).exists()
    }
    address = {
        name: str(Path(name).parent / matter.get("output-file", Path(name).stem + ".html"))
        for name, (matter, _) in read.items()
    }
    for name, (matter, page) in read.items():
        target = root / "_docs" / address[name]
        target.parent.mkdir(parents=True, exist_ok=True)
        up = "../" * name.count("/")
        body, _ = exporter.from_notebook_node(page)
        body = re.sub(
            r'href="([^":#]+\.ipynb)',
            lambda link: f'href="{relink(link[1], name, address, up)}',
            body,
        )
        target.write_text(
            whole_page(matter, body, style, navigation(root, read, address, name, up)),
            encoding="utf-8",
        )
    for picture in (root / "nbs").rglob("images/*"):
        copy = root / "_docs" / picture.relative_to(root / "nbs")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(picture, copy)
    return len(read)


def relink(link: str, name: str, address: dict, up: str) -> str:
    "A link to a notebook becomes one to its page."
    parts = [part for part in (Path(name).parent / link).as_posix().split("/") if part != "."]
    while ".." in parts:
        at = parts.index("..")
        del parts[max(at - 1, 0) : at + 1]
    return up + address.get("/".join(parts), link)


def navigation(root: Path, read: dict, address: dict, here: str, up: str) -> str:
    "The sidebar of one page."
    lines = []
    for title, names in sections(root):
        lines.append(f"<p><b>{html.escape(title)}</b></p><ul>")
        for name in (name for name in names if name in read):
            mark = ' class="here"' if name == here else ""
            text = html.escape(str(read[name][0].get("title", name)))
            lines.append(f'<li><a{mark} href="{up}{address[name]}">{text}</a></li>')
        lines.append("</ul>")
    return "\n".join(lines)


def whole_page(matter: dict, body: str, style: str, sidebar: str) -> str:
    "A page with title, sentence, sidebar and style in one file."
    title, sentence = (html.escape(str(matter.get(key, ""))) for key in ("title", "description"))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{style}</style>'
        f'<nav>{sidebar}</nav><main><h1>{title}</h1><p class="sentence">{sentence}</p>{body}</main></html>'
    )


def main(root: Path = ROOT):
    "Make _docs, and say what it is and where."
    stage = prepared(root)
    if shutil.which("quarto"):
        render_site(root, stage)
        print("The site is in _docs/index.html")
    else:
        count = write_plain(root, stage)
        print(f"{count} pages are in _docs, beginning with _docs/index.html\n{WITHOUT_QUARTO}")


if __name__ == "__main__":
    main()
