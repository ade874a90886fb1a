"""Plain torch networks against the ones that they are twins of: in float64, value and every gradient."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import itnas
from itnas.export import plain
from itnas.export.blueprint import arguments_of, blueprint_of
from itnas.export.parity import in_double
from itnas.export.pieces import FILES
from itnas.export.plain.stored import read_safetensors
from itnas.genome import Genome
from itnas.models import specialist
from itnas.tasks import find
from tests.export.networks import (
    ALL,
    LAYERS,
    assert_same_function,
    domains,
    factorised,
    genome,
    mlp,
    placed,
    reference,
    sampled,
    shaken,
    twin_of,
    unless_refused,
)
from tests.space.spaces import SEARCHED

TASKS = ("recall/pairs=3,vocab=12", "poisson", "digits/view=grid", "ring-transfer", "shape-clouds")


@pytest.mark.parametrize("causal", [False, True], ids=["seeing all", "causal"])
@pytest.mark.parametrize("name", list(LAYERS))
def test_every_layer_on_a_line(name: str, causal: bool) -> None:
    network, batch = placed(genome(LAYERS[name]), "line", causal=causal)
    assert_same_function(network, batch)


@pytest.mark.parametrize("where", list(domains(12, 3)))
@pytest.mark.parametrize(
    "name",
    [
        "mlp-deep",
        "mlp-content",
        "softmax",
        "softmax-window",
        "mean-window",
        "sum",
        "measure-domain",
        "measure-uniform",
        "factorised-position",
        "factorised-clock",
        "attention",
        "convolution",
        "gru",
        "lstm",
        "selective-ssm",
        "gated-convolution",
    ],
)
def test_layers_wherever_they_mean_something(name: str, where: str) -> None:
    with unless_refused():
        network, batch = placed(genome(LAYERS[name]), where)
        network(batch.inputs, batch.domain)
        assert_same_function(network, batch)


@pytest.mark.parametrize("name", ["offset", "fourier", "distance", "position"])
@pytest.mark.parametrize("where", ["times", "grid-2", "grid-3", "cloud"])
def test_features_of_places_in_more_than_one_dimension(name: str, where: str) -> None:
    network, batch = placed(genome(mlp(name, damped=True) if name == "fourier" else mlp(name)), where)
    assert_same_function(network, batch)


def test_mean_over_graphs_and_clouds() -> None:
    for where in ("graphs", "cloud", "set"):
        network, batch = placed(genome({**mlp("content", "product"), "normaliser": "mean"}), where)
        assert_same_function(network, batch)


@pytest.mark.parametrize("readout", ["points", "pooled", "decoded"])
@pytest.mark.parametrize("channels", ["none", "mlp", "swiglu"])
def test_readouts_and_channel_mixing(readout: str, channels: str) -> None:
    settings = genome(mlp("content"), channel_mixing={"kind": channels})
    for where in ("line", "line-padded"):
        network, batch = placed(settings, where, readout=readout)
        assert_same_function(network, batch)


def test_tied_blocks_are_applied_as_often() -> None:
    settings = genome(*[mlp("offset", "content")] * 3, tied=True)
    network, batch = placed(settings, "line")
    assert len(network.blocks) == 1
    assert_same_function(network, batch)


def test_a_sliced_kernel_of_learned_rank() -> None:
    network, batch = placed(genome(factorised(learned_rank=True, layers=1)), "line")
    mixer = network.blocks[0].mixer
    with torch.no_grad():
        mixer.kernel_module.gates.logits[:, 1] = -10
    network.blocks[0].mixer = mixer.slice()
    assert network.blocks[0].mixer.kernel_module.phi.biases[-1].shape[1] == 2
    assert_same_function(network, batch)


def test_padding_may_hold_anything() -> None:
    network, batch = placed(genome(mlp(*ALL), "attention", "gru", "selective-ssm", "gated-convolution"), "line-padded")
    assert batch.domain is not None
    valid = batch.domain.geometry(3, 12, torch.device("cpu")).valid
    assert valid is not None
    twin, given = twin_of(network, batch.domain), arguments_of(blueprint_of(network, batch.domain), batch)
    clean = twin(**given)
    given["inputs"] = given["inputs"].masked_fill(~valid.unsqueeze(-1), torch.nan)
    assert torch.equal(twin(**given)[valid], clean[valid])


@pytest.mark.parametrize("task", [*TASKS, "bytes", "selective-copying", "mad-compression/small", "digits"])
@pytest.mark.parametrize("name", ["transformer", "gru", "gated-conv-attention", "transformer/operator"])
def test_specialists_on_shipped_tasks(task: str, name: str) -> None:
    _assert_twin(specialist(name, width=16), task)


@pytest.mark.parametrize("space", SEARCHED)
@pytest.mark.parametrize("seed", range(3))
def test_random_genomes_of_shipped_spaces(space: str, seed: int) -> None:
    settings = sampled(space, seed)
    _assert_twin(settings, TASKS[seed % 2])
    _assert_twin(settings, TASKS[2 + seed % 3])


@pytest.mark.slow
@pytest.mark.parametrize("space", SEARCHED)
def test_many_random_genomes(space: str) -> None:
    for seed in range(100, 140):
        for task in TASKS:
            _assert_twin(sampled(space, seed), task)


def _assert_twin(settings: Genome, task: str) -> None:
    """Same function on the task, where the layers mean something there."""
    chosen = find(task)
    length = chosen.length if task.startswith("digits") else 20
    batch = in_double(chosen.batch("validation", seed=1, size=3, length=length))
    with unless_refused():
        network = reference(shaken(itnas.build(settings, chosen)))
        network(batch.inputs, batch.domain)
        assert_same_function(network, batch)


def test_pieces_import_nothing_of_the_rest() -> None:
    allowed = {"__future__", "torch", "math", "typing", "collections", "functools", "dataclasses", "json", "pathlib"}
    for path in FILES.values():
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [each.name for each in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert name is not None
                assert name.split(".")[0] in allowed or name.startswith(f"{plain.__name__}."), f"{path.name}: {name}"


def test_the_reader_of_weights(tmp_path: Path) -> None:
    kept = {
        "matrix": torch.randn(3, 4),
        "exact": torch.randn(2, dtype=torch.float64),
        "number": torch.tensor(7),
        "half": torch.randn(5).bfloat16(),
        "none": torch.zeros(0, 3),
    }
    save_file(kept, tmp_path / "weights.safetensors", {"format": "pt"})
    found = read_safetensors(tmp_path / "weights.safetensors")
    assert found.keys() == kept.keys()
    for name, part in kept.items():
        assert found[name].dtype == part.dtype
        assert torch.equal(found[name], part)
