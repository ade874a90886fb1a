"""How outputs are scored: always such that more is better.

A metric gives each batch a score and a weight; the score of a stream is the weighted mean over its batches. Those in
`WHOLE` are no such means: they score a stream as a whole; a task with one of them says what stands in for it in
a batch.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from itnas.datasets import glue_scores
from itnas.datasets.glue_scores import glue_average as glue_average  # as is this one: of scores, not tensors
from itnas.datasets.vqa_answers import vqa_accuracy as vqa_accuracy  # handed on: it scores texts, not tensors
from itnas.registry import Registry
from itnas.tasks.batch import Batch

Metric = Callable[[Tensor, Batch], tuple[float, float]]

METRICS: Registry[Metric] = Registry("metric")
WHOLE: Registry[Callable[[Tensor, Tensor], float]] = Registry("metric of whole streams")


def scored(outputs: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Outputs [M, outputs] and targets [M] or [M, outputs] of the M points (or samples) that count."""
    points = outputs.flatten(0, -2)
    targets = batch.targets.flatten(0, batch.targets.dim() - 1 - int(batch.targets.is_floating_point()))
    if batch.mask is None:
        return points, targets
    mask = batch.mask.flatten()
    return points[mask], targets[mask]


def accuracy(outputs: Tensor, batch: Batch) -> tuple[float, float]:
    """Share of scored points whose largest output is the target."""
    points, targets = scored(outputs, batch)
    right = (points.argmax(-1) == targets).double()
    return float(right.mean()) if len(right) else 0.0, float(len(right))


def macro_accuracy(outputs: Tensor, batch: Batch) -> tuple[float, float]:
    """Accuracy of each class that occurs, averaged over classes, then over batches (the MAD protocol)."""
    points, targets = scored(outputs, batch)
    right = (points.argmax(-1) == targets).double()
    classes, which = targets.unique(return_inverse=True)
    counts = torch.bincount(which, minlength=len(classes))
    hits = torch.bincount(which, weights=right, minlength=len(classes))
    return float((hits / counts).mean()) if len(classes) else 0.0, float(len(classes) > 0)


def r2(outputs: Tensor, batch: Batch) -> tuple[float, float]:
    """Explained share of the targets' variance about the mean of their batch."""
    points, targets = scored(outputs.double(), batch)
    total = float((targets - targets.double().mean(0)).square().sum())
    left = float((targets - points).square().sum())
    return (1 - left / total if total else 0.0), total


def relative_accuracy(outputs: Tensor, batch: Batch) -> tuple[float, float]:
    """1 - |output - target| / |target| in the Euclidean norm of each sample, averaged over samples."""
    wrong = (outputs.double() - batch.targets.double()).flatten(1).norm(dim=1)
    return float((1 - wrong / batch.targets.double().flatten(1).norm(dim=1)).mean()), float(len(batch))


def compression(outputs: Tensor, batch: Batch) -> tuple[float, float]:
    """1 - (bits a point costs under the model) / 8: the share of a byte that prediction saves."""
    points, targets = scored(outputs.double(), batch)
    bits = F.cross_entropy(points, targets) / torch.log(torch.tensor(2.0, dtype=torch.float64))
    return float(1 - bits / 8), float(len(targets))


def soft_accuracy(outputs: Tensor, batch: Batch) -> tuple[float, float]:
    """What the targets grant the answer of the largest output: VQA's accuracy, where several answers are right."""
    points, targets = scored(outputs, batch)
    granted = targets.double().gather(1, points.argmax(-1, keepdim=True))
    return float(granted.mean()) if len(granted) else 0.0, float(len(granted))


def explained(outputs: Tensor, batch: Batch, variance: float) -> tuple[float, float]:
    """1 - squared error / variance: what r2 would be if each batch had the variance of all targets."""
    points, targets = scored(outputs.double(), batch)
    return 1 - float((targets - points).square().mean()) / variance, float(len(points))


def _of_classes(names: tuple[str, ...]) -> Callable[[Tensor, Tensor], float]:
    def score(outputs: Tensor, targets: Tensor) -> float:
        said, true = outputs.argmax(-1).double().numpy(), targets.double().numpy()
        return sum(glue_scores.METRICS[name](said, true) for name in names) / len(names)

    return score


def correlation(outputs: Tensor, targets: Tensor) -> float:
    """Mean of Pearson's and Spearman's, as STS-B is scored."""
    said, true = outputs.double().flatten().numpy(), targets.double().flatten().numpy()
    return (glue_scores.pearson(said, true) + glue_scores.spearman(said, true)) / 2


WHOLE.add("matthews", _of_classes(("matthews",)))
WHOLE.add("accuracy-f1", _of_classes(("accuracy", "f1")))
WHOLE.add("pearson-spearman", correlation)

for _name, _metric in {
    "accuracy": accuracy,
    "macro-accuracy": macro_accuracy,
    "r2": r2,
    "relative-accuracy": relative_accuracy,
    "compression": compression,
    "vqa": soft_accuracy,
}.items():
    METRICS.add(_name, _metric)
