"""The shipped spaces: every genome builds and runs, and what a task refuses is told beforehand."""

from functools import cache

import numpy as np
import pytest
import torch
import yaml
from jsonschema import Draft202012Validator

import itnas
from itnas.files import read_document
from itnas.models.specialists import DEFAULT_SPECIALISTS, SPECIALISTS
from itnas.shipped import folder
from itnas.space import Space
from itnas.tasks import TASKS, find
from tests.space.spaces import GENOMES, SEARCHED, SHIPPED

NAMES = {"emergence", "modalities", "kernels", "integration", "rank", "geometry", "full", "specialists"}
DRAWN = 40


# Read and drawn once: every task sees the same spaces and genomes.
loaded = cache(Space.load)


@cache
def drawn(name: str, count: int = DRAWN) -> list[itnas.Genome]:
    space, rng = loaded(name), np.random.default_rng(1)
    return [space.genome(space.sample(rng)) for _ in range(count)]


def runs(genome: itnas.Genome, task: str, length: int | None = None) -> None:
    """One forward pass on a small batch; raises ValueError where the network is refused."""
    batch = find(task).batch("validation", size=2, length=length)
    with torch.no_grad():
        outputs = itnas.build(genome, task)(batch.inputs, batch.domain)
    assert torch.isfinite(outputs).all()


def test_all_are_there_and_say_what_they_are() -> None:
    assert set(SEARCHED) == NAMES
    assert set(GENOMES) == {"itnet-s", "itnet-b", "itnet-l"}
    for name in SHIPPED:
        space = Space.load(name)
        assert space.summary.endswith(".")
        assert space.text.startswith("# ")


@pytest.mark.parametrize("name", SEARCHED)
def test_what_violates_nothing_builds_and_runs(name: str) -> None:
    space = loaded(name)
    task = "shape-questions" if name == "modalities" else "flip-flop/length=16"
    allowed = [genome for genome in drawn(name) if space.violation(genome, task) is None]
    assert len(allowed) > DRAWN / 2
    for genome in allowed:
        runs(genome, task)


@pytest.mark.parametrize("task", [name for name in TASKS if not TASKS[name].published])
def test_what_a_task_refuses_is_told_beforehand_with_the_same_reason(task: str) -> None:
    for name in SEARCHED:
        space = loaded(name)
        for genome in drawn(name, 6):
            said = space.violation(genome, task)
            if said is None:
                runs(genome, task)
            elif "cannot be built" in said:
                with pytest.raises(ValueError, match=r"\w"):
                    runs(genome, task)


def test_emergence_reaches_what_is_known_to_solve() -> None:
    """Convolution, attention and recurrence, each in the form that solves its task, and never refused on sequences."""
    space = Space.load("emergence")
    base = {f"layers.kernel.features/{name}": False for name in ("fourier", "offset", "product", "content", "clock")}
    base |= {"layers.heads": 4, "layers.kernel.hidden": 16, "layers.kernel.layers": 1, "layers.kernel.damped": False}
    base |= {"layers.normaliser": "none", "layers.measure": "domain"}
    chosen = {f"layers.kernel.features/{name}": True for name in ("fourier", "offset", "product")}
    recall = space.genome(base | chosen | {"layers.normaliser": "softmax"})
    assert recall.layers[0].kernel.features == ("offset", "fourier", "product")
    pattern = space.genome(base | {"layers.kernel.features/offset": True})
    state = space.genome(base | {"layers.kernel.features/clock": True})
    for genome, task in ((recall, "recall"), (pattern, "local-pattern"), (state, "flip-flop")):
        assert space.violation(genome, task) is None
    rng = np.random.default_rng(0)
    drawn = [space.genome(space.sample(rng)) for _ in range(100)]
    assert all(space.violation(genome, "recall") is None for genome in drawn)
    # Good genomes are common: a random arm meets them.
    good = [
        "product" in genome.layers[0].kernel.features
        and {"offset", "fourier"} & set(genome.layers[0].kernel.features)
        and genome.layers[0].normaliser == "softmax"
        for genome in drawn
    ]
    assert sum(map(bool, good)) >= 3


def test_specialists_are_the_whole_grid() -> None:
    space = Space.load("specialists")
    found = {(each["specialist"], each["width"], each["depth"]) for each in space.enumerate()}
    assert {name for name, _, _ in found} == set(DEFAULT_SPECIALISTS)
    assert len({space.genome(each).hash for each in space.enumerate()}) == space.size()
    assert set(DEFAULT_SPECIALISTS) < set(SPECIALISTS)


SCHEMA = Draft202012Validator(Space.schema())


def test_the_schema_takes_shipped_spaces_and_what_a_genome_may_leave_out() -> None:
    Draft202012Validator.check_schema(Space.schema())
    for path in folder().glob("*.yaml"):
        assert list(SCHEMA.iter_errors(read_document(path))) == []


@pytest.mark.parametrize(
    "text",
    [
        "layers: gru",
        "layers: [gru, {kernel: mlp, quadrature: full}]",
        "layers: {kernel: {kind: factorised, output: elu1}}",
        "layers: {choice: [gru, {mixer: attention, heads: {int: [1, 2]}}]}",
        "training: {clip: {choice: [null, {float: [0.1, 1]}]}}",
        "specialist: {choice: [gru, lstm]}",
    ],
)
def test_the_schema_takes_what_a_space_takes(text: str) -> None:
    Space.parse(text)
    assert SCHEMA.is_valid(yaml.safe_load(text))


@pytest.mark.parametrize(
    "text",
    [
        "widht: 3",
        "width: x",
        "width: {choice: []}",
        "width: {int: [1, 2], lgo: 1}",
        "layers: {kernel: {hiden: 3}}",
        "layers: gruu",
        "layers: [{heads: {choice: [a]}}]",
        "constraints: {paramters: 3}",
    ],
)
def test_the_schema_refuses_what_a_space_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Space.parse(text)
    assert not SCHEMA.is_valid(yaml.safe_load(text))
