"""`--format onnx`: graphs that onnxruntime runs, for any number of samples and points."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("onnx", reason="onnx is not installed: pip install 'itnas[export]'")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install 'itnas[export]'")

import onnx

from itnas.export.blueprint import arguments_of, blueprint_of
from itnas.export.formats import FORMATS
from itnas.export.formats.onnx import answers, check_packages, tidy, translated
from itnas.export.parity import Comparison
from itnas.export.program import captured
from tests.export.networks import LAYERS, PROGRAMS, domains, genome, placed, sampled, source, twin_of, unless_refused
from tests.space.spaces import SEARCHED


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name == "cells both ways" else name for name in PROGRAMS]
)
def test_onnxruntime_says_the_same_at_other_sizes(name: str, tmp_path: Path) -> None:
    settings, task = PROGRAMS[name]
    told = FORMATS["onnx"].write(source(settings, task), tmp_path / "network.onnx")
    assert told["largest_difference"] <= 1e-4
    assert (len(told["lengths"]), told["batch_sizes"]) == (2, [3, 8])


def test_the_file_is_the_same_every_time_and_tells_nothing_of_the_machine(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("one.onnx", "other.onnx"):
        FORMATS["onnx"].write(source(genome("gated-convolution"), "bytes"), tmp_path / name)
    one, other = ((tmp_path / name).read_bytes() for name in ("one.onnx", "other.onnx"))
    assert one == other
    assert str(Path.cwd()).encode() not in one
    assert b".py" not in one
    assert capfd.readouterr() == ("", "")
    graph = onnx.load_from_string(one).graph
    (inputs,), (outputs,) = graph.input, graph.output
    assert [axis.dim_param for axis in inputs.type.tensor_type.shape.dim] == ["batch", "length"]
    assert (inputs.name, outputs.name) == ("inputs", "outputs")
    assert {path.name for path in tmp_path.iterdir()} == {"one.onnx", "other.onnx"}


RUN = """
import sys
sys.modules["itnas"] = sys.modules["torch"] = None
import numpy, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
print(session.run(["outputs"], {"inputs": numpy.array([[1, 2, 3]])})[0].shape)
"""


def test_it_runs_without_torch_and_itnas(tmp_path: Path) -> None:
    FORMATS["onnx"].write(source(genome("attention"), "bytes"), tmp_path / "network.onnx")
    command = [sys.executable, "-I", "-c", RUN, str(tmp_path / "network.onnx")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "(1, 3, 256)\n"


def test_layers_that_draw_points_are_refused(tmp_path: Path) -> None:
    drawing = source(genome({"quadrature": {"kind": "importance", "samples": 4}}), "bytes")
    with pytest.raises(ValueError, match="draws points at random"):
        FORMATS["onnx"].write(drawing, tmp_path / "network.onnx")
    assert not list(tmp_path.iterdir())


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(
        ValueError, match=r"needs the package onnxruntime: install it with pip install 'itnas\[export\]'"
    ):
        check_packages()


def _assert_runs(where: str, name: str, tmp_path: Path) -> None:
    """A network on points of any kind, in float32, at other sizes than it was traced with."""
    network, batch = placed(genome(LAYERS[name]), where)
    network.float()
    blueprint = blueprint_of(network, batch.domain)
    twin = twin_of(network, batch.domain)

    def given(length: int, size: int) -> dict[str, torch.Tensor]:
        found, more = placed(genome(LAYERS[name]), where, length=length, size=size)
        told = arguments_of(blueprint_of(found, more.domain), more)
        return {**told, "inputs": told["inputs"].float()}

    program, arguments = captured(Comparison(blueprint, twin, [given(12, 3)], [], []))
    model = translated(program)
    tidy(model, arguments)
    (tmp_path / "network.onnx").write_bytes(model.SerializeToString(deterministic=True))
    fixed = where in ("grid-2", "grid-3")
    asked = [given(12, 3), given(12 if fixed else 16, 3 if where == "graphs" else 2)]
    for found, each in zip(answers(tmp_path / "network.onnx", asked), asked, strict=True):
        with torch.no_grad():
            np.testing.assert_allclose(found.numpy(), twin(**each).numpy(), atol=1e-5)


def test_padding_is_an_argument(tmp_path: Path) -> None:
    _assert_runs("line-padded", "attention", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["line-padded", "cloud"])
def test_windows_among_padding_and_places(where: str, tmp_path: Path) -> None:
    _assert_runs(where, "softmax-window", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("where", list(domains(12, 3)))
def test_every_domain(where: str, tmp_path: Path) -> None:
    _assert_runs(where, "mlp-content", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gru", "lstm", "selective-ssm", "attention", "convolution", "gated-convolution"])
def test_every_padded_mixer(name: str, tmp_path: Path) -> None:
    _assert_runs("line-padded", name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(LAYERS))
def test_every_layer(name: str, tmp_path: Path) -> None:
    FORMATS["onnx"].write(source(genome(LAYERS[name]), "bytes"), tmp_path / "network.onnx")


@pytest.mark.slow
@pytest.mark.parametrize("space", SEARCHED)
def test_random_genomes(space: str, tmp_path: Path) -> None:
    for seed, task in enumerate(("recall/pairs=3,vocab=12", "poisson", "shape-clouds")):
        with unless_refused():
            FORMATS["onnx"].write(source(sampled(space, seed), task), tmp_path / f"{seed}.onnx")
