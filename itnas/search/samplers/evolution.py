"""Regularised evolution (Real et al., 2019): the best of a few among the youngest is mutated; the old are forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from itnas.space import Space
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from itnas.search.samplers.base import register

POPULATION = 30  # the youngest complete trials
TOURNAMENT = 10
STARTUP = 10  # random ones before the first child
CROSSED = 0.2  # share of children with two parents


class Evolution(BaseSampler):
    """A sampler for one proposal: the child is made before the first parameter is asked for."""

    def __init__(self, space: Space, seed: int) -> None:
        self.space, self.rng = space, np.random.default_rng(seed)
        self.child: dict[str, Any] = {}

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return {}

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        living = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))[-POPULATION:]
        if len(living) < STARTUP:
            self.child = dict(self.space.sample(self.rng))
            return
        parent = self._winner(living, study.directions)
        if self.rng.random() < CROSSED:
            other = self._winner(living, study.directions)
            parent = dict(self.space.cross(parent, other, self.rng))
        self.child = dict(self.space.mutate(parent, self.rng))

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self.child[param_name]

    def _winner(self, living: Sequence[FrozenTrial], directions: Sequence[StudyDirection]) -> dict[str, Any]:
        """The parameters of the best of a few; of several objectives, one that none of them dominates."""
        places = self.rng.choice(len(living), size=min(TOURNAMENT, len(living)), replace=False)
        signs = np.array([1.0 if each == StudyDirection.MAXIMIZE else -1.0 for each in directions])
        values = np.array([living[place].values for place in places]) * signs
        beaten = [bool(((values >= own).all(1) & (values > own).any(1)).any()) for own in values]
        best = [place for place, lost in zip(places, beaten, strict=True) if not lost]
        return living[int(self.rng.choice(best))].params


@register("evolution", "regularised evolution: mutations of the best among the youngest")
def make(space: Space, seed: int, _objectives: int) -> BaseSampler:
    return Evolution(space, seed)
