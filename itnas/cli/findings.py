"""`itnas status`, `itnas trials`, `itnas findings`: what a run holds, also while it runs."""

from __future__ import annotations

import time
from typing import Annotated, Any

from itnas.cli.complete import tasks_of_run
from itnas.cli.findings_view import all_findings, print_findings
from itnas.cli.listing import show
from itnas.cli.names import STATES
from itnas.cli.options import AsCsv, AsJson, RunFolder, chosen, flag, option
from itnas.cli.screen import console, exclude, say_json
from itnas.cli.sweep_view import interval, picture
from itnas.shown import counted, dated


def status(
    run: RunFolder,
    watch: Annotated[bool, flag("--watch", told="Look again every second until it has ended.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say how a sweep stands: counts and bests per task, what runs, what failed, when it may end."""
    from rich.live import Live

    from itnas.store import RunReader
    from itnas.store.summary import summarise

    exclude(watch=watch, json=as_json)
    reader = RunReader(run)
    if as_json:
        found = summarise(reader)
        say_json(found | {name: [dated(row) for row in found[name]] for name in ("running", "interrupted", "failures")})
        return
    found = summarise(reader)
    if not watch:
        console().print(picture(found))
        return
    with Live(picture(found), console=console(), auto_refresh=False) as live:
        while found["driver"]:
            time.sleep(1)
            found = summarise(reader)
            live.update(picture(found), refresh=True)


def trials(
    run: RunFolder,
    tasks: Annotated[
        list[str] | None,
        option("--task", "-t", takes="task", told="List those on this task (repeatable).", complete=tasks_of_run),
    ] = None,
    state: Annotated[str | None, chosen("--state", told="List those in this state.", among=STATES)] = None,
    best: Annotated[
        int | None, option("--best", takes="n", told="List so many of each task, the best by the score of the search.")
    ] = None,
    pareto: Annotated[
        bool, flag("--pareto", told="List those that no other of their task beats in score and in cost.")
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
        check_choice("state", state, STATES)
    there = reader.trials()
    rows = [row for row in there if (not tasks or row["task"] in tasks) and (state is None or row["state"] == state)]
    if pareto:
        rows = [row for task in known for row in pareto_front(row for row in rows if row["task"] == task)]
    if best is not None:
        if best < 1:
            raise ValueError(f"--best must be at least 1, got {best}")
        rows = [row for task in known for row in _best(rows, task, best)]
    if as_json or as_csv:
        show([dated(row) for row in rows], title="", as_json=as_json, as_csv=as_csv, output="trials")
    else:
        _table(rows, reader.at_work_since(), len(there))


def _best(rows: list[dict[str, Any]], task: str, count: int) -> list[dict[str, Any]]:
    own = [row for row in rows if row["task"] == task and row["score"] is not None]
    return sorted(own, key=lambda row: -row["score"])[:count]


def _table(rows: list[dict[str, Any]], since: float, count: int) -> None:
    """`since`: when the driver that is at work began; `count`: of all trials of the run."""
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
        going = f"rung {row['rung']}" if row["started"] >= since else "interrupted"
        state = going if row["state"] == "running" else row["state"]
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
    none = f"none of {counted(count, 'trial')} is as asked for" if count else "no trials yet"
    console().print(table if rows else none)


def findings(run: RunFolder, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """Say what the sweep concludes for each task: what the layers became, with intervals, beside untrained copies."""
    from itnas.run import Run

    exclude(json=as_json, csv=as_csv)
    found = Run(run)
    if as_json or as_csv:
        show(all_findings(found), title="", as_json=as_json, as_csv=as_csv)
    else:
        print_findings(found)
