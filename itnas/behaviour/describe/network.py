"""All layers of a network described, on samples like those that verdicts rest on."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from itnas.behaviour.describe.describe import describe
from itnas.behaviour.describe.description import Description
from itnas.behaviour.samples import Source
from itnas.behaviour.scene import Inputs, Scene, placed
from itnas.behaviour.sites import listen
from itnas.models import Network
from itnas.tasks import Task

SAMPLES = 32


def describe_network(network: nn.Module, task: Task, length: int) -> list[Description]:
    """One description per layer and call, in the order of calls; the network is left in evaluation mode."""
    network.eval()
    batch = Source(task).show(length, SAMPLES, SAMPLES).judged
    with torch.no_grad():
        heard = listen(network, lambda: network(batch.inputs.clone(), batch.domain), refused={})
        return [describe(Scene(each.subject, _with_place(network, each.inputs))) for each in heard]


def _with_place(network: nn.Module, inputs: Inputs) -> Inputs:
    """Networks of genomes add no positions to their inputs; of other models nobody knows."""
    return inputs if isinstance(network, Network) else replace(inputs, place=placed(inputs.u))
