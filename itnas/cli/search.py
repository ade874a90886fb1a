"""`itnas search`: run a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from itnas.cli import complete, names
from itnas.cli.data import use_data
from itnas.cli.driving import Engine, Hours, RayLogs, Slots, TensorBoard, drive, means_of
from itnas.cli.options import TASKS, Address, AsJson, Data, Quiet, argument, chosen, flag, option
from itnas.cli.screen import check_finite, console, say_json
from itnas.shown import duration
from itnas.signals import stop_request

if TYPE_CHECKING:
    from itnas.search.settings import SweepSettings
    from itnas.search.sweep import Means
    from itnas.space import Space

SPACE = "emergence"


def search(
    space: Annotated[
        str,
        argument(
            "A space: one of `itnas spaces`, or a YAML file.", name="space", default=SPACE, complete=complete.spaces
        ),
    ] = SPACE,
    tasks: Annotated[
        list[str] | None,
        option(
            "--task", "-t", takes="task", told="Search for this task (repeatable): see `itnas tasks`.", complete=TASKS
        ),
    ] = None,
    trials: Annotated[
        int | None, option("--trials", takes="n", told="Trials per task, specialists included.", default=64)
    ] = None,
    replicas: Annotated[
        int | None,
        option("--replicas", "-r", takes="n", told="Seeds of a trial, each with every learning rate.", default=3),
    ] = None,
    steps: Annotated[
        int | None, option("--steps", takes="n", told="Training steps.", default="the genome's, else the task's")
    ] = None,
    batch_size: Annotated[
        int | None,
        option(
            "--batch-size", takes="n", told="Samples per step and replica.", default="the genome's, else the task's"
        ),
    ] = None,
    length: Annotated[
        int | None, option("--length", takes="n", told="Points per sample.", default="the task's own")
    ] = None,
    rungs: Annotated[
        int | None, option("--rungs", takes="n", told="Times that a trial's score is taken.", default=10)
    ] = None,
    seed: Annotated[
        int | None, option("--seed", takes="n", told="What all chance in the sweep is derived from.", default=0)
    ] = None,
    run: Annotated[
        Path | None, option("--run", takes="folder", told="The folder of the run.", default="one in runs/")
    ] = None,
    profile: Annotated[
        str,
        chosen("--profile", told="Settings under a name", among=names.PROFILES, default="default"),
    ] = "default",
    sampler: Annotated[
        str | None,
        option(
            "--sampler",
            takes="name",
            told="Who proposes: see docs/search.md.",
            default="tpe-group",
            complete=complete.samplers,
        ),
    ] = None,
    random_share: Annotated[
        float | None, option("--random-share", takes="x", told="Share of proposals made at random.", default=0.2)
    ] = None,
    objectives: Annotated[
        list[str] | None,
        option(
            "--objective",
            takes="name",
            told="score, and one of parameters, flops, seconds (repeatable).",
            default="score",
            complete=complete.among(names.OBJECTIVES),
        ),
    ] = None,
    specialists: Annotated[
        str | None,
        option(
            "--specialists",
            takes="names",
            told="Specialists to run first, with commas between, or none.",
            default="six of them",
            complete=complete.several((*names.SPECIALISTS, "none")),
        ),
    ] = None,
    pruner: Annotated[
        str | None, chosen("--pruner", told="Who stops trials early", among=names.PRUNERS, default="median")
    ] = None,
    confirm: Annotated[
        int | None,
        option("--confirm", takes="n", told="Best genomes per task to train again on fresh seeds.", default=3),
    ] = None,
    confirm_replicas: Annotated[
        int | None, option("--confirm-replicas", takes="n", told="Seeds to train those on.", default=5)
    ] = None,
    keep: Annotated[
        int | None, option("--keep", takes="n", told="Trials per task whose networks are kept.", default=3)
    ] = None,
    verdicts: Annotated[
        str | None,
        chosen("--verdicts", told="Trials to cross-examine on the way", among=names.VERDICTS, default="best"),
    ] = None,
    copies: Annotated[
        int | None, option("--copies", takes="n", told="Untrained copies to compare verdicts with.", default=4)
    ] = None,
    timeout: Annotated[
        float | None,
        option("--timeout", takes="seconds", told="Count a trial that takes longer as hung.", default=1800),
    ] = None,
    attempts: Annotated[
        int | None, option("--attempts", takes="n", told="Tries of a trial that kills its process.", default=3)
    ] = None,
    device: Annotated[str | None, chosen("--device", told="Train on this", among=names.DEVICES, default="auto")] = None,
    precision: Annotated[
        str | None, chosen("--precision", told="Compute in this", among=names.PRECISIONS, default="float32")
    ] = None,
    devices_per_trial: Annotated[
        int | None,
        option(
            "--devices-per-trial", takes="n", told="CPUs or GPUs of one node that train a trial together.", default=1
        ),
    ] = None,
    engine: Engine = "ray",
    address: Address = None,
    slots: Slots = None,
    hours: Hours = None,
    ray_logs: RayLogs = None,
    tensorboard: TensorBoard = None,
    data: Data = None,
    dry_run: Annotated[bool, flag("--dry-run", told="Say what would run and how long it takes, and stop.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Search a space for the best genomes of each task, and find out what their layers became.

    Ctrl-C stops when the running trials can be left; `itnas resume` goes on from there.
    """
    check_finite(random_share=random_share, timeout=timeout, hours=hours)
    use_data(data)
    from itnas.search.checks import check_data, check_device, check_distinct, check_settings
    from itnas.search.profiles import profile as settings_of
    from itnas.search.settings import SweepSettings
    from itnas.search.sweep import Sweep, default_folder
    from itnas.space import Space

    given = {
        "tasks": tasks,
        "trials": trials,
        "replicas": replicas,
        "steps": steps,
        "batch_size": batch_size,
        "length": length,
        "seed": seed,
        "sampler": sampler,
        "random_share": random_share,
        "objectives": objectives,
        "specialists": None if specialists is None else _names(specialists),
        "pruner": pruner,
        "rungs": rungs,
        "confirm": confirm,
        "confirm_replicas": confirm_replicas,
        "keep": keep,
        "verdicts": verdicts,
        "copies": copies,
        "timeout": timeout,
        "attempts": attempts,
        "device": device,
        "precision": precision,
        "devices_per_trial": devices_per_trial,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    settings = SweepSettings.from_dict(settings_of(profile) | chosen, "search")
    means = means_of(engine, address, slots, hours, ray_logs, tensorboard)
    found = Space.load(space)
    check_settings(settings)
    check_distinct(settings)
    if dry_run:
        _estimate(found, settings, means, as_json=as_json)
        return
    check_device(settings, address)
    check_data(settings, address)
    folder = default_folder(found, settings) if run is None else run
    # From the first moment at which others can see the run, they can also stop it.
    with stop_request() as stop, Sweep.create(folder, found, settings) as sweep:
        drive(sweep, means, stop, as_json=as_json, quiet=quiet)


def _names(text: str) -> list[str]:
    return [] if text in ("none", "") else [part.strip() for part in text.split(",")]


def _estimate(space: Space, settings: SweepSettings, means: Means, *, as_json: bool) -> None:
    """What would run."""
    from rich.table import Table

    from itnas.search.estimate import estimate

    found = estimate(space, settings, means)
    if as_json:
        say_json(found)
        return
    screen = console()
    size = "without end" if found["assignments"] is None else f"{found['assignments']:,} combinations"
    screen.print(f"space {space.name}: {size}")
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("task", overflow="fold")
    for name in ("trials", "special", "random", "sampler", "networks", "steps", "confirm", "about"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in found["tasks"]:
        counts = [str(row[name]) for name in ("trials", "specialists", "random", "sampler", "networks", "steps")]
        table.add_row(row["task"], *counts, str(row["confirmations"]), duration(row["seconds"]))
    screen.print(table)
    screen.print(
        f"{found['slots']} at once ({means.engine}): about {duration(found['seconds'])} of training, if nothing is "
        "stopped early; evaluations, verdicts and their untrained copies come on top"
    )
    for remark in found["remarks"]:
        screen.print(remark, soft_wrap=True)
