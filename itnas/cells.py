"""Tables as files for spreadsheets, in which no cell is a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

# What a spreadsheet takes for the start of a formula, whatever blanks come before it; some read wide signs too.
FORMULA = re.compile(r"[\s\x00-\x1f]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")


def defused(cell: Any) -> Any:
    """Texts that a spreadsheet would run get an apostrophe, which it hides; numbers stay numbers."""
    if isinstance(cell, str) and FORMULA.match(cell):
        return f"'{cell}"
    return cell


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Texts are quoted: where cells are told apart by semicolons, one within a text would start another cell."""
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow([defused(name) for name in columns])
    writer.writerows([defused(cell) for cell in row] for row in rows)
    return content.getvalue()
