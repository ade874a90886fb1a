"""The report of a search: how it was done, what it found, how sure that is. It prints well."""

from __future__ import annotations

from typing import Any

from dash import html

from itnas.dashboard.blocks import block
from itnas.dashboard.choices import Choices
from itnas.dashboard.parts import Part, fixed, go, number, pairs, place, score, seconds, table
from itnas.dashboard.parts import block as block_place
from itnas.dashboard.view import RunView
from itnas.figures.emergence import height as emergence_height
from itnas.shown import counted, moment

# A family that did not emerge is told of from this share of networks on.
WORTH_TELLING = 0.25


def findings(view: RunView, _choices: Choices) -> list[Part]:
    return [
        block_place("sentences", "Findings", wide=True),
        place("emergence", "What emerged", wide=True, height=emergence_height(len(view.tasks))),
        block_place("became", "What the layers became", wide=True),
        block_place("how well", "How well", wide=True),
        block_place("early", "What early scores told", wide=True),
        block_place("protocol", "Protocol", wide=True),
        block_place("counted", "What was tried, and what failed", wide=True),
    ]


@block("sentences")
def _sentences(view: RunView, _choices: Choices) -> list[Part]:
    """For each task what emerged, and what most networks became as untrained copies do."""
    lines: list[Part] = []
    for task in view.tasks:
        rows = [row for row in view.finding_rows() if row["task"] == task and row["family"] is not None]
        sentence = told(rows) if rows else "no network has been examined yet"
        lines.append(html.Li([html.Strong(task), f": {sentence}."]))
    return [html.Ul(lines)]


def told(rows: list[dict[str, Any]]) -> str:
    """The findings of one task that hold of any layer, in a sentence."""
    anywhere = [row for row in rows if row["layer"] is None]
    if all(row["emerged"] is None for row in rows):
        return "; ".join(["no untrained copies have been looked at yet", *(f"{_shown(row)})" for row in anywhere)])
    emerged = [row for row in anywhere if row["emerged"]]
    shown_too = [row for row in anywhere if not row["emerged"] and row["share"] >= WORTH_TELLING]
    parts = [_all(emerged) or "nothing emerged that untrained copies do not show"]
    if shown_too:
        parts.append(f"as untrained copies do, or nearly: {_all(shown_too)}")
    return "; ".join(parts)


def _all(rows: list[dict[str, Any]]) -> str:
    return "; ".join(
        f"{_shown(row)}; emerged in {round(row['emerged'] * row['networks'])}; untrained {fixed(row['null'], 2)})"
        for row in rows
    )


def _shown(row: dict[str, Any]) -> str:
    """How many networks show it; the bracket stays open for what is known beyond that."""
    return (
        f"{row['family']} in {row['count']} of {row['networks']} networks (95 %: {row['low']:.2f} to {row['high']:.2f}"
    )


@block("became")
def _became(view: RunView, _choices: Choices) -> list[Part]:
    rows = [[row["task"], *_shares(row)] for row in view.finding_rows() if row["family"] is not None]
    blocks = [[row["task"], row["block"], *_shares(row)] for row in view.block_finding_rows()]
    header = ("layer", "family", "networks", "genomes", "95 %", "emerged", "untrained", "p")
    note = (
        "Intervals are Wilson's, with genomes as clusters. Emerged: no untrained copy shows the family or "
        "comes near it. p: the chance of such a share if training changed nothing, corrected for the number of "
        "families or layers. Nothing stands there where no untrained copies were looked at."
    )
    right = ("genomes", "emerged", "untrained", "p")
    empty = "No network has been examined."
    found: list[Part] = [html.P(note, className="note"), table(("task", *header), rows, numbers=right, empty=empty)]
    if blocks:
        about = (
            "Where points are of several kinds, what they take from others of their kind and from each other kind, the "
            "rest of the layer staying as it is: image -> question is what the question takes from the image."
        )
        found += [html.P(about, className="note"), table(("task", "block", *header), blocks, numbers=right)]
    return found


def _shares(row: dict[str, Any]) -> list[Part]:
    return [
        "any" if row["layer"] is None else str(row["layer"] + 1),
        row["family"],
        f"{row['count']} of {row['networks']}",
        str(row["genomes"]),
        f"{row['low']:.2f}–{row['high']:.2f}",
        "" if row["emerged"] is None else f"{row['emerged']:.0%}",
        "" if row["null"] is None else f"{row['null']:.2f}",
        "" if row["p"] is None else f"{row['p']:.2g}",
    ]


@block("how well")
def _how_well(view: RunView, choices: Choices) -> list[Part]:
    """The best genome and the best specialist, with test scores where they were confirmed; the search beside chance."""
    rows: list[list[Part]] = []
    for row in {row["task"]: row for row in view.finding_rows()}.values():
        best, test = row["best_trial"], {"test_score": row["test_score"], "test_low": row["test_low"],
                                         "test_high": row["test_high"]}  # fmt: skip
        rows.append(
            [
                row["task"],
                "" if best is None else go(f"trial {best}", "trial", choices.but(task=row["task"], trial=best)),
                score(row),
                score(test, "test_score"),
                row["specialist"] or "",
                score({"score": row["specialist_score"]}),
                score({"score": row["specialist_test_score"]}),
                _beside_chance(row),
            ]
        )
    header = (
        "task", "best genome", "score (95 %)", "test (95 %)", "specialist", "its score", "its test",
        "sampled / at random",
    )  # fmt: skip
    return [table(header, rows, numbers=("its score", "its test"))]


def _beside_chance(row: dict[str, Any]) -> str:
    """The best of as many of both."""
    if not row["equal_trials"]:
        return ""
    sampled, random = (score({"score": row[name]}) or "none" for name in ("sampler_score", "random_score"))
    return f"{sampled} / {random} (best of {row['equal_trials']})"


@block("early")
def _early(view: RunView, _choices: Choices) -> list[Part]:
    rows = list({row["task"]: row for row in view.finding_rows()}.values())
    most = max((len(row["rung_correlations"]) for row in rows), default=0)
    header = ["task", *(f"rung {each + 1}" for each in range(most)), "trials"]
    lines: list[list[Part]] = []
    for row in rows:
        cells = [fixed(each, 2) for each in row["rung_correlations"]]
        lines.append([row["task"], *cells, *[""] * (most - len(cells)), str(row["rung_trials"])])
    note = "Rank correlation of a rung's scores with the final ones, over trials that nothing could stop early."
    return [html.P(note, className="note"), table(header, lines, numbers=header[1:])]


@block("protocol")
def _protocol(view: RunView, _choices: Choices) -> list[Part]:
    """All that it takes to do it again."""
    sweep = view.reader.sweep()
    settings, machine = sweep["settings"], sweep.get("machine") or {}
    steps = settings.get("steps") or "each task's own"
    facts: list[tuple[str, Part]] = [
        ("space", sweep["space"]["name"]),
        ("trials per task", number(settings["trials"])),
        ("replicas", f"{counted(settings['replicas'], 'seed')} for each learning rate"),
        ("steps", str(steps)),
        ("length", str(settings.get("length") or "each task's own")),
        ("seed", str(settings["seed"])),
        ("sampler", f"{settings['sampler']}, {settings['random_share']:.0%} at random"),
        ("objectives", ", ".join(settings["objectives"])),
        ("specialists", ", ".join(settings["specialists"]) or "none"),
        ("stopping early", f"{settings['pruner']}, {settings['rungs']} rungs"),
        ("confirmed", f"the best {settings['confirm']}, on {settings['confirm_replicas']} fresh seeds and on test"),
        ("untrained copies", str(settings["copies"])),
        ("begun", moment(sweep["created"])),
        ("time", seconds(sweep.get("seconds"))),
        ("machine", f"{machine.get('cpu', 'unknown')}, {machine.get('cores', '?')} cores, "
                    f"{', '.join(machine.get('gpus') or []) or 'no GPU'}"),
        ("versions", ", ".join(f"{name} {each}" for name, each in sweep["versions"].items())),
    ]  # fmt: skip
    return [html.Div(pairs(facts), className="facts")]


@block("counted")
def _counted(view: RunView, _choices: Choices) -> list[Part]:
    """Trials by state; reasons of failures, counted."""
    names = ("complete", "pruned", "failed", "infeasible", "running")
    rows: list[list[Part]] = [
        [row["task"], *(number(row[name]) for name in names), number(row["confirmed"])]
        for row in view.summary()["tasks"]
    ]
    reasons = view.reader.rows(
        "SELECT state, reason, count(*) AS n FROM trials WHERE state IN ('failed', 'infeasible') "
        "GROUP BY state, reason ORDER BY n DESC LIMIT 12"
    )
    told: list[list[Part]] = [[row["reason"], row["state"], number(row["n"])] for row in reasons]
    return [
        table(("task", *names, "confirmed"), rows, numbers=(*names, "confirmed")),
        *([table(("reason", "state", "trials"), told, numbers=("trials",))] if told else []),
    ]
