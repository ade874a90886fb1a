"""`itnas report`: a run as one file to send or to keep."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[Path, typer.Argument(help="The folder of a run.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="<file>", help="The file; by default report.html in the run.")
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(
            "--figures", metavar="<folder>", help="Write the figures as PNG and SVG there, instead of a page."
        ),
    ] = None,
) -> None:
    """Write one HTML file with findings, search, kernels and trials. It opens offline, and prints."""
    from itnas.cli.extras import needs

    with needs("dashboard", "dash", "dash_ag_grid"):
        from itnas.dashboard.report import report as page
        from itnas.dashboard.report import write_figures
        from itnas.dashboard.view import RunView
    from itnas.files import write_atomically

    view = RunView(run.resolve().name, run)
    if figures is not None:
        if out is not None:
            raise ValueError("--figures writes pictures, and --out names a page: give one of them")
        for path in write_figures(view, figures):
            typer.echo(path)
        return
    target = run / "report.html" if out is None else out
    if target.suffix != ".html":
        raise ValueError(f"{target} must end in .html")
    if target.is_dir():
        raise ValueError(f"{target} is a folder: name a file")
    write_atomically(target, page(view).encode())
    typer.echo(f"{target} ({target.stat().st_size / 1e6:.1f} MB)")
