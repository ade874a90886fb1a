"""Random genomes of every shipped space, through every form that `itnas` itself reads again."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import itnas
from itnas.export.documents import GENOME
from itnas.export.entry import written
from itnas.export.formats import FORMATS, Format
from itnas.export.native import measure
from itnas.export.source import Source
from itnas.genome import Genome
from itnas.tasks import find
from tests.export.networks import sampled
from tests.space.spaces import SEARCHED

TASKS = ("recall/pairs=2,vocab=8,length=16", "local-pattern/length=16", "poisson/length=16", "shape-clouds/length=16")
FAMILIES = ("none", "pointwise", "convolution", "recurrence", "attention", "local", "dense", "mixed")


def source(space: str, seed: int, task: str) -> Source:
    """An untrained network that is said to have become this and that."""
    genome, chance = sampled(space, seed), np.random.default_rng(seed)
    verdicts = [
        {
            "replica": 0,
            "layer": layer,
            "family": str(chance.choice(FAMILIES)),
            "support": 2,
            "state_size": 2,
            "offsets": [],
            "sentence": "It became this.",
        }
        for layer in range(8)
    ]
    about = {"task": task, "replica": 0, "verdicts": verdicts, "seeds": [3000]}
    network = itnas.build(genome, task, seed=seed).eval()
    return Source(genome, find(task), about, network)


@given(st.sampled_from(SEARCHED), st.integers(0, 2**20), st.sampled_from(TASKS))
@settings(max_examples=6, deadline=None)
def test_genomes_and_networks_come_back(space: str, seed: int, task: str) -> None:
    try:
        own = source(space, seed, task)
    except ValueError:
        return  # a genome that has no place on this task
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "LONGEST", 32)
        for name in ("genome", "weights", "native"):
            given = {"distil_steps": 2, "tune_steps": 2, "least": -1e9} if name == "native" else {}
            form = FORMATS[name].configured(given)
            assert isinstance(form, Format)
            out = Path(folder) / ("best.yaml" if form.suffixes else name)
            try:
                written(own, form, out)
            except ValueError as error:
                # The genome's layers do not go with the task's points, which only running them shows.
                assert "needs points" in str(error) or "does not have" in str(error) or "no positions" in str(error)  # noqa: PT017
                return
            read = Genome.load(out if form.suffixes else out / GENOME)
            assert read.hash == own.genome.hash
            if not form.suffixes:
                assert itnas.load(out).genome.hash == own.genome.hash


@pytest.mark.slow
@pytest.mark.parametrize("space", SEARCHED)
def test_many_of_each_space(space: str) -> None:
    for seed in range(12):
        for task in TASKS[:2]:
            test_genomes_and_networks_come_back.hypothesis.inner_test(space, seed, task)
