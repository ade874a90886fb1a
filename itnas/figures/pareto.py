"""Score against cost: every complete trial, and the front of those that nothing beats in both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from itnas.figures.gene_scores import numbered, numbers, texts
from itnas.figures.palette import MUTED
from itnas.figures.theme import ORIGINS, figure, nothing, origin_colour, origin_symbol
from itnas.registry import check_choice
from itnas.shown import counted

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

COSTS = {
    "parameters": "parameters",
    "flops": "floating-point operations",
    "seconds": "seconds of training",
    "cost": "cost",
}
# In this order: specialists, which are few, lie above the others.
SYMBOLS = {"other": "triangle-up"} | {origin: origin_symbol(origin) for origin in ORIGINS}
MOST_POINTS = 1500


class Points(NamedTuple):
    origin: str
    cost: NDArray[np.float64]
    score: NDArray[np.float64]
    trial: NDArray[np.int64]


class Pareto(NamedTuple):
    """`front`: from the cheapest to the dearest; its trials are among the points, too."""

    cost: str
    points: list[Points]
    front: Points
    log: bool
    remark: str


def prepare(trials: pd.DataFrame, cost: str = "parameters") -> Pareto:
    check_choice("cost", cost, COSTS)
    score, spent, number = (numbers(trials, name) for name in ("score", cost, "number"))
    complete = texts(trials, "state") == "complete"
    kept = np.flatnonzero(complete & np.isfinite(score) & np.isfinite(spent) & np.isfinite(number))
    # The order of the trials must not decide which of them are drawn.
    kept = kept[np.argsort(number[kept], kind="stable")]
    score, spent, trial, origin = score[kept], spent[kept], number[kept].astype(np.int64), texts(trials, "origin")[kept]
    best = undominated(spent, score)
    drawn = best.copy()
    rest = np.flatnonzero(~best)
    drawn[np.random.default_rng(0).permutation(rest)[: max(MOST_POINTS - int(best.sum()), 0)]] = True
    origin[~np.isin(origin, list(SYMBOLS))] = "other"
    front = np.flatnonzero(best)[np.lexsort((score[best], spent[best]))]

    said = [f"{counted(len(kept), 'complete trial')}, {len(front)} of them on the front"]
    if int(complete.sum()) > len(kept):
        said.append(f"{int(complete.sum()) - len(kept)} without a score or {COSTS[cost]} left out")
    if not drawn.all():
        said.append(f"{int(drawn.sum())} points drawn: the front, and others by lot")
    groups = [(name, np.flatnonzero(drawn & (origin == name))) for name in SYMBOLS]
    return Pareto(
        cost,
        [Points(name, spent[rows], score[rows], trial[rows]) for name, rows in groups if len(rows)],
        Points("front", spent[front], score[front], trial[front]),
        bool(len(spent) and spent.min() > 0 and spent.max() > 20 * spent.min()),
        "; ".join(said),
    )


def undominated(cost: NDArray[np.float64], score: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Of no others is the score as high and the cost as low, and one of both better. Equals stay together."""
    pairs, own = np.unique(np.stack((cost, -score), axis=1), axis=0, return_inverse=True)
    if not len(pairs):
        return np.zeros(0, dtype=bool)
    lowest = np.minimum.accumulate(pairs[:, 1])
    best = pairs[:, 1] < np.concatenate(([np.inf], lowest[:-1]))
    return np.asarray(best[own.ravel()])


def draw(info: Pareto) -> go.Figure:
    """Origins differ in colour and symbol; the front is stepped, as in between nothing cheaper is as good."""
    if not info.points:
        return nothing(f"no complete trial with a score and its {COSTS[info.cost]} yet")
    traces = [_points(points) for points in info.points]
    line = {"color": MUTED, "shape": "hv", "width": 1.6}
    ring = {"symbol": "circle-open", "size": 12, "color": MUTED, "line": {"width": 1.6}}
    front = _points(info.front) | {"mode": "lines+markers", "name": "front", "line": line, "marker": ring}
    # Over the points, so that both can be selected; what hovers is the same.
    traces.append(front)
    x = {"title": COSTS[info.cost]} | ({"type": "log"} if info.log else {"exponentformat": "SI"})
    return figure(traces, x=x, y={"title": "score"}, showlegend=True, hovermode="closest", dragmode="lasso")


def _points(points: Points) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "meta": "trials",
        "name": points.origin,
        "x": points.cost.astype(np.float32),
        "y": points.score.astype(np.float32),
        "customdata": numbered(points.trial),
        "marker": {
            "symbol": SYMBOLS.get(points.origin, "circle"),
            "color": origin_colour(points.origin),
            "size": 9 if points.origin == "specialist" else 6,
            "opacity": 0.75,
        },
        "hovertemplate": "trial %{customdata[0]}: %{y:.4g} at %{x:.4s}<extra>%{fullData.name}</extra>",
    }
