"""Delay: say what was said some steps ago."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np
import torch

from itnas.tasks.base import Task, register
from itnas.tasks.batch import Batch


@register
@dataclass(frozen=True)
class Delay(Task):
    """The target at point i is x_(i-delay); the first `delay` points are not scored.

    More `delay`, more `vocab`: harder for whatever has to carry all tokens in between; not so for one distant tap.
    """

    name = "delay"
    summary = "Random tokens; at every point the token a fixed number of steps ago."
    expects = (
        "Convolution with one distant tap: which point matters follows from the distance alone, "
        "while a recurrence would have to store every token in between."
    )
    causal = True

    delay: int = 8
    vocab: int = 16

    _: KW_ONLY
    steps: int = 500

    def check_settings(self) -> None:
        if self.delay < 1 or self.vocab < 2:
            raise ValueError(
                f"task {self.name}: delay must be at least 1 and vocab at least 2, "
                f"got delay={self.delay}, vocab={self.vocab}"
            )

    @property
    def vocabulary(self) -> int:
        return self.vocab

    @property
    def outputs(self) -> int:
        return self.vocab

    @property
    def chance(self) -> float:
        return 1 / self.vocab

    @property
    def shortest(self) -> int:
        """One point has to see what was there `delay` steps before."""
        return self.delay + 1

    def draw(self, rng: np.random.Generator, size: int, length: int) -> Batch:
        tokens = torch.from_numpy(rng.integers(self.vocab, size=(size, length)))
        targets = torch.zeros_like(tokens)
        targets[:, self.delay :] = tokens[:, : -self.delay]
        mask = torch.zeros(size, length, dtype=torch.bool)
        mask[:, self.delay :] = True
        return Batch(tokens, targets, mask)
