"""An export against what it was made from: on samples that no training saw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from itnas.tasks import Batch, Task
from itnas.training.population import VALIDATION_SAMPLES

SEED = 2_026  # of the samples that are compared on; validation and test splits have seed 0


def lengths_of(task: Task) -> list[int]:
    """The task's length, and a shorter one where the task has such samples."""
    shorter = [length for length in task.lengths if length < task.length]
    return [task.length, *shorter[-1:]]


def fresh_batches(task: Task) -> list[Batch]:
    """Eight samples at each of two lengths."""
    return [task.batch("validation", seed=SEED, step=1, size=8, length=length) for length in lengths_of(task)]


def difference(one: Tensor, other: Tensor) -> float:
    """The largest difference, relative to the largest output where that is more than 1."""
    if one.shape != other.shape:
        raise ValueError(f"the outputs have shapes {tuple(one.shape)} and {tuple(other.shape)}")
    if not one.numel():
        return 0.0
    scale = max(1.0, float(one.abs().max()))
    return float((one.double() - other.double()).abs().max()) / scale


def outputs(network: nn.Module, batches: Sequence[Batch]) -> list[Tensor]:
    with torch.no_grad():
        return [network(batch.inputs, batch.domain) for batch in batches]


def agreement(first: nn.Module, second: nn.Module, task: Task, most: float) -> dict[str, Any]:
    """How far two networks' outputs lie apart; more than `most` is an error."""
    batches = fresh_batches(task)
    pairs = zip(outputs(first, batches), outputs(second, batches), strict=True)
    found = max(difference(*pair) for pair in pairs)
    return {"lengths": lengths_of(task), "largest_difference": within(found, most)}


def within(found: float, most: float) -> float:
    if not found <= most:
        raise ValueError(f"loaded back, it differs from the network by {found:.2g}, where {most:.0e} is allowed")
    return found


def score(network: nn.Module, task: Task, split: str = "validation") -> float:
    """The task's metric on the samples of a split that trainings are scored on."""
    tally = task.tally()
    with torch.no_grad():
        for batch in task.portions(split, VALIDATION_SAMPLES):
            tally.add(network(batch.inputs, batch.domain), batch)
    found = tally.score()
    return float("nan") if found is None else found
