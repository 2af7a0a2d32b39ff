"""Make the documentation in _docs: with Quarto where it is installed, else with Sphinx (see tools/docs/conf.py).

`python tools/pages.py FOLDER` makes the pages of Sphinx in FOLDER, Quarto or not. `nbdev_docs` is not called, because
it tries to install Quarto, and rewrites README.md in its own way.
"""

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[1]
RAW_MARKUP = re.compile(r"\{target=|\{py:|:py:obj:|\*\*\*\*")


def with_quarto(root: Path):
    "The site by Quarto, from notebooks that nbdev has made ready to be read."
    from nbdev.quarto import refresh_quarto_yml
    from nbdev.serve import proc_nbs

    refresh_quarto_yml()
    sys.path.insert(0, str(root))
    stage = Path(proc_nbs(n_workers=2))
    if subprocess.run(["quarto", "render", "--no-cache"], cwd=stage).returncode:
        sys.exit("quarto could not render the site (see above). The pages it read are in _proc/")
    shutil.rmtree(root / "_docs", ignore_errors=True)
    shutil.move(stage / "_docs", root / "_docs")


def with_sphinx(root: Path, target: Path):
    "The site by Sphinx. A warning, such as a link to no page, is an error; so is a page with a fault."
    shutil.rmtree(target, ignore_errors=True)
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going"]
    folders = ["-c", root / "tools" / "docs", root / "nbs", target]
    if subprocess.run([*command, *folders]).returncode:
        sys.exit("sphinx could not make the pages, or warned of something in them (see above)")
    faults = page_faults(target)
    if faults:
        sys.exit("\n".join(faults))


class Page(HTMLParser):
    "What of a page is checked: anchors, links, files that it loads, its viewport and its text."

    def __init__(self, path: Path):
        super().__init__()
        self.anchors, self.links, self.loads, self.text = {""}, [], [], []
        self.viewport = False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.anchors |= {found.get("id"), found.get("name")}
        self.viewport |= tag == "meta" and found.get("name") == "viewport"
        links = self.links if tag == "a" else self.loads
        if tag in ("a", "link", "script", "img", "iframe"):
            links += [found[key] for key in ("href", "src") if found.get(key)]

    def handle_data(self, data):
        self.text.append(data)


def page_faults(folder: Path) -> list[str]:
    "What is wrong with the pages of a folder, one line per fault."
    pages = {path.resolve(): Page(path) for path in sorted(folder.rglob("*.html"))}
    faults = []
    for path, page in pages.items():
        found = [] if page.viewport else ["no viewport: unreadable on a phone"]
        found += [f"loads {link} from elsewhere" for link in page.loads if urlsplit(link).netloc]
        found += [f"raw markup {mark}" for mark in RAW_MARKUP.findall("".join(page.text))]
        found += [
            f"a link to {link} leads nowhere"
            for link in page.links + page.loads
            if not leads_somewhere(link, path, pages)
        ]
        faults += [f"{path.relative_to(folder.resolve())}: {fault}" for fault in found]
    return faults


def leads_somewhere(link: str, path: Path, pages: dict[Path, Page]) -> bool:
    "Whether a link goes outside, or to a file and an anchor that are there."
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return True
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if target in pages:
        return unquote(parts.fragment) in pages[target].anchors
    return target.is_file()


def main(target: str = ""):
    "Make _docs, and say where it is."
    if target or not shutil.which("quarto"):
        with_sphinx(ROOT, Path(target or ROOT / "_docs"))
    else:
        with_quarto(ROOT)
    print(f"The site is in {target or '_docs'}/index.html")


if __name__ == "__main__":
    main(*sys.argv[1:])
