"""Local pattern: a fixed random function of the last few tokens."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from itnas.tasks.base import Task, register
from itnas.tasks.batch import Batch
from itnas.tasks.stream import generator

MOST_PATTERNS = 2**20  # the table of classes is kept in memory


@register
@dataclass(frozen=True)
class LocalPattern(Task):
    """The class at point i is `table[x_(i-width+1), ..., x_i]`: a random table, with equally many entries per class.

    More `vocab`, more `width`: harder, as a network has to remember the table's vocab^width entries.
    """

    name = "local-pattern"
    summary = "Random tokens; at every point the class that a fixed random table gives to the last few of them."
    expects = "Convolution with as many taps as the pattern has tokens: nothing further away matters."
    causal = True

    width: int = 3  # tokens of a pattern
    vocab: int = 8
    classes: int = 8
    pattern_seed: int = 0  # which random table

    _: KW_ONLY
    steps: int = 500

    def check_settings(self) -> None:
        if self.width < 1 or self.vocab < 2:
            raise ValueError(
                f"task {self.name}: width must be at least 1 and vocab at least 2, "
                f"got width={self.width}, vocab={self.vocab}"
            )
        # By logarithm: the power itself may have more digits than Python prints.
        if self.width * np.log2(self.vocab) > np.log2(MOST_PATTERNS):
            raise ValueError(
                f"task {self.name}: vocab^width must be at most {MOST_PATTERNS}, "
                f"got vocab={self.vocab}, width={self.width}"
            )
        if not 2 <= self.classes <= self.vocab**self.width:
            raise ValueError(
                f"task {self.name}: classes must be 2 to vocab^width = {self.vocab**self.width}, "
                f"got classes={self.classes}"
            )

    @property
    def vocabulary(self) -> int:
        return self.vocab

    @property
    def outputs(self) -> int:
        return self.classes

    @property
    def chance(self) -> float:
        patterns: int = self.vocab**self.width
        return -(-patterns // self.classes) / patterns  # the largest class has one entry more where they don't divide

    @property
    def shortest(self) -> int:
        """One whole pattern."""
        return self.width

    def draw(self, rng: np.random.Generator, size: int, length: int) -> Batch:
        tokens = rng.integers(self.vocab, size=(size, length))
        places = length - self.width + 1
        pattern = np.zeros((size, places), dtype=np.int64)  # read as one number, the newest token as its last digit
        for tap in range(self.width):
            pattern = pattern * self.vocab + tokens[:, tap : tap + places]
        targets = np.zeros_like(tokens)
        targets[:, self.width - 1 :] = class_table(self.vocab, self.width, self.classes, self.pattern_seed)[pattern]
        mask = torch.zeros(size, length, dtype=torch.bool)
        mask[:, self.width - 1 :] = True
        return Batch(torch.from_numpy(tokens), torch.from_numpy(targets), mask)


@lru_cache(maxsize=16)
def class_table(vocab: int, width: int, classes: int, pattern_seed: int) -> NDArray[np.int64]:
    """Class of each of the vocab^width patterns: as even as can be, in random order."""
    balanced = np.arange(vocab**width, dtype=np.int64) % classes
    table = generator("local-pattern", vocab, width, classes, pattern_seed).permutation(balanced)
    table.setflags(write=False)
    return table
