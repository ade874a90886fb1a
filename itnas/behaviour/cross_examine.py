"""`itnas.explain`: cross-examine every layer of a network, or one layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from itnas.behaviour.examiner import Examiner
from itnas.behaviour.explanation import Explanation
from itnas.behaviour.modes import resting
from itnas.behaviour.null import Copies, beside, copies_of, verdicts_on_copies
from itnas.behaviour.room import sizes
from itnas.behaviour.samples import Score, Source
from itnas.behaviour.sites import layers_of
from itnas.behaviour.thresholds import Thresholds
from itnas.tasks import Task, find
from itnas.training.memory import free_memory

COPIES = 4  # untrained networks of the same genome
SHORTEST = 4
LEANEST = 125  # bytes that the leanest layer takes for each sample and pair of points


def explain(
    model: nn.Module,
    sample: Task | str | Callable[..., Any],
    lengths: Sequence[int] | None = None,
    score: Score | None = None,
    *,
    thresholds: Thresholds | None = None,
    copies: int = COPIES,
    untrained: Callable[[int], nn.Module] | None = None,
    replica: int = 0,
) -> Explanation:
    """Replace each layer by the nearest of every family, and see which replacement keeps what the network does.

    `sample`: a task, or its name; a function n -> inputs [B, n, ...]; or a function (n, generator) -> Batch. With a
    task, or a `score(outputs, batch)` where more is better (which overrules a task's own), fidelity is functional; else
    it is that of each layer's output. `lengths`: where growth is looked at; verdicts hold at the longest at which the
    network has its skill. `untrained(seed)`: an untrained copy, to compare verdicts with; networks of genomes make
    their own, `copies` of them. The model is left as it was.
    """
    (found,) = explain_replicas(
        {replica: model}, sample, lengths, score, thresholds=thresholds, copies=copies, untrained=untrained
    )
    return found


def explain_replicas(
    models: Mapping[int, nn.Module],
    sample: Task | str | Callable[..., Any],
    lengths: Sequence[int] | None = None,
    score: Score | None = None,
    *,
    thresholds: Thresholds | None = None,
    copies: int = COPIES,
    untrained: Callable[[int], nn.Module] | None = None,
) -> list[Explanation]:
    """`explain` for the replicas of one genome, by number: they share their untrained copies."""
    source = Source(find(sample) if isinstance(sample, str) else sample, score)
    limits, first = thresholds or Thresholds(), next(iter(models.values()))
    chosen = checked(first, source, lengths, copies)
    make, untrained_ones = untrained or copies_of(first), None
    if make is not None and copies:
        untrained_ones = verdicts_on_copies(make, copies, source, chosen, limits)
    return [_explanation(model, source, chosen, limits, untrained_ones, replica) for replica, model in models.items()]


def _explanation(
    model: nn.Module,
    source: Source,
    lengths: Sequence[int],
    thresholds: Thresholds,
    untrained: Copies | None,
    replica: int,
) -> Explanation:
    with resting(model), torch.no_grad():
        examiner = Examiner(model, source, lengths, thresholds, functional=True)
        verdicts, whole = examiner.verdicts(replica), None
        if source.scores:
            verdicts, whole = examiner.together(verdicts)
    if untrained is not None:
        verdicts = beside(verdicts, untrained, thresholds)
    return Explanation(
        layers=tuple(verdicts),
        lengths=tuple(sorted(examiner.rooms)),
        dropped=examiner.dropped,
        thresholds=thresholds,
        task=None if source.task is None else source.task.label,
        score=examiner.longest.skill,
        chance=examiner.longest.chance,
        whole={} if whole is None else {replica: whole},
        unexamined=examiner.longest.refused,
    )


def checked(model: nn.Module, source: Source, lengths: Sequence[int] | None, copies: int) -> tuple[int, ...]:
    """The lengths to look at, rising; refuses what cannot be explained."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"a torch module is expected, got {type(model).__name__}")
    if not layers_of(model):
        raise ValueError(
            "the model has no layer that can be examined: integral transforms, itnas mixers, recovered layers, "
            "nn.MultiheadAttention, nn.Conv1d, nn.RNN, nn.GRU and nn.LSTM can"
        )
    if copies < 0:
        raise ValueError(f"copies must not be negative, got {copies}")
    chosen = tuple(sorted(set(_default_lengths(source) if lengths is None else lengths)))
    if not chosen or min(chosen) < SHORTEST:
        whose = "" if lengths is not None else " from the task: say which lengths to look at"
        raise ValueError(f"lengths must be at least {SHORTEST}, got {list(chosen)}{whose}")
    _check_memory(len(layers_of(model)), max(chosen))
    return chosen


def _default_lengths(source: Source) -> list[int]:
    """Those of the task, as far as it has enough samples of them; the longest is looked at in any case."""
    wished = sorted(source.default_lengths())
    return [each for each in wished if each == wished[-1] or source.offers(each, sum(sizes(each, pooled=False)))]


def _check_memory(layers: int, points: int) -> None:
    """Where even lean layers would not fit, the system would end the process without a word."""
    free = free_memory(torch.device("cpu"))
    needed = LEANEST * layers * sum(sizes(points, pooled=False)) * points**2
    if free is not None and needed > free:
        raise ValueError(
            f"{points} points take at least {needed / 1e9:,.0f} GB of memory, and {free / 1e9:,.0f} GB are free: "
            "ask for fewer with lengths (--lengths)"
        )
