"""All layers of a network described, on samples like those that verdicts rest on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import nn

from itnas.behaviour.describe.describe import describe
from itnas.behaviour.describe.description import Description
from itnas.behaviour.describe.replaced import MOST, Replaced, replaced_kernels
from itnas.behaviour.explanation import LayerVerdict
from itnas.behaviour.samples import Source
from itnas.behaviour.scene import Inputs, Scene, placed
from itnas.behaviour.sites import listen
from itnas.models import Network
from itnas.tasks import Task

SAMPLES = 32


def describe_network(network: nn.Module, task: Task, length: int) -> list[Description]:
    """One description per layer and call, in the order of calls; the network is left in evaluation mode."""
    with torch.no_grad():
        return [describe(scene) for scene in scenes(network, task, length).values()]


def describe_examined(
    network: nn.Module, task: Task, length: int, verdicts: Sequence[LayerVerdict]
) -> tuple[list[Description], list[dict[str, Replaced]]]:
    """The layers that there are verdicts on, in their order, each with its replaced kernels by family."""
    described, replaced = [], []
    with torch.no_grad():
        there = scenes(network, task, length)
        for verdict in verdicts:
            if verdict.name not in there:
                raise ValueError(f"layer {verdict.name} is not called on the samples that are described")
            scene = there[verdict.name]
            found = describe(scene)
            described.append(found)
            replaced.append(replaced_kernels(scene, found.shown, verdict.main.curves, MOST // len(verdicts)))
    return described, replaced


def scenes(network: nn.Module, task: Task, length: int, samples: int = SAMPLES) -> dict[str, Scene]:
    """What each site was given, by its name, in the order of calls."""
    network.eval()
    batch = Source(task).show(length, samples, samples).judged
    with torch.no_grad():
        heard = listen(network, lambda: network(batch.inputs.clone(), batch.domain), refused={})
    return {str(each.site): Scene(each.subject, _with_place(network, each.inputs)) for each in heard}


def _with_place(network: nn.Module, inputs: Inputs) -> Inputs:
    """Networks of genomes add no positions to their inputs; of other models nobody knows."""
    return inputs if isinstance(network, Network) else replace(inputs, place=placed(inputs.u))
