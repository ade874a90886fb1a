"""`itnas runs`, `itnas stop`: the runs that are there, and ending one from outside."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from itnas.cli.listing import AsCsv, AsJson, plain_console, show


def runs(
    folder: Annotated[Path, typer.Argument(help="Where to look, also in folders below it.")] = Path("runs"),
    remove: Annotated[
        list[Path] | None, typer.Option("--remove", metavar="<run>", help="Delete this run (repeatable).")
    ] = None,
    thin: Annotated[
        list[Path] | None,
        typer.Option("--thin", metavar="<run>", help="Delete networks and kernels of this run, keep its tables."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete without asking.")] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List the runs: what they searched, how far they are, what they take on the disk."""
    if remove or thin:
        _clean(remove or [], thin or [], yes=yes)
        return
    from itnas.store.reader import is_run

    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder: name the one that holds your runs")
    found = [path.parent for path in sorted(folder.rglob("run.db")) if is_run(path.parent)]
    rows = [_row(path) for path in found]
    if as_json or as_csv:
        show(rows, title="", as_json=as_json, as_csv=as_csv)
    elif rows:
        _table(rows)
    else:
        typer.echo(f"no runs in {folder}: start one with `itnas search`")


def stop(run: Annotated[Path, typer.Argument(help="The folder of a run.")]) -> None:
    """Ask the sweep that runs there to stop, as Ctrl-C would; `itnas resume` goes on."""
    from itnas.store import RunReader
    from itnas.store.lock import ask_to_stop

    RunReader(run)
    pid = ask_to_stop(run)
    typer.echo(f"asked process {pid} to stop; `itnas status {run}` tells when it has")


def _row(folder: Path) -> dict[str, Any]:
    from itnas.store import RunReader
    from itnas.store.summary import summarise

    reader = RunReader(folder)
    found, about = summarise(reader), reader.sweep()
    return {
        "run": str(folder),
        "state": found["state"],
        "space": found["space"],
        "tasks": [row["task"] for row in found["tasks"]],
        "trials": sum(row["ended"] for row in found["tasks"]),
        "asked": sum(row["asked"] for row in found["tasks"]),
        "created": time.strftime("%Y-%m-%d %H:%M", time.localtime(about["created"])),
        "megabytes": round(_bytes(folder) / 1e6, 2),
    }


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _table(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in ("run", "state", "space", "tasks", "trials", "created", "MB"):
        table.add_column(name, justify="right" if name in ("trials", "MB") else "left", overflow="fold")
    for row in rows:
        counts = f"{row['trials']}/{row['asked']}"
        shown = (row["run"], row["state"], row["space"], ", ".join(row["tasks"]), counts, row["created"])
        table.add_row(*shown, f"{row['megabytes']:.1f}")
    plain_console().print(table)


def _clean(remove: list[Path], thin: list[Path], *, yes: bool) -> None:
    """Delete runs, or their arrays, after asking; never one that is being driven, nor what is no run."""
    from itnas.store import RunLock, RunReader

    for folder in (*remove, *thin):
        RunReader(folder)
    named = [*(f"{path} (all of it)" for path in remove), *(f"{path} (networks and kernels)" for path in thin)]
    if not yes and not typer.confirm(f"delete {', '.join(named)}?"):
        raise typer.Exit(1)
    for folder in remove:
        with RunLock(folder):
            shutil.rmtree(folder)
        typer.echo(f"deleted {folder}")
    for folder in thin:
        with RunLock(folder):
            _thin(folder)
        typer.echo(f"deleted the networks and kernels of {folder}")


def _thin(folder: Path) -> None:
    from itnas.store import RunWriter

    with RunWriter(folder) as writer:
        ended = writer.rows("SELECT value FROM sweep WHERE key = 'state'")[0]["value"] == '"ended"'
        with writer.transaction(durable=True):
            writer.connection.execute("DELETE FROM kept")
        writer.arrays.sweep([])
        if ended:
            writer.settle()
