"""Ray Tune driven by our driver: proposals by the Searcher, pruning by the Scheduler, records by a Callback."""

from __future__ import annotations

import math
import os
import time
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from itnas.allowance import usable_cores
from itnas.datasets.cache import passed_on
from itnas.search.driver import Driver
from itnas.search.job import Failure, Job
from itnas.search.raytune.session import ray_session
from itnas.search.raytune.share import Share, share_of
from itnas.search.raytune.worker import MESSAGES, JobTrainable
from itnas.search.work import Work, perform
from itnas.shown import one_line

HUNG = 0.98  # of its time limit, after which a lost trial counts as hung


def run_on_ray(
    driver: Driver,
    work: Work = perform,
    *,
    address: str | None = None,
    slots: int | None = None,
    tasks: Mapping[str, type] | None = None,
    logs: Path | None = None,
) -> None:
    """Run until the driver has nothing left, or is asked to stop. `tasks`: users' tasks by the names that jobs use."""
    environment = passed_on()
    cores = usable_cores() if address is None else None  # a local Ray would count by rules of its own
    with ray_session(address, cpus=cores, logs=logs) as session:
        share = share_of(session.nodes, slots, driver.settings.devices_per_trial)
        link = _Link(driver, share)
        os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(share.slots)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _tuner(link, session.folder, work, dict(tasks or {}), environment).fit()
    if link.error is not None:
        raise link.error
    for job in list(driver.running.values()):
        driver.release(job)


def _tuner(link: _Link, folder: Path, work: Work, tasks: dict[str, type], environment: dict[str, str]) -> tune.Tuner:
    share = link.share
    trainable = tune.with_parameters(
        JobTrainable, work=work, tasks=tasks, threads=share.threads, environment=environment
    )
    return tune.Tuner(
        tune.with_resources(trainable, {"cpu": share.cpu, "gpu": share.gpu}),
        tune_config=tune.TuneConfig(
            search_alg=_Proposals(link), scheduler=_Pruning(link), num_samples=-1, reuse_actors=True
        ),
        run_config=tune.RunConfig(
            name="sweep",
            storage_path=str(folder / "t"),
            stop=_StopOnDemand(link),
            callbacks=[_Recording(link)],
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=0),
            # The class default saves at the end, and fails every trial that cannot.
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False, checkpoint_frequency=0),
        ),
    )


class _Link:
    """What searcher, scheduler, stopper and callback share. An exception in them would be lost in Tune: it is kept, the
    experiment stopped, and the exception raised afterwards."""

    def __init__(self, driver: Driver, share: Share) -> None:
        self.driver, self.share = driver, share
        self.jobs: dict[str, Job] = {}  # by Tune's trial id
        self.begun: dict[str, float] = {}
        self.error: BaseException | None = None

    @property
    def over(self) -> bool:
        return self.error is not None or self.driver.stop()

    def next(self, trial_id: str) -> dict[str, Any] | str | None:
        if self.over:
            # With None, Tune would ask again and again while nothing runs, and never ask whether to stop.
            return Searcher.FINISHED
        if len(self.jobs) >= self.share.slots:
            return None
        job = self.guarded(self.driver.next_job)
        if job is not None:
            self.jobs[trial_id] = job
            return {"job": job.to_json()}
        return Searcher.FINISHED if self.guarded(lambda: self.driver.finished) else None

    def take(self, trial_id: str, messages: list[Any]) -> bool:
        """Whether the trial should stop."""
        stop = False
        for message in messages:
            job = self.jobs.get(trial_id)
            if job is not None and self.guarded(partial(self.driver.take, job, message)):
                stop = True
        if stop:
            self.end(trial_id)
        return stop

    def end(self, trial_id: str) -> None:
        """Nothing more is to come of a trial."""
        self.jobs.pop(trial_id, None)
        self.begun.pop(trial_id, None)

    def lost(self, trial_id: str, reason: str) -> None:
        job = self.jobs.pop(trial_id, None)
        if job is None or self.over:
            return
        seconds = time.monotonic() - self.begun.pop(trial_id, math.inf)
        if job.timeout is not None and seconds >= HUNG * job.timeout:
            hung = Failure(f"hung: it had not ended after {job.timeout:g} seconds, and its process was ended")
            self.guarded(lambda: self.driver.take(job, hung))
        else:
            self.guarded(lambda: self.driver.lost(job, reason))

    def guarded(self, action: Callable[[], Any]) -> Any:
        if self.error is not None:
            return None
        try:
            return action()
        except BaseException as error:
            self.error = error
            return None


class _Unpickled:
    """Tune writes its parts to disk; ours hold a database, and are never read back."""

    def __init__(self, link: _Link) -> None:
        self.link = link

    def __getstate__(self) -> dict[str, Any]:
        return {}


class _Proposals(_Unpickled, Searcher):
    """Suggests the driver's next job."""

    def __init__(self, link: _Link) -> None:
        Searcher.__init__(self, metric=None, mode=None)
        _Unpickled.__init__(self, link)

    def suggest(self, trial_id: str) -> Any:
        return self.link.next(trial_id)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Told by the callback."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing: runs are resumed from run.db."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing."""


class _Pruning(_Unpickled, FIFOScheduler):
    """Passes rungs on, and stops whom the driver wants stopped. Trials start in the order of their proposals."""

    def __init__(self, link: _Link) -> None:
        FIFOScheduler.__init__(self)  # type: ignore[no-untyped-call]
        _Unpickled.__init__(self, link)

    def on_trial_result(self, tune_controller: TuneController, trial: Trial, result: dict[str, Any]) -> str:
        stop = self.link.take(trial.trial_id, result.get(MESSAGES, []))
        return str(TrialScheduler.STOP if stop else TrialScheduler.CONTINUE)

    def choose_trial_to_run(self, tune_controller: TuneController) -> Trial | None:
        # The controller's own queue is first in, first out; looking through all trials would cost more with each.
        return None


class _Recording(_Unpickled, tune.Callback):
    """Takes the last messages of a trial, and its arrays out of what Tune keeps and writes."""

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        messages = result.pop(MESSAGES, [])
        # Results of trials that go on have been through the scheduler, which is not asked about the last one.
        if result.get("done") and trial.trial_id in self.link.jobs:
            self.link.take(trial.trial_id, messages)
            self.link.end(trial.trial_id)

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        # Its time counts from here; it may have waited for a place, or for its process.
        self.link.begun[trial.trial_id] = time.monotonic()

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self.link.lost(trial.trial_id, _cause(trial))


def _cause(trial: Trial) -> str:
    """Why a trial was lost, from the text that Tune keeps beside the trial."""
    path = trial.error_file
    try:
        text = Path(path).read_text(errors="replace") if path else ""
    except OSError:
        text = ""
    if "low on memory" in text or "OutOfMemoryError" in text:
        return "its process was ended, as the machine ran out of memory"
    if "its node has died" in text:
        return "its node was lost"
    if "worker process has died" in text or "ActorDiedError" in text:
        return "its process died"
    if "RayTaskError" in text:
        return f"its process failed: {one_line(text.strip().splitlines()[-1])}"
    return "its process or its node was lost"


class _StopOnDemand(_Unpickled, tune.Stopper):
    """Ends the experiment when somebody asked for that, or when something failed that is no trial's fault."""

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        return self.link.over
