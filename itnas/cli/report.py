"""`itnas report`: a run as one file to send or to keep."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from itnas.cli.options import AsJson, RunFolder, option
from itnas.cli.screen import exclude, say_json
from itnas.cli.targets import check_target
from itnas.shown import size


def report(
    run: RunFolder,
    out: Annotated[
        Path | None, option("--out", "-o", takes="file", told="The file.", default="report.html in the run")
    ] = None,
    figures: Annotated[
        Path | None,
        option("--figures", takes="folder", told="Write the figures as PNG and SVG there, instead of a page."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write one HTML file with findings, search, kernels and trials. It opens offline, and prints."""
    from itnas.cli.extras import needs

    exclude(figures=figures is not None, out=out is not None)
    with needs("dashboard", "dash", "dash_ag_grid", "flask", "werkzeug"):
        from itnas.dashboard.report import report as page
        from itnas.dashboard.report import write_figures
        from itnas.dashboard.view import RunView
    from itnas.files import write_atomically

    view = RunView(run.resolve().name, run)
    if figures is not None:
        written = [Path(path) for path in write_figures(view, figures)]
    else:
        target = run / "report.html" if out is None else out
        if target.suffix != ".html":
            raise ValueError(f"--out {target} must end in .html")
        check_target("--out", target)
        write_atomically(target, page(view).encode())
        written = [target]
    sizes = {path: path.stat().st_size for path in written}
    if as_json:
        say_json([{"path": path, "bytes": count} for path, count in sizes.items()])
        return
    for path, count in sizes.items():
        typer.echo(f"{path} ({size(count)})")
