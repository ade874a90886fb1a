"""Stacked populations against the same networks one after another, data against steps, and time to mastery.

`itnas bench population` prints tables; `--out` writes JSON with the machine. The peer of a stack is the plain loop that
anyone would write: nn.Module, torch.optim.AdamW(fused=True), clip_grad_norm_, one network after another.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from itnas.genes import Training as TrainingGene
from itnas.genome import Genome
from itnas.models import DEFAULT_SPECIALISTS, build_network, specialist
from itnas.tasks import TASKS, Batch, Task, find
from itnas.training import Budget, Population, Training, probe, recipe

from .measuring import side_by_side
from .sections import Section, run_sections

REPLICAS = 8
SIZES = ((8, 32), (8, 64), (32, 32), (32, 64), (32, 128))
GENOMES = {"default genome": Genome(), **{name: specialist(name) for name in DEFAULT_SPECIALISTS}}
# Mastery: this share of the way from chance to the ceiling.
MASTERED = 0.95
CPU_SECONDS = 45.0
# MAD's own defaults are its protocol's; these are the sizes that a CPU minute is meant for.
SUITE = sorted(
    [name + ("/small" if name.startswith("mad-") else "") for name in TASKS if not TASKS[name].published],
    key=lambda name: name == "bytes",
)


def stack(quick: bool) -> list[dict[str, Any]]:
    """8 stacked replicas against 8 one after another: whole training steps without drawing data."""
    rows = []
    for name, genome in list(GENOMES.items())[: 2 if quick else None]:
        for size, length in SIZES[: 1 if quick else None]:
            task = find(f"recall/length={length},pairs={length // 8}")
            runs = {"stacked": _stacked(genome, task, size), "one by one": _one_by_one(genome, task, size)}
            times = side_by_side(runs, seconds=0.5 if quick else 4.0)
            rows.append(
                {
                    "genome": name,
                    "B": size,
                    "N": length,
                    "one by one ms": times["one by one"],
                    "stacked ms": times["stacked"],
                    "one by one / stacked": times["one by one"] / times["stacked"],
                }
            )
    return rows


def _stacked(genome: Genome, task: Task, size: int) -> Callable[[], None]:
    one_rate = genome.model_copy(update={"training": TrainingGene(learning_rates=(1e-3,))})
    population = Population(one_rate, task, range(REPLICAS), batch_size=size)
    batch, step = population.batch(0), torch.tensor(0)
    rates = population.optimiser.rates(0, population.base_rates)

    def run() -> None:
        population.advance(batch, step, rates)

    return run


def _one_by_one(genome: Genome, task: Task, size: int) -> Callable[[], None]:
    networks = [build_network(genome, task, seed=seed) for seed in range(REPLICAS)]
    optimisers = [torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True) for network in networks]
    batches = [task.batch("train", seed=seed, size=size) for seed in range(REPLICAS)]

    def run() -> None:
        for network, optimiser, batch in zip(networks, optimisers, batches, strict=True):
            _plain_step(network, optimiser, batch)

    return run


def _plain_step(network: nn.Module, optimiser: torch.optim.Optimizer, batch: Batch) -> None:
    outputs = network(batch.inputs, batch.domain)
    each = F.cross_entropy(outputs.flatten(0, 1), batch.targets.flatten(), reduction="none").view(batch.targets.shape)
    assert batch.mask is not None
    loss = (each * batch.mask).sum() / batch.mask.sum()
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()


def data(quick: bool) -> list[dict[str, Any]]:
    """Drawing the data of a step (three seeds) against the whole step of the cheapest specialist, default sizes."""
    rows = []
    for name in SUITE[: 2 if quick else None]:
        task = find(name)
        fastest = _fastest(task)
        population = Population(specialist(fastest), task, (0, 1, 2))
        draws, steps = iter(range(10**9)), iter(range(10**9))
        times = side_by_side(
            {
                "draw": lambda population=population, draws=draws: population.batch(next(draws)),
                "step": lambda population=population, steps=steps: population.step(next(steps), 0.5),
            },
            seconds=0.5 if quick else 2.0,
        )
        share = times["draw"] / times["step"]
        rows.append(
            {"task": name, "genome": fastest, "draw ms": times["draw"], "step ms": times["step"], "draw / step": share}
        )
    return rows


def _fastest(task: Task) -> str:
    """The specialist with the fewest flops that runs on the task."""
    able = [name for name in DEFAULT_SPECIALISTS if _runs(name, task)]
    return min(able, key=lambda name: specialist(name).cost(task.length, task).flops_per_token)


def _runs(name: str, task: Task) -> bool:
    try:
        probe(recipe(specialist(name), task, replicas=1))
    except ValueError:
        return False
    return True


def mastery(quick: bool) -> list[dict[str, Any]]:
    """Every default task and specialist: steps and seconds until the best of two learning rates masters the task.

    One seed, one thread. Trained for the task's steps, or as many as fit into 45 CPU seconds. Where it is not mastered,
    the best score is shown.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [_mastery_row(find(name), quick) for name in SUITE[: 1 if quick else None]]
    finally:
        torch.set_num_threads(threads)


def _mastery_row(task: Task, quick: bool) -> dict[str, Any]:
    row: dict[str, Any] = {"task": task.name, "steps": task.steps, "metric": task.metric, "chance": task.chance}
    for name in DEFAULT_SPECIALISTS:
        row[name] = _mastered(specialist(name), task, quick) if _runs(name, task) else "cannot run"
        print(f"{task.label} {name}: {row[name]}", file=sys.stderr, flush=True)
    return row


def _mastered(genome: Genome, task: Task, quick: bool) -> str:
    """`steps (CPU seconds)` to mastery, or the best score."""
    rungs = tuple((number + 1) / 20 for number in range(20))
    budget = Budget(20 if quick else min(task.steps, max(20, int(CPU_SECONDS / _step_seconds(genome, task)))))
    training = Training(recipe(genome, task, replicas=1, budget=budget, rungs=rungs))
    goal = None if task.ceiling is None else task.chance + MASTERED * (task.ceiling - task.chance)
    best, start = task.chance, time.process_time()
    for report in training.reports():
        if report.scores is None:
            continue
        best = max(best, *report.scores)
        if goal is not None and best >= goal:
            return f"{report.step} ({time.process_time() - start:.0f} s)"
    return f"{best:.2f} ({time.process_time() - start:.0f} s)"


def _step_seconds(genome: Genome, task: Task) -> float:
    """CPU seconds of a step, the fastest of five."""
    population = Population(genome, task, (0,))
    found = []
    for step in range(5):
        start = time.process_time()
        population.step(step, 0.5)
        found.append(time.process_time() - start)
    return min(found)


SECTIONS: dict[str, Section] = {"stack": stack, "data": data, "mastery": mastery}


def measure(*, only: list[str] | None = None, quick: bool = False, quiet: bool = False) -> dict[str, Any]:
    """Run the sections and return {section: rows}."""
    return run_sections(SECTIONS, only=only, quick=quick, quiet=quiet)
