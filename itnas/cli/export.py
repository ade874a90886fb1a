"""`itnas export`: take a winner home."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from itnas.cli import complete, names
from itnas.cli.data import use_data
from itnas.cli.endings import say
from itnas.cli.extras import needs
from itnas.cli.options import AsJson, Data, Quiet, argument, chosen, flag, option
from itnas.cli.screen import say_json
from itnas.shown import size


def export(
    run: Annotated[
        Path,
        argument(
            "A run's folder, one that `itnas train --out` wrote, or an earlier export.",
            name="run",
            complete=complete.exported,
        ),
    ],
    *,
    task: Annotated[
        str | None,
        option(
            "--task",
            "-t",
            takes="task",
            told="Whose best genome.",
            default="the only task",
            complete=complete.tasks_of_run,
        ),
    ] = None,
    trial: Annotated[int | None, option("--trial", takes="n", told="This trial.", default="the best one")] = None,
    format: Annotated[str, chosen("--format", told="What to write", among=names.FORMATS, default="genome")] = "genome",
    out: Annotated[Path, option("--out", "-o", takes="path", told="The file or folder to write.")],
    force: Annotated[bool, flag("--force", told="Replace an earlier export.")] = False,
    distil_steps: Annotated[
        int | None,
        option(
            "--distil-steps",
            takes="n",
            told="native: steps in which a classical layer learns from its layer.",
            default=400,
        ),
    ] = None,
    tune_steps: Annotated[
        int | None,
        option("--tune-steps", takes="n", told="native: steps in which the whole is tuned on the task.", default=300),
    ] = None,
    least: Annotated[
        float | None,
        option("--least", takes="x", told="native: least share of the score above chance that is kept.", default=0.95),
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write a trial, or a whole run, in a form that others can use.

    What is written is loaded back and compared before it takes its name: whole, or not there.
    """
    use_data(data)
    given = {"distil_steps": distil_steps, "tune_steps": tune_steps, "least": least}
    settings: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    with needs("export", "onnx", "onnxscript", "onnxruntime"):
        from itnas.export.entry import export as write

        if format == "native" and not quiet:
            settings["progress"] = say
        done = write(run, task, out, format=format, trial=trial, force=force, **settings)
    if as_json:
        say_json({"path": done.path, "format": done.format, "compared": done.compared})
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
    held = [size(row[f"{when} MB"] * 10**6) for when in ("before", "after")]
    return (
        f"{row['length']} points: {row['before ms']:.1f} ms before, {row['after ms']:.1f} ms after "
        f"({row['times as fast']:.1f} times as fast), {held[0]} and {held[1]}"
    )


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_short(each)}" for name, each in value.items())
    return ", ".join(map(_short, value)) if isinstance(value, list) else str(value)
