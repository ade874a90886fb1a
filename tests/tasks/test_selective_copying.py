"""Selective copying: data stand anywhere among the blanks, equally often, and come back in order."""

from collections import Counter

from itnas.tasks.selective_copying import SelectiveCopying
from itnas.tasks.stream import generator


def test_all_places_are_equally_likely() -> None:
    # Two tokens on five points before two markers: 10 ways.
    batch = SelectiveCopying(tokens=2, vocab=3).draw(generator("places"), 10_000, 7)
    seen = Counter(tuple(token < 3 for token in sample) for sample in batch.inputs.tolist())
    assert len(seen) == 10
    # 1000 +- 30 each; five standard errors.
    assert all(abs(count - 1000) < 151 for count in seen.values())


def test_data_are_uniform_at_every_place_in_the_order() -> None:
    batch = SelectiveCopying().draw(generator("data"), 4000, 40)
    for column in batch.targets[:, -8:].T:
        # 500 +- 21 of each token; 5.5 standard errors over 64 counts.
        assert (column.bincount() - 500).abs().max() < 116


def test_blanks_fill_the_rest() -> None:
    inputs = SelectiveCopying(tokens=5).draw(generator("blanks"), 100, 33).inputs
    assert (inputs[:, -5:] == 9).all()
    assert ((inputs == 8).sum(1) == 33 - 10).all()
    assert ((inputs < 8).sum(1) == 5).all()


def test_short_samples_have_no_blanks_and_shorter_ones_are_left_out() -> None:
    task = SelectiveCopying()
    assert (task.draw(generator("full"), 10, 16).inputs[:, :8] < 8).all()
    assert SelectiveCopying(tokens=16).lengths == (32, 64)
