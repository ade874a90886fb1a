"""Listings: one table of rows, shown as a table, as JSON or as CSV."""

from __future__ import annotations

import json
import sys
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from itnas.cells import as_csv as csv_text
from itnas.cli.screen import console, exclude, say_json
from itnas.plain import plain
from itnas.registry import check_choice


def show(
    rows: Sequence[Mapping[str, Any]],
    *,
    title: str,
    as_json: bool,
    as_csv: bool,
    output: str | None = None,
    shown: Sequence[str] | None = None,
) -> None:
    """Print rows that share their keys; the table leaves out what is not `shown`. `output`: the name under which
    `itnas.cli.outputs` has those keys, for listings that may be empty."""
    exclude(json=as_json, csv=as_csv)
    if as_json:
        say_json(list(rows))
    elif as_csv:
        columns = list(rows[0]) if rows else _columns(output)
        sys.stdout.write(csv_text(columns, [[_csv_cell(row[name]) for name in columns] for row in rows]))
    else:
        _write_table(rows, title, shown)


def _columns(output: str | None) -> list[str]:
    """Those of a listing without rows."""
    if output is None:
        return []
    from itnas.cli.outputs import OUTPUTS

    (row,) = typing.get_args(OUTPUTS[output].holds)
    return list(row.model_fields)


def _csv_cell(cell: Any) -> Any:
    found = plain(cell)
    return json.dumps(found) if isinstance(found, (list, dict)) else found


def _write_table(rows: Sequence[Mapping[str, Any]], title: str, shown: Sequence[str] | None) -> None:
    columns = list(shown or (rows[0] if rows else []))
    table = Table(title=title, title_justify="left")
    for name in columns:
        numeric = all(isinstance(row[name], (int, float)) for row in rows)
        table.add_column(name.replace("_", " "), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(cell_text(row[name]) for name in columns))
    console().print(table)


def cell_text(cell: Any) -> str:
    """A value as people read it."""
    if cell is None:
        return "unknown"
    if isinstance(cell, float):
        return f"{cell:.4g}"
    return ", ".join(map(cell_text, cell)) if isinstance(cell, (list, tuple)) else str(cell)


def check_suffix(path: str, suffixes: Sequence[str]) -> None:
    """Refuse a file name that does not say, by its ending, a format that can be written."""
    ending = path.rsplit(".", 1)[-1] if "." in path else ""
    check_choice(f"ending of {path}", ending, suffixes)
