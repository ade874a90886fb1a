"""`itnas status`, `itnas trials`, `itnas findings`: what a run holds, also while it runs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from itnas.cli.listing import AsCsv, AsJson, plain_console, show
from itnas.cli.sweep_view import interval, picture

if TYPE_CHECKING:
    from rich.table import Table

    from itnas.run import Run

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
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List the trials of a run."""
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

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in ("trial", "task", "origin", "state", "score (95 %)", "parameters", "seconds"):
        right = name in ("trial", "parameters", "seconds")
        table.add_column(name, justify="right" if right else "left", overflow="fold", no_wrap=name != "task")
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
        show(found.finding_rows(), title="", as_json=as_json, as_csv=as_csv)
    else:
        print_findings(found)


def print_findings(run: Run) -> None:
    """The findings for people: what emerged in each task, then how well that works."""

    console, rows = plain_console(), run.finding_rows()
    console.print(_emerged(rows))
    console.print()
    console.print(_scores(rows))
    console.print(f"in {run.folder}", highlight=False, soft_wrap=True)


def _emerged(rows: list[dict[str, Any]]) -> Table:
    """Families of some layer, whichever, then of each layer; a task's name stands at its first row."""
    names = ("task", "layer", "family", "networks", "95 %", "emerged", "untrained", "p")
    table = _plain("What the layers became", names)
    before = None
    for row in rows:
        task = row["task"] if row["task"] != before else ""
        before = row["task"]
        if row["family"] is None:
            table.add_row(task, "", "not examined")
            continue
        table.add_row(
            task,
            "any" if row["layer"] is None else str(row["layer"] + 1),
            row["family"],
            f"{row['count']} of {row['networks']}",
            f"{row['low']:.2f}-{row['high']:.2f}",
            f"{row['emerged']:.2f}",
            "" if row["null"] is None else f"{row['null']:.2f}",
            "" if row["p"] is None else f"{row['p']:.2g}",
        )
    return table


def _scores(rows: list[dict[str, Any]]) -> Table:
    """The best genome beside the best specialist, and the search beside chance."""
    table = _plain("How well", ("task", "whose", "score (95 %)", "test (95 %)"))
    for row in {row["task"]: row for row in rows}.values():
        told = [
            (
                None if row["best_trial"] is None else f"trial {row['best_trial']}",
                interval(row["score"], row["score_low"], row["score_high"]),
                interval(row["test_score"], row["test_low"], row["test_high"]),
            ),
            (
                row["specialist"],
                interval(row["specialist_score"], None, None),
                interval(row["specialist_test_score"], None, None),
            ),
        ]
        count = row["equal_trials"]
        for name, score in (("sampled", row["sampler_score"]), ("at random", row["random_score"])):
            told.append((f"best of {count} {name}" if score is not None else None, interval(score, None, None), ""))
        own = [each for each in told if each[0] is not None]
        for number, (whose, score, test) in enumerate(own):
            table.add_row(row["task"] if number == 0 else "", whose, score, test)
    return table


def _plain(title: str, names: tuple[str, ...]) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    for name in names:
        right = name in ("emerged", "untrained", "p")
        table.add_column(
            name,
            justify="right" if right else "left",
            overflow="fold",
            no_wrap=name != "task",
            min_width=12 if name == "task" else None,
        )
    return table
