"""`itnas export`: take a winner home."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from itnas.cli.data import Data, use_data
from itnas.cli.extras import needs

FORMATS = "genome, weights, torch, onnx, module, native, table, optuna, ray, kubernetes, slurm"


def export(
    run: Annotated[
        Path, typer.Argument(help="A run's folder, one that `itnas train --out` wrote, or an earlier export.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="<path>", help="The file or folder to write.")],
    format: Annotated[str, typer.Option("--format", metavar="<name>", help=f"{FORMATS}.")] = "genome",
    task: Annotated[
        str | None, typer.Option("--task", "-t", help="Whose best genome; by default the only task.")
    ] = None,
    trial: Annotated[int | None, typer.Option("--trial", help="This trial, not the best one.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier export.")] = False,
    distil_steps: Annotated[
        int | None,
        typer.Option("--distil-steps", help="native: steps in which a classical layer learns from its layer."),
    ] = None,
    tune_steps: Annotated[
        int | None, typer.Option("--tune-steps", help="native: steps in which the whole is tuned on the task.")
    ] = None,
    keep: Annotated[
        float | None, typer.Option("--keep", help="native: share of the score above chance to be kept (0.95).")
    ] = None,
    data: Data = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was compared as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing on the way.")] = False,
) -> None:
    """Write a trial, or a whole run, in a form that others can use.

    What is written is loaded back and compared before it takes its name: whole, or not there.
    """
    use_data(data)
    given = {"distil_steps": distil_steps, "tune_steps": tune_steps, "keep": keep}
    settings: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    with needs("export", "onnx", "onnxscript", "onnxruntime"):
        from itnas.export.entry import export as write

        if format == "native" and not quiet:
            settings["progress"] = lambda line: typer.echo(f"itnas: {line}", err=True)
        done = write(run, task, out, format=format, trial=trial, force=force, **settings)
    if as_json:
        about = {"path": str(done.path), "format": done.format, "compared": done.compared}
        typer.echo(json.dumps(about, indent=1, allow_nan=False))
    else:
        for line in told(done.path, done.format, done.compared):
            typer.echo(line)


def told(path: Path, form: str, compared: dict[str, Any]) -> list[str]:
    """What was written, and what loading it back said, line by line."""
    lines = [f"wrote {path} ({form}), loaded back:"]
    for name, value in compared.items():
        if name == "layers":
            lines += [f"  {_layer(each)}" for each in value]
        else:
            lines.append(f"  {name.replace('_', ' ')}: {_short(value)}")
    if form == "native":
        lines += [f"  {_timed(row)}" for row in json.loads((path / "measured.json").read_text(encoding="utf-8"))]
    if form == "optuna":
        address = f"sqlite:///{path}" if path.suffix == ".db" else str(path)
        lines.append(f"look at it with `optuna-dashboard {address}`")
    return lines


def _layer(row: dict[str, Any]) -> str:
    if row["agrees"] is None:
        return f"layer {row['layer'] + 1} stays a {row['became']}: {row['why']}"
    return (
        f"layer {row['layer'] + 1} ({row['family']}) is a {row['became']}, which agrees with it to {row['agrees']:.3f}"
    )


def _timed(row: dict[str, Any]) -> str:
    return (
        f"{row['length']} points: {row['before ms']:.1f} ms before, {row['after ms']:.1f} ms after "
        f"({row['times as fast']:.1f} times as fast), {row['before MiB']:.1f} and {row['after MiB']:.1f} MiB"
    )


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_short(each)}" for name, each in value.items())
    return ", ".join(map(_short, value)) if isinstance(value, list) else str(value)
