"""What early scores tell of final ones, from planted histories."""

from typing import Any

import pytest

from itnas.rungs import rank_correlation, rung_correlations

FINAL = {0: 0.1, 1: 0.4, 2: 0.6, 3: 0.9}


def _trial(number: int, origin: str = "random", state: str = "complete", rate: float = 0.01) -> dict[str, Any]:
    row = {"number": number, "task": "recall", "origin": origin, "state": state, "learning_rate": rate}
    return row | {"score": FINAL.get(number)}


def _replicas(numbers: list[int]) -> list[dict[str, Any]]:
    """Two seeds with two rates each."""
    rates = (0.01, 0.01, 0.1, 0.1)
    return [
        {"trial": number, "phase": "search", "replica": replica, "learning_rate": rate}
        for number in numbers
        for replica, rate in enumerate(rates)
    ]


def _history(scores: dict[int, list[float]], rung: int = 1, phase: str = "search") -> list[dict[str, Any]]:
    return [
        {"trial": number, "phase": phase, "rung": rung, "replica": replica, "score": score}
        for number, own in scores.items()
        for replica, score in enumerate(own)
    ]


def test_only_the_rate_that_won_counts() -> None:
    """The first rate's scores rank as the final ones do, the other's the wrong way round."""
    history = _history({number: [score, score, 1 - score, 1 - score] for number, score in FINAL.items()})
    (row,) = rung_correlations("recall", [_trial(number) for number in FINAL], _replicas(list(FINAL)), history)
    assert row == {"task": "recall", "rung": 1, "trials": 4, "correlation": pytest.approx(1.0)}
    losing = [_trial(number, rate=0.1) for number in FINAL]
    (row,) = rung_correlations("recall", losing, _replicas(list(FINAL)), history)
    assert row["correlation"] == pytest.approx(-1.0)


def test_trials_that_could_be_stopped_are_left_out() -> None:
    """What the sampler proposes is pruned by these very scores: what is left of it would flatter them."""
    history = _history({number: [score] * 4 for number, score in FINAL.items()})
    trials = [_trial(0), _trial(1, "sampler"), _trial(2, state="pruned"), _trial(3)]
    (row,) = rung_correlations("recall", trials, _replicas(list(FINAL)), history)
    assert (row["trials"], row["correlation"]) == (2, None)


def test_confirmed_networks_are_other_networks() -> None:
    history = _history({number: [0.5] * 4 for number in FINAL}, phase="confirm")
    assert rung_correlations("recall", [_trial(number) for number in FINAL], _replicas(list(FINAL)), history) == []


def test_ties_have_no_rank() -> None:
    assert rank_correlation([0.5, 0.5, 0.5], [0.1, 0.2, 0.3]) is None
    assert rank_correlation([1.0, 2.0], [1.0, 2.0]) is None
    assert rank_correlation([1.0, 2.0, 4.0], [3.0, 5.0, 9.0]) == pytest.approx(1.0)
