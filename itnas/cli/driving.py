"""Running a sweep from the command line: the options that say by what means, and how it ends."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from itnas.cli import complete, names
from itnas.cli.endings import INTERRUPTED, NO_SUCCESS, say
from itnas.cli.findings_view import all_findings, print_findings
from itnas.cli.options import option
from itnas.cli.screen import say_json
from itnas.cli.targets import check_folder
from itnas.shown import counted, typed

if TYPE_CHECKING:
    from itnas.search.sweep import Means, Sweep
    from itnas.signals import StopRequest

Engine = Annotated[
    str,
    option(
        "--engine",
        takes="name",
        told="Run trials by ray, or inline: one after another.",
        default="ray",
        complete=complete.among(names.ENGINES),
    ),
]
Slots = Annotated[
    int | None, option("--slots", takes="n", told="Run so many trials at once.", default="one per CPU, or two per GPU")
]
Hours = Annotated[
    float | None, option("--hours", takes="x", told="Start no new trial after so long; the best are then confirmed.")
]
RayLogs = Annotated[
    Path | None, option("--ray-logs", takes="folder", told="Keep the logs of a local Ray in this folder.")
]
TensorBoard = Annotated[
    Path | None, option("--tensorboard", takes="folder", told="Also log scores for TensorBoard there.")
]


def means_of(
    engine: str, address: str | None, slots: int | None, hours: float | None, ray_logs: Path | None, board: Path | None
) -> Means:
    """By what means, where that can be: folders for logs included."""
    from itnas.search.sweep import Means

    check_folder("--ray-logs", ray_logs)
    check_folder("--tensorboard", board)
    return Means(engine=engine, address=address, slots=slots, hours=hours, ray_logs=ray_logs, tensorboard=board)


def drive(sweep: Sweep, means: Means, stop: StopRequest, *, as_json: bool, quiet: bool) -> None:
    """Run it, say what came of it, and end as the contract has it: 0, 3 without a success, 130 interrupted."""
    from itnas.cli.sweep_view import sweep_progress
    from itnas.run import Run
    from itnas.store import RunReader

    reader = RunReader(sweep.folder)
    with sweep_progress(reader, quiet=quiet) as on_change:
        state = sweep.run(means, stop=stop, on_change=on_change)
    run = Run(sweep.folder)
    if state == "interrupted":
        say(f"interrupted; `itnas resume {typed(sweep.folder)}` goes on")
        raise typer.Exit(INTERRUPTED)
    if state == "late" and not quiet:
        say(f"the time is up; `itnas resume {typed(sweep.folder)}` goes on")
    if as_json:
        say_json({"run": sweep.folder, "state": state, "findings": all_findings(run)})
    else:
        print_findings(run)
    if not any(row["state"] == "complete" for row in reader.trials()):
        say(f"no trial succeeded: see `itnas trials {typed(sweep.folder)}`")
        raise typer.Exit(NO_SUCCESS)
    failed = [row for row in reader.confirmations() if row["state"] == "failed"]
    if failed:
        told, where = counted(len(failed), "confirmation"), typed(sweep.folder)
        say(f"{told} failed: see `itnas status {where}`; `itnas resume {where}` tries again")
