"""GLUE's official metrics, and the one number that its leaderboard ranks by.

Where a metric is a fraction of zero by zero it is 0, so that every model has a score: F1 without true positives,
Matthews of constant predictions or labels (as scikit-learn has them), and both correlations of constant values, for
which scipy, which GLUE's own baselines call, answers nan.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from itnas.datasets.glue_sets import GLUE, GlueSet
from itnas.registry import check_choice

Values = NDArray[np.float64]
# Classes or scores as they come; None is a label that is not published.
Given = Sequence[int | float | None] | NDArray[Any]

MISMATCHED = "mnli-mismatched"


def accuracy(predictions: Values, labels: Values) -> float:
    """Share of predictions that are the label."""
    return float((predictions == labels).mean())


def f1(predictions: Values, labels: Values) -> float:
    """Harmonic mean of the precision and recall of class 1: 2 TP / (2 TP + FP + FN)."""
    hits = float(((predictions == 1) & (labels == 1)).sum())
    named = float((predictions == 1).sum() + (labels == 1).sum())
    return 2 * hits / named if named else 0.0


def matthews(predictions: Values, labels: Values) -> float:
    """Correlation of two classes: (TP TN - FP FN) / sqrt((TP + FP)(TP + FN)(TN + FP)(TN + FN))."""
    said, true = predictions == 1, labels == 1
    tp, tn = int((said & true).sum()), int((~said & ~true).sum())
    fp, fn = int((said & ~true).sum()), int((~said & true).sum())
    # Python's integers: the product of four counts leaves 64 bits from some 55,000 samples on.
    square = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return (tp * tn - fp * fn) / sqrt(square) if square else 0.0


def pearson(predictions: Values, labels: Values) -> float:
    """Linear correlation."""
    one, other = _direction(predictions), _direction(labels)
    return float(np.clip(one @ other, -1.0, 1.0))


def spearman(predictions: Values, labels: Values) -> float:
    """Linear correlation of the ranks; equal values share the mean of their ranks."""
    return pearson(_ranks(predictions), _ranks(labels))


def _direction(values: Values) -> Values:
    """Deviations from the mean, of norm 1; zeros if all values are equal."""
    if values.min() == values.max():
        return np.zeros_like(values)
    # Scaled before anything is summed or squared, so that neither overflows.
    scaled = values / np.abs(values).max()
    deviations = scaled - scaled.mean()
    norm = np.linalg.norm(deviations)
    return np.asarray(deviations / norm) if norm else np.zeros_like(values)


def _ranks(values: Values) -> Values:
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((counts.cumsum() - (counts - 1) / 2)[which])


METRICS: Mapping[str, Callable[[Values, Values], float]] = {
    "accuracy": accuracy,
    "f1": f1,
    "matthews": matthews,
    "pearson": pearson,
    "spearman": spearman,
}


def scores(name: str, predictions: Given, labels: Given) -> dict[str, float]:
    """The official metrics of one set, for predicted classes (scores for STS-B), as fractions of 1."""
    glue = GLUE[name]
    said, true = _checked(glue, predictions, "predictions"), _checked(glue, labels, "labels")
    if len(said) != len(true):
        raise ValueError(f"{name}: as many predictions as labels are needed, got {len(said)} and {len(true)}")
    return {metric: METRICS[metric](said, true) for metric in glue.metrics}


def _checked(glue: GlueSet, given: Given, what: str) -> Values:
    """One-dimensional numbers that this set can have."""
    if any(value is None for value in given):
        raise ValueError(f"{glue.name}: the {what} have gaps; GLUE keeps the labels of its test sets to itself")
    values = np.asarray(given, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"{glue.name}: the {what} must be a list of at least one number, got shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"{glue.name}: the {what} must be finite, got {values[~np.isfinite(values)][0]}")
    if glue.classes:
        strange = values[~np.isin(values, np.arange(len(glue.classes)))]
        if len(strange):
            raise ValueError(
                f"{glue.name}: the {what} must be classes 0 to {len(glue.classes) - 1}, got {strange[0]:g}"
            )
    return values


def glue_average(results: Mapping[str, Mapping[str, float] | float], *, without: Collection[str] = ()) -> float:
    """The mean over the nine tasks of the mean of each task's metrics, as on GLUE's leaderboard.

    `results` is what `scores` gave for each set, and for "mnli-mismatched": MNLI is one task with two accuracies. Or it
    is each set's score as a training reports it, which is the mean of its metrics (of MNLI's, both). WNLI is among the
    nine; papers that leave it out (BERT's was the first) report `without=["wnli"]`.
    """
    wanted = {name: glue.metrics for name, glue in GLUE.items()} | {MISMATCHED: GLUE["mnli"].metrics}
    for name in [*results, *without]:
        check_choice("GLUE set", name, wanted)
    left_out = {*without, MISMATCHED} if "mnli" in without else set(without)
    tasks: dict[str, list[float]] = {}
    for name, metrics in wanted.items():
        whole = results.get("mnli" if name == MISMATCHED else name)
        reported = None if whole is None or isinstance(whole, Mapping) else whole
        if name in left_out or (name == MISMATCHED and reported is not None):
            continue
        if reported is not None:
            tasks[name] = [reported]
            continue
        found = results.get(name, {})
        assert isinstance(found, Mapping)
        missing = [metric for metric in metrics if metric not in found]
        if missing:
            raise ValueError(f"the GLUE average needs all sets: {name} lacks {', '.join(missing)}")
        tasks.setdefault("mnli" if name == MISMATCHED else name, []).extend(found[each] for each in metrics)
    if not tasks:
        raise ValueError("the GLUE average needs at least one set, and all are left out")
    return float(np.mean([np.mean(values) for values in tasks.values()]))
