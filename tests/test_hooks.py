"""The commit hook formats, cleans and exports what is committed, and leaves other hooks alone."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import hooks  # noqa: E402

COPIED = ["settings.ini", "setup.py", "pyproject.toml", "ruff.toml", "README.md", "tools/readme.py"]
COPIED += ["nbs/00_core.ipynb", "nbs/index.ipynb", "plastinka/__init__.py", "plastinka/core.py"]


def git(root, *arguments):
    "Run git; its output, or its complaint."
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def checkout(tmp_path):
    "A checkout with two notebooks and the hook, its files committed."
    for name in COPIED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tmp_path / name)
    git(tmp_path, "init", "-q")
    git(tmp_path, "config", "user.email", "a@b")
    git(tmp_path, "config", "user.name", "a")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "all")
    hooks.install(tmp_path, Path(sys.executable).parent)
    return tmp_path


def add_cell(path, source):
    "Append an executed code cell to a notebook."
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cell = dict(cell_type="code", id="added", metadata={}, outputs=[], execution_count=7)
    notebook["cells"].append(cell | dict(source=source))
    path.write_text(json.dumps(notebook), encoding="utf-8")


def test_a_commit_holds_what_the_gates_ask_for(checkout):
    add_cell(checkout / "nbs" / "00_core.ipynb", "#| export\ndef twice( x ): return 2*x")
    git(checkout, "add", "nbs")
    git(checkout, "commit", "-qm", "twice")
    committed = json.loads(git(checkout, "show", "HEAD:nbs/00_core.ipynb"))["cells"][-1]
    assert "def twice(x):" in "".join(committed["source"])
    assert committed["execution_count"] is None
    assert "def twice(x):" in git(checkout, "show", "HEAD:plastinka/core.py")


def test_a_fault_that_ruff_finds_stops_the_commit(checkout):
    (checkout / "tools" / "new.py").write_text("import os\n")
    git(checkout, "add", "tools")
    done = subprocess.run(
        ["git", "commit", "-qm", "x"], cwd=checkout, capture_output=True, text=True
    )
    assert done.returncode and "F401" in done.stdout + done.stderr


def test_another_hook_is_left_alone(checkout):
    path = hooks.hook_path(checkout)
    path.write_text("#!/bin/sh\nexit 0\n")
    with pytest.raises(SystemExit, match="is a hook of yours"):
        hooks.install(checkout, Path("bin"))
    assert path.read_text() == "#!/bin/sh\nexit 0\n"
