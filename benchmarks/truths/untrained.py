"""Untrained networks of random genomes, explained: whatever is said to have emerged there is wrong."""

from __future__ import annotations

import random
import sys
from collections import Counter
from typing import Any

import itnas
from itnas.behaviour import explain
from itnas.behaviour.agreement import wilson

from ..planted.genomes import random_genome

GENOMES, COPIES = 60, 4
TASKS = ("local-pattern/length=32", "flip-flop/length=32", "induction/length=32")


def untrained(genomes: int = GENOMES, seed: int = 0) -> dict[str, list[dict[str, Any]]]:
    """Random genomes on tasks that they have not been trained on: the families named, and what "emerged"."""
    rng, families, claims = random.Random(seed), Counter[str](), 0
    for number in range(genomes):
        genome, task = random_genome(rng), TASKS[number % len(TASKS)]
        explanation = explain(itnas.build(genome, task, seed=number), itnas.task(task), copies=COPIES)
        families.update(layer.family for layer in explanation.layers)
        for layer in explanation.layers:
            if layer.emerged:
                claims += 1
                print(f"emerged in untrained network {number}: {layer.sentence()}", file=sys.stderr, flush=True)
    layers = families.total()
    low, high = wilson(claims / layers, float(layers))
    row = {"networks": genomes, "layers": layers, "said to have emerged": claims, "share": claims / layers}
    return {
        "untrained": [
            row
            | {
                "95 %": f"{low:.3f}-{high:.3f}",
                "named": ", ".join(f"{name} {count}" for name, count in families.most_common()),
            }
        ]
    }
