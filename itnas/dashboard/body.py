"""What a page holds: the menu, and its figures and blocks, drawn before it is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import html

from itnas.dashboard.absent import absent, no_run
from itnas.dashboard.blocks import BLOCKS, digest
from itnas.dashboard.choices import Choices
from itnas.dashboard.pages import PAGES, TITLES
from itnas.dashboard.panels import PANELS
from itnas.dashboard.parts import Part, control, go
from itnas.dashboard.view import RunView
from itnas.figures import sketch
from itnas.store import RunError
from itnas.store.lock import driven


def place_of(path: str, query: str) -> tuple[str, Choices]:
    """Which page an address means. One that means none means the first."""
    page = path.strip("/")
    return page if page in PAGES else "", Choices.of(query)


def view_of(views: Mapping[str, RunView], choices: Choices) -> RunView | None:
    """The run that was chosen, or the first; None where there is none of that name."""
    return views.get(choices["run"]) if choices["run"] else next(iter(views.values()))


def body(views: Mapping[str, RunView], page: str, choices: Choices) -> list[Part]:
    """The menu and the page, with all that is in it already drawn."""
    view = view_of(views, choices)
    if view is None:
        runs = [control("run", "run", [(name, name) for name in views], "")]
        return [_header(page, Choices(), runs, []), _main(page, no_run(views, page, choices))]
    parts = _laid_out(view, page, choices)
    for part in parts:
        fill(part, view, choices)
    return [_menu(views, view, page, choices), _main(page, parts)]


def _main(page: str, parts: list[Part]) -> Part:
    return html.Main(parts, className=f"page-{page or 'overview'}")


def _laid_out(view: RunView, page: str, choices: Choices) -> list[Part]:
    """A run that cannot be read any more leaves a sentence, and the menu."""
    try:
        return absent(view, page, choices) or PAGES[page](view, choices)
    except (RunError, OSError) as error:
        return [html.P(str(error), className="warning")]


def fill(part: Any, view: RunView, choices: Choices) -> None:
    """Draw the figures and tell the blocks of a page, so that it arrives whole."""
    for child in part._traverse() if hasattr(part, "_traverse") else ():
        own = getattr(child, "id", None)
        if not isinstance(own, dict):
            continue
        kind, name = own["kind"], own["name"]
        if kind == "figure":
            child.figure, remark = PANELS[name].drawn(view, choices)
            _sibling(part, "remark", name).children = remark
            place = _sibling(part, "sketch", name)
            if place is not None and (clouds := sketch.prepare(child.figure)):
                place.src = sketch.draw(clouds)
            _sibling(part, "seen", name).data = view.fingerprint(choices, PANELS[name].needs)
        elif kind == "block":
            child.children = BLOCKS[name].told(view, choices)
            _sibling(part, "told", name).data = [view.fingerprint(choices, BLOCKS[name].needs), digest(child.children)]


def _sibling(part: Any, kind: str, name: str) -> Any:
    wanted = {"kind": kind, "name": name}
    return next((each for each in part._traverse() if getattr(each, "id", None) == wanted), None)


def _menu(views: Mapping[str, RunView], view: RunView, page: str, choices: Choices) -> Part:
    """Links keep the run and the task, also where the task is that of a trial alone."""
    task = view.task(choices)
    known = not choices["task"] or view.has_task(choices)
    pickers = [control("task", "task", [(each, each) for each in view.tasks], task if known else "")]
    if len(views) > 1:
        pickers.insert(0, control("run", "run", [(name, name) for name in views], view.name))
    chosen = (choices["task"] or choices.number("trial") in view.follower) and known
    return _header(page, Choices({"run": choices["run"], "task": task if chosen else ""}), pickers, live(view))


def _header(page: str, kept: Choices, pickers: Sequence[Part], told: Sequence[Part]) -> Part:
    links = [html.Span(go(TITLES[name], name, kept), className="here" if name == page else "") for name in PAGES]
    return html.Header(
        [
            html.Span("itnas", className="brand"),
            html.Nav(links),
            html.Div([*pickers], className="tools"),
            html.Div([*told], id="live", className="live"),
            html.Button("◐", id="theme", type="button", title="light or dark (d)"),
            html.Button("?", id="help", type="button", title="keys (?)"),
        ]
    )


def live(view: RunView) -> list[Part]:
    """Whether there will be more."""
    if view.follower.gone:
        return [html.Span("gone", className="dot gone"), f"this run cannot be read any more: {view.follower.gone}"]
    at_work = driven(view.reader.folder)
    word = "running" if at_work else "at rest"
    return [html.Span(className=f"dot {'on' if at_work else 'off'}"), f"{view.name}: {word}"]
