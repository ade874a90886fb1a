"""Which shape, of which texture, is somewhere in this picture?"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from itnas.operator.domain import Grid
from itnas.tasks.base import register
from itnas.tasks.batch import Batch
from itnas.tasks.pictures import CHANNELS, NOISE, PATCH, Pixels, patches
from itnas.tasks.sketched import Sketch, Sketched

# Which of the places right and down of a shape's middle, in radii, it covers.
SHAPES: dict[str, Callable[[Pixels, Pixels], NDArray[np.bool_]]] = {
    "disc": lambda u, v: u * u + v * v < 0.9,
    "triangle": lambda u, v: (v < 0.75) & (v > 1.7 * np.abs(u) - 1),
    "cross": lambda u, v: (np.maximum(np.abs(u), np.abs(v)) < 1) & (np.minimum(np.abs(u), np.abs(v)) < 0.4),
}
TEXTURES = ("plain", "striped")
RADII = (6.0, 7.0)  # pixels
_PACE = 2 * np.pi / 4  # radians per pixel across the stripes
_ROOM = 8  # pixels from a shape's middle to the edge of where it may be


@register
@dataclass(frozen=True)
class TexturedShapes(Sketched):
    """Colour pictures of a shape, plain or striped, on a ground of waves and noise; both are asked for, as one class.

    A picture of `length` = n x n patches of 4 x 4 pixels holds one shape of any colour, 11 to 14 pixels wide, turned by
    up to 15 degrees, whole, and at any place, to two pixels. With shifted=true its middle is in the left half
    of the picture in training and validation, and in the right half in the test split. Larger pictures hold shapes of
    the same size.
    """

    name = "textured-shapes"
    summary = "Patches of a colour picture go in, which shape of which texture is in it comes out."
    expects = (
        "Convolution: edges and stripes are local and mean the same wherever they are; what patches say of a shape is "
        "put together by a wider one, and pooling finds it."
    )
    readout = "pooled"
    position_dim = 2

    shifted: bool = False
    steps: int = 2500

    def check_length(self, length: int) -> None:
        super().check_length(length)
        if round(length**0.5) ** 2 != length:
            raise ValueError(f"task {self.label}: pictures are square, got length={length}, which is not square")

    @property
    def channels(self) -> int:
        return CHANNELS

    @property
    def outputs(self) -> int:
        return len(SHAPES) * len(TEXTURES)

    @property
    def chance(self) -> float:
        return 1 / self.outputs

    @property
    def shortest(self) -> int:
        """So many patches that shapes have room, in a half of them if need be."""
        return 36 if self.shifted else 16

    @property
    def lengths(self) -> tuple[int, ...]:
        """Squares of three quarters, all and five quarters of the side."""
        side = round(self.length**0.5)
        sides = {max(side * part // 4, round(self.shortest**0.5)) for part in (3, 4, 5)}
        return tuple(each * each for each in sorted(sides))

    def sketch(self, rng: np.random.Generator, size: int, length: int) -> Sketch:
        extent = PATCH * math.isqrt(length)
        ends = np.array([extent // 2 - 2 if self.shifted else extent - _ROOM, extent - _ROOM])
        return {
            "class": rng.integers(self.outputs, size=size),
            "centre": 2 * rng.integers(_ROOM // 2, ends // 2 + 1, size=(size, 2)),  # right, down
            "radius": rng.uniform(*RADII, size=size),
            "stripes": rng.uniform(0, np.pi, size=(size, 2)),  # direction and phase
            "colour": _colours(rng, size, 0.6, 1.0),
            "ground": _colours(rng, size, 0.0, 0.25),
            "waves": rng.normal(0, 0.3, size=(size, 2)),  # radians per pixel, right and down
        }

    def arranged(self, split: str, sketch: Sketch, length: int) -> Sketch:
        if not self.shifted or split != "test":
            return sketch
        return {**sketch, "centre": sketch["centre"] + [PATCH * math.isqrt(length) // 2 - _ROOM + 2, 0]}

    def paint(self, rng: np.random.Generator, sketch: Sketch, length: int) -> Batch:
        side = round(length**0.5)
        images = paint(sketch, side * PATCH)
        images += NOISE * rng.standard_normal(images.shape, dtype=np.float32)
        labels = torch.from_numpy(sketch["class"].astype(np.int64))
        return Batch(torch.from_numpy(patches(images)), labels, domain=Grid((side, side)))


def paint(sketch: Sketch, extent: int) -> Pixels:
    """The pictures [B, extent, extent, 3] of a sketch, without noise."""
    right, down = np.arange(extent, dtype=np.float32) + 0.5, np.arange(extent, dtype=np.float32)[:, None] + 0.5

    def of(name: str, part: int) -> Pixels:
        return sketch[name][:, part, None, None].astype(np.float32)

    def lit(colour: str, brightness: Pixels) -> Pixels:
        return np.asarray(sketch[colour].astype(np.float32)[:, None, None] * brightness[..., None])

    x, y = right - of("centre", 0), down - of("centre", 1)
    images = lit("ground", 1 + 0.5 * np.sin(of("waves", 0) * x + of("waves", 1) * y))
    shape, texture = np.divmod(sketch["class"], len(TEXTURES))
    angle, phase = of("stripes", 0), of("stripes", 1)
    stripes = np.sin(_PACE * (np.cos(angle) * x + np.sin(angle) * y) + 2 * phase) > 0
    brightness = np.where((texture == 1)[:, None, None] & stripes, np.float32(0.3), np.float32(1))
    radius = sketch["radius"][:, None, None].astype(np.float32)
    inside = np.choose(shape[:, None, None], [covers(x / radius, y / radius) for covers in SHAPES.values()])
    return np.asarray(np.where(inside[..., None], lit("colour", brightness), images))


def _colours(rng: np.random.Generator, size: int, low: float, high: float) -> NDArray[np.float64]:
    """Colours [size, 3] whose brightest channel lies between `low` and `high`."""
    colours = rng.random((size, 3))
    return np.asarray(colours / colours.max(1, keepdims=True) * rng.uniform(low, high, size=(size, 1)))
