"""What each worker did when."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from itnas.figures.gene_scores import numbers, texts
from itnas.figures.palette import MUTED
from itnas.figures.text import plain
from itnas.figures.theme import LINES, figure, nothing
from itnas.shown import counted

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

MOST_SEGMENTS, MOST_WORKERS, MOST_BINS, MOST_NAMES = 1500, 200, 100, 40
# Colour and pattern of each state that keeps a worker busy.
STATES = {
    "complete": (LINES[2], ""),
    "pruned": (MUTED, "/"),
    "failed": (LINES[1], "x"),
    "running": (LINES[5], "."),
}


class Segments(NamedTuple):
    """Of trials in one state, in the timeline's unit; `lane` counts workers. `trial` is empty where a segment sums up
    several trials."""

    state: str
    lane: NDArray[np.int64]
    start: NDArray[np.float64]
    length: NDArray[np.float64]
    trial: NDArray[np.int64]


class Timeline(NamedTuple):
    """`busy`: the share of time, from the first start to the end, in which workers had work. `share` [workers, bins]:
    the same by worker and time, where there are too many trials to draw each."""

    workers: list[str]
    segments: list[Segments]
    unit: str
    span: float
    busy: float
    share: NDArray[np.float64] | None
    remark: str


class _Spans(NamedTuple):
    """In seconds since the first start."""

    lane: NDArray[np.int64]
    state: NDArray[np.object_]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    trial: NDArray[np.int64]


def prepare(trials: pd.DataFrame, now: float | None = None) -> Timeline:
    """Times are seconds since the epoch. What runs still, runs to `now`, or else to the last time that is known."""
    started, finished = numbers(trials, "started"), numbers(trials, "finished")
    state, worker = texts(trials, "state"), texts(trials, "worker")
    kept = np.isfinite(started) & np.isin(state, list(STATES))
    if not kept.any():
        return Timeline([], [], "minutes", 0.0, 0.0, None, "no trial has started yet")
    started, finished, state, worker = started[kept], finished[kept], state[kept], worker[kept]
    latest = float(np.nanmax(np.concatenate((started, finished))))
    running = state == "running"
    finished[running] = now if now is not None and math.isfinite(now) else latest
    unknown = ~np.isfinite(finished)
    finished[unknown] = started[unknown] + np.nan_to_num(numbers(trials, "seconds")[kept][unknown])
    first = float(started.min())
    # Clocks of two machines may differ: nothing ends before it starts.
    ended = np.maximum(finished, started) - first

    names = sorted({name or "unknown" for name in worker.tolist()}, key=_natural)
    places = {name: place for place, name in enumerate(names)}
    lane = np.array([places[name or "unknown"] for name in worker.tolist()])
    number = np.nan_to_num(numbers(trials, "number")[kept], nan=-1).astype(np.int64)
    spans = _Spans(lane, state, started - first, ended, number)
    span = float(ended.max())
    busy = sum(_covered(spans, place) for place in range(len(names))) / (span * len(names)) if span else 0.0
    who = f"{counted(len(lane), 'trial')} on {counted(len(names), 'worker')}"
    said = [f"{who}, which had work {100 * busy:.0f} % of the time"]
    if len(names) > MOST_WORKERS:
        said.append(f"the first {MOST_WORKERS} workers drawn")
    share = None
    unit, length = ("hours", 3600.0) if span >= 3 * 3600 else ("minutes", 60.0)
    if len(lane) <= MOST_SEGMENTS:
        found = [_each(spans, name, length) for name in STATES]
    else:
        lanes = min(len(names), MOST_WORKERS)
        bins = int(np.clip(MOST_SEGMENTS // lanes, 10, MOST_BINS))
        shares = _shares(spans, lanes, bins, span)
        share = shares.sum(axis=0)
        found = _summed(shares, span / length)
        said.append(f"bars are shares of {bins} equal times of {span / bins:.3g} s, not single trials")
    segments = [own for own in found if len(own.lane)]
    return Timeline(names[:MOST_WORKERS], segments, unit, span / length, busy, share, "; ".join(said))


def _natural(name: str) -> list[tuple[int, int, str]]:
    """The tenth worker after the second."""
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in re.split(r"(\d{1,18})", name)]


def _covered(spans: _Spans, lane: int) -> float:
    """The time in which one worker had any trial: trials that overlap count once."""
    own = spans.lane == lane
    order = np.argsort(spans.start[own], kind="stable")
    start, end = spans.start[own][order], spans.end[own][order]
    before = np.maximum.accumulate(np.concatenate(([0.0], end[:-1])))
    return float(np.clip(end - np.maximum(start, before), 0, None).sum())


def _each(spans: _Spans, state: str, unit: float) -> Segments:
    own = (spans.state == state) & (spans.lane < MOST_WORKERS)
    start, end = spans.start[own] / unit, spans.end[own] / unit
    return Segments(state, spans.lane[own], start, end - start, spans.trial[own])


def _shares(spans: _Spans, lanes: int, bins: int, span: float) -> NDArray[np.float64]:
    """The share of each bin in each state [states, workers, bins]."""
    edges = np.linspace(0, span, bins + 1)
    found = np.zeros((len(STATES), lanes, bins))
    for place, state in enumerate(STATES):
        own = (spans.state == state) & (spans.lane < lanes)
        for number in range(bins):
            inside = np.minimum(spans.end[own], edges[number + 1]) - np.maximum(spans.start[own], edges[number])
            found[place, :, number] = np.bincount(spans.lane[own], np.clip(inside, 0, None), minlength=lanes)
    # A worker that did two things at once was no more than busy.
    found /= max(span / bins, np.finfo(float).tiny)
    return np.asarray(found / np.maximum(found.sum(axis=0), 1.0))


def _summed(shares: NDArray[np.float64], span: float) -> list[Segments]:
    """Within its bin, what was done in one state follows what was done in another."""
    width = span / shares.shape[2]
    before = np.cumsum(shares, axis=0) - shares
    found = []
    for place, state in enumerate(STATES):
        lane, number = np.nonzero(shares[place] > 1e-6)
        start = (number + before[place, lane, number]) * width
        found.append(Segments(state, lane, start, shares[place, lane, number] * width, np.empty(0, np.int64)))
    return found


def draw(info: Timeline) -> go.Figure:
    """A lane per worker, the first on top; states differ in colour and pattern."""
    if not info.segments:
        return nothing(info.remark)
    every = -(-len(info.workers) // MOST_NAMES)
    places = list(range(0, len(info.workers), every))
    y = {
        "tickvals": places,
        "ticktext": [plain(info.workers[place], 24) for place in places],
        "range": [len(info.workers) - 0.5, -0.5],
        "showgrid": False,
    }
    x = {"title": f"{info.unit} since the first start", "range": [0, info.span or 1.0]}
    bars = [_bars(own, info) for own in info.segments]
    return figure(bars, x=x, y=y, barmode="overlay", showlegend=True, hovermode="closest", bargap=0.2)


def _bars(own: Segments, info: Timeline) -> dict[str, Any]:
    colour, pattern = STATES[own.state]
    trace = {
        "type": "bar",
        "orientation": "h",
        "name": own.state,
        "base": own.start.astype(np.float32),
        "x": own.length.astype(np.float32),
        "y": own.lane.astype(np.float32),
        "width": 0.8,
        "marker": {"color": colour, "pattern": {"shape": pattern, "size": 5}, "line": {"width": 0}},
        # Not every lane has a tick that would name it.
        "hovertext": [plain(info.workers[place], 24) for place in own.lane.tolist()],
        "hovertemplate": "%{hovertext}<extra>%{fullData.name}</extra>",
    }
    if len(own.trial):
        lengths = np.round(own.length, 3).tolist()
        told = [[number, length] for number, length in zip(own.trial.tolist(), lengths, strict=True)]
        hover = f"trial %{{customdata[0]}} on %{{hovertext}}: %{{customdata[1]}} {info.unit}"
        trace |= {"meta": "trials", "customdata": told, "hovertemplate": f"{hover}<extra>{own.state}</extra>"}
    return trace
