"""What `make test-all` runs: the gates of `make test`, and what takes long. Nothing stops at the
first fault; at the end stands one table of what ran, and of what was skipped and why."""

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
SLOW_CELLS = """
from pathlib import Path
from nbdev.test import nbdev_test
failed = []
for page in sorted(Path("nbs").rglob("*.ipynb")):
    if "#| slow" in page.read_text(encoding="utf-8"):
        try:
            nbdev_test(path=str(page), flags="slow", n_workers=0)
        except SystemExit:
            failed.append(str(page))
if failed:
    raise SystemExit(f"failed: {', '.join(failed)}")
"""
LONG = dict(PLASTINKA_LONG="1", PLASTINKA_EXAMPLES="random")
LONG |= dict(PLASTINKA_KILLS="200", PLASTINKA_FAULTS="100")
STEPS = {
    "gates of make test": ["tools/gates.py"],
    "slow cells of notebooks": ["-c", SLOW_CELLS],
    "pages for readers": ["tools/gates.py", "pages"],
    "10,000 damaged files": ["tests/test_fuzz.py", "0", "10000"],
    "all tests, the long ones too": [
        "-m",
        "pytest",
        "-q",
        "--continue-on-collection-errors",
        "tests",
    ],
}


def reason(skipped) -> str:
    "Why a test, or a whole file of tests, was skipped."
    told = skipped.get("message", "no reason")
    if told == "collection skipped":  # The reason of a file stands in the text: (place, line, why)
        told = (skipped.text or "").partition("Skipped: ")[2].rstrip("')\"") or told
    return told


def counted(report: Path) -> tuple[list[tuple], Counter]:
    "Rows (file, passed, failed, skipped, seconds) of a JUnit file; how often each reason stands."
    rows, reasons = {}, Counter()
    if not report.exists():
        return [], reasons
    for case in ElementTree.parse(report).iter("testcase"):
        place = case.get("classname") or case.get("name", "")  # A whole file has no class name
        row = rows.setdefault((place.split(".")[1:2] or [place])[0], [0, 0, 0, 0.0])
        skipped = case.find("skipped")
        broken = case.find("failure") is not None or case.find("error") is not None
        row[2 if skipped is not None else 1 if broken else 0] += 1
        row[3] += float(case.get("time", 0))
        if skipped is not None:
            reasons[reason(skipped)] += 1
    return [(name, *row) for name, row in sorted(rows.items())], reasons


def table(steps: list[tuple], files: list[tuple], reasons: Counter) -> str:
    "The table: steps, files of tests, reasons of what was skipped."
    lines = [f"{'what':<44} {'result':>24} {'seconds':>8}"]
    lines += [f"{name:<44} {result:>24} {seconds:8.0f}" for name, result, seconds in steps]
    for name, passed, failed, skipped, seconds in files:
        counts = f"{passed} passed" + (f", {failed} FAILED" if failed else "")
        counts += f", {skipped} skipped" if skipped else ""
        lines.append(f"  {name:<42} {counts:>24} {seconds:8.0f}")
    lines += ["", "skipped, and why:" if reasons else "nothing was skipped"]
    return "\n".join(lines + [f"  {count:4} × {why}" for why, count in reasons.most_common()])


def main() -> int:
    "Run all steps; 1 where one of them has failed."
    done = []
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "tests.xml"
        for name, words in STEPS.items():
            last = words[:2] == ["-m", "pytest"]
            more = [f"--junitxml={report}"] if last else []
            begun, given = time.monotonic(), os.environ | (LONG if last else {})
            code = subprocess.run([sys.executable, *words, *more], cwd=ROOT, env=given).returncode
            result = f"FAILED (code {code})" if code else "passed"
            done.append((name, result, time.monotonic() - begun))
        print("", table(done, *counted(report)), sep="\n")
    return int(any(result != "passed" for _, result, _ in done))


if __name__ == "__main__":
    sys.exit(main())
