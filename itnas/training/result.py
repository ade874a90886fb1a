"""What a training came to."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from itnas.training.interval import Interval, interval


@dataclass(frozen=True)
class Replica:
    """One copy of a trial's network. `died`: the step at which its loss or gradient stopped being a number."""

    seed: int
    learning_rate: float
    score: float
    loss: float
    died: int | None


@dataclass(frozen=True)
class Result:
    """A trial's score: the mean over seeds of the learning rate that does best, with a 95 % interval.

    The learning rate is chosen by the score that is reported; with few rates and several seeds the optimism of that
    is small, and confirmation on fresh seeds and the test split is free of it.
    """

    task: str
    genome: str
    metric: str
    score: Interval
    chance: float
    ceiling: float | None
    learning_rate: float
    replicas: tuple[Replica, ...]
    test_score: Interval | None
    steps: int
    samples: int
    seconds: float
    parameters: int
    provenance: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def best_rate(learning_rates: Sequence[float], scores: Sequence[float], alive: Sequence[bool]) -> float:
    """The learning rate with the best mean score over seeds, of those at which a replica lives (the dead score what
    guessing does, and the living may do worse); of equal ones the smallest."""
    living = {rate for rate, lives in zip(learning_rates, alive, strict=True) if lives}
    rates = sorted(living or set(learning_rates))
    return max(rates, key=lambda rate: statistics.fmean(at_rate(rate, learning_rates, scores)))


def leading_score(learning_rates: Sequence[float], scores: Sequence[float], alive: Sequence[bool]) -> float:
    """The mean over seeds of the learning rate that is ahead."""
    return statistics.fmean(at_rate(best_rate(learning_rates, scores, alive), learning_rates, scores))


def best_replica(result: Result) -> int:
    """Of those of the chosen learning rate the living one with the best score; of equal ones the first."""
    own = [number for number, each in enumerate(result.replicas) if each.learning_rate == result.learning_rate]
    return max(own, key=lambda number: (result.replicas[number].died is None, result.replicas[number].score))


def at_rate(rate: float, learning_rates: Sequence[float], scores: Sequence[float]) -> list[float]:
    """The scores of the replicas with one learning rate."""
    return [score for own, score in zip(learning_rates, scores, strict=True) if own == rate]


def rate_interval(rate: float, learning_rates: Sequence[float], scores: Sequence[float]) -> Interval:
    return interval(at_rate(rate, learning_rates, scores))
