"""Selective copying of MAD: repeat the tokens, in order, without the blanks between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from itnas.tasks.base import register
from itnas.tasks.batch import Batch
from itnas.tasks.mad import MadTask


@register
@dataclass(frozen=True)
class MadSelectiveCopying(MadTask):
    """Tokens among blanks, the copy token (the last of the vocabulary; the one before it is the blank), then blanks.

    As in mad-lab every blank falls before a token drawn uniformly, so the last token always stands right before the
    copy token. The t-th of the last `copied` points is scored on the t-th token.
    """

    name = "mad-selective-copying"
    summary = "Tokens among blanks go in; behind the copy token, the tokens come out without blanks."
    expects = "A memory that content opens and shuts (gated or clocked recurrence), or attention that counts tokens."
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "small": {"copied": 4, "length": 32, "vocab": 10, "batch_size": 32, "steps": 1500, "examples": None}
    }

    length: int = 256
    copied: int = 16

    def check_settings(self) -> None:
        self.at_least(vocab=4, copied=1)

    @property
    def shortest(self) -> int:
        return 2 * self.copied + 2  # at least one blank

    @property
    def chance(self) -> float:
        return 1 / (self.vocab - 2)

    def draw(self, rng: np.random.Generator, size: int, length: int) -> Batch:
        copied, blank = self.copied, self.vocab - 2
        tokens = rng.integers(0, blank, (size, copied))
        blanks = rng.multinomial(length - 2 * copied - 1, np.full(copied, 1 / copied), size=size)
        inputs = np.full((size, length), blank, dtype=np.int64)
        np.put_along_axis(inputs, np.cumsum(blanks, axis=1) + np.arange(copied), tokens, 1)
        inputs[:, length - copied - 1] = blank + 1
        targets = np.zeros((size, length), dtype=np.int64)
        targets[:, length - copied :] = tokens
        mask = np.zeros((size, length), dtype=bool)
        mask[:, length - copied :] = True
        return Batch(torch.from_numpy(inputs), torch.from_numpy(targets), torch.from_numpy(mask))
