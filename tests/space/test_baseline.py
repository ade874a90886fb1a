"""Specialists beside a space: of its size, and trained as its genomes are."""

import pytest

from itnas.models.specialists import DEFAULT_SPECIALISTS, SPECIALISTS, specialist
from itnas.space import Space

FIXED = """
width: 48
depth: 3
layers: {heads: {choice: [1, 2]}}
training: {learning_rates: [1e-3, 2e-3], weight_decay: 0.1}
"""


@pytest.mark.parametrize("name", SPECIALISTS)
def test_what_the_space_fixes_is_the_specialists_too(name: str) -> None:
    found = Space.parse(FIXED, "fixed").baseline(name)
    assert (found.width, found.depth) == (48, 3)
    assert found.training.learning_rates == (1e-3, 2e-3)
    assert found.training.weight_decay == 0.1
    assert found.blocks == specialist(name, width=48, depth=3).blocks


def test_what_is_searched_is_not() -> None:
    text = "width: {choice: [16, 64]}\ntraining: {weight_decay: {float: [1e-3, 1e-1], log: true}}\nlayers: {heads: 2}"
    assert Space.parse(text, "searched").baseline("gru") == specialist("gru")


def test_a_width_that_heads_do_not_divide_is_left_alone() -> None:
    assert Space.parse("width: 33\nlayers: {heads: {choice: [1, 3]}}", "odd").baseline("transformer").width == 32


@pytest.mark.parametrize("name", DEFAULT_SPECIALISTS)
def test_beside_emergence_they_are_what_they_always_were(name: str) -> None:
    assert Space.load("emergence").baseline(name).hash == specialist(name).hash
