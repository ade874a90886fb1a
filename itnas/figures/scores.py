"""Scores of all trials in the order in which they were asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from itnas.figures.entries import single
from itnas.figures.theme import ORIGINS, figure, nothing, origin_colour, origin_symbol

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

# More points than this cover each other: on a plot of some 1,000 x 300 pixels nothing is lost by leaving out those
# that share a pixel's place with another.
MOST_POINTS = 1_200


class Points(NamedTuple):
    """The trials of one origin that are drawn."""

    origin: str
    trials: NDArray[np.int32]
    scores: NDArray[np.float32]


class Scores(NamedTuple):
    points: list[Points]
    best_trials: NDArray[np.int32]  # where the best score so far rises
    best_scores: NDArray[np.float32]
    low: float
    high: float
    remark: str


def prepare(trials: pd.DataFrame) -> Scores:
    """Complete trials; scores that are no numbers are left out and counted. Of many trials those are drawn that can be
    told apart."""
    ended = trials[trials["state"] == "complete"]
    scores = single(ended["score"].to_numpy(dtype=float)).astype(float)
    finite = np.isfinite(scores)
    remarks = [] if finite.all() else [f"{int((~finite).sum())} scores are no numbers"]
    numbers, scores, origins = ended["number"].to_numpy()[finite], scores[finite], ended["origin"].to_numpy()[finite]
    if not len(scores):
        return Scores([], np.empty(0, np.int32), np.empty(0, np.float32), 0.0, 1.0, "; ".join(remarks))
    best = np.maximum.accumulate(scores)
    rises = np.flatnonzero(np.diff(best, prepend=-np.inf) > 0)
    kept = _apart(numbers, scores, rises)
    if len(kept) < len(scores):
        remarks.append(f"{len(kept):,} of {len(scores):,} trials: points that others cover are left out")
    points = [
        Points(origin, numbers[own].astype(np.int32), scores[own].astype(np.float32))
        for origin in ORIGINS
        if len(own := kept[origins[kept] == origin])
    ]
    low, high = float(scores.min()), float(scores.max())
    return Scores(
        points, numbers[rises].astype(np.int32), best[rises].astype(np.float32), low, high, "; ".join(remarks)
    )


def _apart(numbers: NDArray[Any], scores: NDArray[Any], always: NDArray[Any]) -> NDArray[Any]:
    """Which points to draw: one for each cell of a grid, made coarser until few enough are left."""
    if len(scores) <= MOST_POINTS:
        return np.arange(len(scores))
    width, height = max(np.ptp(numbers), 1), max(np.ptp(scores), 1e-12)
    for columns in (500, 420, 350, 290, 240, 200, 165, 140, 115, 95, 80, 65, 55, 45):
        across = ((numbers - numbers.min()) / width * columns).astype(np.int64)
        up = ((scores - scores.min()) / height * (columns // 3)).astype(np.int64)
        _, first = np.unique(across * 1_000 + up, return_index=True)
        if len(first) <= MOST_POINTS:
            break
    return np.union1d(first, always)


def draw(info: Scores) -> go.Figure:
    if not info.points:
        return nothing("no trial is complete yet")
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": each.origin,
            "x": each.trials,
            "y": each.scores,
            # Lists: of arrays, clicks on points tell nothing (plotly.py, issue 5119).
            "customdata": each.trials[:, None].tolist(),
            "meta": "trials",
            "marker": {
                "size": 6 if each.origin == "sampler" else 7,
                "symbol": origin_symbol(each.origin),
                "color": origin_colour(each.origin),
                "opacity": 0.85,
            },
            "hovertemplate": f"trial %{{x}} ({each.origin})<br>score %{{y:.4f}}<extra></extra>",
        }
        for each in info.points
    ]
    last = max(int(each.trials.max()) for each in info.points)
    best = {
        "type": "scatter",
        "mode": "lines",
        "name": "best so far",
        "x": np.append(info.best_trials, last),
        "y": np.append(info.best_scores, info.best_scores[-1:]),
        "line": {"shape": "hv", "width": 1.5, "color": "#888888"},
        "hoverinfo": "skip",
    }
    return figure(
        [best, *traces],
        x={"title": "trial"},
        y={"title": "score"},
        showlegend=True,
        dragmode="select",
        margin={"l": 48, "r": 12, "t": 8, "b": 40},
    )
