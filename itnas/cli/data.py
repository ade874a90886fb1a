"""`--data`: where the published data sets are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="<folder>", help="Published data sets, a folder each; else ITNAS_DATA names it."),
]


def use_data(data: Path | None) -> None:
    """Have this process, and those that it starts, look there."""
    if data is not None:
        from itnas.datasets.location import set_root

        set_root(data)
