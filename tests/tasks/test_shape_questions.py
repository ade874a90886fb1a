"""Shape questions: answers are those of a plain reader, and picture or question alone tells no more than chance."""

import re

import numpy as np
import pytest
import torch

from itnas.operator.domain import Grid, Sequence, Union
from itnas.tasks import find
from itnas.tasks.batch import Batch
from itnas.tasks.pictures import COLOURS, SHAPES
from itnas.tasks.shape_questions import ANSWERS, ShapeQuestions
from itnas.tasks.wording import read
from tests.tasks.boards import Seen, look
from tests.tasks.lookups import above, lookup


def samples(batch: Batch) -> list[tuple[Seen, str]]:
    assert isinstance(batch.domain, Union)
    images, questions = batch.inputs.split(list(batch.domain.sizes), 1)
    texts = read(questions[..., 0].long().numpy())
    return [(look(image), text) for image, text in zip(images.numpy(), texts, strict=True)]


def answer(seen: Seen, question: str) -> str:
    if found := re.fullmatch(r"how many (\w+)\?", question):
        return ("none", "one", "two")[sum(colour == found[1] for colour, _ in seen.values())]
    if found := re.fullmatch(r"what colour is the (\w+)\?", question):
        (colour,) = (colour for colour, shape in seen.values() if shape == found[1])
        return colour
    found = re.fullmatch(r"do (\w+) and (\w+) match\?", question)
    assert found, question
    one, other = (colour for colour, shape in seen.values() if shape in (found[1], found[2]))
    return "yes" if one == other else "no"


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize("length", ShapeQuestions().lengths)
def test_answers_are_those_of_a_plain_reader(split: str, length: int) -> None:
    batch = ShapeQuestions().batch(split, size=150, length=length)
    assert [answer(*sample) for sample in samples(batch)] == [ANSWERS[target] for target in batch.targets]


def test_pictures_hold_each_shape_once_in_two_colours() -> None:
    for seen, _ in samples(ShapeQuestions().batch(size=200)):
        assert sorted(shape for _, shape in seen.values()) == sorted(SHAPES)
        assert len({colour for colour, _ in seen.values()}) == 2


def test_the_question_is_padded_and_the_picture_is_not() -> None:
    batch = ShapeQuestions().batch(size=50)
    assert isinstance(batch.domain, Union)
    image, question = batch.domain.parts
    assert isinstance(image, Grid)
    assert isinstance(question, Sequence)
    assert image.valid is None
    assert question.valid is not None
    assert torch.equal(question.valid, batch.inputs[:, 9:, 0] != 0)
    assert not batch.inputs[:, 9:, 1:].any()


def test_every_question_has_equally_likely_answers() -> None:
    count = 18_000
    drawn = ShapeQuestions().sketch(np.random.default_rng(0), count, 36)
    batch = ShapeQuestions().paint(np.random.default_rng(1), drawn, 36)
    texts = np.array(read(batch.inputs[:, 9:, 0].long().numpy()))
    assert len(np.unique(texts)) == len(COLOURS) + len(SHAPES) + len(SHAPES) * (len(SHAPES) - 1)
    for text in np.unique(texts):
        words = text.rstrip("?").split()
        own = ANSWERS[:3] if words[0] == "how" else tuple(COLOURS) if words[0] == "what" else ("no", "yes")
        targets = batch.targets.numpy()[texts == text]
        shares = np.array([(targets == ANSWERS.index(each)).mean() for each in own])
        assert shares.sum() == pytest.approx(1)
        assert np.abs(shares - 1 / len(own)).max() < 4 * (1 / len(own) / len(targets)) ** 0.5
    for kind in ("how many", "what colour", "do "):
        assert abs(np.char.startswith(texts, kind).mean() - 1 / 3) < 4 * (2 / 9 / count) ** 0.5


def test_the_question_alone_is_right_by_chance_and_the_picture_less_often() -> None:
    task, count = ShapeQuestions(), 20_000
    drawn = [task.sketch(np.random.default_rng(seed), count, 31) for seed in range(2)]  # 2 x 2 cells: few pictures
    found = {}
    for part in ("question", "board"):
        clues = ([row.tobytes() for row in of[part]] for of in drawn)
        found[part] = lookup(
            *(list(zip(own, of["answer"].tolist(), strict=True)) for own, of in zip(clues, drawn, strict=True))
        )
    assert task.chance == pytest.approx(7 / 18)
    assert task.chance - 0.015 < found["question"] < above(task.chance, count)
    assert found["board"] < above(2 / 9, count)


def test_both_together_tell_the_answer() -> None:
    drawn = ShapeQuestions().sketch(np.random.default_rng(0), 40_000, 31)
    answers: dict[bytes, int] = {}
    for board, question, target in zip(drawn["board"], drawn["question"], drawn["answer"], strict=True):
        assert answers.setdefault(board.tobytes() + question.tobytes(), int(target)) == target


@pytest.mark.parametrize("length", [37, 50, 100_000])
def test_pictures_that_are_no_squares_are_refused(length: int) -> None:
    with pytest.raises(ValueError, match="length must be 27 bytes and n x n cells, such as 36, 43, 52; got length="):
        find(f"shape-questions/length={length}")
