"""A run as one HTML file that needs nothing else: the pages of the dashboard, one below the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from dash import html

from itnas.dashboard.body import fill
from itnas.dashboard.choices import Choices
from itnas.dashboard.grid import COLUMNS, chosen
from itnas.dashboard.markup import element, elements
from itnas.dashboard.pages import PAGES
from itnas.dashboard.parts import Part, number, score, table
from itnas.dashboard.view import RunView
from itnas.store import RunError

MOST_BYTES = 8_000_000
MOST_TASKS = 24  # that have sections of their own
MOST_ROWS = 500  # of the table of trials
SCORES = ("score", "score_low", "score_high")
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"


@dataclass(frozen=True)
class Section:
    """A page of the dashboard for one choice. `anchor`: what links in the file know it by."""

    anchor: str
    title: str
    page: str
    choices: Choices


def report(view: RunView) -> str:
    """The file. Where it would grow beyond 8 MB, sections of later tasks are left out, and it says so."""
    from plotly.offline import get_plotlyjs

    script = get_plotlyjs()
    room, left_out = MOST_BYTES - len(script.encode()) - 200_000, list[str]()
    sections = list(_sections(view))
    anchors = {section.anchor for section in sections}
    written: list[tuple[Section, str]] = []
    for section in sections:
        text = ElementTree.tostring(_drawn(section, view, anchors), encoding="unicode", method="html")
        if len(text.encode()) > room:
            left_out.append(section.title)
            continue
        room -= len(text.encode())
        written.append((section, text))
    menu = [element("a", [_short(section)], href=f"#{section.anchor}") for section, _ in written if _short(section)]
    remark = [element("p", [f"Left out, to keep this file small: {', '.join(left_out)}."])] if left_out else []
    head = _written(
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", **{"http-equiv": "Content-Security-Policy", "content": POLICY}),
        element("title", [f"{view.name}: itnas"]),
        element("style", [_asset("style.css")]),
    )
    header = _written(
        element(
            "header",
            [
                element("span", ["itnas"], **{"class": "brand"}),
                element("nav", menu),
                element("span", [view.name], **{"class": "live"}),
                element("button", ["◐"], id="theme", title="light or dark"),
            ],
        ),
        *remark,
    )
    body = "\n".join(text for _, text in written)
    tail = _written(element("script", [script]), element("script", [_asset("file/report.js")]))
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body class="file">{header}{body}{tail}</body></html>\n'
    )


def _short(section: Section) -> str:
    """In the menu a task stands for all that there is of it."""
    if section.page == "search":
        return section.choices["task"]
    return section.title if section.page in ("findings", "") else ""


def _written(*parts: Element) -> str:
    return "".join(ElementTree.tostring(part, encoding="unicode", method="html") for part in parts)


def _asset(name: str) -> str:
    return files("itnas.dashboard").joinpath(name if "/" in name else f"assets/{name}").read_text(encoding="utf-8")


def _sections(view: RunView) -> Iterator[Section]:
    """Findings first, as those who get a file want the end; then task by task."""
    nothing = Choices()
    yield Section("findings", "Findings", "findings", nothing)
    yield Section("overview", "Overview", "", nothing)
    for place, task in enumerate(view.tasks[:MOST_TASKS]):
        own = nothing.but(task=task)
        yield Section(f"search-{place}", f"Search: {task}", "search", own)
        best = view.best_trial(task)
        if best is not None:
            if _has_kernels(view, best):
                yield Section(f"kernels-{best}", f"Kernels: trial {best}", "kernels", own.but(trial=best))
            yield Section(f"trial-{best}", f"Trial {best}", "trial", own.but(trial=best))
        yield Section(f"trials-{place}", f"Trials: {task}", "trials", own)


def _has_kernels(view: RunView, trial: int) -> bool:
    try:
        return view.kernels(trial) is not None
    except RunError:
        return False


def _drawn(section: Section, view: RunView, anchors: set[str]) -> Element:
    parts = _rows(view, section.choices) if section.page == "trials" else PAGES[section.page](view, section.choices)
    for part in parts:
        fill(part, view, section.choices)

    def link(address: str) -> str | None:
        return _anchor(address, view, anchors)

    inside = elements(parts, link)
    title = element("h1", [section.title], **{"class": "wide"})
    return element("main", [title, *inside], id=section.anchor)


def _anchor(address: str, view: RunView, anchors: set[str]) -> str | None:
    """Where an address of the dashboard is found in this file."""
    told = urlsplit(address)
    page, asked = told.path.strip("/"), {word: own[-1] for word, own in parse_qs(told.query).items()}
    found = page or "overview"
    if page in ("trial", "kernels"):
        found = f"{page}-{asked.get('trial', '')}"
    elif page in ("search", "trials") and asked.get("task") in view.tasks:
        found = f"{page}-{view.tasks.index(asked['task'])}"
    return f"#{found}" if found in anchors else None


def _rows(view: RunView, choices: Choices) -> list[Part]:
    """The trials of a task as a plain table, the best first where there are too many for all."""
    own = chosen(view, choices, ())
    shown = own.sort_values("score", ascending=False, kind="stable").head(MOST_ROWS)
    names = [name for name in COLUMNS if name not in ("worker", "attempt", "genome")]
    rows: list[list[Part]] = [
        [_cell(name, cell) for name, cell in zip(names, row, strict=True)]
        for row in shown[names].itertuples(index=False, name=None)
    ]
    header = [COLUMNS[name][0] for name in names]
    told = f"The best {MOST_ROWS} of {len(own):,} trials." if len(own) > MOST_ROWS else f"{len(own):,} trials."
    right = [COLUMNS[name][0] for name in names if COLUMNS[name][2] is not None]
    return [html.Section([html.P(told, className="note"), table(header, rows, numbers=right)], className="card wide")]


def _cell(name: str, cell: Any) -> str:
    if not isinstance(cell, (int, float)):
        return str(cell or "")
    return score({"score": cell}) if name in SCORES else number(cell)


def write_figures(view: RunView, folder: Path) -> list[Path]:
    """The figures of the findings as PNG and SVG, on white; what was written."""
    from itnas.dashboard.panels import PANELS
    from itnas.figures.write import write_pictures

    wanted = [("emergence", "emergence", Choices()), ("triangle", "triangle", Choices())]
    for place, task in enumerate(view.tasks[:MOST_TASKS]):
        stem = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in task).strip("-")[:40]
        wanted += [
            (name, f"{name}-{place + 1}-{stem}", Choices({"task": task}))
            for name in ("anytime", "pareto", "importance")
        ]
    found: dict[Path, Any] = {}
    for name, stem, choices in wanted:
        figure = PANELS[name].drawn(view, choices).figure
        if figure.data:
            figure.update_layout(paper_bgcolor="white", plot_bgcolor="white", font={"color": "#1b1f24"})
            found |= {folder / f"{stem}.{ending}": figure for ending in ("svg", "png")}
    folder.mkdir(parents=True, exist_ok=True)
    write_pictures(found)
    return list(found)
