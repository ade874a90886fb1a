"""`itnas search`, `itnas resume`: run a sweep, or go on with one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from itnas.cli.data import Data, use_data
from itnas.cli.findings_view import print_findings
from itnas.cli.listing import plain_console
from itnas.signals import stop_request

if TYPE_CHECKING:
    from itnas.search.settings import SweepSettings
    from itnas.search.sweep import Means, Sweep
    from itnas.signals import StopRequest
    from itnas.space import Space

Engine = Annotated[str, typer.Option("--engine", metavar="<name>", help="ray, or inline: one trial after another.")]
Address = Annotated[
    str | None, typer.Option("--address", metavar="<host:port>", help="Join this Ray cluster instead of starting one.")
]
Slots = Annotated[
    int | None,
    typer.Option("--slots", metavar="<n>", help="Trials at once; by default one per CPU, or two per GPU."),
]
Hours = Annotated[
    float | None,
    typer.Option("--hours", metavar="<x>", help="Start no new trial after so long; the best are then confirmed."),
]
RayLogs = Annotated[
    Path | None, typer.Option("--ray-logs", metavar="<folder>", help="Keep the logs of a local Ray in this folder.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
TensorBoard = Annotated[
    Path | None, typer.Option("--tensorboard", metavar="<folder>", help="Also log scores for TensorBoard there.")
]


def _option(flag: str, metavar: str, text: str) -> Any:
    return typer.Option(flag, metavar=metavar, help=text)


def search(
    space: Annotated[str, typer.Argument(help="A space: one of `itnas spaces`, or a YAML file.")] = "emergence",
    tasks: Annotated[
        list[str] | None, typer.Option("--task", "-t", metavar="<task>", help="A task (repeatable), see `itnas tasks`.")
    ] = None,
    trials: Annotated[int | None, _option("--trials", "<n>", "Trials per task, specialists included (64).")] = None,
    replicas: Annotated[
        int | None, _option("--replicas", "<n>", "Seeds of a trial, each with every learning rate (3).")
    ] = None,
    steps: Annotated[int | None, _option("--steps", "<n>", "Training steps; by default the task's own.")] = None,
    batch_size: Annotated[int | None, _option("--batch-size", "<n>", "Samples per step and replica.")] = None,
    length: Annotated[int | None, _option("--length", "<n>", "Points per sample; by default the task's own.")] = None,
    seed: Annotated[int | None, _option("--seed", "<n>", "What all chance in the sweep is derived from (0).")] = None,
    run: Annotated[Path | None, _option("--run", "<folder>", "Folder of the run; by default one in runs/.")] = None,
    profile: Annotated[
        str, _option("--profile", "<name>", "Settings under a name: default, demo, quick or thorough.")
    ] = "default",
    sampler: Annotated[str | None, _option("--sampler", "<name>", "Who proposes; see docs/search.md.")] = None,
    random_share: Annotated[
        float | None, _option("--random-share", "<x>", "Share of proposals made at random (0.2).")
    ] = None,
    objectives: Annotated[
        list[str] | None,
        _option("--objective", "<name>", "score, and one of parameters, flops, seconds (repeatable)."),
    ] = None,
    specialists: Annotated[
        str | None, _option("--specialists", "<names>", "Baselines to run first, with commas between; none.")
    ] = None,
    pruner: Annotated[str | None, _option("--pruner", "<name>", "Who stops trials: median, halving, none.")] = None,
    rungs: Annotated[int | None, _option("--rungs", "<n>", "Times that a trial's score is taken (10).")] = None,
    confirm: Annotated[
        int | None, _option("--confirm", "<n>", "Best genomes per task to train again on fresh seeds (3).")
    ] = None,
    confirm_replicas: Annotated[int | None, _option("--confirm-replicas", "<n>", "On so many seeds (5).")] = None,
    keep: Annotated[int | None, _option("--keep", "<n>", "Trials per task whose networks are kept (3).")] = None,
    verdicts: Annotated[
        str | None, _option("--verdicts", "<which>", "Trials to cross-examine on the way: best, all, none.")
    ] = None,
    copies: Annotated[int | None, _option("--copies", "<n>", "Untrained copies to compare verdicts with (4).")] = None,
    timeout: Annotated[
        float | None, _option("--timeout", "<seconds>", "A trial that takes longer counts as hung (1800).")
    ] = None,
    attempts: Annotated[
        int | None, _option("--attempts", "<n>", "Tries of a trial that kills its process (3).")
    ] = None,
    device: Annotated[str | None, _option("--device", "<name>", "auto, cpu or cuda.")] = None,
    precision: Annotated[str | None, _option("--precision", "<name>", "float32 or bfloat16.")] = None,
    data: Data = None,
    devices_per_trial: Annotated[
        int | None,
        _option("--devices-per-trial", "<n>", "CPUs or GPUs of one node that train a trial together (1)."),
    ] = None,
    engine: Engine = "ray",
    address: Address = None,
    slots: Slots = None,
    hours: Hours = None,
    ray_logs: RayLogs = None,
    tensorboard: TensorBoard = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run and how long, and stop.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Search a space for the best genomes of each task, and find out what their layers became.

    Ctrl-C stops when the running trials can be left; `itnas resume` goes on from there.
    """
    use_data(data)
    from itnas.search.profiles import profile as settings_of
    from itnas.search.settings import SweepSettings
    from itnas.search.sweep import Means, Sweep, check_data, check_settings, default_folder
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
    means = Means(engine=engine, address=address, slots=slots, hours=hours, ray_logs=ray_logs, tensorboard=tensorboard)
    found = Space.load(space)
    check_settings(settings)
    if dry_run:
        _estimate(found, settings, means, as_json=as_json)
        return
    check_data(settings, address)
    folder = default_folder(found, settings) if run is None else run
    # From the first moment at which others can see the run, they can also stop it.
    with stop_request() as stop, Sweep.create(folder, found, settings) as sweep:
        _drive(sweep, means, stop, as_json=as_json, quiet=quiet)


def resume(
    run: Annotated[Path, typer.Argument(help="The folder of a run.")],
    trials: Annotated[int | None, _option("--trials", "<n>", "Have so many trials per task from now on.")] = None,
    tasks: Annotated[
        list[str] | None, typer.Option("--task", "-t", metavar="<task>", help="Search for this task too (repeatable).")
    ] = None,
    sampler: Annotated[str | None, _option("--sampler", "<name>", "Let this one propose from now on.")] = None,
    pruner: Annotated[str | None, _option("--pruner", "<name>", "median, halving or none from now on.")] = None,
    confirm: Annotated[int | None, _option("--confirm", "<n>", "Confirm so many genomes per task.")] = None,
    keep: Annotated[int | None, _option("--keep", "<n>", "Keep the networks of so many trials per task.")] = None,
    timeout: Annotated[float | None, _option("--timeout", "<seconds>", "A trial that takes longer is hung.")] = None,
    data: Data = None,
    engine: Engine = "ray",
    address: Address = None,
    slots: Slots = None,
    hours: Hours = None,
    ray_logs: RayLogs = None,
    tensorboard: TensorBoard = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Go on with a run that was interrupted, or give one more trials or tasks."""
    use_data(data)
    from itnas.search.sweep import Means, Sweep

    means = Means(engine=engine, address=address, slots=slots, hours=hours, ray_logs=ray_logs, tensorboard=tensorboard)
    with stop_request() as stop, Sweep.open(run) as sweep:
        given = {
            "trials": trials,
            "tasks": None if tasks is None else [*sweep.settings.tasks, *tasks],
            "sampler": sampler,
            "pruner": pruner,
            "confirm": confirm,
            "keep": keep,
            "timeout": timeout,
        }
        sweep.extend(**{name: value for name, value in given.items() if value is not None})
        _drive(sweep, means, stop, as_json=as_json, quiet=quiet)


def _names(text: str) -> list[str]:
    return [] if text in ("none", "") else [part.strip() for part in text.split(",")]


def _drive(sweep: Sweep, means: Means, stop: StopRequest, *, as_json: bool, quiet: bool) -> None:
    """Run it, say what came of it, and end as the contract has it: 0, 3 without a success, 130 interrupted."""
    from itnas.cli.sweep_view import sweep_progress
    from itnas.run import Run
    from itnas.store import RunReader

    reader = RunReader(sweep.folder)
    with sweep_progress(reader, quiet=quiet) as on_change:
        state = sweep.run(means, stop=stop, on_change=on_change)
    run = Run(sweep.folder)
    if state == "interrupted":
        typer.echo(f"itnas: interrupted; `itnas resume {sweep.folder}` goes on", err=True)
        raise typer.Exit(130)
    if state == "late" and not quiet:
        typer.echo(f"itnas: the time is up; `itnas resume {sweep.folder}` goes on", err=True)
    if as_json:
        typer.echo(json.dumps({"run": str(sweep.folder), "findings": run.finding_rows()}, indent=1, allow_nan=False))
    else:
        print_findings(run)
    if not any(row["state"] == "complete" for row in reader.trials()):
        typer.echo(f"itnas: no trial succeeded: see `itnas trials {sweep.folder}`", err=True)
        raise typer.Exit(3)


def _estimate(space: Space, settings: SweepSettings, means: Means, *, as_json: bool) -> None:
    """What would run."""
    from rich.table import Table

    from itnas.cli.sweep_view import duration
    from itnas.search.estimate import estimate

    found = estimate(space, settings, means)
    if as_json:
        typer.echo(json.dumps(found, indent=1, allow_nan=False))
        return
    console = plain_console()
    size = "without end" if found["assignments"] is None else f"{found['assignments']:,} combinations"
    console.print(f"space {space.name}: {size}", highlight=False)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("task", overflow="fold")
    for name in ("trials", "special", "random", "sampler", "networks", "steps", "confirm", "about"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in found["tasks"]:
        counts = [str(row[name]) for name in ("trials", "specialists", "random", "sampler", "networks", "steps")]
        table.add_row(row["task"], *counts, str(row["confirmations"]), duration(row["seconds"]))
    console.print(table)
    console.print(
        f"{found['slots']} at once ({means.engine}): about {duration(found['seconds'])}, if nothing is stopped early",
        highlight=False,
    )
    for remark in found["remarks"]:
        console.print(remark, highlight=False, soft_wrap=True)
