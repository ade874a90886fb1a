"""A mean over seeds, and how far it can be trusted."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import stdtrit

BEST = 1.0  # of all scores


@dataclass(frozen=True)
class Interval:
    """The mean of `replicas` independent scores with its 95 % confidence interval; no interval from a single one."""

    mean: float
    low: float | None
    high: float | None
    replicas: int


def interval(scores: Sequence[float]) -> Interval:
    """Student's t: mean -+ t(0.975, n - 1) s / sqrt(n), cut off at the best score there is."""
    count, mean = len(scores), statistics.fmean(scores)
    if count < 2:
        return Interval(mean, None, None, count)
    reach = float(stdtrit(count - 1, 0.975)) * statistics.stdev(scores) / math.sqrt(count)
    return Interval(mean, mean - reach, max(min(mean + reach, BEST), mean), count)
