"""A sweep from its start to its end, however often it is interrupted in between."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from itnas.registry import check_choice
from itnas.search.afterwards import examine_kept
from itnas.search.checks import check_data, check_device, check_distinct, check_settings
from itnas.search.circumstances import levels, machine, versions
from itnas.search.driver import Driver, OnChange, ignore
from itnas.search.feasible import check_feasible
from itnas.search.inline import run_inline
from itnas.search.proposer import Event, Proposer
from itnas.search.record import Recorder
from itnas.search.settings import SweepSettings
from itnas.search.tensorboard import logged
from itnas.search.work import Work, perform
from itnas.shown import typed
from itnas.space import Space
from itnas.store import RunError, RunLock, RunReader, RunWriter
from itnas.store.summary import spent
from itnas.tasks import find

ENGINES = ("ray", "inline")
# What a start that was killed may leave behind before there is a run.
BEGUN = ("driver.lock", ".run.db.new")


@dataclass(frozen=True)
class Means:
    """What a sweep runs on. It shapes no result."""

    engine: str = "ray"
    address: str | None = None
    slots: int | None = None
    hours: float | None = None
    ray_logs: Path | None = None
    tensorboard: Path | None = None

    def __post_init__(self) -> None:
        check_choice("engine", self.engine, ENGINES)
        if self.engine == "inline" and self.address is not None:
            raise ValueError("--address joins a Ray cluster, which --engine inline does not use: leave one of them out")
        if self.engine == "inline" and self.slots not in (None, 1):
            raise ValueError("--engine inline runs one trial at a time: leave --slots out, or use --engine ray")
        if self.engine == "inline" and self.ray_logs is not None:
            raise ValueError("--ray-logs keeps a Ray's logs, and --engine inline starts none: leave one of them out")
        if self.slots is not None and self.slots < 1:
            raise ValueError(f"slots must be at least 1, got {self.slots}")
        if self.hours is not None and not 0 < self.hours < math.inf:
            raise ValueError(f"hours must be positive, got {self.hours}")


class Sweep:
    """A run opened to be driven: nobody else can drive it meanwhile."""

    def __init__(self, folder: Path, lock: RunLock, writer: RunWriter) -> None:
        self.folder, self.lock, self.writer = folder, lock, writer

    def __enter__(self) -> Sweep:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.writer.__exit__(kind, error, trace)
        self.lock.__exit__(kind, error, trace)

    @classmethod
    def create(cls, folder: Path, space: Space, settings: SweepSettings) -> Sweep:
        """A new run. The folder must not hold anything yet."""
        check_settings(settings)
        check_distinct(settings)
        check_feasible(space, settings, settings.tasks)
        folder = folder.resolve()
        if folder.exists() and not folder.is_dir():
            raise RunError(f"{folder} is a file: name a folder")
        if folder.is_dir() and not all(path.name.startswith(BEGUN) for path in folder.iterdir()):
            raise RunError(
                f"{folder} is not empty: go on with `itnas resume {typed(folder)}`, or name another with --run"
            )
        about = {"versions": versions(), "levels": levels(settings)}
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            lock = stack.enter_context(RunLock(folder))
            writer = stack.enter_context(RunWriter(folder, new=True))
            with writer.transaction(durable=True):
                writer.set("space", {"name": space.name, "text": space.text})
                writer.set("settings", settings.to_dict())
                writer.set("created", time.time())
                writer.set("state", "created")
                for name, value in about.items():
                    writer.set(name, value)
                writer.event("settings", None, None, settings.to_dict())
            stack.pop_all()
        return cls(folder, lock, writer)

    @classmethod
    def open(cls, folder: Path) -> Sweep:
        """A run that is there, to go on with."""
        folder = folder.resolve()
        RunReader(folder)  # says what is wrong with the folder
        with ExitStack() as stack:
            lock = stack.enter_context(RunLock(folder))
            writer = stack.enter_context(RunWriter(folder))
            stack.pop_all()
        return cls(folder, lock, writer)

    def extend(self, **changes: Any) -> None:
        """More trials, more tasks (beside those that it has), another sampler: from here on."""
        before = self.settings
        if "tasks" in changes:
            added = [task for task in changes["tasks"] if task not in before.tasks]
            changes = changes | {"tasks": [*before.tasks, *added]}
        settings = before.changed(**changes)
        if settings == before:
            return
        check_settings(settings)
        if settings.trials < before.trials:
            self._check_room(settings)
        if settings.tasks != before.tasks:
            check_distinct(settings)
        check_feasible(self.space, settings, [task for task in settings.tasks if task not in before.tasks])
        with self.writer.transaction(durable=True):
            self.writer.set("settings", settings.to_dict())
            self.writer.set("levels", levels(settings))
            self.writer.event("settings", None, None, settings.to_dict())

    def _check_room(self, settings: SweepSettings) -> None:
        """Refuse fewer trials than there are."""
        counts = "SELECT task, count(*) AS n FROM trials WHERE state != 'infeasible' GROUP BY task ORDER BY n DESC"
        for row in self.writer.rows(counts):
            if settings.trials < row["n"]:
                raise ValueError(
                    f"trials must be at least {row['n']}, as many as there are on {row['task']}, got {settings.trials}"
                )

    @property
    def settings(self) -> SweepSettings:
        return SweepSettings.from_dict(self._value("settings"), f"{self.folder}")

    @property
    def space(self) -> Space:
        stored = self._value("space")
        return Space.parse(stored["text"], stored["name"])

    def run(
        self,
        means: Means,
        *,
        stop: Callable[[], bool] = lambda: False,
        on_change: OnChange = ignore,
        work: Work = perform,
    ) -> str:
        """Go on until all is done (`ended`), the time is up (`late`), or somebody asks to stop (`interrupted`)."""
        check_data(self.settings, means.address)
        proposer = Proposer(self.space, self._first_settings())
        for event in self._events():
            proposer.restore(event)
        deadline = math.inf if means.hours is None else time.monotonic() + 3600 * means.hours
        told = on_change if means.tensorboard is None else logged(means.tensorboard, on_change)
        driver = Driver(Recorder(self.writer), proposer, deadline=deadline, stop=stop, on_change=told)
        left = RunReader(self.folder).last() or time.time()
        self._settle_before(driver.recorder)
        self._state("running", means, left)
        started, state = time.monotonic(), "interrupted"
        try:
            driver.adopt(left)
            if not driver.finished:
                _execute(driver, means, work)
            looked = not driver.finished or self._examine(driver.recorder, stop)
            if driver.finished and looked:
                state = "late" if driver.late and proposer.wanting() else "ended"
        finally:
            seconds = self._value("seconds", 0.0) + time.monotonic() - started
            with self.writer.transaction(durable=True):
                self.writer.set("state", state)
                self.writer.set("seconds", seconds)
        if state == "ended":
            self.writer.settle()
        return state

    def _settle_before(self, recorder: Recorder) -> None:
        """What the driver before this one has to answer for, and what a new one is to try again."""
        state, before = self._value("state"), self._value("means", {})
        if state == "running" and before.get("engine") == "ray":
            # It was killed. A trial cannot have done that: each has a process of its own.
            recorder.absolve()
        if state in ("ended", "late"):
            recorder.reconsider()

    def _examine(self, recorder: Recorder, stop: Callable[[], bool]) -> bool:
        """Confirmed networks that have no verdicts yet, as they were not asked for when they were trained."""
        settings = self.settings
        return settings.verdicts == "none" or examine_kept(recorder, self.folder, settings.copies, stop=stop)

    def _first_settings(self) -> SweepSettings:
        """Those that the log begins with; later ones follow in it."""
        return SweepSettings.from_dict(next(iter(self._events())).data, str(self.folder))

    def _events(self) -> list[Event]:
        return events_of(RunReader(self.folder))

    def _state(self, state: str, means: Means, left: float) -> None:
        """`left`: when a driver wrote last; one that was killed could not say how long it had taken."""
        seconds = spent(RunReader(self.folder).sweep(), left)
        with self.writer.transaction():
            self.writer.set("seconds", seconds)
            self.writer.set("state", state)
            self.writer.set("session", time.time())
            self.writer.set("means", {"engine": means.engine, "address": means.address, "slots": means.slots})
            self.writer.set("versions", versions())
            self.writer.set("machine", machine())

    def _value(self, key: str, default: Any = None) -> Any:
        found = self.writer.rows("SELECT value FROM sweep WHERE key = ?", key)
        return json.loads(found[0]["value"]) if found else default


def events_of(reader: RunReader) -> list[Event]:
    """A run's log in its order."""
    return [Event(row["kind"], row["task"], row["trial"], row["data"]) for row in reader.events()]


def _execute(driver: Driver, means: Means, work: Work) -> None:
    check_device(driver.settings, means.address)
    if means.engine == "inline":
        run_inline(driver, work)
        return
    from itnas.search.raytune import run_on_ray

    tasks = {label: type(find(label)) for label in driver.settings.tasks}
    users = {label.partition("/")[0]: kind for label, kind in tasks.items() if ":" in label}
    run_on_ray(driver, work, address=means.address, slots=means.slots, tasks=users, logs=means.ray_logs)


def default_folder(space: Space, settings: SweepSettings) -> Path:
    """A new folder under runs/ that says what it holds."""
    tasks = "-".join(re.sub(r"[^A-Za-z0-9=.]+", "_", task) for task in settings.tasks[:2])
    more = f"-and-{len(settings.tasks) - 2}-more" if len(settings.tasks) > 2 else ""
    base = f"{space.name}-{tasks}{more}-{time.strftime('%Y%m%d-%H%M%S')}"
    folder, number = Path("runs") / base, 1
    while folder.exists():
        number += 1
        folder = Path("runs") / f"{base}-{number}"
    return folder
