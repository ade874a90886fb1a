"""`--dry-run`: every genome counts with its own steps and learning rates."""

import pytest

from itnas.genome import Genome
from itnas.search import estimate as estimating
from itnas.search.estimate import estimate
from itnas.search.settings import SweepSettings
from itnas.search.sweep import Means
from itnas.space import Space
from tests.search.toy import toy_settings

INLINE = Means(engine="inline")
VARIED = """
width: 8
layers: [{mixer: convolution, taps: {int: [1, 9]}}]
training: {steps: {choice: [20, 4000]}, learning_rates: {subset: [0.001, 0.003, 0.01, 0.03], min: 1}}
"""
RATES = (4 * 1 + 6 * 2 + 4 * 3 + 1 * 4) / 15


@pytest.fixture(autouse=True)
def _timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network takes a second for a step."""

    def seconds(genome: Genome, settings: SweepSettings, label: str) -> float:
        return float(settings.replicas * len(genome.training.learning_rates))

    monkeypatch.setattr(estimating, "_seconds", seconds)


def test_steps_and_rates_that_differ_are_averaged() -> None:
    about = {"tasks": ["delay"], "trials": 10, "specialists": [], "replicas": 2, "confirm": 1, "confirm_replicas": 3}
    (row,) = estimate(Space.parse(VARIED, "varied"), toy_settings(**about), INLINE)["tasks"]
    assert row["steps"] == pytest.approx(2010, rel=0.3)
    assert row["networks"] == pytest.approx(2 * RATES, abs=1)
    assert row["seconds"] == pytest.approx(2010 * (10 * 2 * RATES + 3), rel=0.4)


def test_where_nothing_differs_it_is_exact() -> None:
    space = Space.parse("width: 8\nlayers: [{mixer: convolution, taps: {int: [1, 9]}}]\ntraining: {steps: 7}", "even")
    about = {"tasks": ["delay"], "trials": 10, "specialists": ["gru"], "replicas": 2, "confirm": 1}
    (row,) = estimate(space, toy_settings(**about, confirm_replicas=3), INLINE)["tasks"]
    networks = row["networks"]
    assert (row["specialists"], row["random"] + row["sampler"], row["steps"]) == (1, 9, 7)
    assert row["seconds"] == pytest.approx(7 * (10 * networks + 2 * 3))


@pytest.mark.timeout(30)
def test_any_number_of_trials_is_weighed_at_once() -> None:
    about = {"tasks": ["delay"], "trials": 10**11, "specialists": [], "random_share": 0.2}
    (row,) = estimate(Space.parse(VARIED, "varied"), toy_settings(**about), INLINE)["tasks"]
    assert row["random"] == 1 + 2 * 10**10
    assert row["sampler"] == 10**11 - row["random"]
