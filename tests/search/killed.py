"""Runs as drivers that were killed leave them."""

from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from itnas.search.job import Job, Message, Phase, Started
from itnas.search.sweep import Means, Sweep
from itnas.search.work import Work
from itnas.store import RunWriter
from tests.search.toy import toy_settings, toy_space, work

INLINE = Means(engine="inline")
ABOUT = {"tasks": ["delay"], "trials": 4, "confirm": 1}


class KilledError(Exception):
    """Stands for the end of the process."""


def dying(phase: Phase) -> Work:
    """The process ends in the first trial, or in the first confirmation."""

    def die(job: Job, stop: Callable[[], bool]) -> Generator[Message, None, None]:
        yield Started("here")
        if job.phase == phase:
            raise KilledError
        yield from work(job, stop)

    return die


def kill(folder: Path, engine: str, phase: Phase) -> None:
    """Begin, or go on, and leave run.db as a driver that was killed leaves it."""
    opened = Sweep.open(folder) if folder.exists() else Sweep.create(folder, toy_space(), toy_settings(**ABOUT))
    with opened as sweep, pytest.raises(KilledError):
        sweep.run(INLINE, work=dying(phase))
    with RunWriter(folder) as writer, writer.transaction():
        writer.set("state", "running")
        writer.set("means", {"engine": engine, "address": None, "slots": None})
