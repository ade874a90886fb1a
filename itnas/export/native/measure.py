"""What a crystallised network costs beside the one that it came from, on this machine."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from itnas.export.blueprint import arguments_of, blueprint_of, plain_network
from itnas.models import Network
from itnas.tasks import Batch, Task

LONGEST = 1024
BATCH = 4
LEAST, SECONDS = 5, 0.4  # timed runs, and how long they go on at least
PATIENCE = 10.0  # seconds after which one timed run has to do
MOST_BYTES = 2**31  # of a forward pass, as it is predicted: more is not tried


def lengths_of(task: Task) -> list[int]:
    """The task's length, four times that, and a long one."""
    return sorted({task.length, min(4 * task.length, LONGEST), max(LONGEST, task.length)})


def sample(task: Task, length: int) -> Batch | None:
    """Inputs of any length, drawn at random where the task has none so long; None: only a task can place them."""
    try:
        return task.batch("validation", seed=3, size=BATCH, length=length)
    except ValueError:
        pass
    if task.batch("validation", seed=3, size=1).domain is not None:
        return None
    drawn = torch.Generator().manual_seed(0)
    if task.vocabulary is None:
        inputs = torch.randn(BATCH, length, task.channels, generator=drawn)
    else:
        inputs = torch.randint(task.vocabulary, (BATCH, length), generator=drawn)
    return Batch(inputs, inputs)


def measured(before: Network, after: Network, task: Task) -> list[dict[str, Any]]:
    """Forward passes without gradients, in turns: milliseconds, and MB of tensors held at once.

    Lengths at which the discovered network would need too much memory are left out.
    """
    rows = []
    for length in lengths_of(task):
        batch = sample(task, length)
        if batch is not None and before.genome.cost(length, task, batch_size=BATCH).activation_bytes <= MOST_BYTES:
            runs = {name: _run(network, batch) for name, network in (("before", before), ("after", after))}
            took = side_by_side(runs)
            row = {"length": length, "batch": BATCH, "before ms": took["before"], "after ms": took["after"]}
            held = {f"{name} MB": peak_memory(run) for name, run in runs.items()}
            rows.append({**row, "times as fast": took["before"] / took["after"], **held})
    return rows


def products_per_point(network: Network, task: Task) -> float | None:
    """Multiplications of matrix products, convolutions and attention, as torch counts them in the plain form of the
    network, at the task's length; None: it has no plain form."""
    batch = task.batch("validation", seed=3, size=1)
    try:
        blueprint = blueprint_of(network, batch.domain)
    except ValueError:
        return None
    counter, twin = FlopCounterMode(display=False), plain_network(blueprint).requires_grad_(False)
    with torch.no_grad(), counter:
        twin(**arguments_of(blueprint, batch))
    return counter.get_total_flops() / (2 * batch.inputs.shape[1])  # torch counts additions, too


def _run(network: nn.Module, batch: Batch) -> Callable[[], None]:
    def run() -> None:
        with torch.no_grad():
            network(batch.inputs, batch.domain)

    return run


def side_by_side(runs: Mapping[str, Callable[[], None]]) -> dict[str, float]:
    """Median milliseconds of each; they take turns, so that a busy moment meets both."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
    begun = time.perf_counter()
    while not all(taken.values()) or _goes_on(min(map(len, taken.values())), time.perf_counter() - begun):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            taken[name].append(time.perf_counter() - start)
    return {name: 1e3 * statistics.median(times) for name, times in taken.items()}


def _goes_on(runs: int, seconds: float) -> bool:
    return (runs < LEAST and seconds < PATIENCE) or seconds < SECONDS


def peak_memory(run: Callable[[], None]) -> float:
    """MB of torch's tensors at once, beyond those held before."""
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # the profiler would tell of itself on the terminal
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        run()
    assert seen.profiler is not None
    changes = [each for each in seen.profiler.kineto_results.events() if each.name() == "[memory]"]
    held = most = 0
    for each in sorted(changes, key=lambda event: event.start_ns()):
        held += each.nbytes()
        most = max(most, held)
    return most / 10**6
