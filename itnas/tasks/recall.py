"""Associative recall with many queries (MQAR; Arora et al., arXiv 2312.04927; code: HazyResearch/zoology)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch

from itnas.tasks.base import Task, register
from itnas.tasks.batch import Batch
from itnas.tasks.mad import Ints, distinct


def _figure2(length: int, pairs: int, batch_size: int) -> dict[str, Any]:
    """A setting of figure 2 of the paper: 64 epochs of 100,000 examples."""
    return {
        "vocab": 8192,
        "length": length,
        "pairs": pairs,
        "batch_size": batch_size,
        "examples": 100_000,
        "steps": 64 * (100_000 // batch_size),
    }


@register
@dataclass(frozen=True)
class Recall(Task):
    """All pairs of a key and a value first, then each key once more, at random places; scored there, on its value.

    Keys are drawn from 1 to vocab/2 - 1, values from vocab/2 to vocab - 1, both without repeats. Behind the pairs come
    slots of two points; key by key, one that is still free is drawn, slot i with weight i^(power - 1), and the key
    returns at its first point. The other points are token 0 as in figure 2 of the paper, or any token with
    filler=random. Samples of another length than `length` hold proportionally many pairs (as far as there are keys):
    only where there is more to remember can a memory that grows with length show.
    """

    name = "recall"
    summary = "Pairs of a key and a value go in, then the keys again; at each, its value comes out."
    expects = (
        "Attention, after a shift by one that ties each value to its key: a recurrence needs a state for every pair."
    )
    # The pairs come first, and nothing behind a query tells its value; but the networks compared are language models.
    causal = True
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "zoology-64": _figure2(64, 4, 512),
        "zoology-128": _figure2(128, 8, 512),
        "zoology-256": _figure2(256, 16, 256),
        "zoology-512": _figure2(512, 64, 128),
    }

    vocab: int = 40
    pairs: int = 8
    power: float = 0.01
    filler: Literal["zero", "random"] = "zero"

    def check_settings(self) -> None:
        keys = self.vocab // 2 - 1
        if not 1 <= self.pairs <= keys:
            raise ValueError(
                f"task {self.name}: pairs must lie between 1 and the number of keys, vocab // 2 - 1 = {keys}, "
                f"got pairs={self.pairs}"
            )
        if 4 * self.pairs > self.length:
            raise ValueError(
                f"task {self.name}: 4 x pairs <= length must hold, got pairs={self.pairs}, length={self.length}"
            )
        if not 0 < self.power < np.inf:
            raise ValueError(f"task {self.name}: power must be positive and finite, got power={self.power}")

    @property
    def vocabulary(self) -> int:
        return self.vocab

    @property
    def outputs(self) -> int:
        return self.vocab

    @property
    def chance(self) -> float:
        return 1 / (self.vocab - self.vocab // 2)

    @property
    def shortest(self) -> int:
        """One pair and its query, which take two points each."""
        return 4

    def pairs_at(self, length: int) -> int:
        """Pairs in a sample of that length."""
        return max(min(self.pairs * length // self.length, self.vocab // 2 - 1), 1)

    def draw(self, rng: np.random.Generator, size: int, length: int) -> Batch:
        pairs, half = self.pairs_at(length), self.vocab // 2
        keys = 1 + distinct(rng, size, pairs, half - 1)
        values = half + distinct(rng, size, pairs, self.vocab - half)
        inputs = np.zeros((size, length), dtype=np.int64)
        inputs[:, 0 : 2 * pairs : 2] = keys
        inputs[:, 1 : 2 * pairs : 2] = values
        places = 2 * pairs + 2 * self._slots(rng, size, pairs, (length - 2 * pairs) // 2)
        np.put_along_axis(inputs, places, keys, 1)
        if self.filler == "random":
            empty = inputs == 0
            inputs[empty] = rng.integers(0, self.vocab, int(empty.sum()))
        targets = np.zeros((size, length), dtype=np.int64)
        np.put_along_axis(targets, places, values, 1)
        mask = np.zeros((size, length), dtype=bool)
        np.put_along_axis(mask, places, True, 1)
        return Batch(torch.from_numpy(inputs), torch.from_numpy(targets), torch.from_numpy(mask))

    def _slots(self, rng: np.random.Generator, size: int, pairs: int, slots: int) -> Ints:
        """Slots [size, pairs] drawn one after the other without replacement, slot i with weight i^(power - 1)."""
        weights = np.arange(1, slots + 1, dtype=np.float64) ** (self.power - 1)
        # Exponential clocks of these rates ring in the order of weighted draws without replacement.
        rings = rng.standard_exponential((size, slots)) / weights
        return np.argsort(rings, axis=1)[:, :pairs]
