"""A kernel, what a family makes of it, and what that leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from itnas.figures.kernels.entries import kept, labels, limit_of, some, square
from itnas.figures.kernels.heatmap import AXIS, HOVER, colours
from itnas.figures.text import plain
from itnas.figures.theme import figure, nothing

if TYPE_CHECKING:
    import plotly.graph_objects as go

SMALL = {"size": 10}
UPWARD = {"constraintoward": "top", "tickfont": SMALL}  # titles stand right above pictures
MARGIN = {"l": 32, "r": 12, "t": 28, "b": 28}
GAP = 0.05  # between pictures, of the whole width
UNITS = {"convolution": "offset", "local": "nearest point", "recurrence": "state"}


class Replaced(NamedTuple):
    """One head in one sample. `left`: the residual's share of the kernel's energy; `told`: that in words."""

    original: NDArray[Any]
    replaced: NDArray[Any]
    residual: NDArray[Any]
    points: NDArray[Any]
    limit: float
    left: float
    title: str
    told: str
    remark: str


def prepare(
    original: ArrayLike | None,
    replaced: ArrayLike | None,
    shown: ArrayLike | None = None,
    *,
    family: str,
    budget: int | None = None,
    enough: bool | None = None,
) -> Replaced:
    """Two kernels [n, n] of the same head and sample. `enough`: whether this budget keeps what is asked for."""
    own, other = square(original), square(replaced)
    if own.shape != other.shape:
        own = other = square(None)
    residual = own - other
    energy = float(np.square(own, dtype=np.float64).sum())
    lost = float(np.square(residual, dtype=np.float64).sum())
    left = lost / energy if energy > 0 else (0.0 if lost == 0 else float("inf"))
    rows, columns = kept(own.shape[0]), kept(own.shape[1])
    part = np.ix_(rows, columns)
    return Replaced(
        own[part],
        other[part],
        residual[part],
        labels(shown, own.shape[0])[rows],
        limit_of(own, other),
        left,
        _title(family, budget),
        _told(left, enough),
        some(len(rows), own.shape[0], "rows and columns, evenly spaced"),
    )


def _title(family: str, budget: int | None) -> str:
    unit = UNITS.get(family)
    if unit is None or budget is None:
        return plain(family)
    return f"{plain(family)}, {budget} {unit}{'' if budget == 1 else 's'}"


def _told(left: float, enough: bool | None) -> str:
    told = "" if enough is None else f"; {'enough' if enough else 'too little'} of what the layer does is kept"
    if left == 0:
        return f"nothing is left over{told}"
    if left < 0.001:
        return f"less than 0.1 % of the kernel's energy is left over{told}"
    if left > 1:
        return f"more is left over than there was: {min(left, 9.99):.1f} times its energy{told}"
    return f"{left:.1%} of the kernel's energy is left over{told}"


def draw(info: Replaced) -> go.Figure:
    """Three pictures side by side, which share one scale of colours."""
    if not info.original.size:
        return nothing("no replaced kernel is kept")
    pictures = (("the layer's own", info.original), (info.title, info.replaced), ("left over", info.residual))
    width = (1 - 2 * GAP) / 3
    traces: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    axes: dict[str, Any] = {}
    for number, (title, kernel) in enumerate(pictures):
        place = "" if number == 0 else str(number + 1)
        start = number * (width + GAP)
        traces.append({"type": "heatmap", "z": kernel, "x": info.points, "y": info.points, "xaxis": f"x{place}",
                       "yaxis": f"y{place}", "coloraxis": "coloraxis", "hovertemplate": HOVER})  # fmt: skip
        axes[f"xaxis{place}"] = AXIS | {"domain": [start, start + width], "anchor": f"y{place}", "tickfont": SMALL}
        axes[f"xaxis{place}"] |= {} if number == 0 else {"matches": "x"}
        # Zooming into one picture zooms into all of them.
        axes[f"yaxis{place}"] = AXIS | UPWARD | {"anchor": f"x{place}"} | (
            {"autorange": "reversed", "scaleanchor": "x"} if number == 0 else {"matches": "y", "showticklabels": False}
        )  # fmt: skip
        notes.append({"text": title, "x": start + width / 2, "y": 1, "xref": "paper", "yref": "paper",
                      "xanchor": "center", "yanchor": "bottom", "showarrow": False, "font": {"size": 12}})  # fmt: skip
    return figure(traces, coloraxis=colours(info.limit), annotations=notes, margin=MARGIN, **axes)
