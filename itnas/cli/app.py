"""The commands. How they end is said in `endings`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import itnas
from itnas.cli import (
    bench,
    dashboard,
    doctor,
    explain,
    export,
    findings,
    replay,
    report,
    resume,
    runs,
    search,
    spaces,
    tasks,
    train,
)
from itnas.cli.command import Command, Group
from itnas.cli.endings import ended

app = typer.Typer(
    name="itnas",
    cls=Group,
    help="Search over the learnable integral transform: does a task want convolution, attention or recurrence?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
COMMANDS = (
    search.search,
    resume.resume,
    findings.status,
    findings.trials,
    findings.findings,
    runs.runs,
    runs.stop,
    dashboard.dashboard,
    report.report,
    replay.replay,
    export.export,
    train.train,
    explain.explain,
    tasks.tasks,
    spaces.spaces,
    doctor.doctor,
)
for command in COMMANDS:
    app.command(cls=Command)(command)
app.add_typer(bench.app, name="bench")


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"itnas {itnas.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Options that every command shares."""


def main() -> None:
    """Run the command line."""
    sys.exit(ended(lambda: app(prog_name="itnas", standalone_mode=False)))
