"""A task that misbehaves for some genomes: those whose batches have a size that stands for a mishap."""

import ctypes
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from pathlib import Path

import numpy as np
import torch

from itnas.tasks import Batch, Task

STEP = 2  # the first step that goes wrong
AGES = 10_000.0  # seconds; whoever waits for that long waits for ever


@dataclass(frozen=True)
class Misbehaving(Task):
    """The sign of the sum of all points: what a network learns here is of no concern."""

    name = "misbehaving"
    summary = "Random numbers; whether their sum is positive."
    expects = "Anything that averages."
    readout = "pooled"

    _: KW_ONLY
    length: int = 8
    steps: int = 4
    batch_size: int = 2

    @property
    def channels(self) -> int:
        return 1

    @property
    def outputs(self) -> int:
        return 2

    @property
    def chance(self) -> float:
        return 0.5

    def draw(self, rng: np.random.Generator, size: int, length: int) -> Batch:
        inputs = torch.from_numpy(rng.standard_normal((size, length, 1), dtype=np.float32))
        return Batch(inputs, (inputs.sum((1, 2)) > 0).long())

    def batch(
        self, split: str = "train", *, seed: int = 0, step: int = 0, size: int | None = None, length: int | None = None
    ) -> Batch:
        drawn = super().batch(split, seed=seed, step=step, size=size, length=length)
        if split == "train" and step >= STEP and size in MISHAPS:
            MISHAPS[size](drawn)
        return drawn


def hanging() -> Path:
    """Tells that a trial hangs."""
    return Path(tempfile.gettempdir()) / "hanging"


def raises(_: Batch) -> None:
    raise ValueError("planted\nin two lines")


def diverges(batch: Batch) -> None:
    batch.inputs.fill_(float("nan"))


def hangs(_: Batch) -> None:
    hanging().touch()
    time.sleep(AGES)


def hangs_with_the_lock_held(_: Batch) -> None:
    ctypes.PyDLL(None).sleep(int(AGES))


def asks_for_much_memory(_: Batch) -> None:
    torch.empty(2**50)


def takes_memory_bit_by_bit(_: Batch) -> None:
    with _bounded(256 * 2**20):
        held = []
        while True:
            held.append(bytearray(2**20))


def prints_megabytes(_: Batch) -> None:
    sys.stdout.write("x" * (4 * 2**20))
    sys.stderr.write("y" * (4 * 2**20))


def exits(_: Batch) -> None:
    sys.exit(7)


def leaves_without_a_word(_: Batch) -> None:
    os._exit(0)


def crashes(_: Batch) -> None:
    ctypes.string_at(0)


MISHAPS: dict[int | None, Callable[[Batch], None]] = dict(
    enumerate(
        (
            raises,
            diverges,
            hangs,
            hangs_with_the_lock_held,
            asks_for_much_memory,
            takes_memory_bit_by_bit,
            prints_megabytes,
            exits,
            leaves_without_a_word,
            crashes,
        ),
        start=3,
    )
)
SIZES = {action.__name__: size for size, action in MISHAPS.items()}
GOOD = 2  # a batch size that nothing is wrong with


def space(*names: str, good: int = 1) -> str:
    """Genomes that meet these mishaps, and some that meet none."""
    sizes = [SIZES[name] for name in names] + [GOOD] * bool(good)
    return f"""
summary: One small layer; the batch size decides what goes wrong.
width: 8
depth: 1
layers: {{mixer: convolution, taps: {{int: [1, {max(good, 1)}]}}}}
training: {{batch_size: {{choice: {sizes}}}, learning_rates: [1e-2], steps: 4}}
"""


@contextmanager
def _bounded(more: int) -> Iterator[None]:
    """No more memory than there is now and so many bytes: the machine has others on it."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
