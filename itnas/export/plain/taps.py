"""A convolution with few taps, wherever along the line they are."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from itnas.export.plain.points import Points
from itnas.export.plain.stand_in import StandIn


class TapConvolution(StandIn):
    """y_i = b + sum_k W_k u_(i - offsets[k]), 0 outside.

    Offsets at equal distances make one dilated convolution; others, of shifted copies, one with a single tap.
    """

    def __init__(self, *, width: int, offsets: Sequence[int], rms_norm: bool = False, pointwise: bool = False) -> None:
        super().__init__(width=width, rms_norm=rms_norm, pointwise=pointwise)
        self.offsets = sorted(offsets, reverse=True)  # a convolution's first tap looks furthest back
        steps = {before - after for before, after in zip(self.offsets, self.offsets[1:], strict=False)}
        self.even = len(steps) <= 1
        if self.even:
            self.convolution = nn.Conv1d(width, width, len(offsets), dilation=min(steps, default=1))
        else:
            self.convolution = nn.Conv1d(width * len(offsets), width, 1)

    def mixed(self, u: Tensor, points: Points) -> Tensor:
        x, (furthest, nearest) = u.transpose(1, 2), (self.offsets[0], self.offsets[-1])
        if not self.even:
            x = torch.cat([F.pad(x, (offset, -offset)) for offset in self.offsets], 1)
        else:
            x = F.pad(x, (furthest, -nearest))
        y: Tensor = self.convolution(x)
        return y.transpose(1, 2)
