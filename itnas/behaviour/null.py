"""Imposed or emerged: what untrained copies of the same network show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import nn

from itnas.behaviour.examiner import Examiner
from itnas.behaviour.explanation import LayerVerdict
from itnas.behaviour.modes import resting
from itnas.behaviour.samples import Source
from itnas.behaviour.thresholds import Thresholds
from itnas.models import Network, build_network

FIRST_SEED = 1_000_000  # far from the seeds that trainings use

Families = list[list[str]]  # for each layer, what each copy showed


def copies_of(model: nn.Module) -> Callable[[int], nn.Module] | None:
    """How to build an untrained copy; None where nobody knows. Networks of genomes do."""
    if not isinstance(model, Network):
        return None
    return lambda seed: build_network(model.genome, model.task, seed=seed)


def families_of_copies(
    make: Callable[[int], nn.Module], copies: int, source: Source, lengths: Sequence[int], thresholds: Thresholds
) -> Families:
    """The families that untrained copies show by their outputs: a score would only say that they know nothing."""
    by_copy = []
    for number in range(copies):
        copied = make(FIRST_SEED + number)
        if not isinstance(copied, nn.Module):
            raise TypeError(f"untrained(seed) must give a torch module, got {type(copied).__name__}")
        with resting(copied), torch.no_grad():
            examiner = Examiner(copied, source, lengths, thresholds, functional=False)
            by_copy.append([verdict.family for verdict in examiner.verdicts(number, heads=False)])
    return [list(families) for families in zip(*by_copy, strict=True)]


def beside(verdicts: Sequence[LayerVerdict], families: Families, thresholds: Thresholds) -> list[LayerVerdict]:
    """The verdicts, told how often untrained copies show the same."""
    if len(verdicts) != len(families):
        raise ValueError(
            "untrained(seed) must give networks like the model: "
            f"it has {len(verdicts)} layers, they have {len(families)}"
        )
    found = []
    for verdict, seen in zip(verdicts, families, strict=True):
        share = seen.count(verdict.family) / len(seen)
        imposed = share >= thresholds.imposed
        found.append(replace(verdict, null=share, imposed=imposed, untrained=tuple(seen)))
    return found
