"""A small space, and a sweep over it whose trials take no time: scores follow from the genome alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator
from pathlib import Path

import numpy as np

from itnas.genome import Genome
from itnas.search.job import Failure, Job, Message, Outcome, Rung, Started
from itnas.search.proposer import Event, Proposal, Proposer
from itnas.search.settings import SweepSettings
from itnas.space import Space

SPACE = """
summary: Conditional, with numbers of both kinds.
width: {choice: [8, 16]}
depth: {int: [1, 3]}
layers:
  choice:
    - kernel: {kind: mlp, hidden: {int: [4, 64], log: true}, features: {subset: [offset, content, product], min: 1}}
    - kernel: {kind: factorised, rank: {choice: [2, 4, 8]}, decay: {choice: [none, clock]}}
    - {mixer: convolution, taps: {int: [1, 9]}}
training:
  learning_rates: {choice: [[3e-3], [1e-2]]}
  weight_decay: {float: [1e-4, 1e-1], log: true}
"""
RUNGS = 4


def toy_space() -> Space:
    return Space.parse(SPACE, "toy")


def toy_settings(**changes: object) -> SweepSettings:
    about = {
        "tasks": ["delay", "flip-flop"],
        "trials": 12,
        "rungs": RUNGS,
        "specialists": ["gru", "convnet"],
        "replicas": 1,
    }
    return SweepSettings.from_dict(about | {"confirm": 0, "keep": 2, "verdicts": "none"} | changes, "sweep")


def value(genome: Genome, rung: int = RUNGS) -> float:
    """A score in 0..1 that rises with the rungs, and in which hidden width, decay and taps count."""
    layer = genome.to_dict()["layers"][0]
    kernel = layer.get("kernel", {})
    best = kernel.get("hidden", 0) / 64 + (kernel.get("decay") == "clock") * 0.5 + layer.get("taps", 0) / 40
    noise = int(hashlib.sha256(genome.hash.encode()).hexdigest()[:6], 16) / 16**6
    return float(min(1.0, 0.8 * best + 0.1 * noise) * rung / RUNGS)


def result_of(job: Job, score: float) -> dict[str, object]:
    rate = job.genome["training"]["learning_rates"][0]
    replicas = [{"seed": job.seed, "learning_rate": rate, "score": score, "loss": 1 - score, "died": None}]
    interval = {"mean": score, "low": score - 0.01, "high": score + 0.01, "replicas": 1}
    return {
        "score": interval,
        "test_score": interval,
        "parameters": 100 * len(str(job.genome)),
        "learning_rate": rate,
        "seconds": 1.0,
        "steps": 10,
        "replicas": replicas,
    }


def work(job: Job, stop: Callable[[], bool]) -> Generator[Message, None, None]:
    """What a worker would send, at once."""
    genome = Genome.from_dict(job.genome)
    yield Started("here")
    for number in range(1, len(job.rungs) + 1):
        if stop():
            return
        score = value(genome, number)
        yield Rung(number, number, 0.1 * number, score, (1 - score,), (score,))
    files = {"weights": {"a": job.genome["width"].to_bytes(2, "big")}} if job.keep_from is not None else {}
    yield Outcome(result_of(job, value(genome)), 5.0, 1.0, files=files)


def failing(job: Job, stop: Callable[[], bool]) -> Generator[Message, None, None]:
    """Every third trial comes to nothing."""
    if job.trial % 3 == 2:
        yield Started("here")
        yield Failure("ValueError: no luck", "a traceback")
        return
    yield from work(job, stop)


class Simulated:
    """Trials that run side by side and end in an order that chance decides; all decisions are logged."""

    def __init__(self, proposer: Proposer, seed: int, slots: int = 3) -> None:
        self.proposer, self.slots = proposer, slots
        self.rng = np.random.default_rng(seed)
        self.log: list[Event] = [Event("settings", None, None, proposer.settings.to_dict())]
        self.running: list[tuple[Proposal, int]] = []
        self.proposals: list[Proposal] = []

    def run(self, steps: int = 10**6) -> None:
        """Until all is done, or for so many decisions."""
        for _ in range(steps):
            wanting = self.proposer.wanting()
            if wanting and len(self.running) < self.slots:
                events, proposals = self.proposer.propose(wanting[0])
                self.log += events
                self.proposals += proposals
                self.running.append((proposals[-1], 0))
            elif self.running:
                self._advance()
            else:
                return

    def _advance(self) -> None:
        place = int(self.rng.integers(len(self.running)))
        proposal, rung = self.running.pop(place)
        if rung == RUNGS - 1:
            failed = proposal.trial % 7 == 6
            self.log.append(self.proposer.tell(proposal.trial, None if failed else self._values(proposal.genome)))
            return
        event, stop = self.proposer.report(proposal.trial, rung + 1, value(proposal.genome, rung + 1))
        self.log.append(event)
        if stop:
            self.log.append(self.proposer.tell(proposal.trial, None))
        else:
            self.running.append((proposal, rung + 1))

    def _values(self, genome: Genome) -> list[float]:
        cost = [float(genome.width * genome.depth)]
        return [value(genome)] + cost * (len(self.proposer.settings.objectives) - 1)


def swept(folder: Path, **changes: object) -> Path:
    """The folder of a sweep that has ended."""
    from itnas.search.sweep import Means, Sweep

    with Sweep.create(folder, toy_space(), toy_settings(**changes)) as sweep:
        assert sweep.run(Means(engine="inline"), work=work) == "ended"
    return folder


def tables(folder: Path) -> dict[str, list[dict[str, object]]]:
    """What a run holds, times and processes apart."""
    from itnas.store import RunReader

    reader = RunReader(folder)
    apart = {"started", "finished", "seconds", "worker", "time", "id"}
    found = {}
    for name, key in (("trials", "number"), ("confirmations", "trial"), ("replicas", "trial"), ("kept", "path")):
        rows = reader.rows(f"SELECT * FROM {name} ORDER BY {key}")
        found[name] = [{key: cell for key, cell in row.items() if key not in apart} for row in rows]
    return found
