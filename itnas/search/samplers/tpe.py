"""Tree-structured Parzen estimators (Bergstra et al., 2011), with the ways to treat conditional parameters.

`tpe-group` models the parameters of each branch together, `tpe-flat` all parameters of all branches at once, so that
those of branches not taken are noise, and `tpe-independent` each parameter by itself.
"""

from __future__ import annotations

from optuna.samplers import BaseSampler, TPESampler

from itnas.search.samplers.base import register
from itnas.space import Space

STARTUP = 10  # proposals before the first estimate; those of the random arm and duplicates count


@register("tpe", "Parzen estimators; parameters that always exist are modelled together")
def joint(_space: Space, seed: int, objectives: int) -> BaseSampler:
    return TPESampler(
        seed=seed, n_startup_trials=STARTUP, multivariate=objectives == 1, warn_independent_sampling=False
    )


@register("tpe-group", "Parzen estimators; the parameters of each branch are modelled together")
def group(_space: Space, seed: int, _objectives: int) -> BaseSampler:
    return TPESampler(
        seed=seed, n_startup_trials=STARTUP, multivariate=True, group=True, warn_independent_sampling=False
    )


@register("tpe-flat", "Parzen estimators; all parameters of all branches are modelled together", flat=True)
def flat(_space: Space, seed: int, _objectives: int) -> BaseSampler:
    return TPESampler(seed=seed, n_startup_trials=STARTUP, multivariate=True, warn_independent_sampling=False)


@register("tpe-independent", "Parzen estimators; each parameter by itself")
def independent(_space: Space, seed: int, _objectives: int) -> BaseSampler:
    return TPESampler(seed=seed, n_startup_trials=STARTUP, multivariate=False, warn_independent_sampling=False)
