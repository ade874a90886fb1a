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

ANSWERS = ("none", "one", "two", *COLOURS, "no", "yes")
_QUESTION = 27  # bytes of the longest question

_WORDS = Wording(("how many ", "what colour is the ", "do ", " and ", " match?", "?", *COLOURS, *SHAPES))
_COLOUR_WORDS, _SHAPE_WORDS = (_WORDS.numbers(words) for words in (COLOURS, SHAPES))


@register
@dataclass(frozen=True)
class ShapeQuestions(Sketched):
    """A circle, a square and a cross, two of one colour and one of another, in n x n cells; and a question in bytes.

    "how many red?", "what colour is the circle?" and "do circle and square match?", which asks for their colours, are
    equally likely, and so are the answers to any one question, since pictures are drawn without regard to it and
    colours and shapes are all alike. So the best guess from the question alone is right in (1/3 + 1/3 + 1/2) / 3 =
    7/18, which counts as chance, and from the picture alone in 2/9.

    The last 27 points are the question; the others are the picture, one a cell. Larger pictures are emptier.
    """

    name = "shape-questions"
    summary = "A picture of coloured shapes and a question in bytes go in, the answer comes out."
    expects = (
        "Within the question, convolution puts bytes together to words; across the two, attention: the question asks "
        "for a shape or a colour wherever it is."
    )
    readout = "pooled"
    position_dim = 3

    length: int = 3 * 3 + _QUESTION
    steps: int = 2000
    batch_size: int = 64

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
        return (1 / 3 + 1 / 3 + 1 / 2) / 3

    @property
    def shortest(self) -> int:
        """A picture of 2 x 2 cells, and a question."""
        return 2 * 2 + _QUESTION

    @property
    def lengths(self) -> tuple[int, ...]:
        """Pictures of one row of cells less, as many, and one more."""
        side = math.isqrt(self.length - _QUESTION)
        return tuple(sorted({max(each, 2) ** 2 + _QUESTION for each in (side - 1, side, side + 1)}))

    def check_length(self, length: int) -> None:
        super().check_length(length)
        if length != math.isqrt(length - _QUESTION) ** 2 + _QUESTION:
            raise ValueError(
                f"task {self.label}: length must be {_QUESTION} bytes and n x n cells, such as "
                f"{', '.join(str(n * n + _QUESTION) for n in (3, 4, 5))}; got length={length}"
            )

    def sketch(self, rng: np.random.Generator, size: int, length: int) -> Sketch:
        cells = length - _QUESTION
        shapes, palette = (rng.permuted(np.tile(np.arange(3), (size, 1)), axis=1) for _ in range(2))
        # One shape of the palette's second colour, two of its last, none of its first.
        colours = rng.permuted(palette[:, [1, 2, 2]], axis=1)
        places = rng.permuted(np.tile(np.arange(cells), (size, 1)), axis=1)[:, :3]
        board = np.full((size, cells), EMPTY)
        np.put_along_axis(board, places, item(shapes, colours), axis=1)

        asked = rng.integers(3, size=size)
        counts = _count_question(palette, asked)
        colour = _colour_question(shapes, colours, asked)
        match = _match_question(rng, shapes, colours)
        kind = rng.integers(3, size=size)[:, None]
        return {
            "board": board,
            "light": lights(rng, board),
            "question": np.choose(kind, [counts[0], colour[0], match[0]]),
            "answer": np.choose(kind[:, 0], [counts[1], colour[1], match[1]]),
        }

    def paint(self, rng: np.random.Generator, sketch: Sketch, length: int) -> Batch:
        image = torch.from_numpy(paint(rng, sketch["board"], sketch["light"]))
        text, valid = _WORDS.write(sketch["question"], _QUESTION)
        points = torch.zeros(len(text), length, CHANNELS)
        points[:, :-_QUESTION] = image
        points[:, -_QUESTION:, 0] = torch.from_numpy(text)
        side = math.isqrt(length - _QUESTION)
        domain = Union(
            [Grid((side, side)), Sequence(valid=torch.from_numpy(valid))],
            (side * side, _QUESTION),
            ("image", "question"),
        )
        return Batch(points, torch.from_numpy(sketch["answer"]), domain=domain)


def _count_question(palette: Ints, colour: Ints) -> tuple[Ints, Ints]:
    """Pieces [B, 5] and answers [B]. The colours of a palette are there so often as their place in it says."""
    counts = (palette == colour[:, None]).argmax(1)
    return _pieces("how many ", _COLOUR_WORDS[colour], "?"), _answers("none", "one", "two")[counts]


def _colour_question(shapes: Ints, colours: Ints, which: Ints) -> tuple[Ints, Ints]:
    """About the `which`-th of the objects [B, 3]."""
    rows = np.arange(len(which))
    return (
        _pieces("what colour is the ", _SHAPE_WORDS[shapes[rows, which]], "?"),
        _answers(*COLOURS)[colours[rows, which]],
    )


def _match_question(rng: np.random.Generator, shapes: Ints, colours: Ints) -> tuple[Ints, Ints]:
    """Whether two of the objects [B, 3] have one colour; of the pairs, the only such is asked for in half the cases."""
    size = len(shapes)
    rows, first = np.arange(size), (colours[:, [1, 2, 0]] == colours[:, [2, 0, 1]]).argmax(1)
    # The object that is left out: the odd one, or one of the others.
    out = np.where(rng.integers(2, size=size) == 1, first, (first + rng.integers(1, 3, size=size)) % 3)
    pair = np.stack([(out + 1) % 3, (out + 2) % 3], 1)
    one, other = rng.permuted(pair, axis=1).T
    question = _pieces("do ", _SHAPE_WORDS[shapes[rows, one]], " and ", _SHAPE_WORDS[shapes[rows, other]], " match?")
    return question, _answers("no", "yes")[(colours[rows, one] == colours[rows, other]).astype(np.int64)]


def _pieces(*pieces: str | Ints) -> Ints:
    """Rows of pieces [B, 5]; those that are given as texts are the same in every row."""
    size = next(len(piece) for piece in pieces if not isinstance(piece, str))
    rows = np.full((size, 5), NOTHING)
    for column, piece in enumerate(pieces):
        rows[:, column] = _WORDS.number(piece) if isinstance(piece, str) else piece
    return rows


def _answers(*answers: str) -> Ints:
    return np.array([ANSWERS.index(answer) for answer in answers])
