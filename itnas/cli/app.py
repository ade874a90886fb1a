"""The commands, and how they end: 0 done, 2 bad input (one sentence, no traceback), 130 interrupted."""

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
    runs,
    search,
    spaces,
    tasks,
    train,
)
from itnas.cli.command import Command

app = typer.Typer(
    name="itnas",
    help="Search over the learnable integral transform: does a task want convolution, attention or recurrence?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
COMMANDS = (
    search.search,
    search.resume,
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


def _sentence(error: ValueError | OSError) -> str:
    """What went wrong, with the file's name and without an error number."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def main() -> None:
    """Run the command line; bad input ends in one sentence and exit code 2."""
    try:
        app(standalone_mode=True)
    except (ValueError, OSError) as error:
        typer.echo(f"itnas: {_sentence(error)}", err=True)
        sys.exit(2)
    except (MemoryError, RuntimeError) as error:
        if not _ran_out(error):
            raise
        typer.echo(f"itnas: not enough memory: ask for less, width, length or samples ({_first_line(error)})", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def _ran_out(error: Exception) -> bool:
    """Whether it was memory that was missing: numpy's, torch's on the CPU, torch's on a GPU."""
    return isinstance(error, MemoryError) or "allocate" in str(error) or "out of memory" in str(error)


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:120]
