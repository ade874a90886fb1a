"""Training data made ahead of time in worker processes, in the order of the steps."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import pickle
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import connection
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from itnas.datasets.cache import PASSED_ON, passed_on
from itnas.shown import one_line
from itnas.tasks import Batch
from itnas.training.data import TrainingData, sent

AHEAD = 2  # steps that each worker is ahead


class DataWorkerError(ValueError):
    """A worker process failed, and not by an exception of the task's own."""


@dataclass(frozen=True)
class _Failed:
    """An exception on its way out of a worker: the loader would bury it under a traceback."""

    error: Exception


class _Steps(Dataset[list[Batch] | _Failed]):
    def __init__(self, data: TrainingData) -> None:
        self.data = data
        # The server that workers are forked from has the environment of the day it was started.
        self.environment = passed_on()
        sent(data, data.task)

    def __getitem__(self, step: int) -> list[Batch] | _Failed:
        try:
            return self.data[step]
        except Exception as error:
            return _Failed(_portable(error))


class DataAhead:
    """Serves what `data[step]` is, made by `workers` processes while earlier steps are computed.

    torch's DataLoader over the numbers of steps: it hands batches over in order, through shared memory. Workers are
    forked from a server without threads, as this process has some.
    """

    def __init__(self, data: TrainingData, workers: int) -> None:
        self.data, self.workers = data, workers
        self.next = 0
        self.batches: Iterator[list[Batch] | _Failed] | None = None

    def __getitem__(self, step: int) -> list[Batch]:
        if self.batches is None or step != self.next:
            self.batches = self._from(step)
        try:
            found = next(self.batches)
        except RuntimeError as error:
            self.close()
            raise DataWorkerError(
                f"a process that makes training data died at step {step}: {one_line(error)}"
            ) from error
        if isinstance(found, _Failed):
            self.close()
            raise found.error
        self.next = step + 1
        return found

    def close(self) -> None:
        """End the workers; they come back when a batch is asked for."""
        self.batches = None

    def _from(self, step: int) -> Iterator[list[Batch] | _Failed]:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])
        with warnings.catch_warnings():
            # More workers than cores are the user's choice: the data may come from a slow disk.
            warnings.simplefilter("ignore")
            loader: DataLoader[list[Batch] | _Failed] = DataLoader(
                _Steps(self.data),
                sampler=itertools.count(step),
                batch_size=None,
                collate_fn=_as_it_is,
                num_workers=self.workers,
                prefetch_factor=AHEAD,
                worker_init_fn=_begin,
                multiprocessing_context=context,
                # Without one, it would draw from the random numbers of everybody else.
                generator=torch.Generator(),
            )
            return iter(loader)


def _begin(_number: int) -> None:
    """What a worker does first."""
    told = get_worker_info()
    assert told is not None
    assert isinstance(told.dataset, _Steps)
    for name in PASSED_ON:
        os.environ.pop(name, None)
    os.environ.update(told.dataset.environment)
    _end_with_parent()


def _end_with_parent() -> None:
    """The loader's own watch looks after the process that forked this one, which is the server; and that lives on as
    long as there are workers."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _as_it_is(found: Any) -> Any:
    return found


def _portable(error: Exception) -> Exception:
    """The exception, or where that cannot travel one that says the same."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return DataWorkerError(f"{type(error).__name__}: {error}")
    return error
