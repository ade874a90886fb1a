"""`itnas bench`: side-by-side measurements, each as a ratio against a named peer in the same run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from itnas.cli.command import Command, Group
from itnas.cli.options import AsJson, flag, option
from itnas.cli.screen import say_json
from itnas.cli.targets import check_target

app = typer.Typer(cls=Group, help="Measure against named peers, side by side in one run.", no_args_is_help=True)

Only = Annotated[
    list[str] | None,
    option("--only", takes="name", told="Measure this section alone (repeatable); an unknown name lists them."),
]
Quick = Annotated[bool, flag("--quick", told="Measure fewer sizes: a smoke test, not a result.")]
Out = Annotated[Path | None, option("--out", "-o", takes="file", told="Also write the JSON object to this file.")]


@app.command(cls=Command)
def operator(only: Only = None, quick: Quick = False, out: Out = None, as_json: AsJson = False) -> None:
    """Measure speed and memory of the plans against eager torch and hand-written peers (two cores; minutes)."""
    _run("operator", as_json, only, quick, out)


@app.command(cls=Command)
def population(only: Only = None, quick: Quick = False, out: Out = None, as_json: AsJson = False) -> None:
    """Measure stacked replicas against one after another, drawing data against a step, time to mastery (an hour)."""
    _run("population", as_json, only, quick, out)


@app.command(cls=Command)
def reference(only: Only = None, quick: Quick = False, out: Out = None, as_json: AsJson = False) -> None:
    """Train on MQAR and MAD beside the published results, scaled to a CPU (half an hour)."""
    _run("reference", as_json, only, quick, out)


@app.command(cls=Command)
def behaviour(only: Only = None, quick: Quick = False, out: Out = None, as_json: AsJson = False) -> None:
    """Measure verdicts on planted, untrained and trained layers: right, robust, and at what cost (an hour)."""
    _run("behaviour", as_json, only, quick, out)


@app.command(cls=Command)
def search(only: Only = None, quick: Quick = False, out: Out = None, as_json: AsJson = False) -> None:
    """Measure samplers on a table of trained genomes, overhead per trial, 10,000 trials, a whole sweep (an hour)."""
    _run("search", as_json, only, quick, out)


@app.command(cls=Command)
def dashboard(only: Only = None, quick: Quick = False, out: Out = None, as_json: AsJson = False) -> None:
    """Measure the dashboard in a browser beside optuna-dashboard, 10,000 and 100,000 trials (ten minutes)."""
    _run("dashboard", as_json, only, quick, out)


@app.command(cls=Command)
def crystallise(only: Only = None, quick: Quick = False, out: Out = None, as_json: AsJson = False) -> None:
    """Measure crystallised networks of the default tasks: what score they keep, how fast they are (ten minutes)."""
    _run("crystallise", as_json, only, quick, out)


@app.command(cls=Command, name="learning-rates")
def learning_rates(only: Only = None, quick: Quick = False, out: Out = None, as_json: AsJson = False) -> None:
    """Measure the best learning rate at several widths (ten minutes)."""
    _run("learning_rate_transfer", as_json, only, quick, out)


def _run(name: str, as_json: bool, only: list[str] | None, quick: bool, out: Path | None) -> None:
    """Measure, show, and write; sections that were not run keep what the file says of them."""
    from itnas.files import write_atomically

    check_target("--out", out)
    before = _results(out) if only and out is not None and out.is_file() else {}
    measured = _benchmark(name).measure(only=only or None, quick=quick, quiet=as_json)
    if out is not None:
        whole = _benchmark("sections").renewed(before, measured)
        write_atomically(out, (json.dumps(whole, indent=1) + "\n").encode())
    if as_json:
        say_json(measured)


def _results(path: Path) -> dict[str, Any]:
    """What a file of results says, whose other sections are to stay."""
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ValueError(f"--out {path} holds no results that --only could add to: name another file")
    return found


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
