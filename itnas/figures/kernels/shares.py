"""Where a kernel's energy comes from: contents, offsets, places."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from itnas.figures.kernels.entries import some
from itnas.figures.palette import MUTED
from itnas.figures.theme import LINES, figure, nothing

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST_HEADS = 32
# What each part is called, its colour, and the pattern that tells it without colour.
PARTS = (
    ("content", "contents: differs from sample to sample", LINES[0], ""),
    ("offset", "offset: the same at all places", LINES[1], "/"),
    ("place", "place: differs from place to place", LINES[2], "x"),
    ("fixed", "places or offsets: too weak to tell which", MUTED, "."),
)


class Share(NamedTuple):
    """Parts of the energy of one head's kernel, or of the layer's, that add up to 1."""

    name: str
    content: float
    offset: float
    place: float
    fixed: float


class Shares(NamedTuple):
    rows: list[Share]
    remark: str


def prepare(about: Mapping[str, Any]) -> Shares:
    """From the measures `content_share`, and `toeplitz_share` of what contents leave; the layer first."""
    content, toeplitz = _numbers(about.get("content_share")), _numbers(about.get("toeplitz_share"))
    names = ["layer", *(f"head {head + 1}" for head in range(len(content) - 1))]
    rows = []
    for number, (name, own) in enumerate(zip(names, content, strict=False)):
        if own is not None:
            rows.append(_share(name, own, toeplitz[number] if number < len(toeplitz) else None))
    drawn = rows[: MOST_HEADS + 1]
    return Shares(drawn, some(len(drawn) - 1, len(rows) - 1, "heads, the first"))


def _share(name: str, content: float, toeplitz: float | None) -> Share:
    left = 1 - content
    if toeplitz is None:
        return Share(name, content, 0.0, 0.0, left)
    return Share(name, content, left * toeplitz, left * (1 - toeplitz), 0.0)


def _numbers(measure: Any) -> list[float | None]:
    """The layer's number, and those of its heads; None where one has no meaning."""
    if not isinstance(measure, Mapping):
        return []
    heads = measure.get("heads")
    return [_clean(each) for each in (measure.get("layer"), *(heads if isinstance(heads, list) else []))]


def _clean(number: Any) -> float | None:
    known = isinstance(number, (int, float)) and not isinstance(number, bool) and math.isfinite(number)
    return min(max(float(number), 0.0), 1.0) if known else None


def draw(info: Shares) -> go.Figure:
    """One bar for the layer and one for each head; parts differ in colour and in pattern."""
    if not info.rows:
        return nothing("no mean over samples to compare with")
    names = [row.name for row in info.rows]
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "y": names,
            "x": np.array([getattr(row, part) for row in info.rows], np.float32),
            "name": told,
            "marker": {"color": colour, "pattern": {"shape": pattern, "size": 6, "solidity": 0.25}},
            "hovertemplate": f"%{{y}}: %{{x:.0%}} {told.partition(':')[0]}<extra></extra>",
        }
        for part, told, colour, pattern in PARTS
        if any(getattr(row, part) > 0 for row in info.rows)
    ]
    x = {"title": "share of the kernel's energy", "range": [0, 1], "tickformat": ".0%"}
    y = {"type": "category", "autorange": "reversed", "gridcolor": "rgba(0, 0, 0, 0)"}
    return figure(traces, x=x, y=y, barmode="stack", bargap=0.35, showlegend=True)
