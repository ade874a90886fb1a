"""Does the best learning rate move with the width? `python -m benchmarks.learning_rate_transfer`; ten minutes.

Two genomes on two quick tasks, at widths 16, 32 and 64 and everything else alike, trained with six learning rates that
double from one to the next, three seeds each, on one thread. A rate is as good as its loss over the last twentieth of
training, averaged over the seeds. Each seed starts from the same weights and sees the same data at every rate.
"""

from __future__ import annotations

import math
import statistics
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import torch

from itnas.genes import Training as TrainingGene
from itnas.genome import Genome
from itnas.models import specialist
from itnas.scaling import scaled
from itnas.tasks import find
from itnas.training import Budget, Training, recipe

from .sections import Section, command, run_sections

RESULTS = Path(__file__).parent / "results" / "learning_rate_transfer.json"
RATES = tuple(1e-3 * 2**number for number in range(6))
WIDTHS = (16, 32, 64)
SEEDS = 3
GENOMES = {"learned kernel": Genome(), "transformer": specialist("transformer")}
# Names and steps.
TASKS = {
    "local-pattern/length=32,batch_size=16": 300,
    "recall/pairs=4,vocab=16,length=32,batch_size=16": 500,
}


class Outcome(NamedTuple):
    """What one rate led to, seed by seed."""

    losses: tuple[float, ...]
    scores: tuple[float, ...]

    @property
    def loss(self) -> float:
        return statistics.mean(self.losses)

    @property
    def score(self) -> float:
        return statistics.mean(self.scores)


@lru_cache
def trained(name: str, task: str, width: int, steps: int) -> dict[float, Outcome]:
    """The outcome of every rate."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        genome = scaled(GENOMES[name], width=width)
        genome = genome.model_copy(update={"training": TrainingGene(learning_rates=RATES)})
        training = Training(recipe(genome, find(task), replicas=SEEDS, budget=Budget(steps), rungs=(1.0,)))
        for _ in training.reports():
            pass
        population, scores = training.population, training.curves.last_scores()
        frame = training.curves.to_frame(population.seeds, population.learning_rates, [None] * population.replicas)
    finally:
        torch.set_num_threads(threads)
    late = frame[frame["step"] > 0.95 * steps].groupby("replica")["loss"].mean()
    # A replica that died has no loss.
    losses = [late.get(number, math.inf) for number in range(population.replicas)]
    found: dict[float, Outcome] = {}
    for rate in RATES:
        own = [number for number, each in enumerate(population.learning_rates) if each == rate]
        found[rate] = Outcome(tuple(losses[n] for n in own), tuple(scores[n] for n in own))
    return found


def best(outcomes: dict[float, Outcome]) -> float:
    """The rate with the least loss."""
    return min(outcomes, key=lambda rate: outcomes[rate].loss)


def best_by_seed(outcomes: dict[float, Outcome]) -> list[float]:
    return [min(outcomes, key=lambda rate: outcomes[rate].losses[seed]) for seed in range(SEEDS)]


def learning_rates(quick: bool) -> list[dict[str, Any]]:
    """The loss of every rate at every width."""
    rows = []
    for name, task, steps in _cases(quick):
        for width in WIDTHS:
            found = trained(name, task, width, steps)
            row: dict[str, Any] = {"genome": name, "task": task.split("/")[0], "width": width}
            row |= {f"{rate:g}": found[rate].loss for rate in RATES}
            row["best"] = f"{best(found):g}"
            row["best, seed by seed"] = ", ".join(f"{rate:g}" for rate in best_by_seed(found))
            rows.append(row)
    return rows


def widening(quick: bool) -> list[dict[str, Any]]:
    """Four times as wide: with its own best rate, with the narrow network's, and with a quarter of that."""
    narrow, wide = WIDTHS[0], WIDTHS[-1]
    rows = []
    for name, task, steps in _cases(quick):
        found = trained(name, task, wide, steps)
        kept = best(trained(name, task, narrow, steps))
        # A rate below the grid counts as its lowest one.
        divided = max(kept * narrow / wide, RATES[0])
        row: dict[str, Any] = {"genome": name, "task": task.split("/")[0]}
        row |= {f"best at {width}": f"{best(trained(name, task, width, steps)):g}" for width in WIDTHS}
        for what, rate in {"its own best": best(found), "kept": kept, "divided by 4": divided}.items():
            outcome = found[min(RATES, key=lambda each: abs(math.log(each / rate)))]
            row[f"loss at {wide}, {what}"] = outcome.loss
            row[f"score, {what}"] = outcome.score
        rows.append(row)
    return rows


def _cases(quick: bool) -> list[tuple[str, str, int]]:
    every = [(name, task, steps) for name in GENOMES for task, steps in TASKS.items()]
    return [(name, task, 20) for name, task, _ in every[:1]] if quick else every


SECTIONS: dict[str, Section] = {"learning_rates": learning_rates, "widening": widening}


def measure(*, only: list[str] | None = None, quick: bool = False, quiet: bool = False) -> dict[str, Any]:
    """Run the sections and return {section: rows}."""
    return run_sections(SECTIONS, only=only, quick=quick, quiet=quiet)


if __name__ == "__main__":
    command(SECTIONS, RESULTS, "Measure whether the best learning rate moves with the width.")
