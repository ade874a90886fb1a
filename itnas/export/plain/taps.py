"""A convolution with few taps, wherever along the line they are."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from itnas.export.plain.points import Points
from itnas.export.plain.stand_in import StandIn, shifted


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
        furthest, nearest = self.offsets[0], self.offsets[-1]
        if not self.even:
            copies = torch.cat([shifted(u, offset) for offset in self.offsets], -1)
            y: Tensor = self.convolution(copies.transpose(1, 2))
            return y.transpose(1, 2)
        # Where all taps look ahead, the first answers belong to points before the line.
        y = self.convolution(F.pad(u.transpose(1, 2), (max(furthest, 0), max(-nearest, 0))))
        before = max(-furthest, 0)
        return y[..., before : before + u.shape[1]].transpose(1, 2)
