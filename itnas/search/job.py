"""What goes to a worker, and what comes back: plain values, the same for every executor."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

Phase = Literal["search", "confirm"]


@dataclass(frozen=True)
class Job:
    """One genome to be trained on one task, from the beginning."""

    trial: int
    phase: Phase
    attempt: int
    task: str
    genome: dict[str, Any]
    seed: int
    replicas: int
    rungs: tuple[float, ...]
    steps: int | None = None
    batch_size: int | None = None
    length: int | None = None
    device: str = "auto"
    precision: Literal["float32", "bfloat16"] = "float32"
    devices: int = 1
    timeout: float | None = None
    keep_from: float | None = None  # score from which weights are sent along; None: never
    explain_from: float | None = None  # score from which the best replica is cross-examined; None: never
    copies: int = 0  # untrained copies for that
    test: bool = False  # score the test split, and examine all replicas

    def to_json(self) -> str:
        return json.dumps(asdict(self), allow_nan=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        data = json.loads(text)
        return cls(**(data | {"rungs": tuple(data["rungs"])}))


@dataclass(frozen=True)
class Started:
    """A worker has begun."""

    worker: str


@dataclass(frozen=True)
class Rung:
    """A trial's score on the way; `rung` counts from 1. One loss and one score per replica."""

    rung: int
    step: int
    seconds: float
    score: float
    losses: tuple[float | None, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True)
class Outcome:
    """A trial that was trained to its end."""

    result: dict[str, Any]  # as in result.json
    flops: float
    seconds: float  # with everything, not training alone
    layers: tuple[dict[str, Any], ...] = ()  # rows of the table of layers
    files: Mapping[str, Mapping[str, bytes]] = field(default_factory=dict)  # weights, kernels: what is to be kept
    remarks: str = ""  # what went wrong beside the training

    def cost(self, name: str) -> float:
        """In one of the currencies: parameters, flops per point, or seconds per step."""
        if name == "flops":
            return self.flops
        if name == "seconds":
            return float(self.result["seconds"]) / max(int(self.result["steps"]), 1)
        return float(self.result["parameters"])


@dataclass(frozen=True)
class Failure:
    """A trial that came to nothing. `retry`: whether the fault may lie with the machine."""

    reason: str
    log: str = ""  # traceback, and the end of what the trial printed
    retry: bool = False


Message = Started | Rung | Outcome | Failure
