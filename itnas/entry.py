"""`itnas.build` and `itnas.train`: from names, files or objects to a network, trained or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from itnas.genome import Genome
from itnas.models import Network, build_network, specialist
from itnas.models.specialists import SPECIALISTS
from itnas.registry import check_choice
from itnas.scaling import Amount, amount, scaled
from itnas.space import Space, shipped
from itnas.tasks import Task, find
from itnas.training import (
    Budget,
    Report,
    Trained,
    TrainingFolder,
    check_devices,
    device_group,
    probe,
    recipe,
    setup_for,
    train_recipe,
)
from itnas.training.recipes import RUNGS


def build(genome: Genome | str | Path, task: Task | str, *, seed: int = 0) -> Network:
    """A plain torch module, its weights drawn from `seed`. Genomes may be given by name ("gru", "itnet-s") or file."""
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
    devices: int = 1,
    accumulate: int = 1,
    checkpoint_activations: bool = False,
    workers: int = 0,
    test: bool = False,
    on_report: Callable[[Report], None] = lambda _: None,
) -> Trained:
    """Train a genome on a task: `replicas` seeds with each of its learning rates, side by side.

    `width`, `depth` and `length` replace those of the genome and the task, by a number or by a factor ("2x").
    `budget`: a number of steps, or a `Budget` in samples or seconds; None: what the genome or the task recommends.
    With `out` the outcome is written there, and an interrupted training goes on where it was. `test` scores the test
    split as well. `rungs`: shares of the budget after which the validation score is taken.

    `devices` of this machine share every batch, a process each; `accumulate`: parts of a device's share whose gradients
    are added up; `checkpoint_activations`: blocks are computed twice instead of being kept; `workers`: processes per
    device that make training data ahead (a script that asks for some keeps what it does below
    `if __name__ == "__main__":`, as torch's DataLoader wants it). None of the four changes more than the rounding.
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
    setup = setup_for(
        device,
        capture=capture,
        accumulate=accumulate,
        checkpoint_activations=checkpoint_activations,
        workers=workers,
    )
    check_devices(made, setup, devices)
    probe(made)
    with ExitStack() as stack:
        folder = None if out is None else stack.enter_context(TrainingFolder(Path(out)))
        if folder is not None and folder.finished(made, test=test):
            raise ValueError(f"{folder.path} holds this training's result already: read result.json, or name another")
        own = stack.enter_context(device_group(made, setup, devices))
        return train_recipe(made, setup=own, folder=folder, test=test, on_report=on_report)


def genome_of(genome: Genome | str | Path) -> Genome:
    """A genome as it is, a specialist or a shipped genome by its name, or one from a file, or the folder it lies in.

    A file is YAML or JSON, a genome's or a search space's that holds exactly one.
    """
    if isinstance(genome, Genome):
        return genome
    if isinstance(genome, str) and genome in SPECIALISTS:
        return specialist(genome)
    if isinstance(genome, str) and (found := _shipped(genome)) is not None:
        return found
    path = Path(genome)
    if path.is_dir():
        inside = path / "genome.yaml"
        if not inside.is_file():
            raise ValueError(
                f"{path} is a folder without a genome.yaml: name a genome's file, or a folder that holds one"
            )
        return Genome.load(inside)
    if path.is_file() or path.suffix in (".yaml", ".yml", ".json"):
        return _from_file(path)
    if genome in shipped():
        raise ValueError(_several(Space.load(genome)))
    check_choice("genome (and no such file)", str(genome), [*SPECIALISTS, *filter(_shipped, shipped())])
    raise AssertionError("unreachable")


def _shipped(name: str) -> Genome | None:
    """The genome of a shipped space that holds no other."""
    return Space.load(name).only() if name in shipped() else None


def _from_file(path: Path) -> Genome:
    try:
        return Genome.load(path)
    except ValueError as error:
        try:
            space = Space.load(path)
        except (OSError, ValueError):
            raise error from None
    found = space.only()
    if found is None:
        raise ValueError(_several(space))
    return found


def _several(space: Space) -> str:
    return (
        f"{space.name} is a search space of more than one genome, and one is needed: let itnas search choose from it, "
        "or name a genome"
    )
