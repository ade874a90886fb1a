"""A message that must travel along a ring of nodes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from itnas.operator.domain import Graph
from itnas.tasks.base import Task, register
from itnas.tasks.batch import Batch


@register
@dataclass(frozen=True)
class RingTransfer(Task):
    """A ring of `length` nodes, each joined with its two neighbours; the target node asks for the source node's label.

    Channels: one-hot label (`classes` of them), source flag, target flag. Source and target are `distance` edges apart,
    on either side; only the target is scored. `distractors`: every other node carries a label of its own. Without them
    there are no more than 2 * classes * length distinct samples, and a split holds too few of them to be balanced.

    A layer carries information along one edge. L layers reach L edges, and nothing beats chance where `distance` is
    larger: turn it up for deeper networks, or for weight-tied iteration.
    """

    name = "ring-transfer"
    summary = "A ring of labelled nodes goes in, the label of the source node comes out at a node a few edges away."
    expects = (
        "Convolution: one message to the neighbours per edge of the distance, the same for all; only the label that "
        "the source flag lets through must be passed on."
    )
    position_dim = 0

    classes: int = 5
    distance: int = 2
    distractors: bool = True
    steps: int = 600

    def check_settings(self) -> None:
        if self.classes < 2 or self.distance < 1:
            raise ValueError(
                "task ring-transfer: classes >= 2 and distance >= 1 must hold, "
                f"got classes={self.classes}, distance={self.distance}"
            )

    @property
    def channels(self) -> int:
        return self.classes + 2

    @property
    def outputs(self) -> int:
        return self.classes

    @property
    def chance(self) -> float:
        return 1 / self.classes

    @property
    def shortest(self) -> int:
        """A ring that is too short for the distance has no such pair of nodes."""
        return max(2 * self.distance, 3)

    def draw(self, rng: np.random.Generator, size: int, length: int) -> Batch:
        rows = np.arange(size)
        source = rng.integers(length, size=size)
        target = (source + self.distance * rng.choice([-1, 1], size=size)) % length
        label = rng.integers(self.classes, size=(size, length))
        inputs = np.zeros((size, length, self.channels), dtype=np.float32)
        if self.distractors:
            np.put_along_axis(inputs[..., : self.classes], label[..., None], 1, axis=-1)
        inputs[rows, source, label[rows, source]] = 1
        inputs[rows, source, self.classes] = 1
        inputs[rows, target, self.classes + 1] = 1
        targets = np.zeros((size, length), dtype=np.int64)
        targets[rows, target] = label[rows, source]
        mask = torch.zeros(size, length, dtype=torch.bool)
        mask[rows, target] = True
        return Batch(torch.from_numpy(inputs), torch.from_numpy(targets), mask, ring(length))


@lru_cache(maxsize=64)
def ring(length: int) -> Graph:
    """Nodes 0 to length - 1 in a circle, an edge each way between neighbours."""
    nodes = torch.arange(length)
    onward = (nodes + 1) % length
    return Graph(torch.stack([torch.cat([nodes, onward]), torch.cat([onward, nodes])]), num_nodes=length)
