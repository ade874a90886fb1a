"""From the sweep's settings to a job: on which seeds a genome is trained, and with what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from itnas.genome import Genome
from itnas.search.confirm import Candidate
from itnas.search.job import Job
from itnas.search.settings import SweepSettings

REPEATS = 999  # sets of seeds for a genome that is tried again; the one after them is for confirmations


def trial_job(
    trial: int, task: str, genome: dict[str, Any], repeat: int, settings: SweepSettings, attempt: int = 1
) -> Job:
    """A trial of the search. All genomes meet the same data and chances; one that is tried again meets others."""
    return Job(
        trial=trial,
        phase="search",
        attempt=attempt,
        task=task,
        genome=genome,
        seed=(REPEATS + 1) * settings.seed + repeat % REPEATS,
        replicas=settings.replicas,
        rungs=settings.shares,
        steps=settings.steps,
        batch_size=settings.batch_size,
        length=settings.length,
        device=settings.device,
        precision=settings.precision,
        devices=settings.devices_per_trial,
        timeout=settings.timeout,
    )


def confirmation_job(
    candidate: Candidate, genome: dict[str, Any], rate: float, settings: SweepSettings, attempt: int = 1
) -> Job:
    """The same genome at the learning rate that the search settled on, on seeds that no trial has seen."""
    parsed = Genome.from_dict(genome)
    training = parsed.training.model_copy(update={"learning_rates": (rate,)})
    job = trial_job(
        candidate.trial,
        candidate.task,
        parsed.model_copy(update={"training": training}).to_dict(),
        REPEATS,
        settings,
        attempt,
    )
    everything = float("-inf")
    return replace(
        job,
        phase="confirm",
        seed=(REPEATS + 1) * settings.seed + REPEATS,
        replicas=settings.confirm_replicas,
        keep_from=everything,
        explain_from=None if settings.verdicts == "none" else everything,
        copies=settings.copies,
        test=True,
    )
