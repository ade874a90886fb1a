"""Doing a job: train, score, and cross-examine. Whatever happens inside, a message comes out."""

from __future__ import annotations

import math
import os
import socket
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from typing import Any

from itnas.allowance import ran_out
from itnas.files import document_text
from itnas.genome import Genome
from itnas.search.job import Failure, Job, Message, Outcome, Rung, Started
from itnas.search.printed import Printed
from itnas.search.watcher import Watcher
from itnas.shown import one_line
from itnas.tasks import find
from itnas.training import (
    Budget,
    DeviceLostError,
    Recipe,
    Setup,
    Training,
    check_devices,
    device_group,
    recipe,
    setup_for,
)
from itnas.training.outcome import outcome
from itnas.training.result import leading_score

Work = Callable[[Job, Callable[[], bool]], Generator[Message, None, None]]  # `perform`, or a stand-in for it


class DivergedError(Exception):
    """No replica is left whose loss is a number."""


class HungError(Exception):
    """A trial took longer than it may."""


def perform(job: Job, stop: Callable[[], bool] = lambda: False) -> Generator[Message, None, None]:
    """Messages on a job, the last an `Outcome` or a `Failure`. Closing the iterator ends the training; so does `stop`,
    and then there is no last message."""
    yield Started(f"{socket.gethostname()}/{os.getpid()}")
    printed, messages = Printed(), _train(job, stop)
    while True:
        try:
            # What a trial prints is its own: a sweep has better use for the terminal.
            with printed:
                message = next(messages)
        except StopIteration:
            return
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            yield failure(error, printed.text)
            return
        yield message


def failure(error: BaseException, printed: str = "") -> Failure:
    """What an exception means for a trial, in one line."""
    log = "".join(traceback.format_exception(error)) + (f"\nprinted:\n{printed}" if printed else "")
    if isinstance(error, (DivergedError, HungError)):
        return Failure(str(error), log if isinstance(error, HungError) else printed)
    if isinstance(error, DeviceLostError):
        return Failure(str(error), log, retry=error.fell)
    if isinstance(error, SystemExit):
        return Failure(f"the trial called exit({error.code!r})", log)
    if ran_out(error):
        return Failure(f"out of memory: {one_line(error)}", log)
    return Failure(f"{type(error).__name__}: {one_line(error)}", log)


def _train(job: Job, stop: Callable[[], bool]) -> Iterator[Message]:
    started = time.perf_counter()
    genome, task = Genome.from_dict(job.genome), find(job.task)
    made = recipe(
        genome,
        task,
        replicas=job.replicas,
        seed=job.seed,
        budget=None if job.steps is None else Budget(job.steps),
        batch_size=job.batch_size,
        length=job.length,
        rungs=job.rungs,
        precision=job.precision,
    )
    setup = setup_for(job.device)
    check_devices(made, setup, job.devices)
    with device_group(made, setup, job.devices) as own:
        yield from _trained(job, made, own, stop, started)


def _trained(job: Job, made: Recipe, setup: Setup, stop: Callable[[], bool], started: float) -> Iterator[Message]:
    """Rungs, and the outcome."""
    training, genome = Training(made, setup), made.genome
    rates, watcher = training.population.learning_rates, Watcher(job, training)
    for report in training.reports(stop):
        if not any(report.alive):
            raise DivergedError(f"all {len(report.alive)} replicas diverged by step {report.step}")
        if report.scores is not None and report.rung is not None:
            losses = tuple(loss if math.isfinite(loss) else None for loss in report.losses)
            score = leading_score(rates, report.scores, report.alive)
            watcher.watch(report.step)
            yield Rung(report.rung, report.step, report.seconds, score, losses, report.scores)
    if not training.done:
        return
    result, files = outcome(training, training.result(test=job.test))
    score = result["score"]["mean"]
    kept: dict[str, dict[str, bytes]] = {}
    layers: list[dict[str, Any]] = []
    remarks = ""
    if job.keep_from is not None and score >= job.keep_from:
        kept["weights"] = files | {"genome.yaml": document_text(genome.to_dict()).encode()}
    if job.explain_from is not None and score >= job.explain_from:
        try:
            layers, arrays = watcher.verdicts(result)
            kept["kernels"] = {"kernels.npz": arrays}
        except (ValueError, RuntimeError, ArithmeticError) as error:
            # A network that cannot be examined has still been trained.
            remarks = f"not examined: {one_line(error)}"
    cost = genome.cost(made.task.length, made.task)
    yield Outcome(result, cost.flops_per_token, time.perf_counter() - started, tuple(layers), kept, remarks)
