"""Selective copying: repeat the tokens, not the blanks between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from itnas.tasks.base import Task, register
from itnas.tasks.batch import Batch


@register
@dataclass(frozen=True)
class SelectiveCopying(Task):
    """Selective copying (Gu & Dao, arXiv 2312.00752): data tokens at random places among blanks, then as many markers.

    At the k-th marker the target is the k-th data token. Data are the tokens 0 to vocab - 1, then come the blank and
    the marker. More `tokens`, more `vocab`: more to store.
    """

    name = "selective-copying"
    summary = "Data tokens scattered among blanks, then markers; at each marker the next data token, in order."
    expects = (
        "Attention or a selective recurrence: the distance to the token varies, "
        "so it takes a kernel that depends on content to skip the blanks."
    )
    causal = True

    tokens: int = 8  # data tokens of a sample
    vocab: int = 8  # different ones

    def check_settings(self) -> None:
        if self.tokens < 1 or self.vocab < 2:
            raise ValueError(
                f"task {self.name}: tokens must be at least 1 and vocab at least 2, "
                f"got tokens={self.tokens}, vocab={self.vocab}"
            )

    @property
    def vocabulary(self) -> int:
        return self.vocab + 2

    @property
    def outputs(self) -> int:
        return self.vocab

    @property
    def chance(self) -> float:
        return 1 / self.vocab

    @property
    def shortest(self) -> int:
        """Every token, and a place to copy it to."""
        return 2 * self.tokens

    def draw(self, rng: np.random.Generator, size: int, length: int) -> Batch:
        blank, marker = self.vocab, self.vocab + 1
        data = rng.integers(self.vocab, size=(size, self.tokens))
        places = rng.random((size, length - self.tokens)).argsort(1)[:, : self.tokens]
        places.sort(1)
        inputs = np.full((size, length), blank, dtype=np.int64)
        np.put_along_axis(inputs, places, data, axis=1)
        inputs[:, length - self.tokens :] = marker
        targets = np.zeros_like(inputs)
        targets[:, length - self.tokens :] = data
        mask = torch.zeros(size, length, dtype=torch.bool)
        mask[:, length - self.tokens :] = True
        return Batch(torch.from_numpy(inputs), torch.from_numpy(targets), mask)
