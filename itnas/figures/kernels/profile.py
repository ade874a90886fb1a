"""A kernel by offset: its mean over samples and pairs of points, and how far they scatter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from itnas.figures.kernels.entries import finite, of_head, some
from itnas.figures.palette import MUTED
from itnas.figures.theme import CLEAR, LINES, figure, nothing

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST = 4001  # offsets that are drawn
DOTTED = 80  # offsets up to which each has a dot


class Profile(NamedTuple):
    """`places`: offsets i - j, distances, or numbers of classes of pairs; `axis` says which. `spread`: one standard
    deviation."""

    places: NDArray[Any]
    mean: NDArray[Any]
    spread: NDArray[Any]
    axis: str
    joined: bool  # whether neighbouring places are neighbours
    remark: str


def prepare(
    mean: ArrayLike | None, spread: ArrayLike | None, offsets: ArrayLike | None = None, *, head: int = 0
) -> Profile:
    """From `profile_mean` and `profile_sd` [H, classes] and `offsets` [classes], on grids [classes, axes]."""
    found = of_head(mean, head)
    around = of_head(spread, head)
    if found.ndim != 1:
        found = np.zeros(0, np.float32)
    around = np.abs(around) if around.shape == found.shape else np.zeros_like(found)
    places, axis, joined = _places(finite(offsets), len(found))
    order, said = _nearest(places, found, around)
    return Profile(places[order], found[order], around[order], axis, joined, "; ".join(filter(None, said)))


def _places(offsets: NDArray[Any], count: int) -> tuple[NDArray[Any], str, bool]:
    if offsets.shape == (count,):
        return offsets, "offset: points back", True
    if offsets.ndim == 2 and len(offsets) == count:
        size = np.sqrt(np.square(offsets.astype(np.float64)).sum(1))
        return size.astype(np.float32), "distance, in points", False
    return np.arange(count, dtype=np.float32), "class of pairs, from near to far", True


def _nearest(
    places: NDArray[Any], mean: NDArray[Any], spread: NDArray[Any]
) -> tuple[NDArray[np.intp], tuple[str, str]]:
    """Which places are drawn, in rising order: none ahead, where no point looks ahead, and not too many."""
    order = np.argsort(places, kind="stable")
    ahead, nonzero = places[order] < 0, (mean[order] != 0) | (spread[order] != 0)
    causal = bool(ahead.any() and nonzero.any() and not (ahead & nonzero).any())
    order = order[~ahead] if causal else order
    nearest = np.sort(np.argsort(np.abs(places[order]), kind="stable")[:MOST])
    drawn = order[nearest]
    return drawn, ("no point sees a later one" if causal else "", some(len(drawn), len(order), "offsets, the nearest"))


def draw(info: Profile) -> go.Figure:
    """The mean as a line, one standard deviation to both sides as a band."""
    if not len(info.places):
        return nothing("no profile is kept of this head")
    band = {
        "type": "scatter",
        "x": np.concatenate([info.places, info.places[::-1]]),
        "y": np.concatenate([info.mean + info.spread, (info.mean - info.spread)[::-1]]),
        "mode": "lines",
        "line": {"width": 0},
        "fill": "toself",
        "fillcolor": "rgba(0, 114, 178, 0.2)",
        "hoverinfo": "skip",
    }
    dotted = "lines+markers" if len(info.places) <= DOTTED else "lines"
    line = {
        "type": "scatter",
        "x": info.places,
        "y": info.mean,
        "mode": dotted if info.joined else "markers",
        "line": {"color": LINES[0], "width": 1.8},
        "marker": {"size": 5, "color": LINES[0]},
        "customdata": info.spread,
        "hovertemplate": f"{info.axis.partition(':')[0]} %{{x}}: %{{y:.3g}} ± %{{customdata:.2g}}<extra></extra>",
    }
    if not info.joined:
        # Many offsets have the same length: a band between them would cross itself.
        bars = {"array": info.spread, "thickness": 1, "width": 0, "color": MUTED}
        line, band = line | {"error_y": bars}, {"type": "scatter", "x": [], "y": [], "hoverinfo": "skip"}
    zero = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 0, "y1": 0, "line": {"color": MUTED, "width": 1}}
    return figure([band, line], x={"title": info.axis, "gridcolor": CLEAR}, y={"title": "kernel"}, shapes=[zero])
