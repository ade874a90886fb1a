"""In-context recall of MAD: the value of a key that was seen earlier in the same sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from itnas.tasks.base import register
from itnas.tasks.batch import Batch
from itnas.tasks.mad import MadTask, recall_of_tokens


@register
@dataclass(frozen=True)
class MadRecall(MadTask):
    """Tokens 0 to vocab/2 - 1 are keys, the others values (mad-lab: in-context recall with multi_query)."""

    name = "mad-recall"
    summary = "Pairs of a key and a value go in; where a key returns, its value comes out."
    expects = "Attention after a shift by one; a recurrence needs a state for every key, and here there are few keys."
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "small": {"length": 64, "batch_size": 32, "steps": 1000, "examples": None}
    }

    def check_settings(self) -> None:
        self.at_least(vocab=4)

    @property
    def shortest(self) -> int:
        return 3  # key, value, key again

    @property
    def chance(self) -> float:
        return 1 / (self.vocab - self.vocab // 2)

    def draw(self, rng: np.random.Generator, size: int, length: int) -> Batch:
        return recall_of_tokens(rng, size, length, self.vocab)
