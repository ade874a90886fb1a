"""Induction: after a trigger comes what came after it the first time."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np
import torch

from itnas.tasks.base import Task, register
from itnas.tasks.batch import Batch


@register
@dataclass(frozen=True)
class Induction(Task):
    """Every trigger occurs twice: at a random place, before its answer, and among the last points, as a query.

    Tokens 0 to vocab - 1 are ordinary, the others triggers. Answers are ordinary tokens, and a trigger's first
    occurrence is never followed by another trigger: a query has exactly one answer. More `triggers`: more to remember.
    """

    name = "induction"
    summary = "Random tokens among which triggers appear; at the end each again, to be answered by the token after it."
    expects = (
        "Attention: a layer that looks one step back, then one that looks up the trigger (an induction head); "
        "a gated recurrence does as well as long as its state holds one answer a trigger."
    )
    causal = True

    triggers: int = 1
    vocab: int = 16  # ordinary tokens

    _: KW_ONLY
    length: int = 32
    steps: int = 1500

    def check_settings(self) -> None:
        if self.triggers < 1 or self.vocab < 2:
            raise ValueError(
                f"task {self.name}: triggers must be at least 1 and vocab at least 2, "
                f"got triggers={self.triggers}, vocab={self.vocab}"
            )

    @property
    def vocabulary(self) -> int:
        return self.vocab + self.triggers

    @property
    def outputs(self) -> int:
        return self.vocab

    @property
    def chance(self) -> float:
        return 1 / self.vocab

    @property
    def shortest(self) -> int:
        """Every trigger with its answer, and once more."""
        return 3 * self.triggers

    def draw(self, rng: np.random.Generator, size: int, length: int) -> Batch:
        tokens = rng.integers(self.vocab, size=(size, length))
        rows = np.arange(size)[:, None]
        # Places of k dominoes on m cells are k of m - k cells, each domino before them pushing one further.
        cells = length - 2 * self.triggers
        chosen = rng.random((size, cells)).argsort(1)[:, : self.triggers]
        chosen.sort(1)
        first = chosen + np.arange(self.triggers)
        asked = rng.random((size, self.triggers)).argsort(1)  # trigger number of each query
        told = rng.random((size, self.triggers)).argsort(1)  # and of each first occurrence
        answers = np.empty_like(asked)
        answers[rows, told] = tokens[rows, first + 1]
        tokens[rows, first] = self.vocab + told
        tokens[:, length - self.triggers :] = self.vocab + asked
        targets = np.zeros_like(tokens)
        targets[:, length - self.triggers :] = answers[rows, asked]
        mask = torch.zeros(size, length, dtype=torch.bool)
        mask[:, length - self.triggers :] = True
        return Batch(torch.from_numpy(tokens), torch.from_numpy(targets), mask)
