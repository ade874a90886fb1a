"""What goes to a terminal, a pipe or a file: one console, one JSON, one way to write times and sizes."""

from __future__ import annotations

import json
import math
import os
from typing import Any

import typer
from rich.console import Console

from itnas.plain import plain

# As wide as any table is: what reads a pipe wants whole lines.
PIPE = 10_000


class _Screen(Console):
    """Rich ends the process by itself where nobody reads any more; how commands end is said in one place."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console(*, stderr: bool = False, prose: bool = False) -> Console:
    """What is printed is names, reasons and numbers: no brackets in them mean anything to us.

    Tables are as wide as the terminal, or as COLUMNS says; in a pipe as wide as they are. `prose`: sentences are
    wrapped in a pipe too.
    """
    found = _Screen(stderr=stderr, markup=False, highlight=False)
    if not found.is_terminal and not prose and "COLUMNS" not in os.environ:
        found.width = PIPE
    return found


def say_json(data: Any) -> None:
    """Strict JSON: what is no number is null."""
    typer.echo(json.dumps(plain(data), indent=1, allow_nan=False))


def check_finite(**given: float | None) -> None:
    """Refuse what is no number: `nan` and `inf` can be typed."""
    for name, value in given.items():
        if value is not None and not math.isfinite(value):
            raise ValueError(f"--{name.replace('_', '-')} must be a finite number, got {value}")


def exclude(**given: bool) -> None:
    """Refuse options that contradict each other: at most one of them may be given."""
    names = [f"--{name.replace('_', '-')}" for name, there in given.items() if there]
    if len(names) > 1:
        told = f"{', '.join(names[:-1])} and {names[-1]}"
        raise ValueError(f"{told} exclude each other: give one of them")
