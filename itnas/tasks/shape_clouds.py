"""Which solid were these points scattered on?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from itnas.operator.domain import Cloud
from itnas.tasks.base import Task, register
from itnas.tasks.batch import Batch
from itnas.tasks.stream import generator

Points = NDArray[np.float64]


class Solid(NamedTuple):
    """A closed surface around the z axis."""

    surface: Callable[[Points], Points]  # uniform numbers [..., 3] to points spread evenly by area [..., 3]
    height: float  # of the surface's centre of mass, on the axis
    radius: float  # root mean square distance of the surface from there


def sphere(u: Points) -> Points:
    return _around(2 * u[..., 1] - 1, np.sqrt(1 - (2 * u[..., 1] - 1) ** 2), u[..., 2])


def cylinder(u: Points) -> Points:
    """Radius 1, -2 <= z <= 2: 8 pi of wall, pi for each lid."""
    wall = u[..., 0] < 0.8
    lid = np.where(u[..., 0] < 0.9, 2.0, -2.0)
    return _around(np.where(wall, 4 * u[..., 1] - 2, lid), np.where(wall, 1, np.sqrt(u[..., 1])), u[..., 2])


_SLANT = 5**0.5


def cone(u: Points) -> Points:
    """Base radius 1, apex at z = 2: pi sqrt(5) of wall, pi of base."""
    wall, radius = u[..., 0] * (1 + _SLANT) < _SLANT, np.sqrt(u[..., 1])
    return _around(np.where(wall, 2 * (1 - radius), 0), radius, u[..., 2])


_TUBE = 0.4


def torus(u: Points) -> Points:
    """Ring radius 1, tube radius 0.4. The area at tube angle v goes as 1 + 0.4 cos v: v is kept with half that
    probability, and mirrored to pi - v otherwise, which gives exactly that density."""
    angle = 2 * np.pi * u[..., 1]
    angle = np.where(2 * u[..., 0] < 1 + _TUBE * np.cos(angle), angle, np.pi - angle)
    return _around(_TUBE * np.sin(angle), 1 + _TUBE * np.cos(angle), u[..., 2])


def _around(height: Points, radius: Points, turn: Points) -> Points:
    angle = 2 * np.pi * turn
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=-1)


def polyhedron(triangles: Points) -> Callable[[Points], Points]:
    """The surface made of `triangles` [F, 3 corners, 3], all of one area."""
    origins, sides = triangles[:, 0], triangles[:, 1:] - triangles[:, :1]

    def surface(u: Points) -> Points:
        face = (u[..., 0] * len(triangles)).astype(np.int64)
        # The unit square folded along its diagonal covers the triangle evenly.
        along = np.where(u[..., 1:].sum(-1, keepdims=True) > 1, 1 - u[..., 1:], u[..., 1:])
        side = sides[face]
        return np.asarray(origins[face] + along[..., :1] * side[..., 0, :] + along[..., 1:] * side[..., 1, :])

    return surface


def _tetrahedron() -> Points:
    """Corners at distance 1 from the centre, one of them straight up."""
    foot, low = 8**0.5 / 3, -1 / 3
    angles = 2 * np.pi * np.arange(3) / 3
    base = np.stack([foot * np.cos(angles), foot * np.sin(angles), np.full(3, low)], axis=-1)
    top = np.array([0.0, 0.0, 1.0])
    return np.stack([base, *(np.stack([base[i], base[(i + 1) % 3], top]) for i in range(3))])


def _cube() -> Points:
    """[-1, 1]^3, each face cut into two triangles."""
    halves = np.array([[[-1, -1, 1], [1, -1, 1], [1, 1, 1]], [[-1, -1, 1], [-1, 1, 1], [1, 1, 1]]], dtype=np.float64)
    return np.concatenate([sign * np.roll(halves, axis, axis=-1) for axis in range(3) for sign in (1, -1)])


# The class of a cloud is the place of its solid in this table.
SOLIDS = {
    "sphere": Solid(sphere, 0, 1),
    "cube": Solid(polyhedron(_cube()), 0, (5 / 3) ** 0.5),
    "tetrahedron": Solid(polyhedron(_tetrahedron()), 0, 1 / 3**0.5),
    "cylinder": Solid(cylinder, 0, (0.8 * (1 + 4 / 3) + 0.2 * (1 / 2 + 4)) ** 0.5),
    "cone": Solid(
        cone,
        2 / 3 * _SLANT / (1 + _SLANT),
        ((7 / 6 * _SLANT + 1 / 2) / (1 + _SLANT) - (2 / 3 * _SLANT / (1 + _SLANT)) ** 2) ** 0.5,
    ),
    "torus": Solid(torus, 0, (1 + 2 * _TUBE**2) ** 0.5),
}


@register
@dataclass(frozen=True)
class ShapeClouds(Task):
    """`length` points spread evenly over the surface of one of six solids, whose name is asked for.

    Every solid has its centre of mass at 0 and root mean square radius 1, so that size tells nothing. Then it turns
    about the z axis, and is scaled by 0.9 to 1.1, shifted by 0.1 and jittered by `noise`. In the test split, and only
    there, each cloud is also rotated at random in space. Points carry a constant, and their positions if `coordinates`;
    each weighs 1 / length, so that a sum over points estimates the mean over the surface at any length.
    """

    name = "shape-clouds"
    summary = "Points on a solid's surface go in, which of six solids comes out; test clouds are rotated in space."
    expects = (
        "Pointwise features of the coordinates, pooled, until the test rotates the clouds; with coordinates=false a "
        "content-free kernel of distances alone, which rotations leave as they are."
    )
    readout = "pooled"
    position_dim = 3

    noise: float = 0.02
    coordinates: bool = True
    steps: int = 800

    def check_settings(self) -> None:
        if not 0 <= self.noise < float("inf"):
            raise ValueError(f"task shape-clouds: noise must be a number from 0 up, got noise={self.noise}")

    @property
    def channels(self) -> int:
        return 4 if self.coordinates else 1

    @property
    def outputs(self) -> int:
        return len(SOLIDS)

    @property
    def chance(self) -> float:
        return 1 / len(SOLIDS)

    @property
    def ceiling(self) -> None:
        """So few points, jittered, now and then fit two solids equally well."""
        return None

    @property
    def lengths(self) -> tuple[int, ...]:
        """A quarter of the points would no longer tell the solids apart."""
        return (self.length // 2, self.length, 2 * self.length)

    def draw(self, rng: np.random.Generator, size: int, length: int) -> Batch:
        labels = rng.integers(len(SOLIDS), size=size)
        points = upright(labels, rng.random((size, length, 3)))
        points = points @ turns(rng.random(size)) * rng.uniform(0.9, 1.1, size=(size, 1, 1))
        points += 0.1 * rng.standard_normal((size, 1, 3)) + self.noise * rng.standard_normal((size, length, 3))
        return self._batch(points.astype(np.float32), torch.from_numpy(labels))

    def batch(
        self, split: str = "train", *, seed: int = 0, step: int = 0, size: int | None = None, length: int | None = None
    ) -> Batch:
        batch = super().batch(split, seed=seed, step=step, size=size, length=length)
        if split != "test":
            return batch
        points = _positions(batch)
        rng = generator(self.stream, "rotation", seed, step, points.shape[1])
        return self._batch((points @ rotations(rng, len(points))).astype(np.float32), batch.targets)

    def identity(self, batch: Batch) -> NDArray[Any]:
        return _positions(batch)

    def _batch(self, points: NDArray[np.float32], labels: torch.Tensor) -> Batch:
        positions = torch.from_numpy(points)
        size, length, _ = points.shape
        ones = torch.ones(size, length, 1)
        inputs = torch.cat([ones, positions], dim=-1) if self.coordinates else ones
        return Batch(inputs, labels, domain=Cloud(positions, torch.full((length,), 1 / length)))


def upright(labels: NDArray[np.int64], u: Points) -> Points:
    """Points [B, N, 3] on the solids of these classes, centred and of unit radius, from uniform numbers."""
    points = np.empty_like(u)
    for label, solid in enumerate(SOLIDS.values()):
        rows = labels == label
        points[rows] = (solid.surface(u[rows]) - [0, 0, solid.height]) / solid.radius
    return points


def rotations(rng: np.random.Generator, size: int) -> Points:
    """Rotation matrices [B, 3, 3], uniform: those of uniform unit quaternions."""
    return rotations_of(rng.standard_normal((4, size)))


def rotations_of(quaternion: NDArray[np.float64]) -> Points:
    """Of quaternions [4, B] of any length."""
    w, x, y, z = quaternion / np.linalg.norm(quaternion, axis=0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), -1, 0)


def turns(share: Points) -> Points:
    """Rotations about z [B, 3, 3]."""
    cos, sin = np.cos(2 * np.pi * share), np.sin(2 * np.pi * share)
    matrix = np.zeros((len(share), 3, 3))
    matrix[:, 0, 0], matrix[:, 0, 1], matrix[:, 1, 0], matrix[:, 1, 1], matrix[:, 2, 2] = cos, -sin, sin, cos, 1
    return matrix


def _positions(batch: Batch) -> NDArray[np.float32]:
    assert isinstance(batch.domain, Cloud)
    return np.asarray(batch.domain.positions.numpy())
