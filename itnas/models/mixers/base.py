"""What a mixer is: the part of a block in which points see each other."""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from itnas.operator.domain import Domain, Geometry
from itnas.registry import Registry


@dataclass(frozen=True)
class Placement:
    """Where a mixer stands: what it has to know beside its own settings."""

    width: int
    causal: bool  # whether points see only those before them
    position_dim: int  # axes of space; 0: points have no places
    index: int = 0  # number of the layer in its network
    modalities: int = 1  # parts of a union; 1: all points are of one kind
    seed: int = 0  # of the random numbers of sampled quadratures


class Mixer(nn.Module, abc.ABC):
    """From [B, N, width] to [B, N, width], for one kind of mixer named in a genome."""

    @abc.abstractmethod
    def forward(
        self, u: Float[Tensor, "batch points width"], domain: Domain | None = None
    ) -> Float[Tensor, "batch points width"]: ...


def check_order(kind: str, geometry: Geometry) -> None:
    """Refuse points that are not on a line or a grid: a walk along them would follow an accidental order."""
    if geometry.lattice is None and not geometry.ordered:
        raise ValueError(
            f"a {kind} layer walks along its points in order, which a {geometry.name} does not have: "
            "use an integral or an attention layer"
        )


Builder = Callable[[Any, Placement], nn.Module]

MIXERS: Registry[Builder] = Registry("mixer")


def register(name: str) -> Callable[[Builder], Builder]:
    """Make a mixer known by the name that genomes use."""

    def add(builder: Builder) -> Builder:
        return MIXERS.add(name, builder)

    return add
