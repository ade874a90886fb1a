"""The tutorial runs, as it stands, from its first cell to its last, and what it shows is what came out."""

import re
import tempfile
from pathlib import Path

import pytest

from tests.tutorial import NOTEBOOK, ROOT, code_cells, ran, read, source

MOST_BYTES = 500_000


def test_it_is_a_notebook_of_cells_with_names() -> None:
    notebook = read()
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["kernelspec"]["language"] == "python"
    names = [cell["id"] for cell in notebook["cells"]]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) for name in names)
    assert {cell["cell_type"] for cell in notebook["cells"]} == {"markdown", "code"}
    assert all(source(cell).strip() for cell in notebook["cells"])


def test_all_cells_were_run_in_order_and_none_failed() -> None:
    cells = code_cells(read())
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [each for cell in cells for each in cell["outputs"]]
    assert {each["output_type"] for each in outputs} <= {"stream", "execute_result"}
    assert all(cell["outputs"] for cell in cells[1:])  # the first one imports
    pictures = [each["data"]["image/png"] for each in outputs if "image/png" in each.get("data", {})]
    assert len(pictures) >= 3
    assert all(pictures)


def test_it_is_small_and_tells_nothing_of_the_machine_it_ran_on() -> None:
    assert NOTEBOOK.stat().st_size < MOST_BYTES
    text = NOTEBOOK.read_text(encoding="utf-8")
    for place in (ROOT, Path.home(), Path(tempfile.gettempdir())):
        assert str(place) not in text


def test_links_of_the_tutorial_lead_somewhere() -> None:
    prose = "".join(source(cell) for cell in read()["cells"] if cell["cell_type"] == "markdown")
    targets = [each for each in re.findall(r"\]\(([^)#]+)[^)]*\)", prose) if "://" not in each]
    assert targets
    assert [each for each in targets if not (NOTEBOOK.parent / each).exists()] == []


def test_every_cell_runs() -> None:
    cells = code_cells(read())
    found = ran([source(cell) for cell in cells])
    kinds = [[each["output_type"] for each in cell["outputs"]] for cell in cells]
    assert [[each["output_type"] for each in outputs] for outputs in found] == kinds


@pytest.mark.parametrize("wrong", ["1 / 0", "import warnings; warnings.warn('no')", "assert first == 2"])
def test_a_cell_that_fails_is_found_out(wrong: str) -> None:
    with pytest.raises(AssertionError, match="cell 2"):
        ran(["first = 1", wrong, "first"])
