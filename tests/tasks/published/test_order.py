"""Which samples come when, and which are held out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from itnas.tasks.published.order import Order, divided


@given(st.integers(1, 40), st.integers(0, 5))
def test_every_epoch_holds_every_sample_once(count: int, seed: int) -> None:
    order = Order(("set", "train", seed), count)
    epochs = [[order[epoch * count + place] for place in range(count)] for epoch in range(3)]
    assert all(sorted(epoch) == list(range(count)) for epoch in epochs)
    assert count < 8 or epochs[0] != epochs[1]


def test_orders_depend_on_the_key_alone() -> None:
    first, again, other = (Order(("set", seed), 50) for seed in (0, 0, 1))
    assert [first[place] for place in range(120)] == [again[place] for place in range(120)]
    assert [first[place] for place in range(50)] != [other[place] for place in range(50)]


def test_a_share_is_held_out_whatever_else_is_there() -> None:
    names = [f"n{number % 10}_{number}.JPEG" for number in range(20_000)]
    found = divided(names, 0.02)
    assert sorted([*found.train, *found.validation]) == list(range(20_000))
    assert 330 < len(found.validation) < 470
    held = {names[row] for row in found.validation}
    fewer = divided(names[:10_000], 0.02)
    assert {names[row] for row in fewer.validation} == held & set(names[:10_000])
    backwards = divided(names[::-1], 0.02)
    assert {names[::-1][row] for row in backwards.validation} == held


def test_groups_stay_together() -> None:
    names = [f"image {number // 5}" for number in range(1000)]
    found = divided(names, 0.1)
    assert not {names[row] for row in found.train} & {names[row] for row in found.validation}
    assert len(found.validation) % 5 == 0


def test_at_least_one_group_is_held_out_and_one_is_not() -> None:
    assert len(divided(["a", "b", "c"], 0.001).validation) == 1
    with pytest.raises(ValueError, match="none can be held out"):
        divided(["a", "a"], 0.5)
    with pytest.raises(ValueError, match="all of them would be held out"):
        divided(["a", "b"], 0.999999)


def test_a_hash_is_that_of_the_bytes() -> None:
    names = ["Ünlike", "others", "and more"]
    assert np.array_equal(divided(names, 0.3).train, divided([name.encode() for name in names], 0.3).train)
