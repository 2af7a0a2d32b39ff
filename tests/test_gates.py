"""The gates of `make test` hold on a good house and open on no broken one: each is tried on a
copy."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import gates  # noqa: E402

CORE = "nbs/00_core.ipynb"


@pytest.fixture
def copy(tmp_path):
    "A checkout with one room, committed."
    house = tmp_path / "checkout"
    for folder in ("nbs", "plastinka"):
        (house / folder).mkdir(parents=True)
    for name in (
        "settings.ini",
        "setup.py",
        "pyproject.toml",
        CORE,
        "plastinka/__init__.py",
        "plastinka/core.py",
    ):
        shutil.copy2(ROOT / name, house / name)
    gates.run_quietly([gates.command("nbdev_export")], house)
    for arguments in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", *arguments], cwd=house, check=True, capture_output=True)
    return house


def change(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def content(house):
    return {
        str(path): path.read_bytes()
        for path in house.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }


def test_the_copy_is_good_and_stays_as_it_is(copy):
    before = content(copy)
    assert gates.gate_clean(copy) == "1 notebooks"
    assert gates.gate_sync(copy) == "2 modules" or gates.gate_sync(copy) == "3 modules"
    assert gates.gate_notebooks(copy) == "1 notebooks ran"
    assert content(copy) == before


def test_an_unclean_notebook(copy):
    change(copy / CORE, '"execution_count": null', '"execution_count": 7')
    with pytest.raises(
        gates.GateError, match="not clean: nbs/00_core.ipynb(.|\n)*Run: make export"
    ):
        gates.gate_clean(copy)


def test_a_notebook_that_was_not_exported(copy):
    change(copy / CORE, "class PlastinkaError", "class OtherError")
    with pytest.raises(gates.GateError, match="plastinka/core.py(.|\n)*Run: make export"):
        gates.gate_sync(copy)


def test_a_module_edited_by_hand(copy):
    change(copy / "plastinka/core.py", "class PlastinkaError", "class OtherError")
    with pytest.raises(gates.GateError, match="plastinka/core.py"):
        gates.gate_sync(copy)


def test_a_module_that_no_notebook_writes(copy):
    (copy / "plastinka" / "left_over.py").write_text("x = 1\n")
    with pytest.raises(gates.GateError, match="plastinka/left_over.py"):
        gates.gate_sync(copy)


def test_a_module_and_a_notebook_that_git_does_not_know(copy):
    subprocess.run(["git", "rm", "-q", "--cached", "plastinka/core.py", CORE], cwd=copy, check=True)
    with pytest.raises(gates.GateError, match=f"git add {CORE} plastinka/core.py"):
        gates.gate_sync(copy)


def test_a_notebook_that_fails(copy):
    change(copy / CORE, "str(error),", "error,")
    with pytest.raises(
        gates.GateError, match="1 of 1 notebooks failed: nbs/00_core.ipynb(.|\n)*nbdev_test --path"
    ):
        gates.gate_notebooks(copy)


def test_a_notebook_that_never_ends(copy, monkeypatch):
    monkeypatch.setattr(gates, "SECONDS_PER_NOTEBOOK", 2)
    change(copy / CORE, "str(error),", "__import__('time').sleep(60) or str(error),")
    with pytest.raises(gates.GateError, match="1 of 1 notebooks failed"):
        gates.gate_notebooks(copy)


def test_no_notebook_at_all(copy):
    (copy / CORE).unlink()
    with pytest.raises(gates.GateError, match="no notebook ran"):
        gates.gate_notebooks(copy)


def test_a_run_notebook_is_left_to_the_tests(copy):
    (copy / "nbs" / "runs").mkdir()
    (copy / "nbs" / "runs" / ".notest").touch()
    (copy / "nbs" / "runs" / "forecast.ipynb").write_text("never read")
    assert gates.gate_notebooks(copy) == "1 notebooks ran, 1 with parameters left to tests/"


def test_only_run_notebooks_are_left_out():
    marks = [path.parent.relative_to(ROOT).as_posix() for path in (ROOT / "nbs").rglob(".notest")]
    assert marks == ["nbs/runs"]
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("*.py"))
    for page in (ROOT / "nbs" / "runs").glob("*.ipynb"):
        started = (f'main(["{page.stem}"', f'main(["run", "{page.stem}"')
        assert any(each in tests for each in started), f"no test runs {page.name}"


def test_the_first_gate_that_does_not_hold_ends_the_test(monkeypatch, capsys):
    def shut(root):
        raise gates.GateError("not today. Run: something")

    ran = []
    two = {"one": ("the first", shut), "two": ("the second", ran.append)}
    monkeypatch.setattr(gates, "GATES", two)
    monkeypatch.setattr(gates, "ALL", list(two))
    assert gates.main([]) == 1
    assert not ran
    assert "the first: NO\nnot today. Run: something" in capsys.readouterr().err


def test_only_what_has_changed_runs(copy, monkeypatch):
    ran = []
    monkeypatch.setattr(gates, "run_all", lambda root, pages: ran.extend(pages))
    for arguments in (["config", "user.email", "a@b"], ["config", "user.name", "a"]):
        subprocess.run(["git", *arguments], cwd=copy, check=True)
    subprocess.run(["git", "commit", "-qm", "x"], cwd=copy, check=True)
    assert gates.gate_changed(copy) == "none" and not ran
    change(copy / CORE, "class PlastinkaError", "class OtherError")
    shutil.copy2(copy / CORE, copy / "nbs" / "01_new.ipynb")
    assert gates.gate_changed(copy) == "2 notebooks ran"
    assert [page.name for page in ran] == ["00_core.ipynb", "01_new.ipynb"]


def test_every_gate_of_a_target_exists():
    assert set(gates.ALL) | set(gates.QUICK) <= set(gates.GATES)


def test_ci_runs_make_test():
    last = (ROOT / ".ci" / "run").read_text(encoding="utf-8").strip().splitlines()[-1]
    assert last == "exec make test"
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_slow_cells_are_run_to_the_last_notebook(tmp_path, monkeypatch):
    import everything
    import nbdev.test

    def run(path, **how):
        ran.append(Path(path).name)
        if path.endswith(("a.ipynb", "c.ipynb")):
            raise SystemExit(1)

    ran = []
    monkeypatch.setattr(nbdev.test, "nbdev_test", run)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nbs").mkdir()
    for name in "abcd":
        (tmp_path / "nbs" / f"{name}.ipynb").write_text("" if name == "d" else "#| slow")
    with pytest.raises(SystemExit, match="failed: nbs/a.ipynb, nbs/c.ipynb"):
        exec(everything.SLOW_CELLS, {})
    assert ran == ["a.ipynb", "b.ipynb", "c.ipynb"]


def test_the_table_of_everything_says_what_was_skipped_and_why(tmp_path):
    import everything

    (tmp_path / "tests.xml").write_text(
        '<testsuites><testsuite><testcase classname="tests.test_ray" name="a" time="2.5"/>'
        '<testcase classname="tests.test_ray" name="b" time="1"><failure message="x"/></testcase>'
        '<testcase classname="tests.test_airflow" name="c" time="0"><skipped message="needs it"/>'
        '</testcase><testcase classname="" name="tests.test_api" time="0">'
        "<skipped message=\"collection skipped\">('a.py', 9, 'Skipped: no service')</skipped>"
        "</testcase></testsuite></testsuites>"
    )
    files, reasons = everything.counted(tmp_path / "tests.xml")
    whole = ("test_api", 0, 0, 1, 0.0)  # A file that was skipped as a whole
    assert files == [("test_airflow", 0, 0, 1, 0.0), whole, ("test_ray", 1, 1, 0, 3.5)]
    shown = everything.table([("pages", "passed", 3.0)], files, reasons)
    assert "1 passed, 1 FAILED" in shown and "1 × needs it" in shown and "1 × no service" in shown
    assert everything.counted(tmp_path / "absent.xml") == ([], reasons.__class__())
