"""An input and its domain together: where its points are, which of them count, whether their order means something."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from itnas.operator.domain.geometry import Domain, Geometry
from itnas.operator.domain.sequence import Sequence


def geometry_of(u: Tensor, domain: Domain | None) -> Geometry:
    """The geometry of an input's points; without a domain they stand in a sequence."""
    return (Sequence() if domain is None else domain).geometry(u.shape[0], u.shape[1], u.device)


def without_padding(
    u: Float[Tensor, "batch points width"], valid: Bool[Tensor, "samples points"] | None
) -> Float[Tensor, "batch points width"]:
    """Zero at padded points: whatever stood there, NaN included, must reach nobody (and 0 times NaN would)."""
    return u if valid is None else torch.where(valid.unsqueeze(-1), u, u.new_zeros(()))


def require_order(what: str, geometry: Geometry) -> None:
    """Refuse points whose order means nothing, for the sake of `what`."""
    if not geometry.ordered:
        raise ValueError(f"{what} needs points in order, which {geometry.name} does not have")
