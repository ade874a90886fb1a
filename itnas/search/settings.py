"""What a sweep was asked to do. Together with its space it decides every proposal."""

from __future__ import annotations

import dataclasses
import re
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from itnas.genes import Count
from itnas.models.specialists import DEFAULT_SPECIALISTS, SPECIALISTS
from itnas.registry import check_choice
from itnas.settings import Settings
from itnas.tasks import Task, find

# What a sweep that has begun may be given anew.
CHANGEABLE = (
    "trials",
    "tasks",
    "sampler",
    "random_share",
    "pruner",
    "confirm",
    "keep",
    "verdicts",
    "timeout",
    "attempts",
)
COSTS = ("parameters", "flops", "seconds")
Objective = Literal["score", "parameters", "flops", "seconds"]
Share = Annotated[float, Field(ge=0, le=1)]
NotNegative = Annotated[int, Field(ge=0)]


class SweepSettings(Settings):
    """Trials are counted per task, the specialists among them."""

    tasks: Annotated[tuple[str, ...], Field(strict=False)] = ()
    trials: Count = 64
    replicas: Annotated[int, Field(ge=1, le=1000)] = 3  # seeds; each is trained with every learning rate
    steps: Count | None = None  # None: the genome's, else the task's
    batch_size: Count | None = None
    length: Count | None = None
    seed: Annotated[int, Field(ge=0, lt=2**20)] = 0
    sampler: str = "tpe-group"  # by measurement: docs/search.md
    random_share: Share = 0.2  # of proposals that are drawn at random: start-up, baseline and null at once
    objectives: Annotated[tuple[Objective, ...], Field(strict=False)] = ("score",)
    specialists: Annotated[tuple[str, ...], Field(strict=False)] = DEFAULT_SPECIALISTS
    pruner: Literal["none", "median", "halving"] = "median"
    rungs: Annotated[int, Field(ge=1, le=100)] = 10  # times that a trial's score is taken
    confirm: NotNegative = 3  # best genomes per task that are trained again on fresh seeds; 0: none
    confirm_replicas: Annotated[int, Field(ge=1, le=1000)] = 5
    keep: NotNegative = 3  # trials per task whose weights are kept, the confirmed ones apart
    verdicts: Literal["none", "best", "all"] = (
        "best"  # trials that are cross-examined while it runs; none: nor those confirmed
    )
    copies: NotNegative = 4  # untrained copies that verdicts are compared with
    timeout: Annotated[float, Field(gt=0)] | None = 1800.0  # seconds after which a trial counts as hung
    attempts: Count = 3  # after so many a trial that takes its process down is failed
    device: str = "auto"
    precision: Literal["float32", "bfloat16"] = "float32"
    devices_per_trial: Annotated[int, Field(ge=1, le=1024)] = 1  # CPUs or GPUs of one node that share every batch

    @field_validator("tasks", "specialists", "objectives")
    @classmethod
    def _once_each(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"{twice[0]!r} is named twice")
        return names

    @field_validator("device")
    @classmethod
    def _no_device(cls, name: str) -> str:
        """What no machine calls a device would fail every trial; whether there is one, the machine will tell."""
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
            raise ValueError(f"unknown device {name!r}: use auto, cpu, cuda or cuda:0, cuda:1, ...")
        return name

    @field_validator("specialists")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            check_choice("specialist", name, SPECIALISTS)
        return names

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.objectives[:1] != ("score",) or len(self.objectives) > 2:
            raise ValueError(
                f"objectives are score, or score and one of {', '.join(COSTS)}, got {', '.join(self.objectives)}"
            )
        return self

    @property
    def cost(self) -> str:
        """What the column `cost` holds."""
        return self.objectives[1] if len(self.objectives) > 1 else "parameters"

    @property
    def shares(self) -> tuple[float, ...]:
        """Shares of a trial's budget after which its score is taken."""
        return tuple((number + 1) / self.rungs for number in range(self.rungs))

    def task(self, label: str) -> Task:
        """A task as the sweep trains on it: chance, ceiling and what a genome costs there follow the length."""
        found = find(label)
        return found if self.length is None else dataclasses.replace(found, length=self.length)

    def changed(self, **changes: Any) -> SweepSettings:
        """The same with some settings changed, checked anew; what would make its trials incomparable must not."""
        for name in changes:
            if name not in CHANGEABLE:
                check_choice("setting", name, type(self).model_fields)
                raise ValueError(
                    f"{name} cannot change in a sweep that has begun, since its trials would no longer be comparable: "
                    f"start another one, or change {', '.join(CHANGEABLE)}"
                )
        return type(self).from_dict(self.to_dict() | changes, "sweep")
