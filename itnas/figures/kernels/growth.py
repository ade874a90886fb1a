"""How much state or support a layer needs as samples grow longer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from itnas.figures.palette import DASHES
from itnas.figures.text import plain
from itnas.figures.theme import family_colour, figure, nothing
from itnas.slopes import half, slope

if TYPE_CHECKING:
    import plotly.graph_objects as go

# What is needed of each family.
WORDS = {"recurrence": "state", "convolution": "support", "local": "nearest points"}
SYMBOLS = {"recurrence": "circle", "convolution": "square", "local": "diamond"}
MOST = 200  # lengths
MOST_FAMILIES = 6


class Needed(NamedTuple):
    """By length, rising; None: more than was tried. `slope`: see `itnas.slopes`."""

    family: str
    lengths: list[int]
    needs: list[int | None]
    slope: float | None

    @property
    def counted(self) -> list[float]:
        """Budgets, and half the length where none was found."""
        return [half(length) if need is None else need for length, need in zip(self.lengths, self.needs, strict=True)]


class Grown(NamedTuple):
    lines: list[Needed]
    remark: str


def prepare(states: Sequence[Mapping[str, Any]]) -> Grown:
    """From rows with `family, length, needed`."""
    families: dict[str, dict[int, int | None]] = {}
    for row in states:
        length, needed = _count(row.get("length")), _count(row.get("needed"))
        if length:
            families.setdefault(str(row.get("family")), {})[length] = needed
    lines = []
    for family, found in list(families.items())[:MOST_FAMILIES]:
        lengths = sorted(found)[:MOST]
        kept = {length: found[length] for length in lengths}
        lines.append(Needed(family, lengths, list(kept.values()), slope(kept)))
    missing = any(need is None for line in lines for need in line.needs)
    return Grown(lines, "arrows: more was needed than was tried; half the length is drawn" if missing else "")


def _count(value: object) -> int | None:
    known = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
    return int(value) if known else None  # type: ignore[call-overload]


def draw(info: Grown) -> go.Figure:
    """Both axes logarithmic, so that a slope of 1 grows with the length. Arrows: more than tried."""
    if not info.lines:
        return nothing("no budgets by length are kept of this layer")
    traces = [trace for number, line in enumerate(info.lines) for trace in _traces(line, number)]
    lengths = sorted({length for line in info.lines for length in line.lengths})
    top = max(count for line in info.lines for count in line.counted)
    ticks = [0, *(2**power for power in range(int(top + 1).bit_length()))]
    lengths = lengths if len(lengths) <= 8 else [lengths[len(lengths) * place // 8] for place in range(8)]
    x = {"title": "points", "type": "log", "tickvals": lengths, "ticktext": [str(each) for each in lengths]}
    y = {"title": "needed", "type": "log", "tickvals": [1 + tick for tick in ticks], "ticktext": [*map(str, ticks)],
         "range": [math.log10(0.8), math.log10(1.6 * (1 + top))]}  # fmt: skip
    return figure(traces, x=x, y=y, showlegend=True)


def _traces(line: Needed, number: int) -> list[dict[str, Any]]:
    """What was found, and the straight line through it."""
    word = WORDS.get(line.family, plain(line.family))
    grows = "" if line.slope is None else f", slope {line.slope:.2f}"
    symbol = SYMBOLS.get(line.family, "cross")
    colour = family_colour(line.family)
    found = {
        "type": "scatter",
        "x": line.lengths,
        "y": [1 + count for count in line.counted],
        "mode": "markers",
        "marker": {"symbol": ["arrow-up" if need is None else symbol for need in line.needs], "size": 11,
                   "color": colour},
        "customdata": [-1 if need is None else need for need in line.needs],
        "text": ["more than tried" if need is None else str(need) for need in line.needs],
        "hovertemplate": f"{word} at %{{x}} points: %{{text}}<extra></extra>",
        "name": f"{word} ({plain(line.family)}){grows}",
        "cliponaxis": False,
    }  # fmt: skip
    if line.slope is None:
        return [found]
    xs, ys = ([math.log(each) for each in line.lengths], [math.log1p(each) for each in line.counted])
    level = sum(ys) / len(ys) - line.slope * sum(xs) / len(xs)
    ends = [line.lengths[0], line.lengths[-1]]
    through = {
        "type": "scatter",
        "x": ends,
        "y": [math.exp(level + line.slope * math.log(end)) for end in ends],
        "mode": "lines",
        "line": {"color": colour, "width": 1.5, "dash": DASHES[number % len(DASHES)]},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    return [found, through]
