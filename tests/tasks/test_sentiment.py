"""Sentiment: reviews mean what a plain reader finds in them, and a bag of their words does not tell."""

import re

import numpy as np
import pytest

from itnas.operator.domain import Sequence
from itnas.tasks.batch import Batch
from itnas.tasks.sentiment import ADJECTIVES, Sentiment
from itnas.tasks.wording import read
from tests.tasks.lookups import lookup

OPINION = re.compile(r"the \w+ is (?P<negation>not |never )?(?:very |so )?(?P<adjective>\w+)")


def texts(batch: Batch) -> list[str]:
    return read(batch.inputs.numpy())


def favourable(opinion: str) -> bool:
    found = OPINION.fullmatch(opinion)
    assert found, opinion
    good = found["adjective"] in ADJECTIVES[1]
    assert good or found["adjective"] in ADJECTIVES[0]
    return good != bool(found["negation"])


def meaning(review: str) -> bool:
    """What a review says, read sentence by sentence."""
    assert review.endswith(".")
    (judgement,) = (part for part in review[:-1].split(". ") if part.startswith("the "))
    if " but " in judgement:
        first, last = judgement.split(" but ")
        assert favourable(first) != favourable(last)
        return favourable(last)
    if " though " in judgement:
        first, last = judgement.split(" though ")
        assert favourable(first) != favourable(last)
        return favourable(first)
    return favourable(judgement)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize("length", [32, 64, 96, 128, 200])
def test_reviews_mean_what_their_labels_say(split: str, length: int) -> None:
    batch = Sentiment().batch(split, size=300, length=length)
    assert [meaning(text) for text in texts(batch)] == [bool(label) for label in batch.targets]


def test_padding_is_told_and_nothing_else() -> None:
    batch = Sentiment().batch(size=200)
    assert isinstance(batch.domain, Sequence)
    assert batch.domain.valid is not None
    assert batch.domain.valid.sum(1).tolist() == [len(text) for text in texts(batch)]
    assert ((batch.inputs != 0) == batch.domain.valid).all()
    assert int(batch.domain.valid.sum(1).min()) < 40


def test_longer_reviews_hold_more_remarks() -> None:
    for length in (32, 64, 96, 128):
        for text in texts(Sentiment().batch(size=50, length=length)):
            judgement = next(part for part in text.split(". ") if part.startswith("the "))
            opinions = len(re.findall(" but | though ", judgement)) + 1
            assert text.rstrip(".").count(". ") + opinions == length // 32


def test_classes_and_forms_are_balanced() -> None:
    batch = Sentiment().batch(size=8000)
    found = texts(batch)
    # Binomial shares at four standard deviations.
    for share, wanted in (
        (np.mean([" but " in text or " though " in text for text in found]), 1 / 2),
        (np.mean([" but " in text for text in found]), 1 / 4),
        (float(batch.targets.float().mean()), 1 / 2),
    ):
        assert abs(share - wanted) < 4 * (wanted * (1 - wanted) / 8000) ** 0.5


def marks(text: str) -> list[str]:
    """A review's words that matter, in order, their shades left out: a lookup meets all of them often."""
    sign = {"not": "not", "never": "not", "but": "but", "though": "though"}
    sign |= {word: str(polarity) for polarity, words in enumerate(ADJECTIVES) for word in words}
    return [sign[word] for word in re.findall(r"\w+", text) if word in sign]


def test_a_bag_of_words_is_right_in_three_of_four() -> None:
    drawn = [Sentiment().batch(size=6000, step=step) for step in range(2)]
    ordered, bags = (
        [
            [(tuple(order(marks(text))), int(label)) for text, label in zip(texts(batch), batch.targets, strict=True)]
            for batch in drawn
        ]
        for order in (list, sorted)
    )
    assert abs(lookup(*bags) - 3 / 4) < 4 * (3 / 16 / 6000) ** 0.5
    assert lookup(*ordered) == 1


def test_reviews_shorter_than_an_opinion_are_refused() -> None:
    with pytest.raises(ValueError, match="a sample has at least 32 points with these settings, got length=31"):
        Sentiment(length=31)
