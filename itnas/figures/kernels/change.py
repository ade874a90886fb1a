"""A kernel's profile over the course of training, where a sweep recorded it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from itnas.figures.kernels.entries import finite, limit_of, some
from itnas.figures.kernels.heatmap import AXIS, colours
from itnas.figures.theme import figure, nothing

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST_RUNGS, MOST_OFFSETS = 64, 257


class Change(NamedTuple):
    """`profiles` [rungs, offsets]."""

    steps: list[int]
    offsets: NDArray[Any]
    profiles: NDArray[Any]
    limit: float
    remark: str


def prepare(
    profiles: Sequence[ArrayLike] | None, steps: Sequence[int] = (), offsets: ArrayLike | None = None
) -> Change:
    """Profiles of one head at some steps of its training, and the offsets they have in common; None: not recorded."""
    rows = [finite(each).ravel() for each in profiles or ()]
    places = finite(offsets)
    if not rows or len(rows) != len(steps) or any(row.shape != rows[0].shape for row in rows) or not rows[0].size:
        return Change([], np.zeros(0, np.float32), np.zeros((0, 0), np.float32), 1.0, "")
    places = places if places.shape == rows[0].shape else np.arange(rows[0].size, dtype=np.float32)
    order = sorted(range(len(rows)), key=lambda number: steps[number])
    drawn = [order[each] for each in np.linspace(0, len(order) - 1, min(len(order), MOST_RUNGS)).round().astype(int)]
    carrying = _seen(np.stack(rows), places)
    rows, places = [row[carrying] for row in rows], places[carrying]
    near = np.argsort(np.abs(places), kind="stable")[:MOST_OFFSETS]
    near = near[np.argsort(places[near], kind="stable")]
    found = np.stack([rows[each][near] for each in drawn])
    said = (
        some(len(drawn), len(rows), "rungs, evenly spaced"),
        some(len(near), len(places), "offsets, the nearest"),
    )
    return Change(
        [int(steps[each]) for each in drawn], places[near], found, limit_of(found), "; ".join(filter(None, said))
    )


def _seen(profiles: NDArray[Any], places: NDArray[Any]) -> NDArray[np.bool_]:
    """Without the offsets ahead, where nobody ever looks there."""
    ahead = places < 0
    return np.ones_like(ahead) if profiles[:, ahead].any() else ~ahead


def draw(info: Change) -> go.Figure:
    """Rungs from top to bottom, offsets from left to right."""
    if not info.profiles.size:
        return nothing("not recorded during training")
    trace = {
        "type": "heatmap",
        "z": info.profiles,
        "x": info.offsets,
        "y": [f"{step:,}" for step in info.steps],
        "coloraxis": "coloraxis",
        "hovertemplate": "step %{y}, offset %{x}: %{z:.3g}<extra></extra>",
    }
    y = AXIS | {"title": "step", "type": "category", "autorange": "reversed"}
    return figure([trace], x=AXIS | {"title": "offset: points back"}, y=y, coloraxis=colours(info.limit))
