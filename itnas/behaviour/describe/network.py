"""All layers of a network described, on samples like those that verdicts rest on."""

from __future__ import annotations

import torch
from torch import nn

from itnas.behaviour.describe.describe import describe
from itnas.behaviour.describe.description import Description
from itnas.behaviour.samples import Source
from itnas.behaviour.scene import Scene
from itnas.behaviour.sites import listen
from itnas.tasks import Task

SAMPLES = 32


def describe_network(network: nn.Module, task: Task, length: int) -> list[Description]:
    """One description per layer and call, in the order of calls; the network is left in evaluation mode."""
    network.eval()
    batch = Source(task).show(length, SAMPLES, SAMPLES).judged
    with torch.no_grad():
        heard = listen(network, lambda: network(batch.inputs, batch.domain))
        return [describe(Scene(each.subject, each.inputs)) for each in heard]
