"""What tasks of published data sets share: streams of samples that are read when they are wanted."""

from __future__ import annotations

import abc
import dataclasses
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import torch

from itnas.datasets.location import lacking, located
from itnas.datasets.pictures import CorruptFileError
from itnas.registry import check_choice
from itnas.tasks.base import SCORED_TOGETHER, Task
from itnas.tasks.batch import Batch
from itnas.tasks.published.augment import Mates
from itnas.tasks.published.order import Order, Rows
from itnas.tasks.published.some import Some
from itnas.tasks.stream import SPLITS, generator

Sample = TypeVar("Sample")
Loaded = TypeVar("Loaded")


@dataclass(frozen=True)
class Published(Task, Generic[Sample]):
    """A task whose samples lie on disk.

    Training goes through one permutation of its samples after another, keyed by the seed and the number of the epoch:
    in each epoch every sample turns up once, wherever batches begin and end. Validation and test go round and round
    through permutations of theirs. A batch reads only the files that it needs. Which samples are whose is the same
    everywhere: the test split is what has been published for that (or, where its labels are kept back, for
    validation), and validation is a part of the published training set, chosen by hashes.
    """

    published: ClassVar[bool] = True

    @property
    def set_name(self) -> str:
        """What the data set is called where sets are located."""
        return self.name

    @property
    def lacks(self) -> str | None:
        return lacking(self.set_name)

    @property
    def folder(self) -> Path:
        """Where the set is."""
        return located(self.set_name)

    @abc.abstractmethod
    def rows(self, split: str) -> Rows:
        """What `load` knows the samples of a split by."""

    @abc.abstractmethod
    def load(self, split: str, row: int) -> Sample:
        """One sample, as it is before augmentation."""

    @abc.abstractmethod
    def assemble(self, samples: Sequence[Sample], split: str, rng: np.random.Generator, length: int) -> Batch:
        """Samples as a batch, augmented in training; all randomness comes from `rng`."""

    @abc.abstractmethod
    def outline(self, size: int, length: int) -> Batch:
        """A batch of zeros, for which no file is needed."""

    def loaded(self, split: str, rows: Rows, order: Order, places: Sequence[int]) -> list[Sample]:
        """The samples at some places of an order."""
        return [self.load(split, int(rows[order[place]])) for place in places]

    def scored(self, split: str, rows: Rows, order: Order, places: Sequence[int]) -> list[Sample]:
        """The same of a split that is scored sample by sample, where none may stand for another."""
        return self.loaded(split, rows, order, places)

    def split_size(self, split: str) -> int:
        return len(self._rows(split))

    def batch(
        self, split: str = "train", *, seed: int = 0, step: int = 0, size: int | None = None, length: int | None = None
    ) -> Batch:
        size = self.batch_size if size is None else size
        return self.share(slice(None), split, seed=seed, step=step, size=size, length=length)

    def share(
        self,
        wanted: slice,
        split: str = "train",
        *,
        seed: int = 0,
        step: int = 0,
        size: int,
        length: int | None = None,
    ) -> Batch:
        """Some samples of a batch, as they are in the whole. No others are read, but those that are blended into them:
        of several devices each reads what it trains on."""
        check_choice("split", split, SPLITS)
        length = self.length if length is None else length
        self.check_length(length)
        rows = self._rows(split)
        order = Order((self.set_name, split, "order", seed), len(rows))
        rng, places = generator(self.stream, split, seed, step), np.arange(size)[wanted]
        mates = self.mates(split, generator(self.stream, split, seed, step, "mates"), size)
        read = places if mates is None else np.unique(np.concatenate([places, mates.others[places]]))
        samples = self.loaded(split, rows, order, (step * size + read).tolist())
        made = self.assemble(samples, split, Some(rng, size, read), length)
        return made if mates is None else mates.blended(made, read, places)

    def mates(self, split: str, rng: np.random.Generator, size: int) -> Mates | None:
        """Which other sample of its batch is blended into each one; None: there is no such thing."""
        return None

    def draw(self, rng: np.random.Generator, size: int, length: int) -> Batch:
        """Training samples, with replacement."""
        rows = self._rows("train")
        order = Order((self.set_name, "draw", int(rng.integers(2**62))), len(rows))
        samples = self.loaded("train", rows, order, rng.integers(len(rows), size=size).tolist())
        made, mates = self.assemble(samples, "train", rng, length), self.mates("train", rng, size)
        return made if mates is None else mates.blended(made, np.arange(size), np.arange(size))

    def portions(self, split: str, size: int) -> Iterator[Batch]:
        """The first `size` samples for validation; of the test split all, as it is what published scores are on."""
        rows = self._rows(split)
        order = Order((self.set_name, split, "order", 0), len(rows))
        count = len(rows) if split == "test" else min(size, len(rows))
        for start in range(0, count, SCORED_TOGETHER):
            samples = self.scored(split, rows, order, range(start, min(start + SCORED_TOGETHER, count)))
            if samples:
                yield self.assemble(samples, split, generator(self.stream, split, "portion", start), self.length)

    def _rows(self, split: str) -> Rows:
        """The samples of a split; of those to train on, as many as `examples` allows."""
        rows = self.rows(split)
        if split != "train" or self.examples is None:
            return rows
        if self.examples > len(rows):
            raise ValueError(f"task {self.set_name} has {len(rows)} training samples, got examples={self.examples}")
        return rows[_some(self.set_name, len(rows), self.examples)]


@lru_cache(maxsize=8)
def _some(name: str, count: int, wanted: int) -> Rows:
    """Which of the training samples are used where not all are: always the same ones."""
    return np.asarray(generator(name, "examples").permutation(count)[:wanted])


@dataclass(frozen=True)
class Filed(Published[Sample]):
    """A published task whose every sample is in files of its own, any of which may be corrupt.

    Such a sample is told of once, and the next one of the order takes its place (of the test split it is left out of
    the score); more than `corrupt` of them in one process, and it stops. As many threads read as torch may use to
    compute.
    """

    aside: ClassVar[tuple[str, ...]] = ("corrupt",)

    corrupt: int = 100

    def check_settings(self) -> None:
        if self.corrupt < 0:
            raise ValueError(f"task {self.name}: corrupt must not be negative, got corrupt={self.corrupt}")

    def loaded(self, split: str, rows: Rows, order: Order, places: Sequence[int]) -> list[Sample]:
        def sound(place: int) -> Sample:
            # All that are left of this epoch, and the next one: every sample is among these.
            for ahead in range(2 * order.count - 1):
                try:
                    return self.load(split, int(rows[order[place + ahead]]))
                except CorruptFileError as error:
                    corrupt_files(self.set_name, located(self.set_name)).add(error, self.corrupt)
            raise ValueError(f"task {self.set_name}: all {order.count} samples of the {split} split are corrupt")

        return _mapped(sound, places)

    def scored(self, split: str, rows: Rows, order: Order, places: Sequence[int]) -> list[Sample]:
        if split != "test":
            return self.loaded(split, rows, order, places)

        def readable(place: int) -> Sample | None:
            try:
                return self.load(split, int(rows[order[place]]))
            except CorruptFileError as error:
                met = corrupt_files(self.set_name, located(self.set_name))
                met.add(error, self.corrupt, "it is left out of the score")
                return None

        return [sample for sample in _mapped(readable, places) if sample is not None]

    def portions(self, split: str, size: int) -> Iterator[Batch]:
        count = 0
        for batch in super().portions(split, size):
            count += 1
            yield batch
        if not count:
            raise ValueError(f"task {self.set_name}: all samples of the {split} split are corrupt")


class CorruptFiles:
    """The corrupt files of a set that this process has met."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.paths: set[Path] = set()
        self._lock = threading.Lock()

    def add(self, error: CorruptFileError, most: int, then: str = "another sample takes its place") -> None:
        """Tell of a file that is new, and stop with one too many."""
        with self._lock:
            if error.path not in self.paths:
                self.paths.add(error.path)
                sys.stderr.write(f"itnas: {error}; {then}\n")
            if len(self.paths) > most:
                raise ValueError(
                    f"task {self.name}: {len(self.paths)} files are corrupt, more than corrupt={most} allows; the last "
                    f"was {error.path} ({error.reason}): fetch them again, or allow more"
                )


_CORRUPT: dict[tuple[str, Path], CorruptFiles] = {}


def corrupt_files(name: str, folder: Path) -> CorruptFiles:
    """Those of the set in a folder."""
    return _CORRUPT.setdefault((name, folder), CorruptFiles(name))


def _mapped(load: Callable[[int], Loaded], places: Sequence[int]) -> list[Loaded]:
    threads = min(torch.get_num_threads(), len(places))
    if threads < 2:
        return [load(place) for place in places]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(load, places))


def settings_text(task: Task, defaults: dict[str, Any]) -> str:
    """The settings that differ from the defaults, as `find` reads them."""
    changed = {
        field.name: getattr(task, field.name)
        for field in dataclasses.fields(task)
        if getattr(task, field.name) != defaults.get(field.name, field.default)
    }
    return ",".join(f"{name}={value}" for name, value in changed.items())
