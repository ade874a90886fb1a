"""Compression of MAD: one vector must hold the whole sequence."""

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
class MadCompression(MadTask):
    """Random tokens, then the compression token (the last of the vocabulary), at which the sequence is decoded.

    As in mad-lab every point is scored, the compression token too: one class that is always right.
    """

    name = "mad-compression"
    summary = "Random tokens go in; all of them come out again, decoded from the last point alone."
    expects = (
        "A recurrence or content-free mixing that writes each place into directions of its own; width is the limit."
    )
    readout = "decoded"
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "small": {"vocab": 8, "length": 10, "batch_size": 32, "steps": 1500, "examples": None}
    }

    length: int = 32

    def check_settings(self) -> None:
        self.at_least(vocab=3)

    @property
    def shortest(self) -> int:
        return 4  # fewer have too few different samples to keep the splits apart

    @property
    def chance(self) -> float:
        # Two classes can be had blindly: the compression token at the end, and any one token before it.
        return 2 / self.vocab

    def draw(self, rng: np.random.Generator, size: int, length: int) -> Batch:
        inputs = rng.integers(0, self.vocab - 1, (size, length))
        inputs[:, -1] = self.vocab - 1
        return Batch(torch.from_numpy(inputs), torch.from_numpy(inputs.copy()))
