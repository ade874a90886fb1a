"""What emerged, and how the sweep stands."""

from __future__ import annotations

from typing import Any

from dash import html

from itnas.dashboard.blocks import block
from itnas.dashboard.choices import Choices
from itnas.dashboard.parts import Part, go, number, pairs, place, score, seconds, table
from itnas.dashboard.parts import block as block_place
from itnas.dashboard.view import RunView
from itnas.figures.emergence import height as emergence_height

TRIANGLE = 440  # pixels; the map beside it is no lower


def overview(view: RunView, _choices: Choices) -> list[Part]:
    return [
        block_place("standing", wide=True),
        place(
            "emergence",
            "What emerged",
            height=max(emergence_height(len(view.tasks)), TRIANGLE),
            note="The family that most networks' layers became; the larger the square, the more of them. Filled: "
            "in at least half of these it emerged: no untrained copy shows it or comes near. Hollow also where no "
            "untrained copies were looked at yet.",
        ),
        place(
            "triangle",
            "Convolution, attention, recurrence",
            height=TRIANGLE,
            note="Each examined layer stands nearest to what can stand in for it. Fidelities, scaled to add up to 1.",
        ),
        block_place("tasks", "Tasks", wide=True),
        block_place("failures", "Failures"),
        block_place("running", "Running now"),
    ]


@block("standing")
def _standing(view: RunView, choices: Choices) -> list[Part]:
    found = view.summary()
    asked = sum(row["asked"] for row in found["tasks"])
    ended = sum(row["ended"] for row in found["tasks"])
    failed = sum(row["failed"] for row in found["tasks"])
    left = found["seconds_left"]
    rows: list[tuple[str, Part]] = [
        ("space", found["space"]),
        ("state", f"{found['state']}, driven by {found['driver']}" if found["driver"] else found["state"]),
        ("trials", f"{ended:,} of {asked:,} ended"),
        ("failed", go(f"{failed:,}", "trials", choices.but(only="failed"))),
        ("confirmed", number(sum(row["confirmed"] for row in found["tasks"]))),
        ("time", seconds(found["seconds"]) + (f", about {seconds(left)} left" if left is not None else "")),
    ]
    return [html.Progress(value=str(ended), max=str(max(asked, 1))), html.Div(pairs(rows), className="facts")]


@block("tasks")
def _tasks(view: RunView, choices: Choices) -> list[Part]:
    """The best of each task, beside the best specialist."""
    rows = [_task(row, choices) for row in view.summary()["tasks"]]
    header = ("task", "trials", "best trial", "score (95 %)", "its layers", "best specialist", "its score")
    return [table(header, rows, numbers=("trials", "its score"))]


def _task(row: dict[str, Any], choices: Choices) -> list[Part]:
    own = choices.but(task=row["task"], trial="")
    best = row["best_trial"]
    return [
        go(row["task"], "search", own),
        f"{row['ended']:,} / {row['asked']:,}",
        "" if best is None else go(str(best), "trial", own.but(trial=best)),
        score(row),
        ", ".join(row["verdict"]),
        row["specialist"] or "",
        score({"score": row["specialist_score"]}),
    ]


@block("failures")
def _failures(view: RunView, choices: Choices) -> list[Part]:
    rows: list[list[Part]] = [
        [
            _trial(row, choices),
            row["task"],
            row["reason"] if row["phase"] == "search" else f"confirmation: {row['reason']}",
        ]
        for row in view.summary()["failures"]
    ]
    return [table(("trial", "task", "reason"), rows, empty="No trial has failed.")]


@block("running")
def _running(view: RunView, choices: Choices) -> list[Part]:
    found = view.summary()
    begun = [(row, "") for row in found["running"]] + [(row, "interrupted, ") for row in found["interrupted"]]
    rows: list[list[Part]] = [
        [
            _trial(row, choices),
            row["task"],
            row["name"] or row["origin"],
            state + ("confirmation" if row["phase"] == "confirm" else f"rung {row['rung']}"),
        ]
        for row, state in begun[:20]
    ]
    return [table(("trial", "task", "whose", "at"), rows, empty="Nothing runs.")]


def _trial(row: dict[str, Any], choices: Choices) -> Part:
    return go(str(row["trial"]), "trial", choices.but(task=row["task"], trial=row["trial"]))
