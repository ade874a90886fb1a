"""Writing runs that no sweep made: row by row, as a driver would, without training anything."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from itnas.behaviour.describe import Description, packed_arrays
from itnas.behaviour.describe.description import Measure
from itnas.behaviour.describe.replaced import Replaced
from itnas.models.specialists import specialist
from itnas.store import RunWriter
from tests.figures.kernels.planted import by_offset, fading, low_rank, shift

BEGUN = 1_700_000_000.0
SETTINGS: dict[str, Any] = {
    "trials": 30, "replicas": 2, "steps": 100, "length": 32, "seed": 0, "sampler": "tpe", "random_share": 0.2,
    "objectives": ["score"], "specialists": ["convnet", "gru"], "pruner": "median", "rungs": 4, "confirm": 1,
    "confirm_replicas": 3, "keep": 3, "verdicts": "best", "copies": 2,
}  # fmt: skip
POINTS = 16
RATES = (3e-3, 1e-2)


@contextmanager
def planting(folder: Path, tasks: Sequence[str], **told: Any) -> Iterator[Planting]:
    """A run folder whose rows are written in one transaction. `told`: what the sweep says of itself instead."""
    folder.mkdir(parents=True, exist_ok=True)
    with RunWriter(folder, new=True) as run:
        with run.transaction():
            levels = {task: {"chance": 0.1, "ceiling": 1.0} for task in tasks}
            about = {
                "created": BEGUN, "session": BEGUN, "seconds": 60.0, "state": "ended", "levels": levels,
                "settings": SETTINGS | {"tasks": list(tasks)}, "space": {"name": "toy", "text": "width: 8\n"},
                "versions": {"itnas": "0.1.0"}, "machine": {"cpu": "a processor", "cores": 2, "gpus": []},
                "means": {"engine": "inline"},
            }  # fmt: skip
            for key, value in (about | told).items():
                run.set(key, value)
            yield Planting(run, list(tasks))
        run.settle()


class Planting:
    """Rows of a run by what they mean. Everything that is not said is ordinary."""

    def __init__(self, run: RunWriter, tasks: list[str], number: int = 0) -> None:
        self.run, self.tasks, self.number = run, tasks, number

    def trial(
        self,
        task: str,
        score: float | None = 0.5,
        *,
        origin: str = "sampler",
        genes: Mapping[str, Any] | None = None,
        mixer: str = "convnet",
        width: int = 8,
        **changed: Any,
    ) -> int:
        """A trial that was asked for and told of; its number."""
        number, own = self.number, specialist(mixer, width=width)
        self.number += 1
        self.run.genome(own.hash, own.to_dict())
        name = mixer if origin == "specialist" else None
        parameters = {} if genes is None else {"parameters": dict(genes)}
        self.run.event("ask", task, number, {"origin": origin, "name": name} | parameters)
        row = {
            "number": number, "task": task, "genome": own.hash, "name": name, "origin": origin, "state": "complete",
            "attempt": 1, "rung": 4, "score": score, "score_low": None if score is None else score - 0.05,
            "score_high": None if score is None else score + 0.05, "cost": 100.0 * width, "parameters": 100 * width,
            "flops": 250.0 * width, "learning_rate": RATES[0], "worker": f"host/{number % 2}",
            "started": BEGUN + 5 * number, "finished": BEGUN + 5 * number + 8, "seconds": 7.5, "reason": None,
            "repeat": 0,
        } | changed  # fmt: skip
        self.run.put("trials", [row])
        if row["state"] != "running":
            self.run.event("tell", task, number, {"values": None if row["score"] is None else [0.5]})
        return number

    def trained(self, trial: int, *, score: float | None = 0.5, dead: int | None = None, phase: str = "search") -> None:
        """Four replicas over four rungs; one of them may die after the second."""
        for replica in range(4):
            died = replica == dead
            last = None if died else score
            about = {"trial": trial, "phase": phase, "replica": replica}
            more = {"seed": replica // 2, "learning_rate": RATES[replica % 2], "died": 50 if died else None}
            self.run.put("replicas", [about | more | {"score": last, "loss": None if died else 0.5}])
            for rung in range(1, 5):
                gone = died and rung > 2
                now = None if gone or score is None else score * rung / 4 + replica / 100
                at = {"rung": rung, "step": 25 * rung, "seconds": 0.1 * rung}
                self.run.put("history", [about | at | {"loss": None if gone else 2.0 / rung, "score": now}])

    def examined(
        self, trial: int, families: Sequence[str], *, phase: str = "search", replicas: int = 1, **changed: Any
    ) -> None:
        """What each layer became in so many networks; each has two heads of the same kind."""
        rows = []
        for replica in range(replicas):
            for layer, family in enumerate(families):
                for head in (None, 0, 1):
                    data = verdict(replica, layer, head, family) | changed
                    at = {"trial": trial, "phase": phase, "replica": replica, "layer": layer}
                    rows.append(at | {"head": -1 if head is None else head, "family": family, "data": json.dumps(data)})
        self.run.put("layers", rows)

    def confirmed(self, trial: int, task: str, score: float | None = 0.5, **changed: Any) -> None:
        low, high = (None, None) if score is None else (score - 0.03, score + 0.03)
        row = {
            "trial": trial, "task": task, "state": "complete", "attempt": 1, "score": score, "score_low": low,
            "score_high": high, "test_score": score, "test_low": low, "test_high": high, "replicas": 3,
            "learning_rate": RATES[0], "worker": "host/0", "started": BEGUN + 900, "finished": BEGUN + 950,
            "seconds": 50.0, "reason": None,
        } | changed  # fmt: skip
        self.run.put("confirmations", [row])

    def kept(self, trial: int, *, phase: str = "search", content: bytes | None = None, there: bool = True) -> None:
        """Its kernels; with `there` false only the row that tells of them."""
        path = f"kernels/{trial}" + ("-confirmed" if phase == "confirm" else "")
        files = {"kernels.npz": kernels() if content is None else content}
        size = self.run.arrays.keep(path, files) if there else 1
        self.run.put("kept", [{"trial": trial, "phase": phase, "what": "kernels", "path": path, "bytes": size}])

    def logged(self, trial: int, text: str) -> None:
        self.run.put("logs", [{"trial": trial, "phase": "search", "attempt": 1, "text": text}])


def verdict(replica: int, layer: int, head: int | None, family: str) -> dict[str, Any]:
    """A layer's row as a driver writes it."""
    fidelity = {f"fidelity_{name}": 0.1 for name in ("attention", "convolution", "recurrence", "local", "dense")}
    where = f"Layer {layer + 1}" + ("" if head is None else f", head {head + 1},")
    return fidelity | {
        f"fidelity_{family}": 0.97, "replica": replica, "layer": layer, "name": f"blocks.{layer}.mixer",
        "kind": "integral", "head": head, "family": family, "parts": [], "imposed": False, "emerged": True,
        "null": 0.0, "nearly": 0.0, "judged": "task", "share": 1.0, "fidelity_low": 0.95, "fidelity_high": 0.99,
        "support": 2, "offsets": [0, 1], "state_size": None, "states": {"16": 2, "32": None}, "growth_state": 0.6,
        "growth_support": 0.0, "reason": "so it was found", "sentence": f"{where} became {family}.",
        "untrained": [] if head is not None else ["dense", "mixed"], "whole": 0.98, "length": 32,
    }  # fmt: skip


@cache
def kernels(layers: int = 2) -> bytes:
    """Of one replica: a shift beside a memory that fades, then attention; the first layer with replaced kernels."""
    first = [shift(n=POINTS), fading(n=POINTS)]
    described = [_description(first), *[_description([low_rank(n=POINTS), fading(0.9, POINTS)])] * (layers - 1)]
    stand_in = torch.as_tensor(np.stack(first)).expand(2, 2, POINTS, POINTS)
    replaced = {"convolution": Replaced(stand_in, 2, True), "recurrence": Replaced(stand_in / 2, 8, False)}
    return packed_arrays({0: described}, (), {0: [replaced, *[{}] * (layers - 1)]})


def _description(heads: Sequence[Any]) -> Description:
    averaged = torch.as_tensor(np.stack(heads))
    profiles, offsets = zip(*map(by_offset, heads), strict=True)
    some = Measure(0.4, tuple(0.3 for _ in heads))
    cuts = torch.arange(1.0, POINTS, 2)
    stored = {
        "averaged": averaged, "examples": torch.stack([averaged * scale for scale in (1.0, 0.5, 2.0)]),
        "shown": torch.arange(float(POINTS)), "profile_mean": torch.as_tensor(np.stack(profiles)),
        "profile_sd": torch.full((len(heads), 2 * POINTS - 1), 0.1), "offsets": torch.as_tensor(offsets[0]),
        "spectrum": torch.ones(len(heads), POINTS), "frequencies": torch.linspace(0.0, 0.5, POINTS), "cuts": cuts,
        "rank_profile": torch.ones(len(heads), len(cuts)),
    }  # fmt: skip
    shown = tuple(range(POINTS))
    return Description("integral", POINTS, 8, False, *(some,) * 8, None, tuple(int(cut) for cut in cuts), shown, stored)
