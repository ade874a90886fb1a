"""The default tasks, learned: do seeds agree, is it what theory expects, and what does asking cost?

Each network is trained on five seeds and explained on each; `seconds` are CPU seconds of both on one thread.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import itnas
from itnas import genes
from itnas.behaviour import Explanation
from itnas.behaviour.agreement import Observed, agreements
from itnas.behaviour.cross_examine import COPIES, explain_replicas
from itnas.genome import Genome

SEEDS, QUICK_STEPS = 5, 5
KERNEL = Genome(
    width=32,
    depth=2,
    layers=(
        genes.Integral(
            heads=2,
            kernel=genes.MlpKernel(
                features=("offset", "fourier", "product"), hidden=16, layers=1, activation="relu", frequencies=6
            ),
            normaliser="softmax",
        ),
    ),
    training=genes.Training(learning_rates=(3e-3,)),
)
GRU = Genome(width=32, depth=2, layers=(genes.Gru(),), training=genes.Training(learning_rates=(3e-3,)))
GENOMES = {"kernel": KERNEL, "gru": GRU}
# The families that theory expects, in some layers and in this order.
EXPECTED: dict[tuple[str, str], tuple[str, ...]] = {
    ("recall", "kernel"): ("convolution", "attention"),
    ("induction", "kernel"): ("convolution", "attention"),
    ("selective-copying", "kernel"): ("attention",),
    ("local-pattern", "kernel"): ("convolution",),
    ("delay", "kernel"): ("convolution",),
    ("flip-flop", "kernel"): ("recurrence",),
    ("exponential-average", "kernel"): ("recurrence",),
    ("parity", "kernel"): ("recurrence",),
    ("flip-flop", "gru"): ("recurrence",),
    ("parity", "gru"): ("recurrence",),
}


def trained(quick: bool) -> dict[str, list[dict[str, Any]]]:
    """`trained`: a row per task, genome and layer; `explaining`: what it costs beside training."""
    layers, costs = [], []
    for task, genome in list(EXPECTED)[: 1 if quick else None]:
        explanations, cost = learned(task, genome, QUICK_STEPS if quick else None)
        layers += layer_rows(task, genome, explanations)
        costs.append(cost)
        print(f"{task}, {genome}: explained in {cost['explaining / training']:.2f} of its training", file=sys.stderr)
    return {"trained": layers, "explaining": costs}


def learned(task: str, genome: str, steps: int | None) -> tuple[list[Explanation], dict[str, Any]]:
    """Train, then explain every replica and the untrained copies that they share."""
    start = time.process_time()
    outcome = itnas.train(GENOMES[genome], task, replicas=SEEDS, budget=steps)
    training = time.process_time() - start
    networks = {number: outcome.network(number) for number in range(SEEDS)}
    start = time.process_time()
    found = explain_replicas(networks, task)
    asking = time.process_time() - start
    return found, {
        "task": task,
        "genome": genome,
        f"training {SEEDS} replicas, CPU s": training,
        f"explaining them beside {COPIES} untrained, CPU s": asking,
        "explaining / training": asking / training,
    }


def layer_rows(task: str, genome: str, explanations: Sequence[Explanation]) -> list[dict[str, Any]]:
    """What each layer became on each seed, and what theory expects of some layer."""
    layers = [layer for explanation in explanations for layer in explanation.layers]
    agreed = agreements(Observed(genome, layer.layer, layer.family) for layer in layers)
    scores = [explanation.score or 0.0 for explanation in explanations]
    whole = [fidelity.value for explanation in explanations for fidelity in explanation.whole.values()]
    as_expected = sum(
        in_order(EXPECTED[task, genome], [layer.family for layer in each.layers]) for each in explanations
    )
    rows = []
    for each in agreed:
        own = [layer for layer in layers if layer.layer == each.layer]
        families = Counter(layer.family for layer in own)
        # A length at which a replica has not kept its skill says nothing of it.
        lengths = sorted({length for layer in own for length in layer.states})
        states = {length: [layer.states[length] for layer in own if length in layer.states] for length in lengths}
        rows.append(
            {
                "task": task,
                "genome": genome,
                "score": min(scores),
                "expected, in this order": ", ".join(EXPECTED[task, genome]),
                "found in": f"{as_expected} of {len(explanations)}",
                "layer": each.layer + 1,
                "became": ", ".join(f"{family} {count}" for family, count in families.most_common()),
                "95 %": f"{each.low:.2f}-{each.high:.2f}",
                "null": sum(layer.null or 0.0 for layer in own if layer.family == each.family) / each.count,
                "offsets or states": _needs(each.family, own, states),
                "whole network explained": min(whole, default=None),  # nothing stands in for what has learned nothing
            }
        )
    return rows


def in_order(expected: Sequence[str], found: Sequence[str]) -> bool:
    """Whether some layers became what is expected, one after another."""
    layers = iter(found)
    return all(family in layers for family in expected)


def _needs(family: str, layers: Sequence[Any], states: dict[int, list[int | None]]) -> str:
    if family == "convolution":
        return "; ".join(sorted({" ".join(map(str, each.offsets)) for each in layers if each.family == family}))
    if family in ("attention", "recurrence"):
        return ", ".join(f"{_range(own)} at {length}" for length, own in states.items())
    return ""


def _range(budgets: Sequence[int | None]) -> str:
    known = sorted(each for each in budgets if each is not None)
    if not known:
        return "?"
    span = str(known[0]) if known[0] == known[-1] else f"{known[0]}-{known[-1]}"
    return span if len(known) == len(budgets) else f"{span}+"
