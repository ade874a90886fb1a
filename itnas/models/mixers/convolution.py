"""`mixer: convolution`: the plain convolution, on a line or a grid."""

from __future__ import annotations

from math import prod
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional as F

from itnas import genes
from itnas.models.mixers.base import Mixer, Placement, register
from itnas.operator.domain import Domain, Geometry, geometry_of, without_padding


class Convolution(Mixer):
    """y_i = b + sum_k W_k u_(i - left + k), with `taps` taps along each axis of space, all channels to all channels.

    Causal on a line: left = taps - 1. Otherwise centred; an even number of taps looks one point further ahead than
    back, as with torch's padding="same". Padding and what lies outside count as 0. Weight and initial values are those
    of `torch.nn.Conv1d` to `Conv3d`. O(N width^2 taps^axes).
    """

    def __init__(self, placement: Placement, taps: int) -> None:
        super().__init__()
        self.axes, self.taps, self.width = placement.position_dim, taps, placement.width
        if not self.axes:
            raise ValueError("a convolution needs points on a line or a grid, and these have no places")
        if self.axes > 1 and placement.causal:
            raise ValueError(
                f"a causal convolution needs points in a line, and these have {self.axes} axes: "
                "use causal=False or another layer"
            )
        self.left = taps - 1 if placement.causal else (taps - 1) // 2
        self.weight = nn.Parameter(torch.empty(self.width, self.width, *(taps,) * self.axes))
        self.bias = nn.Parameter(torch.empty(self.width))
        bound = (self.width * taps**self.axes) ** -0.5
        for part in self.parameters():
            nn.init.uniform_(part, -bound, bound)

    def forward(
        self, u: Float[Tensor, "batch points width"], domain: Domain | None = None
    ) -> Float[Tensor, "batch points width"]:
        geometry = geometry_of(u, domain)
        shape = self._shape(geometry)
        x = without_padding(u, geometry.valid).unflatten(1, shape)
        matrix = self.weight.movedim(1, -1).flatten(1).t()  # [taps^axes width, width], taps first
        y: Tensor = _Correlate.apply(x, matrix, self.bias, self.taps, self.left)  # type: ignore[no-untyped-call]
        return y.flatten(1, -2)

    def _shape(self, geometry: Geometry) -> tuple[int, ...]:
        if geometry.lattice is None:
            raise ValueError(
                f"a convolution layer needs points on a regular line or grid, which this {geometry.name} is not: "
                "use an integral or an attention layer"
            )
        shape = geometry.lattice.shape
        if len(shape) != self.axes:
            built = "1 axis" if self.axes == 1 else f"{self.axes} axes"
            raise ValueError(f"this convolution was built for {built}, but {geometry.name} has {len(shape)}")
        return shape


class _Correlate(Function):
    """Every point's surroundings as the rows of one matrix, times the weights.

    torch's own convolution would see stacked replicas as groups and then choose another algorithm, with other
    roundings, than for one replica alone. The gradient of the input is a correlation with the taps reversed.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, matrix: Tensor, bias: Tensor, taps: int, left: int) -> Tensor:
        y = torch.addmm(bias, _surroundings(x, taps, left), matrix)
        return torch.unflatten(y, 0, x.shape[:-1])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:2])
        ctx.taps, ctx.left = inputs[3:]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, matrix = ctx.saved_tensors
        rows = grad.flatten(0, -2)
        d_matrix = _surroundings(x, ctx.taps, ctx.left).t() @ rows
        back = matrix.unflatten(0, (-1, x.shape[-1])).flip(0).transpose(1, 2).flatten(0, 1)
        dx = _surroundings(grad, ctx.taps, ctx.taps - 1 - ctx.left) @ back
        return dx.unflatten(0, x.shape[:-1]), d_matrix, rows.sum(0), None, None


def _surroundings(x: Tensor, taps: int, left: int) -> Tensor:
    """[B, *shape, C] -> [B prod(shape), taps^axes C]: what the taps see from each point."""
    axes = x.dim() - 2
    seen = F.pad(x, (0, 0, *(left, taps - 1 - left) * axes))
    for axis in range(1, axes + 1):
        seen = seen.unfold(axis, taps, 1)
    seen = seen.movedim(axes + 1, -1)  # the channels behind the taps, as they lie in memory
    return seen.reshape(prod(x.shape[:-1]), -1)


@register("convolution")
def convolution(layer: genes.Convolution, placement: Placement) -> Convolution:
    return Convolution(placement, layer.taps)
