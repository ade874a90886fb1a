"""What a network is shown: batches at any length, from a task or from a function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from itnas.tasks import Batch, Task
from itnas.tasks.base import take

Score = Callable[[Tensor, Batch], float]


@dataclass(frozen=True)
class Shown:
    """Samples of one length."""

    judged: Batch  # to judge replacements by
    reference: Batch  # to fit them on
    many: Batch  # to tell what a layer is worth


def groups(batch: Batch, size: int) -> list[slice]:
    """The samples in the portions that are scored."""
    return [slice(start, start + size) for start in range(0, len(batch), size)]


class Source:
    """Where samples come from, and how outputs are scored, if they are."""

    def __init__(self, sample: Task | Callable[..., Any], score: Score | None = None) -> None:
        self.task = sample if isinstance(sample, Task) else None
        self.sample, self.own_score = sample, score
        if self.task is None and not callable(sample):
            raise TypeError(
                f"sample must be a task, a function n -> inputs or a function (n, generator) -> Batch, got {sample!r}"
            )

    @property
    def scores(self) -> bool:
        return self.task is not None or self.own_score is not None

    def default_lengths(self) -> tuple[int, ...]:
        return (16, 32, 64) if self.task is None else self.task.lengths

    def offers(self, length: int, size: int) -> bool:
        """Whether a task has so many samples of that length."""
        try:
            return self.task is None or len(self._draw(length, size)) > 0
        except ValueError:
            return False

    def show(self, length: int, judged: int, reference: int, many: int = 0) -> Shown:
        """Fresh samples of a length, always the same ones; those to be judged come from the validation split."""
        total = judged + reference
        whole = self._draw(length, max(total, many))
        if whole.domain is not None and self.task is None and len(whole) < total:
            raise ValueError(f"with a domain, sample(n, generator) must give at least {total} samples in one batch")
        if len(whole) < 4:
            raise ValueError(f"at least 4 samples are needed to compare, but at length {length} there are {len(whole)}")
        split = min(judged, len(whole) * judged // total)
        order = np.arange(len(whole))
        return Shown(take(whole, order[:split]), take(whole, order[split:total]), take(whole, order[:many]))

    def _draw(self, length: int, size: int) -> Batch:
        if self.task is not None:
            known = self.task.split_size("validation")
            return self.task.batch("validation", size=size if known is None else min(size, known), length=length)
        assert callable(self.sample)
        generator = torch.Generator().manual_seed(length)
        if _wanted(self.sample) == 1:
            inputs = self._inputs(length, size)
            return Batch(inputs, inputs.new_zeros(len(inputs)))
        parts_seen: list[Batch] = []
        while sum(map(len, parts_seen)) < size:
            found = self.sample(length, generator)
            if not isinstance(found, Batch):
                raise TypeError(f"sample(n, generator) must give an itnas Batch, got {type(found).__name__}")
            if not len(found):
                raise ValueError("sample(n, generator) gave a batch without samples")
            if found.inputs.shape[1] != length:
                raise ValueError(f"sample(n, generator) gave {found.inputs.shape[1]} points for n={length}")
            parts_seen.append(found)
            if found.domain is not None:
                break  # batches on different domains cannot be joined
        return _joined(parts_seen)

    def _inputs(self, length: int, size: int) -> Tensor:
        found: list[Tensor] = []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(length)
            while sum(map(len, found)) < size:
                given = self.sample(length)  # type: ignore[operator]
                if not isinstance(given, Tensor) or given.dim() < 2 or given.shape[1] != length or not len(given):
                    shape = tuple(given.shape) if isinstance(given, Tensor) else type(given).__name__
                    raise ValueError(f"sample(n) must give inputs [batch, n, ...], got {shape} for n={length}")
                found.append(given)
        return torch.cat(found)

    def score(self, outputs: Tensor, batch: Batch) -> tuple[float, float]:
        """The score of some samples and what it weighs."""
        if self.own_score is not None:
            return float(self.own_score(outputs, batch)), float(len(batch))
        assert self.task is not None
        return self.task.score(outputs, batch)

    def chance(self, outputs: Tensor, batch: Batch) -> float:
        """The score of guessing: what the task says, else that of another sample's outputs."""
        if self.task is not None and self.own_score is None:
            return self.task.chance
        return self.score(torch.roll(outputs, 1, 0), batch)[0]


def _wanted(sample: Callable[..., Any]) -> int:
    """How many arguments a function must be given; of what cannot be looked into, one."""
    try:
        parameters = inspect.signature(sample).parameters.values()
    except ValueError:
        return 1
    given = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(each.kind in given and each.default is inspect.Parameter.empty for each in parameters)


def _joined(parts: list[Batch]) -> Batch:
    """Several batches as one; they must be on one domain."""
    first = parts[0]
    if len(parts) == 1:
        return first
    masks = [part.mask for part in parts if part.mask is not None]
    return Batch(
        torch.cat([part.inputs for part in parts]),
        torch.cat([part.targets for part in parts]),
        torch.cat(masks) if masks else None,
    )
