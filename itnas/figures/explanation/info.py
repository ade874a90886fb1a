"""Verdicts and their evidence as plain data: what there is to draw, and how it is labelled."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from itnas.figures.explanation.verdict_row import Row, verdict_row
from itnas.shown import counted

if TYPE_CHECKING:
    import pandas as pd

LOWEST = -0.2  # fidelities below are drawn here: how much worse than nothing a replacement is does not matter
MOST_HEADS, MOST_CHANNELS, MOST_EXAMPLES = 8, 4, 3
# What budgets count.
UNITS = {"convolution": "offset", "local": "nearest point"}
STATE_UNIT = "number per head"


class Kernels(NamedTuple):
    """What is known of one layer's kernel, by head. `averaged` [H, n, n]: over samples, None where points lie elsewhere
    in each sample; where heads are output channels, of sizes. `examples` [E, H, n, n]. `shown`: the points that rows
    and columns stand for."""

    averaged: NDArray[Any] | None
    examples: NDArray[Any]
    shown: NDArray[Any]
    samples: int
    channels: bool = False


class Picture(NamedTuple):
    """One kernel. `limit`: the size at which its colours are full."""

    title: str
    kernel: NDArray[np.float32]
    limit: float


class Head(NamedTuple):
    title: str
    pictures: list[Picture]


class Line(NamedTuple):
    """The fidelity of one family. Those without a budget have one value, which is drawn all along."""

    family: str
    budgeted: bool
    budgets: list[int]
    values: list[float]
    told: list[str]  # of each value, with its interval
    needed: int | None
    summary: str = ""  # what the family leaves of a kernel

    @property
    def best(self) -> str:
        return self.told[self.values.index(max(self.values))]

    @property
    def needed_text(self) -> str:
        """The budget that suffices, with its unit."""
        if self.needed is None:
            return "more than tried" if self.budgeted else ""
        unit = UNITS.get(self.family, STATE_UNIT)
        return counted(self.needed, unit) if self.budgeted else ""


class Panel(NamedTuple):
    """One layer. `states`: None where more was needed than was tried."""

    heading: str
    family: str
    sentence: str
    verdicts: list[dict[str, str]]  # of the layer, and of its heads
    drawn: str  # whose kernels there are
    heads: list[Head]
    shown: list[int]
    lines: list[Line]
    lengths: list[int]
    states: list[int | None]


class Network(NamedTuple):
    """One replica. `said`: what there is to say of all of it."""

    replica: int
    said: list[str]
    panels: list[Panel]


class Explained(NamedTuple):
    title: str
    said: list[str]
    networks: list[Network]
    enough: float


def prepare(
    rows: Sequence[Row],
    curves: pd.DataFrame,
    states: pd.DataFrame,
    kernels: Sequence[Kernels],
    *,
    title: str,
    enough: float,
    said: Sequence[str] = (),
    said_of: Mapping[int, Sequence[str]] | None = None,
) -> Explained:
    """`rows`: of layers, each followed by those of its heads, as `Explanation.rows()` has them. `curves` and `states`:
    long tables, whose `layer` is the row's number. `kernels`: one for each layer. `enough`: the fidelity that is asked
    for. `said`: lines about all replicas; `said_of`: about each."""
    starts = [number for number, row in enumerate(rows) if row["head"] is None]
    found: dict[int, list[Panel]] = {}
    for start, end, own in zip(starts, [*starts[1:], len(rows)], kernels, strict=True):
        needs = [_states(states, number) for number in range(start, end)]
        panel = _panel(rows[start:end], curves[curves["layer"] == start], needs, own)
        found.setdefault(int(rows[start]["replica"]), []).append(panel)
    about = said_of or {}
    networks = [Network(replica, list(about.get(replica, ())), panels) for replica, panels in found.items()]
    return Explained(title, list(said), networks, enough)


def _panel(rows: Sequence[Row], curves: pd.DataFrame, needs: list[dict[int, int | None]], kernels: Kernels) -> Panel:
    layer = rows[0]
    lengths = sorted({length for own in needs for length in own})
    return Panel(
        heading=f"Layer {layer['layer'] + 1}: {layer['name']} ({layer['kind']})",
        family=str(layer["family"]),
        sentence=str(layer["sentence"]),
        verdicts=[verdict_row(row, own, lengths) for row, own in zip(rows, needs, strict=True)],
        drawn=_drawn(kernels),
        heads=_heads(kernels, {int(row["head"]): row for row in rows[1:]}),
        shown=[int(each) for each in kernels.shown],
        lines=_lines(curves),
        lengths=list(needs[0]),
        states=list(needs[0].values()),
    )


def _states(states: pd.DataFrame, number: int) -> dict[int, int | None]:
    """Of a recurrence: None where more was needed than was tried."""
    own = states[(states["layer"] == number) & (states["family"] == "recurrence")].sort_values("length")
    needs = own["needed"].astype(float)
    pairs = zip(own["length"], needs, strict=True)
    return {int(length): None if math.isnan(need) else int(need) for length, need in pairs}


def _drawn(kernels: Kernels) -> str:
    """Of channels only some are known."""
    count = kernels.examples.shape[1]
    if kernels.channels:
        return f"the first {counted(min(count, MOST_CHANNELS), 'channel')}"
    return f"the first {MOST_HEADS} of {count} heads" if count > MOST_HEADS else counted(count, "head")


def _heads(kernels: Kernels, rows: Mapping[int, Row]) -> list[Head]:
    """The first few, with what became of them."""
    found = []
    unit, most = ("channel", MOST_CHANNELS) if kernels.channels else ("head", MOST_HEADS)
    for number in range(min(kernels.examples.shape[1], most)):
        row = rows.get(number)
        became = "" if row is None else f": {row['family']}, {row['share']:.0%} of the output"
        found.append(Head(f"{unit} {number + 1}{became}", _pictures(kernels, number)))
    return found


def _pictures(kernels: Kernels, head: int) -> list[Picture]:
    size = "size, " if kernels.channels else ""
    pictures = [(f"sample {number + 1}", each[head]) for number, each in enumerate(kernels.examples[:MOST_EXAMPLES])]
    if kernels.averaged is not None:
        pictures.insert(0, (f"{size}mean of {counted(kernels.samples, 'sample')}", kernels.averaged[head]))
    numbers = [(title, np.nan_to_num(kernel).astype(np.float32)) for title, kernel in pictures]
    return [Picture(title, kernel, _limit(kernel)) for title, kernel in numbers]


def _limit(kernel: NDArray[np.float32]) -> float:
    """What all but the largest hundredth of the entries stay within: the first row of a softmax is 1, and would pale
    the rest."""
    size = np.abs(kernel[kernel != 0])
    return float(max(np.quantile(size, 0.99), size.max() / 10)) if size.size else 1.0


def _lines(curves: pd.DataFrame) -> list[Line]:
    found = []
    for family, own in curves[curves["value"].notna()].groupby("family", sort=False):
        own = own.sort_values("budget")
        needed = own["needed"].dropna()
        rows = zip(own["value"], own["low"], own["high"], strict=True)
        found.append(
            Line(
                family=str(family),
                budgeted=bool(own["budgeted"].iloc[0]),
                budgets=own["budget"].tolist(),
                values=[max(value, LOWEST) for value in own["value"]],
                told=[_told(*row) for row in rows],
                needed=int(needed.iloc[0]) if len(needed) else None,
                summary=str(own["summary"].iloc[0]),
            )
        )
    return found


def _told(value: float, low: float, high: float) -> str:
    return f"{value:.2f}" + (f" ({low:.2f} to {high:.2f})" if math.isfinite(low) and math.isfinite(high) else "")
