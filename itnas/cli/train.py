"""`itnas train`: one genome on one task."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from itnas.cli import complete, names
from itnas.cli.data import use_data
from itnas.cli.endings import BAD_INPUT, INTERRUPTED, say
from itnas.cli.listing import cell_text
from itnas.cli.options import TASKS, AsJson, Data, Quiet, argument, chosen, flag, option
from itnas.cli.progress import training_progress
from itnas.cli.screen import console, say_json
from itnas.cli.targets import check_target
from itnas.cli.train_devices import (
    Accumulate,
    Address,
    CheckpointActivations,
    Devices,
    Workers,
    crew_for,
    dismiss,
    follow_along,
    train_together,
)
from itnas.signals import stop_request

if TYPE_CHECKING:
    from itnas.genome import Genome

PICTURES = ("html", "png", "svg")


def _amount(flag: str, text: str, default: str) -> Any:
    return option(flag, takes="n|nx", told=text, default=default)


def train(
    genome: Annotated[
        str,
        argument("A genome's file or folder, or a name: gru, itnet-s.", name="genome", complete=complete.genomes),
    ],
    tasks: Annotated[
        list[str],
        option(
            "--task",
            "-t",
            takes="task",
            told="A task, with settings: recall/pairs=16, or module:Class.",
            complete=TASKS,
        ),
    ],
    replicas: Annotated[
        int, option("--replicas", "-r", takes="n", told="Seeds, each with every learning rate.", default=3)
    ] = 3,
    steps: Annotated[
        int | None, option("--steps", takes="n", told="Budget in steps.", default="the genome's, else the task's")
    ] = None,
    samples: Annotated[
        int | None,
        option("--samples", takes="n", told="Budget in samples per replica instead, rounded up to whole steps."),
    ] = None,
    seconds: Annotated[float | None, option("--seconds", takes="seconds", told="Budget in seconds instead.")] = None,
    batch_size: Annotated[
        int | None,
        option(
            "--batch-size", takes="n", told="Samples per step and replica.", default="the genome's, else the task's"
        ),
    ] = None,
    width: Annotated[
        str | None, _amount("--width", "Another width: 128, or 2x for twice the genome's.", "the genome's")
    ] = None,
    depth: Annotated[str | None, _amount("--depth", "Another depth: 8, or 2x.", "the genome's")] = None,
    length: Annotated[str | None, _amount("--length", "Points per sample: 256, or 4x.", "the task's own")] = None,
    seed: Annotated[int, option("--seed", takes="n", told="What the replicas' seeds are derived from.", default=0)] = 0,
    out: Annotated[
        Path | None,
        option("--out", "-o", takes="folder", told="The folder of the outcome.", default="one under runs/train"),
    ] = None,
    device: Annotated[
        str,
        option(
            "--device",
            takes="name",
            told="Train on this: auto, cpu, cuda or cuda:N.",
            default="auto",
            complete=complete.among(names.DEVICES),
        ),
    ] = "auto",
    precision: Annotated[
        str, chosen("--precision", told="Compute in this", among=names.PRECISIONS, default="float32")
    ] = "float32",
    devices: Devices = None,
    accumulate: Accumulate = 1,
    checkpoint_activations: CheckpointActivations = False,
    workers: Workers = 0,
    capture: Annotated[bool, flag("--capture", told="Replay steps as a CUDA graph.")] = False,
    address: Address = None,
    test: Annotated[bool, flag("--test", told="Score the test split too, once, at the end.")] = False,
    plot: Annotated[
        Path | None, option("--plot", takes="file", told="Draw the learning curves: .html, .png or .svg.")
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Train a genome on a task as a stacked population, and report its score with an interval.

    Ctrl-C stops at the next step; the same command goes on from there.
    """
    if len(tasks) != 1:
        raise ValueError(f"itnas train trains on one task at a time, got --task {len(tasks)} times: run it for each")
    use_data(data)
    check_target("--plot", plot, PICTURES)
    from itnas.entry import genome_of
    from itnas.scaling import amount, scaled
    from itnas.tasks import find
    from itnas.training import (
        DeviceLostError,
        InterruptedTrainingError,
        TrainingFolder,
        check_devices,
        probe,
        recipe,
        setup_for,
    )

    own, task = genome_of(genome), find(tasks[0])
    made = recipe(
        scaled(own, width=width, depth=depth),
        task,
        replicas=replicas,
        seed=seed,
        budget=_budget(steps, samples, seconds),
        batch_size=batch_size,
        length=None if length is None else amount(length, task.length, "length"),
        precision=precision,  # type: ignore[arg-type]  # checked there
    )
    crew = crew_for(devices, address)
    setup = setup_for(
        # On a cluster, what this machine has does not matter.
        device if address is None else "cpu",
        capture=capture,
        accumulate=accumulate,
        checkpoint_activations=checkpoint_activations,
        workers=workers,
    )
    check_devices(made, setup, crew.devices, here=None if crew.place is None else crew.place.local_rank + 1)
    probe(made, test=test)
    if crew.follows:
        follow_along(made, setup, crew)
        return
    with TrainingFolder(out or _default_folder(made, seed)) as folder, stop_request() as stop:
        found = folder.finished(made, test=test)
        if found is None:
            rates = list(made.genome.training.learning_rates) * len(made.seeds)
            if made.genome.width > own.width and not quiet:
                say(_advice(own, made.genome.width))
            try:
                with training_progress(f"{genome} on {made.task.label}", rates, quiet=quiet) as on_report:
                    train_together(made, setup, crew, folder, device=device, test=test, on_report=on_report, stop=stop)
            except InterruptedTrainingError as error:
                say(f"interrupted; the same command goes on from {folder.path}")
                raise typer.Exit(INTERRUPTED) from error
            except DeviceLostError as error:
                say(f"{error}; the same command goes on from {folder.path}")
                raise typer.Exit(BAD_INPUT) from error
            found = folder.finished(made)
            assert found is not None
        else:
            dismiss(setup, crew)
            if not quiet:
                say(f"{folder.path} holds the result already; delete it to train again")
        if plot is not None:
            _draw(folder.path, made.task, plot)
    if as_json:
        say_json(found)
    else:
        _show(found, folder.path)


def _budget(steps: int | None, samples: int | None, seconds: float | None) -> Any:
    from itnas.training import Budget

    given = {"steps": steps, "samples": samples, "seconds": seconds}
    chosen = [(unit, amount) for unit, amount in given.items() if amount is not None]
    if len(chosen) > 1:
        raise ValueError("--steps, --samples and --seconds exclude each other: give one of them")
    return Budget(chosen[0][1], chosen[0][0]) if chosen else None  # type: ignore[arg-type]


def _advice(own: Genome, width: int) -> str:
    rates, factor = " and ".join(f"{rate:g}" for rate in own.training.learning_rates), f"{width / own.width:.3g}"
    return (
        f"learning rates stay the genome's, {rates} at width {own.width}; {factor} times as wide, most networks want "
        f"rates about {factor} times lower: docs/scaling.md"
    )


def _default_folder(made: Any, seed: int) -> Path:
    """A name that tells this training from others; the same command finds it again."""
    import hashlib

    told = hashlib.sha256(json.dumps(made.to_dict(), sort_keys=True).encode()).hexdigest()[:8]
    task = re.sub(r"[^A-Za-z0-9._=,-]+", "_", made.task.label)
    return Path("runs") / "train" / f"{task}-{made.genome.hash}-seed{seed}-{told}"


def _draw(folder: Path, task: Any, target: Path) -> None:
    import pandas as pd

    from itnas.figures import learning_curves, write_figure

    curves = pd.read_parquet(folder / "curves.parquet")
    info = learning_curves.prepare(curves, chance=task.chance, ceiling=task.ceiling, title=task.label)
    write_figure(learning_curves.draw(info), target)


def _show(found: dict[str, Any], folder: Path) -> None:
    """The result for people."""
    from rich.table import Table

    screen = console()
    screen.print(f"{found['task']}: {found['metric']} {_interval(found['score'])}", soft_wrap=True)
    if found["test_score"] is not None:
        screen.print(f"test split: {_interval(found['test_score'])}", soft_wrap=True)
    ceiling = cell_text(found["ceiling"])
    told = f"chance {cell_text(found['chance'])}, ceiling {ceiling}, learning rate {found['learning_rate']:g}"
    screen.print(f"{told}, {found['parameters']:,} parameters, {found['steps']:,} steps", soft_wrap=True)
    table = Table()
    for name in ("seed", "learning rate", "score", "loss", "died at step"):
        table.add_column(name, justify="right")
    for each in found["replicas"]:
        died = "" if each["died"] is None else str(each["died"])
        loss = "" if each["loss"] is None else f"{each['loss']:.4g}"
        table.add_row(str(each["seed"]), f"{each['learning_rate']:g}", f"{each['score']:.4f}", loss, died)
    screen.print(table)
    screen.print(f"in {folder}", soft_wrap=True)


def _interval(score: dict[str, Any]) -> str:
    if score["low"] is None:
        return f"{score['mean']:.4f} (one seed: no interval)"
    return f"{score['mean']:.4f} (95 %: {score['low']:.4f} to {score['high']:.4f}, {score['replicas']} seeds)"
