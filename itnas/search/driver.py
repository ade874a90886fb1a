"""The one code path of every executor: what runs next, what a message means, and what is written of it.

An executor asks `next_job`, passes on what comes of a job to `take`, or tells that its worker was `lost` or that it was
`released` unfinished. Everything is in run.db before the executor goes on.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from itnas.search.confirm import Candidate, to_confirm
from itnas.search.job import Failure, Job, Message, Outcome, Phase, Rung, Started
from itnas.search.jobs import trial_job
from itnas.search.proposer import Proposer
from itnas.search.record import Recorder
from itnas.search.settings import SweepSettings
from itnas.shown import counted

OnChange = Callable[[str, Job, Message | None], None]


def ignore(_what: str, _job: Job, _message: Message | None) -> None:
    """Nobody wants to know."""


class Driver:
    """A sweep under way. `deadline`: time.monotonic() from which no new trial is proposed."""

    def __init__(
        self,
        recorder: Recorder,
        proposer: Proposer,
        *,
        deadline: float = math.inf,
        stop: Callable[[], bool] = lambda: False,
        on_change: OnChange = ignore,
    ) -> None:
        self.recorder, self.proposer, self.deadline, self.stop = recorder, proposer, deadline, stop
        self.on_change = on_change
        self.running: dict[tuple[int, Phase], Job] = {}
        self.workers: dict[tuple[int, Phase], str] = {}
        self.again: deque[Job] = deque()  # to be run once more
        self.confirming: dict[str, deque[Candidate]] = {}
        self.best = recorder.best_scores()

    @property
    def settings(self) -> SweepSettings:
        return self.proposer.settings

    def adopt(self, left: float) -> None:
        """Take over what a driver before this one left running. `left`: when it wrote last; nothing has run since."""
        for job in self.recorder.unfinished(self.settings):
            if job.attempt > self.settings.attempts:
                times = counted(job.attempt - 1, "time")
                self._fail(job, Failure(f"was running when its process ended, {times}"), left)
            else:
                self.again.append(job)

    @property
    def late(self) -> bool:
        return time.monotonic() >= self.deadline

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to run, nor will be."""
        if self.running or self.again:
            return False
        if not self.late and self.proposer.wanting():
            return False
        return not any(self._candidates(task) for task in self.settings.tasks)

    def next_job(self) -> Job | None:
        """What to run now; None: nothing yet, or nothing any more."""
        if self.stop():
            return None
        job = self._again() or self._new_trial() or self._confirmation()
        if job is not None:
            self.running[job.trial, job.phase] = job
            self.on_change("started", job, None)
        return job

    def take(self, job: Job, message: Message) -> bool:
        """Write down what came of a job; whether it should stop here."""
        key = (job.trial, job.phase)
        if isinstance(message, Started):
            self.workers[key] = message.worker
            return False
        if isinstance(message, Rung):
            return self._rung(job, message)
        if isinstance(message, Failure):
            if message.retry:
                self.lost(job, message.reason)
            else:
                self._fail(job, message, time.time())
            return False
        self._complete(job, message)
        return False

    def lost(self, job: Job, reason: str) -> None:
        """The worker is gone, or its node is: the fault need not be the trial's."""
        if job.attempt >= self.settings.attempts:
            self._fail(job, Failure(f"{reason} ({job.attempt} attempts)"), time.time())
            return
        self._over(job)
        self.recorder.note("lost", job, reason)
        self.again.append(replace(job, attempt=job.attempt + 1))
        self.on_change("lost", job, None)

    def release(self, job: Job) -> None:
        """A job that was asked to stop: this attempt does not count against it."""
        self._over(job)
        self.recorder.release(job)
        self.again.append(job)
        self.on_change("released", job, None)

    def _again(self) -> Job | None:
        if not self.again:
            return None
        job = self._placed(self.again.popleft())
        self.recorder.attempt(job)
        return job

    def _new_trial(self) -> Job | None:
        wanting = [] if self.late else self.proposer.wanting()
        if not wanting:
            return None
        events, proposals = self.proposer.propose(wanting[0])
        self.recorder.propose(events, proposals)
        new = proposals[-1]
        return self._placed(trial_job(new.trial, new.task, new.genome.to_dict(), new.repeat, self.settings))

    def _confirmation(self) -> Job | None:
        for task in self.settings.tasks:
            waiting = self._candidates(task)
            if waiting:
                candidate = waiting.popleft()
                self.recorder.begin_confirmation(candidate)
                return self.recorder.confirmation(candidate, self.settings)
        return None

    def _candidates(self, task: str) -> deque[Candidate]:
        """Who is still to be confirmed; nobody before all trials of the task have ended."""
        busy = any(job.task == task and job.phase == "search" for job in (*self.running.values(), *self.again))
        searching = not self.late and task in self.proposer.wanting()
        if busy or searching or not self.settings.confirm:
            return deque()
        if task not in self.confirming:
            self.confirming[task] = deque(to_confirm(self.recorder.ended(task), self.settings.confirm))
        return self.confirming[task]

    def _placed(self, job: Job) -> Job:
        """With what is asked of it, given what the others have come to."""
        if job.phase == "confirm":
            return job
        settings, best = self.settings, self.best.get(job.task, [])
        keep = None
        if settings.keep:
            keep = best[settings.keep - 1] if len(best) >= settings.keep else -math.inf
        ahead = {"none": None, "best": _above(best[0]) if best else -math.inf, "all": -math.inf}[settings.verdicts]
        return replace(job, keep_from=keep, explain_from=ahead)

    def _rung(self, job: Job, rung: Rung) -> bool:
        """The last rung is the trial's end: there is nothing left to stop."""
        worker = self.workers.get((job.trial, job.phase))
        if job.phase == "confirm" or rung.rung >= len(job.rungs):
            self.recorder.rung(job, rung, None, worker)
            self.on_change("rung", job, rung)
            return False
        event, stop = self.proposer.report(job.trial, rung.rung, rung.score)
        if not stop:
            self.recorder.rung(job, rung, event, worker)
            self.on_change("rung", job, rung)
            return False
        told = self.proposer.tell(job.trial, None)
        self._over(job)
        self.recorder.prune(job, rung, [event, told], worker)
        self.on_change("pruned", job, rung)
        return True

    def _complete(self, job: Job, outcome: Outcome) -> None:
        worker = self._over(job)
        if job.phase == "confirm":
            self.recorder.confirm(job, outcome, worker)
        else:
            score = outcome.result["score"]["mean"]
            values = [score] + [outcome.cost(name) for name in self.settings.objectives[1:]]
            event = self.proposer.tell(job.trial, values)
            best = self.best.setdefault(job.task, [])
            best.append(score)
            best.sort(reverse=True)
            self.recorder.complete(job, outcome, event, worker, self.settings)
        self.on_change("complete", job, outcome)

    def _fail(self, job: Job, failure: Failure, ended: float) -> None:
        worker = self._over(job)
        event = None if job.phase == "confirm" else self.proposer.tell(job.trial, None)
        self.recorder.fail(job, failure, event, worker, ended)
        self.on_change("failed", job, failure)

    def _over(self, job: Job) -> str | None:
        """The attempt has ended; the worker that it ran on, if it came to run at all."""
        key = (job.trial, job.phase)
        self.running.pop(key, None)
        return self.workers.pop(key, None)


def _above(score: float) -> float:
    return math.nextafter(score, math.inf)
