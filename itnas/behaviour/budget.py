"""The smallest budget that keeps enough, by bisection, and the curve that is seen on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from itnas.behaviour.fidelity import Fidelity


@dataclass(frozen=True)
class Curve:
    """Fidelities by budget, rising order. `needed`: the smallest budget that suffices; None: none does."""

    points: tuple[tuple[int, Fidelity], ...] = field(default=())
    needed: int | None = None

    @property
    def best(self) -> Fidelity:
        """At the budget needed, else at the largest."""
        if not self.points:
            return Fidelity(0.0, 0.0, 0.0)
        found = [fidelity for budget, fidelity in self.points if budget == self.needed]
        return found[0] if found else self.points[-1][1]

    def at(self, budget: int) -> float:
        """The largest fidelity seen within a budget: a curve that only rises."""
        return max([0.0, *(fidelity.value for own, fidelity in self.points if own <= budget)])


def smallest(measure: Callable[[int], Fidelity], most: int, enough: float, least: int = 1) -> Curve:
    """Budgets double until one suffices; between the last two it is bisected."""
    seen: dict[int, Fidelity] = {}

    def suffices(budget: int) -> bool:
        if budget not in seen:
            seen[budget] = measure(budget)
        return seen[budget].value >= enough

    low, high = least - 1, least
    while not suffices(high):
        if high >= most:
            return Curve(tuple(sorted(seen.items())))
        low, high = high, min(max(2 * high, 1), most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle, high)
    return Curve(tuple(sorted(seen.items())), high)
