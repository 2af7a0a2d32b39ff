"""Run notebooks and keep their outputs: `python tools/refresh.py nbs/index.ipynb nbs/tutorials/*`.

Progress goes to stderr and is not kept, so that the same code gives the same outputs.
"""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

BIN = Path(sys.executable).parent


def refresh(path: Path):
    "Execute one notebook in its folder and write it back, without what it says on stderr."
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=900, resources={"metadata": {"path": path.parent}}).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [each for each in cell.outputs if each.get("name") != "stderr"]
    nbformat.write(notebook, path)


if __name__ == "__main__":
    os.environ.update(PLASTINKA_PLAIN_PROGRESS="1", PYTHONWARNINGS="ignore")
    for name in sys.argv[1:]:
        print(f"{name} ...", flush=True)
        refresh(Path(name))
    subprocess.run([BIN / "nbdev_clean"], check=True)
