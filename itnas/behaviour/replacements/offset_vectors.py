"""A smooth function of the offset vector, for clouds: there no two pairs of points have the same offset."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from itnas.behaviour.places import Places
from itnas.behaviour.replacements.content_free import solved

WAVES = 128  # each a cosine and a sine
PAIRS_EACH = 32  # distinct pairs of points that there must be for each wave, or a fixed matrix would pass
FITTED = 2**14  # pairs that are looked at
CHUNK = 2**22  # features that are worked out at once
PERIOD = 2.2  # of the longest wave, in units of the largest offset: offsets go both ways, and ends need not meet


class OffsetVectors:
    """a + b . x + sum over k of c_k cos(k x) + s_k sin(k x), with the longest plane waves: least squares."""

    def __init__(self, places: Places, entries: Float[Tensor, "batch heads rows columns"]) -> None:
        assert places.positions is not None
        sample, row, column = _pairs(places, len(entries), torch.Generator().manual_seed(0))
        own = sample if len(places.positions) > 1 else torch.zeros_like(sample)
        x = (places.positions[own, row] - places.positions[own, column]).to(entries.dtype)
        self.largest = x.abs().amax(0).clamp_min(1e-12) if len(x) else x.new_ones(x.shape[1])
        distinct = places.classes.numel() - places.classes.shape[0] * places.length
        count = max(1, min(WAVES, distinct // PAIRS_EACH))
        self.waves = (2 * math.pi / PERIOD) * longest_waves(count, x.shape[1]).T.to(x.dtype)
        features = self._features(x)
        self.weights = solved(features.T @ features, features.T @ entries[sample, :, row, column])  # [features, H]

    def kernel(self, places: Places) -> Float[Tensor, "samples heads points points"]:
        """Spread over all pairs; 0 from a point to itself, and at padding."""
        assert places.positions is not None
        points = places.positions.to(self.weights.dtype)
        rows = max(1, CHUNK // (places.length * len(self.weights)))
        found = [
            torch.cat([self._features(some.unsqueeze(1) - each) @ self.weights for some in each.split(rows)]).movedim(
                2, 0
            )
            for each in points
        ]
        apart = ~torch.eye(places.length, dtype=torch.bool)
        if places.valid is not None:
            apart = apart & (places.valid.unsqueeze(2) & places.valid.unsqueeze(1)).unsqueeze(1)
        return torch.stack(found) * apart

    def _features(self, x: Tensor) -> Tensor:
        x = x / self.largest
        phases = x @ self.waves
        return torch.cat([torch.ones_like(x[..., :1]), x, phases.cos(), phases.sin()], -1)


def longest_waves(count: int, axes: int) -> Float[Tensor, "waves axes"]:
    """The `count` smallest vectors of whole numbers, one of each pair that points in opposite directions."""
    radius = 1
    while True:
        every = torch.cartesian_prod(*[torch.arange(-radius, radius + 1)] * axes).view(-1, axes)
        leading = every.gather(1, (every != 0).long().argmax(1, keepdim=True))[:, 0]
        size = every.square().sum(1)
        found = every[(leading > 0) & (size <= radius**2)]
        if len(found) >= count:
            return found[found.square().sum(1).argsort(stable=True)[:count]].float()
        radius += 1


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
