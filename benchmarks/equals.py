"""Specialists with the parameters of what was searched, trained as a sweep confirms."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import Any

import torch

from itnas.allowance import usable_cores
from itnas.genome import Genome
from itnas.run import Run
from itnas.scaling import with_parameters
from itnas.search.confirm import Candidate
from itnas.search.job import Outcome
from itnas.search.jobs import confirmation_job
from itnas.search.settings import SweepSettings
from itnas.search.work import perform
from itnas.tasks import find

from .sweeps import between, difference


def searched_beside_equals(run: Run, specialists: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """The best searched genome of each task beside specialists (None: the best one) at the width that gives them its
    parameters, on the seeds of the confirmations, at the learning rate that the sweep's own specialist settled on."""
    settings = SweepSettings.from_dict(run.settings)
    confirmed = {row["trial"]: row for row in run.reader.confirmations() if row["state"] == "complete"}
    pairs, rows = list(_pairs(run, specialists)), []
    equals = [
        with_parameters(Genome.from_dict(run.reader.genome(trial["genome"])), find(task), best["parameters"])
        for task, best, trial in pairs
    ]
    # One thread each, as the workers of a sweep have.
    with ProcessPoolExecutor(
        usable_cores(), multiprocessing.get_context("spawn"), torch.set_num_threads, (1,)
    ) as processes:
        trials = [trial for _, _, trial in pairs]
        results = processes.map(_confirmed, trials, equals, [settings] * len(pairs))
        for (task, best, trial), equal, result in zip(pairs, equals, results, strict=True):
            score = result["test_score"]
            its = {"test_score": score["mean"], "test_low": score["low"], "replicas": score["replicas"]}
            rows.append(
                {
                    "task": task,
                    "searched": confirmed[best["number"]]["test_score"],
                    "parameters": best["parameters"],
                    "specialist": trial["name"],
                    "width": equal.width,
                    "its parameters": result["parameters"],
                    "its score": score["mean"],
                    "95 %": between(score["low"], score["high"]),
                    "difference (95 %)": difference(confirmed[best["number"]], its),
                }
            )
            print(rows[-1], file=sys.stderr, flush=True)
    return rows


def _pairs(run: Run, specialists: Sequence[str] | None) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Each task with the trial of its best searched genome and that of a specialist."""
    for found in {row["task"]: row for row in run.finding_rows()}.values():
        for trial in run.reader.trials(found["task"]):
            trained = trial["origin"] == "specialist" and trial["state"] == "complete"
            if trained and trial["name"] in ((found["specialist"],) if specialists is None else specialists):
                yield found["task"], run.reader.trial(found["best_trial"]), trial


def _confirmed(trial: dict[str, Any], genome: Genome, settings: SweepSettings) -> dict[str, Any]:
    """The result of confirming another genome in a trial's place."""
    candidate = Candidate(trial["number"], trial["task"], genome.hash)
    job = confirmation_job(candidate, genome.to_dict(), trial["learning_rate"], settings)
    *_, last = perform(replace(job, keep_from=None, explain_from=None))
    if not isinstance(last, Outcome):
        raise SystemExit(f"{trial['name']} on {trial['task']}: {last}")
    return last.result
