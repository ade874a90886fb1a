"""Batches for a stack: one stream per seed, served to every learning rate of that seed."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from itnas.operator.domain import Domain
from itnas.tasks import Batch, Task
from itnas.tasks.published.base import Published
from itnas.training.loss import scored_entries


@dataclass(frozen=True)
class StackedBatch:
    """A batch per replica, or some of its samples: tensors [R, B, ...]; `placed` is what of the domain differs from
    sample to sample. `total` [R] counts the losses of the whole batch, so that those of its parts add up."""

    inputs: Tensor
    targets: Tensor
    mask: Tensor | None
    domain: Domain | None
    placed: Mapping[str, Tensor]
    total: Float[Tensor, " replicas"]

    def part(self, start: int, stop: int) -> StackedBatch:
        """Some of every replica's samples."""
        return replace(
            self,
            inputs=self.inputs[:, start:stop],
            targets=self.targets[:, start:stop],
            mask=None if self.mask is None else self.mask[:, start:stop],
            placed={name: tensor[:, start:stop] for name, tensor in self.placed.items()},
        )


def stacked(batches: Sequence[Batch], members: Tensor, device: torch.device, rows: slice = slice(None)) -> StackedBatch:
    """One batch per seed, given to the replicas `members` [R] (the number of each replica's seed): these rows of it."""

    def gathered(parts: Sequence[Tensor]) -> Tensor:
        return torch.stack([part[rows] for part in parts]).to(device, non_blocking=True)[members]

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
        total=torch.cat([_entries(batch) for batch in batches]).to(device, non_blocking=True)[members],
    )


def _entries(batch: Batch) -> Float[Tensor, " 1"]:
    """How many losses a batch holds."""
    return scored_entries(batch.targets.unsqueeze(0), None if batch.mask is None else batch.mask.unsqueeze(0))


def _padded(parts: Sequence[Tensor]) -> list[Tensor]:
    """Tensors [B, E, ...] brought to the largest E: graphs of different seeds differ in their number of edges, and
    an edge of zeros weighs nothing."""
    most = max(part.shape[1] for part in parts)
    return [F.pad(part, (0, 0) * (part.dim() - 2) + (0, most - part.shape[1])) for part in parts]


@dataclass(frozen=True)
class TrainingData:
    """The batches of each step, one per seed: they follow from task, seeds, size and step alone, so that any process
    can make them."""

    task: Task
    seeds: tuple[int, ...]
    size: int
    rows: slice = field(default_factory=lambda: slice(None))  # what this process trains on

    @property
    def cut(self) -> bool:
        """Whether batches hold these rows alone: where samples are read from files, no others are."""
        return isinstance(self.task, Published)

    def __getitem__(self, step: int) -> list[Batch]:
        if isinstance(self.task, Published):
            return [self.task.share(self.rows, "train", seed=seed, step=step, size=self.size) for seed in self.seeds]
        return [self.task.batch("train", seed=seed, step=step, size=self.size) for seed in self.seeds]

    def stacked(self, batches: Sequence[Batch], members: Tensor, device: torch.device) -> StackedBatch:
        """What this process trains on, given to the replicas."""
        if not self.cut:
            return stacked(batches, members, device, self.rows)
        own = stacked(batches, members, device)
        # Losses are divided by how many the whole batch has. Samples of files have equally many, and no mask.
        return replace(own, total=own.total * (self.size / own.inputs.shape[1]))


def sent(what: Any, task: Task) -> bytes:
    """Pickled for another process, a task in it."""
    try:
        return pickle.dumps(what)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ValueError(
            f"task {task.label} cannot be sent to another process ({error}): define its class in a module that can be "
            "imported there, or leave devices and workers out"
        ) from error
