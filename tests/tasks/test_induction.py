"""Induction: triggers stand where they should, everywhere equally often, and have one answer each."""

from collections import Counter

import pytest

from itnas.tasks.induction import Induction
from itnas.tasks.stream import generator


def test_all_arrangements_are_equally_likely() -> None:
    # Seven points, two triggers: 3 ways to place two pairs before the queries, 2 orders of them, 2 of the queries.
    batch = Induction(triggers=2, vocab=4).draw(generator("places"), 12_000, 7)
    seen: Counter[tuple[int, ...]] = Counter()
    for sample in batch.inputs.tolist():
        seen[tuple(token if token >= 4 else -1 for token in sample)] += 1
    assert len(seen) == 12
    # 1000 +- 30 each; five standard errors.
    assert all(abs(count - 1000) < 152 for count in seen.values())


def test_answers_and_fillers_are_uniform() -> None:
    task = Induction(triggers=4)
    batch = task.draw(generator("answers"), 4000, 64)
    assert batch.mask is not None
    answers = batch.targets[batch.mask].bincount()
    fillers = batch.inputs[batch.inputs < 16].bincount()
    # 16,000 answers: 1000 +- 31 each. 224,000 ordinary tokens: 14,000 +- 115 each.
    assert (answers - 1000).abs().max() < 155
    assert (fillers - 14_000).abs().max() < 575


@pytest.mark.parametrize(("triggers", "length"), [(1, 3), (1, 64), (4, 12), (4, 33), (10, 64)])
def test_each_trigger_occurs_once_before_its_query(triggers: int, length: int) -> None:
    task = Induction(triggers=triggers, vocab=3)
    for sample in task.draw(generator("once"), 30, length).inputs.tolist():
        story, queries = sample[: length - triggers], sample[length - triggers :]
        assert sorted(queries) == sorted(token for token in story if token >= 3) == [*range(3, 3 + triggers)]
        assert story[-1] < 3


def test_more_triggers_need_longer_samples() -> None:
    assert Induction(triggers=1).lengths == (8, 16, 32)
    assert Induction(triggers=5).lengths == (15, 16, 32)
