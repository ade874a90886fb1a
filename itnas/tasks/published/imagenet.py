"""ImageNet-1K: what is on this photograph?"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from itnas.datasets import imagenet
from itnas.datasets.pictures import Picture, centre, working_side
from itnas.operator.domain import Grid
from itnas.tasks.base import register
from itnas.tasks.batch import Batch
from itnas.tasks.published.augment import Mates, flipped, random_boxes, smoothed
from itnas.tasks.published.base import Filed
from itnas.tasks.published.order import Division, Rows, divided
from itnas.tasks.published.patches import check_patches, cut_out, grid_side, patches, read_picture

HELD_OUT = 0.02


class Labelled(NamedTuple):
    picture: Picture
    label: int


@register
@dataclass(frozen=True)
class ImageNet(Filed[Labelled]):
    """The images of ILSVRC 2012 as patches on a grid: 1.28 million to learn from, 50,000 to be tested on.

    Test is the published validation set; validation is 2 % of the published training images, those whose names have the
    lowest hashes. `length` patches of `patch` x `patch` pixels make an image of side sqrt(length) * patch; `size` sets
    the length by that side. Training cuts a random part out (`crop`) and mirrors half of the images (`flip`); `mixup`
    is the alpha of mixup (0: none), `smoothing` the share of a label that goes to all classes alike. Otherwise the
    shorter side is scaled to 256 / 224 of the size, and the middle cut out. A patch's numbers are in the order row,
    column, colour, normalised by the colours' usual means and deviations.
    """

    name = "imagenet-1k"
    summary = "The patches of a photograph go in, which of 1,000 things it shows comes out."
    expects = (
        "Convolution in early layers, as what is near belongs together, and attention across the image in late ones: "
        "vision transformers learn both kinds of heads."
    )
    readout = "pooled"
    position_dim = 2

    length: int = 196
    size: int | None = None
    patch: int = 16
    crop: bool = True
    flip: bool = True
    mixup: float = 0.0
    smoothing: float = 0.0
    steps: int = 100_000
    batch_size: int = 256

    def __post_init__(self) -> None:
        check_patches(self.name, self.patch, self.size)
        if self.size is not None:
            points = (self.size // self.patch) ** 2
            if self.length not in (points, type(self).length):
                raise ValueError(
                    f"task {self.name}: size={self.size} and patch={self.patch} make {points} patches, "
                    f"got length={self.length} too: give one of them"
                )
            # The length is what is kept: it can be replaced, and the size follows.
            object.__setattr__(self, "length", points)
            object.__setattr__(self, "size", None)
        super().__post_init__()

    def check_settings(self) -> None:
        super().check_settings()
        if not 0 <= self.mixup < float("inf"):
            raise ValueError(f"task {self.name}: mixup must be a number from 0 up, got mixup={self.mixup}")
        if not 0 <= self.smoothing < 1:
            raise ValueError(f"task {self.name}: 0 <= smoothing < 1 must hold, got smoothing={self.smoothing}")

    def check_length(self, length: int) -> None:
        super().check_length(length)
        grid_side(self.name, length)

    @property
    def channels(self) -> int:
        return 3 * self.patch**2

    @property
    def outputs(self) -> int:
        return imagenet.COUNT

    @property
    def chance(self) -> float:
        """The test set has fifty images of each class."""
        return 1 / imagenet.COUNT

    @property
    def ceiling(self) -> None:
        """Labels are disputed for more images than the best networks get wrong."""
        return None

    @property
    def lengths(self) -> tuple[int, ...]:
        """A quarter of the patches, and all: half and all of the side."""
        side = grid_side(self.name, self.length)
        return tuple(sorted({max(side // 2, 1) ** 2, side**2}))

    def rows(self, split: str) -> Rows:
        if split == "test":
            return np.arange(len(_images(self.folder, "val").labels))
        return _division(self.folder).side(split)

    def load(self, split: str, row: int) -> Labelled:
        images = _images(self.folder, "val" if split == "test" else "train")
        side = grid_side(self.name, self.length) * self.patch
        return Labelled(read_picture(images.path(row), working_side(side)), int(images.labels[row]))

    def assemble(self, samples: Sequence[Labelled], split: str, rng: np.random.Generator, length: int) -> Batch:
        side = grid_side(self.name, length)
        pictures = [sample.picture for sample in samples]
        cropped = self.crop and split == "train"
        boxes = random_boxes(rng, pictures) if cropped else [centre(picture) for picture in pictures]
        views = cut_out(pictures, boxes, side * self.patch)
        if self.flip and split == "train":
            views = flipped(views, rng.random(len(views)) < 0.5)
        inputs, targets = patches(views, self.patch), torch.tensor([sample.label for sample in samples])
        if split == "train" and (self.mixup or self.smoothing):
            targets = smoothed(targets, self.outputs, self.smoothing)
        return Batch(inputs, targets, domain=Grid((side, side)))

    def mates(self, split: str, rng: np.random.Generator, size: int) -> Mates | None:
        return Mates.drawn(rng, size, self.mixup) if split == "train" and self.mixup else None

    def outline(self, size: int, length: int) -> Batch:
        side = grid_side(self.name, length)
        targets = torch.zeros(size, dtype=torch.int64)
        return Batch(torch.zeros(size, length, self.channels), targets, domain=Grid((side, side)))


@dataclass(frozen=True)
class Images:
    """Paths and labels of the images of a split, small: there are more than a million of them."""

    folder: Path
    names: NDArray[np.bytes_]  # relative to the folder
    labels: NDArray[np.int16]

    def path(self, row: int) -> Path:
        return self.folder / os.fsdecode(bytes(self.names[row]))


@lru_cache(maxsize=4)
def _images(folder: Path, split: str) -> Images:
    found = imagenet.entries(folder, split)
    start = len(str(folder)) + 1
    names = np.array([os.fsencode(str(path)[start:]) for path, _ in found])
    return Images(folder, names, np.array([label for _, label in found], dtype=np.int16))


@lru_cache(maxsize=2)
def _division(folder: Path) -> Division:
    return divided([name.rpartition(b"/")[2] for name in _images(folder, "train").names.tolist()], HELD_OUT)
