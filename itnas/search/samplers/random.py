"""Uniform over every domain of the space."""

from __future__ import annotations

from itnas.space import Space
from optuna.samplers import BaseSampler, RandomSampler

from itnas.search.samplers.base import register


@register("random", "uniform over every domain")
def make(_space: Space, seed: int, _objectives: int) -> BaseSampler:
    return RandomSampler(seed=seed)
