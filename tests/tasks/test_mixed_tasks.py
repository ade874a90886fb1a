"""Tasks of several modalities are learned, and a trained network without one of them is back at chance."""

import pytest
import torch
from torch import nn

import itnas
from itnas.models import specialist
from itnas.tasks import Batch, Task, find
from itnas.tasks.blind import blind
from tests.tasks.lookups import above

SAMPLES = 4000


def trained(task: Task) -> nn.Module:
    network = itnas.build(specialist("transformer", width=64), task)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, betas=(0.9, 0.98), weight_decay=0.01)
    rates = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 3e-3, total_steps=task.steps, pct_start=0.1, cycle_momentum=False
    )
    for step in range(task.steps):
        batch = task.batch(step=step)
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(batch.inputs, batch.domain), batch.targets).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        rates.step()
    return network


@torch.no_grad()
def score(network: nn.Module, task: Task, batch: Batch) -> float:
    return task.score(network(batch.inputs, batch.domain), batch)[0]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("name", "reached"), [("entailment", 0.9), ("shape-questions", 0.9), ("image-pairs", 0.95)])
def test_no_modality_can_be_done_without(name: str, reached: float) -> None:
    task = find(name)
    network = trained(task)
    batch = task.batch("validation", seed=1, size=SAMPLES)
    assert score(network, task, batch) > reached
    for modality in task.modalities:
        assert score(network, task, blind(batch, modality.name)) < above(task.chance, SAMPLES // 4)
