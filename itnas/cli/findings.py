"""`itnas status`, `itnas trials`, `itnas findings`: what a run holds, also while it runs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from itnas.cli.findings_view import print_findings
from itnas.cli.listing import AsCsv, AsJson, plain_console, show
from itnas.cli.sweep_view import interval, picture

Folder = Annotated[Path, typer.Argument(metavar="run", help="The folder of a run.")]


def status(
    run: Folder,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every second until it has ended.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """How a sweep stands: counts and bests per task, what runs, what failed, when it may end."""
    import json

    from rich.live import Live

    from itnas.store import RunReader
    from itnas.store.summary import summarise

    reader = RunReader(run)
    if as_json:
        typer.echo(json.dumps(summarise(reader), indent=1, allow_nan=False))
        return
    found = summarise(reader)
    if not watch:
        plain_console().print(picture(found))
        return
    with Live(picture(found), console=plain_console(), auto_refresh=False) as live:
        while found["driver"]:
            time.sleep(1)
            found = summarise(reader)
            live.update(picture(found), refresh=True)


def trials(
    run: Folder,
    tasks: Annotated[
        list[str] | None, typer.Option("--task", "-t", metavar="<task>", help="Only of this task (repeatable).")
    ] = None,
    state: Annotated[str | None, typer.Option("--state", metavar="<state>", help="Only in this state.")] = None,
    best: Annotated[int | None, typer.Option("--best", metavar="<n>", help="Only the best n of each task.")] = None,
    pareto: Annotated[
        bool, typer.Option("--pareto", help="Only those that no other of their task beats in score and in cost.")
    ] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List the trials of a run."""
    from itnas.pareto import pareto_front
    from itnas.registry import check_choice
    from itnas.store import RunReader

    reader = RunReader(run)
    known = list(reader.sweep()["settings"]["tasks"])
    for task in tasks or []:
        check_choice(f"task of {run}", task, known)
    if state is not None:
        check_choice("state", state, ("running", "complete", "pruned", "failed", "infeasible"))
    rows = [
        row
        for row in reader.trials()
        if (not tasks or row["task"] in tasks) and (state is None or row["state"] == state)
    ]
    if pareto:
        rows = [row for task in known for row in pareto_front(row for row in rows if row["task"] == task)]
    if best is not None:
        if best < 1:
            raise ValueError(f"--best must be at least 1, got {best}")
        rows = [row for task in known for row in _best(rows, task, best)]
    if as_json or as_csv:
        show(rows, title="", as_json=as_json, as_csv=as_csv)
    else:
        _table(rows)


def _best(rows: list[dict[str, Any]], task: str, count: int) -> list[dict[str, Any]]:
    own = [row for row in rows if row["task"] == task and row["score"] is not None]
    return sorted(own, key=lambda row: -row["score"])[:count]


def _table(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    for name in ("trial", "task", "origin", "state", "score (95 %)", "parameters", "seconds"):
        right = name in ("trial", "parameters", "seconds")
        least = 13 if name == "task" else None
        table.add_column(
            name, justify="right" if right else "left", overflow="fold", no_wrap=name != "task", min_width=least
        )
    if any(row["reason"] for row in rows):
        table.add_column("reason", overflow="fold")
    for row in rows:
        state = f"rung {row['rung']}" if row["state"] == "running" else row["state"]
        again = f" (attempt {row['attempt']})" if row["attempt"] > 1 else ""
        table.add_row(
            str(row["number"]),
            row["task"],
            row["name"] or row["origin"],
            state + again,
            interval(row["score"], row["score_low"], row["score_high"]),
            "" if row["parameters"] is None else f"{row['parameters']:,}",
            "" if row["seconds"] is None else f"{row['seconds']:.1f}",
            *([row["reason"] or ""] if len(table.columns) == 8 else []),
        )
    plain_console().print(table if rows else "no trials yet")


def findings(run: Folder, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """What the sweep concludes for each task: what the layers became, with intervals, beside untrained copies."""
    from itnas.run import Run

    found = Run(run)
    if as_json or as_csv:
        whole = [{"block": None} | row for row in found.finding_rows()]
        show(whole + found.block_finding_rows(), title="", as_json=as_json, as_csv=as_csv)
    else:
        print_findings(found)
