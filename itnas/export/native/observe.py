"""What a trained layer is given and what it answers, on samples of its task."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from itnas.export.native.layers import mixer_of
from itnas.models import Network
from itnas.operator.domain import Domain
from itnas.tasks import Batch, Task

SEED = 77_000  # of the training samples that layers are watched on


@dataclass(frozen=True)
class Watched:
    """One layer on one batch: inputs [B, N, C], answers [B, N, C]."""

    inputs: Tensor
    answers: Tensor
    domain: Domain | None


def batches(task: Task, steps: int, *, seed: int = SEED) -> Iterator[Batch]:
    """Training samples, at the task's length and every third time at a shorter one, so that no length is special."""
    lengths = sorted(task.lengths)
    for step in range(steps):
        length = lengths[-2] if step % 3 == 2 and len(lengths) > 1 else task.length
        yield task.batch("train", seed=seed, step=step, length=length)


def watch(network: Network, block: int, batch: Batch) -> Watched:
    """A block's mixer as the network calls it for the first time."""
    heard: list[tuple[Tensor, Tensor]] = []

    def hear(_module: object, given: tuple[Tensor, ...], answer: Tensor) -> None:
        heard.append((given[0].detach(), answer.detach()))

    handle = mixer_of(network, block).register_forward_hook(hear)
    try:
        with torch.no_grad():
            network(batch.inputs, batch.domain)
    finally:
        handle.remove()
    return Watched(*heard[0], batch.domain)
