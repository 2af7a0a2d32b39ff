"""Make the documentation in _docs: with Quarto where it is installed, else with Sphinx.

Sphinx is told how by tools/docs/conf.py; `python tools/pages.py FOLDER` makes its pages in FOLDER,
Quarto or not. `nbdev_docs` is not called, because it tries to install Quarto, and rewrites
README.md in its own way.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


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
    "The site by Sphinx. A warning, such as of a link to no page, is an error."
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going"]
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        folders = ["-c", root / "tools" / "docs", root / "nbs", site]
        if subprocess.run([*command, *folders]).returncode:
            sys.exit("sphinx could not make the pages, or warned of something in them (see above)")
        shutil.rmtree(target, ignore_errors=True)
        shutil.move(site, target)


def main(target: str = ""):
    "Make _docs, and say where it is."
    if target or not shutil.which("quarto"):
        with_sphinx(ROOT, Path(target or ROOT / "_docs"))
    else:
        with_quarto(ROOT)
    print(f"The site is in {target or '_docs'}/index.html")


if __name__ == "__main__":
    main(*sys.argv[1:])
