"""The habits say what is missing instead of failing somewhere later."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


def make(*arguments):
    return subprocess.run(
        ["make", "--no-print-directory", *arguments], cwd=ROOT, capture_output=True, text=True
    )


def fake_python(folder, script):
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_every_target_is_listed():
    listed = make().stdout
    for target in ("demo", "test", "quick", "format", "hooks", "docs", "lab", "clean"):
        assert f"make {target} " in listed


@pytest.mark.parametrize("target", ["demo", "test"])
def test_no_python(target, tmp_path):
    done = make(target, "PYTHON=no-such-python", f"VENV={tmp_path}/venv")
    assert done.returncode != 0
    assert "needs Python 3.11 or newer, and there is no 'no-such-python'" in done.stderr


def test_an_old_python(tmp_path):
    old = fake_python(tmp_path, '[ "$1" = -V ] && echo Python 3.9.2 || exit 1')
    done = make("test", f"PYTHON={old}", f"VENV={tmp_path}/venv")
    assert done.returncode != 0 and "is Python 3.9.2. Name a newer one" in done.stderr


def test_a_python_without_venv_leaves_no_half_of_one(tmp_path):
    half = f"mkdir -p {tmp_path}/venv/bin && touch {tmp_path}/venv/bin/python && exit 1"
    script = f'[ "$2" = venv ] && {half}; exit 0'
    done = make("test", f"PYTHON={fake_python(tmp_path, script)}", f"VENV={tmp_path}/venv")
    assert done.returncode != 0 and "apt install python3-venv" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_installed_once(tmp_path):
    "With the stamps in place nothing is installed again."
    (tmp_path / "bin").mkdir()
    fake_python(tmp_path / "bin", "exit 0")
    for stamp in (".core", ".dev"):
        (tmp_path / stamp).touch()
    done = make("-n", "test", f"VENV={tmp_path}")
    assert "pip install" not in done.stdout and "tools/gates.py" in done.stdout


def dry_run(tmp_path, *arguments):
    "What make would do in an environment that has Python and nothing else."
    (tmp_path / "bin").mkdir()
    fake_python(tmp_path / "bin", "exit 0")
    return make("-n", "demo", f"VENV={tmp_path}", *arguments).stdout


def test_the_small_torch_is_installed_first(tmp_path):
    shown = dry_run(tmp_path)
    assert "download.pytorch.org/whl/cpu" in shown and '"torch>=2.6,<2.14"' in shown
    assert shown.index("download.pytorch.org") < shown.index("--editable .")


def test_another_torch_may_be_chosen(tmp_path):
    assert "download.pytorch.org" not in dry_run(tmp_path, "TORCH_INDEX=")
