"""Other settings of the samplers, to see what they are worth: `python -m benchmarks.table.variants NAME ...`."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from optuna.samplers import BaseSampler, TPESampler
from optuna.study import Study
from optuna.trial import TrialState

from itnas.search.proposer import Proposer
from itnas.search.samplers.base import SAMPLERS, SamplerKind
from itnas.search.samplers.evolution import Evolution
from itnas.space import Space

from . import gp
from .compare import SEEDS, TRIALS, UNIFORM, Entrant, compare
from .objective import ours
from .peers import uniform

Make = Callable[[Space, int, int], BaseSampler]


def evolution(population: int, tournament: int, startup: int, crossed: float) -> Make:
    """Regularised evolution with constants of its own."""

    class Bred(Evolution):
        def draw(self, study: Study) -> Mapping[str, Any]:
            living = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))[-population:]
            if len(living) < startup:
                return self.space.sample(self.rng)
            parent = self._best(living)
            if self.rng.random() < crossed:
                parent = self.space.cross(parent, self._best(living), self.rng)
            return self.space.mutate(parent, self.rng)

        def _best(self, living: list[Any]) -> Mapping[str, Any]:
            places = self.rng.choice(len(living), size=min(tournament, len(living)), replace=False)
            found: Mapping[str, Any] = max(
                (living[place] for place in places), key=lambda trial: trial.values[0]
            ).params
            return found

    return lambda space, seed, _objectives: Bred(space, seed)


def tpe(**changes: Any) -> Make:
    def make(_space: Space, seed: int, _objectives: int) -> BaseSampler:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            settings = {"n_startup_trials": 10, "multivariate": True, "group": True} | changes
            return TPESampler(seed=seed, warn_independent_sampling=False, **settings)

    return make


class Untold(Proposer):
    """Samplers do not hear again of genomes that are known."""

    def _end_known(self, state: Any, asked: int, _earlier: int) -> None:
        state.study.tell(asked, None)


VARIANTS: dict[str, tuple[Make, bool, type[Proposer], float]] = {
    "gp": (gp.make, False, Proposer, 0.2),
    "gp, no random arm": (gp.make, False, Proposer, 0.0),
    "gp, random arm 0.1": (gp.make, False, Proposer, 0.1),
    "evolution 30 10 10 0.2": (evolution(30, 10, 10, 0.2), False, Proposer, 0.2),
    "evolution 100 10 10 0.2": (evolution(100, 10, 10, 0.2), False, Proposer, 0.2),
    "evolution 100 25 10 0.2": (evolution(100, 25, 10, 0.2), False, Proposer, 0.2),
    "evolution 100 25 10 0.5": (evolution(100, 25, 10, 0.5), False, Proposer, 0.2),
    "evolution 100 25 5 0.2": (evolution(100, 25, 5, 0.2), False, Proposer, 0.2),
    "evolution 20 5 10 0": (evolution(20, 5, 10, 0.0), False, Proposer, 0.2),
    "evolution untold": (evolution(100, 25, 10, 0.2), False, Untold, 0.2),
    "tpe-group untold": (tpe(), False, Untold, 0.2),
    "tpe-group 64 candidates": (tpe(n_ei_candidates=64), False, Proposer, 0.2),
    "tpe-group gamma 0.25": (tpe(gamma=lambda count: max(1, count // 4)), False, Proposer, 0.2),
    "tpe-flat untold": (tpe(group=False), True, Untold, 0.2),
    "tpe-flat 64 candidates": (tpe(group=False, n_ei_candidates=64), True, Proposer, 0.2),
    "tpe-flat gamma 0.25": (tpe(group=False, gamma=lambda count: max(1, count // 4)), True, Proposer, 0.2),
}


def measured(names: list[str], *, seeds: int = SEEDS, trials: int = TRIALS) -> list[dict[str, Any]]:
    those = [Entrant(UNIFORM, uniform)]
    for name in names:
        make, flat, kind, share = VARIANTS[name]
        if name not in SAMPLERS:
            SAMPLERS.add(name, SamplerKind(make, "a variant", flat))
        those.append(Entrant(name, ours(name, share, kind), 1, share))
    return compare(those, seeds=seeds, trials=trials)


if __name__ == "__main__":
    measured(sys.argv[1:] or list(VARIANTS))
