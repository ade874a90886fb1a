"""Training a genome: steps until the budget is spent, reports on the way, a checkpoint that resumes exactly."""

from __future__ import annotations

import dataclasses
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from itnas.shown import moment
from itnas.training.curves import Curves
from itnas.training.memory import free_memory, keep_freed, parts_needed
from itnas.training.population import Population, Setup
from itnas.training.recipes import Recipe
from itnas.training.result import Replica, Result, best_rate, rate_interval
from itnas.training.schedule import Clock, rate_factor
from itnas.version import __version__


def probe(recipe: Recipe, *, test: bool = False) -> None:
    """Refuse, by ValueError, what cannot be trained: one small step of one seed, before anything is kept. `test`: also
    what could not be tested in the end, as a test split whose files are damaged."""
    population = Population(
        recipe.genome, recipe.task, recipe.seeds[:1], batch_size=2, setup=_fitted(Setup(), recipe, 1)
    )
    population.gradient(population.batch(0))
    recipe.task.batch("validation", size=2)
    if test:
        recipe.task.split_size("test")


@dataclass(frozen=True)
class Report:
    """How things stand after a step. `scores` are set at rungs."""

    step: int
    total: int | None
    progress: float
    seconds: float
    losses: tuple[float, ...]  # means since the last report
    alive: tuple[bool, ...]
    rung: int | None = None
    scores: tuple[float, ...] | None = None


class Training:
    """A population on its way through its budget. Iterate over `reports()` to train."""

    def __init__(self, recipe: Recipe, setup: Setup | None = None) -> None:
        keep_freed()
        self.recipe = recipe
        setup = dataclasses.replace(setup or Setup(), bfloat16=recipe.precision == "bfloat16")
        self.population = Population(
            recipe.genome, recipe.task, recipe.seeds, batch_size=recipe.batch_size, setup=setup
        )
        self.population.setup = _fitted(setup, recipe, self.population.replicas)
        self.clock = Clock(recipe.budget, recipe.batch_size)
        self.curves = Curves(self.population.replicas)
        self.step = 0
        self.rung = 0
        self.group = setup.group

    @property
    def done(self) -> bool:
        return self.rung == len(self.recipe.rungs)

    def reports(self, stop: Callable[[], bool] = lambda: False) -> Iterator[Report]:
        """Train; a report about every half per cent of the budget and at every rung.

        `stop` is asked between steps; `state` then holds all that is needed to go on.
        """
        self._join()
        try:
            while not self.done and not self._asked(stop):
                losses = self._advance()
                self.step += 1
                self.curves.add(losses)
                progress = self._progress()
                at_rung = progress >= self.recipe.rungs[self.rung] - 1e-9
                if at_rung or self.step % self._interval() == 0:
                    yield self._report(progress, at_rung=at_rung)
        finally:
            self.population.close()

    def _advance(self) -> Tensor:
        total = self.clock.total
        stride = 0.0 if total is None else 1 / total
        factor = rate_factor(self._progress(), self.recipe.genome.training.warmup, stride)
        return self.population.step(self.step, factor)

    def _join(self) -> None:
        """All processes begin with the state of the leading one, which may have been resumed."""
        if self.group is not None:
            tensors, data = self.state()
            # Tensors of one GPU would come out on that GPU in every process.
            plain = {name: tensor.cpu() for name, tensor in tensors.items()}
            state = self.group.told((plain, data) if self.group.leads else None)
            if not self.group.leads:
                self.restore(*state)

    def _asked(self, stop: Callable[[], bool]) -> bool:
        """Whether to stop here. Several processes stop after the step at which all have learnt that one of them wants
        to."""
        if self.group is None:
            return stop()
        self.group.wish = stop()
        return self.group.stopping

    def _progress(self) -> float:
        """Share of the budget that is spent. Where it is counted in seconds, one clock must hold for all processes."""
        own = self.clock.progress(self.step)
        return own if self.group is None or self.clock.total is not None else float(self.group.told(own))

    def _scores(self) -> tuple[float, ...]:
        """What the leading process finds. There all processes become alike again: on unlike processors the same update
        rounds in other ways, and they would drift apart."""
        if self.group is None:
            return tuple(self.population.scores())
        self.population.align(self.group)
        return tuple(self.group.told(tuple(self.population.scores()) if self.group.leads else None))

    def _interval(self) -> int:
        return 10 if self.clock.total is None else max(1, self.clock.total // 200)

    def _report(self, progress: float, *, at_rung: bool) -> Report:
        scores, rung = None, None
        if at_rung:
            scores = self._scores()
            # A budget in seconds may run past several rungs in one step.
            passed = [share for share in self.recipe.rungs if share <= progress + 1e-9]
            self.rung = rung = len(passed)
        losses = self.curves.record(self.step, self.clock.elapsed(), scores)
        return Report(
            step=self.step,
            total=self.clock.total,
            progress=progress,
            seconds=self.clock.elapsed(),
            losses=losses,
            alive=tuple(self.population.alive.tolist()),
            rung=rung,
            scores=scores,
        )

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that `restore` needs to go on as if nothing had happened."""
        population = self.population
        tensors = {
            "flat": population.stack.flat,
            "mean": population.optimiser.mean,
            "square": population.optimiser.square,
            "alive": population.alive,
            "died": population.died,
            "losses": self.curves.sums,
        }
        data = {
            "recipe": self.recipe.to_dict(),
            "step": self.step,
            "rung": self.rung,
            "seconds": self.clock.elapsed(),
            "curves": self.curves.to_dict(),
            # Sums over parts round differently: a resumed training keeps its parts, whatever memory there is now.
            "parts": population.setup.parts,
        }
        return tensors, data

    def restore(self, tensors: dict[str, Tensor], data: dict[str, Any]) -> None:
        """Go on from a state. It must be of the same recipe."""
        if data["recipe"] != self.recipe.to_dict():
            differing = [key for key, value in self.recipe.to_dict().items() if data["recipe"].get(key) != value]
            raise ValueError(f"the saved training is another one: it differs in {', '.join(differing)}")
        population = self.population
        with torch.no_grad():
            population.stack.flat.copy_(tensors["flat"])
            population.optimiser.mean.copy_(tensors["mean"])
            population.optimiser.square.copy_(tensors["square"])
            population.alive.copy_(tensors["alive"])
            population.died.copy_(tensors["died"])
        population.setup = dataclasses.replace(population.setup, parts=data["parts"])
        self.step, self.rung = data["step"], data["rung"]
        population.stack.set_step(max(self.step - 1, 0))
        self.curves = Curves.from_dict(data["curves"], tensors["losses"])
        self.clock = Clock(self.recipe.budget, self.recipe.batch_size, seconds=data["seconds"])

    def result(self, *, test: bool = False) -> Result:
        """The outcome; `test` also scores the test split, which nothing was chosen by."""
        population, curves = self.population, self.curves
        scores = curves.last_scores()
        rate = best_rate(population.learning_rates, scores, population.alive.tolist())
        died = [step if step >= 0 else None for step in population.died.tolist()]
        rows = zip(population.seeds, population.learning_rates, scores, curves.last_losses(), died, strict=True)
        task = self.recipe.task
        return Result(
            task=task.label,
            genome=self.recipe.genome.hash,
            metric=task.metric,
            score=rate_interval(rate, population.learning_rates, scores),
            chance=task.chance,
            ceiling=task.ceiling,
            learning_rate=rate,
            replicas=tuple(Replica(*row) for row in rows),
            test_score=rate_interval(rate, population.learning_rates, population.scores("test")) if test else None,
            steps=self.step,
            samples=self.step * self.recipe.batch_size,
            seconds=self.clock.elapsed(),
            parameters=population.stack.flat.shape[1],
            provenance=provenance(population.setup),
        )


def _fitted(setup: Setup, recipe: Recipe, replicas: int) -> Setup:
    """The setup with its batches cut so that activations fit into memory."""
    processes = 1 if setup.group is None else setup.group.size
    share = -(-recipe.batch_size // processes)
    genome, length = recipe.genome, recipe.task.length
    kept = genome.cost(length, recipe.task, batch_size=share).activation_bytes
    if setup.recompute:
        # One block's at a time, and what goes into each.
        kept = min(kept, kept / genome.depth + 4.0 * genome.depth * share * length * genome.width)
    free = free_memory(setup.device)
    if free is not None and setup.device.type == "cpu":
        free /= processes
    parts = parts_needed(kept * replicas, free, share)
    return dataclasses.replace(setup, parts=max(setup.parts, parts))


def provenance(setup: Setup) -> dict[str, Any]:
    """What else a result depends on."""
    cuda = setup.device.type == "cuda"
    return {
        "itnas": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "device": torch.cuda.get_device_name(setup.device) if cuda else platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "precision": "bfloat16" if setup.bfloat16 else "float32",
        "parts": setup.parts,
        "devices": 1 if setup.group is None else setup.group.size,
        "finished": moment(time.time()),
    }
