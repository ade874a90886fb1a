"""Parity: is the number of ones so far odd?"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np
import torch

from itnas.tasks.base import Task, register
from itnas.tasks.batch import Batch


@register
@dataclass(frozen=True)
class Parity(Task):
    """The target at point i is x_1 + ... + x_i modulo 2, for independent bits that are one with probability `flip`.

    Longer samples are harder; fewer flips make the last state a good guess of the next.
    """

    name = "parity"
    summary = "Random bits; at every point whether the number of ones so far is odd."
    expects = (
        "Recurrence with one bit of state: every single input changes every later target, "
        "which no short filter and no fixed number of attention layers follows at all lengths."
    )
    causal = True

    flip: float = 0.5  # share of ones

    _: KW_ONLY
    steps: int = 500

    def check_settings(self) -> None:
        if not 0 < self.flip < 1:
            raise ValueError(f"task {self.name}: flip must lie between 0 and 1, got flip={self.flip}")

    @property
    def vocabulary(self) -> int:
        return 2

    @property
    def outputs(self) -> int:
        return 2

    @property
    def chance(self) -> float:
        """The sum of i bits is even with probability (1 + (1 - 2 flip)^i) / 2: the early points can be guessed."""
        bias = np.abs(1 - 2 * self.flip) ** np.arange(1, self.length + 1)
        return float(np.mean(1 + bias) / 2)

    def draw(self, rng: np.random.Generator, size: int, length: int) -> Batch:
        bits = (rng.random((size, length)) < self.flip).astype(np.int64)
        return Batch(torch.from_numpy(bits), torch.from_numpy(bits.cumsum(1) % 2))
