"""A finished training's folder, read: the networks that came out of it.

genome.yaml  result.json  weights.safetensors  replicas.safetensors: what `itnas train` leaves behind.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from itnas.genome import Genome
from itnas.models import Network, build_network
from itnas.tasks import Task, find
from itnas.training import checkpoint

WEIGHTS, REPLICAS = "weights.safetensors", "replicas.safetensors"
NEEDED = ("genome.yaml", "result.json", WEIGHTS, REPLICAS)


class Member(NamedTuple):
    """One trained replica: its number among all of the training's, its score there, and its network."""

    replica: int
    score: float | None
    network: Network


@dataclass(frozen=True)
class TrainedFolder:
    """What a training came to. `task`: the one trained on, or another that the network is to be looked at on."""

    path: Path
    genome: Genome
    task: Task
    result: dict[str, Any]

    @classmethod
    def open(cls, path: str | Path, task: str | None = None) -> TrainedFolder:
        """Read a folder, or the folder of the weights file named."""
        folder = _folder_of(Path(path))
        missing = [name for name in NEEDED if not (folder / name).is_file()]
        if missing:
            raise ValueError(
                f"{folder} holds no finished training ({', '.join(missing)} missing): "
                "name a folder that `itnas train --out` wrote"
            )
        result = _result(folder / "result.json")
        return cls(folder, Genome.load(folder / "genome.yaml"), find(result["task"] if task is None else task), result)

    def best(self) -> Member:
        """The best replica of the chosen learning rate, whose weights have a file of their own."""
        tensors, about = self._load(WEIGHTS)
        number = about.get("replica")
        if not isinstance(number, int):
            raise ValueError(f"{self.path / WEIGHTS} does not say which replica it holds: train again")
        return self._member(WEIGHTS, tensors, number)

    def one(self, replica: int) -> Member:
        """Any replica by its number."""
        tensors, _ = self._load(REPLICAS)
        return self._member(REPLICAS, _of_replica(tensors, replica, self._replicas(), self.path / REPLICAS), replica)

    def every(self) -> list[Member]:
        """All replicas of the chosen learning rate that lived."""
        rows, rate = self.result["replicas"], self.result["learning_rate"]
        own = [number for number, each in enumerate(rows) if each["learning_rate"] == rate]
        living = [number for number in own if rows[number]["died"] is None]
        if not living:
            raise ValueError(f"{self.path}: all replicas with learning rate {rate:g} died in training")
        return [self.one(number) for number in living]

    def _replicas(self) -> int:
        return len(self.result["replicas"])

    def _load(self, name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
        path = self.path / name
        tensors, about = checkpoint.load(path)
        if not isinstance(about, dict) or about.get("genome") != self.genome.hash:
            raise ValueError(f"{path} holds the weights of another genome than the genome.yaml beside it")
        return tensors, about

    def _member(self, name: str, tensors: dict[str, Tensor], replica: int) -> Member:
        if not 0 <= replica < self._replicas():
            raise ValueError(f"replica must lie in 0 to {self._replicas() - 1}, got {replica}")
        row = self.result["replicas"][replica]
        if row["died"] is not None:
            raise ValueError(f"{self.path}: replica {replica} died in training at step {row['died']}: name another")
        network = build_network(self.genome, self.task)
        fit(network, tensors, self.path / name)
        return Member(replica, row["score"], network)


def fit(network: Network, tensors: dict[str, Tensor], path: Path) -> None:
    """Give a network its weights; they must be all of them, of the right shapes, and numbers."""
    own = network.state_dict()
    wrong = [f"{name} is missing" for name in own if name not in tensors]
    wrong += [f"{name} is not part of it" for name in tensors if name not in own]
    wrong += [
        f"{name} has shape {list(tensors[name].shape)} instead of {list(part.shape)}"
        for name, part in own.items()
        if name in tensors and tensors[name].shape != part.shape
    ]
    if not wrong:
        wrong = [f"{name} holds what is not a number" for name, part in tensors.items() if not _finite(part)]
    if wrong:
        more = f", and {len(wrong) - 1} more like this" if len(wrong) > 1 else ""
        raise ValueError(f"{path} does not fit the genome's network on {network.task.label}: {wrong[0]}{more}")
    network.load_state_dict(tensors, strict=True)


def _finite(part: Tensor) -> bool:
    return bool(torch.isfinite(part).all()) if part.is_floating_point() else True


def _folder_of(path: Path) -> Path:
    if path.is_dir():
        return path
    if path.is_file():
        if path.name not in (WEIGHTS, REPLICAS):
            raise ValueError(f"{path}: name a training's folder, or {WEIGHTS} or {REPLICAS} in it")
        return path.parent
    raise ValueError(f"{path}: no such folder: name one that `itnas train --out` wrote, or a trial as RUN:TRIAL")


def _result(path: Path) -> dict[str, Any]:
    """result.json, as far as it is needed here."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        rows = [(each["learning_rate"], each["score"], each["died"]) for each in found["replicas"]]
        if not rows or not isinstance(found["task"], str) or not isinstance(found["learning_rate"], (int, float)):
            raise ValueError("no replicas, task or learning rate")
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({error}): train again") from error
    return found


def _of_replica(tensors: dict[str, Tensor], replica: int, replicas: int, path: Path) -> dict[str, Tensor]:
    """A replica's part of stacked tensors."""
    if not 0 <= replica < replicas:
        raise ValueError(f"replica must lie in 0 to {replicas - 1}, got {replica}")
    for name, part in tensors.items():
        if part.dim() < 1 or part.shape[0] != replicas:
            raise ValueError(f"{path} does not fit result.json: {name} does not hold {replicas} replicas")
    return {name: part[replica] for name, part in tensors.items()}
