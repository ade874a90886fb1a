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

Copies = list[list[LayerVerdict]]  # for each layer, the verdicts on it in untrained copies
# Families that always suffice if they may be large: there it is the size that is compared.
SIZED = ("local", "recurrence")


def copies_of(model: nn.Module) -> Callable[[int], nn.Module] | None:
    """How to build an untrained copy; None where nobody knows. Networks of genomes do."""
    if not isinstance(model, Network):
        return None
    return lambda seed: build_network(model.genome, model.task, seed=seed)


def verdicts_on_copies(
    make: Callable[[int], nn.Module], copies: int, source: Source, lengths: Sequence[int], thresholds: Thresholds
) -> Copies:
    """What untrained copies show by their outputs: a score would only say that they know nothing."""
    by_copy = []
    for number in range(copies):
        copied = make(FIRST_SEED + number)
        if not isinstance(copied, nn.Module):
            raise TypeError(f"untrained(seed) must give a torch module, got {type(copied).__name__}")
        with resting(copied), torch.no_grad():
            examiner = Examiner(copied, source, lengths, thresholds, functional=False)
            by_copy.append(examiner.names(number))
    return [list(verdicts) for verdicts in zip(*by_copy, strict=True)]


def beside(verdicts: Sequence[LayerVerdict], copies: Copies, thresholds: Thresholds) -> list[LayerVerdict]:
    """The verdicts, told how often untrained copies show the same, or nearly the same."""
    if len(verdicts) != len(copies):
        raise ValueError(
            f"untrained(seed) must give networks like the model: it has {len(verdicts)} layers, they have {len(copies)}"
        )
    return [_beside(verdict, seen, thresholds) for verdict, seen in zip(verdicts, copies, strict=True)]


def _beside(verdict: LayerVerdict, seen: Sequence[LayerVerdict], thresholds: Thresholds) -> LayerVerdict:
    families = tuple(each.family for each in seen)
    share = families.count(verdict.family) / len(seen)
    nearly = sum(nearly_shows(each, verdict, thresholds) for each in seen) / len(seen)
    blocks = [
        _beside(block, [each.blocks[number] for each in seen], thresholds)
        for number, block in enumerate(verdict.blocks)
    ]
    return replace(
        verdict,
        null=share,
        nearly=nearly,
        imposed=share >= thresholds.imposed,
        untrained=families,
        blocks=tuple(blocks),
    )


def nearly_shows(copy: LayerVerdict, own: LayerVerdict, thresholds: Thresholds) -> bool:
    """Whether a copy is named the same, or the replacement that a verdict rests on keeps much of it, or all of it at no
    more than twice the size: then training may have changed little but on which side of a line it falls."""
    if copy.family == own.family:
        return True
    if own.told_by in SIZED:
        has, needs = own.main.needed(own.told_by), copy.main.needed(own.told_by)
        return has is not None and needs is not None and needs <= 2 * max(has, 2)
    return copy.main.value(own.told_by) >= thresholds.nearly
