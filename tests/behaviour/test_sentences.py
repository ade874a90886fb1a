"""Verdicts in plain words, where a layer needs more than was tried and its heads do not."""

import dataclasses

import pytest

from itnas.behaviour.explanation import LayerVerdict
from itnas.behaviour.verdict import Reading
from tests.behaviour.test_null import verdict


def by_heads(family: str, *needs: int) -> LayerVerdict:
    """A layer that no replacement of its own accounts for, and one head for each number."""
    heads = tuple(
        dataclasses.replace(verdict(family, **{family: (need, 0.99)}), head=number) for number, need in enumerate(needs)
    )
    whole = verdict(family, **{family: (None, 0.5)})
    return dataclasses.replace(whole, reading=Reading(family, "each head for itself", by_heads=True), heads=heads)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (by_heads("convolution", 3, 1), "became a convolution with 3 and 1 taps, head by head."),
        (by_heads("recurrence", 1, 2, 4), "a recurrence: a state of 1, 2 and 4 numbers, head by head, carries"),
        (by_heads("local", 2, 5), "among the nearest 2 and 5 points, head by head."),
        (verdict("convolution", convolution=(1, 0.97)), "became a convolution with 1 tap"),
        (verdict("recurrence", recurrence=(3, 0.97)), "a state of 3 numbers per head carries what it needs."),
        (verdict("local", local=(4, 0.97)), "among the nearest 4 points."),
    ],
)
def test_what_a_layer_needs_is_always_said(found: LayerVerdict, said: str) -> None:
    assert said in found.sentence()
    assert "None" not in found.sentence()
