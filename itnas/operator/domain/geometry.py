"""What a domain tells the operator: where the points are, what they weigh, who may see whom."""

from __future__ import annotations

import abc
import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from itnas.operator.domain.lattice import Lattice
from itnas.operator.domain.modalities import Modalities


@dataclass(frozen=True)
class Edges:
    """Who sees whom, as a list: point `target` looks at point `source` with a real `weight` (0 where padding)."""

    target: Tensor  # [B|1, E]
    source: Tensor  # [B|1, E]
    weight: Tensor  # [B|1, E]

    def dense(self, length: int) -> Tensor:
        """The same as a mask [B|1, N, N]; parallel edges add up."""
        mask = self.weight.new_zeros(self.weight.shape[0], length * length)
        mask = mask.scatter_add(1, self.target * length + self.source, self.weight)
        return torch.unflatten(mask, 1, (length, length))


@dataclass(frozen=True)
class Geometry:
    """All the operator knows of a domain."""

    length: int
    positions: Tensor | None = None  # float64 [B|1, N, P]
    weights: Tensor | None = None  # measure of each point, float64 [B|1, N]; None: 1 each
    valid: Tensor | None = None  # bool [B|1, N], False at padding; None: no padding
    lattice: Lattice | None = None  # set where the points form a regular grid
    edges: Edges | None = None  # set where points see only some others
    modalities: Modalities | None = None  # set where points are of several kinds
    ordered: bool = False  # the index order means something: causality, clocks and scans make sense
    bounded: bool = True  # the measure of the support does not grow with the number of points
    name: str = "domain"

    @property
    def axes(self) -> int:
        return 0 if self.positions is None else self.positions.shape[-1]


class Domain(abc.ABC):
    """Where the points live. Subclasses say so once; nothing else in the operator asks which one it is on."""

    # Attributes that hold tensors, each with its number of axes where all samples share it: one more, and it has a
    # batch axis.
    fields: ClassVar[Mapping[str, int]] = {}

    def per_sample(self) -> dict[str, Tensor]:
        """What differs from sample to sample, as tensors [B, ...]."""
        held = {name: getattr(self, name) for name in self.fields}
        return {name: part for name, part in held.items() if part is not None and part.dim() > self.fields[name]}

    def with_per_sample(self, tensors: Mapping[str, Tensor]) -> Self:
        """The same domain, some of those tensors replaced."""
        changed = copy.copy(self)
        for name, part in tensors.items():
            setattr(changed, name, part)
        return changed

    def samples(self, index: Tensor) -> Self:
        """The domain of some of the batch's samples."""
        return self.with_per_sample({name: part[index] for name, part in self.per_sample().items()})

    @abc.abstractmethod
    def geometry(self, batch: int, length: int, device: torch.device) -> Geometry:
        """Describe `length` points for a batch of `batch` samples."""


def batched(
    values: Tensor | None, dims: int, *, what: str, batch: int, length: int, device: torch.device
) -> Tensor | None:
    """Give `values` ([N, ...] or [B, N, ...]) its batch axis, check it against the input, take it to the device."""
    if values is None:
        return None
    if values.dim() == dims:
        values = values.unsqueeze(0)
    if values.dim() != dims + 1 or values.shape[1] != length or values.shape[0] not in (1, batch):
        raise ValueError(
            f"{what} has shape {tuple(values.shape)}, but the input has {batch} samples of {length} points: "
            f"give one entry per point, with or without a batch axis"
        )
    return values.to(device)
