"""Samples of the tasks of MAD, and the labels of their points."""

import numpy as np

from itnas.tasks import Batch, find
from itnas.tasks.mad import MadTask

FALSE_ALARM = 1e-4  # of every statistical test here; seeds are fixed, so a pass stays a pass
Labels = list[int | None]


def mad(name: str) -> MadTask:
    task = find(f"mad-{name}")
    assert isinstance(task, MadTask)
    return task


def drawn(name: str, size: int, length: int | None = None, seed: int = 0) -> Batch:
    task = mad(name)
    return task.draw(np.random.default_rng(seed), size, length or task.length)


def labels(batch: Batch, sample: int) -> Labels:
    assert batch.mask is not None
    return [
        target if scored else None
        for target, scored in zip(batch.targets[sample].tolist(), batch.mask[sample].tolist(), strict=True)
    ]
