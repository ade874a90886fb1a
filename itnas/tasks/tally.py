"""Scores of many samples that come in portions."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable

import torch
from torch import Tensor

from itnas.tasks.batch import Batch


class Tally(abc.ABC):
    """Takes in outputs portion by portion, and says what they score together."""

    @abc.abstractmethod
    def add(self, outputs: Tensor, batch: Batch) -> None: ...

    @abc.abstractmethod
    def score(self) -> float | None:
        """None where nothing was scored, or where the score is not a number."""


class MeanTally(Tally):
    """The weighted mean over portions of a score that each portion has by itself."""

    def __init__(self, score: Callable[[Tensor, Batch], tuple[float, float]]) -> None:
        self._score = score
        self.sum, self.weight = 0.0, 0.0

    def add(self, outputs: Tensor, batch: Batch) -> None:
        score, weight = self._score(outputs, batch)
        self.sum += score * weight
        self.weight += weight

    def score(self) -> float | None:
        return self.sum / self.weight if self.weight and math.isfinite(self.sum) else None


class WholeTally(Tally):
    """A score that is no mean over portions (a correlation, F1): all outputs are kept, and scored at the end."""

    def __init__(self, score: Callable[[Tensor, Tensor], float]) -> None:
        self._score = score
        self.outputs: list[Tensor] = []
        self.targets: list[Tensor] = []

    def add(self, outputs: Tensor, batch: Batch) -> None:
        self.outputs.append(outputs)
        self.targets.append(batch.targets)

    def score(self) -> float | None:
        if not self.outputs:
            return None
        found = self._score(torch.cat(self.outputs), torch.cat(self.targets))
        return found if math.isfinite(found) else None
