"""Samplers on the table: how far from its best genome they are after so many trials."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from itnas.search.samplers import SAMPLERS

from .objective import MakeSearcher, best_so_far, ours, space, table_tasks
from .peers import plain_optuna, uniform

TRIALS, SEEDS = 100, 30
AT = (10, 20, 40, 70, 100)
UNIFORM = "uniform draws"


@dataclass(frozen=True)
class Entrant:
    """Somebody who takes part, with so many trials at a time."""

    name: str
    make: MakeSearcher
    in_flight: int = 1
    random_share: float | str = ""


def entrants() -> list[Entrant]:
    """The peers, every sampler with the default random arm, then without it, then four trials at a time."""
    return [
        Entrant(UNIFORM, uniform),
        Entrant("OptunaSearch", plain_optuna),
        *(Entrant(name, ours(name, 0.2), 1, 0.2) for name in SAMPLERS),
        *(Entrant(name, ours(name, 0.0), 1, 0.0) for name in SAMPLERS if name != "random"),
        Entrant("OptunaSearch", plain_optuna, 4),
        *(Entrant(name, ours(name, 0.2), 4, 0.2) for name in SAMPLERS),
    ]


def regrets(entrant: Entrant, seeds: int, trials: int) -> dict[str, NDArray[np.float64]]:
    """Per task [seeds, trials]: the best score of the table less the best so far, in units of the distance from the
    table's median to its best, so that tasks can be averaged over."""
    found = {}
    for name, task in table_tasks().items():
        median = float(np.median(list(task.scores.values())))
        curves = [
            best_so_far(entrant.make(space(), name, seed, trials), task, trials, entrant.in_flight)
            for seed in range(seeds)
        ]
        found[name] = (task.best - np.array(curves)) / (task.best - median)
    return found


def reached(curve: NDArray[np.float64], goal: float) -> int | str:
    """Trials until a mean curve is as low as `goal`."""
    below = np.flatnonzero(curve <= goal + 1e-12)
    return int(below[0]) + 1 if below.size else f"> {len(curve)}"


def interval(values: NDArray[np.float64]) -> str:
    """Mean and half the width of a 95 % interval over seeds."""
    half = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():.3f} ±{half:.3f}"


def row_of(entrant: Entrant, found: Mapping[str, NDArray[np.float64]], goals: Mapping[str, float]) -> dict[str, Any]:
    """A line of the table; `goals`: the mean regret of uniform draws at the end, per task and over all."""
    mean = np.mean(list(found.values()), axis=0)  # [seeds, trials]
    row: dict[str, Any] = {
        "sampler": entrant.name,
        "random arm": entrant.random_share,
        "in flight": entrant.in_flight,
    }
    row |= {f"regret at {trials}": interval(mean[:, trials - 1]) for trials in AT if trials <= mean.shape[1]}
    row["trials to match uniform"] = reached(mean.mean(0), goals["all"])
    row |= {name: reached(curves.mean(0), goals[name]) for name, curves in found.items()}
    return row


def goals_of(found: Mapping[str, NDArray[np.float64]]) -> dict[str, float]:
    """What uniform draws come to with all their trials."""
    goals = {name: float(curves[:, -1].mean()) for name, curves in found.items()}
    return goals | {"all": float(np.mean(list(goals.values())))}


def compare(those: list[Entrant], *, seeds: int, trials: int) -> list[dict[str, Any]]:
    """The first of them sets the goal."""
    rows: list[dict[str, Any]] = []
    goals: dict[str, float] = {}
    for entrant in those:
        begun = time.process_time()
        found = regrets(entrant, seeds, trials)
        goals = goals or goals_of(found)
        rows.append(row_of(entrant, found, goals))
        print(rows[-1], f"{time.process_time() - begun:.0f} s", file=sys.stderr, flush=True)
    return rows


def summary() -> list[dict[str, Any]]:
    """What is in the table."""
    rows = []
    for name, task in table_tasks().items():
        scores = np.sort(list(task.scores.values()))
        median = float(np.median(scores))
        near = scores >= task.best - 0.05 * (task.best - median)
        rows.append(
            {
                "task": name,
                "genomes": len(scores),
                "worst": float(scores[0]),
                "median": median,
                "best": task.best,
                "within 5 % of the best": int(near.sum()),
                "CPU seconds": float(sum(task.seconds.values())),
            }
        )
    return rows
