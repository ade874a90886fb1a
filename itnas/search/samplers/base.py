"""What a sampler is: a function that makes an Optuna sampler for one proposal."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

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


def register(name: str, summary: str, *, flat: bool = False) -> Callable[[Make], Make]:
    """Make a sampler known by its name."""

    def add(make: Make) -> Make:
        SAMPLERS.add(name, SamplerKind(make, summary, flat))
        return make

    return add


def _adopt(name: str, make: Make) -> None:
    """What an entry point names, and nobody registered."""
    register(name, f"from {make.__module__}")(make)


SAMPLERS: Registry[SamplerKind] = Registry("sampler", group="itnas.samplers", adopt=_adopt)


def sampler_kind(name: str) -> SamplerKind:
    """The sampler of that name."""
    return SAMPLERS[name]


def make_sampler(name: str, space: Space, seed: int, objectives: int) -> BaseSampler:
    with warnings.catch_warnings():
        # Optuna marks much of what it documents as experimental.
        warnings.simplefilter("ignore")
        return sampler_kind(name).make(space, seed, objectives)
