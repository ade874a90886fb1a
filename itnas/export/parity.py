"""A plain network, or a program made of it, against the network that it was made from."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from itnas.export.blueprint import Blueprint, arguments_of, blueprint_of, plain_network, plain_state
from itnas.export.compare import SEED, difference, lengths_of, within
from itnas.export.source import Source
from itnas.operator import IntegralTransform
from itnas.tasks import Batch, Task

SIZES = (8, 3)
# Two float32 computations of a network lie as far apart as each does from the exact one; so many times that is let by.
ROUNDINGS = 4.0


@dataclass(frozen=True)
class Comparison:
    """The plain twin of a network, and what the network says of samples that no training saw."""

    blueprint: Blueprint
    twin: nn.Module
    given: list[dict[str, Tensor]]  # arguments of the twin, batch by batch
    expected: list[Tensor]  # by the plan `dense`
    exact: list[Tensor]  # the same in float64

    @property
    def rounding(self) -> float:
        """What float32 itself changes."""
        return max(difference(*pair) for pair in zip(self.exact, self.expected, strict=True))

    @property
    def told(self) -> dict[str, Any]:
        """On what was compared."""
        shapes = [part["inputs"].shape for part in self.given]
        return {
            "lengths": sorted({shape[1] for shape in shapes}),
            "batch_sizes": sorted({shape[0] for shape in shapes}),
            "float32_rounding": self.rounding,
        }

    def close(self, found: Sequence[Tensor], limit: float) -> float:
        """How far answers in float32 lie from the network's; too far is an error."""
        apart = max(difference(*pair) for pair in zip(self.expected, found, strict=True))
        return within(apart, max(limit, ROUNDINGS * self.rounding))

    def exactly(self, found: Sequence[Tensor], limit: float) -> float:
        """The same in float64."""
        return within(max(difference(*pair) for pair in zip(self.exact, found, strict=True)), limit)


def compared(source: Source) -> Comparison:
    """The plain twin of a source's network, with its weights, and what it will be measured against."""
    network = copy.deepcopy(source.trained).eval()
    for layer in network.modules():
        if isinstance(layer, IntegralTransform):
            layer.plan = "dense"
    batches = _batches(source.task)
    blueprint = blueprint_of(network, batches[0].domain)
    expected = [_answer(network, batch) for batch in batches]
    twin = plain_network(blueprint)
    twin.load_state_dict(plain_state(network, blueprint))
    kept = [number for number, batch in enumerate(batches) if blueprint.fits(batch)]
    network.double()
    return Comparison(
        blueprint,
        twin,
        [arguments_of(blueprint, batches[number]) for number in kept],
        [expected[number] for number in kept],
        [_answer(network, in_double(batches[number])) for number in kept],
    )


def in_double(batch: Batch) -> Batch:
    """The same batch with its numbers in float64."""
    inputs = batch.inputs.double() if batch.inputs.is_floating_point() else batch.inputs
    return Batch(inputs, batch.targets, batch.mask, batch.domain)


def _batches(task: Task) -> list[Batch]:
    """At each of two lengths a larger and a smaller batch."""
    return [
        task.batch("validation", seed=SEED, step=step, size=size, length=length)
        for length in lengths_of(task)
        for step, size in enumerate(SIZES)
    ]


def _answer(network: nn.Module, batch: Batch) -> Tensor:
    with torch.no_grad():
        answer: Tensor = network(batch.inputs, batch.domain)
    return answer
