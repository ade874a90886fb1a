"""One task's Optuna study, in memory: asked one proposal at a time, and rebuilt from what was recorded of it."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from itnas.search.samplers.base import make_sampler
from itnas.space import Choice, Domain, Integer, Space

optuna.logging.set_verbosity(optuna.logging.WARNING)


@dataclass(frozen=True)
class Asked:
    """What a sampler said, and what it noted down for its next proposals."""

    number: int
    parameters: dict[str, Any]
    notes: dict[str, Any] = field(default_factory=dict)  # on this proposal
    study_notes: dict[str, Any] = field(default_factory=dict)  # on the study, where they changed


class TaskStudy:
    """Samplers see this study alone: they are made anew for every proposal, from (sweep seed, proposal number)."""

    def __init__(self, space: Space, task: str, seed: int, objectives: Sequence[str]) -> None:
        self.space, self.task, self.seed = space, task, seed
        directions = directions_of(len(objectives))
        self.study = optuna.create_study(directions=directions)
        self.count = 0

    def ask(self, name: str, *, flat: bool) -> Asked:
        """A proposal by the sampler of that name. `flat`: with parameters for the branches not taken, too: a sampler
        that wants them has no use for proposals that lack them, whoever made those."""
        objectives = len(self.study.directions)
        self.study.sampler = make_sampler(name, self.space, seed_of(self.seed, self.task, self.count), objectives)
        before = self._study_notes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trial = self.study.ask()
            if flat:
                for parameter, domain in self.space.domains().items():
                    _suggest(trial, parameter, domain)
            self.space.build(lambda parameter, domain: _suggest(trial, parameter, domain))
        self.count += 1
        frozen = self.study.get_trials(deepcopy=False)[trial.number]
        changed = {key: value for key, value in self._study_notes().items() if before.get(key) != value}
        return Asked(trial.number, dict(frozen.params), dict(frozen.system_attrs), changed)

    def restore(self, asked: Asked) -> None:
        """A proposal that was made before: nobody is asked."""
        domains = self.space.domains()
        distributions = {name: distribution(domains[name]) for name in asked.parameters}
        self.study.add_trial(
            create_trial(
                state=TrialState.RUNNING,
                params=asked.parameters,
                distributions=distributions,
                system_attrs=asked.notes,
            )
        )
        for key, value in asked.study_notes.items():
            self.study._storage.set_study_system_attr(self.study._study_id, key, value)
        self.count += 1

    def report(self, number: int, rung: int, score: float) -> None:
        """An intermediate score: samplers rank pruned proposals by them. Optuna has none for several objectives."""
        if len(self.study.directions) == 1:
            trial = self.study.get_trials(deepcopy=False)[number]
            self.study._storage.set_trial_intermediate_value(trial._trial_id, rung, score)

    def tell(self, number: int, values: Sequence[float] | None) -> None:
        """How a proposal ended; None: without a value. Told as failed, a proposal would be made again and again."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # A sampler's last word on a proposal must not depend on which one made the latest.
            self.study.sampler = make_sampler("random", self.space, 0, len(self.study.directions))
            if values is None:
                self._end_without_value(number)
            else:
                self.study.tell(number, values if len(values) > 1 else values[0])

    def _end_without_value(self, number: int) -> None:
        # `Study.tell` would give a pruned proposal its last intermediate score as its value.
        trial = self.study.get_trials(deepcopy=False)[number]
        self.study._storage.set_trial_state_values(trial._trial_id, TrialState.PRUNED)

    def _study_notes(self) -> dict[str, Any]:
        return dict(self.study._storage.get_study_system_attrs(self.study._study_id))


def directions_of(objectives: int) -> list[StudyDirection]:
    """Scores are to be large, costs small."""
    return [StudyDirection.MAXIMIZE, *[StudyDirection.MINIMIZE] * (objectives - 1)]


def seed_of(*key: object) -> int:
    """A seed that depends on `key` alone."""
    digest = hashlib.sha256("\x1f".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:4], "little")


def _suggest(trial: optuna.Trial, name: str, domain: Domain) -> Any:
    if isinstance(domain, Choice):
        return trial.suggest_categorical(name, domain.labels)
    if isinstance(domain, Integer):
        return trial.suggest_int(name, domain.low, domain.high, step=domain.step, log=domain.log)
    return trial.suggest_float(name, domain.low, domain.high, log=domain.log)


def distribution(domain: Domain) -> BaseDistribution:
    if isinstance(domain, Choice):
        return CategoricalDistribution(domain.labels)
    if isinstance(domain, Integer):
        return IntDistribution(domain.low, domain.high, log=domain.log, step=domain.step)
    return FloatDistribution(domain.low, domain.high, log=domain.log)


def as_asked(data: Mapping[str, Any]) -> Asked:
    """From the log."""
    return Asked(data["ask"], data["parameters"], data.get("notes", {}), data.get("study_notes", {}))
