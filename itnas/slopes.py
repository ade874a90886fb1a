"""How budgets grow with the length."""

from __future__ import annotations

import math
from collections.abc import Mapping


def slope(budgets: Mapping[int, int | None]) -> float | None:
    """Of log(1 + budget) on log N, by least squares: 0 stays, 1 grows in proportion. A budget that was not found counts
    as half the length, more than is tried. None: there is one length only, or nothing was found."""
    if len(budgets) < 2 or all(need is None for need in budgets.values()):
        return None
    points = [
        (math.log(length), math.log1p(half(length) if need is None else need)) for length, need in budgets.items()
    ]
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)


def half(length: int) -> float:
    """What a budget counts as that was not found at a length."""
    return length / 2
