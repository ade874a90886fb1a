"""What every kernel kind offers."""

from __future__ import annotations

import abc
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from itnas.operator.domain import Geometry
from itnas.operator.kernel.form import Form
from itnas.operator.steady import linear

POSITIONAL = frozenset({"offset", "fourier", "distance", "position"})


class Kernel(nn.Module, abc.ABC):
    """The parameters of k(i, j) for all heads of a layer. Built by a `KernelSpec`."""

    heads: int
    features: frozenset[str]  # the pair features it reads: what its symmetries and its plans follow from

    @abc.abstractmethod
    def form(self, u: Tensor, geometry: Geometry, clock: Tensor | None, *, split: bool = False) -> Form:
        """Make the kernel ready for one input; `clock` is S, float64 [B, H, N], where the kernel reads it.

        `split=True` expresses everything that is linear in the offset and the clock by per-point parts, without pair
        terms, for plans that need k = tail(A_i + B_j) exactly.
        """

    def forward(self, u: Tensor, geometry: Geometry, clock: Tensor | None, *, split: bool = False) -> Form:
        return self.form(u, geometry, clock, split=split)

    def double_form(self, u: Tensor, geometry: Geometry, clock: Tensor | None, *, split: bool = False) -> Form:
        """The same form with inputs and parameters in float64, for plans whose sums need it."""
        doubled = {name: part.double() for name, part in self.named_parameters()}
        inputs = (u.double(), geometry, clock)
        form = torch.func.functional_call(self, doubled, inputs, {"split": split})
        assert isinstance(form, Form)
        return form

    def check(self, geometry: Geometry) -> None:
        """Refuse a domain that lacks what the features need."""
        if "clock" in self.features and not geometry.ordered:
            raise ValueError(f"a clock runs along an order, which {geometry.name} does not have: drop the clock")
        needed = sorted(self.features & POSITIONAL)
        if needed and geometry.positions is None:
            raise ValueError(
                f"the kernel reads {', '.join(needed)}, but a {geometry.name} has no positions: "
                "use the features content and product, or another domain"
            )


class KernelSpec(abc.ABC):
    """What a kernel shall be, without parameters: frozen, validated when made."""

    @property
    @abc.abstractmethod
    def needs_clock(self) -> bool: ...

    @abc.abstractmethod
    def build(self, dim: int, heads: int) -> Kernel:
        """Draw the parameters for inputs of width `dim`."""


@dataclass(frozen=True)
class Axes:
    """How many axes of space the parameters are made for: 1 to 3 by `position_dim`, or up to three when None."""

    position_dim: int | None

    @property
    def count(self) -> int:
        return 3 if self.position_dim is None else self.position_dim

    def check(self, geometry: Geometry) -> None:
        fits = geometry.axes <= 3 if self.position_dim is None else geometry.axes == self.position_dim
        if not fits:
            limit = "at most 3" if self.position_dim is None else str(self.position_dim)
            raise ValueError(
                f"the kernel is made for {limit} axes, but {geometry.name} has {geometry.axes}: "
                f"pass position_dim={geometry.axes or None} to the kernel"
            )


def head_linear(u: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Per-head linear map: u [B, N, C], weight [H, d, C], bias [H, d] -> [B, H, N, d]."""
    heads, width, dim = weight.shape
    out = linear(u, weight.reshape(-1, dim), None if bias is None else bias.reshape(-1))
    return torch.unflatten(out, -1, (heads, width)).transpose(1, 2)
