"""`itnas export`: take a run's contents elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from itnas.cli.listing import check_suffix
from itnas.registry import check_choice

FORMATS = ("optuna",)


def export(
    run: Annotated[Path, typer.Argument(help="The folder of a run.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="<file>", help="What to write.")],
    format: Annotated[
        str, typer.Option("--format", metavar="<name>", help="optuna: a storage that optuna-dashboard opens.")
    ] = "optuna",
    force: Annotated[bool, typer.Option("--force", help="Write over what is there.")] = False,
) -> None:
    """Write a run in another form."""
    check_choice("format", format, FORMATS)
    from itnas.store import RunReader

    reader = RunReader(run)
    from itnas.search.optuna_storage import ENDINGS, write_storage

    check_suffix(out.name, ENDINGS)
    if out.is_dir():
        raise ValueError(f"--out {out} is a folder: name a file")
    if out.exists() and not force:
        raise ValueError(f"--out {out} exists: name another file, or write over it with --force")
    write_storage(reader, out)
    typer.echo(f"wrote {out}; look at it with `optuna-dashboard {_address(out)}`")


def _address(path: Path) -> str:
    return f"sqlite:///{path}" if path.suffix == ".db" else str(path)
