"""What training changes about its samples, by random numbers that are handed in."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from itnas.datasets.pictures import Box, Picture
from itnas.tasks.batch import Batch
from itnas.tasks.shape_clouds import rotations_of, turns

Points = NDArray[np.float64]
Rotation = Literal["none", "z", "so3"]

# Inception's crops (Szegedy et al., arXiv 1409.4842): share of the area, and width over height.
AREAS, ASPECTS, TRIES = (0.08, 1.0), (3 / 4, 4 / 3), 10
FARTHEST = 5.0  # standard deviations that jitter reaches


def random_boxes(rng: np.random.Generator, pictures: Sequence[Picture]) -> list[Box]:
    """A part of each picture: of random area and shape, anywhere."""
    numbers = rng.random((len(pictures), TRIES, 4))
    return [_random_box(picture, each) for picture, each in zip(pictures, numbers, strict=True)]


def _random_box(picture: Picture, numbers: NDArray[np.float64]) -> Box:
    """The first of some tries that fits; else as much of the middle as the extreme shapes allow."""
    height, width = picture.shape[:2]
    for area, aspect, across, down in numbers:
        wanted = height * width * (AREAS[0] + area * (AREAS[1] - AREAS[0]))
        shape = ASPECTS[0] * (ASPECTS[1] / ASPECTS[0]) ** aspect
        wide, high = round(sqrt(wanted * shape)), round(sqrt(wanted / shape))
        if 0 < wide <= width and 0 < high <= height:
            return Box(int(across * (width - wide + 1)), int(down * (height - high + 1)), wide, high)
    wide = min(width, max(round(height * ASPECTS[1]), 1))
    high = min(height, max(round(width / ASPECTS[0]), 1))
    return Box((width - wide) // 2, (height - high) // 2, wide, high)


def flipped(pictures: NDArray[np.uint8], chosen: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Pictures [B, H, W, 3], the chosen ones mirrored left to right."""
    found = pictures.copy()
    found[chosen] = pictures[chosen, :, ::-1]
    return found


def smoothed(targets: Tensor, classes: int, smoothing: float) -> Tensor:
    """Classes [B] as shares [B, classes]: `smoothing` of each sample goes to all classes alike."""
    return F.one_hot(targets, classes).float() * (1 - smoothing) + smoothing / classes


class Mates(NamedTuple):
    """Mixup (Zhang et al., arXiv 1710.09412): into each sample and its targets those of another one are blended."""

    others: NDArray[np.int64]  # of each sample of a batch
    shares: NDArray[np.float32]  # what a sample keeps of its own

    @classmethod
    def drawn(cls, rng: np.random.Generator, size: int, alpha: float) -> Mates:
        """Shares from Beta(alpha, alpha)."""
        return cls(rng.permutation(size), rng.beta(alpha, alpha, size=size).astype(np.float32))

    def blended(self, batch: Batch, read: NDArray[np.int64], wanted: NDArray[np.int64]) -> Batch:
        """The wanted samples. `read`: the places in the whole batch of what `batch` holds, rising."""
        own, other = (torch.from_numpy(np.searchsorted(read, each)) for each in (wanted, self.others[wanted]))
        kept = torch.from_numpy(self.shares[wanted])

        def both(values: Tensor) -> Tensor:
            share = kept.view(-1, *(1,) * (values.dim() - 1))
            return share * values[own] + (1 - share) * values[other]

        return Batch(both(batch.inputs), both(batch.targets), domain=batch.domain)


def turned(rng: np.random.Generator, kind: Rotation, clouds: Sequence[Points]) -> list[Points]:
    """Vectors [B, N, 3] of each kind (points, normals), rotated sample by sample: about z, or at random in space."""
    if kind == "none":
        return list(clouds)
    size = len(clouds[0])
    matrices = turns(rng.random(size)) if kind == "z" else rotations_of(rng.standard_normal((size, 4)).T)
    return [vectors @ matrices for vectors in clouds]


def jittered(rng: np.random.Generator, points: Points, deviation: float) -> Points:
    """Points moved by normal noise, none farther than five deviations along any axis."""
    noise = rng.standard_normal(points.shape)
    moved: Points = points + deviation * np.clip(noise, -FARTHEST, FARTHEST)
    return moved
