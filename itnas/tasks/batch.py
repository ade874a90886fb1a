"""One batch of a task's data."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from itnas.operator.domain import Domain


@dataclass(frozen=True)
class Batch:
    """Samples to learn from or to be scored on.

    `inputs`: tokens, int64 [B, N], or numbers, float32 [B, N, C]. `targets`, per point: classes, int64 [B, N], or
    numbers, float32 [B, N, outputs]; per sample (readout "pooled"): [B] or [B, outputs]. `mask`: bool [B, N], the
    points that are scored; None: all of them. `domain`: where the points live; None: in a sequence.
    """

    inputs: Tensor
    targets: Tensor
    mask: Tensor | None = None
    domain: Domain | None = None

    def __len__(self) -> int:
        return self.inputs.shape[0]
