"""Flip-flop: one bit of memory, written, ignored and read."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np
import torch

from itnas.tasks.base import Task, register
from itnas.tasks.batch import Batch

WRITE, IGNORE, READ = 2, 3, 4  # tokens; 0 and 1 are the bits


@register
@dataclass(frozen=True)
class FlipFlop(Task):
    """Flip-flop language modelling (Liu et al., arXiv 2306.00946): instruction, bit, instruction, bit, ...

    The first instruction is a write, the last a read, those between are `ignore` with that probability and otherwise
    equally often a write or a read. Bits are random, but after a read it is the bit last written. That bit is the
    target at the read. More `ignore`: the bit is older, and attention has more to look past.
    """

    name = "flip-flop"
    summary = "Instructions to write, ignore or read, each followed by a bit; at every read the bit last written."
    expects = "Recurrence with one state: each write replaces the bit; attention has to find the latest of all writes."
    causal = True

    ignore: float = 0.8  # probability of an instruction to ignore the next bit

    _: KW_ONLY
    steps: int = 500

    def check_settings(self) -> None:
        if not 0 <= self.ignore <= 1:
            raise ValueError(f"task {self.name}: ignore must be a probability, got ignore={self.ignore}")

    @property
    def vocabulary(self) -> int:
        return 5

    @property
    def outputs(self) -> int:
        return 2

    @property
    def chance(self) -> float:
        return 0.5

    @property
    def shortest(self) -> int:
        """A write, its bit, and a read."""
        return 3

    def draw(self, rng: np.random.Generator, size: int, length: int) -> Batch:
        count = (length + 1) // 2  # an odd length ends with an instruction
        choice = rng.random((size, count))
        instructions = np.where(choice < self.ignore, IGNORE, np.where(choice < (1 + self.ignore) / 2, WRITE, READ))
        instructions[:, 0] = WRITE
        instructions[:, -1] = READ
        bits = rng.integers(2, size=(size, count))
        latest_write = np.maximum.accumulate(np.where(instructions == WRITE, np.arange(count), 0), axis=1)
        stored = np.take_along_axis(bits, latest_write, axis=1)
        reads = instructions == READ
        tokens = np.empty((size, 2 * count), dtype=np.int64)
        tokens[:, 0::2] = instructions
        tokens[:, 1::2] = np.where(reads, stored, bits)
        targets = np.zeros_like(tokens)
        targets[:, 0::2] = np.where(reads, stored, 0)
        mask = np.zeros(tokens.shape, dtype=np.bool_)
        mask[:, 0::2] = reads
        inputs, wanted, scored = (torch.from_numpy(part)[:, :length] for part in (tokens, targets, mask))
        return Batch(inputs, wanted, scored)
