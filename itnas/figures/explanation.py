"""What layers became: per layer its kernels, the fidelity of every replacement by budget, the state by length."""

from __future__ import annotations

import html
import math
import textwrap
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from itnas.figures.palette import COLOURS, DASHES, MUTED

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

LOWEST = -0.2  # fidelities below are drawn here: how much worse than nothing a replacement is does not matter
MOST_HEADS = 8
# Each keeps its colour from page to page; others follow.
KNOWN = ("convolution", "recurrence", "attention", "local", "dense", "positional", "pointwise")
MARKS = {"convolution": ("w*", "bottom right"), "local": ("w*", "bottom left"), "recurrence": ("r*", "top right")}
BOTTOM, LEFT, RIGHT = 20, 56, 16  # margins; that at the top depends on title and legend
NARROW = 430  # pixels between the margins of a narrow page
TEXT_LINE = 17
LINE = 68  # characters of text that fit beside each other on a narrow page


class Line(NamedTuple):
    """The fidelity of one family. Those without a budget have one value, which is drawn all along."""

    family: str
    budgeted: bool
    budgets: list[int]
    values: list[float]
    hover: list[str]
    needed: int | None


class Panel(NamedTuple):
    """One layer. `states`: None where more was needed than was tried."""

    heading: str
    sentence: str
    heads: list[tuple[str, NDArray[np.float32]]]
    shown: list[int]
    lines: list[Line]
    lengths: list[int]
    states: list[int | None]


class Explained(NamedTuple):
    title: str
    panels: list[Panel]
    enough: float


def prepare(
    layers: pd.DataFrame,
    curves: pd.DataFrame,
    states: pd.DataFrame,
    kernels: Sequence[NDArray[Any]],
    shown: Sequence[NDArray[Any]],
    *,
    title: str,
    enough: float,
) -> Explained:
    """`layers`: one row each with `heading`, `sentence` and `unit` (what one of its kernels [H, n, n] belongs to: head
    or channel). `curves` and `states`: long tables, whose `layer` is the row's number. `shown`: the points that rows
    and columns of kernels stand for. `enough`: the fidelity that is asked for."""
    panels = []
    for number, layer in enumerate(layers.to_dict("records")):
        own = states[states["layer"] == number].sort_values("length")
        panels.append(
            Panel(
                heading=str(layer["heading"]),
                sentence=str(layer["sentence"]),
                heads=_heads(kernels[number], str(layer["unit"])),
                shown=[int(each) for each in shown[number]],
                lines=_lines(curves[curves["layer"] == number]),
                lengths=own["length"].tolist(),
                states=[None if math.isnan(each) else int(each) for each in own["state"].astype(float)],
            )
        )
    return Explained(title, panels, enough)


def _heads(kernels: NDArray[Any], unit: str) -> list[tuple[str, NDArray[np.float32]]]:
    """The first few, each with what tells its scale."""
    found = []
    for number, kernel in enumerate(kernels[:MOST_HEADS], 1):
        of = f" of {len(kernels)}" if number == MOST_HEADS < len(kernels) else ""
        found.append((f"{unit} {number}{of}", np.nan_to_num(kernel).astype(np.float32)))
    return found


def _lines(curves: pd.DataFrame) -> list[Line]:
    found = []
    for family, own in curves[curves["value"].notna()].groupby("family", sort=False):
        own = own.sort_values("budget")
        needed = own["needed"].dropna()
        rows = zip(own["value"], own["low"], own["high"], strict=True)
        found.append(
            Line(
                family=str(family),
                budgeted=bool(own["budgeted"].iloc[0]),
                budgets=own["budget"].tolist(),
                values=[max(value, LOWEST) for value in own["value"]],
                hover=[f"{value:.3f} (95 %: {low:.3f} to {high:.3f})" for value, low, high in rows],
                needed=int(needed.iloc[0]) if len(needed) else None,
            )
        )
    return found


class Cell(NamedTuple):
    """A pair of axes, as traces name them."""

    x: str
    y: str


class Page:
    """Panels are added from the top down; heights are turned into shares of the page when it is finished."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.down = 0  # pixels that are used
        self.traces: list[dict[str, Any]] = []
        self.layout: dict[str, dict[str, Any]] = {}
        self.places: dict[str, tuple[int, int]] = {}  # of y axes: top and bottom in pixels
        self.notes: list[tuple[int, dict[str, Any]]] = []
        self.named: set[str] = set()

    def text(self, lines: Sequence[str]) -> None:
        """Lines across the page."""
        self.down += 12
        self._note({"text": "<br>".join(lines), "x": 0, "xanchor": "left", "xref": "paper", "align": "left"})
        self.down += TEXT_LINE * len(lines)

    def row(self, widths: Sequence[float], *, height: int, below: int, above: int = 12) -> list[Cell]:
        """Cells beside each other, in shares of the width, spread over all of it."""
        top = self.down + above
        gap = (1 - sum(widths)) / max(len(widths) - 1, 1)
        cells, left = [], 0.0
        for width in widths:
            number = len(self.places) + 1
            cell = Cell(f"x{number}", f"y{number}")
            domain = [min(left, 1.0), min(left + width, 1.0)]
            self.layout[f"xaxis{number}"] = {"domain": domain, "anchor": cell.y}
            self.layout[f"yaxis{number}"] = {"anchor": cell.x}
            self.places[f"yaxis{number}"] = (top, top + height)
            cells.append(cell)
            left += width + gap
        self.down = top + height + below
        return cells

    def add(self, cell: Cell, trace: dict[str, Any]) -> None:
        """A trace; each name stands in the legend once."""
        name = trace.get("name")
        if name is not None:
            trace = {"showlegend": name not in self.named} | trace
            self.named.add(name)
        self.traces.append(trace | {"xaxis": cell.x, "yaxis": cell.y})

    def axes(self, cell: Cell, x: dict[str, Any], y: dict[str, Any]) -> None:
        """How a cell's axes look."""
        for axis, settings in ((cell.x, x), (cell.y, y)):
            title = settings.get("title")
            named = {"title": {"text": title, "font": {"size": 12}, "standoff": 4}} if title else {}
            self.layout[f"{axis[0]}axis{axis[1:]}"] |= settings | named | {"tickfont": {"size": 10}}

    def caption(self, cell: Cell, text: str) -> None:
        """A line above a cell."""
        domain = self.layout[f"xaxis{cell.x[1:]}"]["domain"]
        top, _ = self.places[f"yaxis{cell.y[1:]}"]
        centre = {"x": sum(domain) / 2, "xanchor": "center", "xref": "paper", "text": text, "font": {"size": 11}}
        self.notes.append((top, {**centre, "yanchor": "bottom"}))

    def _note(self, note: dict[str, Any]) -> None:
        self.notes.append((self.down, {"font": {"size": 12}, **note, "yanchor": "top"}))

    def figure(self) -> go.Figure:
        import plotly.graph_objects as go

        height = max(self.down, 1)
        axes = {name: dict(settings) for name, settings in self.layout.items()}
        for name, (top, bottom) in self.places.items():
            axes[name]["domain"] = [max(0.0, 1 - bottom / height), 1 - top / height]
        notes = [{**note, "y": 1 - top / height, "yref": "paper", "showarrow": False} for top, note in self.notes]
        titled = 20 + 20 * (1 + self.title.count("<br>"))
        margin = titled + 22 * _legend_rows(self.named) + 10
        legend = {"orientation": "h", "x": 0, "xanchor": "left", "yref": "container", "yanchor": "top"}
        whole = height + margin + BOTTOM
        return go.Figure(
            data=self.traces,
            layout={
                **axes,
                "annotations": notes,
                "height": whole,
                "legend": {**legend, "y": 1 - titled / whole, "font": {"size": 11}},
                "title": {"text": self.title, "y": 1 - 12 / whole, "yref": "container", "yanchor": "top", "x": 0.02,
                          "font": {"size": 15}},
                "margin": {"t": margin, "b": BOTTOM, "l": LEFT, "r": RIGHT},
                "modebar": {"remove": ["zoom", "pan", "select", "lasso", "zoomin", "zoomout", "autoscale"]},
                "template": "plotly_white",
            },
        )  # fmt: skip


def _legend_rows(names: Collection[str]) -> int:
    """On a narrow page; every entry is as wide as the widest."""
    width = 44 + 7 * max(map(len, names), default=0)
    return -(-len(names) // max(1, NARROW // width))


def draw(info: Explained) -> go.Figure:
    """One band per layer: what it is called and became, its kernels, and below them its evidence."""
    page = Page(_wrapped(info.title, 46))
    families = list(dict.fromkeys([*KNOWN, *(line.family for panel in info.panels for line in panel.lines)]))
    for panel in info.panels:
        heading = [f"<b>{line}</b>" for line in _lines_of(panel.heading, LINE - 8)]
        page.text([*heading, *_lines_of(panel.sentence, LINE)])
        _draw_kernels(page, panel)
        # A layer that does nothing has no evidence to show.
        if panel.lines:
            cells = page.row((0.6, 0.26) if panel.lengths else (1.0,), height=190, below=54)
            _draw_lines(page, cells[0], panel.lines, families, info.enough)
            if panel.lengths:
                _draw_states(page, cells[1], panel)
    return page.figure()


def _lines_of(text: str, width: int) -> list[str]:
    return [html.escape(line, quote=False) for line in textwrap.wrap(text, width)] or [""]


def _wrapped(text: str, width: int) -> str:
    return "<br>".join(_lines_of(text, width))


def _draw_kernels(page: Page, panel: Panel) -> None:
    """Up to four beside each other, each on its own scale, which is centred on zero: red adds, blue takes away."""
    columns = min(len(panel.heads), 4)
    for start in range(0, len(panel.heads), columns or 1):
        cells = page.row((0.94 / columns,) * columns, height=190 if columns < 3 else 140, below=26, above=22)
        for cell, (title, kernel) in zip(cells, panel.heads[start : start + columns], strict=False):
            limit = _scale(kernel)
            page.add(
                cell,
                {
                    "type": "heatmap",
                    "z": kernel,
                    "x": panel.shown,
                    "y": panel.shown,
                    "zmin": -limit,
                    "zmax": limit,
                    "colorscale": "RdBu",
                    "reversescale": True,
                    "showscale": False,
                    "hovertemplate": "from point %{x} to point %{y}: %{z:.4g}<extra></extra>",
                },
            )
            page.caption(cell, f"{title} (±{limit:.2g})")
            plain = {"constrain": "domain", "nticks": 4, "showgrid": False, "zeroline": False}
            first = {"autorange": "reversed", "constraintoward": "top", "showticklabels": cell is cells[0]}
            page.axes(cell, plain, {**plain, **first, "scaleanchor": cell.x})


def _scale(kernel: NDArray[np.float32]) -> float:
    """What all but the largest hundredth of the entries stay within: the first row of a softmax is 1, and would pale
    the rest."""
    size = np.abs(kernel[kernel != 0])
    return float(max(np.quantile(size, 0.99), size.max() / 10)) if size.size else 1.0


def _draw_lines(page: Page, cell: Any, lines: Sequence[Line], families: list[str], enough: float) -> None:
    most = max((budget for line in lines if line.budgeted for budget in line.budgets), default=1)
    for line in lines:
        colour, dash = _style(families.index(line.family))
        budgets = [_place(budget) for budget in line.budgets]
        page.add(
            cell,
            {
                "type": "scatter",
                "x": budgets if line.budgeted else [_place(0), most],
                "y": line.values if line.budgeted else line.values[:1] * 2,
                "mode": "lines+markers" if line.budgeted else "lines",
                "line": {"color": colour, "dash": dash, "width": 1.8},
                "marker": {"size": 5},
                "customdata": line.hover if line.budgeted else line.hover[:1] * 2,
                "hovertemplate": f"{line.family}: %{{customdata}}<extra></extra>",
                "name": line.family,
                "legendgroup": line.family,
            },
        )
    for line in lines:
        if line.budgeted and line.needed is not None and line.needed in line.budgets:
            _mark(page, cell, line, _style(families.index(line.family))[0])
    level = {"color": MUTED, "dash": "dot", "width": 1}
    page.add(cell, {"type": "scatter", "x": [_place(0), most], "y": [enough] * 2, "mode": "lines", "line": level,
                    "hoverinfo": "skip", "showlegend": False})  # fmt: skip
    ticks = [0, *(2**power for power in range(0, max(most, 1).bit_length(), 2 if most > 64 else 1))]
    top = max([1.0, *(value for line in lines for value in line.values)])
    page.axes(
        cell,
        {
            "type": "log",
            "title": "budget",
            "tickvals": [_place(tick) for tick in ticks],
            "ticktext": [str(tick) for tick in ticks],
            "range": [math.log10(0.4), math.log10(max(most, 2) * 1.4)],
        },
        {"title": "fidelity", "range": [LOWEST - 0.12, top + 0.25], "tickvals": [0, 0.5, enough], "zeroline": False},
    )


def _mark(page: Page, cell: Any, line: Line, colour: str) -> None:
    """The smallest budget that suffices."""
    assert line.needed is not None
    name, where = MARKS.get(line.family, ("r*", "top left"))
    page.add(
        cell,
        {
            "type": "scatter",
            "x": [_place(line.needed)],
            "y": [line.values[line.budgets.index(line.needed)]],
            "mode": "markers+text",
            "marker": {"symbol": "diamond-open", "size": 11, "color": colour, "line": {"width": 2}},
            "text": [f"{name} {line.needed}"],
            "cliponaxis": False,
            "textposition": where,
            "textfont": {"color": colour, "size": 11},
            "hoverinfo": "skip",
            "showlegend": False,
            "legendgroup": line.family,
        },
    )


def _place(budget: int) -> float:
    """Where a budget stands on a logarithmic axis, which has no zero."""
    return max(float(budget), 0.5)


def _style(number: int) -> tuple[str, str]:
    return COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]


def _draw_states(page: Page, cell: Any, panel: Panel) -> None:
    """What no state sufficed for stands above the rest, as an arrow."""
    top = max([each for each in panel.states if each is not None], default=1)
    found = [top * 1.2 + 0.5 if each is None else each for each in panel.states]
    page.add(
        cell,
        {
            "type": "scatter",
            "x": [str(length) for length in panel.lengths],
            "y": found,
            "mode": "lines+markers+text",
            "line": {"color": "#000000", "width": 1.5},
            "marker": {"size": 8, "symbol": ["triangle-up" if each is None else "circle" for each in panel.states]},
            "text": ["more" if each is None else str(each) for each in panel.states],
            "textposition": "top center",
            "hovertemplate": "length %{x}: state %{text}<extra></extra>",
            "showlegend": False,
            "cliponaxis": False,
        },
    )
    page.axes(
        cell,
        {"type": "category", "title": "length"},
        {"title": "state needed", "range": [0, max(found) * 1.3 + 0.5], "dtick": max(1, -(-top // 4))},
    )
