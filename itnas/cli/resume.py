"""`itnas resume`: go on with a sweep."""

from __future__ import annotations

from typing import Annotated

from itnas.cli import complete, names
from itnas.cli.data import use_data
from itnas.cli.driving import Engine, Hours, RayLogs, Slots, TensorBoard, drive, means_of
from itnas.cli.options import TASKS, Address, AsJson, Data, Quiet, RunFolder, chosen, option
from itnas.cli.screen import check_finite
from itnas.signals import stop_request


def resume(
    run: RunFolder,
    tasks: Annotated[
        list[str] | None,
        option("--task", "-t", takes="task", told="Search for this task too (repeatable).", complete=TASKS),
    ] = None,
    trials: Annotated[
        int | None, option("--trials", takes="n", told="Trials per task from now on.", default="as before")
    ] = None,
    sampler: Annotated[
        str | None,
        option(
            "--sampler", takes="name", told="Who proposes from now on.", default="as before", complete=complete.samplers
        ),
    ] = None,
    random_share: Annotated[
        float | None,
        option("--random-share", takes="x", told="Share of proposals made at random from now on.", default="as before"),
    ] = None,
    pruner: Annotated[
        str | None,
        chosen("--pruner", told="Who stops trials early from now on", among=names.PRUNERS, default="as before"),
    ] = None,
    confirm: Annotated[
        int | None, option("--confirm", takes="n", told="Best genomes per task to train again.", default="as before")
    ] = None,
    keep: Annotated[
        int | None,
        option("--keep", takes="n", told="Trials per task whose networks are kept.", default="as before"),
    ] = None,
    verdicts: Annotated[
        str | None,
        chosen("--verdicts", told="Trials to cross-examine from now on", among=names.VERDICTS, default="as before"),
    ] = None,
    timeout: Annotated[
        float | None,
        option("--timeout", takes="seconds", told="Count a trial that takes longer as hung.", default="as before"),
    ] = None,
    attempts: Annotated[
        int | None,
        option("--attempts", takes="n", told="Tries of a trial that kills its process.", default="as before"),
    ] = None,
    engine: Engine = "ray",
    address: Address = None,
    slots: Slots = None,
    hours: Hours = None,
    ray_logs: RayLogs = None,
    tensorboard: TensorBoard = None,
    data: Data = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Go on with a run that was interrupted, or give one more trials or tasks."""
    check_finite(random_share=random_share, timeout=timeout, hours=hours)
    use_data(data)
    from itnas.search.sweep import Sweep

    means = means_of(engine, address, slots, hours, ray_logs, tensorboard)
    with stop_request() as stop, Sweep.open(run) as sweep:
        given = {
            "trials": trials,
            "tasks": tasks,
            "sampler": sampler,
            "random_share": random_share,
            "pruner": pruner,
            "confirm": confirm,
            "keep": keep,
            "verdicts": verdicts,
            "timeout": timeout,
            "attempts": attempts,
        }
        sweep.extend(**{name: value for name, value in given.items() if value is not None})
        drive(sweep, means, stop, as_json=as_json, quiet=quiet)
