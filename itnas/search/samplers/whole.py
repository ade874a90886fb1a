"""Samplers that make a whole proposal at once, where Optuna asks for one parameter at a time."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from itnas.space import Space


class Whole(BaseSampler):
    """For one proposal, which is made before the first parameter is asked for."""

    def __init__(self, space: Space, seed: int) -> None:
        self.space, self.rng = space, np.random.default_rng(seed)
        self.domains = space.domains()
        self.proposal: Mapping[str, Any] = {}

    @abc.abstractmethod
    def draw(self, study: Study) -> Mapping[str, Any]:
        """All parameters of the next proposal."""

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        self.proposal = self.draw(study)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        # What the branches taken have no need of may be asked for all the same.
        return self.proposal[param_name] if param_name in self.proposal else self.domains[param_name].draw(self.rng)
