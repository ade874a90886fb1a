"""What the recurrences share: the walk along the points, stacked cells, replicas as one more batched matrix."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd import Function

from itnas.models.mixers.base import Mixer, Placement, check_order
from itnas.operator.domain import Domain, Geometry, geometry_of, without_padding


@dataclass(frozen=True)
class Walk:
    """The order in which a state meets the points: by index, or backwards. Padding is not on the way.

    Valid points come first and padding last, so what stands at padded points reaches no other.
    """

    backwards: bool
    order: Tensor | None = None  # [N, B|1], the point met at each step; None: all points, by index
    place: Tensor | None = None  # [N, B|1], the step at which each point is met

    @classmethod
    def along(cls, geometry: Geometry, backwards: bool) -> Walk:
        if geometry.valid is None:
            return cls(backwards)
        index = torch.arange(geometry.length, device=geometry.valid.device)
        step = index.flip(0) if backwards else index
        order = torch.where(geometry.valid, step, step + geometry.length).argsort(1)
        return cls(backwards, order.t(), order.argsort(1).t())

    def there(self, x: Float[Tensor, "points batch width"]) -> Float[Tensor, "points batch width"]:
        """From the points' order to the walk's."""
        return self._arranged(x, self.order)

    def back(self, x: Float[Tensor, "points batch width"]) -> Float[Tensor, "points batch width"]:
        """From the walk's order to the points'."""
        return self._arranged(x, self.place)

    def _arranged(self, x: Tensor, order: Tensor | None) -> Tensor:
        if order is not None:
            return x.take_along_dim(order.unsqueeze(-1), 0)
        return x.flip(0) if self.backwards else x


def directions(width: int, causal: bool) -> tuple[int, ...]:
    """How many channels walk forward and, where looking ahead is allowed, how many back: half each, one at least."""
    return (width,) if causal else ((width + 1) // 2, max(width // 2, 1))


class Stacked(Function):
    """A function of tensors [G, ...] that treats each of the G groups alike. Replicas under vmap are more groups.

    Subclasses return a tuple.
    """

    @classmethod
    def of(cls, *inputs: Any) -> tuple[Tensor, ...]:
        outputs: tuple[Tensor, ...] = cls.apply(*inputs)  # type: ignore[no-untyped-call]
        return outputs

    @classmethod
    def vmap(
        cls, info: Any, in_dims: tuple[int | None, ...], *inputs: Any
    ) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        replicas: int = info.batch_size
        folded = [_folded(part, dim, replicas) for part, dim in zip(inputs, in_dims, strict=True)]
        outputs = [part.unflatten(0, (replicas, part.shape[0] // replicas)) for part in cls.of(*folded)]
        return tuple(outputs), (0,) * len(outputs)


def _folded(part: Any, dim: int | None, replicas: int) -> Any:
    """Replicas into the groups; what is no tensor is the same for all."""
    if not isinstance(part, Tensor):
        return part
    return (part.expand(replicas, *part.shape) if dim is None else part.movedim(dim, 0)).flatten(0, 1)


def weight_gradient(
    d_gates: Float[Tensor, "points groups batch gates"], states: Float[Tensor, "points groups batch size"]
) -> Float[Tensor, "groups gates size"]:
    """sum_t d(gates)_t h_(t-1)^T over steps and samples."""
    late, early = d_gates[1:].transpose(0, 1).flatten(1, 2), states[:-1].transpose(0, 1).flatten(1, 2)
    return late.transpose(1, 2) @ early


def bias_gradient(d_gates: Float[Tensor, "points groups batch gates"]) -> Float[Tensor, "groups gates"]:
    """sum_t d(gates)_t over steps and samples; group by group, since torch adds wider rows in another order."""
    return d_gates.sum(2).transpose(0, 1).contiguous().sum(1)


class Cell(nn.Module):
    """The weights of one direction, laid out and drawn as in `torch.nn.GRU` and `torch.nn.LSTM`."""

    def __init__(self, width: int, size: int, gates: int) -> None:
        super().__init__()
        self.weight_ih = nn.Parameter(torch.empty(gates * size, width))
        self.weight_hh = nn.Parameter(torch.empty(gates * size, size))
        self.bias_ih = nn.Parameter(torch.empty(gates * size))
        self.bias_hh = nn.Parameter(torch.empty(gates * size))
        for part in self.parameters():
            nn.init.uniform_(part, -(size**-0.5), size**-0.5)


class Recurrence(Mixer):
    """Cells that walk along the points, one forward or one each way, and a linear map of their hidden states.

    Cells of equal size walk together, as two groups of one stack.
    """

    kind: ClassVar[str]
    gates: ClassVar[int]

    def __init__(self, placement: Placement) -> None:
        super().__init__()
        sizes = directions(placement.width, placement.causal)
        self.cells = nn.ModuleList(Cell(placement.width, size, self.gates) for size in sizes)
        self.out = nn.Linear(sum(sizes), placement.width)
        self.together = len(set(sizes)) == 1

    @abc.abstractmethod
    def hidden(
        self,
        gates: Float[Tensor, "groups points batch gates"],
        weight: Float[Tensor, "groups gates size"],
        bias_ih: Float[Tensor, "groups gates"],
        bias_hh: Float[Tensor, "groups gates"],
    ) -> Float[Tensor, "groups points batch size"]:
        """The states after every step, from 0; `gates` is what the inputs say of them, without biases."""

    def forward(
        self, u: Float[Tensor, "batch points width"], domain: Domain | None = None
    ) -> Float[Tensor, "batch points width"]:
        geometry = geometry_of(u, domain)
        check_order(self.kind, geometry)
        # With time first, a step's gates are one block of memory.
        x = without_padding(u, geometry.valid).transpose(0, 1)
        walks = [Walk.along(geometry, backwards) for backwards in (False, True)[: len(self.cells)]]
        pairs: list[tuple[nn.Module, Walk]] = list(zip(self.cells, walks, strict=True))
        groups = [pairs] if self.together else [[pair] for pair in pairs]
        states = [state for group in groups for state in self._walked(x, group)]
        y: Tensor = self.out(states[0] if len(states) == 1 else torch.cat(states, -1))
        return y.transpose(0, 1)

    def _walked(self, x: Tensor, pairs: Sequence[tuple[nn.Module, Walk]]) -> list[Tensor]:
        """The hidden states [N, B, size] of cells of one size, in the points' order."""
        own = [torch.stack(parts) for parts in zip(*(cell.parameters() for cell, _ in pairs), strict=True)]
        weight_ih, weight_hh, bias_ih, bias_hh = own
        inputs = torch.stack([walk.there(x) for _, walk in pairs])  # [G, N, B, width]
        gates = torch.bmm(inputs.flatten(1, 2), weight_ih.transpose(1, 2)).unflatten(1, x.shape[:2])
        # Many steps in bfloat16 would lose the state's last digits one after another.
        with torch.autocast(gates.device.type, enabled=False):
            states = self.hidden(gates.to(weight_hh.dtype), weight_hh, bias_ih, bias_hh)
        return [walk.back(state) for state, (_, walk) in zip(states.unbind(0), pairs, strict=True)]
