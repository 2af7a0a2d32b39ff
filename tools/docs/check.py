"""What is checked on the pages for readers: `page_faults(folder)` names each fault of a site."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

RAW_MARKUP = re.compile(r"\{target=|\{py:|:py:obj:")


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
