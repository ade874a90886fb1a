"""A smooth function of the offset vector, for clouds: there no two pairs of points have the same offset."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from itnas.behaviour.places import Places
from itnas.behaviour.replacements.content_free import solved

FEATURES = 192
PAIRS_EACH = 16  # distinct pairs of points that there must be for each feature, or a fixed matrix would pass
FITTED = 2**14  # pairs that are looked at
OCTAVES = 2  # how far wave lengths go beyond the spread of offsets, both ways


class OffsetVectors:
    """w . (1, x, cos(W x + b)) for offsets x in units of their spread: random Fourier features (Rahimi & Recht, 2007)
    of wave numbers from a quarter to four times 1, and least squares."""

    def __init__(self, places: Places, entries: Float[Tensor, "batch heads points points"]) -> None:
        assert places.positions is not None
        self.positions = places.positions
        generator = torch.Generator().manual_seed(0)
        sample, row, column = _pairs(places, len(entries), generator)
        x = self._offsets(places, sample, row, column).to(entries.dtype)
        self.spread = x.std(0, correction=0).clamp_min(1e-12)
        distinct = places.classes.numel() - places.classes.shape[0] * places.length
        count, axes = max(1, min(FEATURES, distinct // PAIRS_EACH)), x.shape[1]
        rate = 2 ** (OCTAVES * (2 * torch.rand(count, generator=generator) - 1)) / math.sqrt(axes)
        self.waves = (torch.randn(axes, count, generator=generator) * rate).to(x.dtype)
        self.phases = (2 * math.pi * torch.rand(count, generator=generator)).to(x.dtype)
        features = self._features(x)
        self.weights = solved(features.T @ features, features.T @ entries[sample, :, row, column])  # [features, H]

    def kernel(self, places: Places) -> Float[Tensor, "samples heads points points"]:
        """Spread over all pairs; 0 from a point to itself, and at padding."""
        assert places.positions is not None
        found = []
        for each in places.positions:
            x = (each.unsqueeze(1) - each).to(self.weights.dtype)
            found.append((self._features(x) @ self.weights).movedim(2, 0))
        apart = ~torch.eye(places.length, dtype=torch.bool)
        if places.valid is not None:
            apart = apart & (places.valid.unsqueeze(2) & places.valid.unsqueeze(1)).unsqueeze(1)
        return torch.stack(found) * apart

    def _offsets(self, places: Places, sample: Tensor, row: Tensor, column: Tensor) -> Tensor:
        assert places.positions is not None
        own = sample if len(places.positions) > 1 else torch.zeros_like(sample)
        return places.positions[own, row] - places.positions[own, column]

    def _features(self, x: Tensor) -> Tensor:
        x = x / self.spread
        waves = (x @ self.waves + self.phases).cos_()
        return torch.cat([torch.ones_like(x[..., :1]), x, waves], -1)


def _pairs(places: Places, batch: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Sample, point and other point, of all pairs or of a random part of them."""
    length = places.length
    apart = (~torch.eye(length, dtype=torch.bool)).expand(batch, -1, -1)
    if places.valid is not None:
        apart = apart & places.valid.unsqueeze(2) & places.valid.unsqueeze(1)
    every = apart.flatten().nonzero()[:, 0]
    if len(every) > FITTED:
        every = every[torch.randint(len(every), (FITTED,), generator=generator)]
    sample, pair = every // length**2, every % length**2
    return sample, pair // length, pair % length
