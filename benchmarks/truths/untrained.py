"""Untrained networks of random genomes, explained: whatever is said to have emerged there is wrong."""

from __future__ import annotations

import copy
import random
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

import itnas
from itnas.behaviour import Explanation, explain
from itnas.behaviour.agreement import wilson
from itnas.models import Network
from itnas.tasks import Batch, Task, find

from ..planted.genomes import random_genome

GENOMES, COPIES, SAMPLES = 100, 4, 48
TASKS = ("local-pattern/length=32", "flip-flop/length=32", "induction/length=32")


def untrained(genomes: int = GENOMES, seed: int = 0) -> dict[str, list[dict[str, Any]]]:
    """Random genomes on tasks that they have not been trained on, and on the task of saying what they say anyway, at
    which every network is perfect: the families named, and what "emerged"."""
    rng = random.Random(seed)
    drawn = [(random_genome(rng), TASKS[number % len(TASKS)]) for number in range(genomes)]
    by_task, by_itself = [], []
    for number, (genome, task) in enumerate(drawn):
        network = itnas.build(genome, task, seed=number)
        by_task.append(explain(network, task, copies=COPIES))
        by_itself.append(_by_itself(network, find(task)))
    return {"untrained": [_row("the task", by_task), _row("what it says itself", by_itself)]}


def _by_itself(network: Network, task: Task) -> Explanation:
    truth = copy.deepcopy(network).eval()

    def score(outputs: Tensor, batch: Batch) -> float:
        target = truth(batch.inputs)
        return 1 - float((outputs - target).square().mean() / (target - target.mean()).square().mean())

    def sample(length: int, _generator: torch.Generator) -> Batch:
        return task.batch("validation", size=SAMPLES, length=length)

    return explain(network, sample, task.lengths, score, copies=COPIES)


def _row(judge: str, found: Sequence[Explanation]) -> dict[str, Any]:
    layers = [layer for explanation in found for layer in explanation.layers]
    claims = [layer for layer in layers if layer.emerged]
    for layer in claims:
        print(f"emerged in an untrained network, judged by {judge}: {layer.sentence()}", file=sys.stderr, flush=True)
    share = len(claims) / len(layers)
    low, high = wilson(share, float(len(layers)))
    named = Counter(layer.family for layer in layers).most_common()
    return {
        "judged by": judge,
        "layers": len(layers),
        "said to have emerged": len(claims),
        "share": share,
        "95 %": f"{low:.3f}-{high:.3f}",
        "named": ", ".join(f"{name} {count}" for name, count in named),
    }
