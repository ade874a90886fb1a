"""Uniform over every domain of the space, and over the subsets that are large enough."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optuna.samplers import BaseSampler
from optuna.study import Study

from itnas.search.samplers.base import register
from itnas.search.samplers.whole import Whole
from itnas.space import Space


class Uniform(Whole):
    """Does not look at what came before."""

    def draw(self, study: Study) -> Mapping[str, Any]:
        return self.space.sample(self.rng)


@register("random", "uniform over every domain")
def make(space: Space, seed: int, _objectives: int) -> BaseSampler:
    return Uniform(space, seed)
