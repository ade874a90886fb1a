"""What descriptive measures say of one layer: numbers for a table, arrays for a picture."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from itnas.plain import finite


@dataclass(frozen=True)
class Measure:
    """A number for the layer, and one per head. Heads that say nothing have none.

    Of layers whose heads are output channels only the mean over channels is kept.
    """

    layer: float | None
    heads: tuple[float | None, ...] = ()

    @classmethod
    def of(cls, heads: Tensor, energy: Tensor, *, channels: bool) -> Measure:
        """From a number per head [H] (NaN: undefined); the layer's is their mean, each weighing as much as its kernel's
        energy [H]."""
        known = ~heads.isnan()
        weight = energy[known].sum()
        layer = float((heads[known] * energy[known]).sum() / weight) if weight > 0 else math.nan
        return cls(finite(layer), () if channels else tuple(finite(each) for each in heads.tolist()))

    def to_dict(self) -> dict[str, Any]:
        return {"layer": self.layer, "heads": list(self.heads)}


@dataclass(frozen=True)
class Description:
    """Measures of a kernel K[b, h, i, j] over samples b; what is undefined on the layer's domain is None.

    `content_share`: 1 - energy of the mean over samples / energy: 0, contents have no part; 1, nothing else has.
    `toeplitz_share`: of the energy of the mean over samples, what the domain's classes of pairs explain (offsets on a
    line or grid, distances in a cloud, oneself and the others elsewhere).
    `effective_rank`: exp of the entropy of the singular values.
    `semiseparable_rank`: the largest entry of the rank profile (see `shape.py`), which holds one entry per cut.
    `locality`: mean reach |i - j|, each pair weighing |K|.
    `entropy`: of the rows of |K|, relative to that of a row that weighs all it sees alike.
    `translation_error`, `permutation_error`, `rotation_error`: 0 where the kernel stays what it is when all points are
    moved together, change places, are turned; 1 where what comes out has nothing to do with it.
    """

    kind: str
    length: int
    samples: int
    channels: bool  # whether heads are output channels
    content_share: Measure | None
    toeplitz_share: Measure | None
    effective_rank: Measure
    semiseparable_rank: Measure | None
    locality: Measure | None
    entropy: Measure
    translation_error: Measure | None
    permutation_error: Measure | None
    rotation_error: Measure | None
    cuts: tuple[int, ...]  # of the rank profile
    shown: tuple[int, ...]  # rows and columns that the stored kernels hold
    stored: dict[str, Tensor]
    parts: tuple[tuple[str, int], ...] = ()  # of a union: what each is called, and how many points it has

    @property
    def measures(self) -> dict[str, Measure | None]:
        """All of them by name."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: each for name, each in found.items() if each is None or isinstance(each, Measure)}

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers."""
        measures = {name: None if each is None else each.to_dict() for name, each in self.measures.items()}
        about = {"kind": self.kind, "length": self.length, "samples": self.samples, "channels": self.channels}
        parts = {"parts": [list(part) for part in self.parts]} if self.parts else {}
        return about | measures | {"cuts": list(self.cuts)} | parts

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """What there is of: `averaged` [H, n, n], `examples` [4, H, n, n], `shown` [n], `profile_mean` and `profile_sd`
        [H, classes], `offsets`, `spectrum` and `frequencies` (see `spectrum.py`), `rank_profile` [H, cuts], `cuts`."""
        return {name: each.detach().cpu().float().numpy() for name, each in self.stored.items()}
