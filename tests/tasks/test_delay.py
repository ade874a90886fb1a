"""Delay: tokens are uniform, and nothing but the one at the right distance tells the target."""

import numpy as np
import pytest
import torch

from itnas.tasks.delay import Delay
from itnas.tasks.stream import generator


def test_lengths_that_score_nothing_are_raised() -> None:
    assert Delay().lengths == (16, 32, 64)
    assert Delay(delay=16).lengths == (17, 32, 64)
    assert Delay(delay=40).lengths == (41, 64)


@pytest.mark.parametrize("delay", [1, 8, 20])
def test_only_one_distance_predicts_better_than_chance(delay: int) -> None:
    batch = Delay(delay=delay).draw(generator("distance", delay), 400, 64)
    points = np.arange(delay, 64)
    for distance in range(delay + 1):
        agreement = (batch.inputs[:, points - distance] == batch.targets[:, points]).double().mean().item()
        if distance == delay:
            assert agreement == 1
        else:
            # At least 400 * 44 pairs: five standard errors are 0.0091.
            assert agreement == pytest.approx(1 / 16, abs=0.0092)


def test_tokens_are_uniform() -> None:
    counts = torch.bincount(Delay().draw(generator("uniform"), 1000, 64).inputs.flatten())
    # 64,000 draws of 16: 4000 +- 61; five standard errors.
    assert (counts - 4000).abs().max() < 306
