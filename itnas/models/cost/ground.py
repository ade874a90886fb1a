"""Where a network's points stand while its cost is predicted."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache
from math import isqrt
from typing import Any

import torch

from itnas.models.interface import Interface
from itnas.operator.domain import Cloud, Domain, Geometry, Grid, Sequence, Set, require_order

SAMPLES = 16  # drawn for a domain that differs from sample to sample


@dataclass(frozen=True, eq=False)
class Ground:
    """Equal to itself alone, so that costs can be remembered by it."""

    geometry: Geometry
    batch: int
    causal: bool
    position_dim: int

    def check_causal(self) -> None:
        """Refuse causality without an order, as layers that see all points do."""
        if self.causal:
            require_order("causal=True", self.geometry)

    @property
    def modalities(self) -> int:
        return 1 if self.geometry.modalities is None else self.geometry.modalities.count

    @property
    def length(self) -> int:
        return self.geometry.length


def ground_of(task: Interface | None, length: int, batch: int, *, causal: bool) -> Ground:
    """Of a task that can draw samples, its own domain; otherwise one that fits its axes of space."""
    return (
        _remembered(task, length, batch, causal) if isinstance(task, Hashable) else _made(task, length, batch, causal)
    )


def _made(task: Interface | None, length: int, batch: int, causal: bool) -> Ground:
    domain = Sequence() if task is None else _domain(task, length, batch)
    geometry = domain.geometry(batch, length, torch.device("cpu"))
    return Ground(geometry, batch, causal, 1 if task is None else task.position_dim)


_remembered = lru_cache(maxsize=256)(_made)


def _domain(task: Interface, length: int, batch: int) -> Domain:
    outline: Any = getattr(task, "outline", None)
    if callable(outline):
        drawn = min(batch, SAMPLES)
        found: Domain | None = outline(drawn, length).domain
        return Sequence() if found is None else found.samples(torch.arange(batch) % drawn)
    if task.position_dim == 2 and isqrt(length) ** 2 == length:
        return Grid((isqrt(length), isqrt(length)))
    if task.position_dim >= 2:
        return Cloud(torch.zeros(batch, length, task.position_dim))
    return Sequence() if task.position_dim == 1 else Set()
