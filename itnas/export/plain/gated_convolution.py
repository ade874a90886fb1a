"""A short convolution between two gates."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from itnas.export.plain.convolution import depthwise
from itnas.export.plain.points import Points, without_padding


class GatedConvolution(nn.Module):
    """out(C * conv(B * x)) with B, C and x linear in the input, and one filter per channel (arXiv 2511.23404)."""

    def __init__(self, *, width: int, taps: int, left: int) -> None:
        super().__init__()
        self.left = left
        self.project = nn.Linear(width, 3 * width, bias=False)
        self.taps = nn.Parameter(torch.zeros(width, taps))
        self.out = nn.Linear(width, width)

    def forward(self, u: Tensor, points: Points) -> Tensor:
        before, after, x = self.project(without_padding(u, points.valid)).chunk(3, -1)
        mixed: Tensor = self.out(after * depthwise(before * x, self.taps, self.left))
        return mixed
