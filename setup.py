"""Install plastinka: everything is declared in settings.ini, and the run notebooks of nbs/runs
travel in the wheel."""

import configparser
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

here = Path(__file__).parent
ini = configparser.ConfigParser(delimiters=["="])
ini.read(here / "settings.ini", encoding="utf-8")
cfg = ini["DEFAULT"]


class BuildWithRuns(build_py):
    """Copy the parameterized notebooks into the package, so that a run needs no checkout."""

    def run(self):
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / cfg["lib_name"] / "runs"
        target.mkdir(parents=True, exist_ok=True)
        for notebook in sorted((here / cfg["nbs_path"] / "runs").glob("*.ipynb")):
            shutil.copy2(notebook, target / notebook.name)


extras = {
    name.removesuffix("_requirements"): cfg[name].split()
    for name in cfg
    if name.endswith("_requirements")
}
setup(
    name=cfg["lib_name"],
    version=cfg["version"],
    description=cfg["description"],
    long_description=(here / "README.md").read_text(encoding="utf-8")
    if (here / "README.md").exists()
    else "",
    long_description_content_type="text/markdown",
    author=cfg["author"],
    author_email=cfg["author_email"],
    license="MIT",
    url=cfg["git_url"],
    project_urls={"Documentation": cfg["doc_host"] + cfg["doc_baseurl"]},
    keywords=cfg["keywords"].split(),
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: " + cfg["audience"],
        "Programming Language :: Python :: 3",
        "Natural Language :: " + cfg["language"],
    ],
    packages=find_packages(include=["plastinka", "plastinka.*"]),
    package_data={"plastinka": ["profiles/*.yml", "templates/*"]},
    python_requires=">=" + cfg["min_python"],
    install_requires=cfg["requirements"].split(),
    extras_require=extras,
    entry_points={
        "console_scripts": cfg["console_scripts"].split("\n"),
        "nbdev": [f"{cfg['lib_name']}={cfg['lib_name']}._modidx:d"],
    },
    cmdclass={"build_py": BuildWithRuns},
    zip_safe=False,
)
