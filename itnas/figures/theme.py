"""What all plots share. Backgrounds are left open, and text and grids take the page's colours (its style sheet says
which), so that one figure serves light and dark pages alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from itnas.figures.palette import COLOURS, GRID, INK, MUTED

if TYPE_CHECKING:
    import plotly.graph_objects as go

# On a dark page black would not be seen.
LINES = (*COLOURS[:-1], MUTED)
# Each family keeps its colour from page to page.
FAMILIES = ("convolution", "recurrence", "attention", "local", "dense", "positional", "pointwise", "mixed", "none")
ORIGINS = ("sampler", "random", "specialist")
# From worse to better, for people with any colour vision (cividis).
SCALE = ((0.0, "#00224e"), (0.25, "#434e6c"), (0.5, "#7d7c78"), (0.75, "#bcaf6f"), (1.0, "#fee838"))
CLEAR = "rgba(0, 0, 0, 0)"
FONT = "system-ui, sans-serif"


def family_colour(family: str) -> str:
    """The colour of a family; of what is none of them, grey."""
    place = FAMILIES.index(family) if family in FAMILIES[:6] else None
    return MUTED if place is None else LINES[place]


def origin_colour(origin: str) -> str:
    """Specialists, the random arm, the sampler's proposals."""
    return {"specialist": LINES[4], "random": LINES[3], "sampler": LINES[0]}.get(origin, MUTED)


def origin_symbol(origin: str) -> str:
    return {"specialist": "diamond", "random": "x"}.get(origin, "circle")


def figure(
    traces: Iterable[dict[str, Any]],
    *,
    x: dict[str, Any] | None = None,
    y: dict[str, Any] | None = None,
    **layout: Any,
) -> go.Figure:
    """A plot as wide and high as its place in the page; zoom and selection outlive new data. Titles of axes are plain
    texts."""
    import plotly.graph_objects as go

    axes = {}
    for name, axis in (("xaxis", x), ("yaxis", y)):
        if axis is not None:
            titled = {"title": {"text": axis["title"], "font": {"size": 12}, "standoff": 8}} if "title" in axis else {}
            axes[name] = {"gridcolor": GRID, "zeroline": False, "automargin": True, "tickfont": {"size": 11}}
            axes[name] |= axis | titled
    shared = {
        "autosize": True,
        "font": {"family": FONT, "size": 12, "color": INK},
        "margin": {"l": 48, "r": 12, "t": 16, "b": 40},
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "showlegend": False,
        "template": "none",
        "hoverlabel": {"font": {"family": FONT}, "align": "left"},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "uirevision": "kept",
    }
    # Plain dicts are checked by nobody twice: a figure of 10,000 points would take as long to check as to draw.
    return go.Figure({"data": list(traces), "layout": shared | axes | layout}, skip_invalid=False)


def nothing(why: str) -> go.Figure:
    """A plot of which there is nothing to show says so."""
    hidden = {"visible": False, "fixedrange": True}
    note = {"text": why, "x": 0.5, "y": 0.5, "xref": "paper", "yref": "paper", "showarrow": False}
    return figure((), x=hidden, y=hidden, annotations=[note | {"font": {"size": 13, "color": MUTED}}])
