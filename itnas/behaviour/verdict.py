"""The order in which evidence is read. This is the one place where a family is named.

Growth needs several lengths; with one, trends are undecided, and what depends on them falls through to the next rule. A
state of at most N/16 needs no trend to be called small.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from itnas.behaviour.evidence import Evidence
from itnas.behaviour.growth import Growth, growth
from itnas.behaviour.thresholds import Thresholds

MIXED = "mixed"


@dataclass(frozen=True)
class Reading:
    """A family, and what it was read from."""

    family: str
    reason: str
    parts: tuple[str, ...] = ()
    by_heads: bool = False  # whether it is the heads' verdicts that account for the layer


# Nothing simple keeps it: `Examination.further` has to look before it can be named.
OPEN = Reading(MIXED, "no single family keeps it")


@dataclass(frozen=True)
class Trends:
    """How budgets grow with the length. Shorter lengths are looked at when a trend is asked for."""

    by_length: Mapping[int, Evidence]

    @cached_property
    def state(self) -> Growth | None:
        return self._followed("recurrence")

    @cached_property
    def support(self) -> Growth | None:
        return self._followed("convolution")

    @cached_property
    def near(self) -> Growth | None:
        """Of local replacements."""
        return self._followed("local")

    @property
    def complete(self) -> bool:
        """Whether a state sufficed at every length."""
        return self.state is not None and None not in self.state.budgets.values()

    def _followed(self, family: str) -> Growth | None:
        # A block of a union has points of its own: as many at all lengths, perhaps, and then nothing grows or stays.
        own = {each.length: each.needed(family) for _, each in sorted(self.by_length.items()) if family in each.curves}
        return growth(own) if own else None


def decide(by_length: Mapping[int, Evidence], thresholds: Thresholds) -> Reading:
    """Name what a layer became, from its evidence at each length; the longest one counts, the others show growth."""
    main, trends = by_length[max(by_length)], Trends(by_length)
    enough = thresholds.fidelity

    def holds(family: str) -> bool:
        return main.value(family) >= enough

    if main.functional and not main.span.skilled:
        return Reading("none", "the network is no better than guessing, so there is nothing to explain")
    if not main.span.significant(thresholds.floor):
        return Reading("none", "taking it out costs nothing that could be told from noise")
    if holds("pointwise") or (main.offsets == (0,) and main.needed("convolution") is not None):
        return Reading("pointwise", "its diagonal keeps what it does")
    if main.rho is not None and main.rho < thresholds.context and not main.functional:
        return Reading("pointwise", "other points account for next to nothing of what it says")
    near = main.needed("local")
    support, state = main.needed("convolution"), main.needed("recurrence")
    # Of one or two directions the slope says nothing: from 1 to 2 is already steep.
    tiny = state is not None and state <= thresholds.smallest_bound

    def small() -> bool:
        return near is not None and (main.within <= max(main.length / 2, 4) or _stays(trends.near))

    def grows() -> bool:
        return not tiny and trends.state is not None and trends.state.trend(thresholds) == "grows"

    ends = main.compact and small()
    if support is not None:
        few = state is not None and state < main.length / thresholds.points_per_state
        most = 2 * max(state or 0, 1) * main.directions
        if ends or support <= most or not few or grows() or not trends.complete:
            return Reading("convolution", f"content-free, and {support} offsets keep it")
        return Reading("recurrence", f"content-free; {state} states keep what would take {support} offsets")
    if near is not None and ends and near <= 2 * max(state or near, 1) + 2:
        return Reading("local", f"nothing beyond the nearest {near} points or so counts, and contents do")
    # A fixed matrix wins ties with attention, not more.
    fixed = holds("dense") and main.value("dense") >= main.value("attention") - thresholds.tie
    # A state of one number that contents address is attention; one that all points share alike is none. Of a layer that
    # is known by its answers alone nobody can tell, so there whatever keeps a small state is a recurrence.
    if state == 1 and (fixed or not holds("attention")):
        # What remembers no further than a tap or two is no memory, whatever a softmax lets through from beyond.
        if near is not None and near <= 2 * main.directions and not fixed and small():
            return Reading("local", f"the nearest {near} points keep it, and their contents count")
        return Reading("recurrence", "one state that serves every future keeps it")
    if main.opaque and not fixed and (tiny or (not holds("attention") and _bounded(trends, state, main, thresholds))):
        return Reading("recurrence", f"{state} states keep it, and no more at greater length")
    if fixed:
        return Reading("dense", "content-free, but different from place to place")
    if near is not None and (not state or near - 1 <= state) and small():
        return Reading("local", f"the nearest {near} points keep it, and their contents count")
    if holds("attention"):
        return Reading("attention", "contents alone say who is looked at")
    # Contents times a profile that fades are also a gated recurrence; which of the two, its state tells.
    if holds("positional") and not tiny:
        return Reading("attention", "contents and a profile of the offset say who is looked at")
    # A small state that says all is simpler than a sum of two, even where nobody can tell yet how it grows.
    if main.opaque and state is not None and state <= thresholds.state_bound(main.length) and not grows():
        return Reading("recurrence", f"{state} states keep it, which is few for {main.length} points")
    if main.parts is None:
        return OPEN
    if main.parts:
        return Reading(MIXED, f"a sum of two mechanisms: {' and '.join(main.parts)}", main.parts)
    if holds("neighbouring") and (state is None or grows()):
        return Reading("attention", "contents of neighbouring points together say who is looked at")
    # Where all else has failed, a state may be twice as large, if there is any telling whether it grows.
    most = thresholds.state_bound(main.length) * (2 if len(by_length) > 1 else 1)
    if state is not None and state <= most and not grows():
        return Reading("recurrence", f"{state} states keep it, and nothing else does")
    return Reading(MIXED, "no family keeps it, nor a sum of two")


def _stays(near: Growth | None) -> bool:
    """Whether a neighbourhood is as large at the longest length as at the one before."""
    known = [] if near is None else list(near.budgets.values())[-2:]
    return len(known) == 2 and None not in known and known[0] == known[1]


def _bounded(trends: Trends, needed: int | None, main: Evidence, thresholds: Thresholds) -> bool:
    """Whether a state that is not tiny stays small."""
    if needed is None or needed > thresholds.state_bound(main.length):
        return False
    return trends.state is not None and trends.state.trend(thresholds) == "bounded"
