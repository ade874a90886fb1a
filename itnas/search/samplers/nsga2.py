"""NSGA-II (Deb et al., 2002), for several objectives.

It is asked for the parameters of all branches: those that some proposals lack it would draw at random.
"""

from __future__ import annotations

from optuna.samplers import BaseSampler, NSGAIISampler

from itnas.search.samplers.base import register
from itnas.space import Space

POPULATION = 20  # sweeps have a hundred trials, not ten thousand


@register("nsga2", "a genetic algorithm for several objectives", flat=True)
def make(_space: Space, seed: int, _objectives: int) -> BaseSampler:
    return NSGAIISampler(seed=seed, population_size=POPULATION)
