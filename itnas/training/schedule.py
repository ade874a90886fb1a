"""How long to train, and how the learning rate rises and falls meanwhile."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Literal

from itnas.registry import check_choice

UNITS = ("steps", "samples", "seconds")


@dataclass(frozen=True)
class Budget:
    """`amount` of `unit`: training steps, samples (per replica), or seconds of this machine."""

    amount: float
    unit: Literal["steps", "samples", "seconds"] = "steps"

    def __post_init__(self) -> None:
        check_choice("unit of a budget", self.unit, UNITS)
        if not 0 < self.amount < math.inf:
            raise ValueError(f"a budget must be positive and finite, got {self.amount} {self.unit}")

    def steps(self, batch_size: int) -> int | None:
        """Number of steps, where it is known beforehand."""
        if self.unit == "seconds":
            return None
        return math.ceil(self.amount if self.unit == "steps" else self.amount / batch_size)


@dataclass
class Clock:
    """How much of a budget is spent. Seconds go on where an interrupted training left off."""

    budget: Budget
    batch_size: int
    seconds: float = 0.0  # spent before `started`
    started: float = field(default_factory=time.perf_counter)

    @property
    def total(self) -> int | None:
        return self.budget.steps(self.batch_size)

    def elapsed(self) -> float:
        return self.seconds + time.perf_counter() - self.started

    def progress(self, step: int) -> float:
        """Share of the budget spent after `step` steps, 0 to 1."""
        if self.total is None:
            return min(self.elapsed() / self.budget.amount, 1.0)
        return step / self.total


def rate_factor(progress: float, warmup: float, stride: float = 0.0) -> float:
    """What the learning rate is multiplied by: up a straight line, then down half a cosine to 0.

    `stride` is one step's share of the budget: the first step of a warm-up does not wait at 0.
    """
    if progress + stride <= warmup:
        return (progress + stride) / warmup
    return 0.5 * (1 + math.cos(math.pi * max(progress - warmup, 0.0) / (1 - warmup)))
