"""What frequencies the nearest convolution lets through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from itnas.figures.kernels.entries import finite, of_head, some
from itnas.figures.theme import LINES, figure, nothing

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST = 4001  # frequencies that are drawn
RINGS = 24  # of equal width, where there are several axes


class Spectrum(NamedTuple):
    """`frequencies` in cycles per point."""

    frequencies: NDArray[Any]
    sizes: NDArray[Any]
    remark: str


def prepare(spectrum: ArrayLike | None, *frequencies: ArrayLike | None, head: int = 0) -> Spectrum:
    """From `spectrum` [H, F] and `frequencies` [F]; on a grid [H, F_1, F_2, ...] and one array for each axis."""
    sizes = np.abs(of_head(spectrum, head))
    axes = [np.abs(finite(each)) for each in frequencies]
    if not sizes.size or sizes.shape != tuple(each.size for each in axes):
        return Spectrum(np.zeros(0, np.float32), np.zeros(0, np.float32), "")
    if len(axes) > 1:
        places, sizes = _rings(sizes, axes)
        return Spectrum(places, sizes, "mean over all directions")
    order = np.argsort(axes[0], kind="stable")
    drawn = order[np.linspace(0, len(order) - 1, min(len(order), MOST)).round().astype(np.intp)]
    return Spectrum(axes[0][drawn], sizes[drawn], some(len(drawn), len(order), "frequencies, evenly spaced"))


def _rings(sizes: NDArray[Any], axes: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Means over waves of about the same length, whatever their direction."""
    squares = np.zeros((1,) * len(axes))
    for axis, each in enumerate(axes):
        shape = [1] * len(axes)
        shape[axis] = -1
        squares = squares + np.square(each.astype(np.float64)).reshape(shape)
    along = np.sqrt(squares).ravel()
    ring = np.minimum((along / max(along.max(), 1e-30) * RINGS).astype(np.intp), RINGS - 1)
    counts = np.bincount(ring, minlength=RINGS)
    held = counts > 0
    means = [np.bincount(ring, each, RINGS)[held] / counts[held] for each in (along, sizes.ravel().astype(np.float64))]
    return means[0].astype(np.float32), means[1].astype(np.float32)


def draw(info: Spectrum) -> go.Figure:
    """Size by frequency: 0 is the mean of all points, 0.5 the fastest change there is."""
    if not len(info.frequencies):
        return nothing("no frequencies: points stand in no line or grid")
    trace = {
        "type": "scatter",
        "x": info.frequencies,
        "y": info.sizes,
        "mode": "lines+markers" if len(info.frequencies) <= 80 else "lines",
        "line": {"color": LINES[0], "width": 1.8},
        "marker": {"size": 4},
        "hovertemplate": "%{x:.3f} cycles per point: %{y:.3g}<extra></extra>",
    }
    return figure([trace], x={"title": "frequency, cycles per point"}, y={"title": "passes", "rangemode": "tozero"})
