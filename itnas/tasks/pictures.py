"""Small pictures: patches of any, and boards of cells that hold coloured shapes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from itnas.tasks.wording import Ints

Pixels = NDArray[np.float32]

PATCH = 4  # pixels along a side of what one point shows: of a patch, or of a cell
CHANNELS = 3 * PATCH * PATCH
EMPTY = -1

SHAPES = {
    "circle": (".##.", "####", "####", ".##."),
    "square": ("####", "#..#", "#..#", "####"),
    "cross": ("#..#", ".##.", ".##.", "#..#"),
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
    """What the cells of boards [B, cells] show, [B, cells, CHANNELS]: coloured shapes, or nothing where `EMPTY`.

    Shapes are as bright as the cell's light, and every pixel is noisy.
    """
    shape, colour = np.divmod(board, len(COLOURS))  # EMPTY is shape -1: the last, empty stencil
    lit = _COLOURS[colour] * light[..., None].astype(np.float32)
    cells = (_STENCILS[shape][..., None] * lit[:, :, None]).reshape(*board.shape, CHANNELS)
    return np.asarray(cells + NOISE * rng.standard_normal(cells.shape, dtype=np.float32))


def patches(images: Pixels) -> Pixels:
    """[B, height, width, 3] -> [B, N, CHANNELS], row by row."""
    size, height, width, _ = images.shape
    cut = images.reshape(size, height // PATCH, PATCH, width // PATCH, PATCH, 3).transpose(0, 1, 3, 2, 4, 5)
    return np.ascontiguousarray(cut.reshape(size, -1, CHANNELS))


# Where each shape has colour, and where none has: [shapes + 1, pixels].
_STENCILS = np.array(
    [[dot == "#" for dot in "".join(rows)] for rows in SHAPES.values()] + [[False] * PATCH**2], dtype=np.float32
)
_COLOURS = np.array(list(COLOURS.values()), dtype=np.float32)
