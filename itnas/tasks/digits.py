"""Handwritten digits, 8 x 8 pixels: the set that comes with scikit-learn."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from itnas.operator.domain import Grid
from itnas.registry import check_choice
from itnas.tasks.base import Task, register, take
from itnas.tasks.batch import Batch
from itnas.tasks.stream import SPLITS, generator

SIDE = 8
CLASSES = 10


@register
@dataclass(frozen=True)
class Digits(Task):
    """The 1,797 images of the UCI "optical recognition of handwritten digits" test set, their pixels in [0, 1].

    Split once and for all within each class: 70 % train, 15 % validation, 15 % test. Training goes through permutations
    of its images, one an epoch, the odd rest of an epoch left out. Validation and test go round and round through one
    permutation: more samples than the 270 or 269 that there are repeat them. `examples` takes so many training images.

    `view="grid"` lays the pixels on a grid, `"sequence"` on a line, row by row. `length` must be a square: images are
    resampled to that many pixels (bilinear, smoothed where it shrinks) and on the grid cover the same 8 x 8 area.
    """

    name = "digits"
    summary = "The pixels of a handwritten digit go in, which digit it is comes out."
    expects = (
        "Convolution: strokes are local and mean the same wherever they are, and pooling adds up what they say; the "
        "8 x 8 frame is so tight that fixed places (dense) do well, too."
    )
    readout = "pooled"

    view: Literal["grid", "sequence"] = "grid"
    steps: int = 1200

    def check_settings(self) -> None:
        check_choice("view of task digits", self.view, ("grid", "sequence"))
        if self.examples is not None and self.examples < 1:
            raise ValueError(f"task digits: examples must be at least 1, got examples={self.examples}")

    @property
    def position_dim(self) -> int:  # type: ignore[override]
        return 2 if self.view == "grid" else 1

    @property
    def channels(self) -> int:
        return 1

    @property
    def outputs(self) -> int:
        return CLASSES

    @property
    def chance(self) -> float:
        """183 of the 1,797 images show a 3."""
        return 183 / 1797

    @property
    def ceiling(self) -> None:
        """Some of the scans are hard to read for anybody."""
        return None

    @property
    def lengths(self) -> tuple[int, ...]:
        """Squares of three quarters, all and three halves of the side: on half of it digits are hard to tell apart."""
        side = self._side(self.length)
        return tuple(sorted({max(3 * side // 4, 1) ** 2, side**2, (3 * side // 2) ** 2}))

    def check_length(self, length: int) -> None:
        super().check_length(length)
        side = self._side(length)
        if side**2 != length:
            raise ValueError(
                f"task digits: an image of length={length} points is not square: ask for {side**2} or {(side + 1) ** 2}"
            )

    def batch(
        self, split: str = "train", *, seed: int = 0, step: int = 0, size: int | None = None, length: int | None = None
    ) -> Batch:
        check_choice("split", split, SPLITS)
        size = self.batch_size if size is None else size
        length = self.length if length is None else length
        self.check_length(length)
        rows = splits()[split]
        if split == "train" and self.examples is not None:
            if self.examples > len(rows):
                raise ValueError(f"task digits has {len(rows)} training images, got examples={self.examples}")
            rows = rows[: self.examples]
        return self._batch(rows[_places(split, seed, step, size, len(rows))], length)

    def split_size(self, split: str) -> int:
        return len(splits()[split])

    def draw(self, rng: np.random.Generator, size: int, length: int) -> Batch:
        """Training images, with replacement."""
        return self._batch(rng.choice(splits()["train"], size), length)

    def _batch(self, rows: NDArray[np.int64], length: int) -> Batch:
        side = self._side(length)
        domain = Grid((side, side), SIDE / side) if self.view == "grid" else None
        return take(Batch(pixels(side), images().labels, domain=domain), rows)

    @staticmethod
    def _side(length: int) -> int:
        return max(int(length**0.5), 1)


def _places(split: str, seed: int, step: int, size: int, count: int) -> NDArray[np.int64]:
    """Which of a split's `count` images make up this step."""
    if split != "train":
        order = generator("digits", split, "order", seed).permutation(count)
        return np.asarray(order[(step * size + np.arange(size)) % count])
    epoch, place = divmod(step, max(count // size, 1))
    order = generator("digits", split, "order", seed, epoch).permutation(count)
    return np.resize(order[place * size :], size)


class Images(NamedTuple):
    pixels: Tensor  # float32 [1797, 8, 8], in [0, 1]
    labels: Tensor  # int64 [1797]


@lru_cache(maxsize=1)
def images() -> Images:
    """The whole set, in scikit-learn's order."""
    rows = _rows()
    # The scans count black pixels of 4 x 4 blocks: 0 to 16.
    pixels = torch.from_numpy(rows[:, :-1] / 16).float()
    return Images(pixels.reshape(-1, SIDE, SIDE), torch.from_numpy(rows[:, -1]).long())


def _rows() -> NDArray[np.float64]:
    """Scans and labels, from scikit-learn's file: to import it only for its loader takes longer than all the rest."""
    found = importlib.util.find_spec("sklearn")
    for folder in (found and found.submodule_search_locations) or ():
        path = Path(folder, "datasets", "data", "digits.csv.gz")
        if path.is_file():
            return np.loadtxt(path, delimiter=",")
    try:
        data = importlib.import_module("sklearn.datasets").load_digits()
    except ImportError as error:
        raise ValueError(f"task digits: its images come with scikit-learn, which is missing ({error})") from error
    return np.column_stack((data.data, data.target))


@lru_cache(maxsize=16)
def pixels(side: int) -> Tensor:
    """All images at side x side pixels, [1797, side^2, 1]."""
    scans = images().pixels[:, None]
    if side != SIDE:
        scans = F.interpolate(scans, size=(side, side), mode="bilinear", antialias=True)
    return scans.reshape(len(scans), side * side, 1)


@lru_cache(maxsize=1)
def splits() -> dict[str, NDArray[np.int64]]:
    """Indices of the images of each split, shuffled; class by class 70, 15 and 15 %."""
    labels, parts = images().labels.numpy(), {split: list[NDArray[np.int64]]() for split in SPLITS}
    for label in range(CLASSES):
        rows = generator("digits", "split", label).permutation(np.flatnonzero(labels == label))
        cuts = [round(0.7 * len(rows)), round(0.85 * len(rows))]
        for split, part in zip(SPLITS, np.split(rows, cuts), strict=True):
            parts[split].append(part)
    return {split: generator("digits", split, "shuffle").permutation(np.concatenate(parts[split])) for split in SPLITS}
