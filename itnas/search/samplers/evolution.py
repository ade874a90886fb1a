"""Regularised evolution (Real et al., 2019): the best of a few among the youngest is mutated; the old are forgotten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from optuna.samplers import BaseSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from itnas.search.samplers.base import register
from itnas.search.samplers.whole import Whole
from itnas.space import Space

POPULATION = 30  # the youngest complete trials
TOURNAMENT = 10
STARTUP = 10  # random ones before the first child
CROSSED = 0.2  # share of children with two parents


class Evolution(Whole):
    """Breeds on the space's own terms: a mutation stays inside, whatever branches it opens."""

    def draw(self, study: Study) -> Mapping[str, Any]:
        living = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))[-POPULATION:]
        if len(living) < STARTUP:
            return self.space.sample(self.rng)
        parent = self._winner(living, study.directions)
        if self.rng.random() < CROSSED:
            parent = self.space.cross(parent, self._winner(living, study.directions), self.rng)
        return self.space.mutate(parent, self.rng)

    def _winner(self, living: Sequence[FrozenTrial], directions: Sequence[StudyDirection]) -> Mapping[str, Any]:
        """The parameters of the best of a few; of several objectives, one that none of them dominates."""
        places = self.rng.choice(len(living), size=min(TOURNAMENT, len(living)), replace=False)
        signs = np.array([1.0 if each == StudyDirection.MAXIMIZE else -1.0 for each in directions])
        values = np.array([living[place].values for place in places]) * signs
        beaten = [bool(((values >= own).all(1) & (values > own).any(1)).any()) for own in values]
        best = [place for place, lost in zip(places, beaten, strict=True) if not lost]
        found: Mapping[str, Any] = living[int(self.rng.choice(best))].params
        return found


@register("evolution", "regularised evolution: mutations of the best among the youngest")
def make(space: Space, seed: int, _objectives: int) -> BaseSampler:
    return Evolution(space, seed)
