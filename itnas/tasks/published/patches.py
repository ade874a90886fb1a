"""Pictures as points: square patches on a grid."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import isqrt
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from itnas.datasets.cache import the_cache
from itnas.datasets.pictures import Box, Picture, cut, decode

# Of the colours of ImageNet's images, in [0, 1]; all image models are trained on them.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def read_picture(path: Path, shorter: int) -> Picture:
    """A picture with its shorter side at so many pixels, from the cache if it is there."""
    return the_cache().get(path, f"picture {shorter}", partial(decode, path, shorter))


def cut_out(pictures: Sequence[Picture], boxes: Sequence[Box], size: int) -> Picture:
    """A part of each picture at size x size pixels, [B, size, size, 3]."""
    return np.stack([cut(picture, box, size) for picture, box in zip(pictures, boxes, strict=True)])


def patches(pictures: Picture, patch: int) -> Float[Tensor, "batch points channels"]:
    """Pictures [B, S, S, 3] as (S / patch)^2 points, row by row; a point's numbers are those of its patch in the order
    row, column, colour, less the colour's mean and over its deviation."""
    batch, side = len(pictures), pictures.shape[1] // patch
    tiles = torch.from_numpy(pictures).view(batch, side, patch, side, patch, 3).transpose(2, 3)
    points = tiles.reshape(batch, side * side, patch * patch * 3).float()
    mean, deviation = (255 * torch.tensor(values).repeat(patch * patch) for values in (MEAN, DEVIATION))
    return points.sub_(mean).div_(deviation)


def check_patches(task: str, patch: int, size: int | None) -> None:
    if patch < 1:
        raise ValueError(f"task {task}: patch must be at least 1, got patch={patch}")
    if size is not None and (size < patch or size % patch):
        raise ValueError(f"task {task}: size must be a multiple of patch, got size={size} and patch={patch}")


def grid_side(task: str, points: int) -> int:
    """Patches along each side of a picture."""
    side = isqrt(max(points, 0))
    if side**2 != points or not side:
        near = f"{max(side, 1) ** 2} or {(side + 1) ** 2}"
        raise ValueError(f"task {task}: a picture of {points} patches is not square: ask for {near}")
    return side
