"""`--dry-run`: what a sweep would run, and about how long."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from itnas.allowance import usable_cores
from itnas.genome import Genome
from itnas.search.feasible import buildable, feasible
from itnas.search.proposer import random_turns
from itnas.search.settings import SweepSettings
from itnas.search.sweep import Means
from itnas.space import Space
from itnas.tasks import find
from itnas.training import Training, recipe, setup_for

TIMED_STEPS = 3
TIMED_GENOMES = 4
WEIGHED_GENOMES = 64  # whose steps and learning rates are looked at


def estimate(space: Space, settings: SweepSettings, means: Means) -> dict[str, Any]:
    """A few genomes are trained for a few steps on each task; what a network of theirs takes for a step is what one of
    the others may take, which have numbers of networks and steps of their own."""
    slots, threads = _at_once(settings, means)
    with _threads(threads):
        rows = [_of_task(space, settings, task) for task in settings.tasks]
    return {
        "space": space.name,
        "assignments": space.size(),
        "slots": slots,
        "tasks": rows,
        "seconds": sum(row["seconds"] for row in rows) / slots,
        "remarks": _remarks(settings, means),
    }


def _at_once(settings: SweepSettings, means: Means) -> tuple[int, int | None]:
    """How many trials this machine runs at once, and the threads of each; None: all that there are."""
    if means.engine == "inline":
        return 1, None
    from itnas.search.raytune.share import share_of

    node = {"CPU": float(usable_cores()), "GPU": float(torch.cuda.device_count())}
    share = share_of([node], means.slots, settings.devices_per_trial)
    return share.slots, share.threads


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """As many as a worker has."""
    before = torch.get_num_threads()
    torch.set_num_threads(before if count is None else count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _of_task(space: Space, settings: SweepSettings, label: str) -> dict[str, Any]:
    drawn = feasible(space, settings, label, WEIGHED_GENOMES)
    built = buildable(space, settings, label)
    specials = min(len(built), settings.trials)
    searched = settings.trials - specials
    random = random_turns(searched, settings.random_share)
    confirmations = settings.confirm + (1 if settings.confirm and specials else 0)
    networks = statistics.fmean(_networks(genome, settings) for genome in drawn)
    # Networks times steps differ far more from genome to genome than what a network takes for a step.
    timed = drawn[:TIMED_GENOMES]
    per_step = sum(_seconds(genome, settings, label) for genome in timed) / sum(_networks(g, settings) for g in timed)
    trial = per_step * statistics.fmean(_networks(each, settings) * _steps(each, settings, label) for each in drawn)
    steps = statistics.fmean(_steps(genome, settings, label) for genome in drawn)
    special = [_seconds(genome, settings, label) * _steps(genome, settings, label) for genome in built[:specials]]
    # A confirmation trains replicas of one learning rate.
    confirmation = per_step * settings.confirm_replicas * steps
    return {
        "task": label,
        "trials": settings.trials,
        "specialists": specials,
        "random": random,
        "sampler": searched - random,
        "networks": round(networks),
        "steps": round(steps),
        "confirmations": confirmations,
        "seconds": sum(special) + trial * searched + confirmation * confirmations,
    }


def _networks(genome: Genome, settings: SweepSettings) -> int:
    """That a trial of the genome trains at once."""
    return settings.replicas * len(genome.training.learning_rates)


def _steps(genome: Genome, settings: SweepSettings, label: str) -> int:
    return settings.steps or genome.training.steps or find(label).steps


def _seconds(genome: Genome, settings: SweepSettings, label: str) -> float:
    """Of one step, once everything has been compiled."""
    made = recipe(
        genome,
        find(label),
        replicas=settings.replicas,
        seed=settings.seed,
        batch_size=settings.batch_size,
        length=settings.length,
        precision=settings.precision,
    )
    population = Training(made, setup_for(settings.device)).population
    population.step(0, 1.0)
    started = time.perf_counter()
    for step in range(1, TIMED_STEPS + 1):
        population.step(step, 1.0)
    return (time.perf_counter() - started) / TIMED_STEPS


def _remarks(settings: SweepSettings, means: Means) -> list[str]:
    found = []
    if settings.trials <= len(settings.specialists):
        found.append(
            f"All {settings.trials} trials go to the {len(settings.specialists)} specialists, and nothing is searched: "
            "ask for more with --trials, or for fewer specialists with --specialists."
        )
    if means.address is not None:
        found.append("That is for this machine alone: a cluster runs as many at once as its nodes have room for.")
    return found
