"""What holds across modalities: `python -m benchmarks.modalities`.

`turned`, `shifted` and `blinding` take half an hour, `at_equal_parameters` 40 minutes, the sweep hours: it is kept in
`benchmarks/runs/modalities`, and goes on where it was interrupted.
"""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import numpy as np
import torch

from itnas.features import Symmetry
from itnas.genes import Integral, MlpKernel
from itnas.genes import Training as TrainingGene
from itnas.genome import Genome
from itnas.models import Network, build_network, specialist
from itnas.operator.domain import Set
from itnas.run import Run
from itnas.tasks import Batch, find
from itnas.tasks.base import take
from itnas.tasks.blind import blind
from itnas.training import Budget, Trained, recipe, train_recipe

from .equals import searched_beside_equals
from .sections import Section, command, run_sections
from .sweeps import QUICK, between, finished, found_anywhere, found_in_blocks, pictures, searched_beside_specialists

RESULTS = Path(__file__).parent / "results" / "modalities.json"
SWEEP = Path(__file__).parent / "runs" / "modalities"
# Fewer steps than the tasks' own where they do.
TASKS = (
    "textured-shapes/steps=1500",
    "sentiment",
    "shape-clouds/length=32,steps=500",
    "entailment",
    "shape-questions",
    "image-pairs",
)
MIXED = ("entailment", "shape-questions", "image-pairs")
SPECIALISTS = ("convnet", "transformer", "point-network")
# Of the kept sweep: two networks that answer questions about pictures, by what points hold and by where they are.
SHOWN = {"by-content": 54, "by-place": 30}
SEEDS = 3
SAMPLES = 1024
STEPS = {"textured-shapes/shifted=true": 1500}  # where fewer than the task's own will do


def trained(genome: Genome, task: str, *, steps: int | None = None) -> Trained:
    """Three seeds, one learning rate."""
    found = find(task)
    budget = Budget(steps or STEPS.get(task, found.steps))
    own = recipe(genome, found, replicas=SEEDS, budget=budget, rungs=(1.0,))
    return train_recipe(own, test=True)


def networks(done: Trained) -> list[Network]:
    """The replicas with the best learning rate."""
    rate = done.result.learning_rate
    return [done.network(n) for n, each in enumerate(done.result.replicas) if each.learning_rate == rate]


def genome_of(*features: str, symmetry: Symmetry | None = None, normaliser: str = "softmax") -> Genome:
    kernel = MlpKernel(features=features, hidden=16)  # type: ignore[arg-type]
    layer = Integral(heads=4, kernel=kernel, normaliser=normaliser)  # type: ignore[arg-type]
    training = TrainingGene(learning_rates=(3e-3,))
    return Genome(width=64, depth=2, layers=(layer,), symmetry=symmetry, training=training)


# Genomes that must not care about a movement and genomes that may, each with its task.
TURNED = [
    # Where points say nothing but where they are, contents would only be one more bias.
    ("euclidean", genome_of("distance", symmetry="euclidean", normaliser="none"), "shape-clouds/coordinates=false"),
    ("free", genome_of("offset", "position", "content", "product", normaliser="mean"), "shape-clouds"),
]
SHIFTED = [
    ("translation", genome_of("offset", "fourier", "content", "product", symmetry="translation"),
     "textured-shapes/shifted=true"),
    ("free", genome_of("position", "content", "product"), "textured-shapes/shifted=true"),
]  # fmt: skip


def turned(quick: bool) -> list[dict[str, Any]]:
    """Scores on clouds as in training, and on clouds turned any way."""
    return _moved(TURNED, quick)


def shifted(quick: bool) -> list[dict[str, Any]]:
    """Scores where shapes were in training, and in the other half of the picture."""
    return _moved(SHIFTED, quick)


def _moved(cases: list[tuple[str, Genome, str]], quick: bool) -> list[dict[str, Any]]:
    rows = []
    for name, genome, task in cases:
        result = trained(genome, task, steps=20 if quick else None).result
        assert result.test_score is not None
        rows.append(
            {
                "genome": name,
                "features": ", ".join(genome.layers[0].kernel.features),  # type: ignore[union-attr]
                "as in training": result.score.mean,
                "moved": result.test_score.mean,
                "95 %": between(result.test_score.low, result.test_score.high),
                "chance": result.chance,
                "parameters": result.parameters,
            }
        )
    return rows


def permutation(quick: bool) -> list[dict[str, Any]]:
    """How far the outputs for a set are from those for the same set in another order, in float64."""
    genome = genome_of("content", "product", symmetry="permutation", normaliser="mean")
    task = find("shape-clouds")
    rows = []
    for depth in (1,) if quick else (1, 2, 4):
        network = build_network(genome.model_copy(update={"depth": depth}), _Placeless(task)).double().eval()
        inputs = task.batch("validation", size=16).inputs.double()
        order = torch.randperm(inputs.shape[1], generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            own, other = network(inputs, Set()), network(inputs[:, order], Set())
        error = float((own - other).abs().max() / own.abs().max())
        rows.append({"layers": depth, "points": inputs.shape[1], "largest relative change": f"{error:.1e}"})
    return rows


class _Placeless:
    """A task of which only the contents count."""

    position_dim = 0

    def __init__(self, task: Any) -> None:
        self.task = task

    def __getattr__(self, name: str) -> Any:
        return getattr(self.task, name)


def blinding(quick: bool) -> list[dict[str, Any]]:
    """Scores on the test split, whole and with each modality taken from another sample."""
    rows = []
    for name in MIXED:
        task = find(name)
        features = ("offset", "content", "product", "modality")
        done = trained(genome_of(*features), name, steps=20 if quick else None)
        batch = task.batch("test", size=SAMPLES)
        whole = _score(networks(done), task, batch)
        for modality in task.modalities:
            without = _score(networks(done), task, blind(batch, modality.name))
            rows.append(
                {"task": name, "whole": whole, "without": modality.name, "scores then": without, "chance": task.chance}
            )
    return rows


def _score(replicas: list[Network], task: Any, batch: Batch) -> float:
    """Averaged over the replicas."""
    found = []
    for network in replicas:
        tally = task.tally()
        for start in range(0, len(batch), 64):
            part = take(batch, np.arange(start, min(start + 64, len(batch))))
            with torch.no_grad():
                tally.add(network(part.inputs, part.domain), part)
        found.append(tally.score())
    return statistics.fmean(found)


def run_sweep(quick: bool) -> Run:
    """The sweep of the space `modalities`, finished."""
    if quick:
        return finished(None, "modalities", ["textured-shapes"], steps=20, **QUICK)
    return finished(
        SWEEP,
        "modalities",
        TASKS,
        trials=8,
        pruner="halving",
        replicas=1,
        specialists=SPECIALISTS,
        confirm=2,
        confirm_replicas=3,
        keep=1,
    )


def emerged(quick: bool) -> list[dict[str, Any]]:
    return found_anywhere(run_sweep(quick))


def emerged_in_blocks(quick: bool) -> list[dict[str, Any]]:
    return found_in_blocks(run_sweep(quick))


def beside_specialists(quick: bool) -> list[dict[str, Any]]:
    return searched_beside_specialists(run_sweep(quick))


def at_equal_parameters(quick: bool) -> list[dict[str, Any]]:
    if quick:
        small = QUICK | {"confirm": 1, "confirm_replicas": 2, "verdicts": "none"}
        return searched_beside_equals(finished(None, "modalities", ["textured-shapes"], steps=20, **small), SPECIALISTS)
    return searched_beside_equals(run_sweep(quick), SPECIALISTS)


def modality_figures(quick: bool) -> list[dict[str, Any]]:
    """The pictures of docs/modalities.md."""
    run = run_sweep(quick)
    drawn = {"emergence": run.plot.emergence()}
    if not quick:
        drawn |= {name: run.plot.kernel(trial, layer=0, head=0, sample=0) for name, trial in SHOWN.items()}
    return pictures("modalities", drawn, quick=quick)


def specialist_sizes(quick: bool) -> list[dict[str, Any]]:
    """Parameters of the specialists at the sweep's width and depth, on each task that they can be built for."""
    rows = []
    for name in SPECIALISTS[:1] if quick else SPECIALISTS:
        row: dict[str, Any] = {"specialist": name}
        for task in TASKS:
            try:
                row[task] = specialist(name, width=64).cost(find(task).length, find(task)).parameters
            except ValueError:
                row[task] = "-"
        rows.append(row)
    return rows


SECTIONS: dict[str, Section] = {
    "turned": turned,
    "shifted": shifted,
    "permutation": permutation,
    "blinding": blinding,
    "emerged": emerged,
    "emerged_in_blocks": emerged_in_blocks,
    "beside_specialists": beside_specialists,
    "specialist_sizes": specialist_sizes,
    "at_equal_parameters": at_equal_parameters,
    "modality_figures": modality_figures,
}


def measure(*, only: list[str] | None = None, quick: bool = False, quiet: bool = False) -> dict[str, Any]:
    """Run the sections and return {section: rows}."""
    return run_sections(SECTIONS, only=only, quick=quick, quiet=quiet)


if __name__ == "__main__":
    command(SECTIONS, RESULTS, "Measure what holds across modalities.")
