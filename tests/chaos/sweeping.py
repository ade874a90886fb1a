"""A driver to be killed: `python -m tests.chaos.sweeping FOLDER` starts a sweep of toy trials, or goes on with it.

`--die N` kills the process by SIGKILL at its Nth SQL statement, before that is done: in the middle of transactions,
between arrays and rows. `--after TEXT` counts from the first statement that holds this text.
"""

from __future__ import annotations

import argparse
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any

from itnas.search.job import Job, Message, Rung
from itnas.search.sweep import Means, Sweep
from itnas.signals import stop_request
from tests.search.toy import toy_settings, toy_space, work

TRIALS = 16  # per task
CONFIRM = 2


def paced(pace: float, job: Job, stop: Callable[[], bool]) -> Generator[Message, None, None]:
    """A trial that takes its time."""
    for message in work(job, stop):
        if isinstance(message, Rung):
            time.sleep(pace)
        yield message


def die_at(count: int, after: str) -> None:
    """Watch all connections that will be opened."""
    seen, connect = [] if after else ["at once"], sqlite3.connect

    def watch(statement: str) -> None:
        if seen or after in statement:
            seen.append(statement)
        if len(seen) > count:
            os.kill(os.getpid(), signal.SIGKILL)

    def watched(*args: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*args, **options)
        connection.set_trace_callback(watch)
        return connection

    sqlite3.connect = watched  # type: ignore[assignment]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--engine", default="inline")
    parser.add_argument("--trials", type=int, default=TRIALS)
    parser.add_argument("--pace", type=float, default=0.0)
    parser.add_argument("--die", type=int)
    parser.add_argument("--after", default="")
    given = parser.parse_args()
    if given.die is not None:
        die_at(given.die, given.after)
    means = Means(engine=given.engine, slots=2 if given.engine == "ray" else None)
    with started(given.folder, given.trials) as sweep, stop_request() as stop:
        state = sweep.run(means, stop=stop, work=partial(paced, given.pace))
    sys.stdout.write(f"{state}\n")


def started(folder: Path, trials: int) -> Sweep:
    """The run, new or as it was left. No trial is given up, however often its process is killed."""
    if (folder / "run.db").exists():
        return Sweep.open(folder)
    settings = toy_settings(trials=trials, confirm=CONFIRM, confirm_replicas=1, keep=2, attempts=1000)
    return Sweep.create(folder, toy_space(), settings)


if __name__ == "__main__":
    main()
