"""`itnas.build` and `itnas.train`: from names, files or objects to a network, trained or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from itnas.genome import Genome
from itnas.models import Network, build_network, specialist
from itnas.models.specialists import LAYERS
from itnas.registry import check_choice
from itnas.scaling import Amount, amount, scaled
from itnas.tasks import Task, find
from itnas.training import Budget, Report, Trained, TrainingFolder, plan_for, probe, recipe, train_recipe
from itnas.training.trainer import RUNGS


def build(genome: Genome | str | Path, task: Task | str, *, seed: int = 0) -> Network:
    """A plain torch module, its weights drawn from `seed`. Genomes may be given as specialists or files."""
    return build_network(genome_of(genome), find(task), seed=seed)


def task(name: str) -> Task:
    """The task of that name, with the settings behind its slash: `recall/pairs=16`, `package.module:Class`."""
    return find(name)


def train(
    genome: Genome | str | Path,
    task: Task | str,
    *,
    replicas: int = 3,
    seed: int = 0,
    budget: Budget | int | None = None,
    batch_size: int | None = None,
    width: Amount | None = None,
    depth: Amount | None = None,
    length: Amount | None = None,
    rungs: Sequence[float] = RUNGS,
    out: str | Path | None = None,
    device: str = "auto",
    precision: Literal["float32", "bfloat16"] = "float32",
    capture: bool = False,
    test: bool = False,
    on_report: Callable[[Report], None] = lambda _: None,
) -> Trained:
    """Train a genome on a task: `replicas` seeds with each of its learning rates, side by side.

    `width`, `depth` and `length` replace those of the genome and the task, by a number or by a factor ("2x").
    `budget`: a number of steps, or a `Budget` in samples or seconds; None: what the genome or the task recommends.
    With `out` the outcome is written there, and an interrupted training goes on where it was. `test` scores the test
    split as well. `rungs`: shares of the budget after which the validation score is taken.
    """
    found = find(task)
    made = recipe(
        scaled(genome_of(genome), width=width, depth=depth),
        found,
        replicas=replicas,
        seed=seed,
        budget=Budget(budget) if isinstance(budget, int) else budget,
        batch_size=batch_size,
        length=None if length is None else amount(length, found.length, "length"),
        rungs=rungs,
        precision=precision,
    )
    plan = plan_for(device, capture=capture)
    probe(made)
    if out is None:
        return train_recipe(made, plan=plan, test=test, on_report=on_report)
    with TrainingFolder(Path(out)) as folder:
        if folder.finished(made, test=test):
            raise ValueError(f"{folder.path} holds this training's result already: read result.json, or name another")
        return train_recipe(made, plan=plan, folder=folder, test=test, on_report=on_report)


def genome_of(genome: Genome | str | Path) -> Genome:
    """A genome as it is, a specialist by its name, or a genome from a YAML or JSON file, or the folder it lies in."""
    if isinstance(genome, Genome):
        return genome
    if isinstance(genome, str) and genome in LAYERS:
        return specialist(genome)
    path = Path(genome)
    if path.is_dir():
        inside = path / "genome.yaml"
        if not inside.is_file():
            raise ValueError(
                f"{path} is a folder without a genome.yaml: name a genome's file, or a folder that holds one"
            )
        return Genome.load(inside)
    if path.is_file() or path.suffix in (".yaml", ".yml", ".json"):
        return Genome.load(path)
    check_choice("specialist (and no such file)", str(genome), LAYERS)
    raise AssertionError("unreachable")
