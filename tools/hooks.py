"""Install the commit hook of this project: `python tools/hooks.py`, or `make hooks`.

Before every commit it formats the notebooks and files that are staged, cleans the notebooks, and
writes package and README from them; what it changed is staged too. A hook of somebody else's is
never overwritten.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MARK = "# plastinka: written by tools/hooks.py"
HOOK = """#!/bin/sh
{mark}
set -e
cd "$(git rev-parse --show-toplevel)"
changed() {{ git diff --cached --name-only --diff-filter=ACMR -- "$@"; }}
files=$(changed '*.ipynb' '*.py' ':!plastinka')
[ -n "$files" ] || exit 0
echo "$files" | xargs -d '\\n' {bin}/ruff format --quiet
if [ -n "$(changed '*.ipynb')" ]; then
    {bin}/nbdev_clean
    {bin}/nbdev_export
    {bin}/python tools/readme.py > /dev/null
    git add plastinka README.md
fi
echo "$files" | xargs -d '\\n' git add --
echo "$files" | xargs -d '\\n' {bin}/ruff check --quiet
"""


def hook_path(root: Path) -> Path:
    "Where git looks for the hook; worktrees share the folder of the repository."
    command = ["git", "rev-parse", "--git-path", "hooks/pre-commit"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{root} is no git checkout: {done.stderr.strip()}")
    return (root / done.stdout.strip()).resolve()


def install(root: Path, folder: Path) -> str:
    "Write the hook, and say what was done."
    path = hook_path(root)
    if path.exists() and MARK not in path.read_text(encoding="utf-8"):
        raise SystemExit(f"{path} is a hook of yours: call {folder}/python tools/hooks.py --print")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HOOK.format(mark=MARK, bin=folder), encoding="utf-8")
    path.chmod(0o755)
    return "Hooks installed: every commit formats, cleans and exports what it holds."


if __name__ == "__main__":
    programs = Path(sys.executable).parent
    if sys.argv[1:] == ["--print"]:
        print(HOOK.format(mark=MARK, bin=programs))
    else:
        print(install(ROOT, programs))
