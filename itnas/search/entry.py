"""`itnas.search(...)`: a sweep from Python."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from itnas.run import Run
from itnas.search.checks import check_data, check_device
from itnas.search.profiles import profile as settings_of
from itnas.search.settings import SweepSettings
from itnas.search.sweep import Means, Sweep, default_folder
from itnas.signals import stop_request
from itnas.space import Space


def run_search(
    space: Space | str | Path,
    tasks: Sequence[str] | str,
    *,
    run: str | Path | None = None,
    engine: str = "ray",
    address: str | None = None,
    slots: int | None = None,
    hours: float | None = None,
    profile: str = "default",
    **settings: Any,
) -> Run:
    """Search a space for each of the tasks; the run, whose tables hold what was found.

    `settings`: those of `SweepSettings` (trials, replicas, steps, seed, sampler, ...), over those of the profile.
    `engine`: "ray", or "inline" for one trial after another in this process. Ctrl-C stops at the next safe point;
    `itnas.search.resume(run)` goes on from there.
    """
    found = space if isinstance(space, Space) else Space.load(space)
    labels = [tasks] if isinstance(tasks, str) else list(tasks)
    chosen = SweepSettings.from_dict(settings_of(profile) | settings | {"tasks": labels}, "search")
    means = Means(engine=engine, address=address, slots=slots, hours=hours)
    check_device(chosen, address)
    check_data(chosen, address)
    folder = default_folder(found, chosen) if run is None else Path(run)
    # Before there is a run that `itnas stop` can find.
    with stop_request() as stop, Sweep.create(folder, found, chosen) as sweep:
        sweep.run(means, stop=stop)
    return Run(folder)


def run_again(
    run: str | Path,
    *,
    engine: str = "ray",
    address: str | None = None,
    slots: int | None = None,
    hours: float | None = None,
    **changes: Any,
) -> Run:
    """Go on with a run: one that was interrupted, or one that is to have more trials or tasks.

    `changes`: trials, tasks, sampler, random_share, pruner, confirm, keep, verdicts, timeout, attempts.
    """
    means = Means(engine=engine, address=address, slots=slots, hours=hours)
    with stop_request() as stop, Sweep.open(Path(run)) as sweep:
        sweep.extend(**changes)
        sweep.run(means, stop=stop)
    return Run(run)


class Search:
    """`itnas.search(...)` and `itnas.search.resume(...)`, as type checkers see them."""

    __call__ = staticmethod(run_search)
    resume = staticmethod(run_again)


search = Search()
