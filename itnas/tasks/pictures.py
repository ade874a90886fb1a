"""Small pictures: patches of any, and boards of cells that hold coloured shapes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from itnas.tasks.wording import Ints

Pixels = NDArray[np.float32]

PATCH = 4  # pixels along a side of what one point shows
CHANNELS = 3 * PATCH * PATCH
CELL = 2 * PATCH  # pixels along a side of a cell of a board
EMPTY = -1

# The upper left quarter of each; it is mirrored both ways, so that every patch tells the shape.
SHAPES = {
    "circle": ("..##", ".###", "####", "####"),
    "square": ("####", "####", "##..", "##.."),
    "cross": ("##..", "###.", ".###", "..##"),
}
COLOURS = {"red": (1.0, 0.1, 0.1), "green": (0.1, 0.8, 0.1), "blue": (0.1, 0.2, 1.0)}
NOISE = 0.1


def item(shape: Ints, colour: Ints) -> Ints:
    """The number of a coloured shape."""
    return shape * len(COLOURS) + colour


def lights(rng: np.random.Generator, board: Ints) -> NDArray[np.float64]:
    """How bright each cell of some boards is. With them in its sketch, one and the same scene may be in every split:
    there are so few scenes that a split of their own would not be balanced."""
    return rng.uniform(0.7, 1.0, size=board.shape)


def paint(rng: np.random.Generator, board: Ints, light: NDArray[np.float64]) -> Pixels:
    """Patches [B, 4 cells, CHANNELS], row by row, of square boards [B, cells]: shapes, or nothing where `EMPTY`.

    Shapes are as bright as the cell's light, and every pixel is noisy.
    """
    size, side = len(board), round(board.shape[1] ** 0.5)
    shape, colour = np.divmod(board, len(COLOURS))  # EMPTY is shape -1: the last, empty stencil
    lit = _COLOURS[colour] * light[..., None].astype(np.float32)
    cells = (_STENCILS[shape][..., None] * lit[:, :, None, None]).reshape(size, side, side, CELL, CELL, 3)
    images = cells.transpose(0, 1, 3, 2, 4, 5).reshape(size, side * CELL, side * CELL, 3)
    return patches(images + NOISE * rng.standard_normal(images.shape, dtype=np.float32))


def patches(images: Pixels) -> Pixels:
    """[B, height, width, 3] -> [B, N, CHANNELS], row by row."""
    size, height, width, _ = images.shape
    cut = images.reshape(size, height // PATCH, PATCH, width // PATCH, PATCH, 3).transpose(0, 1, 3, 2, 4, 5)
    return np.ascontiguousarray(cut.reshape(size, -1, CHANNELS))


def _stencils() -> Pixels:
    """Where each shape has colour, and where none has: [shapes + 1, CELL, CELL]."""
    quarters = np.array([[[dot == "#" for dot in row] for row in rows] for rows in SHAPES.values()], dtype=np.float32)
    upper = np.concatenate([quarters, quarters[:, :, ::-1]], 2)
    whole = np.concatenate([upper, upper[:, ::-1]], 1)
    return np.concatenate([whole, np.zeros_like(whole[:1])])


_STENCILS = _stencils()
_COLOURS = np.array(list(COLOURS.values()), dtype=np.float32)
