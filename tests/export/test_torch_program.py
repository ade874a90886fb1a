"""`--format torch`: programs for any number of samples and points."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
import torch

from itnas.export.blueprint import arguments_of, blueprint_of
from itnas.export.formats import FORMATS
from itnas.export.formats.torch_program import saved
from itnas.export.parity import Comparison
from itnas.export.program import captured, dynamic_shapes
from tests.export.networks import LAYERS, PROGRAMS, domains, genome, placed, sampled, source, twin_of, unless_refused
from tests.space.spaces import SEARCHED

OTHERS = ("line-padded", "times", "cloud", "graphs")
QUICK = ("softmax, and factorised with a clock",)


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in PROGRAMS]
)
def test_it_says_the_same_at_other_sizes(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    settings, task = PROGRAMS[name]
    told = FORMATS["torch"].write(source(settings, task), tmp_path / "program.pt2")
    assert told["largest_difference"] <= 1e-5
    assert (len(told["lengths"]), told["batch_sizes"]) == (2, [3, 8])
    assert capfd.readouterr() == ("", "")


def test_one_sample_of_one_point_will_do() -> None:
    network, batch = placed(genome("gru", "attention"), "line")
    blueprint, twin = blueprint_of(network, batch.domain), twin_of(network, batch.domain)
    program, given = captured(Comparison(blueprint, twin, [arguments_of(blueprint, batch)], [], []))
    one = given["inputs"][:1, :1]
    assert torch.allclose(program.module()(one), twin(one))


@pytest.mark.parametrize("where", ["grid-1", *(pytest.param(each, marks=pytest.mark.slow) for each in OTHERS)])
def test_padding_and_places_are_arguments(where: str) -> None:
    layer = {"kernel": {"kind": "mlp", "features": ["content"]}} if where == "graphs" else LAYERS["mean-window"]
    network, batch = placed(genome(layer if where in ("graphs", "cloud") else "gru", layer), where)
    blueprint = blueprint_of(network, batch.domain)
    twin = twin_of(network, batch.domain)
    program, _ = captured(Comparison(blueprint, twin, [arguments_of(blueprint, batch)], [], []))
    other, more = placed(genome(layer), where, length=17, size=2)
    if where == "graphs":
        other, more = placed(genome(layer), where, length=17, size=3)
    given = arguments_of(blueprint_of(other, more.domain), more)
    found = program.module()(given["inputs"], **{name: part for name, part in given.items() if name != "inputs"})
    assert torch.allclose(found, twin(**given), atol=1e-12)


def test_the_file_is_the_same_every_time_and_tells_nothing_of_the_machine() -> None:
    files = []
    for _ in range(2):
        network, batch = placed(genome("convolution"), "line")
        blueprint, twin = blueprint_of(network, batch.domain), twin_of(network, batch.domain)
        program, _given = captured(Comparison(blueprint, twin, [arguments_of(blueprint, batch)], [], []))
        files.append(saved(program))
    assert files[0] == files[1]
    with ZipFile(BytesIO(files[0])) as archive:
        assert not any(str(Path.cwd()).encode() in archive.read(name) for name in archive.namelist())


def test_what_all_samples_share_and_the_cells_of_a_grid_are_fixed() -> None:
    network, batch = placed(genome("attention"), "grid-2")
    blueprint = blueprint_of(network, batch.domain)
    assert {name: set(axes) for name, axes in dynamic_shapes(blueprint, arguments_of(blueprint, batch)).items()} == {
        "inputs": {0}
    }
    network, batch = placed(genome("attention"), "graph")
    blueprint = blueprint_of(network, batch.domain)
    assert {name: set(axes) for name, axes in dynamic_shapes(blueprint, arguments_of(blueprint, batch)).items()} == {
        "inputs": {0, 1},
        "edges": {1, 2},
    }


def test_layers_that_draw_points_are_refused(tmp_path: Path) -> None:
    drawing = source(genome({"quadrature": {"kind": "monte_carlo", "samples": 4}}), "bytes")
    with pytest.raises(ValueError, match="draws points at random"):
        FORMATS["torch"].write(drawing, tmp_path / "program.pt2")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("name", list(LAYERS))
def test_every_layer(name: str, tmp_path: Path) -> None:
    FORMATS["torch"].write(source(genome(LAYERS[name]), "bytes"), tmp_path / "program.pt2")


@pytest.mark.slow
@pytest.mark.parametrize("where", list(domains(12, 3)))
def test_every_domain(where: str) -> None:
    network, batch = placed(genome(LAYERS["mlp-content"], "attention"), where)
    blueprint = blueprint_of(network, batch.domain)
    twin, given = twin_of(network, batch.domain), arguments_of(blueprint, batch)
    program, _ = captured(Comparison(blueprint, twin, [given], [], []))
    found = program.module()(given["inputs"], **{name: part for name, part in given.items() if name != "inputs"})
    assert torch.allclose(found, twin(**given), atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("space", SEARCHED)
def test_random_genomes(space: str, tmp_path: Path) -> None:
    for seed, task in enumerate(("recall/pairs=3,vocab=12", "poisson", "shape-clouds")):
        with unless_refused():
            FORMATS["torch"].write(source(sampled(space, seed), task), tmp_path / f"{seed}.pt2")
