"""Batches for a stack: one stream per seed, served to every learning rate of that seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from itnas.operator.domain import Domain
from itnas.tasks import Batch, Task


@dataclass(frozen=True)
class StackedBatch:
    """A batch per replica: tensors [R, B, ...]; `placed` is what of the domain differs from sample to sample."""

    inputs: Tensor
    targets: Tensor
    mask: Tensor | None
    domain: Domain | None
    placed: Mapping[str, Tensor]

    def part(self, start: int, stop: int) -> StackedBatch:
        """Some of every replica's samples."""
        return replace(
            self,
            inputs=self.inputs[:, start:stop],
            targets=self.targets[:, start:stop],
            mask=None if self.mask is None else self.mask[:, start:stop],
            placed={name: tensor[:, start:stop] for name, tensor in self.placed.items()},
        )


def stacked(batches: Sequence[Batch], members: Tensor, device: torch.device) -> StackedBatch:
    """One batch per seed, given to the replicas `members` [R] (the number of each replica's seed)."""

    def gathered(parts: Sequence[Tensor]) -> Tensor:
        return torch.stack(list(parts)).to(device, non_blocking=True)[members]

    domain = batches[0].domain
    masks = [batch.mask for batch in batches if batch.mask is not None]
    domains = [batch.domain for batch in batches if batch.domain is not None]
    names = domain.per_sample() if domain is not None else {}
    return StackedBatch(
        inputs=gathered([batch.inputs for batch in batches]),
        targets=gathered([batch.targets for batch in batches]),
        mask=gathered(masks) if masks else None,
        domain=domain,
        placed={name: gathered(_padded([each.per_sample()[name] for each in domains])) for name in names},
    )


def _padded(parts: Sequence[Tensor]) -> list[Tensor]:
    """Tensors [B, E, ...] brought to the largest E: graphs of different seeds differ in their number of edges, and
    an edge of zeros weighs nothing."""
    most = max(part.shape[1] for part in parts)
    return [F.pad(part, (0, 0) * (part.dim() - 2) + (0, most - part.shape[1])) for part in parts]


def training_batch(
    task: Task, seeds: Sequence[int], members: Tensor, step: int, size: int, device: torch.device
) -> StackedBatch:
    """The training data of one step."""
    return stacked([task.batch("train", seed=seed, step=step, size=size) for seed in seeds], members, device)
