"""What is tried next. Decisions follow from the settings and the events so far, and from nothing else.

Every call answers with the events to be logged. A proposer that is shown the log of another is in the same state, and
one that is asked again makes the same proposals: that is how runs are resumed, and how they are checked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from itnas.genome import Genome
from itnas.models.specialists import specialist
from itnas.search.feasible import commonest
from itnas.search.pruning import Shadow
from itnas.search.samplers import sampler_kind
from itnas.search.settings import SweepSettings
from itnas.search.study import Asked, TaskStudy, as_asked
from itnas.space import Space
from itnas.space.constraints import Constraints

TRIES = 12  # proposals of known genomes in a row before something else is done
INFEASIBLE = 200  # proposals that cannot be trained before the space is given up


@dataclass(frozen=True)
class Event:
    """An entry of the log."""

    kind: str  # settings, ask, report, tell
    task: str | None
    trial: int | None
    data: dict[str, Any]


@dataclass(frozen=True)
class Proposal:
    """A trial to be. `repeat`: how many trials of this genome the task has seen; `infeasible`: why it must not run."""

    trial: int
    task: str
    genome: Genome
    origin: str
    name: str | None = None  # of a specialist
    repeat: int = 0
    infeasible: str | None = None


class _TaskState:
    """What is known of one task."""

    def __init__(self, space: Space, task: str, settings: SweepSettings) -> None:
        self.study = TaskStudy(space, task, settings.seed, settings.objectives)
        self.shadow = Shadow(settings.pruner, settings.rungs)
        self.specialists = 0  # that were proposed
        self.proposals = 0  # turns of the sampler and of the random arm
        self.trials = 0  # that take a device
        self.of_genome: dict[str, list[int]] = defaultdict(list)


class Proposer:
    """Proposes genomes for several tasks, each with a study of its own."""

    def __init__(self, space: Space, settings: SweepSettings) -> None:
        self.space, self.settings = space, settings
        self.tasks: dict[str, _TaskState] = {}
        self.next_trial = 0
        self.task_of: dict[int, str] = {}
        self.asked: dict[int, int] = {}  # trial -> its number in its study
        self.origins: dict[int, str] = {}
        self.barred: set[int] = set()  # trials that break the constraints
        self.values: dict[int, tuple[float, ...] | None] = {}  # of trials that have ended
        self.configure(settings)

    def configure(self, settings: SweepSettings) -> None:
        """Go on with other settings: more tasks, more trials, another sampler or pruner."""
        self.settings = settings
        for task in settings.tasks:
            if task not in self.tasks:
                self.tasks[task] = _TaskState(self.space, task, settings)
        for state in self.tasks.values():
            state.shadow.set_pruner(settings.pruner)

    def wanting(self) -> list[str]:
        """Tasks that have trials left to propose, those with the fewest first."""
        left = [task for task in self.settings.tasks if self.tasks[task].trials < self.settings.trials]
        return sorted(left, key=lambda task: self.tasks[task].trials)

    def propose(self, task: str) -> tuple[list[Event], list[Proposal]]:
        """The next trial of a task, last; before it, proposals that turned out to break the constraints."""
        state = self.tasks[task]
        events: list[Event] = []
        proposals: list[Proposal] = []
        while state.specialists < len(self.settings.specialists):
            event, proposal = self._propose_specialist(task, self.settings.specialists[state.specialists])
            events.append(event)
            proposals.append(proposal)
            if proposal.infeasible is None:
                return events, proposals
        origin = "random" if random_turn(state.proposals, self.settings.random_share) else "sampler"
        flat = sampler_kind(self.settings.sampler).flat
        known, infeasible = 0, list[Genome]()
        while True:
            asked = state.study.ask("random" if origin == "random" else self.settings.sampler, flat=flat)
            genome = self.space.genome(self._active(asked.parameters))
            earlier = state.of_genome[genome.hash]
            data = {"ask": asked.number, "origin": origin, "parameters": asked.parameters}
            data |= {key: value for key, value in _notes(asked).items() if value}
            barred = bool(earlier) and earlier[0] in self.barred
            if barred or (earlier and known < TRIES):
                known += 1
                infeasible += [genome] * barred
                events.append(Event("ask", task, None, data | {"known": earlier[0]}))
                self._end_known(state, asked.number, earlier[0])
            else:
                broken = (
                    None
                    if earlier
                    else self.space.violation(genome, self.settings.task(task), self.settings.batch_size)
                )
                proposal = Proposal(self.next_trial, task, genome, origin, None, len(earlier), broken)
                events.append(Event("ask", task, proposal.trial, data | ({"infeasible": True} if broken else {})))
                proposals.append(proposal)
                self._register(proposal, asked.number)
                if broken is None:
                    state.proposals += 1
                    return events, proposals
                infeasible.append(genome)
            if len(infeasible) >= INFEASIBLE:
                raise ValueError(
                    f"space {self.space.name}: {INFEASIBLE} proposals for one trial on {task} are refused, most of "
                    f"them for this: {self._commonest(task, infeasible)}"
                )

    def _commonest(self, task: str, genomes: Sequence[Genome]) -> str:
        """Why most of these cannot be trained on the task."""
        own = self.settings.task(task)
        reasons = {genome.hash: self.space.violation(genome, own, self.settings.batch_size) or "" for genome in genomes}
        return commonest(reasons[genome.hash] for genome in genomes)

    def _propose_specialist(self, task: str, name: str) -> tuple[Event, Proposal]:
        """One that cannot be built for the task takes no place among the trials."""
        genome = self.space.baseline(name)
        earlier = self.tasks[task].of_genome[genome.hash]
        broken = Constraints().violation(genome, self.settings.task(task))
        proposal = Proposal(self.next_trial, task, genome, "specialist", name, len(earlier), broken)
        data = {"origin": "specialist", "name": name, "genome": genome.to_dict()}
        event = Event("ask", task, proposal.trial, data | ({"infeasible": True} if broken else {}))
        self._register(proposal, None)
        return event, proposal

    def report(self, trial: int, rung: int, score: float) -> tuple[Event, bool]:
        """Take in a score on the way; whether the trial is to stop there. The random arm and the specialists are
        never stopped: they are what others are compared with, and what tells how far early scores can be trusted."""
        stop = self._report(trial, rung, score) and self.origins[trial] == "sampler"
        return Event("report", self.task_of[trial], trial, {"rung": rung, "score": score, "stop": stop}), stop

    def _report(self, trial: int, rung: int, score: float) -> bool:
        state = self.tasks[self.task_of[trial]]
        if trial in self.asked:
            state.study.report(self.asked[trial], rung, score)
        return state.shadow.report(trial, rung, score)

    def tell(self, trial: int, values: Sequence[float] | None) -> Event:
        """How a trial ended: the values of its objectives; None: pruned or failed."""
        self._tell(trial, None if values is None else tuple(values))
        return Event("tell", self.task_of[trial], trial, {"values": None if values is None else list(values)})

    def _tell(self, trial: int, values: tuple[float, ...] | None) -> None:
        state = self.tasks[self.task_of[trial]]
        self.values[trial] = values
        state.shadow.end(trial, None if values is None else values[0])
        if trial in self.asked:
            state.study.tell(self.asked[trial], values)

    def restore(self, event: Event) -> None:
        """Take in an event of the log, asking nobody."""
        data = event.data
        if event.kind == "settings":
            self.configure(SweepSettings.from_dict(data, "sweep"))
        elif event.kind == "ask":
            self._restore_ask(event)
        elif event.kind == "report":
            assert event.trial is not None
            self._report(event.trial, data["rung"], data["score"])
        elif event.kind == "tell":
            assert event.trial is not None
            self._tell(event.trial, None if data["values"] is None else tuple(data["values"]))

    def _restore_ask(self, event: Event) -> None:
        assert event.task is not None
        state, data = self.tasks[event.task], event.data
        if data["origin"] == "specialist":
            assert event.trial is not None
            # Runs of earlier versions name it only: their specialists had all one size.
            genome = Genome.from_dict(data["genome"]) if "genome" in data else specialist(data["name"])
            broken = "infeasible" if data.get("infeasible") else None
            proposal = Proposal(event.trial, event.task, genome, "specialist", data["name"], infeasible=broken)
            self._register(proposal, None)
            return
        state.study.restore(as_asked(data))
        if event.trial is None:
            self._end_known(state, data["ask"], data["known"])
            return
        genome = self.space.genome(self._active(data["parameters"]))
        broken = "infeasible" if data.get("infeasible") else None
        self._register(Proposal(event.trial, event.task, genome, data["origin"], infeasible=broken), data["ask"])
        if broken is None:
            state.proposals += 1

    def _register(self, proposal: Proposal, asked: int | None) -> None:
        """A trial has its number from here on."""
        state, trial = self.tasks[proposal.task], proposal.trial
        self.next_trial = trial + 1
        self.task_of[trial], self.origins[trial] = proposal.task, proposal.origin
        state.specialists += proposal.origin == "specialist"
        state.of_genome[proposal.genome.hash].append(trial)
        if proposal.infeasible is not None:
            self.barred.add(trial)
            self.values[trial] = None
            if asked is not None:
                state.study.tell(asked, None)
            return
        state.trials += 1
        state.shadow.add(trial)
        if asked is not None:
            self.asked[trial] = asked

    def _end_known(self, state: _TaskState, asked: int, earlier: int) -> None:
        """A genome that has been tried is not trained again: the sampler is told what came of it, if that is known."""
        state.study.tell(asked, self.values.get(earlier))

    def _active(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters of the branches that were taken."""
        found: dict[str, Any] = {}

        def recorded(name: str, _domain: object) -> Any:
            found[name] = parameters[name]
            return parameters[name]

        self.space.build(recorded)
        return found


def random_turn(count: int, share: float) -> bool:
    """Spread over the proposals as evenly as can be, the first one included."""
    return share > 0 and (count == 0 or int(np.floor((count + 1) * share)) > int(np.floor(count * share)))


def random_turns(count: int, share: float) -> int:
    """How many of the first so many are random ones."""
    return 1 + int(np.floor(count * share)) - int(np.floor(share)) if count > 0 and share > 0 else 0


def _notes(asked: Asked) -> dict[str, Any]:
    return {"notes": asked.notes, "study_notes": asked.study_notes}
