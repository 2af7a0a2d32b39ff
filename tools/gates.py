"""The gates of `make test`: notebooks clean, package in sync, notebooks run, pages, pytest.

Each gate compares or runs copies, so that a failing test never changes the working tree. The first gate that does not
hold ends the test and says what to run. `python tools/gates.py sync notebooks` runs only those two.
"""

import difflib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools" / "docs"))
from check import page_faults  # noqa: E402

SECONDS_PER_NOTEBOOK = 300


class GateError(Exception):
    "A gate does not hold; the message says what is wrong and what to run."


def command(name: str) -> str:
    "A console script of the environment that runs this file."
    return str(Path(sys.executable).parent / name)


def notebooks(root: Path) -> list[Path]:
    "Every notebook nbdev looks at: folders that start with `_` or `.` are skipped, as nbdev does."
    pages = sorted((root / "nbs").rglob("*.ipynb"))
    return [
        page for page in pages if not any(part[0] in "._" for part in page.relative_to(root).parts)
    ]


def copy_house(root: Path, folder: Path) -> Path:
    "The files that nbdev reads and writes, in a folder where they may be changed."
    house = folder / "house"
    house.mkdir()
    for name in ("settings.ini", "setup.py", "pyproject.toml", "README.md"):
        if (root / name).exists():
            shutil.copy2(root / name, house / name)
    ignore = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", ".git")
    for name in ("nbs", "plastinka"):
        shutil.copytree(root / name, house / name, symlinks=True, ignore=ignore)
    return house


def run_quietly(arguments: list[str], folder: Path):
    "Run a command; its output is shown only if it fails."
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise GateError(f"{Path(arguments[0]).name} failed:\n{done.stdout}{done.stderr}")


def differing(left: Path, right: Path, names) -> list[str]:
    "The names whose bytes are not the same in both folders; a missing file differs."

    def content(path):
        return path.read_bytes() if path.exists() else None

    return [name for name in sorted(names) if content(left / name) != content(right / name)]


def first_difference(left: Path, right: Path, name: str) -> str:
    "A few lines of the difference, enough to see whose change it is."

    def lines(path):
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    diff = list(
        difflib.unified_diff(
            lines(left / name), lines(right / name), name, "as it should be", n=0, lineterm=""
        )
    )
    return "\n".join("    " + line[:160] for line in diff[:12])


def gate_clean(root: Path) -> str:
    "nbdev_clean would change no notebook."
    with tempfile.TemporaryDirectory() as folder:
        house = copy_house(root, Path(folder))
        run_quietly([command("nbdev_clean")], house)
        names = [str(page.relative_to(root)) for page in notebooks(root)]
        dirty = differing(root, house, names)
        if dirty:
            raise GateError(
                f"not clean: {', '.join(dirty)}\n{first_difference(root, house, dirty[0])}\n"
                "Run: make export   (after nbdev_install_hooks, every commit cleans by itself)"
            )
    return f"{len(names)} notebooks"


def gate_sync(root: Path) -> str:
    "The package is what the notebooks export, no file more and no file less, and git knows every module."

    def modules(base):
        return {str(path.relative_to(base)) for path in (base / "plastinka").rglob("*.py")} | {
            "pyproject.toml"
        }

    with tempfile.TemporaryDirectory() as folder:
        house = copy_house(root, Path(folder))
        for path in (house / "plastinka").rglob("*.py"):
            if path.name != "__init__.py":
                path.unlink()
        run_quietly([command("nbdev_export")], house)
        stale = differing(root, house, modules(root) | modules(house))
        if stale:
            raise GateError(
                f"not what the notebooks export: {', '.join(stale)}\n"
                f"{first_difference(root, house, stale[0])}\n"
                "Run: make export   (a module that no notebook writes must be deleted by hand)"
            )
        count = len(modules(house)) - 1
    unknown = untracked(root)
    if unknown:
        raise GateError(f"git does not know {', '.join(unknown)}\nRun: git add {' '.join(unknown)}")
    return f"{count} modules"


def untracked(root: Path) -> list[str]:
    "Files of the package and notebooks that would not be committed; none where this is no git checkout."
    listed = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard", "--", "plastinka", "nbs"],
        cwd=root,
        capture_output=True,
        text=True,
    )
    return listed.stdout.split("\n")[:-1] if listed.returncode == 0 else []


def run_notebook(root: Path, page: Path) -> tuple[Path, bool, float, str]:
    "Run one notebook with nbdev_test in a process of its own: nothing leaks between notebooks, and a stuck one ends."
    start = time.monotonic()
    arguments = [command("nbdev_test"), "--path", str(page), "--n_workers", "0"]
    environment = dict(os.environ, OMP_NUM_THREADS="1", PYTHONWARNINGS="ignore")
    process = subprocess.Popen(
        arguments,
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=SECONDS_PER_NOTEBOOK)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output = f"{process.communicate()[0]}\nstopped after {SECONDS_PER_NOTEBOOK} s"
    passed = process.returncode == 0 and "Success." in output
    return page, passed, time.monotonic() - start, output


def gate_notebooks(root: Path) -> str:
    "Every notebook runs from top to bottom. Those beside a `.notest` need files; tests/ runs them with some."
    failed, ran = [], 0
    pages = [page for page in notebooks(root) if not (page.parent / ".notest").exists()]
    left = len(notebooks(root)) - len(pages)
    with ThreadPoolExecutor(max_workers=2) as pool:
        for page, passed, seconds, output in pool.map(lambda page: run_notebook(root, page), pages):
            name, ran = page.relative_to(root), ran + 1
            print(f"    {name}  {seconds:.1f} s{'' if passed else '  FAILED'}", flush=True)
            if not passed:
                failed.append(str(name))
                print("\n".join(output.rstrip().splitlines()[-40:]), flush=True)
    if not ran:
        raise GateError("no notebook ran. Is nbs/ empty?")
    if failed:
        raise GateError(
            f"{len(failed)} of {ran} notebooks failed: {', '.join(failed)}\n"
            + "\n".join(
                f"Run: {Path(sys.prefix).name}/bin/nbdev_test --path {name}" for name in failed
            )
            + "\nor open it with: make lab"
        )
    return f"{ran} notebooks ran" + (f", {left} with parameters left to tests/" if left else "")


def gate_pytest(root: Path) -> str:
    "What cannot be an example in a notebook."
    workers = ["-n", str(min(os.cpu_count() or 1, 4)), "--dist", "loadfile"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--durations=5", *workers, "tests"], cwd=root
    )
    if done.returncode:
        raise GateError("pytest failed (see above). Run: python -m pytest -x tests")
    return "passed"


def gate_pages(root: Path) -> str:
    "Every notebook has a page, with no link to nowhere and nothing that is fetched from elsewhere."
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        run_quietly([sys.executable, str(root / "tools" / "pages.py"), str(site)], root)
        names = [page.relative_to(root / "nbs").with_suffix("") for page in notebooks(root)]
        missing = [name for name in names if not (site / f"{name}.html").exists()]
        faults = [f"no page was made of {name}.ipynb" for name in missing] + page_faults(site)
    if faults:
        raise GateError("\n".join(faults) + "\nRun: make docs")
    return f"{len(names)} pages"


GATES = {
    "clean": ("notebooks are clean", gate_clean),
    "sync": ("package is in sync", gate_sync),
    "notebooks": ("notebooks run", gate_notebooks),
    "pages": ("pages for readers", gate_pages),
    "pytest": ("pytest", gate_pytest),
}


def main(names: list[str]) -> int:
    "Run the named gates, or all, in order; 1 at the first that does not hold."
    unknown = set(names) - set(GATES)
    if unknown:
        print(
            f"no such gate: {', '.join(sorted(unknown))}. Gates: {', '.join(GATES)}",
            file=sys.stderr,
        )
        return 2
    for name in names or GATES:
        title, gate = GATES[name]
        start = time.monotonic()
        print(f"{title} ...", flush=True)
        try:
            result = gate(ROOT)
        except GateError as error:
            print(f"\n{title}: NO\n{error}", file=sys.stderr)
            return 1
        print(f"{title}: {result} ({time.monotonic() - start:.0f} s)", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
