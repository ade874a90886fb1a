"""Tables for spreadsheets: no cell is a formula, and every cell can be read back."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itnas.cells import as_csv, defused


@pytest.mark.parametrize("blanks", ["", " ", "\t", "\n", "\r", "\x0b", "\xa0", "\u3000", "\x00", "  \t"])
@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_what_starts_a_formula_is_defused(sign: str, blanks: str) -> None:
    text = f'{blanks}{sign}HYPERLINK("x")'
    assert defused(text) == f"'{text}"


@pytest.mark.parametrize("cell", ["", "recall", "a=b", "x-y", " name", -1, -1.5, None, True, "'=1", "e-mail@here"])
def test_what_is_none_stays(cell: object) -> None:
    assert defused(cell) is cell


CELLS = st.lists(st.one_of(st.text(), st.integers(), st.floats(allow_nan=False)), min_size=2, max_size=2)


@given(st.lists(CELLS))
def test_every_row_is_read_back(rows: list[list[object]]) -> None:
    text = as_csv(["a", "=b"], rows)
    found = list(csv.reader(io.StringIO(text, newline="")))
    assert found[0] == ["a", "'=b"]
    assert found[1:] == [[str(defused(cell)) for cell in row] for row in rows]


@given(st.text(), st.sampled_from([",", ";", "\t"]))
def test_no_text_starts_another_cell(text: str, between: str) -> None:
    """Spreadsheets elsewhere separate cells by semicolons."""
    written = as_csv(["a"], [[f"x{between}=1{text}"]])
    cells = list(csv.reader(io.StringIO(written, newline=""), delimiter=between))[1]
    assert not [cell for cell in cells if re.match("[=+@-]", cell)]
