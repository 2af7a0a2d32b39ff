"""What every benchmark does with its rows: print them, write them down, and say by the exit code
whether all bars hold."""

import json
import os
import platform
import shlex
import sys
from datetime import date
from pathlib import Path


def row(name: str, value: float, bar: float | None, unit: str = "x", at_most: bool = False) -> dict:
    """One result: a ratio (unit x), seconds (s), gibibytes (GiB) or a share, and its bar, if it
    has one."""
    holds = bar is None or bool(value <= bar if at_most else value >= bar)
    return {
        "name": name,
        "value": round(float(value), 4),
        "unit": unit,
        "bar": bar,
        "at_most": at_most,
        "holds": holds,
    }


def finish(rows: list[dict], path: Path | None = None, judged: bool = True) -> int:
    """Print the rows, write them with the command and the machine, return the exit code: 1 where a
    bar does not hold."""
    width = max(len(each["name"]) for each in rows)
    for each in rows:
        told = ""
        if each["bar"] is not None:
            side = "at most" if each["at_most"] else "at least"
            told = f"{side} {each['bar']:<8.4g} {'holds' if each['holds'] else 'DOES NOT HOLD'}"
        print(f"{each['name']:<{width}}  {each['value']:10.3f} {each['unit']:<5} {told}".rstrip())
    if path:
        words = ["python", f"bench/{Path(sys.argv[0]).name}", *(word for word in sys.argv[1:])]
        described = {
            "command": shlex.join(without_json(words)),
            "date": f"{date.today()}",
            "python": platform.python_version(),
            "processor": processor(),
            "cores": os.cpu_count(),
            "rows": rows,
        }
        Path(path).write_text(
            json.dumps(described, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    return 0 if not judged or all(each["holds"] for each in rows) else 1


def without_json(words: list[str]) -> list[str]:
    "The command without the file that its rows go to."
    where = words.index("--json") if "--json" in words else len(words)
    return words[:where] + words[where + 2 :]


def processor() -> str:
    "The processor's name, where the system tells it."
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(
            line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")
        )
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
