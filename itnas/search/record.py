"""What is written of a sweep, and when: arrays first, then the rows that tell of them, in one transaction."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from itnas.plain import plain
from itnas.search.confirm import Candidate
from itnas.search.job import Failure, Job, Outcome, Phase, Rung
from itnas.search.jobs import confirmation_job, trial_job
from itnas.search.proposer import Event, Proposal
from itnas.search.settings import SweepSettings
from itnas.store import RunWriter


class Recorder:
    """Turns what happens into rows of run.db."""

    def __init__(self, writer: RunWriter) -> None:
        self.writer = writer

    def propose(self, events: Sequence[Event], proposals: Sequence[Proposal]) -> None:
        """A trial's attempt is committed before it starts."""
        with self.writer.transaction():
            self._log(events)
            for proposal in proposals:
                self._trial(proposal)

    def _trial(self, proposal: Proposal) -> None:
        genome, now, runs = proposal.genome, time.time(), proposal.infeasible is None
        self.writer.genome(genome.hash, genome.to_dict())
        row = {
            "number": proposal.trial,
            "task": proposal.task,
            "genome": genome.hash,
            "name": proposal.name,
            "origin": proposal.origin,
            "state": "running" if runs else "infeasible",
            "attempt": int(runs),
            "rung": 0,
            "started": now,
            "finished": None if runs else now,
            "reason": proposal.infeasible,
            "repeat": proposal.repeat,
        }
        self.writer.put("trials", [row], replace=False)

    def begin_confirmation(self, candidate: Candidate) -> None:
        row = {
            "trial": candidate.trial,
            "task": candidate.task,
            "state": "running",
            "attempt": 1,
            "started": time.time(),
        }
        with self.writer.transaction():
            self.writer.put("confirmations", [row])

    def attempt(self, job: Job) -> None:
        """Another attempt begins: what the one before it left is forgotten."""
        with self.writer.transaction():
            self._forget(job.trial, job.phase)
            begun = {"attempt": job.attempt, "started": time.time(), "state": "running", "worker": None}
            self._update(job, begun | ({"rung": 0} if job.phase == "search" else {}))

    def _forget(self, trial: int, phase: Phase) -> None:
        for table in ("history", "replicas", "layers"):
            self.writer.forget(table, trial, phase)

    def release(self, job: Job) -> None:
        """The attempt was ended by us."""
        with self.writer.transaction():
            self._update(job, {"attempt": job.attempt - 1})

    def absolve(self) -> None:
        """What was left running counts no attempt: its driver was killed, and nothing that ran in it."""
        with self.writer.transaction():
            for table, key in (("trials", "number"), ("confirmations", "trial")):
                for row in self.writer.rows(f"SELECT * FROM {table} WHERE state = 'running'"):
                    self.writer.update(table, key, row[key], {"attempt": max(row["attempt"] - 1, 0)})

    def reconsider(self) -> None:
        """Confirmations that failed are yet to be done."""
        with self.writer.transaction():
            for row in self.writer.rows("SELECT trial FROM confirmations WHERE state = 'failed'"):
                self._forget(row["trial"], "confirm")
                self.writer.remove("confirmations", "trial", row["trial"])

    def note(self, kind: str, job: Job, text: str) -> None:
        """An entry of the log that no replay needs."""
        with self.writer.transaction():
            data = {"phase": job.phase, "attempt": job.attempt, "text": text}
            self.writer.event(kind, job.task, job.trial, data)

    def rung(self, job: Job, rung: Rung, event: Event | None, worker: str | None) -> None:
        with self.writer.transaction():
            self._rung(job, rung, [] if event is None else [event], worker)

    def _rung(self, job: Job, rung: Rung, events: Sequence[Event], worker: str | None) -> None:
        self._log(events)
        rows = [
            {
                "trial": job.trial,
                "phase": job.phase,
                "rung": rung.rung,
                "replica": replica,
                "step": rung.step,
                "seconds": rung.seconds,
                "loss": loss,
                "score": score,
            }
            for replica, (loss, score) in enumerate(zip(rung.losses, rung.scores, strict=True))
        ]
        self.writer.put("history", rows)
        reached = {"rung": rung.rung} if job.phase == "search" else {}
        self._update(job, reached | {"worker": worker})

    def prune(self, job: Job, rung: Rung, events: Sequence[Event], worker: str | None) -> None:
        """Stopped early: what it scored there is in its history, and no score of the trial's."""
        reason = f"pruned at rung {rung.rung} of {len(job.rungs)}, where it scored {rung.score:.4f}"
        with self.writer.transaction(durable=True):
            self._rung(job, rung, events, worker)
            ended = {"state": "pruned", "finished": time.time(), "seconds": rung.seconds}
            self._update(job, ended | {"reason": reason})

    def complete(self, job: Job, outcome: Outcome, event: Event, worker: str | None, settings: SweepSettings) -> None:
        """A finished trial. Weights are kept of the best few of a task; whom they push out loses theirs."""
        result, score = outcome.result, outcome.result["score"]
        kept, dropped = self._keep(job, outcome, score["mean"], settings)
        with self.writer.transaction(durable=True):
            self._log([event])
            self._finished(job, outcome, worker)
            costs = {"cost": outcome.cost(settings.cost), "parameters": result["parameters"]}
            self._update(job, costs | {"flops": outcome.flops, "learning_rate": result["learning_rate"]})
            self._rows_of(job, outcome)
            self.writer.put("kept", kept)
            for row in dropped:
                self.writer.unkeep(row["path"])
        for row in dropped:
            self.writer.arrays.drop(row["path"])

    def confirm(self, job: Job, outcome: Outcome, worker: str | None) -> None:
        """A genome trained again: its networks are always kept."""
        test = outcome.result["test_score"]
        kept = [self._write(job, what, files) for what, files in outcome.files.items()]
        with self.writer.transaction(durable=True):
            self._finished(job, outcome, worker)
            tested = {"test_score": test["mean"], "test_low": test["low"], "test_high": test["high"]}
            about = {"replicas": len(outcome.result["replicas"]), "learning_rate": outcome.result["learning_rate"]}
            self._update(job, tested | about)
            self._rows_of(job, outcome)
            self.writer.put("kept", kept)

    def unexamined(self) -> list[dict[str, Any]]:
        """Confirmed trials whose networks were kept, and never looked at: `trial`, and `path` of the networks."""
        return self.writer.rows(
            "SELECT kept.trial, kept.path FROM kept JOIN confirmations AS own ON own.trial = kept.trial "
            "WHERE kept.phase = 'confirm' AND kept.what = 'weights' AND own.state = 'complete' AND own.reason IS NULL "
            "AND kept.trial NOT IN (SELECT trial FROM layers WHERE phase = 'confirm') ORDER BY kept.trial"
        )

    def examined(self, trial: int, layers: Sequence[Mapping[str, Any]], arrays: bytes) -> None:
        """Verdicts that were given after a confirmation had ended."""
        path = f"kernels/{trial}-confirmed"
        size = self.writer.arrays.keep(path, {"kernels.npz": arrays})
        with self.writer.transaction(durable=True):
            self._layers({"trial": trial, "phase": "confirm"}, layers)
            row = {"trial": trial, "phase": "confirm", "what": "kernels", "path": path, "bytes": size}
            self.writer.put("kept", [row])

    def not_examined(self, trial: int, why: str) -> None:
        with self.writer.transaction(durable=True):
            self.writer.update("confirmations", "trial", trial, {"reason": f"not examined: {why}"})

    def _finished(self, job: Job, outcome: Outcome, worker: str | None) -> None:
        score = outcome.result["score"]
        ended = {
            "state": "complete",
            "score": score["mean"],
            "score_low": score["low"],
            "score_high": score["high"],
            "worker": worker,
            "finished": time.time(),
            "seconds": outcome.seconds,
            "reason": outcome.remarks or None,
        }
        self._update(job, ended)

    def fail(self, job: Job, failure: Failure, event: Event | None, worker: str | None, ended: float) -> None:
        """`ended`: when, in seconds since the epoch."""
        with self.writer.transaction(durable=True):
            if event is not None:
                self._log([event])
            seconds = ended - self._started(job)
            failed = {"state": "failed", "worker": worker, "finished": ended, "seconds": seconds}
            self._update(job, failed | {"reason": failure.reason})
            if failure.log:
                row = {"trial": job.trial, "phase": job.phase, "attempt": job.attempt, "text": failure.log}
                self.writer.put("logs", [row])

    def best_scores(self) -> dict[str, list[float]]:
        """Scores of each task's complete trials, the best first."""
        found: dict[str, list[float]] = {}
        for row in self.writer.rows("SELECT task, score FROM trials WHERE state = 'complete' ORDER BY score DESC"):
            found.setdefault(row["task"], []).append(row["score"])
        return found

    def ended(self, task: str) -> list[dict[str, Any]]:
        """The task's complete trials, with whether they have been confirmed, or tried to."""
        return self.writer.rows(
            "SELECT trials.*, confirmations.trial IS NOT NULL AS confirmed FROM trials "
            "LEFT JOIN confirmations ON confirmations.trial = trials.number "
            "WHERE trials.task = ? AND trials.state = 'complete'",
            task,
        )

    def unfinished(self, settings: SweepSettings) -> list[Job]:
        """What a driver before this one left running, ready for the next attempt."""
        jobs = [
            trial_job(
                row["number"], row["task"], self._genome(row["genome"]), row["repeat"], settings, row["attempt"] + 1
            )
            for row in self.writer.rows("SELECT * FROM trials WHERE state = 'running' ORDER BY number")
        ]
        for row in self.writer.rows(
            "SELECT confirmations.*, trials.genome FROM confirmations "
            "JOIN trials ON trials.number = confirmations.trial WHERE confirmations.state = 'running' ORDER BY trial"
        ):
            candidate = Candidate(row["trial"], row["task"], row["genome"])
            jobs.append(self.confirmation(candidate, settings, row["attempt"] + 1))
        return jobs

    def confirmation(self, candidate: Candidate, settings: SweepSettings, attempt: int = 1) -> Job:
        """The job that confirms a trial."""
        (row,) = self.writer.rows("SELECT learning_rate FROM trials WHERE number = ?", candidate.trial)
        return confirmation_job(candidate, self._genome(candidate.genome), row["learning_rate"], settings, attempt)

    def _genome(self, name: str) -> dict[str, Any]:
        (row,) = self.writer.rows("SELECT document FROM genomes WHERE hash = ?", name)
        found: dict[str, Any] = json.loads(row["document"])
        return found

    def _log(self, events: Sequence[Event]) -> None:
        for event in events:
            self.writer.event(event.kind, event.task, event.trial, event.data)

    def _started(self, job: Job) -> float:
        """When the attempt began."""
        table, key = ("trials", "number") if job.phase == "search" else ("confirmations", "trial")
        (row,) = self.writer.rows(f"SELECT started FROM {table} WHERE {key} = ?", job.trial)
        return float(row["started"])

    def _update(self, job: Job, changes: dict[str, Any]) -> None:
        if job.phase == "search":
            self.writer.update("trials", "number", job.trial, changes)
        else:
            self.writer.update("confirmations", "trial", job.trial, changes)

    def _rows_of(self, job: Job, outcome: Outcome) -> None:
        """Replicas, and the layers that were examined."""
        place = {"trial": job.trial, "phase": job.phase}
        rows = outcome.result["replicas"]
        self.writer.put("replicas", [place | {"replica": number} | row for number, row in enumerate(rows)])
        self._layers(place, outcome.layers)

    def _layers(self, place: dict[str, Any], layers: Sequence[Mapping[str, Any]]) -> None:
        told = []
        for row in layers:
            keys = {
                "replica": row["replica"],
                "layer": row["layer"],
                "head": -1 if row["head"] is None else row["head"],
            }
            data = json.dumps(plain(row), allow_nan=False)
            told.append(place | keys | {"family": row["family"], "data": data})
        self.writer.put("layers", told)

    def _keep(
        self, job: Job, outcome: Outcome, score: float, settings: SweepSettings
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Write the arrays of a trial that is among the best; rows to add, and rows of those it pushes out."""
        if not outcome.files:
            return [], []
        there = self.writer.rows(
            "SELECT kept.*, trials.score FROM kept JOIN trials ON trials.number = kept.trial "
            "WHERE phase = 'search' AND trials.task = ?",
            job.task,
        )
        # Of equal ones the earlier stays.
        ranked = sorted({(-row["score"], row["trial"]) for row in there} | {(-score, job.trial)})
        staying = {trial for _, trial in ranked[: settings.keep]}
        dropped = [row for row in there if row["trial"] not in staying]
        if job.trial not in staying:
            return [], dropped
        return [self._write(job, what, files) for what, files in outcome.files.items()], dropped

    def _write(self, job: Job, what: str, files: Mapping[str, bytes]) -> dict[str, Any]:
        path = f"{what}/{job.trial}" + ("-confirmed" if job.phase == "confirm" else "")
        size = self.writer.arrays.keep(path, files)
        return {"trial": job.trial, "phase": job.phase, "what": what, "path": path, "bytes": size}
