"""How budgets grow with the length: what stays bounded is a recurrence's state, what grows is attention's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from itnas.behaviour.thresholds import Thresholds
from itnas.slopes import slope


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
    return Growth(dict(sorted(budgets.items())), slope(budgets))
