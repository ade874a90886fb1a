"""The table as something to be searched: genomes that cost nothing to train."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np
import pandas as pd

from itnas.genome import Genome
from itnas.search.proposer import Proposer
from itnas.search.settings import SweepSettings
from itnas.space import Space

from .enumerate import SPACE, TABLE


@dataclass(frozen=True)
class TableTask:
    """All genomes' scores on one task, with what they took. A genome that diverged scores nothing."""

    name: str
    scores: dict[str, float]
    seconds: dict[str, float]

    @property
    def best(self) -> float:
        return max(self.scores.values())


class Searcher(Protocol):
    """Asked for the genome of a trial, then told what it scored; several may be under way."""

    def ask(self) -> tuple[int, Genome]: ...

    def tell(self, number: int, score: float) -> None: ...


MakeSearcher = Callable[[Space, str, int, int], Searcher]  # space, task, seed, trials


@cache
def space() -> Space:
    return Space.load(SPACE)


@cache
def table_tasks() -> dict[str, TableTask]:
    frame = pd.read_parquet(TABLE).assign(score=lambda rows: rows["score"].fillna(0.0))
    return {
        str(name): TableTask(
            str(name),
            dict(zip(rows["genome"], rows["score"], strict=True)),
            dict(zip(rows["genome"], rows["seconds"], strict=True)),
        )
        for name, rows in frame.groupby("task")
    }


def best_so_far(searcher: Searcher, task: TableTask, trials: int, in_flight: int) -> np.ndarray:
    """The best score after each trial that ended, in the order in which they end on `in_flight` equal workers."""
    running: list[tuple[float, int, Genome]] = []
    now, begun, found = 0.0, 0, []
    while len(found) < trials:
        if begun < trials and len(running) < in_flight:
            number, genome = searcher.ask()
            heapq.heappush(running, (now + task.seconds[genome.hash], number, genome))
            begun += 1
            continue
        now, number, genome = heapq.heappop(running)
        found.append(task.scores[genome.hash])
        searcher.tell(number, found[-1])
    return np.maximum.accumulate(found)


class Ours:
    """A sweep's own proposer."""

    def __init__(self, proposer: Proposer, task: str) -> None:
        self.proposer, self.task = proposer, task

    def ask(self) -> tuple[int, Genome]:
        _, proposals = self.proposer.propose(self.task)
        return proposals[-1].trial, proposals[-1].genome

    def tell(self, number: int, score: float) -> None:
        self.proposer.tell(number, [score])


def ours(sampler: str, random_share: float, kind: type[Proposer] = Proposer) -> MakeSearcher:
    """Nothing but the sampler and the random arm: no specialists, no pruning."""

    def make(space: Space, task: str, seed: int, trials: int) -> Searcher:
        settings = SweepSettings(
            tasks=(task,), trials=trials, specialists=(), sampler=sampler, random_share=random_share,
            pruner="none", confirm=0, seed=seed,
        )  # fmt: skip
        return Ours(kind(space, settings), task)

    return make
