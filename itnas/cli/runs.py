"""`itnas runs`, `itnas stop`: the runs that are there, and ending one from outside."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from itnas.cli import complete
from itnas.cli.endings import NO
from itnas.cli.listing import show
from itnas.cli.options import AsCsv, AsJson, RunFolder, argument, flag, option
from itnas.cli.screen import console, exclude, say_json
from itnas.shown import moment, size, typed


def runs(
    folder: Annotated[Path, argument("Where to look, also in folders below it.", name="folder", default="runs")] = Path(
        "runs"
    ),
    remove: Annotated[
        list[Path] | None,
        option("--remove", takes="run", told="Delete this run (repeatable).", complete=complete.runs),
    ] = None,
    thin: Annotated[
        list[Path] | None,
        option(
            "--thin",
            takes="run",
            told="Delete the networks and kernels of this run, and keep its tables (repeatable).",
            complete=complete.runs,
        ),
    ] = None,
    yes: Annotated[bool, flag("--yes", "-y", told="Delete without asking.")] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List the runs: what they searched, how far they are, what they take on the disk."""
    exclude(json=as_json, csv=as_csv)
    if remove or thin:
        done = _clean(remove or [], thin or [], yes=yes, told=not (as_json or as_csv))
        if as_json or as_csv:
            show(done, title="", as_json=as_json, as_csv=as_csv)
        return
    from itnas.store.reader import is_run

    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder: name the one that holds your runs")
    found = [path.parent for path in sorted(folder.rglob("run.db")) if is_run(path.parent)]
    rows = [_row(path) for path in found]
    if as_json or as_csv:
        show(rows, title="", as_json=as_json, as_csv=as_csv, output="runs")
    elif rows:
        _table(rows)
    else:
        typer.echo(f"no runs in {folder}: start one with `itnas search`")


def stop(run: RunFolder, as_json: AsJson = False) -> None:
    """Ask the sweep that runs there to stop, as Ctrl-C would; `itnas resume` goes on."""
    from itnas.store import RunReader
    from itnas.store.lock import ask_to_stop

    RunReader(run)
    pid = ask_to_stop(run)
    if as_json:
        say_json({"run": run, "process": pid})
    else:
        typer.echo(f"asked process {pid} to stop; `itnas status {typed(run)}` tells when it has")


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
        "created": moment(about["created"]),
        "bytes": _bytes(folder),
    }


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _table(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in ("run", "state", "space", "tasks", "trials", "created", "size"):
        table.add_column(name, justify="right" if name in ("trials", "size") else "left", overflow="fold")
    for row in rows:
        counts = f"{row['trials']}/{row['asked']}"
        shown = (row["run"], row["state"], row["space"], ", ".join(row["tasks"]), counts, row["created"])
        table.add_row(*shown, size(row["bytes"]))
    console().print(table)


def _clean(remove: list[Path], thin: list[Path], *, yes: bool, told: bool) -> list[dict[str, Any]]:
    """Delete runs, or their arrays, after asking; never one that is being driven, nor what is no run."""
    from itnas.store import RunLock, RunReader, RunWriter

    seen = set[Path]()
    for folder in (*remove, *thin):
        RunReader(folder)
        if folder.is_symlink():
            raise ValueError(f"{folder} is a link: name the folder that it leads to, {folder.resolve()}")
        if folder.resolve() in seen:
            raise ValueError(f"{folder} is named twice: name it once")
        seen.add(folder.resolve())
    named = [*(f"{path} (all of it)" for path in remove), *(f"{path} (networks and kernels)" for path in thin)]
    if not yes and not _agreed(f"delete {', '.join(named)}?"):
        raise typer.Exit(NO)
    done = []
    for what, folders, deleted in (("all", remove, "deleted"), ("arrays", thin, "deleted the networks and kernels of")):
        for folder in folders:
            taken = _bytes(folder)
            with RunLock(folder):
                if what == "all":
                    shutil.rmtree(folder)
                else:
                    with RunWriter(folder) as writer:
                        writer.thin()
            freed = taken - _bytes(folder)
            done.append({"run": str(folder), "deleted": what, "bytes": freed})
            if told:
                typer.echo(f"{deleted} {folder} ({size(freed)})")
    return done


def _agreed(question: str) -> bool:
    """Whether who is asked says yes. The question goes to stderr: stdout holds results alone."""
    if sys.stdin.isatty():
        typer.echo(f"{question} [y/N]: ", err=True, nl=False)
    answer = sys.stdin.readline()
    if not answer:
        raise ValueError("nobody is there to be asked: --yes deletes without asking")
    return answer.strip().lower() in ("y", "yes")
