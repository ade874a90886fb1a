"""Genomes of a space that can be trained on a task, and why there are none."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from itnas.genome import Genome
from itnas.search.settings import SweepSettings
from itnas.space import Space
from itnas.space.constraints import Constraints

TRIED_GENOMES = 200


def feasible(space: Space, settings: SweepSettings, label: str, count: int) -> list[Genome]:
    """So many random genomes that a trial on the task may be; fewer where they are rare, never none."""
    rng, task = np.random.default_rng(settings.seed), settings.task(label)
    found: list[Genome] = []
    refused: list[str] = []
    for _ in range(TRIED_GENOMES):
        genome = space.genome(space.sample(rng))
        said = space.violation(genome, task, settings.batch_size)
        if said is None:
            found.append(genome)
        else:
            refused.append(said)
        if len(found) == count:
            break
    if not found:
        told = commonest(refused)
        raise ValueError(f"space {space.name}: {TRIED_GENOMES} random genomes are refused on {label}; {told}")
    return found


def buildable(space: Space, settings: SweepSettings, label: str) -> list[Genome]:
    """The specialists that can be built for the task: the others take no place among the trials."""
    task = settings.task(label)
    baselines = [space.baseline(name) for name in settings.specialists]
    return [each for each in baselines if Constraints().violation(each, task) is None]


def check_feasible(space: Space, settings: SweepSettings, labels: Sequence[str]) -> None:
    """Refuse tasks on which nothing of the space can be trained, where more than the specialists is to be."""
    for label in labels:
        if len(buildable(space, settings, label)) < settings.trials:
            feasible(space, settings, label, 1)


def commonest(reasons: Iterable[str]) -> str:
    """The first of those that are most frequent; by how much a bound is broken tells no two apart."""
    told = list(reasons)
    kinds = [re.sub(r"\d[\d,.]*", "", reason) for reason in told]
    ((kind, _),) = Counter(kinds).most_common(1)
    return told[kinds.index(kind)]
