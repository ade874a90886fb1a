"""The order in which evidence is read. This is the one place where a family is named.

Growth needs several lengths; with one, trends are undecided, and what depends on them falls through to the next rule. A
state of at most N/16 needs no trend to be called small.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
    """How budgets grow with the length."""

    state: Growth | None
    support: Growth | None
    near: Growth | None  # of local replacements

    @classmethod
    def of(cls, by_length: Mapping[int, Evidence]) -> Trends:
        def follow(family: str) -> Growth | None:
            own = {length: each.needed(family) for length, each in by_length.items() if family in each.curves}
            return growth(own) if own else None

        return cls(follow("recurrence"), follow("convolution"), follow("local"))


def decide(by_length: Mapping[int, Evidence], thresholds: Thresholds) -> Reading:
    """Name what a layer became, from its evidence at each length; the longest one counts, the others show growth."""
    main, trends = by_length[max(by_length)], Trends.of(by_length)
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
    small = near is not None and (main.within <= max(main.length / 2, 4) or _stays(trends.near))
    ends = small and main.compact
    support, state = main.needed("convolution"), main.needed("recurrence")
    # From one direction to two is steep, and nothing yet.
    grows = trends.state is not None and trends.state.trend(thresholds) == "grows"
    grows = grows and (state is None or state > thresholds.smallest_bound)
    if support is not None:
        found = trends.state is not None and None not in trends.state.budgets.values()
        summary = state is not None and found and not grows and state < main.length / thresholds.points_per_state
        if not summary or ends or support <= 2 * max(state or 0, 1) * main.directions:
            return Reading("convolution", f"content-free, and {support} offsets keep it")
        return Reading("recurrence", f"content-free; {state} states keep what would take {support} offsets")
    if near is not None and ends and near <= 2 * max(state or near, 1) + 2:
        return Reading("local", f"nothing beyond the nearest {near} points or so counts, and contents do")
    # A fixed matrix wins ties with attention, not more.
    fixed = holds("dense") and main.value("dense") >= main.value("attention") - thresholds.tie
    # A state of one number that contents address is attention; one that all points share alike is none. Of a layer that
    # is known by its answers alone nobody can tell, so there whatever keeps a small state is a recurrence.
    if state == 1 and not grows and (fixed or not holds("attention")):
        # What remembers no further than a tap or two is no memory, whatever a softmax lets through from beyond.
        if near is not None and small and near <= 2 * main.directions and not fixed:
            return Reading("local", f"the nearest {near} points keep it, and their contents count")
        return Reading("recurrence", "one state that serves every future keeps it")
    bounded = _bounded(trends.state, state, main.length, thresholds)
    tiny = state is not None and state <= thresholds.smallest_bound
    if main.opaque and bounded and not fixed and (tiny or not holds("attention")):
        return Reading("recurrence", f"{state} states keep it, and no more at greater length")
    if fixed:
        return Reading("dense", "content-free, but different from place to place")
    if near is not None and small and (not state or near - 1 <= state):
        return Reading("local", f"the nearest {near} points keep it, and their contents count")
    if holds("attention"):
        return Reading("attention", "contents alone say who is looked at")
    # Contents times a profile that fades are also a gated recurrence; which of the two, its state tells.
    if holds("positional") and not tiny:
        return Reading("attention", "contents and a profile of the offset say who is looked at")
    # A small state that says all is simpler than a sum of two, even where nobody can tell yet how it grows.
    small_state = state is not None and not grows and state <= thresholds.state_bound(main.length)
    if main.opaque and small_state:
        return Reading("recurrence", f"{state} states keep it, which is few for {main.length} points")
    if main.parts is None:
        return OPEN
    if main.parts:
        return Reading(MIXED, f"a sum of two mechanisms: {' and '.join(main.parts)}", main.parts)
    if holds("neighbouring") and (state is None or grows):
        return Reading("attention", "contents of neighbouring points together say who is looked at")
    # Where all else has failed, a state may be twice as large, if there is any telling whether it grows.
    most = thresholds.state_bound(main.length) * (2 if len(by_length) > 1 else 1)
    if state is not None and not grows and state <= most:
        return Reading("recurrence", f"{state} states keep it, and nothing else does")
    return Reading(MIXED, "no family keeps it, nor a sum of two")


def _stays(near: Growth | None) -> bool:
    """Whether a neighbourhood is as large at the longest length as at the one before."""
    known = [] if near is None else list(near.budgets.values())[-2:]
    return len(known) == 2 and None not in known and known[0] == known[1]


def _bounded(state: Growth | None, needed: int | None, length: int, thresholds: Thresholds) -> bool:
    """Whether a state stays small. Of one or two directions the slope says nothing: from 1 to 2 is already steep."""
    if needed is None or state is None:
        return False
    if needed <= thresholds.smallest_bound:
        return True
    return state.trend(thresholds) == "bounded" and needed <= thresholds.state_bound(length)
