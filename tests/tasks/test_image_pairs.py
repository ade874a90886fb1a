"""Image pairs: statements are true where a plain reader says so, and any two of the three parts tell nothing."""

import itertools

import numpy as np
import pytest
import torch

from itnas.operator.domain import Sequence, Union
from itnas.tasks import find
from itnas.tasks.batch import Batch
from itnas.tasks.image_pairs import ImagePairs
from itnas.tasks.sketched import Sketch
from itnas.tasks.wording import read
from tests.tasks.boards import Seen, look
from tests.tasks.lookups import above, lookup


def samples(batch: Batch) -> list[tuple[Seen, Seen, str]]:
    assert isinstance(batch.domain, Union)
    left, right, statements = batch.inputs.split(list(batch.domain.sizes), 1)
    texts = read(statements[..., 0].long().numpy())
    return [(look(one), look(two), text) for one, two, text in zip(left.numpy(), right.numpy(), texts, strict=True)]


def thing(seen: Seen) -> tuple[str, str] | None:
    """What all shapes of a picture are; None where there are none."""
    found = set(seen.values())
    assert len(found) < 2
    assert not found or len(seen) > 1
    return next(iter(found), None)


def true(left: Seen, right: Seen, statement: str) -> bool:
    one, two = (thing(seen) for seen in (left, right))
    if statement in ("just one empty", "both or none empty"):
        return ((one is None) != (two is None)) == (statement == "just one empty")
    assert one is not None
    assert two is not None
    if statement in ("the same thing", "different things"):
        return (one == two) == (statement == "the same thing")
    assert statement in ("the same colour", "different colours")
    return (one[0] == two[0]) == (statement == "the same colour")


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize("length", ImagePairs().lengths)
def test_statements_are_true_where_a_plain_reader_says_so(split: str, length: int) -> None:
    batch = ImagePairs().batch(split, size=150, length=length)
    assert [true(*sample) for sample in samples(batch)] == [bool(target) for target in batch.targets]


def test_the_statement_is_padded_and_the_pictures_are_not() -> None:
    batch = ImagePairs().batch(size=50)
    assert isinstance(batch.domain, Union)
    assert batch.domain.names == ("left", "right", "statement")
    statement = batch.domain.parts[2]
    assert isinstance(statement, Sequence)
    assert statement.valid is not None
    assert torch.equal(statement.valid, batch.inputs[:, -20:, 0] != 0)
    assert [modality.encoded_by for modality in ImagePairs().modalities] == ["image", "image", "statement"]


def parts(sketch: Sketch) -> dict[str, list[bytes]]:
    """The parts of samples, pictures without their order: what stands where is drawn apart from all else."""
    pictures = np.sort(sketch["boards"], axis=2)
    return {
        "left": [row.tobytes() for row in pictures[:, 0]],
        "right": [row.tobytes() for row in pictures[:, 1]],
        "statement": [row.tobytes() for row in sketch["statement"]],
    }


def test_any_two_of_three_parts_tell_nothing_and_all_three_tell_all() -> None:
    count = 60_000
    drawn = [ImagePairs().sketch(np.random.default_rng(seed), count, 28) for seed in range(2)]
    for pair in itertools.combinations(parts(drawn[0]), 2):
        seen, asked = (
            list(zip(zip(*(parts(of)[name] for name in pair), strict=True), of["true"].tolist(), strict=True))
            for of in drawn
        )
        assert lookup(seen, asked) < above(1 / 2, count)
    labels: dict[tuple[bytes, ...], int] = {}
    for sketch in drawn:
        for clue, label in zip(zip(*parts(sketch).values(), strict=True), sketch["true"], strict=True):
            assert labels.setdefault(clue, int(label)) == label


def test_every_statement_is_as_often_true_as_false() -> None:
    count = 24_000
    sketch = ImagePairs().sketch(np.random.default_rng(3), count, 28)
    for number in range(6):
        truths = sketch["true"][sketch["statement"] == number]
        assert abs(len(truths) / count - 1 / 6) < 4 * (1 / 6 / count) ** 0.5
        assert abs(truths.mean() - 1 / 2) < 4 * (1 / 4 / len(truths)) ** 0.5


@pytest.mark.parametrize("length", [30, 100_000])
def test_pictures_that_are_no_squares_are_refused(length: int) -> None:
    with pytest.raises(
        ValueError, match="length must be 20 bytes and twice n x n cells, such as 28, 38, 52; got length="
    ):
        find(f"image-pairs/length={length}")
