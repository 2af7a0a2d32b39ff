"""The gates of `make test`: notebooks clean, package in sync, style, notebooks run, pytest.

Each gate compares or runs copies, so that a failing test never changes the working tree. The first
gate that does not hold ends the test and says what to run. `python tools/gates.py sync notebooks`
runs only those two; `python tools/gates.py quick` the ones of `make quick`.
"""

import difflib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import style
from one_notebook import run_notebook, server

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools" / "docs"))
from check import page_faults  # noqa: E402

SECONDS_PER_NOTEBOOK = 300
BY_HAND = ("__init__.py", "__main__.py")  # What no notebook writes


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
    "The package is what the notebooks export, no more and no less, and git knows every module."

    def modules(base):
        return {str(path.relative_to(base)) for path in (base / "plastinka").rglob("*.py")} | {
            "pyproject.toml"
        }

    with tempfile.TemporaryDirectory() as folder:
        house = copy_house(root, Path(folder))
        for path in (house / "plastinka").rglob("*.py"):
            if path.name not in BY_HAND:
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
    "Modules and notebooks that would not be committed; none where this is no git checkout."
    listed = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard", "--", "plastinka", "nbs"],
        cwd=root,
        capture_output=True,
        text=True,
    )
    return listed.stdout.split("\n")[:-1] if listed.returncode == 0 else []


def gate_notebooks(root: Path) -> str:
    "Every notebook runs. Those beside a `.notest` need files; tests/ runs them with some."
    pages = [page for page in notebooks(root) if not (page.parent / ".notest").exists()]
    left = len(notebooks(root)) - len(pages)
    if not pages:
        raise GateError("no notebook ran. Is nbs/ empty?")
    run_all(root, pages)
    others = f", {left} with parameters left to tests/" if left else ""
    return f"{len(pages)} notebooks ran{others}"


def run_all(root: Path, pages: list[Path]):
    "Run notebooks, two at a time, with a line for each."
    failed = []
    server()  # Begun here, once, and not by two threads
    with ThreadPoolExecutor(max_workers=2) as pool:
        done = pool.map(lambda page: run_notebook(root, page, SECONDS_PER_NOTEBOOK), pages)
        for page, (passed, seconds, output) in zip(pages, done, strict=True):
            name = page.relative_to(root)
            print(f"    {name}  {seconds:.1f} s{'' if passed else '  FAILED'}", flush=True)
            if not passed:
                failed.append(str(name))
                print("\n".join(output.rstrip().splitlines()[-40:]), flush=True)
    if failed:
        program = f"{Path(sys.prefix).name}/bin/nbdev_test"
        raise GateError(
            f"{len(failed)} of {len(pages)} notebooks failed: {', '.join(failed)}\n"
            + "\n".join(f"Run: {program} --path {name}" for name in failed)
            + "\nor open it with: make lab"
        )


def gate_changed(root: Path) -> str:
    "Notebooks that differ from the last commit, or that git does not know, run."
    listed = []
    for arguments in (["diff", "--name-only", "HEAD"], ["ls-files", "-o", "--exclude-standard"]):
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True)
        listed += done.stdout.splitlines()
    pages = [page for page in notebooks(root) if page.relative_to(root).as_posix() in listed]
    pages = [page for page in pages if not (page.parent / ".notest").exists()]
    run_all(root, pages)
    return f"{len(pages)} notebooks ran" if pages else "none"


def gate_style(root: Path) -> str:
    "ruff would change nothing, finds nothing; cells and functions are small, names exported once."
    figures = style.measure(root)
    faults = style.figure_faults(figures) + style.ruff_faults(root)
    if faults:
        shown = [*faults[:40], *([f"… and {len(faults) - 40} more"] if len(faults) > 40 else [])]
        raise GateError("\n".join(shown) + "\nRun: make format, then: python tools/style.py")
    return style.summary(figures)


def pytest_gate(files: list[str]):
    "A gate that runs these test files, on as many processes as there are cores, at most four."

    def gate(root: Path) -> str:
        workers = ["-n", str(min(os.cpu_count() or 1, 4)), "--dist", "loadfile"]
        workers += ["--no-loadscope-reorder"]  # In the order of conftest: what is long, first
        command = [sys.executable, "-m", "pytest", "-q", "--durations=5", *workers, *files]
        if subprocess.run(command, cwd=root).returncode:
            raise GateError(
                f"pytest failed (see above). Run: python -m pytest -x {' '.join(files)}"
            )
        return "passed"

    return gate


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


FAST_TESTS = [f"tests/test_{name}.py" for name in ("house", "style", "structure", "import", "make")]
GATES = {
    "clean": ("notebooks are clean", gate_clean),
    "sync": ("package is in sync", gate_sync),
    "style": ("style", gate_style),
    "changed": ("changed notebooks run", gate_changed),
    "fast": ("fast tests", pytest_gate(FAST_TESTS)),
    "notebooks": ("notebooks run", gate_notebooks),
    "pages": ("pages for readers", gate_pages),
    "pytest": ("pytest", pytest_gate(["tests"])),
}
ALL = ["clean", "sync", "style", "notebooks", "pytest"]  # What `make test` runs
QUICK = ["clean", "sync", "style", "fast", "changed"]  # What `make quick` runs


def main(names: list[str]) -> int:
    "Run the named gates, or all, in order; 1 at the first that does not hold."
    names = QUICK if names == ["quick"] else names or ALL
    unknown = [name for name in names if name not in GATES]
    if unknown:
        known = f"Gates: {', '.join(GATES)}"
        print(f"no such gate: {', '.join(unknown)}. {known}", file=sys.stderr)
        return 2
    print(f"{len(names)} gates: {', '.join(GATES[name][0] for name in names)}", flush=True)
    for place, name in enumerate(names, 1):
        title, gate = GATES[name]
        start = time.monotonic()
        print(f"[{place}/{len(names)}] {title} ...", flush=True)
        try:
            result = gate(ROOT)
        except GateError as error:
            print(f"\n{title}: NO\n{error}", file=sys.stderr)
            return 1
        print(f"{title}: {result} ({time.monotonic() - start:.0f} s)", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
