"""The wheel alone is enough: installed into an empty virtual environment away from the checkout,
it runs the demo. In `make test` that environment borrows the libraries of this one; in
`make test-all` it installs what the wheel declares, and has nothing else."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BUILT_FROM = (
    "plastinka",
    "nbs/runs",
    "settings.ini",
    "setup.py",
    "pyproject.toml",
    "MANIFEST.in",
    "README.md",
    "LICENSE",
)


def call(*command, cwd: Path, **environment) -> str:
    "Run a command away from the checkout; its stdout, or a failure that shows its stderr."
    hidden = ("PYTHONPATH", "VIRTUAL_ENV", "JUPYTER_PATH")
    surroundings = {name: value for name, value in os.environ.items() if name not in hidden}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**surroundings, **environment},
    )
    assert done.returncode == 0, (
        f"{command} ended with {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    )
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    "The wheel, built from a copy, so that the checkout gets no build folder."
    copy = tmp_path_factory.mktemp("source")
    for name in BUILT_FROM:
        source, target = ROOT / name, copy / name
        if source.is_dir():
            shutil.copytree(
                source, target, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
            )
        elif source.exists():
            shutil.copy2(source, target)
    call(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        copy / "dist",
        copy,
        cwd=copy,
    )
    [built] = (copy / "dist").glob("*.whl")
    return built


def borrow_libraries(python: Path):
    "Let an environment find this one's libraries; a checkout that is installed here stays unseen."
    asked = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(call(python, "-c", asked, cwd=python.parent).strip())
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")


@pytest.fixture(scope="module", params=["borrowed", pytest.param("own", marks=pytest.mark.long)])
def installed(request, wheel, tmp_path_factory) -> Path:
    "The bin folder of an environment with the wheel, and libraries borrowed or its own."
    home = tmp_path_factory.mktemp("elsewhere")
    venv.create(home / "venv", with_pip=True)
    folder = home / "venv" / ("Scripts" if os.name == "nt" else "bin")
    how = ["--no-deps"] if request.param == "borrowed" else []
    install = ("-m", "pip", "install", "--quiet", "--no-compile", *how)
    call(folder / "python", *install, wheel, cwd=home)
    if request.param == "borrowed":
        borrow_libraries(folder / "python")
    yield folder
    shutil.rmtree(
        home / "venv", ignore_errors=True
    )  # One gigabyte that pytest would keep for three runs


def test_demo_runs_from_the_wheel(installed, tmp_path):
    shown = call(
        installed / "plastinka",
        "demo",
        "--titles",
        60,
        "--months",
        24,
        "--out",
        "runs",
        cwd=tmp_path,
    )
    folder = Path(shown.strip().splitlines()[-1])
    assert folder.parent == tmp_path / "runs"
    receipt = json.loads((folder / "receipt.json").read_text(encoding="utf-8"))
    assert receipt["status"] == "succeeded"
    assert receipt["code"] == dict(version=receipt["code"]["version"], commit=None, changed=None)
    assert {"report.html", "forecast.xlsx", "forecast.ipynb"} <= {
        file["path"] for file in receipt["artifacts"]
    }
    assert all((folder / name).stat().st_size > 1000 for name in ("report.html", "forecast.xlsx"))
    assert str(ROOT) not in (folder / "forecast.ipynb").read_text(encoding="utf-8")


def test_the_wheel_holds_notebooks_and_profiles(wheel):
    names = call(sys.executable, "-m", "zipfile", "-l", wheel, cwd=wheel.parent)
    assert {
        f"plastinka/runs/{path.name}" for path in (ROOT / "nbs" / "runs").glob("*.ipynb")
    } <= set(names.split())
    assert {
        f"plastinka/profiles/{path.name}"
        for path in (ROOT / "plastinka" / "profiles").glob("*.yml")
    } <= set(names.split())


def test_help_is_quick(installed, tmp_path):
    import time

    call(installed / "plastinka", "--version", cwd=tmp_path)  # Compiles the modules
    start = time.perf_counter()
    call(installed / "plastinka", "--help", cwd=tmp_path)
    assert time.perf_counter() - start < 1  # Half a second on an idle machine
