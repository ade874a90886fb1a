"""Parity: bits come with the share asked for, and chance knows what a biased start gives away."""

from itertools import product

import pytest

from itnas.tasks.parity import Parity
from itnas.tasks.stream import generator


@pytest.mark.parametrize("flip", [0.05, 0.5, 0.8])
def test_ones_have_their_share_at_every_point(flip: float) -> None:
    shares = Parity(flip=flip).draw(generator("ones"), 10_000, 40).inputs.double().mean(0)
    # A standard error is at most 0.005; 5.5 of them over 40 points.
    assert (shares - flip).abs().max() < 0.0275


@pytest.mark.parametrize("flip", [0.05, 0.5, 0.8])
@pytest.mark.parametrize("length", [1, 2, 7])
def test_chance_by_listing_all_samples(flip: float, length: int) -> None:
    odd = [0.0] * length
    for bits in product((0, 1), repeat=length):
        probability = 1.0
        for bit in bits:
            probability *= flip if bit else 1 - flip
        for point in range(length):
            odd[point] += probability * (sum(bits[: point + 1]) % 2)
    best = sum(max(share, 1 - share) for share in odd) / length
    assert Parity(flip=flip, length=length).chance == pytest.approx(best)


def test_one_flip_changes_every_later_target() -> None:
    batch = Parity().draw(generator("change"), 20, 30)
    before = batch.targets[:, 10:] ^ batch.targets[:, 9:10]
    assert (batch.inputs[:, 10:].cumsum(1) % 2 == before).all()
