"""Questions about a picture of coloured shapes."""

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
from itnas.tasks.wording import BYTES, NOTHING, Ints, Wording

SIDES = ("right of", "left of")
ANSWERS = ("none", "one", "two", *COLOURS, *SHAPES)
_QUESTION = 22  # bytes of the longest question

_WORDS = Wording(("how many ", "colour of the ", "alone in its row?", " the ", "?", *COLOURS, *SHAPES, *SIDES))
_COLOUR_WORDS, _SHAPE_WORDS, _SIDE_WORDS = (_WORDS.numbers(words) for words in (COLOURS, SHAPES, SIDES))


@register
@dataclass(frozen=True)
class ShapeQuestions(Sketched):
    """A circle, a square and a cross, two of one colour and one of another, in n x n cells; and a question in bytes.

    Two of the shapes are neighbours in one row, the third is in another row. "how many red?", "colour of the
    circle?", "alone in its row?" and "left of the circle?" are equally likely, and so are the answers to any one
    question, since pictures are drawn without regard to it and colours, shapes and sides are all alike. So the best
    guess from the question alone is right in (1/3 + 1/3 + 1/3 + 1/2) / 4 = 3/8, which counts as chance, and from the
    picture alone in 1/4.

    The last 22 points are the question; the others are the picture, four patches
    a cell. Larger pictures are emptier.
    """

    name = "shape-questions"
    summary = "A picture of coloured shapes and a question in bytes go in, the answer comes out."
    expects = (
        "Within the picture and within the question, convolution puts shapes and words together; across the two, "
        "attention: the question asks for a shape or a colour wherever it is."
    )
    readout = "pooled"
    position_dim = 3

    length: int = 4 * 3 * 3 + _QUESTION
    steps: int = 2000

    @property
    def modalities(self) -> tuple[Modality, ...]:
        return (Modality("image", channels=CHANNELS), Modality("question", vocabulary=BYTES))

    @property
    def channels(self) -> int:
        return CHANNELS

    @property
    def outputs(self) -> int:
        return len(ANSWERS)

    @property
    def chance(self) -> float:
        """Of who knows the question and guesses among its answers."""
        return (1 / 3 + 1 / 3 + 1 / 3 + 1 / 2) / 4

    @property
    def shortest(self) -> int:
        """A picture of 2 x 2 cells, and a question."""
        return 4 * 2 * 2 + _QUESTION

    @property
    def lengths(self) -> tuple[int, ...]:
        """Pictures of one row of cells less, as many, and one more."""
        side = cells_across(self.length - _QUESTION)
        return tuple(sorted({4 * max(each, 2) ** 2 + _QUESTION for each in (side - 1, side, side + 1)}))

    def check_length(self, length: int) -> None:
        super().check_length(length)
        if length != 4 * cells_across(length - _QUESTION) ** 2 + _QUESTION:
            raise ValueError(
                f"task {self.label}: length must be {_QUESTION} bytes and four times n x n cells, such as "
                f"{', '.join(str(4 * n * n + _QUESTION) for n in (2, 3, 4))}; got length={length}"
            )

    def sketch(self, rng: np.random.Generator, size: int, length: int) -> Sketch:
        side = cells_across(length - _QUESTION)
        shapes, palette = (rng.permuted(np.tile(np.arange(3), (size, 1)), axis=1) for _ in range(2))
        # One shape of the palette's second colour, two of its last, none of its first.
        colours = rng.permuted(palette[:, [1, 2, 2]], axis=1)
        places = _places(rng, size, side)
        board = np.full((size, side * side), EMPTY)
        np.put_along_axis(board, places, item(shapes, colours), axis=1)

        asked = rng.integers(3, size=size)
        texts, answers = zip(
            _count_question(palette, asked),
            _colour_question(shapes, colours, asked),
            _alone_question(shapes),
            _side_question(shapes, places),
            strict=True,
        )
        kind = rng.integers(4, size=size)
        return {
            "board": board,
            "light": lights(rng, board),
            "question": np.choose(kind[:, None], texts),
            "answer": np.choose(kind, answers),
        }

    def paint(self, rng: np.random.Generator, sketch: Sketch, length: int) -> Batch:
        image = torch.from_numpy(paint(rng, sketch["board"], sketch["light"]))
        text, valid = _WORDS.write(sketch["question"], _QUESTION)
        points = torch.zeros(len(text), length, CHANNELS)
        points[:, :-_QUESTION] = image
        points[:, -_QUESTION:, 0] = torch.from_numpy(text)
        side = 2 * cells_across(length - _QUESTION)
        domain = Union(
            [Grid((side, side)), Sequence(valid=torch.from_numpy(valid))],
            (side * side, _QUESTION),
            ("image", "question"),
        )
        return Batch(points, torch.from_numpy(sketch["answer"]), domain=domain)


def cells_across(patches: int) -> int:
    """Cells along a side of a picture of so many patches."""
    return math.isqrt(max(patches, 0) // 4)


def _count_question(palette: Ints, colour: Ints) -> tuple[Ints, Ints]:
    """Pieces [B, 5] and answers [B]. The colours of a palette are there so often as their place in it says."""
    counts = (palette == colour[:, None]).argmax(1)
    return _pieces("how many ", _COLOUR_WORDS[colour], "?"), _answers("none", "one", "two")[counts]


def _colour_question(shapes: Ints, colours: Ints, which: Ints) -> tuple[Ints, Ints]:
    """About the `which`-th of the objects [B, 3]."""
    rows = np.arange(len(which))
    return (
        _pieces("colour of the ", _SHAPE_WORDS[shapes[rows, which]], "?"),
        _answers(*COLOURS)[colours[rows, which]],
    )


def _alone_question(shapes: Ints) -> tuple[Ints, Ints]:
    """About the third object."""
    question = np.full(len(shapes), _WORDS.number("alone in its row?"))
    return _pieces(question), _answers(*SHAPES)[shapes[:, 2]]


def _places(rng: np.random.Generator, size: int, side: int) -> Ints:
    """Three cells of each board, [B, 3]: the first two neighbours in a row, the third in another row."""
    row, column, turned = rng.integers(side, size=size), rng.integers(side - 1, size=size), rng.integers(2, size=size)
    left = row * side + column
    below = (row + rng.integers(1, side, size=size)) % side
    return np.stack([left + turned, left + 1 - turned, below * side + rng.integers(side, size=size)], 1)


def _side_question(shapes: Ints, places: Ints) -> tuple[Ints, Ints]:
    """What the second object has beside it: the first."""
    side = _SIDE_WORDS[(places[:, 0] < places[:, 1]).astype(np.int64)]
    return _pieces(side, " the ", _SHAPE_WORDS[shapes[:, 1]], "?"), _answers(*SHAPES)[shapes[:, 0]]


def _pieces(*pieces: str | Ints) -> Ints:
    """Rows of pieces [B, 5]; those that are given as texts are the same in every row."""
    size = next(len(piece) for piece in pieces if not isinstance(piece, str))
    rows = np.full((size, 5), NOTHING)
    for column, piece in enumerate(pieces):
        rows[:, column] = _WORDS.number(piece) if isinstance(piece, str) else piece
    return rows


def _answers(*answers: str) -> Ints:
    return np.array([ANSWERS.index(answer) for answer in answers])
