"""`itnas.train`: a genome, a task, and what comes of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from itnas.training.device import setup_for
from itnas.training.interval import Interval
from itnas.training.keeper import Keeper
from itnas.training.population import Setup
from itnas.training.recipes import Recipe
from itnas.training.result import Result, best_replica
from itnas.training.trainer import Report, Training

if TYPE_CHECKING:
    import pandas as pd

    from itnas.models import Network

CHECKPOINT_SECONDS = 15.0
LEAST_BETWEEN = 20  # times what the last checkpoint took: large ones come less often


class InterruptedTrainingError(Exception):
    """Training was asked to stop before its budget was spent."""


class Trained:
    """A finished training: the result, the learning curves, the networks."""

    def __init__(self, training: Training, result: Result) -> None:
        self.training, self.result = training, result

    @property
    def score(self) -> Interval:
        """Of the best learning rate, over its seeds."""
        return self.result.score

    def curves(self) -> pd.DataFrame:
        """step, seconds, replica, seed, learning_rate, loss, score, alive: one row per record and replica."""
        population = self.training.population
        died = [replica.died for replica in self.result.replicas]
        return self.training.curves.to_frame(population.seeds, population.learning_rates, died)

    def network(self, replica: int | None = None) -> Network:
        """One replica as a plain torch module; by default the best one."""
        from itnas.models import build_network

        recipe = self.training.recipe
        network = build_network(recipe.genome, recipe.task)
        number = best_replica(self.result) if replica is None else replica
        network.load_state_dict(self.training.population.stack.state_of(number))
        return network.eval()


def train_recipe(
    recipe: Recipe,
    *,
    setup: Setup | None = None,
    folder: Keeper | None = None,
    test: bool = False,
    on_report: Callable[[Report], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> Trained:
    """Train to the end of the budget. With a folder: go on from its checkpoint, keep one, write the outcome.

    Raises `InterruptedTrainingError` when `stop` says so; the folder can then be resumed.
    """
    training = Training(recipe, setup or setup_for())
    if folder is not None:
        folder.resume(training)
    started, due = training.step, time.monotonic()

    def pause() -> bool:
        """Between steps. The first checkpoint comes after the first step, when it is clear that steps are possible."""
        nonlocal due
        if folder is not None and training.step > started and time.monotonic() >= due:
            begun = time.monotonic()
            folder.save(training)
            ended = time.monotonic()
            due = ended + max(CHECKPOINT_SECONDS, LEAST_BETWEEN * (ended - begun))
        return stop()

    for report in training.reports(pause):
        on_report(report)
    if folder is not None:
        folder.save(training)
    if not training.done:
        raise InterruptedTrainingError
    result = training.result(test=test)
    if folder is not None:
        folder.finish(training, result)
    return Trained(training, result)


def follow(recipe: Recipe, setup: Setup, stop: Callable[[], bool] = lambda: False) -> None:
    """Train beside the process that leads the setup's group, until it is done or somebody wants to stop. What came of
    it, that one knows."""
    for _ in Training(recipe, setup).reports(stop):
        pass
