"""Exponential average: the past of a noise, forgotten at a fixed rate."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass

import numpy as np
import torch

from itnas.tasks.base import Task, register
from itnas.tasks.batch import Batch


@register
@dataclass(frozen=True)
class ExponentialAverage(Task):
    """y_i = a y_(i-1) + (1-a) x_i of white noise x, y_0 = 0, a = 2^(-1/half_life), scaled to unit variance as i grows.

    That is y_i = a y_(i-1) + sqrt(1-a^2) x_i. With several `averages` each has twice the half life of the one before,
    and needs a state of its own. Longer half lives are harder for short filters, not for a recurrence.
    """

    name = "exponential-average"
    summary = "White noise; at every point its average over the past, with weights that halve at a fixed rate."
    expects = "Recurrence with one state an average: a filter without a state needs taps over several half lives."
    metric = "r2"
    causal = True

    half_life: float = 8.0  # steps, of the first average
    averages: int = 1  # numbers per output

    _: KW_ONLY
    steps: int = 500

    def check_settings(self) -> None:
        if not (0 < self.half_life < math.inf) or not 1 <= self.averages <= 16:
            raise ValueError(
                f"task {self.name}: half_life must be finite and above 0 and averages 1 to 16, "
                f"got half_life={self.half_life}, averages={self.averages}"
            )

    @property
    def channels(self) -> int:
        return 1

    @property
    def outputs(self) -> int:
        return self.averages

    @property
    def chance(self) -> float:
        return 0.0

    def draw(self, rng: np.random.Generator, size: int, length: int) -> Batch:
        noise = rng.standard_normal((size, length, 1), dtype=np.float32)
        decay = 2.0 ** (-1.0 / (self.half_life * 2.0 ** np.arange(self.averages)))
        driven = noise * np.sqrt(1 - decay**2)  # float64: the sum runs over the whole sample
        average = np.empty_like(driven)
        state = np.zeros((size, self.averages))
        for point in range(length):
            state = decay * state + driven[:, point]
            average[:, point] = state
        return Batch(torch.from_numpy(noise), torch.from_numpy(average.astype(np.float32)))
