"""ModelNet40: which of forty kinds of objects is this the surface of?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from itnas.datasets import modelnet
from itnas.datasets.cache import the_cache
from itnas.datasets.off import read_mesh, sample, unit_sphere
from itnas.datasets.pictures import CorruptFileError
from itnas.operator.domain import Cloud
from itnas.registry import check_choice
from itnas.tasks.base import register
from itnas.tasks.batch import Batch
from itnas.tasks.published.augment import Rotation, jittered, turned
from itnas.tasks.published.base import Filed
from itnas.tasks.published.order import Division, Rows, divided
from itnas.tasks.stream import generator

HELD_OUT = 0.1
DRAWN = 4096  # points of a mesh that are drawn once and for all


class Surface(NamedTuple):
    points: NDArray[np.float32]  # [DRAWN, 6]: places in the unit sphere, and normals there
    label: int


@register
@dataclass(frozen=True)
class ModelNet40(Filed[Surface]):
    """`length` points on the surface of each of 12,311 meshes, spread evenly by area, in the unit sphere.

    Train and test are as published; validation is a tenth of the published training meshes, those whose names have the
    lowest hashes. Of the 4,096 points that are drawn from a mesh once and for all, training takes others in each epoch,
    and validation and test the first ones. Points carry a constant, their coordinates if `coordinates`, and their
    normals if `normals`; each weighs 1 / length. Clouds are rotated at random, about the vertical (`z`), in space
    (`so3`) or not: by `rotate` in training and validation, by `rotate_test` in the test. `jitter` is the deviation of
    the noise that training adds to places.
    """

    name = "modelnet40"
    summary = "Points on an object's surface go in, which of 40 kinds of objects it is comes out."
    expects = (
        "Kernels of the offset between points, local at first, as in point networks; with coordinates=false and "
        "rotate=so3 kernels of distances alone, which rotations leave as they are."
    )
    readout = "pooled"
    position_dim = 3

    length: int = 1024
    coordinates: bool = True
    normals: bool = False
    rotate: Rotation = "z"
    rotate_test: Rotation = "z"
    jitter: float = 0.01
    steps: int = 20_000

    def check_settings(self) -> None:
        super().check_settings()
        for setting, kind in {"rotate": self.rotate, "rotate_test": self.rotate_test}.items():
            check_choice(f"{setting} of task {self.name}", kind, ("none", "z", "so3"))
        if not 0 <= self.jitter < float("inf"):
            raise ValueError(f"task {self.name}: jitter must be a number from 0 up, got jitter={self.jitter}")

    def check_length(self, length: int) -> None:
        super().check_length(length)
        if length > DRAWN:
            raise ValueError(f"task {self.name}: {DRAWN} points are drawn from each mesh, got length={length}")

    @property
    def channels(self) -> int:
        return 1 + 3 * self.coordinates + 3 * self.normals

    @property
    def outputs(self) -> int:
        return len(modelnet.CLASSES)

    @property
    def chance(self) -> float:
        """Of the 2,468 test meshes several classes have a hundred each, and none has more."""
        return 100 / 2468

    @property
    def ceiling(self) -> None:
        """Some meshes fit two classes: flower pots, plants and vases."""
        return None

    def rows(self, split: str) -> Rows:
        if split == "test":
            return np.arange(len(_meshes(self.folder, "test")))
        return _division(self.folder).side(split)

    def load(self, split: str, row: int) -> Surface:
        path, label = _meshes(self.folder, "test" if split == "test" else "train")[row]
        return Surface(the_cache().get(path, f"surface {DRAWN}", partial(drawn, path)), label)

    def assemble(self, samples: Sequence[Surface], split: str, rng: np.random.Generator, length: int) -> Batch:
        every = [np.arange(length)] * len(samples)
        chosen = rng.random((len(samples), DRAWN)).argsort(1)[:, :length] if split == "train" else every
        kept = [each.points[own] for each, own in zip(samples, chosen, strict=True)]
        both = np.stack(kept).astype(np.float64)
        points, normals = turned(
            rng, self.rotate_test if split == "test" else self.rotate, [both[..., :3], both[..., 3:]]
        )
        if split == "train":
            points = jittered(rng, points, self.jitter)
        labels = torch.tensor([each.label for each in samples])
        return self._batch(points.astype(np.float32), normals.astype(np.float32), labels)

    def outline(self, size: int, length: int) -> Batch:
        zeros = np.zeros((size, length, 3), dtype=np.float32)
        return self._batch(zeros, zeros, torch.zeros(size, dtype=torch.int64))

    def _batch(self, points: NDArray[np.float32], normals: NDArray[np.float32], labels: torch.Tensor) -> Batch:
        positions = torch.from_numpy(points)
        size, length, _ = points.shape
        parts = [torch.ones(size, length, 1)]
        parts += [positions] if self.coordinates else []
        parts += [torch.from_numpy(normals)] if self.normals else []
        return Batch(torch.cat(parts, -1), labels, domain=Cloud(positions, torch.full((length,), 1 / length)))


def drawn(path: Path) -> NDArray[np.float32]:
    """Points and normals of a mesh; which ones, its name says."""
    try:
        mesh = read_mesh(path)
    except ValueError as error:
        raise CorruptFileError(path, str(error).removeprefix(f"{path} ")) from error
    points, normals = sample(mesh, DRAWN, generator("modelnet40", path.name))
    return np.concatenate([unit_sphere(points), normals], axis=1).astype(np.float32)


@lru_cache(maxsize=4)
def _meshes(folder: Path, split: str) -> list[tuple[Path, int]]:
    return modelnet.entries(folder, split)


@lru_cache(maxsize=2)
def _division(folder: Path) -> Division:
    return divided([path.name for path, _ in _meshes(folder, "train")], HELD_OUT)
