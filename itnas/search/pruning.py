"""Which trials are stopped early: an Optuna pruner on a shadow study of one objective decides, for every executor."""

from __future__ import annotations

import math

import optuna
from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.trial import TrialState, create_trial

STARTUP_TRIALS = 5  # trials of a task before the first may be stopped
# Share of a trial's budget in which it is left alone: networks that find out late how a task is solved look until then
# like those that never do.
WARMUP = 0.4


def make_pruner(name: str, rungs: int) -> BasePruner:
    first = math.floor(WARMUP * rungs) + 1  # rung at which a trial may be stopped
    if name == "median":
        return MedianPruner(n_startup_trials=STARTUP_TRIALS, n_warmup_steps=first)
    if name == "halving":
        return SuccessiveHalvingPruner(min_resource=first, reduction_factor=2)
    return NopPruner()


class Shadow:
    """All trials of one task, whoever proposed them, with the score at each rung."""

    def __init__(self, pruner: str, rungs: int) -> None:
        self.rungs = rungs
        self.study = optuna.create_study(direction="maximize", pruner=make_pruner(pruner, rungs))
        self.numbers: dict[int, int] = {}  # trial -> its number in the shadow study

    def set_pruner(self, pruner: str) -> None:
        self.study.pruner = make_pruner(pruner, self.rungs)

    def add(self, trial: int) -> None:
        self.numbers[trial] = len(self.numbers)
        self.study.add_trial(create_trial(state=TrialState.RUNNING))

    def report(self, trial: int, rung: int, score: float) -> bool:
        """Take in a score; whether the trial should stop here. A trial that is run again reports the same again."""
        storage, number = self.study._storage, self.numbers[trial]
        frozen = self.study.get_trials(deepcopy=False)[number]
        storage.set_trial_intermediate_value(frozen._trial_id, rung, score)
        return bool(self.study.pruner.prune(self.study, storage.get_trial(frozen._trial_id)))

    def end(self, trial: int, score: float | None) -> None:
        """The trial is over: complete with a score, or not complete."""
        storage = self.study._storage
        frozen = self.study.get_trials(deepcopy=False)[self.numbers[trial]]
        if score is None:
            storage.set_trial_state_values(frozen._trial_id, TrialState.PRUNED)
        else:
            storage.set_trial_state_values(frozen._trial_id, TrialState.COMPLETE, [score])
