"""Crystallised networks of the default tasks: what they keep of the score, and what they cost beside the discovered.

`python -m benchmarks.crystallise SECTION ...` runs sections and renews them in `benchmarks/results/crystallise.json`.
Networks are those of the trained truths (`benchmarks.behaviour trained`): 2 layers, width 32, an MLP kernel under a
softmax, which the fused plan evaluates.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import torch

import itnas
from itnas.export.compare import score
from itnas.export.native.crystallise import Crystallisation, Effort, crystallise
from itnas.export.native.measure import LONGEST, measured, sample
from itnas.export.native.verdicts import verdicts_of
from itnas.export.source import Source
from itnas.models import Network

from .sections import Section, command, run_sections
from .truths.trained import EXPECTED, GENOMES

RESULTS = Path(__file__).parent / "results" / "crystallise.json"
SEEDS, QUICK_STEPS = 3, 5
TASKS = [task for task, genome in EXPECTED if genome == "kernel"]


class Case(NamedTuple):
    task: str
    seed: int
    network: Network
    outcome: Crystallisation


@lru_cache(maxsize=2)
def cases(quick: bool) -> list[Case]:
    return list(_cases(quick))


def _cases(quick: bool) -> Iterator[Case]:
    """Train, ask what the layers became, crystallise; on one thread."""
    torch.set_num_threads(1)
    effort = Effort(distil_steps=QUICK_STEPS, tune_steps=QUICK_STEPS) if quick else Effort()
    for name in TASKS[: 1 if quick else None]:
        task, genome = itnas.task(name), GENOMES["kernel"]
        replicas = 1 if quick else SEEDS
        trained = itnas.train(genome, task, replicas=replicas, budget=QUICK_STEPS if quick else None)
        for seed in range(replicas):
            network = trained.network(seed).eval()
            verdicts = verdicts_of(Source(genome, task, {}, network))
            outcome = crystallise(network, task, verdicts, effort)
            print(f"{name}, seed {seed}: {outcome.kept:.3f} kept", file=sys.stderr, flush=True)
            yield Case(name, seed, network, outcome)


def kept(quick: bool) -> list[dict[str, Any]]:
    """Scores before and after, on validation, which chose, and on test, which did not."""
    rows = []
    for case in cases(quick):
        layers = [
            f"{each.family} → {each.became} ({each.agrees:.2f})" if each.replaced else f"{each.family}: stays"
            for each in case.outcome.layers
        ]
        before, after = (score(each, case.network.task, "test") for each in (case.network, case.outcome.network))
        rows.append(
            {
                "task": case.task,
                "seed": case.seed,
                "layers (R² beside the layer)": "; ".join(layers),
                "score before": case.outcome.before,
                "score after": case.outcome.after,
                "kept above chance": case.outcome.kept,
                "test before": before,
                "test after": after,
            }
        )
    return rows


def speed(quick: bool) -> list[dict[str, Any]]:
    """The first seed of each task, forward passes of 4 samples, the discovered network on the plan that is fastest."""
    rows = []
    for case in cases(quick):
        if case.seed:
            continue
        replaced = sum(each.replaced for each in case.outcome.layers)
        batch = sample(case.network.task, LONGEST)
        assert batch is not None
        u = torch.zeros(len(batch), LONGEST, case.network.genome.width)
        plan = case.network.blocks[0].mixer.chosen_plan(u)
        about = {"task": case.task, "plan": plan, "replaced": f"{replaced} of {len(case.outcome.layers)}"}
        rows += [about | row for row in measured(case.network, case.outcome.network, case.network.task)]
    return rows


SECTIONS: dict[str, Section] = {"crystallised": kept, "crystallised_speed": speed}


def measure(*, only: list[str] | None = None, quick: bool = False, quiet: bool = False) -> dict[str, Any]:
    """Run the sections and return {section: rows}."""
    return run_sections(SECTIONS, only=only, quick=quick, quiet=quiet)


if __name__ == "__main__":
    command(SECTIONS, RESULTS, "Crystallise networks of the default tasks.")
