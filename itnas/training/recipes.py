"""Everything that a training's outcome follows from."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from itnas.again import DERIVED
from itnas.genome import Genome
from itnas.registry import check_choice
from itnas.tasks import Task
from itnas.training.schedule import Budget

# Shares of the budget after which the validation score is taken.
RUNGS = tuple((number + 1) / 10 for number in range(10))
PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class Recipe:
    """What is trained on what, from which seeds, for how long."""

    genome: Genome
    task: Task
    seeds: tuple[int, ...]
    budget: Budget
    batch_size: int
    rungs: tuple[float, ...] = RUNGS
    precision: Literal["float32", "bfloat16"] = "float32"

    def __post_init__(self) -> None:
        if not self.rungs or list(self.rungs) != sorted(set(self.rungs)) or self.rungs[0] <= 0 or self.rungs[-1] != 1:
            raise ValueError(f"rungs are rising shares of the budget that end with 1, got {self.rungs}")
        check_choice("precision", self.precision, PRECISIONS)
        if self.batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {self.batch_size}")

    def to_dict(self) -> dict[str, Any]:
        """What tells this training from another, as plain data."""
        return {
            "genome": self.genome.canonical().to_dict(),
            "task": self.task.identity_label,
            "seeds": list(self.seeds),
            "budget": {self.budget.unit: self.budget.amount},
            "batch_size": self.batch_size,
            "rungs": list(self.rungs),
            "precision": self.precision,
        }


def recipe(
    genome: Genome,
    task: Task,
    *,
    replicas: int = 3,
    seed: int = 0,
    budget: Budget | None = None,
    batch_size: int | None = None,
    length: int | None = None,
    rungs: Sequence[float] = RUNGS,
    precision: Literal["float32", "bfloat16"] = "float32",
) -> Recipe:
    """A recipe with what is not said filled in: by the genome, else by the task.

    `replicas` seeds are derived from `seed`; each is trained with every learning rate of the genome.
    """
    if not 1 <= replicas <= DERIVED:
        raise ValueError(f"replicas must lie in 1 to {DERIVED}, got {replicas}")
    if not 0 <= seed < 2**40:
        raise ValueError(f"seed must lie in 0 to 2^40 - 1, got {seed}")
    if length is not None:
        # Chance and ceiling follow the length, so it is a setting of the task.
        task = dataclasses.replace(task, length=length)
    steps = genome.training.steps or task.steps
    if batch_size is None:
        batch_size = genome.training.batch_size or task.batch_size
    return Recipe(
        genome=genome,
        task=task,
        seeds=tuple(DERIVED * seed + number for number in range(replicas)),
        budget=budget or Budget(steps),
        batch_size=batch_size,
        rungs=tuple(rungs),
        precision=precision,
    )
