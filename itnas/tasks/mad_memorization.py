"""Memorisation of MAD: a fixed dictionary that only the weights can hold."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import torch

from itnas.tasks.base import register
from itnas.tasks.batch import Batch
from itnas.tasks.mad import Ints, MadTask
from itnas.tasks.stream import generator


@register
@dataclass(frozen=True)
class MadMemorization(MadTask):
    """Each key is followed by the insert token (the last of the vocabulary), where its value is asked for.

    The first half of the other tokens are keys, the rest values; `map_seed` fixes which value each key has, the same
    in all splits, so that only the sequences of a test are new. 200 epochs of 256 examples are 400 steps.
    """

    name = "mad-memorization"
    summary = "Keys go in; at the insert token behind each, the value that it has in all sequences."
    expects = "A shift by one and a pointwise table: mixing finds nothing out, the weights have to hold it."
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "small": {"vocab": 64, "batch_size": 32, "steps": 600, "examples": None}
    }

    length: int = 32
    steps: int = 400
    examples: int | None = 256
    vocab: int = 256
    map_seed: int = 12345

    def check_settings(self) -> None:
        self.at_least(vocab=5)

    @property
    def keys(self) -> int:
        return (self.vocab - 1) // 2

    @property
    def shortest(self) -> int:
        return 2

    @property
    def chance(self) -> float:
        return 1 / self.keys

    @property
    def ceiling(self) -> float:
        """Keys that no training sample holds can't be known: the expected share of the others."""
        if self.examples is None:
            return 1.0
        return 1 - (1 - 1 / self.keys) ** (self.examples * (self.length // 2))

    def draw(self, rng: np.random.Generator, size: int, length: int) -> Batch:
        keys = rng.integers(0, self.keys, (size, (length + 1) // 2))
        inputs = np.full((size, length), self.vocab - 1, dtype=np.int64)
        inputs[:, ::2] = keys
        targets = np.zeros((size, length), dtype=np.int64)
        targets[:, 1::2] = dictionary(self.vocab, self.map_seed)[keys[:, : length // 2]]
        mask = np.zeros((size, length), dtype=bool)
        mask[:, 1::2] = True
        return Batch(torch.from_numpy(inputs), torch.from_numpy(targets), torch.from_numpy(mask))


@lru_cache(maxsize=16)
def dictionary(vocab: int, seed: int) -> Ints:
    """The value of each key: no two keys share one."""
    keys = (vocab - 1) // 2
    values = generator("mad-memorization", "map", vocab, seed).permutation(np.arange(keys, vocab - 1))[:keys]
    values.flags.writeable = False
    return values
