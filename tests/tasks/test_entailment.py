"""Entailment: labels are those of a plain reasoner, and neither sentence alone tells anything."""

import re

import numpy as np
import pytest
import torch

from itnas.operator.domain import Sequence, Union
from itnas.tasks.batch import Batch
from itnas.tasks.entailment import CLASSES, Entailment
from itnas.tasks.wording import read
from tests.tasks.lookups import above, lookup

SENTENCE = re.compile(r"the (\w+) is (not )?in the (\w+)")


def sentences(batch: Batch) -> list[tuple[str, str]]:
    assert isinstance(batch.domain, Union)
    parts = batch.inputs[..., 0].long().split(list(batch.domain.sizes), 1)
    return list(zip(*(read(part.numpy()) for part in parts), strict=True))


def verdict(premise: str, hypothesis: str) -> str:
    facts = [fact for fact in premise.split(". ") if fact]
    places = {}
    for fact in facts:
        animal, negation, place = SENTENCE.fullmatch(fact).groups()
        assert negation is None
        places[animal] = place
    assert len(places) == len(set(places.values())) == len(facts)
    animal, negation, place = SENTENCE.fullmatch(hypothesis.removesuffix(". ")).groups()
    if animal not in places:
        return "neither"
    return "entails" if (places[animal] == place) != bool(negation) else "contradicts"


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize("length", [*Entailment().lengths, 80])
def test_labels_are_those_of_a_plain_reasoner(split: str, length: int) -> None:
    batch = Entailment().batch(split, size=200, length=length)
    assert [verdict(*pair) for pair in sentences(batch)] == [CLASSES[label] for label in batch.targets]


def test_a_premise_has_as_many_facts_as_there_is_room_and_animals_for() -> None:
    task = Entailment()
    assert [task.facts(length) for length in task.lengths] == [1, 2, 4]
    for length, facts in ((52, 1), (75, 1), (76, 2), (100, 3), (1000, 4)):
        premise, _ = sentences(task.batch(size=1, length=length))[0]
        assert premise.count(". ") == task.facts(length) == facts


def test_both_parts_are_padded_behind_their_text() -> None:
    batch = Entailment().batch(size=100, length=80)
    assert isinstance(batch.domain, Union)
    assert batch.domain.names == ("premise", "hypothesis")
    for part, points in zip(batch.domain.parts, batch.inputs[..., 0].split([52, 28], 1), strict=True):
        assert isinstance(part, Sequence)
        assert part.valid is not None
        assert torch.equal(part.valid, points != 0)


def test_classes_are_equally_likely_whatever_the_hypothesis_says() -> None:
    samples = 9000
    batch = Entailment().batch(size=samples)
    pairs, labels = sentences(batch), batch.targets.numpy()
    animals, negations, places = np.array([SENTENCE.search(text).groups("") for _, text in pairs]).T
    for told in (np.full(samples, ""), animals, negations, places):
        for each in np.unique(told):
            rows = told == each
            share = np.bincount(labels[rows], minlength=3) / rows.sum()
            assert np.abs(share - 1 / 3).max() < 4 * (2 / 9 / rows.sum()) ** 0.5
    assert abs((negations != "").mean() - 1 / 4) < 4 * (3 / 16 / samples) ** 0.5


def test_neither_sentence_alone_tells_anything() -> None:
    samples = 9000
    drawn = [Entailment().batch(size=samples, step=step) for step in range(2)]
    pairs = [(sentences(batch), batch.targets.tolist()) for batch in drawn]
    for part in (0, 1):
        seen, asked = ([(texts[part], label) for texts, label in zip(*of, strict=True)] for of in pairs)
        assert lookup(seen, asked) < above(1 / 3, samples)


@pytest.mark.parametrize("settings", [{"length": 51}, {"length": 0}])
def test_lengths_without_room_for_a_fact_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"task entailment.*: a sample has at least 52 points with these settings"):
        Entailment(**settings)
