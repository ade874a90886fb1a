"""The best score so far: the sampler's, against what the random arm would have found by then."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from itnas.figures.gene_scores import numbered, numbers, texts
from itnas.figures.palette import MUTED
from itnas.figures.text import plain
from itnas.figures.theme import figure, nothing, origin_colour
from itnas.shown import counted

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

ENDED = ("complete", "pruned", "failed")
MOST_SIZES, MOST_LEVELS = 200, 8


class Found(NamedTuple):
    """The sampler's best after `ended` trials, wherever it changed, and at the end; with the interval of `trial`."""

    ended: NDArray[np.int64]
    best: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    trial: NDArray[np.int64]


class Expected(NamedTuple):
    """The best of `ended` random trials: its mean over all choices of so many of them, and 95 % of all choices."""

    ended: NDArray[np.int64]
    best: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


class Level(NamedTuple):
    """A specialist's best."""

    name: str
    score: float
    trial: int


class Anytime(NamedTuple):
    sampler: Found
    random: Expected
    specialists: list[Level]
    chance: float | None
    ceiling: float | None
    remark: str


def prepare(trials: pd.DataFrame, chance: float | None = None, ceiling: float | None = None) -> Anytime:
    """Of one task's trials, in the order in which they ended. Pruned and failed trials count as the worst that a trial
    can do, which is the lowest score of all, or chance if that is lower."""
    chance, ceiling = (None if level is None or not math.isfinite(level) else level for level in (chance, ceiling))
    state, score = texts(trials, "state"), numbers(trials, "score")
    score[state != "complete"] = np.nan
    order = np.lexsort((numbers(trials, "number"), numbers(trials, "finished")))
    order = order[np.isin(state[order], ENDED)]
    origin = texts(trials, "origin")[order]
    known = score[order][np.isfinite(score[order])]
    floor = min([*known.tolist(), *([] if chance is None else [chance])], default=0.0)

    said = []
    for name in ("sampler", "random"):
        own = score[order][origin == name]
        said.append(
            f"{name}: {counted(len(own), 'ended trial')}, {len(own) - np.isfinite(own).sum()} of them without a score"
        )
    levels = _specialists(trials, score, order[origin == "specialist"])
    said.append(
        counted(len(levels), "specialist") if len(levels) <= MOST_LEVELS else f"the best {MOST_LEVELS} specialists"
    )
    if not np.isfinite(known).all() or len(known) < len(order):
        said.append(f"what has no score counts as {floor:.4g}")
    return Anytime(
        _found(trials, score, order[origin == "sampler"]),
        best_by_size(score[order[origin == "random"]], floor),
        levels[:MOST_LEVELS],
        chance,
        ceiling,
        "; ".join(said),
    )


def _found(trials: pd.DataFrame, score: NDArray[np.float64], order: NDArray[np.int64]) -> Found:
    own = np.where(np.isfinite(score[order]), score[order], -np.inf)
    best = np.maximum.accumulate(own)
    better = np.flatnonzero(best > np.concatenate(([-np.inf], best))[:-1])
    holders = order[better]
    ended = better + 1
    if len(ended) and ended[-1] < len(order):
        ended, holders = np.append(ended, len(order)), np.append(holders, holders[-1])
    reached = score[holders]
    low, high = (numbers(trials, name)[holders] for name in ("score_low", "score_high"))
    return Found(
        ended.astype(np.int64),
        reached,
        np.where(np.isfinite(low), low, reached),
        np.where(np.isfinite(high), high, reached),
        np.nan_to_num(numbers(trials, "number")[holders], nan=-1).astype(np.int64),
    )


def best_by_size(scores: NDArray[np.float64], floor: float) -> Expected:
    """With the scores in order, C(k, n) / C(N, n) of all choices of n among N have their best among the first k: exact,
    no matter in which order the trials ran. Beyond 200 sizes evenly spaced ones by ratio."""
    from scipy.special import gammaln

    total = len(scores)
    if not np.isfinite(scores).any():
        return Expected(np.empty(0, np.int64), *(np.empty(0) for _ in range(3)))
    ranked = np.sort(np.where(np.isfinite(scores), scores, floor))
    sizes = np.unique(np.rint(np.geomspace(1, total, MOST_SIZES)).astype(np.int64))
    if total <= MOST_SIZES:
        sizes = np.arange(1, total + 1)
    factorial = gammaln(np.arange(1, total + 2))  # log of 0!, 1!, ..., N!
    rows = np.empty((len(sizes), 3))
    for row, size in zip(rows, sizes.tolist(), strict=True):
        among = np.arange(size, total + 1)
        chosen = factorial[among] - factorial[among - size] - factorial[total] + factorial[total - size]
        share = np.minimum(np.exp(chosen), 1.0)
        reached = ranked[size - 1 :]
        # Rounding must not carry a quantile to the next score, or past the last.
        places = np.searchsorted(share, np.array([0.025, 0.975]) - 1e-9)
        row[:] = np.diff(share, prepend=0.0) @ reached, *reached[places]
    return Expected(sizes, *rows.T)


def _specialists(trials: pd.DataFrame, score: NDArray[np.float64], rows: NDArray[np.int64]) -> list[Level]:
    names, number = texts(trials, "name"), numbers(trials, "number")
    best: dict[str, Level] = {}
    for row in rows[np.isfinite(score[rows])].tolist():
        level = Level(names[row] or "unnamed", float(score[row]), int(np.nan_to_num(number[row], nan=-1)))
        if level.name not in best or level.score > best[level.name].score:
            best[level.name] = level
    return sorted(best.values(), key=lambda level: -level.score)


def draw(info: Anytime) -> go.Figure:
    """The sampler as steps, the random arm dashed, specialists as levels named beside the plot."""
    if not (len(info.sampler.ended) or len(info.random.ended) or info.specialists):
        return nothing("no trial has a score yet")
    end = max([*info.sampler.ended.tolist(), *info.random.ended.tolist(), 2])
    traces = [
        *_arm(info.random, "random", "random arm, expected", {"dash": "dash"}),
        *_arm(info.sampler, "sampler", "sampler", {"shape": "hv"}),
    ]
    if info.sampler.trial.size:
        traces[-1] |= {"customdata": numbered(info.sampler.trial), "meta": "trials"}
        traces[-1]["hovertemplate"] = "after %{x}: %{y:.4g}, trial %{customdata[0]}<extra>sampler</extra>"
    if info.specialists:
        traces += _levels(info.specialists, end)
    shapes, annotations = [], _names(info)
    for level, text, side in ((info.chance, "chance", "bottom"), (info.ceiling, "ceiling", "top")):
        if level is not None:
            line = {"color": MUTED, "dash": "dot", "width": 1}
            shapes.append({"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": level, "y1": level, "line": line})
            place = {"xref": "paper", "x": 0, "xanchor": "left", "y": level, "yanchor": side, "showarrow": False}
            annotations.append(place | {"text": text, "font": {"size": 11, "color": MUTED}})
    return figure(
        traces,
        x={"title": "ended trials", "range": [0.5, end + 0.5], **({"dtick": 1} if end < 10 else {})},
        y={"title": "best score so far"},
        showlegend=True,
        shapes=shapes,
        annotations=annotations,
        margin={"l": 48, "r": 140 if info.specialists else 12, "t": 16, "b": 40},
    )


def _arm(arm: Found | Expected, origin: str, name: str, line: dict[str, Any]) -> list[dict[str, Any]]:
    """Its band first, so that the line lies above."""
    if not len(arm.ended):
        return []
    shape = {"shape": line.get("shape", "linear")}
    x = arm.ended.astype(np.float32)
    shared = {"type": "scatter", "mode": "lines", "x": x, "legendgroup": origin}
    edge = shared | {"line": shape | {"width": 0}, "showlegend": False, "hoverinfo": "skip"}
    colour = origin_colour(origin)
    return [
        edge | {"y": arm.low.astype(np.float32)},
        edge | {"y": arm.high.astype(np.float32), "fill": "tonexty", "fillcolor": _pale(colour)},
        shared
        | {"y": arm.best.astype(np.float32), "name": name, "line": line | {"color": colour, "width": 2}}
        # A line of one point would not be seen.
        | {"mode": "lines+markers" if len(x) == 1 else "lines"}
        | {"hovertemplate": f"after %{{x}}: %{{y:.4g}}<extra>{name}</extra>"},
    ]


def _pale(colour: str) -> str:
    """The opacity of a trace does not reach what it fills."""
    red, green, blue = bytes.fromhex(colour[1:])
    return f"rgba({red}, {green}, {blue}, 0.2)"


def _levels(specialists: list[Level], end: int) -> list[dict[str, Any]]:
    colour = origin_colour("specialist")
    x, y = zip(*(point for own in specialists for point in ((0.5, own.score), (end + 0.5, own.score), (None, None))),
               strict=True)  # fmt: skip
    lines = {"type": "scatter", "mode": "lines", "x": list(x), "y": list(y), "hoverinfo": "skip", "showlegend": False}
    ends = {
        "type": "scatter",
        "mode": "markers",
        "meta": "trials",
        "name": "specialists",
        "x": [end] * len(specialists),
        "y": [own.score for own in specialists],
        "text": [plain(own.name) for own in specialists],
        "customdata": numbered([own.trial for own in specialists]),
        "marker": {"symbol": "diamond", "size": 8, "color": colour},
        "hovertemplate": "%{text}: %{y:.4g}, trial %{customdata[0]}<extra></extra>",
    }
    return [lines | {"line": {"color": colour, "dash": "longdash", "width": 1}}, ends]


def _names(info: Anytime) -> list[dict[str, Any]]:
    """Beside their levels, moved apart where they would lie on one another."""
    drawn = [info.sampler.low, info.sampler.high, info.random.low, info.random.high]
    scores = [own.score for own in info.specialists]
    all_scores = np.concatenate([*drawn, [level for level in (info.chance, info.ceiling) if level is not None], scores])
    gap = 0.05 * float(np.ptp(all_scores)) if len(all_scores) else 0.0
    found, last = [], -math.inf
    for own in reversed(info.specialists):
        last = max(own.score, last + gap)
        place = {"xref": "paper", "x": 1.01, "xanchor": "left", "y": last, "yanchor": "middle", "showarrow": False}
        found.append(place | {"text": plain(own.name, 20), "font": {"size": 11}})
    return found
