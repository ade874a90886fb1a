"""What a page says instead of showing something else, where an address asks for what is not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dash import html

from itnas.dashboard.choices import Choices
from itnas.dashboard.parts import Part, go
from itnas.dashboard.view import RunView

OF_TRIALS = ("trial", "kernels")  # the pages that are of one trial
MOST_LINKS = 20


def no_run(views: Mapping[str, RunView], page: str, choices: Choices) -> list[Part]:
    links = [go(name, page, Choices({"run": name})) for name in views]
    return [_said(f"No run of the name {choices['run']} is shown here. There is:", links)]


def absent(view: RunView, page: str, choices: Choices) -> list[Part]:
    """Nothing where all that was asked for is there."""
    run = Choices({"run": choices["run"]})
    if page in OF_TRIALS and choices["trial"] and choices.number("trial") not in view.follower:
        return [_no_trial(view, page, choices, run)]
    if choices["task"] and not view.has_task(choices):
        links = [go(task, page, run.but(task=task)) for task in view.tasks]
        return [_said(f"The run {view.name} has no task {choices['task']}. There is:", links)]
    return []


def _no_trial(view: RunView, page: str, choices: Choices, run: Choices) -> Part:
    numbers = view.trials()["number"]
    there = f"there are {numbers.min()} to {numbers.max()}" if len(numbers) else "it holds none yet"
    own = run.but(task=view.task(choices))
    best = view.best_trial(view.task(choices))
    links = [] if best is None else [go(f"trial {best}, the best on {view.task(choices)}", page, own.but(trial=best))]
    links.append(go("all trials", "trials", own))
    return _said(f"The run {view.name} has no trial {choices['trial']}: {there}. There is:", links)


def _said(sentence: str, links: Sequence[Part]) -> Part:
    more = [html.Li("more in the list above")] if len(links) > MOST_LINKS else []
    ways = html.Ul([*map(html.Li, links[:MOST_LINKS]), *more])
    return html.Section([html.P(sentence, className="warning"), ways], className="card wide")
