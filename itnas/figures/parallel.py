"""Parallel coordinates of genes and score, on plain lines: plotly's own need WebGL and know no missing values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from itnas.figures.gene_scores import ABSENT, Column, column, numbered, scored
from itnas.figures.palette import MUTED
from itnas.figures.text import plain
from itnas.figures.theme import figure, nothing
from itnas.shown import counted

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

MOST_AXES, MOST_TRIALS, MOST_BEST, MOST_TICKS = 12, 600, 200, 8
ABSENT_LANE = -0.15
# From worst to best: the middle of matplotlib's plasma, which light and dark pages both show.
CLASSES = ("#7e03a8", "#9511a1", "#aa2395", "#bf3984", "#d24f71", "#e16462", "#ed7953", "#f79044")


class Axis(NamedTuple):
    name: str
    ticks: list[float]
    labels: list[str]


class Parallel(NamedTuple):
    """`height` [trials, axes]: where each line crosses each axis, from 0 to 1, or in the lane of the absent below.
    `group`: of each trial, the place of its score's class in `spans`; classes are of about as many trials each."""

    axes: list[Axis]
    height: NDArray[np.float32]
    trial: NDArray[np.int64]
    group: NDArray[np.int64]
    spans: list[tuple[float, float]]
    remark: str


def prepare(trials: pd.DataFrame, genes: pd.DataFrame, ranking: pd.DataFrame | None = None) -> Parallel:
    """Of one task's complete trials. `ranking`: the table of `importance`, which orders genes; else as they come."""
    known = scored(trials, genes)
    generator = np.random.default_rng(0)
    best = np.argsort(-known.score, kind="stable")
    drawn = best
    if len(best) > MOST_TRIALS:
        others = generator.permutation(best[MOST_BEST:])[: MOST_TRIALS - MOST_BEST]
        drawn = np.concatenate((best[:MOST_BEST], others))
    score, own = known.score[drawn], known.genes.iloc[drawn]
    columns = {place: column(own.iloc[:, place]) for place in _order(genes, ranking)}
    # Where a gene never varies, its axis would tell nothing.
    varied = {place: each for place, each in columns.items() if len(each.labels) + (each.code < 0).any() > 1}
    shown = dict(list((varied or columns).items())[:MOST_AXES])

    crossed = [_axis(str(genes.columns[place]), each, generator) for place, each in shown.items()]
    crossed.append(_scale("score", score, score, ratio=False))
    group, spans = _classes(score)
    said = [counted(len(drawn), "complete trial")]
    if len(drawn) < len(best):
        said = [f"the best {MOST_BEST} of {len(best):,} complete trials and {len(drawn) - MOST_BEST} drawn by lot"]
    if len(shown) < len(columns):
        told = "in order of importance" if ranking is not None and len(ranking) else "as they come"
        said.append(f"{len(shown)} of {len(columns)} genes, {told}; {len(columns) - len(varied)} never vary")
    heights = np.stack([height for _, height in crossed], axis=1).astype(np.float32)
    return Parallel([axis for axis, _ in crossed], heights, known.trial[drawn], group, spans, "; ".join(said))


def _order(genes: pd.DataFrame, ranking: pd.DataFrame | None) -> list[int]:
    ranks: dict[str, int] = {}
    if ranking is not None and len(ranking):
        ordered = ranking.sort_values("importance", ascending=False, kind="stable")["gene"]
        ranks = {str(gene): rank for rank, gene in reversed(list(enumerate(ordered)))}
    names = [str(name) for name in genes.columns]
    return sorted(range(len(names)), key=lambda place: ranks.get(names[place], len(ranks)))


def _axis(name: str, own: Column, generator: np.random.Generator) -> tuple[Axis, NDArray[np.float64]]:
    """Ticks and where trials cross. Names stand at even distances and lines that meet there lie side by side."""
    there = own.code >= 0
    jitter = generator.uniform(-1, 1, len(own.code))
    if own.value is None:
        steps = max(len(own.labels) - 1, 1)
        places = np.arange(len(own.labels)) / steps if len(own.labels) > 1 else np.full(len(own.labels), 0.5)
        height = np.append(places, 0.0)[own.code] + jitter * min(0.03, 0.3 / steps)
        last = len(own.labels) - 1
        ticked = sorted({round(tick) for tick in np.linspace(0, last, MOST_TICKS).tolist()}) if last >= 0 else []
        axis = Axis(name, [float(places[tick]) for tick in ticked], [own.labels[tick] for tick in ticked])
    else:
        known = own.value[there]
        # What is searched over orders of magnitude is searched by ratio.
        ratio = bool(len(known)) and known.min() > 0 and known.max() > 20 * known.min()
        axis, height = _scale(name, own.value, known, bool(ratio))
    return axis, np.where(there, height, ABSENT_LANE + 0.02 * jitter)


def _scale(
    name: str, value: NDArray[np.float64], known: NDArray[np.float64], ratio: bool
) -> tuple[Axis, NDArray[np.float64]]:
    """Numbers from the lowest to the highest, by difference or by ratio."""
    if not len(known):
        return Axis(name, [], []), value
    low, high = float(known.min()), float(known.max())
    if low == high:
        return Axis(name, [0.5], [f"{low:.3g}"]), np.full(len(value), 0.5)
    start, stop, moved = (np.log(low), np.log(high), np.log(value)) if ratio else (low, high, value)
    ticks = np.unique(known)
    if len(ticks) > MOST_TICKS // 2 + 1:
        ticks = np.geomspace(low, high, 5) if ratio else np.linspace(low, high, 5)
    places = ((np.log(ticks) if ratio else ticks) - start) / (stop - start)
    return Axis(name, places.tolist(), [f"{tick:.3g}" for tick in ticks]), (moved - start) / (stop - start)


def _classes(score: NDArray[np.float64]) -> tuple[NDArray[np.int64], list[tuple[float, float]]]:
    """Equal scores share a class, so that there may be fewer than eight."""
    if not len(score):
        return np.empty(0, np.int64), []
    edges = np.quantile(score, np.linspace(0, 1, len(CLASSES) + 1)[1:-1])
    used, group = np.unique(np.searchsorted(edges, score), return_inverse=True)
    members = [score[group == place] for place in range(len(used))]
    return group.astype(np.int64), [(float(own.min()), float(own.max())) for own in members]


def draw(info: Parallel) -> go.Figure:
    """One trace per class, the worst first; better classes are brighter and stronger."""
    if not len(info.trial):
        return nothing("no complete trial with its genes yet")
    last = len(info.axes) - 1
    traces = [_axes(info), *(_lines(info, group) for group in range(len(info.spans))), _ticks(info)]
    x = {
        "tickvals": list(range(last + 1)),
        "ticktext": [plain(axis.name, 28) for axis in info.axes],
        "range": [-0.15, last + 0.6],
        # Plotly leaves out names that would reach beyond the left edge.
        "tickangle": 25,
        "showgrid": False,
    }
    absent = bool((info.height < ABSENT_LANE / 2).any())
    y = {
        "tickvals": [ABSENT_LANE] if absent else [],
        "ticktext": [ABSENT] if absent else [],
        "range": [-0.22 if absent else -0.06, 1.06],
        "griddash": "dot",
    }
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "reversed"}
    return figure(traces, x=x, y=y, showlegend=True, hovermode="closest", legend=legend)


def width(genes: int) -> int:
    """Pixels that leave the names and the ticks of each axis room; the score has one too."""
    return 80 * (min(genes, MOST_AXES) + 1)


def _lines(info: Parallel, group: int) -> dict[str, Any]:
    own = info.group == group
    height = info.height[own]
    gap = np.full((len(height), 1), np.nan, dtype=np.float32)
    across = np.append(np.arange(height.shape[1], dtype=np.float32), np.float32(np.nan))
    low, high = info.spans[group]
    # The best class is always the last one, however few there are.
    rank = len(CLASSES) - len(info.spans) + group
    return {
        "type": "scatter",
        "mode": "lines",
        "meta": "trials",
        "name": f"{low:.3g} – {high:.3g}" if low < high else f"{low:.3g}",
        "x": np.tile(across, len(height)),
        "y": np.concatenate((height, gap), axis=1).ravel(),
        "customdata": numbered(np.repeat(info.trial[own], len(across))),
        "line": {"color": CLASSES[rank], "width": 1 + 0.1 * rank},
        "opacity": 0.25 + 0.06 * rank,
        "hovertemplate": "trial %{customdata[0]}<extra>score %{fullData.name}</extra>",
    }


def _axes(info: Parallel) -> dict[str, Any]:
    x = [place for number in range(len(info.axes)) for place in (number, number, None)]
    line = {"color": MUTED, "width": 1.2}
    y = [0, 1, None] * len(info.axes)
    shared = {"type": "scatter", "mode": "lines", "hoverinfo": "skip", "showlegend": False}
    return shared | {"x": x, "y": y, "line": line}


def _ticks(info: Parallel) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers+text",
        "x": [number for number, axis in enumerate(info.axes) for _ in axis.ticks],
        "y": [tick for axis in info.axes for tick in axis.ticks],
        "text": [plain(label, 16) for axis in info.axes for label in axis.labels],
        "textposition": "middle right",
        "textfont": {"size": 10},
        "marker": {"symbol": "line-ew-open", "size": 8, "color": MUTED},
        "hoverinfo": "skip",
        "showlegend": False,
        "cliponaxis": False,
    }
