"""Tasks that sketch a sample before they paint it."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from itnas.tasks.base import Task
from itnas.tasks.batch import Batch
from itnas.tasks.stream import SHARES, SPLITS, generator, splits_of

Sketch = Mapping[str, NDArray[Any]]  # what a sample shows: numbers [B, ...] under their names


@dataclass(frozen=True)
class Sketched(Task, abc.ABC):
    """A sample's sketch names its split, and only the samples that are asked for are painted.

    Fifteen of sixteen samples drawn for validation belong elsewhere: painting their pixels would take most of the time.
    """

    @abc.abstractmethod
    def sketch(self, rng: np.random.Generator, size: int, length: int) -> Sketch:
        """What `size` samples show."""

    @abc.abstractmethod
    def paint(self, rng: np.random.Generator, sketch: Sketch, length: int) -> Batch:
        """The samples of a sketch; `rng` adds what does not matter."""

    def arranged(self, split: str, sketch: Sketch, length: int) -> Sketch:
        """The sketch as its split shows it."""
        return sketch

    def draw(self, rng: np.random.Generator, size: int, length: int) -> Batch:
        return self.paint(rng, self.sketch(rng, size, length), length)

    def _distinct(self, split: str, key: tuple[object, ...], size: int, length: int) -> Batch:
        rng = generator(*key)
        kept: list[Sketch] = []
        missing = size
        for _ in range(100):
            drawn = self.sketch(rng, int(missing / SHARES[split] * 1.1) + 8, length)
            rows = np.flatnonzero(splits_of(_content(drawn)) == SPLITS.index(split))[:missing]
            kept.append({name: part[rows] for name, part in drawn.items()})
            missing -= len(rows)
            if not missing:
                sketch = {name: np.concatenate([each[name] for each in kept]) for name in drawn}
                return self.paint(rng, self.arranged(split, sketch, length), length)
        raise ValueError(
            f"task {self.label}: at length {length} there are too few samples to keep a {split} split apart"
        )


def _content(sketch: Sketch) -> NDArray[np.float64]:
    parts = [part.reshape(len(part), -1).astype(np.float64) for part in sketch.values()]
    return np.concatenate(parts, axis=1)
