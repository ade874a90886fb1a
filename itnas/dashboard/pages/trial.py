"""One trial: its genome, how it learned, what became of its layers, what went wrong, how to train it again."""

from __future__ import annotations

from typing import Any

from dash import html

from itnas.again import DERIVED, training_command
from itnas.dashboard.blocks import block
from itnas.dashboard.choices import Choices
from itnas.dashboard.parts import Part, button, go, number, pairs, place, score, seconds, table
from itnas.dashboard.parts import block as block_place
from itnas.dashboard.view import RunView
from itnas.files import document_text

MOST_LOG = 20_000


def trial(_view: RunView, _choices: Choices) -> list[Part]:
    return [
        block_place("about trial", wide=True),
        place("curves", "Learning curves", wide=True, note="A cross marks where a replica died.", height=460),
        block_place("verdicts", "What its layers became", wide=True),
        block_place("genome", "Genome"),
        block_place("again", "Train it again"),
        block_place("log", "Errors and logs", wide=True),
    ]


def _number(view: RunView, choices: Choices) -> int | None:
    return view.chosen_trial(choices)


def _nothing() -> list[Part]:
    return [html.P("No trial is complete yet.", className="empty")]


@block("about trial", "task", "trial")
def _about(view: RunView, choices: Choices) -> list[Part]:
    trial = _number(view, choices)
    if trial is None:
        return _nothing()
    row = view.trial(trial)
    confirmed = next((each for each in view.follower.confirmations() if each["trial"] == trial), None)
    own = choices.but(trial=trial, task=row["task"])
    facts: list[tuple[str, Part]] = [
        ("task", row["task"]),
        ("whose", row["name"] or row["origin"]),
        ("state", row["state"] + (f" at rung {row['rung']}" if row["state"] in ("pruned", "running") else "")),
        ("score (95 %)", score(row)),
        ("parameters", number(row["parameters"])),
        ("FLOPs per point", number(row["flops"])),
        ("learning rate", number(row["learning_rate"])),
        ("time", seconds(row["seconds"])),
        ("attempts", number(row["attempt"])),
        ("worker", row["worker"] or ""),
    ]
    if confirmed is not None:
        facts += [
            ("confirmed (95 %)", score(confirmed)),
            ("test score (95 %)", score(confirmed, "test_score")),
        ]
    parts: list[Part] = [html.H1(f"Trial {trial}"), html.Div(pairs(facts), className="facts")]
    if row["reason"]:
        parts.append(html.P(row["reason"], className="warning"))
    parts.append(
        html.P(
            [
                go("its kernels", "kernels", own),
                " · ",
                go("compare it", "compare", own.but(compare=_with(choices, trial))),
            ]
        )
    )
    return parts


def _with(choices: Choices, trial: int) -> str:
    return ",".join(str(each) for each in dict.fromkeys([*choices.numbers("compare"), trial]))


@block("verdicts", "task", "trial")
def _verdicts(view: RunView, choices: Choices) -> list[Part]:
    trial = _number(view, choices)
    rows = [] if trial is None else [row for row in view.layers_of(trial) if row["head"] is None]
    if not rows:
        return [html.P("It has not been examined: the best trials are, and all that are confirmed.", className="empty")]
    phase = "confirm" if any(row["phase"] == "confirm" for row in rows) else "search"
    layers = [row for row in rows if row["phase"] == phase]
    shown = [each for row in layers for each in (row, *(row | block for block in row.get("blocks", [])))]
    sentences: list[Part] = [
        html.P(row["sentence"], className="sentence") for row in shown if row["replica"] == shown[0]["replica"]
    ]
    header = ("network", "layer", "family", "fidelity (95 %)", "support", "state", "why", "untrained copies")
    note = "Support: offsets of a convolution, or points near by. State: numbers per head. More: than were tried."
    return [
        *sentences,
        html.P(note, className="note"),
        table(header, [_verdict(row) for row in shown], numbers=("support", "state")),
    ]


def _verdict(row: dict[str, Any]) -> list[Part]:
    low, high = row["fidelity_low"], row["fidelity_high"]
    # Runs of earlier versions tell the family's own, and not the replacement's that the interval is of.
    value = row.get("fidelity", row.get(f"fidelity_{row['family']}"))
    told = "" if value is None else f"{value:.2f}"
    return [
        f"replica {row['replica']}",
        str(row["layer"] + 1) + (f", {row['block']}" if row.get("block") else ""),
        row["family"],
        told + ("" if low is None or high is None else f" ({low:.2f}–{high:.2f})"),
        _budget(row, "support", "local" if row["family"] == "local" else "convolution"),
        _budget(row, "state_size", "recurrence"),
        row["reason"],
        ", ".join(row["untrained"]),
    ]


def _budget(row: dict[str, Any], name: str, replacement: str) -> str:
    """Nothing where it means nothing: the replacement was not tried, or there was nothing to keep."""
    if row[name] is not None:
        return number(row[name])
    tried = row.get(f"fidelity_{replacement}") is not None and row["family"] != "none"
    return "more" if tried else ""


@block("genome", "task", "trial")
def _genome(view: RunView, choices: Choices) -> list[Part]:
    trial = _number(view, choices)
    if trial is None:
        return _nothing()
    text = document_text(view.genome(trial).to_dict())
    buttons = html.Div(
        [
            button("Copy", {"data-copy": "genome-text"}),
            button("Download", {"data-save": "genome-text", "data-name": f"trial-{trial}.yaml"}),
        ],
        className="tools",
    )
    return [buttons, html.Pre(text, id="genome-text", tabIndex=0)]


@block("again", "task", "trial")
def _again(view: RunView, choices: Choices) -> list[Part]:
    """The same training, in a shell."""
    trial = _number(view, choices)
    if trial is None:
        return _nothing()
    row, settings = view.trial(trial), view.settings
    seeds = {each["seed"] for each in view.reader.replicas(trial=trial) if each["phase"] == "search"}
    # Before a trial has any: those that the first of its genome gets.
    first = DERIVED * settings["seed"]
    text = training_command(
        f"trial-{trial}.yaml", row["task"], seeds or range(first, first + settings["replicas"]), settings
    )
    return [
        html.P("Download the genome, then:"),
        html.Pre(text, id="again-text", tabIndex=0),
        button("Copy", {"data-copy": "again-text"}),
    ]


@block("log", "task", "trial")
def _log(view: RunView, choices: Choices) -> list[Part]:
    trial = _number(view, choices)
    logs = [] if trial is None else view.log(trial)
    if not logs:
        return [html.P("Nothing was logged.", className="empty")]
    parts: list[Part] = []
    for each in logs:
        text = each["text"]
        cut = "" if len(text) <= MOST_LOG else f"(the last {MOST_LOG:,} of {len(text):,} signs)\n"
        title = f"{each['phase']}, attempt {each['attempt']}"
        parts.append(html.Details([html.Summary(title), html.Pre(cut + text[-MOST_LOG:], tabIndex=0)]))
    return parts
