"""Two to six trials side by side: what their genomes have in common, what differs, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import html

from itnas.dashboard.blocks import block
from itnas.dashboard.choices import Choices
from itnas.dashboard.differences import flattened, in_words
from itnas.dashboard.parts import Part, choose, go, number, score, table
from itnas.dashboard.parts import block as block_place
from itnas.dashboard.view import RunView
from itnas.figures.kernels import thumbnail
from itnas.store import RunError

if TYPE_CHECKING:
    from itnas.store.kernels import KernelFile

MOST = 6


def compare(_view: RunView, _choices: Choices) -> list[Part]:
    return [
        block_place("compared", "Side by side", wide=True),
        block_place("differences", "Where genomes differ", wide=True),
        block_place("tasks side by side", "Tasks side by side", wide=True),
    ]


def compared(view: RunView, choices: Choices) -> list[int]:
    """Those that were named; else the best trials of the task, one of each origin."""
    named = [number for number in choices.numbers("compare") if number in view.follower]
    if named:
        return named[:MOST]
    own = view.trials(view.task(choices))
    best = (view.best_of(of_origin) for _, of_origin in own.groupby("origin"))
    return sorted(number for number in best if number is not None)


@block("compared", "task", "compare")
def _compared(view: RunView, choices: Choices) -> list[Part]:
    numbers = compared(view, choices)
    missing = [str(number) for number in choices.numbers("compare") if number not in view.follower]
    told = [html.P(f"The run {view.name} has no trial {', '.join(missing)}.", className="warning")] if missing else []
    if not numbers:
        return [*told, html.P("No trial is complete yet.", className="empty")]
    rows = [view.trial(each) for each in numbers]
    tests = {each["trial"]: each for each in view.follower.confirmations()}
    lines: list[list[Part]] = [
        ["task", *(row["task"] for row in rows)],
        ["whose", *(row["name"] or row["origin"] for row in rows)],
        ["state", *(row["state"] for row in rows)],
        ["score (95 %)", *(score(row) for row in rows)],
        ["test score (95 %)", *(score(tests.get(each, {}), "test_score") for each in numbers)],
        ["parameters", *(number(row["parameters"]) for row in rows)],
        ["FLOPs per point", *(number(row["flops"]) for row in rows)],
        ["learning rate", *(number(row["learning_rate"]) for row in rows)],
        ["its layers", *(_families(view.layers_of(each)) for each in numbers)],
        ["kernels", *(_pictures(view, each) for each in numbers)],
        ["", *(_drop(numbers, each) for each in numbers)],
    ]
    header = ["", *(_link(each, choices) for each in numbers)]
    shown = table([str(part) if isinstance(part, str) else "" for part in header], lines)
    # Headers are links here.
    shown.children.children[0].children.children = [html.Th(part, scope="col") for part in header]
    note = f"Up to {MOST}; add more from the page of a trial, or by selecting them in the grid."
    return [*told, html.P(note, className="note"), shown]


def _link(number: int, choices: Choices) -> Part:
    return go(f"trial {number}", "trial", choices.but(trial=number))


def _drop(numbers: list[int], one: int) -> Part:
    left = ",".join(str(each) for each in numbers if each != one)
    return choose("leave out", compare=left) if left else ""


def _families(rows: list[dict[str, Any]]) -> str:
    """What each layer of the first network became."""
    own = [row for row in rows if row["head"] is None]
    first = [row for row in own if (row["phase"], row["replica"]) == (own[0]["phase"], own[0]["replica"])]
    return ", ".join(row["family"] for row in first)


def _pictures(view: RunView, trial: int) -> Part:
    """The first head of each layer; a file that cannot be read says so in its place."""
    try:
        return _thumbnails(view.kernels(trial))
    except (RunError, OSError) as error:
        return html.Span(str(error), className="remark")


def _thumbnails(file: KernelFile | None) -> Part:
    if file is None or not file.replicas():
        return ""
    replica, pictures = file.replicas()[0], []
    for layer in file.layers(replica):
        found = file.array(replica, layer, "averaged")
        if found is not None and len(found):
            pictures.append(html.Img(src=thumbnail.data_uri(found[0]), alt=f"kernel of layer {layer + 1}, head 1"))
    return html.Div(pictures, className="atlas")


@block("differences", "task", "compare")
def _differences(view: RunView, choices: Choices) -> list[Part]:
    numbers = compared(view, choices)
    if len(numbers) < 2:
        return [html.P("Name two trials to compare.", className="empty")]
    genomes = {each: flattened(view.genome(each).to_dict()) for each in numbers}
    first, *others = numbers
    parts: list[Part] = [
        html.P(line) for other in others for line in in_words(first, genomes[first], other, genomes[other])
    ]
    names = list(dict.fromkeys(name for own in genomes.values() for name in own))
    differing = [name for name in names if len({own.get(name) for own in genomes.values()}) > 1]
    rows: list[list[Part]] = [[name, *(genomes[each].get(name, "–") for each in numbers)] for name in differing]
    return [*parts, table(["gene", *(f"trial {each}" for each in numbers)], rows, empty="The genomes are the same.")]


@block("tasks side by side")
def _tasks(view: RunView, choices: Choices) -> list[Part]:
    """What each task's best became."""
    rows: list[list[Part]] = []
    for row in view.summary()["tasks"]:
        own = choices.but(task=row["task"], trial="", compare="")
        best = row["best_trial"]
        rows.append(
            [
                go(row["task"], "compare", own),
                "" if best is None else go(f"trial {best}", "trial", own.but(trial=best)),
                score(row),
                ", ".join(row["verdict"]),
                "" if best is None else _pictures(view, best),
            ]
        )
    return [table(("task", "best trial", "score (95 %)", "its layers", "kernels"), rows)]
