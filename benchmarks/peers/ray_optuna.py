"""A sweep in plain Ray Tune with OptunaSearch: the same networks, trials, replicas and steps, one network at a time.

Written as its guides have it: a function trainable that reports as it goes, OptunaSearch over a space defined by run, a
limit to the trials at once, a median rule that stops the worst. The networks are `itnas.build`'s, which are plain
modules, and so are the data. What it leaves out is in its favour: verdicts, confirmation on fresh seeds, a record that
survives a crash.

    python -m benchmarks.peers.ray_optuna SETTINGS.json

SETTINGS.json: space, tasks, specialists, replicas, steps, length, rungs, slots; `plan`: "auto" for the layers as itnas
computes them, "dense" for the same function as one would write it in torch; `points`: for each task the assignments
that OptunaSearch is told to begin with, which are all that it tries. Prints a line of JSON: seconds, what was found.
"""

from __future__ import annotations

import dataclasses
import json
import math
import sys
import tempfile
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import ray
import torch
from ray import tune
from ray.tune.schedulers import MedianStoppingRule
from ray.tune.search import ConcurrencyLimiter
from ray.tune.search.optuna import OptunaSearch
from torch import nn
from torch.nn import functional as F

import itnas
from itnas.genome import Genome
from itnas.models import specialist
from itnas.space import Space
from itnas.tasks import Batch, Task, find

from ..table.peers import spelt, suggest, unspelt

VALIDATION, PORTION = 512, 64


class Run:
    """One network on its way."""

    def __init__(self, genome: Genome, task: Task, seed: int, rate: float, steps: int, plan: str) -> None:
        gene = genome.training
        self.task, self.seed, self.rate, self.step = task, seed, rate, 0
        self.size, self.clip = gene.batch_size or task.batch_size, gene.clip
        self.network = itnas.build(genome, task, seed=seed)
        for layer in self.network.modules():
            if isinstance(layer, itnas.IntegralTransform):
                layer.plan = plan
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=rate, betas=gene.betas, weight_decay=gene.weight_decay, fused=True
        )
        warmup = max(int(gene.warmup * steps), 1)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimiser,
            lambda step: (
                (step + 1) / warmup
                if step < warmup
                else 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(steps - warmup, 1)))
            ),
        )

    def train(self, until: int) -> None:
        self.network.train()
        for step in range(self.step, until):
            batch = self.task.batch("train", seed=self.seed, step=step, size=self.size)
            loss = loss_of(self.network(batch.inputs, batch.domain), batch)
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            if self.clip is not None:
                nn.utils.clip_grad_norm_(self.network.parameters(), self.clip)
            self.optimiser.step()
            self.schedule.step()
        self.step = until

    @torch.no_grad()
    def score(self) -> float:
        self.network.eval()
        total = weight = 0.0
        whole = self.task.batch("validation", size=VALIDATION)
        for start in range(0, len(whole), PORTION):
            batch = part(whole, slice(start, start + PORTION))
            own, counts = self.task.score(self.network(batch.inputs, batch.domain), batch)
            total, weight = total + own * counts, weight + counts
        return total / weight


def part(batch: Batch, rows: slice) -> Batch:
    mask = None if batch.mask is None else batch.mask[rows]
    return Batch(batch.inputs[rows], batch.targets[rows], mask, batch.domain)


def loss_of(outputs: torch.Tensor, batch: Batch) -> torch.Tensor:
    each = F.cross_entropy(outputs.flatten(0, -2), batch.targets.flatten(), reduction="none")
    if batch.mask is None:
        return each.mean()
    mask = batch.mask.flatten()
    return (each * mask).sum() / mask.sum()


def train_trial(config: dict[str, Any], settings: dict[str, Any], task_name: str = "") -> None:
    """Every seed with every learning rate; at each rung the score of the rate that is ahead."""
    torch.set_num_threads(1)
    if "specialist" in config:
        genome, name = specialist(config["specialist"]), config["task"]
    else:
        parameters = {unspelt(name): value for name, value in config.items()}
        genome, name = Space.load(settings["space"]).genome(parameters), task_name
    task = find(name)
    if settings["length"] is not None:
        task = dataclasses.replace(task, length=settings["length"])
    rates, steps = genome.training.learning_rates, settings["steps"] or genome.training.steps or task.steps
    plan = settings["plan"]
    runs = [Run(genome, task, seed, rate, steps, plan) for seed in range(settings["replicas"]) for rate in rates]
    for rung in range(1, settings["rungs"] + 1):
        scores: dict[float, list[float]] = {rate: [] for rate in rates}
        for run in runs:
            run.train(math.ceil(steps * rung / settings["rungs"]))
            scores[run.rate].append(run.score())
        tune.report({"score": max(sum(own) / len(own) for own in scores.values())})


@dataclasses.dataclass(frozen=True)
class Definition:
    """The space, defined by run. OptunaSearch pickles it."""

    space: str

    def __call__(self, trial: Any) -> None:
        _loaded(self.space).build(lambda name, domain: suggest(trial, spelt(name), domain))


@lru_cache
def _loaded(space: str) -> Space:
    return Space.load(space)


def baselines(settings: dict[str, Any], folder: str) -> tune.ResultGrid:
    """The specialists on all tasks."""
    return tune.Tuner(
        tune.with_resources(tune.with_parameters(train_trial, settings=settings), {"cpu": 1}),
        param_space={
            "specialist": tune.grid_search(settings["specialists"]),
            "task": tune.grid_search(settings["tasks"]),
        },
        tune_config=tune.TuneConfig(metric="score", mode="max"),
        run_config=tune.RunConfig(storage_path=folder, verbose=0),
    ).fit()


def searched(settings: dict[str, Any], task: str, folder: str) -> tune.ResultGrid:
    """One task's search."""
    points = settings["points"][task]
    given = [{spelt(name): value for name, value in point.items()} for point in points]
    search = OptunaSearch(Definition(settings["space"]), metric="score", mode="max", points_to_evaluate=given, seed=0)
    rule = MedianStoppingRule(grace_period=2, min_samples_required=5)
    return tune.Tuner(
        tune.with_resources(tune.with_parameters(train_trial, settings=settings, task_name=task), {"cpu": 1}),
        tune_config=tune.TuneConfig(
            metric="score",
            mode="max",
            search_alg=ConcurrencyLimiter(search, max_concurrent=settings["slots"]),
            scheduler=rule,
            num_samples=len(given),
        ),
        run_config=tune.RunConfig(storage_path=folder, verbose=0),
    ).fit()


def main() -> None:
    settings = json.loads(Path(sys.argv[1]).read_text())
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        ray.init(
            address="local",
            num_cpus=settings["slots"],
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
        )
        grids = [baselines(settings, folder), *(searched(settings, task, folder) for task in settings["tasks"])]
        ray.shutdown()
    results = [result for grid in grids for result in grid]
    found = {
        "seconds": time.perf_counter() - begun,
        "trials": len(results),
        "errors": sum(result.error is not None for result in results),
        "rungs": sum((result.metrics or {}).get("training_iteration", 0) for result in results),
        "scores": [(result.metrics or {}).get("score") for result in results],
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
