"""The pieces that pages are put together from. Every text is a text: nothing here makes markup of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from itnas.dashboard.choices import Choices, handle
from itnas.figures.text import shortened
from itnas.shown import duration

Part = Component | str
HEIGHT = 320
CONFIG: Any = {"displaylogo": False, "responsive": True, "scrollZoom": False, "modeBarButtonsToRemove": ["toImage"]}


def panel(name: str) -> dict[str, str]:
    """What a place for a figure is called."""
    return {"kind": "figure", "name": name}


def place(
    name: str,
    title: str,
    *,
    wide: bool = False,
    note: str = "",
    height: int = HEIGHT,
    least: int = 0,
    sketched: bool = False,
) -> Component:
    """Where a figure goes (`panels.py` draws it), below its title. `height`, `least` width: of the plot, in pixels; in
    narrower cards it is moved sideways. `sketched`: until the browser can draw it, a picture of its points stands in.
    """
    graph = dcc.Graph(id=panel(name), config=CONFIG, className="plot", responsive=True)
    sketch = html.Img(id={"kind": "sketch", "name": name}, className="sketch", alt="")
    return html.Section(
        [
            html.H2(title),
            *([html.P(note, className="note")] if note else []),
            html.Div(
                [sketch, graph] if sketched else [graph],
                className="drawing broad" if least else "drawing",
                style={"--least": f"{least}px"},
            ),
            html.P(id={"kind": "remark", "name": name}, className="remark"),
            dcc.Store(id={"kind": "seen", "name": name}),
        ],
        className="card wide" if wide else "card",
        style={"--plot": f"{height}px"},
    )


def block(name: str, title: str | None = None, *, wide: bool = False) -> Component:
    """Where text and tables go that change while a sweep runs."""
    inside = [html.Div(id={"kind": "block", "name": name}), dcc.Store(id={"kind": "told", "name": name})]
    return html.Section([*([html.H2(title)] if title else []), *inside], className="card wide" if wide else "card")


def control(name: str, label: str, options: Sequence[tuple[str, str]], value: str) -> Component:
    """A list to choose from: (value, what is shown). Dash looks for every part of every text: long ones would keep a
    browser busy for seconds."""
    found = [{"value": handle(each), "label": shortened(shown, 60)} for each, shown in options]
    picker = dcc.Dropdown(
        found,
        value=handle(value) or None,
        id={"kind": "control", "name": name},
        clearable=False,
        searchable=len(found) > 8,
    )
    return html.Div([html.Label(label), picker], className="control")


def choose(text: Part, title: str = "", *, kind: str = "choose", **chosen: Any) -> Component:
    """A button that changes what the page shows."""
    return button(text, {f"data-choose-{word}": value for word, value in chosen.items()}, kind=kind, title=title)


def button(text: Part, data: Mapping[str, Any], *, kind: str = "", title: str = "") -> Component:
    """What it does is said by its data, which `page.js` reads."""
    own: dict[str, Any] = {name: str(value) for name, value in data.items()}
    return html.Button(text, className=kind, title=title, type="button", **own)


def go(text: Part, page: str, choices: Choices) -> Component:
    """A link to another page."""
    return dcc.Link(text, href=f"/{page}{choices.query()}")


def table(
    header: Sequence[str], rows: Sequence[Sequence[Part]], *, numbers: Sequence[str] = (), empty: str = ""
) -> Component:
    """The first column names the rows; `numbers` are set to the right."""
    if not rows:
        return html.P(empty, className="empty")
    kinds = ["number" if name in numbers else "" for name in header]
    head = html.Tr([html.Th(name, scope="col", className=kind) for name, kind in zip(header, kinds, strict=True)])
    body = [
        html.Tr(
            [html.Th(row[0], scope="row", className=kinds[0])]
            + [html.Td(cell, className=kind) for cell, kind in zip(row[1:], kinds[1:], strict=True)]
        )
        for row in rows
    ]
    return html.Div(html.Table([html.Thead(head), html.Tbody(body)]), className="scrolls", tabIndex=0)


def pairs(rows: Sequence[tuple[str, Part]]) -> Component:
    """Names and what they stand for."""
    return html.Dl([html.Div([html.Dt(name), html.Dd(told)]) for name, told in rows])


def number(value: Any, digits: int = 4) -> str:
    """As people read it; what is missing is empty."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if abs(value) >= 1_000 or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:.{digits}g}" if abs(value) < 1e-2 else f"{value:.{digits}f}"


def fixed(value: float | None, digits: int) -> str:
    """As many digits as all others of its table have."""
    return "" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def score(row: Mapping[str, Any], name: str = "score") -> str:
    """A score with its interval."""
    stem = name.removesuffix("score")
    value, low, high = (row.get(each) for each in (name, f"{stem}low" if stem else "score_low",
                                                   f"{stem}high" if stem else "score_high"))  # fmt: skip
    told = "" if value is None or math.isnan(value) else f"{value:.4f}" if math.isfinite(value) else number(value)
    known = told and low is not None and high is not None and not (math.isnan(low) or math.isnan(high))
    return f"{told} ({low:.3f}–{high:.3f})" if known else told


def seconds(value: float | None) -> str:
    """As `duration` says it; nothing where it is unknown."""
    return "" if value is None or not math.isfinite(value) else duration(value)
