"""Does a task keep its promises? Asked of every user task before anything is trained on it."""

from __future__ import annotations

import math
import typing

import torch
from torch import Tensor

from itnas.operator.domain import Domain, Union
from itnas.registry import check_choice
from itnas.tasks.base import Readout, Task
from itnas.tasks.batch import Batch
from itnas.tasks.metrics import METRICS, WHOLE
from itnas.tasks.stream import SPLITS, generator

# Enough to meet what goes wrong in one sample of twenty.
SIZE = 48


def validate(task: Task) -> None:
    """Refuse a task whose batches have wrong shapes or values, or are not the same twice."""
    check_choice(f"metric of task {task.name}", task.metric, [*METRICS, *WHOLE])
    check_choice(f"readout of task {task.name}", task.readout, typing.get_args(Readout))
    _check_properties(task)
    for split in SPLITS:
        _check_batch(task, split, task.length)
    for length in task.lengths:
        _check_batch(task, "train", length)


def _check_properties(task: Task) -> None:
    what = ""
    try:
        for what in ("vocabulary", "channels", "outputs", "chance", "ceiling", "lengths"):
            getattr(task, what)
    except Exception as error:
        raise ValueError(f"task {task.label}: {what} failed: {type(error).__name__}: {error}") from error
    counts = {"outputs": task.outputs, "channels": task.channels}
    if task.vocabulary is not None:
        counts = {"outputs": task.outputs, "vocabulary": task.vocabulary}
    for what, count in counts.items():
        if not isinstance(count, int) or count < 1:
            raise ValueError(f"task {task.label}: {what} must be an integer from 1 up, got {count!r}")
    if not isinstance(task.chance, (int, float)) or not math.isfinite(task.chance):
        raise ValueError(f"task {task.label}: chance must be a finite number, got {task.chance!r}")
    if task.ceiling is not None and not isinstance(task.ceiling, (int, float)):
        raise ValueError(f"task {task.label}: ceiling must be a number or None, got {task.ceiling!r}")
    _check_modalities(task)
    lengths: object = task.lengths
    if not isinstance(lengths, (tuple, list)) or not all(type(length) is int for length in lengths):
        raise ValueError(f"task {task.label}: lengths must be a tuple of integers, got {lengths!r}")
    if task.ceiling is not None and not task.ceiling > task.chance:
        raise ValueError(
            f"task {task.label}: chance < ceiling must hold, got chance={task.chance}, ceiling={task.ceiling}"
        )


def _check_modalities(task: Task) -> None:
    if not task.modalities:
        return
    most = max(1 if each.vocabulary is not None else each.channels for each in task.modalities)
    if task.vocabulary is not None or task.channels != most:
        raise ValueError(
            f"task {task.label}: inputs of several modalities are numbers, as many a point as any of them needs: "
            f"vocabulary must be None and channels {most}, got vocabulary={task.vocabulary}, channels={task.channels}"
        )
    if task.compares and len(task.modalities) != 2:
        raise ValueError(f"task {task.label}: compares needs two modalities, got {len(task.modalities)}")


def _check_batch(task: Task, split: str, length: int) -> None:
    where = f"task {task.label}, {split} batch of length {length}"
    try:
        drawn = task.draw(generator("validate"), SIZE, length)
        if not isinstance(drawn, Batch):
            raise TypeError(f"draw must return an itnas.tasks.Batch, got {type(drawn).__name__}")
        if len(drawn) != SIZE:
            raise ValueError(f"draw was asked for {SIZE} samples and returned {len(drawn)}")
        batch, again = (task.batch(split, size=SIZE, length=length) for _ in range(2))
    except (Exception, SystemExit) as error:
        raise ValueError(f"{where}: drawing it failed: {type(error).__name__}: {error}") from error
    _check_inputs(task, batch, length, where)
    _check_domain(task, batch, length, where)
    _check_targets(task, batch, length, where)
    first, second = _tensors(batch), _tensors(again)
    if first.keys() != second.keys() or not all(torch.equal(part, second[name]) for name, part in first.items()):
        raise ValueError(f"{where}: two calls with the same seed and step differ: take all randomness from `rng`")


def _tensors(batch: Batch) -> dict[str, Tensor]:
    """All that a batch holds and that may differ from sample to sample."""
    parts = {"inputs": batch.inputs, "targets": batch.targets}
    if batch.mask is not None:
        parts["mask"] = batch.mask
    return parts if batch.domain is None else parts | batch.domain.per_sample()


def _check_domain(task: Task, batch: Batch, length: int, where: str) -> None:
    if batch.domain is None:
        axes = min(task.position_dim, 1)  # a sequence; a task may do without its places
    elif not isinstance(batch.domain, Domain):
        raise ValueError(f"{where}: domain must be an itnas domain or None, got {type(batch.domain).__name__}")
    else:
        try:
            geometry = batch.domain.geometry(SIZE, length, torch.device("cpu"))
        except ValueError as error:
            raise ValueError(f"{where}: the domain does not fit: {error}") from error
        if geometry.positions is not None and not bool(torch.isfinite(geometry.positions).all()):
            raise ValueError(f"{where}: positions of the domain hold NaN or infinity")
        axes = geometry.axes
    _check_parts(task, batch, where)
    if axes != task.position_dim:
        raise ValueError(f"{where}: its points have {axes} axes of space, but position_dim={task.position_dim}")


def _check_parts(task: Task, batch: Batch, where: str) -> None:
    """The parts of a union are those that the task names, tokens whole numbers within their vocabulary."""
    wanted = tuple(modality.name for modality in task.modalities)
    found = batch.domain.names if isinstance(batch.domain, Union) else ()
    if found != wanted:
        raise ValueError(
            f"{where}: the parts of its domain must be the modalities {', '.join(wanted) or 'none'}, "
            f"got {', '.join(found) or 'none'}"
        )
    if not isinstance(batch.domain, Union):
        return
    for modality, part in zip(task.modalities, batch.inputs.split(list(batch.domain.sizes), 1), strict=True):
        if modality.vocabulary is not None:
            tokens = part[..., 0]
            if not torch.equal(tokens, tokens.round()):
                raise ValueError(f"{where}: tokens of {modality.name} must be whole numbers")
            _check_range(tokens.long(), modality.vocabulary, f"{where}: tokens of {modality.name}", "vocabulary")


def _check_inputs(task: Task, batch: Batch, length: int, where: str) -> None:
    inputs, size = batch.inputs, SIZE
    if task.vocabulary is None:
        _check(inputs, (size, length, task.channels), f"{where}: inputs", floating=True)
    else:
        _check(inputs, (size, length), f"{where}: inputs", floating=False)
        _check_range(inputs, task.vocabulary, f"{where}: inputs", "vocabulary")
    if batch.mask is not None:
        if task.readout == "pooled":
            raise ValueError(f"{where}: mask must be None where readout is 'pooled': a sample has one target")
        if batch.mask.dtype != torch.bool or batch.mask.shape != (size, length):
            raise ValueError(f"{where}: mask must be bool [{size}, {length}], got {_kind(batch.mask)}")
        if not bool(batch.mask.any()):
            raise ValueError(f"{where}: mask is False everywhere, so nothing is scored")


def _check_targets(task: Task, batch: Batch, length: int, where: str) -> None:
    points = (SIZE,) if task.readout == "pooled" else (SIZE, length)
    if task.classifies:
        _check(batch.targets, points, f"{where}: targets", floating=False)
        counted = batch.targets if batch.mask is None else batch.targets[batch.mask]
        _check_range(counted, task.outputs, f"{where}: targets", "outputs")
    else:
        _check(batch.targets, (*points, task.outputs), f"{where}: targets", floating=True)


def _check(part: Tensor, shape: tuple[int, ...], what: str, *, floating: bool) -> None:
    kind = "float32" if floating else "int64"
    wanted = torch.float32 if floating else torch.int64
    if tuple(part.shape) != shape or part.dtype != wanted:
        raise ValueError(f"{what} must be {kind} {list(shape)}, got {_kind(part)}")
    if floating and not bool(torch.isfinite(part).all()):
        raise ValueError(f"{what} hold NaN or infinity")


def _check_range(part: Tensor, count: int, what: str, limit: str) -> None:
    if part.numel() and not 0 <= int(part.min()) <= int(part.max()) < count:
        raise ValueError(
            f"{what} must lie in 0 to {limit} - 1 = {count - 1}, got {int(part.min())} to {int(part.max())}"
        )


def _kind(part: Tensor) -> str:
    return f"{str(part.dtype).removeprefix('torch.')} {list(part.shape)}"
