"""docs/tutorial.ipynb, run without Jupyter: `python -m tests.tutorial` runs it and keeps what comes out in it.

Every cell runs in one fresh interpreter and an empty folder, warnings being errors. What the last line of a cell says
is kept as Jupyter would keep it, but for figures, which are kept as pictures.
"""

import ast
import base64
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
NOTEBOOK = ROOT / "docs" / "tutorial.ipynb"
PICTURE = {"format": "png", "width": 760, "height": 400, "scale": 1}

Cell = dict[str, Any]


def read(path: Path = NOTEBOOK) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def code_cells(notebook: dict[str, Any]) -> list[Cell]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def source(cell: Cell) -> str:
    """The text of a cell, which a notebook may hold in one piece or line by line."""
    return "".join(cell["source"])


def ran(sources: Sequence[str], *, pictures: bool = False) -> list[list[dict[str, Any]]]:
    """The outputs of each cell, from an interpreter of their own."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "given.json").write_text(json.dumps({"sources": list(sources), "pictures": pictures}))
        (folder / "empty").mkdir()
        command = [sys.executable, "-W", "error", "-m", "tests.tutorial", "inside", str(folder)]
        around = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            command, cwd=folder / "empty", env=around, capture_output=True, text=True, timeout=280, check=False
        )
        if done.returncode:
            raise AssertionError(f"{done.stdout}\n{done.stderr}")
        found: list[list[dict[str, Any]]] = json.loads((folder / "found.json").read_text())
    return found


def _inside(folder: Path) -> None:
    """The part of `ran` that runs in the other interpreter."""
    given = json.loads((folder / "given.json").read_text())
    names: dict[str, Any] = {"__name__": "__main__"}
    found = []
    for number, text in enumerate(given["sources"], 1):
        found.append(_outputs(text, number, names, pictures=given["pictures"]))
    (folder / "found.json").write_text(json.dumps(found))


def _outputs(text: str, number: int, names: dict[str, Any], *, pictures: bool) -> list[dict[str, Any]]:
    """Run a cell; what it printed, and what its last line says."""
    tree, where = ast.parse(text), f"cell {number}"
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    with redirect_stdout(io.StringIO()) as printed:
        exec(compile(tree, where, "exec"), names)
        value = None if last is None else eval(compile(ast.Expression(last.value), where, "eval"), names)
    told = [{"output_type": "stream", "name": "stdout", "text": printed.getvalue()}] if printed.getvalue() else []
    if value is None:
        return told
    data = _shown(value, pictures=pictures)
    return [*told, {"output_type": "execute_result", "execution_count": number, "data": data, "metadata": {}}]


def _shown(value: Any, *, pictures: bool) -> dict[str, str]:
    """What a notebook keeps of a value."""
    if hasattr(value, "to_image"):
        value.to_json()
        picture = value.to_image(**PICTURE) if pictures else b""
        return {"text/plain": "Figure", "image/png": base64.b64encode(picture).decode()}
    if hasattr(value, "_repr_html_"):
        return {"text/plain": repr(value), "text/html": value._repr_html_()}
    return {"text/plain": repr(value)}


def fill(notebook: dict[str, Any]) -> None:
    """Run all cells, and keep their outputs."""
    cells = code_cells(notebook)
    for number, (cell, outputs) in enumerate(zip(cells, ran(list(map(source, cells)), pictures=True), strict=True), 1):
        cell["execution_count"], cell["outputs"] = number, outputs


def main(arguments: Sequence[str]) -> None:
    if arguments[:1] == ["inside"]:
        _inside(Path(arguments[1]))
        return
    notebook = read()
    fill(notebook)
    NOTEBOOK.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
