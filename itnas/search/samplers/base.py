"""What a sampler is: a function that makes an Optuna sampler for one proposal."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points

from optuna.samplers import BaseSampler

from itnas.registry import Registry
from itnas.space import Space

Make = Callable[[Space, int, int], BaseSampler]  # space, seed, number of objectives


@dataclass(frozen=True)
class SamplerKind:
    """`flat`: it is asked for the parameters of all branches, also of those not taken."""

    make: Make
    summary: str
    flat: bool = False


SAMPLERS: Registry[SamplerKind] = Registry("sampler")


def register(name: str, summary: str, *, flat: bool = False) -> Callable[[Make], Make]:
    """Make a sampler known by its name."""

    def add(make: Make) -> Make:
        SAMPLERS.add(name, SamplerKind(make, summary, flat))
        return make

    return add


@cache
def _load_others() -> None:
    """What other packages offer: an entry point's name, and a function (space, seed, objectives) -> BaseSampler."""
    for point in entry_points(group="itnas.samplers"):
        SAMPLERS.add(point.name, SamplerKind(point.load(), f"from {point.value}"))


def sampler_kind(name: str) -> SamplerKind:
    """The sampler of that name."""
    _load_others()
    return SAMPLERS[name]


def make_sampler(name: str, space: Space, seed: int, objectives: int) -> BaseSampler:
    with warnings.catch_warnings():
        # Optuna marks much of what it documents as experimental.
        warnings.simplefilter("ignore")
        return sampler_kind(name).make(space, seed, objectives)
