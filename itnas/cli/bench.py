"""`itnas bench`: side-by-side measurements, each as a ratio against a named peer in the same run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(help="Measure against named peers, side by side in one run.", no_args_is_help=True)


@app.command()
def operator(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Run only this section (repeatable); see the tables for names.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer sizes: a smoke test, not a result.")] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Also write the JSON object to this file.")] = None,
) -> None:
    """Speed and memory of the plans against eager torch and hand-written peers (two cores; minutes)."""
    measured = _benchmark("operator").measure(only=only or None, quick=quick, quiet=as_json)
    text = json.dumps(measured, indent=1)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text + "\n")
    if as_json:
        typer.echo(text)


def _benchmark(name: str) -> Any:
    """The benchmark module: `benchmarks/` of the repository, which the wheel ships as `itnas.benchmarks`."""
    import importlib
    import sys

    import itnas

    source = Path(itnas.__file__).parent.parent
    if (source / "benchmarks" / f"{name}.py").is_file():
        sys.path.insert(0, str(source))
        return importlib.import_module(f"benchmarks.{name}")
    return importlib.import_module(f"itnas.benchmarks.{name}")
