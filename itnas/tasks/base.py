"""What a task is: batches from a seed at any length, and what a score on them means."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from itnas.models.interface import Modality
from itnas.registry import Registry, check_choice
from itnas.tasks.batch import Batch
from itnas.tasks.metrics import METRICS, WHOLE
from itnas.tasks.stream import SHARES, SPLITS, generator, splits_of
from itnas.tasks.tally import MeanTally, Tally, WholeTally

Readout = Literal["points", "pooled", "decoded"]
Loss = Literal["cross-entropy", "squared", "binary"]
# Portions in which long streams are scored: metrics that average over batches depend on them.
SCORED_TOGETHER = 64


@dataclass(frozen=True)
class Task(abc.ABC):
    """A kind of data with a score. The fields of a subclass are its settings: `recall/pairs=16` sets `pairs`.

    A subclass draws samples in `draw`, and says what they are like by the properties below it. Of random tasks nothing
    else is needed: `batch` keys the streams, keeps the splits apart and honours `examples`.
    """

    name: ClassVar[str]
    summary: ClassVar[str]  # one sentence: what goes in, what comes out
    expects: ClassVar[str]  # one sentence: which mechanism theory expects to solve it, and why
    metric: ClassVar[str] = "accuracy"
    readout: ClassVar[Readout] = "points"  # one output per point, per sample, or all points from the last one
    compares: ClassVar[bool] = False  # whether a sample's two modalities are compared: the readout sees what differs
    causal: ClassVar[bool] = False  # whether a network that looks ahead could cheat
    position_dim: ClassVar[int] = 1  # axes of space; 0: points have no places
    presets: ClassVar[dict[str, dict[str, Any]]] = {}  # named settings: `mad-recall/small`
    published: ClassVar[bool] = False  # whether its samples are files of a published data set
    aside: ClassVar[tuple[str, ...]] = ()  # settings that no sample depends on
    origin: ClassVar[str | None] = None  # `package.module:Class` of a user's task, which is found by that

    _: dataclasses.KW_ONLY
    length: int = 64  # points of a sample, unless a batch asks for another number
    steps: int = 1000  # training steps that suffice, for a network that can master it at all
    batch_size: int = 32
    examples: int | None = None  # distinct training samples; None: a fresh one every time

    def __post_init__(self) -> None:
        for name, count in {"steps": self.steps, "batch_size": self.batch_size, "examples": self.examples}.items():
            if count is not None and count < 1:
                raise ValueError(f"task {self.name}: {name} must be at least 1, got {name}={count}")
        self.check_settings()
        self.check_length(self.length)

    def __getstate__(self) -> dict[str, Any]:
        """With where a user's task was found: its label, and with that all its random numbers, depend on it, and the
        process that this goes to has not looked for it."""
        return vars(self) | {"origin": self.origin}

    def __setstate__(self, state: dict[str, Any]) -> None:
        type(self).origin = state["origin"]
        vars(self).update({name: value for name, value in state.items() if name != "origin"})

    def check_settings(self) -> None:  # noqa: B027
        """Refuse settings that name no task, by ValueError."""

    @property
    def vocabulary(self) -> int | None:
        """Number of input tokens; None where inputs are numbers."""
        return None

    @property
    def channels(self) -> int:
        """Numbers per input point, where inputs are numbers."""
        return 0

    @property
    @abc.abstractmethod
    def outputs(self) -> int:
        """Classes, or numbers per output."""

    @property
    @abc.abstractmethod
    def chance(self) -> float:
        """Score of the best guess that ignores the inputs."""

    @property
    def ceiling(self) -> float | None:
        """Score of a perfect network; None where nobody knows."""
        return 1.0

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The kinds of points of a sample on a `Union`, in its order; none elsewhere."""
        return ()

    @property
    def loss(self) -> Loss:
        """What training makes small. Cross entropy takes classes or shares of them, "binary" shares that need not add
        up to 1."""
        return "cross-entropy" if self.classifies else "squared"

    @property
    def lacks(self) -> str | None:
        """What of the task's files is missing, and where it is obtained; None where it has what it needs."""
        return None

    @classmethod
    def listed(cls) -> tuple[str, ...]:
        """Names under which the task is listed."""
        return (cls.name,)

    @property
    def lengths(self) -> tuple[int, ...]:
        """Lengths at which the task is in its element, for verdicts about growth."""
        return tuple(sorted({max(self.length // part, self.shortest) for part in (4, 2, 1)}))

    @property
    def shortest(self) -> int:
        """Points of the shortest sample that there is with these settings."""
        return 1

    @property
    def classifies(self) -> bool:
        return self.metric in ("accuracy", "macro-accuracy", "compression")

    @abc.abstractmethod
    def draw(self, rng: np.random.Generator, size: int, length: int) -> Batch:
        """`size` independent samples of `length` points; all randomness comes from `rng`."""

    def check_length(self, length: int) -> None:
        """Refuse lengths that the task has no samples for, by ValueError."""
        if length < self.shortest:
            raise ValueError(
                f"task {self.label}: a sample has at least {self.shortest} points with these settings, "
                f"got length={length}"
            )

    def batch(
        self, split: str = "train", *, seed: int = 0, step: int = 0, size: int | None = None, length: int | None = None
    ) -> Batch:
        """The samples of one step of one stream; always the same ones."""
        check_choice("split", split, SPLITS)
        size = self.batch_size if size is None else size
        length = self.length if length is None else length
        self.check_length(length)
        if split == "train" and self.examples is not None:
            epoch_size = max(self.examples // size, 1)
            epoch, place = divmod(step, epoch_size)
            order = generator(self.stream, "order", seed, epoch).permutation(self.examples)
            # A batch larger than the whole set meets its samples more than once.
            return take(_finite(self, seed, length), np.resize(order[place * size :], size))
        return self._distinct(split, (self.stream, split, seed, step, length), size, length)

    def outline(self, size: int, length: int) -> Batch:
        """A batch of the shapes that all have, where what is in it does not matter."""
        return self.batch("validation", size=size, length=length)

    def _distinct(self, split: str, key: tuple[object, ...], size: int, length: int) -> Batch:
        """`size` samples that belong to this split: enough are drawn, the others dropped."""
        share = SHARES[split]
        for attempt in range(6):
            drawn = self.draw(generator(*key, attempt), int(size / share * 1.1 * 2**attempt) + 8, length)
            kept = np.flatnonzero(splits_of(self.identity(drawn)) == SPLITS.index(split))
            if len(kept) >= size:
                return take(drawn, kept[:size])
        raise ValueError(
            f"task {self.label}: at length {length} there are too few distinct samples to keep a {split} split apart; "
            "ask for longer samples"
        )

    def identity(self, batch: Batch) -> NDArray[Any]:
        """What makes a sample the one it is, [B, ...]: its split follows from it."""
        return batch.inputs.numpy()

    @property
    def label(self) -> str:
        """What `find` finds this task by: its name, and the settings that differ from the defaults."""
        return self._label(without=())

    @property
    def identity_label(self) -> str:
        """The same without settings that no sample depends on: trainings that differ in those alone are one."""
        return self._label(without=self.aside)

    def _label(self, without: tuple[str, ...]) -> str:
        changed = [
            f"{field.name}={_shown(getattr(self, field.name))}"
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != field.default and field.name not in without
        ]
        return "/".join([self.origin or self.name, *([",".join(changed)] if changed else [])])

    @property
    def stream(self) -> str:
        """What the random numbers depend on: the settings that say what samples are like, not how many are used."""
        return dataclasses.replace(self, steps=1, batch_size=1, examples=None).identity_label

    def split_size(self, split: str) -> int | None:
        """How many samples a split has; None where they never end."""
        return None

    def score(self, outputs: Tensor, batch: Batch) -> tuple[float, float]:
        """The metric of one batch, and what it weighs in the mean over batches."""
        return METRICS[self.metric](outputs, batch)

    def tally(self) -> Tally:
        """What takes in the outputs of a whole split and says their score."""
        return WholeTally(WHOLE[self.metric]) if self.metric in WHOLE else MeanTally(self.score)

    def portions(self, split: str, size: int) -> Iterator[Batch]:
        """The first `size` samples of a split that is not trained on (or all, where there are fewer), in portions."""
        known = self.split_size(split)
        whole = self.batch(split, size=size if known is None else min(size, known))
        for start in range(0, len(whole), SCORED_TOGETHER):
            yield take(whole, np.arange(start, min(start + SCORED_TOGETHER, len(whole))))


def take(batch: Batch, rows: NDArray[Any]) -> Batch:
    """Some samples of a batch, with their part of the domain."""
    index = torch.from_numpy(np.asarray(rows, dtype=np.int64))
    return Batch(
        batch.inputs[index],
        batch.targets[index],
        None if batch.mask is None else batch.mask[index],
        None if batch.domain is None else batch.domain.samples(index),
    )


# One set per seed of a population; with fewer places than seeds every step would draw all of them anew.
@lru_cache(maxsize=64)
def _finite(task: Task, seed: int, length: int) -> Batch:
    """All training samples of a task that has only so many."""
    assert task.examples is not None
    return task._distinct("train", (task.stream, "train", seed, "all", length), task.examples, length)


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


def register(task: type[Task]) -> type[Task]:
    """Make a task known by its name."""
    TASKS.add(task.name, task)
    return task


TASKS: Registry[type[Task]] = Registry("task", group="itnas.tasks", adopt=lambda _, task: register(task))
