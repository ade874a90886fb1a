"""Whom our proposer is compared with on the table: uniform draws, and Ray Tune's OptunaSearch as it comes."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from itnas.genome import Genome
from itnas.space import Choice, Domain, Integer, Space

from .objective import Searcher


class UniformDraws:
    """Each trial a draw from the space, whatever has been drawn before."""

    def __init__(self, space: Space, seed: int) -> None:
        self.space, self.rng, self.count = space, np.random.default_rng([seed, 1]), 0

    def ask(self) -> tuple[int, Genome]:
        self.count += 1
        return self.count, self.space.genome(self.space.sample(self.rng))

    def tell(self, number: int, score: float) -> None:
        """Not listened to."""


class PlainOptuna:
    """`ray.tune.search.optuna.OptunaSearch` with its defaults, over the same conditional space defined by run."""

    def __init__(self, space: Space, seed: int) -> None:
        import optuna
        from ray.tune.search.optuna import OptunaSearch

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.space, self.count = space, 0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.search = OptunaSearch(self._define, metric="score", mode="max", seed=seed)

    def _define(self, trial: Any) -> None:
        self.space.build(lambda name, domain: suggest(trial, spelt(name), domain))

    def ask(self) -> tuple[int, Genome]:
        self.count += 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            config = self.search.suggest(str(self.count))
        assert config is not None
        return self.count, self.space.genome({unspelt(name): value for name, value in config.items()})

    def tell(self, number: int, score: float) -> None:
        self.search.on_trial_complete(str(number), {"score": score})


def spelt(name: str) -> str:
    """A parameter's name as OptunaSearch takes it, which makes nested mappings of names with a slash."""
    return name.replace("/", "~")


def unspelt(name: str) -> str:
    return name.replace("~", "/")


def suggest(trial: Any, name: str, domain: Domain) -> Any:
    """A parameter of a space, asked of an Optuna trial."""
    if isinstance(domain, Choice):
        return trial.suggest_categorical(name, domain.labels)
    if isinstance(domain, Integer):
        return trial.suggest_int(name, domain.low, domain.high, step=domain.step, log=domain.log)
    return trial.suggest_float(name, domain.low, domain.high, log=domain.log)


def uniform(space: Space, _task: str, seed: int, _trials: int) -> Searcher:
    return UniformDraws(space, seed)


def plain_optuna(space: Space, _task: str, seed: int, _trials: int) -> Searcher:
    return PlainOptuna(space, seed)
