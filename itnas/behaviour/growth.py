"""How budgets grow with the length: what stays bounded is a recurrence's state, what grows is attention's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from itnas.behaviour.thresholds import Thresholds


@dataclass(frozen=True)
class Growth:
    """Budgets by length (None where no budget sufficed) and the slope of log(1 + budget) on log N."""

    budgets: Mapping[int, int | None]
    slope: float | None  # None: only one length, or no budget sufficed at any

    def trend(self, thresholds: Thresholds) -> Literal["bounded", "undecided", "grows"]:
        """Where no budget suffices at the longest length, it grows beyond what was tried; where none does at a shorter
        one, it cannot be said to be bounded."""
        if self.budgets[max(self.budgets)] is None:
            return "grows"
        if self.slope is None:
            return "undecided"
        if self.slope > thresholds.grows:
            return "grows"
        complete = None not in self.budgets.values()
        return "bounded" if self.slope < thresholds.bounded and complete else "undecided"


def growth(budgets: Mapping[int, int | None]) -> Growth:
    """Least squares; a budget that was not found counts as half the length, more than is tried."""
    points = [(math.log(length), math.log1p(length / 2 if need is None else need)) for length, need in budgets.items()]
    if len(points) < 2 or all(need is None for need in budgets.values()):
        return Growth(dict(sorted(budgets.items())), None)
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)
    return Growth(dict(sorted(budgets.items())), slope)
