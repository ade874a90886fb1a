"""GLUE: nine questions about sentences and pairs of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Sequence as Several
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from itnas.datasets import glue
from itnas.datasets.glue import GLUE, Example
from itnas.models.interface import Modality
from itnas.operator.domain import Domain, Sequence, Union
from itnas.registry import check_choice
from itnas.tasks.base import SCORED_TOGETHER, Loss, register
from itnas.tasks.batch import Batch
from itnas.tasks.metrics import accuracy, explained
from itnas.tasks.published.base import Published, settings_text
from itnas.tasks.published.order import Division, Rows, divided
from itnas.tasks.published.texts import VOCABULARY, as_bytes, beside
from itnas.tasks.stream import generator
from itnas.tasks.tally import Tally

# Share of the training rows that is held out: of sets with less than 10,000 more, as a score on few rows says little.
HELD_OUT, HELD_OUT_OF_SMALL = 0.02, 0.1
SMALL = ("cola", "mrpc", "sts-b", "rte", "wnli")
METRIC = {("matthews",): "matthews", ("accuracy",): "accuracy", ("accuracy", "f1"): "accuracy-f1"}
METRIC |= {("pearson", "spearman"): "pearson-spearman"}
MISMATCHED = "validation-mismatched"


def _with_f1(share: float) -> float:
    """Mean of accuracy and F1 where class 1 is said of all rows, of which it is so large a share."""
    return (share + 2 * share / (1 + share)) / 2


# The best constant answer on the published validation rows, by the official metric.
CHANCE = {
    "cola": 0.0,
    "sst-2": 444 / 872,
    "mrpc": _with_f1(279 / 408),
    "qqp": _with_f1(14885 / 40430),
    "sts-b": 0.0,
    "mnli": (3479 / 9815 + 3463 / 9832) / 2,
    "qnli": 2761 / 5463,
    "rte": 146 / 277,
    "wnli": 40 / 71,
}


@dataclass(frozen=True)
class GroupedBatch(Batch):
    """Samples whose score counts as much as that of any other group: MNLI's matched and mismatched pairs."""

    group: str = ""


@register
@dataclass(frozen=True)
class Glue(Published[Example]):
    """One of GLUE's nine sets: `glue/cola`, `glue/mnli`, ...; sentences are bytes, `length` of them at most.

    Test is the published validation set, since the labels of the published test sets are kept back; MNLI's score is the
    mean of the matched and the mismatched one. Validation is a tenth of the published training rows (a fiftieth where
    there are more than 10,000): those whose first sentences have the lowest hashes. A pair is a union of two sequences
    of half the length each. Scores of splits are GLUE's own metrics, their mean where a set has two. In a batch, for
    which these have no meaning, accuracy stands in for them, or 1 - squared error / variance for STS-B, stretched so
    that the best constant answer gets what it gets by the official metric.
    """

    name = "glue"
    summary = "The bytes of a sentence or a pair go in; a judgement (acceptable? the same? entailed?) comes out."
    expects = (
        "Local kernels first, which make words of bytes, then attention; between the sentences of a pair attention, "
        "which finds what corresponds."
    )
    readout = "pooled"
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        name: {"set": name} | ({"length": 256} if each.second else {}) for name, each in GLUE.items()
    }

    set: str = "cola"
    length: int = 128
    steps: int = 20_000

    def check_settings(self) -> None:
        check_choice("set of task glue", self.set, GLUE)

    def check_length(self, length: int) -> None:
        super().check_length(length)
        if self.compares and length % 2:
            raise ValueError(f"task {self.set_name}: each sentence gets half the length, got length={length}")

    @property
    def set_name(self) -> str:
        return f"glue/{self.set}"

    @classmethod
    def listed(cls) -> tuple[str, ...]:
        return tuple(f"glue/{name}" for name in GLUE)

    @property
    def label(self) -> str:
        changed = settings_text(self, self.presets[self.set])
        return self.set_name + (f"/{changed}" if changed else "")

    @property
    def shortest(self) -> int:
        return 2 if self.compares else 1

    @property
    def lengths(self) -> tuple[int, ...]:
        """A quarter, half and all, even ones for pairs; what is longer is cut off."""
        unit = self.shortest
        return tuple(sorted({max(self.length // part // unit * unit, unit) for part in (4, 2, 1)}))

    @property
    def compares(self) -> bool:  # type: ignore[override]
        return GLUE[self.set].second is not None

    @property
    def vocabulary(self) -> int | None:
        return None if self.compares else VOCABULARY

    @property
    def channels(self) -> int:
        return int(self.compares)

    @property
    def modalities(self) -> tuple[Modality, ...]:
        if not self.compares:
            return ()
        return tuple(Modality(name, vocabulary=VOCABULARY, encoder="text") for name in ("first", "second"))

    @property
    def outputs(self) -> int:
        return len(GLUE[self.set].classes) or 1

    @property
    def classifies(self) -> bool:
        return bool(GLUE[self.set].classes)

    @property
    def loss(self) -> Loss:
        return "cross-entropy" if self.classifies else "squared"

    @property
    def metric(self) -> str:  # type: ignore[override]
        return METRIC[GLUE[self.set].metrics]

    @property
    def chance(self) -> float:
        return CHANCE[self.set]

    @property
    def ceiling(self) -> None:
        """People differ from the labels by up to a third of the rows, set by set."""
        return None

    def rows(self, split: str) -> Rows:
        if split == "test":
            return np.arange(sum(len(_examples(self.folder, self.set, part)) for part in self._tests))
        return _division(self.folder, self.set).side(split)

    @property
    def _tests(self) -> tuple[str, ...]:
        """The published splits that are tested on, the rows of one behind those of the other."""
        return ("validation", *([MISMATCHED] if MISMATCHED in GLUE[self.set].files else []))

    def load(self, split: str, row: int) -> Example:
        parts = self._tests if split == "test" else ("train",)
        for part in parts:
            examples = _examples(self.folder, self.set, part)
            if row < len(examples):
                return examples[row]
            row -= len(examples)
        raise IndexError(row)

    def assemble(self, samples: Several[Example], split: str, rng: np.random.Generator, length: int) -> Batch:
        labels = [each.label for each in samples]
        if self.classifies:
            targets = torch.tensor(labels, dtype=torch.int64)
        else:
            targets = torch.tensor(labels, dtype=torch.float32).unsqueeze(-1)
        inputs, domain = self._points(samples, length)
        return Batch(inputs, targets, domain=domain)

    def _points(self, samples: Several[Example], length: int) -> tuple[Tensor, Domain]:
        if not self.compares:
            tokens, valid = as_bytes([each.sentence for each in samples], length)
            return tokens, Sequence(valid=valid)
        half = length // 2
        first, first_valid = as_bytes([each.sentence for each in samples], half)
        second, second_valid = as_bytes([each.second or "" for each in samples], half)
        parts = [Sequence(valid=first_valid), Sequence(valid=second_valid)]
        return beside([first, second]), Union(parts, sizes=(half, half), names=("first", "second"))

    def outline(self, size: int, length: int) -> Batch:
        full = Example("a" * length, "a" * length, 0)
        return self.assemble([full] * size, "validation", generator(self.name), length)

    def portions(self, split: str, size: int) -> Iterator[Batch]:
        """Of the test split all: where it has two parts, one part behind the other, each a group of its own."""
        if split != "test" or len(self._tests) == 1:
            yield from super().portions(split, size)
            return
        start = 0
        for part in self._tests:
            count = len(_examples(self.folder, self.set, part))
            for place in range(start, start + count, SCORED_TOGETHER):
                rows = range(place, min(place + SCORED_TOGETHER, start + count))
                made = self.assemble([self.load(split, row) for row in rows], split, generator(self.name), self.length)
                yield GroupedBatch(made.inputs, made.targets, domain=made.domain, group=part)
            start += count

    def score(self, outputs: Tensor, batch: Batch) -> tuple[float, float]:
        """What stands in for the official metric in a batch."""
        if not self.classifies:
            return explained(outputs, batch, _spread(self.folder, self.set))
        found, weight = accuracy(outputs, batch)
        if self.metric == "accuracy":
            return found, weight
        usual = _spread(self.folder, self.set)
        return self.chance + (1 - self.chance) * (found - usual) / (1 - usual), weight

    def tally(self) -> Tally:
        return GroupedTally(super().tally) if len(self._tests) > 1 else super().tally()


class GroupedTally(Tally):
    """The mean over groups of what each of them scores."""

    def __init__(self, make: Callable[[], Tally]) -> None:
        self._make = make
        self.groups: dict[str, Tally] = {}

    def add(self, outputs: Tensor, batch: Batch) -> None:
        group = batch.group if isinstance(batch, GroupedBatch) else ""
        if group not in self.groups:
            self.groups[group] = self._make()
        self.groups[group].add(outputs, batch)

    def score(self) -> float | None:
        found = [tally.score() for tally in self.groups.values()]
        told = [each for each in found if each is not None]
        return sum(told) / len(told) if told and len(told) == len(found) else None


@lru_cache(maxsize=32)
def _examples(folder: Path, name: str, split: str) -> list[Example]:
    return glue.read(folder, name, split)


@lru_cache(maxsize=16)
def _division(folder: Path, name: str) -> Division:
    share = HELD_OUT_OF_SMALL if name in SMALL else HELD_OUT
    return divided([each.sentence for each in _examples(folder, name, "train")], share)


@lru_cache(maxsize=16)
def _spread(folder: Path, name: str) -> float:
    """Of the training labels: the share of the most frequent class, or the variance of scores."""
    labels = np.array([each.label for each in _examples(folder, name, "train")])
    if not GLUE[name].classes:
        return max(float(labels.var()), 1e-12)
    return min(float(np.bincount(labels).max() / len(labels)), 1 - 1e-6)
