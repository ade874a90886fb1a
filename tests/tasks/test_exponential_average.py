"""Exponential average: the noise is white, the average stationary, and its memory halves when it should."""

import numpy as np
import pytest

from itnas.tasks.exponential_average import ExponentialAverage
from itnas.tasks.stream import generator


@pytest.mark.parametrize("half_life", [0.5, 2.0, 8.0])
def test_variance_is_one_once_the_start_is_forgotten(half_life: float) -> None:
    late = ExponentialAverage(half_life=half_life).draw(generator("variance"), 20_000, 96).targets[:, -1, 0].numpy()
    # 12 half lives or more have passed. The variance of 20,000 normal numbers is known to 0.01: five times that.
    assert late.var() == pytest.approx(1, abs=0.05)
    assert late.mean() == pytest.approx(0, abs=0.036)


def test_correlation_halves_every_half_life() -> None:
    task = ExponentialAverage(half_life=2.0, averages=3)
    targets = task.draw(generator("memory"), 20_000, 80).targets.numpy()
    for average, half_life in enumerate([2, 4, 8]):
        for halvings in (1, 2):
            then = targets[:, 79 - halvings * half_life, average]
            # The standard error of a correlation of 20,000 pairs is below 0.0071.
            assert np.corrcoef(then, targets[:, 79, average])[0, 1] == pytest.approx(0.5**halvings, abs=0.036)


def test_a_perfect_recurrence_beats_every_short_filter() -> None:
    """Best filter over the last `taps` inputs: what the task is for."""
    task = ExponentialAverage()
    batch = task.draw(generator("filter"), 20_000, 64)
    noise, target = batch.inputs[..., 0].numpy(), batch.targets[:, -1, 0].numpy()
    for taps in (4, 8, 16):
        weights, *_ = np.linalg.lstsq(noise[:, -taps:], target, rcond=None)
        explained = 1 - np.var(target - noise[:, -taps:] @ weights) / np.var(target)
        # a^(2 taps) is left over, a = 2^(-1/8).
        assert explained == pytest.approx(1 - 0.5 ** (taps / 4), abs=0.03)


def test_noise_is_white() -> None:
    noise = ExponentialAverage().draw(generator("white"), 5000, 33).inputs[..., 0].double().numpy()
    covariance = noise.T @ noise / 5000
    # Entries err by 0.014 off the diagonal and 0.02 on it; 5.5 standard errors over 561 of them.
    assert np.abs(covariance - np.eye(33)).max() < 0.11
