"""Tables as files for spreadsheets, in which no cell is a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

# What a spreadsheet takes for the start of a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def defused(cell: Any) -> Any:
    """Texts that a spreadsheet would run get an apostrophe, which it hides; numbers stay numbers."""
    if isinstance(cell, str) and cell.lstrip(" ").startswith(FORMULA):
        return f"'{cell}"
    return cell


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow([defused(name) for name in columns])
    writer.writerows([defused(cell) for cell in row] for row in rows)
    return content.getvalue()
