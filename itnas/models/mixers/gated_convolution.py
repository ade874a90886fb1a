"""`mixer: gated-convolution`: a short depthwise convolution between two gates."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from itnas import genes
from itnas.models.mixers.base import Mixer, Placement, check_order, register
from itnas.models.mixers.recurrence import Stacked
from itnas.operator.domain import Domain, geometry_of, without_padding


class GatedConvolution(Mixer):
    """out(C * conv(B * x)) with B, C, x linear in the input (the short convolution of LFM2, arXiv 2511.23404).

    The convolution runs along the index order, channel by channel; padding counts as 0. O(N width (width + taps)).
    """

    def __init__(self, placement: Placement, taps: int) -> None:
        super().__init__()
        self.width, self.causal = placement.width, placement.causal
        self.project = nn.Linear(placement.width, 3 * placement.width, bias=False)
        self.taps = nn.Parameter(torch.empty(placement.width, taps).uniform_(-(taps**-0.5), taps**-0.5))
        self.out = nn.Linear(placement.width, placement.width)

    def forward(
        self, u: Float[Tensor, "batch points width"], domain: Domain | None = None
    ) -> Float[Tensor, "batch points width"]:
        geometry = geometry_of(u, domain)
        check_order("gated-convolution", geometry)
        before, after, x = self.project(without_padding(u, geometry.valid)).chunk(3, -1)
        y: Tensor = self.out(after * depthwise(before * x, self.taps, self.causal))
        return y


def depthwise(
    x: Float[Tensor, "batch points channels"], weight: Float[Tensor, "channels taps"], causal: bool
) -> Float[Tensor, "batch points channels"]:
    """y_i = sum_k w_k x_(i - left + k) per channel, 0 outside.

    left = taps - 1 where causal; otherwise the taps are centred, and an even number looks one point further ahead than
    back, as with torch's padding="same".
    """
    left = weight.shape[1] - 1 if causal else (weight.shape[1] - 1) // 2
    return _Depthwise.of(x.unsqueeze(0), weight.unsqueeze(0), left)[0].squeeze(0)


class _Depthwise(Stacked):
    """The convolution of x [G, B, N, C] with weight [G, C, taps], a tap at a time, in place.

    torch's own picks its algorithm by the number of channels, which stacked replicas multiply: other roundings.
    """

    @staticmethod
    def forward(x: Tensor, weight: Tensor, left: int) -> tuple[Tensor]:
        return (_slide(x, weight, left),)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor]) -> None:
        ctx.save_for_backward(*inputs[:2])
        ctx.left = inputs[2]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        x, weight = ctx.saved_tensors
        dx, d_weight = _Gradient.of(grad, x, weight, ctx.left)
        return dx, d_weight, None


class _Gradient(Stacked):
    @staticmethod
    def forward(grad: Tensor, x: Tensor, weight: Tensor, left: int) -> tuple[Tensor, Tensor]:
        taps = weight.shape[2]
        product, d_weight = torch.empty_like(x), torch.zeros_like(weight)
        for tap in range(taps):
            here, there = _overlap(x.shape[2], tap - left)
            part = torch.mul(grad[:, :, here], x[:, :, there], out=product[:, :, here])
            d_weight[:, :, tap] = part.sum((1, 2))
        return _slide(grad, weight.flip(2), taps - 1 - left), d_weight

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        pass


def _slide(x: Tensor, weight: Tensor, left: int) -> Tensor:
    """sum_k w_k x_(i - left + k)."""
    columns = weight[:, None, None].unbind(-1)
    y = x * columns[left]
    for tap, column in enumerate(columns):
        if tap != left:
            here, there = _overlap(x.shape[2], tap - left)
            y[:, :, here].addcmul_(x[:, :, there], column)
    return y


def _overlap(length: int, shift: int) -> tuple[slice, slice]:
    """The points whose neighbour `shift` further on exists, and those neighbours."""
    if shift >= 0:
        return slice(0, max(length - shift, 0)), slice(min(shift, length), length)
    return slice(min(-shift, length), length), slice(0, max(length + shift, 0))


@register("gated-convolution")
def gated_convolution(layer: genes.GatedConvolution, placement: Placement) -> GatedConvolution:
    return GatedConvolution(placement, layer.taps)
