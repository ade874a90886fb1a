"""The triangle of mechanisms: how far each examined network is a convolution, attention or a recurrence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from itnas.figures.entries import single
from itnas.figures.palette import GRID
from itnas.figures.theme import SCALE, figure, nothing

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

CORNERS = ("convolution", "attention", "recurrence")
MOST_POINTS = 3_000


class Triangle(NamedTuple):
    """One point per layer. `parts` [points, 3]: fidelities of the three, scaled to add up to 1."""

    trials: NDArray[np.int64]
    layers: NDArray[np.int64]
    parts: NDArray[np.float32]
    scores: NDArray[np.float32]
    remark: str


def prepare(layers: pd.DataFrame) -> Triangle:
    """`layers`: trial, layer, score of the trial, and the fidelity of each family, one row per examined layer. Layers
    that none of the three can stand in for have no place in the triangle, and are counted."""
    wanted = [f"fidelity_{family}" for family in CORNERS]
    if layers.empty:
        return Triangle(*(np.empty(0, np.int64),) * 2, np.empty((0, 3), np.float32), np.empty(0, np.float32), "")
    found = np.nan_to_num(layers[wanted].to_numpy(dtype=float), nan=0.0).clip(0, 1)
    whole = found.sum(1)
    placed = whole > 0.05
    remarks = [] if placed.all() else [f"{int((~placed).sum())} layers that are none of the three are left out"]
    chosen = np.flatnonzero(placed)
    if len(chosen) > MOST_POINTS:
        # The best, and of the others every so many.
        scores = layers["score"].to_numpy(dtype=float)[chosen]
        ranked = chosen[np.argsort(-np.nan_to_num(scores, nan=-np.inf), kind="stable")]
        rest = ranked[MOST_POINTS // 2 :]
        chosen = np.sort(np.concatenate([ranked[: MOST_POINTS // 2], rest[:: -(-len(rest) // (MOST_POINTS // 2))]]))
        remarks.append(f"{len(chosen):,} of {int(placed.sum()):,} layers: those of the best trials, and a sample")
    rows = layers.iloc[chosen]
    return Triangle(
        rows["trial"].to_numpy(dtype=np.int64),
        rows["layer"].to_numpy(dtype=np.int64),
        (found[chosen] / whole[chosen, None]).astype(np.float32),
        single(rows["score"].to_numpy(dtype=float)),
        "; ".join(remarks),
    )


def draw(info: Triangle) -> go.Figure:
    if not len(info.trials):
        return nothing("no network has been examined yet")
    finite = np.isfinite(info.scores)
    marker: dict[str, Any] = {
        "size": 7,
        "opacity": 0.75,
        "color": np.where(finite, info.scores, np.nan),
        "colorscale": SCALE,
        "colorbar": {
            "title": {"text": "score", "side": "top"},
            "thickness": 8,
            "len": 0.5,
            "outlinewidth": 0,
            "orientation": "h",
            "y": -0.08,
            "yanchor": "top",
        },
        "line": {"width": 1, "color": "rgba(128, 128, 128, 0.8)"},
    }
    trace = {
        "type": "scatterternary",
        "mode": "markers",
        "a": info.parts[:, 0],
        "b": info.parts[:, 1],
        "c": info.parts[:, 2],
        "marker": marker,
        "customdata": np.stack([info.trials, info.layers + 1], 1).tolist(),
        "meta": "trials",
        "hovertemplate": "trial %{customdata[0]}, layer %{customdata[1]}<br>convolution %{a:.2f}, attention %{b:.2f}, "
        "recurrence %{c:.2f}<br>score %{marker.color:.4f}<extra></extra>",
    }
    axis = {"showticklabels": False, "ticks": "", "showgrid": True, "gridcolor": GRID}
    corners = {
        name: axis | {"title": {"text": family, "font": {"size": 12}}}
        for name, family in zip(("aaxis", "baxis", "caxis"), CORNERS, strict=True)
    }
    ternary = {"sum": 1, "bgcolor": "rgba(0, 0, 0, 0)", **corners}
    return figure([trace], ternary=ternary, margin={"l": 40, "r": 40, "t": 34, "b": 80})
