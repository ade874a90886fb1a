"""Is a statement about two pictures true?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from itnas.models.interface import Modality
from itnas.operator.domain import Grid, Sequence, Union
from itnas.tasks.base import register
from itnas.tasks.batch import Batch
from itnas.tasks.pictures import CHANNELS, COLOURS, EMPTY, SHAPES, item, lights, paint
from itnas.tasks.sketched import Sketch, Sketched
from itnas.tasks.wording import BYTES, Ints, Truths, Wording

# Of each kind a statement, and the one that is true where that is false.
STATEMENTS = (
    ("just one empty", "both or none empty"),
    ("the same thing", "different things"),
    ("the same colour", "different colours"),
)
_STATEMENT = 20  # bytes of the longest statement, and a few

_WORDS = Wording(form for kind in STATEMENTS for form in kind)
_SENTENCES = _WORDS.numbers(_WORDS.pieces).reshape(3, 2)


@register
@dataclass(frozen=True)
class ImagePairs(Sketched):
    """Two pictures of n x n cells, each with n of a shape and colour of its own, and a statement, true or false.

    "just one empty" is about pictures of which one in two shows nothing, "the same thing" about such that agree both in
    shape and in colour or in neither, "the same colour" about any. Each statement is met as often as its opposite, and
    whether the pictures agree says nothing of either of them: so any two of the three parts tell nothing. Nothing short
    of all three does, which is why networks stay at chance for a while. The last 20 points are the statement; the
    others are the pictures, one a cell.
    """

    name = "image-pairs"
    summary = "Two pictures and a statement in bytes go in, whether it is true of them comes out."
    expects = (
        "Attention across the parts: one picture's shape is compared with the other's, wherever they are, in what the "
        "statement names; a statement's few words need no more than to be told apart."
    )
    readout = "pooled"
    position_dim = 3

    length: int = 2 * 2 * 2 + _STATEMENT
    steps: int = 1500
    batch_size: int = 64

    @property
    def modalities(self) -> tuple[Modality, ...]:
        images = (Modality(name, channels=CHANNELS, encoder="image") for name in ("left", "right"))
        return (*images, Modality("statement", vocabulary=BYTES))

    @property
    def channels(self) -> int:
        return CHANNELS

    @property
    def outputs(self) -> int:
        return 2

    @property
    def chance(self) -> float:
        return 1 / 2

    @property
    def shortest(self) -> int:
        """Pictures of 2 x 2 cells, and a statement."""
        return 2 * 2 * 2 + _STATEMENT

    @property
    def lengths(self) -> tuple[int, ...]:
        """Pictures of one row of cells less, as many, and one more."""
        side = cells_across(self.length - _STATEMENT)
        return tuple(sorted({2 * max(each, 2) ** 2 + _STATEMENT for each in (side - 1, side, side + 1)}))

    def check_length(self, length: int) -> None:
        super().check_length(length)
        if length != 2 * cells_across(length - _STATEMENT) ** 2 + _STATEMENT:
            raise ValueError(
                f"task {self.label}: length must be {_STATEMENT} bytes and twice n x n cells, such as "
                f"{', '.join(str(2 * n * n + _STATEMENT) for n in (2, 3, 4))}; got length={length}"
            )

    def sketch(self, rng: np.random.Generator, size: int, length: int) -> Sketch:
        side = cells_across(length - _STATEMENT)
        kind, form, fact = (rng.integers(count, size=size) for count in (len(STATEMENTS), 2, 2))
        # Of things and colours the fact is that they are the same, of emptiness that it differs.
        luck, other = rng.integers(2, size=(2, size))
        colours = _two(rng, len(COLOURS), np.where(kind == 0, luck, fact) == 1)
        shapes = _two(rng, len(SHAPES), np.where(kind == 1, fact, other) == 1)
        bare = _two(rng, 2, fact == 0) * (kind == 0)[:, None]
        board = np.full((size, 2, side * side), EMPTY)
        board[..., :side] = np.where(bare == 1, EMPTY, item(shapes, colours))[..., None]
        return {
            "boards": rng.permuted(board, axis=2),
            "light": lights(rng, board),
            "statement": _SENTENCES[kind, form],
            "true": fact ^ form,
        }

    def paint(self, rng: np.random.Generator, sketch: Sketch, length: int) -> Batch:
        text, valid = _WORDS.write(sketch["statement"][:, None], _STATEMENT)
        points = torch.zeros(len(text), length, CHANNELS)
        images = [paint(rng, sketch["boards"][:, image], sketch["light"][:, image]) for image in range(2)]
        points[:, :-_STATEMENT] = torch.from_numpy(np.concatenate(images, 1))
        points[:, -_STATEMENT:, 0] = torch.from_numpy(text)
        side = cells_across(length - _STATEMENT)
        domain = Union(
            [Grid((side, side)), Grid((side, side)), Sequence(valid=torch.from_numpy(valid))],
            (side * side, side * side, _STATEMENT),
            ("left", "right", "statement"),
        )
        return Batch(points, torch.from_numpy(sketch["true"]), domain=domain)


def cells_across(points: int) -> int:
    """Cells along a side of each of two pictures of so many cells together."""
    return math.isqrt(max(points, 0) // 2)


def _two(rng: np.random.Generator, count: int, same: Truths) -> Ints:
    """Two of `count` things for each sample, [B, 2], each of them any; the same or different ones."""
    first = rng.integers(count, size=len(same))
    step = rng.integers(1, count, size=len(same))
    return np.stack([first, np.where(same, first, (first + step) % count)], 1)
