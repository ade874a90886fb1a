"""`itnas bench`: side-by-side measurements, each as a ratio against a named peer in the same run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from itnas.cli.command import Command

app = typer.Typer(help="Measure against named peers, side by side in one run.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]
Only = Annotated[
    list[str] | None, typer.Option("--only", help="Run only this section (repeatable); see the tables for names.")
]
Quick = Annotated[bool, typer.Option("--quick", help="Fewer sizes: a smoke test, not a result.")]
Out = Annotated[Path | None, typer.Option("--out", help="Also write the JSON object to this file.")]


@app.command(cls=Command)
def operator(as_json: AsJson = False, only: Only = None, quick: Quick = False, out: Out = None) -> None:
    """Speed and memory of the plans against eager torch and hand-written peers (two cores; minutes)."""
    _run("operator", as_json, only, quick, out)


@app.command(cls=Command)
def population(as_json: AsJson = False, only: Only = None, quick: Quick = False, out: Out = None) -> None:
    """Stacked replicas against one after another, drawing data against a step, time to mastery (an hour)."""
    _run("population", as_json, only, quick, out)


@app.command(cls=Command)
def reference(as_json: AsJson = False, only: Only = None, quick: Quick = False, out: Out = None) -> None:
    """MQAR and MAD beside the published results, scaled to a CPU (half an hour)."""
    _run("reference", as_json, only, quick, out)


@app.command(cls=Command)
def behaviour(as_json: AsJson = False, only: Only = None, quick: Quick = False, out: Out = None) -> None:
    """Verdicts on planted, untrained and trained layers: right, robust, and at what cost (an hour)."""
    _run("behaviour", as_json, only, quick, out)


@app.command(cls=Command)
def search(as_json: AsJson = False, only: Only = None, quick: Quick = False, out: Out = None) -> None:
    """Samplers on a table of trained genomes, overhead per trial, ten thousand trials, a whole sweep (an hour)."""
    _run("search", as_json, only, quick, out)


@app.command(cls=Command)
def dashboard(as_json: AsJson = False, only: Only = None, quick: Quick = False, out: Out = None) -> None:
    """The dashboard in a browser beside optuna-dashboard, 10,000 and 100,000 trials (ten minutes)."""
    _run("dashboard", as_json, only, quick, out)


@app.command(cls=Command)
def crystallise(as_json: AsJson = False, only: Only = None, quick: Quick = False, out: Out = None) -> None:
    """Crystallised networks of the default tasks: the score they keep, and how much faster they are (ten minutes)."""
    _run("crystallise", as_json, only, quick, out)


@app.command(cls=Command, name="learning-rates")
def learning_rates(as_json: AsJson = False, only: Only = None, quick: Quick = False, out: Out = None) -> None:
    """The best learning rate at several widths (ten minutes)."""
    _run("learning_rate_transfer", as_json, only, quick, out)


def _run(name: str, as_json: bool, only: list[str] | None, quick: bool, out: Path | None) -> None:
    """Measure, show, and write; sections that were not run keep what the file says of them."""
    from itnas.files import write_atomically

    measured = _benchmark(name).measure(only=only or None, quick=quick, quiet=as_json)
    if out is not None:
        before = json.loads(out.read_text()) if only and out.is_file() else {}
        write_atomically(out, (json.dumps(before | measured, indent=1) + "\n").encode())
    if as_json:
        typer.echo(json.dumps(measured, indent=1))


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
