"""Convolutions along a line or over a grid."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from itnas.export.plain.points import Points, without_padding


class Convolution(nn.Module):
    """y_i = b + sum_k W_k u_(i - left + k), all channels to all channels, 0 outside.

    `shape`: the cells of the grid along each axis; None: a line of any length.
    """

    def __init__(self, *, width: int, taps: int, left: int, shape: Sequence[int] | None = None) -> None:
        super().__init__()
        self.shape, self.axes = shape, 1 if shape is None else len(shape)
        self.margins = (left, taps - 1 - left) * self.axes
        self.weight = nn.Parameter(torch.zeros(width, width, *(taps,) * self.axes))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, u: Tensor, points: Points) -> Tensor:
        x = without_padding(u, points.valid).transpose(1, 2)
        if self.shape is not None:
            x = x.unflatten(2, list(self.shape))
        convolve = (F.conv1d, F.conv2d, F.conv3d)[self.axes - 1]
        return convolve(F.pad(x, self.margins), self.weight, self.bias).flatten(2).transpose(1, 2)


def depthwise(u: Tensor, taps: Tensor, left: int) -> Tensor:
    """y_i = sum_k w_k u_(i - left + k) channel by channel, 0 outside, with weights [C, taps]."""
    margins = (left, taps.shape[1] - 1 - left)
    return F.conv1d(F.pad(u.transpose(1, 2), margins), taps.unsqueeze(1), groups=len(taps)).transpose(1, 2)
