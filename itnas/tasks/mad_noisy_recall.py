"""Noisy in-context recall of MAD: pairs to remember among pairs of noise tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from itnas.tasks.base import register
from itnas.tasks.batch import Batch
from itnas.tasks.mad import MadTask, recall_of_tokens


@register
@dataclass(frozen=True)
class MadNoisyRecall(MadTask):
    """The last `noise_vocab` tokens are noise; half of the others are keys, half values.

    Noise replaces whole pairs, each with probability `noise`, by two tokens drawn with repeats. At least one pair
    remains (mad-lab promises that, but may keep the pair free of noise that it later replaces by the query).
    """

    name = "mad-noisy-recall"
    summary = "Pairs of a key and a value go in, noise between them; where a key returns, its value comes out."
    expects = "What solves recall, with gates or content that leave the noise out of the memory."
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "small": {
            "vocab": 24,
            "noise_vocab": 8,
            "length": 64,
            "batch_size": 32,
            "steps": 1000,
            "examples": None,
        }
    }

    vocab: int = 32
    noise_vocab: int = 16
    noise: float = 0.2

    def check_settings(self) -> None:
        self.at_least(noise_vocab=1, vocab=self.noise_vocab + 4)
        if not 0 <= self.noise < 1:
            raise ValueError(f"task {self.name}: 0 <= noise < 1 must hold, got noise={self.noise}")

    @property
    def letters(self) -> int:
        """Tokens that are no noise."""
        return self.vocab - self.noise_vocab

    @property
    def shortest(self) -> int:
        return 3  # key, value, key again

    @property
    def chance(self) -> float:
        return 1 / (self.letters - self.letters // 2)

    def draw(self, rng: np.random.Generator, size: int, length: int) -> Batch:
        return recall_of_tokens(rng, size, length, self.letters, self.noise, self.noise_vocab)
