"""What is plotted: a kernel, the fidelity of every replacement by budget, the state by length.

Backgrounds are left open, and what has the page's own colours, text and grids, is coloured by its style sheet.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from itnas.figures.explanation.info import LOWEST, Explained, Line, Panel, Picture
from itnas.figures.palette import MUTED, SIGNS
from itnas.figures.theme import LINES

if TYPE_CHECKING:
    import plotly.graph_objects as go

# Each keeps its colour from page to page; others follow.
KNOWN = ("convolution", "recurrence", "attention", "local", "dense", "positional", "pointwise")
# Lengths of strokes and gaps, as SVG has them.
STROKES = ("", "6 3", "2 3", "6 3 2 3", "11 4", "11 4 2 4")


class Style(NamedTuple):
    colour: str
    strokes: str


def styles(info: Explained) -> dict[str, Style]:
    """How each family's line looks, the same in all panels."""
    return looks_of(line.family for network in info.networks for panel in network.panels for line in panel.lines)


def looks_of(families: Iterable[str]) -> dict[str, Style]:
    """The known ones first, so that they always look the same."""
    return {
        family: Style(LINES[number % len(LINES)], STROKES[number % len(STROKES)])
        for number, family in enumerate(dict.fromkeys([*KNOWN, *families]))
    }


def kernel_plot(picture: Picture, shown: Sequence[int]) -> go.Figure:
    """Rows are the points that look, columns those looked at; colours are centred on zero."""
    heatmap = {
        "type": "heatmap",
        "z": picture.kernel,
        "x": shown,
        "y": shown,
        "zmin": -picture.limit,
        "zmax": picture.limit,
        "colorscale": SIGNS,
        "showscale": False,
        "hovertemplate": "from point %{x} to point %{y}: %{z:.3g}<extra></extra>",
    }
    axis = {"nticks": 4, "showgrid": False, "zeroline": False, "showline": True, "mirror": True, "linecolor": MUTED}
    # The same on both sides together, so that a square box holds a square picture.
    return _figure([heatmap], axis, {**axis, "autorange": "reversed"}, {"l": 30, "r": 6, "t": 8, "b": 28})


def fidelity_plot(lines: Sequence[Line], looks: dict[str, Style], enough: float) -> go.Figure:
    """Families with a budget as curves, others as levels; a diamond marks the smallest budget that suffices."""
    most = max((budget for line in lines if line.budgeted for budget in line.budgets), default=1)
    traces = [_curve(line, looks[line.family], most) for line in lines]
    traces += [_needed(line, looks[line.family].colour) for line in lines if line.budgeted and line.needed is not None]
    level = {"color": MUTED, "dash": "2px,2px", "width": 1}
    traces.append({"type": "scatter", "x": [_place(0), most], "y": [enough] * 2, "mode": "lines", "line": level,
                   "hoverinfo": "skip"})  # fmt: skip
    ticks = [0, *(2**power for power in range(0, max(most, 1).bit_length(), 2 if most > 64 else 1))]
    top = max([1.0, *(value for line in lines for value in line.values)])
    x = {
        "type": "log",
        "title": "budget",
        "tickvals": [_place(tick) for tick in ticks],
        "ticktext": [str(tick) for tick in ticks],
        "range": [math.log10(0.4), math.log10(max(most, 2) * 1.4)],
    }
    y = {"title": "fidelity", "range": [LOWEST - 0.1, top + 0.1], "tickvals": [0, 0.5, enough], "zeroline": False}
    return _figure(traces, x, y, {"l": 48, "r": 8, "t": 8, "b": 42})


def _curve(line: Line, look: Style, most: int) -> dict[str, Any]:
    budgets = [_place(budget) for budget in line.budgets] if line.budgeted else [_place(0), float(most)]
    repeated = 1 if line.budgeted else 2
    return {
        "type": "scatter",
        "x": budgets,
        "y": line.values * repeated,
        "mode": "lines+markers" if line.budgeted else "lines",
        "line": {"color": look.colour, "dash": look.strokes.replace(" ", "px,") + "px" if look.strokes else "solid",
                 "width": 1.8},
        "marker": {"size": 5},
        "customdata": line.told * repeated,
        "hovertemplate": f"{html.escape(line.family)}: %{{customdata}}<extra></extra>",
        "name": line.family,
    }  # fmt: skip


def _needed(line: Line, colour: str) -> dict[str, Any]:
    assert line.needed is not None
    return {
        "type": "scatter",
        "x": [_place(line.needed)],
        "y": [line.values[line.budgets.index(line.needed)]],
        "mode": "markers",
        "marker": {"symbol": "diamond-open", "size": 12, "color": colour, "line": {"width": 2}},
        "hoverinfo": "skip",
    }


def _place(budget: int) -> float:
    """Where a budget stands on a logarithmic axis, which has no zero."""
    return max(float(budget), 0.5)


def state_plot(panel: Panel) -> go.Figure:
    """What no state sufficed for stands above the rest, as an arrow."""
    top = max([each for each in panel.states if each is not None], default=1)
    found = [top * 1.2 + 0.5 if each is None else float(each) for each in panel.states]
    trace = {
        "type": "scatter",
        "x": [str(length) for length in panel.lengths],
        "y": found,
        "mode": "lines+markers+text",
        "line": {"color": MUTED, "width": 1.5},
        "marker": {"size": 8, "symbol": ["triangle-up" if each is None else "circle" for each in panel.states]},
        "text": ["more" if each is None else str(each) for each in panel.states],
        "textposition": "top center",
        "hovertemplate": "%{x} points: state %{text}<extra></extra>",
        "cliponaxis": False,
    }
    y = {"title": "state, numbers per head", "range": [0, max(found) * 1.3 + 0.5], "dtick": max(1, -(-top // 4))}
    return _figure([trace], {"type": "category", "title": "points"}, y, {"l": 48, "r": 16, "t": 8, "b": 42})


def _figure(
    traces: Iterable[dict[str, Any]], x: dict[str, Any], y: dict[str, Any], margin: dict[str, int]
) -> go.Figure:
    """A plot as wide and high as its place in the page; dragging on it scrolls the page."""
    import plotly.graph_objects as go

    axes = {}
    for name, axis in (("xaxis", x), ("yaxis", y)):
        title = {"title": {"text": axis["title"], "font": {"size": 12}, "standoff": 6}} if "title" in axis else {}
        axes[name] = {"fixedrange": True, "gridcolor": MUTED, "tickfont": {"size": 10}, **axis, **title}
    clear = "rgba(0, 0, 0, 0)"
    return go.Figure(
        data=list(traces),
        layout={
            **axes,
            "autosize": True,
            "dragmode": False,
            "font": {"family": "system-ui, sans-serif"},
            "margin": margin,
            "paper_bgcolor": clear,
            "plot_bgcolor": clear,
            "showlegend": False,
            "template": "none",
        },
    )
