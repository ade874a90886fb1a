"""Kernels looked at in passing, while a network is trained."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from itnas.behaviour.describe.energy import profile
from itnas.behaviour.describe.network import scenes
from itnas.behaviour.describe.portrait import Portrait
from itnas.behaviour.subjects import OpaqueSubject
from itnas.tasks import Task

SAMPLES = 8


class Glance(NamedTuple):
    """`profile`: [H, classes]; `offsets`: those that the classes are, where points stand in a line."""

    profile: NDArray[np.float32]
    offsets: NDArray[np.int64] | None


def profiles(network: nn.Module, task: Task, length: int) -> dict[str, Glance]:
    """How each layer's kernel depends on the offset, by the layer's name. Layers that are known by their answers alone
    are left out: asking them takes longer than a rung; and unions, whose classes of pairs stand in no order."""
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        return {
            name: _glance(Portrait.of(scene))
            for name, scene in scenes(network, task, length, SAMPLES).items()
            if not isinstance(scene.subject, OpaqueSubject) and not scene.view.places.parts
        }


def _glance(portrait: Portrait) -> Glance:
    offsets = portrait.places.offsets
    return Glance(profile(portrait)[0].float().numpy(), None if offsets is None else offsets.long().numpy())
