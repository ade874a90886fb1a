"""How many directions a kernel has: its singular values, and what crosses each cut through it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from itnas.figures.kernels.entries import finite, some
from itnas.figures.palette import DASHES
from itnas.figures.theme import LINES, figure, nothing

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST_HEADS = 8
SMALLEST = 1e-7  # of the largest singular value: what is below is rounding


class Singular(NamedTuple):
    """`values` [H, n]: of each head's mean kernel, relative to its largest; NaN where they are rounding. `ranks`:
    exp of their entropy, 0 of a head without a kernel."""

    values: NDArray[Any]
    ranks: list[float]
    remark: str


class Crossing(NamedTuple):
    """`ranks` [H, cuts]: directions that hold 95 % of what crosses a cut, mean over samples."""

    cuts: NDArray[Any]
    ranks: NDArray[Any]
    remark: str


def prepare_singular(singular: ArrayLike | None, averaged: ArrayLike | None = None) -> Singular:
    """From `singular` [H, n]; where a file has none, from the mean kernels [H, n, n]."""
    found = np.abs(finite(singular))
    whole = finite(averaged)
    if found.ndim != 2 and whole.ndim == 3 and whole.size:
        found = finite(np.linalg.svd(whole[:MOST_HEADS].astype(np.float64), compute_uv=False))
        found = np.concatenate([found, np.zeros((max(0, len(whole) - MOST_HEADS), found.shape[1]), np.float32)])
    if found.ndim != 2 or not found.size:
        return Singular(np.zeros((0, 0), np.float32), [], "")
    drawn = -np.sort(-found[:MOST_HEADS].astype(np.float64), 1)
    largest = drawn[:, :1]
    relative = np.divide(drawn, largest, out=np.zeros_like(drawn), where=largest > 0)
    return Singular(
        np.where(relative > SMALLEST, relative, np.nan).astype(np.float32),
        [_rank(each) for each in relative],
        some(len(drawn), len(found), "heads, the first"),
    )


def _rank(values: NDArray[Any]) -> float:
    """exp(-sum p log p), p = s / sum s (Roy & Vetterli, 2007)."""
    share = values[values > 0] / max(values.sum(), 1e-300)
    return float(np.exp(-(share * np.log(share)).sum())) if share.size else 0.0


def draw_singular(info: Singular) -> go.Figure:
    """A line for each head, on a logarithmic axis: a straight fall is a fading memory, an edge is a low rank."""
    if not info.values.size or not np.isfinite(info.values).any():
        return nothing("no mean kernel, or one of zeros")
    numbers = np.arange(1, info.values.shape[1] + 1)
    traces = [
        _line(head, numbers, values, f"head {head + 1}: effective rank {rank:.1f}", "value %{x}: %{y:.2g}")
        for head, (values, rank) in enumerate(zip(info.values, info.ranks, strict=True))
    ]
    y = {"title": "relative to the largest", "type": "log", "exponentformat": "power", "dtick": 1}
    return figure(traces, x={"title": "singular value"}, y=y, showlegend=len(traces) > 0)


def prepare_crossing(rank_profile: ArrayLike | None, cuts: ArrayLike | None) -> Crossing:
    """From `rank_profile` [H, cuts] and `cuts`, of layers whose points stand in line."""
    found, places = finite(rank_profile), finite(cuts)
    if found.ndim != 2 or not found.size or places.shape != found.shape[1:]:
        return Crossing(np.zeros(0, np.float32), np.zeros((0, 0), np.float32), "")
    drawn = found[:MOST_HEADS]
    return Crossing(places, drawn, some(len(drawn), len(found), "heads, the first"))


def draw_crossing(info: Crossing) -> go.Figure:
    """Directions by cut: a recurrence's do not rise along the sequence."""
    if not info.ranks.size:
        return nothing("no cuts: points do not stand in line")
    traces = [
        _line(head, info.cuts, ranks, f"head {head + 1}", "before point %{x}: %{y:.1f} directions")
        for head, ranks in enumerate(info.ranks)
    ]
    y = {"title": "directions that cross", "rangemode": "tozero"}
    return figure(traces, x={"title": "cut before point"}, y=y, showlegend=True)


def _line(head: int, x: NDArray[Any], y: NDArray[Any], name: str, told: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "x": x,
        "y": y,
        "mode": "lines+markers" if len(x) <= 40 else "lines",
        "line": {"color": LINES[head % len(LINES)], "dash": DASHES[head % len(DASHES)], "width": 1.6},
        "marker": {"size": 4},
        "name": name,
        "hovertemplate": f"head {head + 1}, {told}<extra></extra>",
    }
