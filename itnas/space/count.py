"""How many different genomes a space holds: assignments whose differences have no effect are one genome."""

from __future__ import annotations

from dataclasses import dataclass

from itnas.space.estimate import Identity, estimate
from itnas.space.guides import assignments, size_of
from itnas.space.tree import Names, Part

MOST_ASSIGNMENTS = 20_000


@dataclass(frozen=True)
class Count:
    """`number` genomes, or between `low` and `high` with 95 % confidence; None: continuous, without end."""

    number: int | None
    exact: bool
    low: int | None
    high: int | None

    def __str__(self) -> str:
        if self.number is None:
            return "unbounded (continuous)"
        if self.exact:
            return f"{self.number:,}"
        low, high = self.low or 0, self.high or 0
        # More digits than the interval leaves would claim more than is known.
        digits = 2 if 10 * (high - low) > self.number else 3
        return f"about {figure(self.number, digits)} ({figure(low, digits)} to {figure(high, digits)})"


def figure(number: int, digits: int = 2) -> str:
    """The leading digits of a large number."""
    if number < 1000:
        return str(number)
    if number < 10**9:
        return f"{float(f'{number:.{digits}g}'):,.0f}"
    leading, power = f"{float(number):.{digits - 1}e}".split("e")
    return f"{leading}e{int(power)}"


def count_genomes(root: Part, names: Names, identity: Identity, limit: int) -> Count:
    """Count where there are at most `limit` assignments, estimate otherwise."""
    size = size_of(root)
    if size is None:
        return Count(None, False, None, None)
    if size <= limit:
        number = len({identity(each.document) for each in assignments(root, names)})
        return Count(number, True, number, number)
    number, low, high = estimate(root, names, identity, size)
    return Count(number, False, low, high)
