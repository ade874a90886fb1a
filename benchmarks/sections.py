"""A benchmark is made of named sections, each a function from `quick` to rows. Here they are run and printed."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from itnas.files import write_atomically

from .measuring import machine

Section = Callable[[bool], list[dict[str, Any]]]
ABOUT = ("machine", "machines")  # of a file of results: where it was measured


def run_sections(
    sections: Mapping[str, Section], *, only: list[str] | None, quick: bool, quiet: bool, keep: Path | None = None
) -> dict[str, Any]:
    """Run the sections and return {section: rows}, with the machine. `keep`: a file in which each is renewed as soon as
    it is done; the others stay as they are there."""
    for name in only or []:
        if name not in sections:
            raise ValueError(f"unknown section {name!r}: choose from {', '.join(sections)}")
    console = Console(quiet=quiet)
    found: dict[str, Any] = {"machine": machine()}
    console.print(found["machine"])
    for name, section in sections.items():
        if only is None or name in only:
            found[name] = section(quick)
            if keep is not None:
                before = json.loads(keep.read_text()) if keep.is_file() else {}
                write_atomically(keep, (json.dumps(renewed(before, found), indent=1) + "\n").encode())
            console.print(_table(name, found[name]))
    return found


def renewed(before: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Results with some sections measured again. Those that were measured on another machine, or another day, than the
    last ones have theirs in `machines`."""
    machines = {name: before["machine"] for name in before if name not in ABOUT and "machine" in before}
    machines |= before.get("machines", {})
    elsewhere = {name: own for name, own in machines.items() if name not in found and own != found["machine"]}
    rows = {name: rows for name, rows in (before | found).items() if name not in ABOUT}
    return {"machine": found["machine"], **({"machines": elsewhere} if elsewhere else {}), **rows}


def command(sections: Mapping[str, Section], results: Path, about: str) -> None:
    """A benchmark's command line: sections renew the file of results one by one."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(sections))
    parser.add_argument("--quick", action="store_true", help="Fewer of everything: a smoke test; nothing is written.")
    given = parser.parse_args()
    keep = None if given.quick else results
    run_sections(sections, only=given.sections or None, quick=given.quick, quiet=False, keep=keep)


def _table(name: str, rows: list[dict[str, Any]]) -> Table:
    table = Table(title=name)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*(_shown(row.get(column, "")) for column in columns))
    return table


def _shown(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
