"""Options and arguments: those that several commands share, and the one way in which all are made.

What an option takes is said by one of a few words (`<n>`, `<folder>`, `<task>`, ...), its default in parentheses at the
end of its help.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from itnas.cli import complete

Complete = Callable[..., list[str]]


def option(*flags: str, takes: str, told: str, default: object = None, complete: Complete | None = None) -> Any:
    """An option that takes a value."""
    text = told if default is None else f"{told.removesuffix('.')} (default: {default})."
    return typer.Option(*flags, metavar=f"<{takes}>", help=text, show_default=False, autocompletion=complete)


def chosen(*flags: str, told: str, among: tuple[str, ...], default: object = None) -> Any:
    """An option that takes one of a few names, which its help lists."""
    listed = ", ".join(among[:-1]) + f" or {among[-1]}"
    return option(
        *flags,
        takes="name",
        told=f"{told.removesuffix('.')}: {listed}.",
        default=default,
        complete=complete.among(among),
    )


def flag(*flags: str, told: str) -> Any:
    """An option that is given or not."""
    return typer.Option(*flags, help=told, show_default=False)


def argument(told: str, *, name: str, default: object = None, complete: Complete | None = None) -> Any:
    text = told if default is None else f"{told.removesuffix('.')} (default: {default})."
    return typer.Argument(metavar=name, help=text, show_default=False, autocompletion=complete)


RunFolder = Annotated[Path, argument("The folder of a run.", name="run", complete=complete.runs)]

Data = Annotated[
    Path | None,
    option("--data", takes="folder", told="Look for published data sets here.", default="what ITNAS_DATA names"),
]
Address = Annotated[
    str | None, option("--address", takes="host:port", told="Join this Ray cluster.", default="a Ray of its own")
]

AsJson = Annotated[bool, flag("--json", told="Print JSON.")]
AsCsv = Annotated[bool, flag("--csv", told="Print CSV.")]
Quiet = Annotated[bool, flag("--quiet", "-q", told="Print no progress.")]

TASKS = complete.tasks
