"""A kernel kind that another package offers: in genomes, spaces, searches, verdicts, and what exports say of it."""

from pathlib import Path

import pytest
import torch

import itnas
from itnas.kernel_kinds import KERNELS, register
from tests.models.nearness import NearnessKernel

DATA = {"width": 8, "depth": 1, "layers": [{"kernel": {"kind": "nearness", "width": 3}, "normaliser": "sum"}]}


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KERNELS, "_own", dict(KERNELS.items()))
    register(NearnessKernel)


def test_a_genome_of_it_is_read_written_and_told_apart(tmp_path: Path) -> None:
    genome = itnas.Genome.from_dict(DATA)
    genome.save(tmp_path / "genome.yaml")
    assert itnas.Genome.load(tmp_path / "genome.yaml") == genome
    assert genome.to_dict()["layers"][0]["kernel"] == {"kind": "nearness", "width": 3}
    other = itnas.Genome.from_dict(DATA | {"layers": [{"kernel": {"kind": "nearness", "width": 4}}]})
    assert genome.hash != other.hash
    assert genome.symmetries() == {"translation", "euclidean", "permutation"}


@pytest.mark.parametrize(
    ("kernel", "told"),
    [
        ({"kind": "nearness", "width": 0}, "nearness: width: .* greater than or equal to 1"),
        ({"kind": "nearness", "wide": 3}, "nearness: unknown setting 'wide'; did you mean 'width'"),
        ({"kind": ["nearness"]}, "kernel: must be 'mlp', 'factorised', got"),
        ({"kind": "nearnes"}, "must be 'mlp', 'factorised', got 'nearnes'"),
    ],
)
def test_what_is_wrong_with_it_is_said(kernel: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        itnas.Genome.from_dict(DATA | {"layers": [{"kernel": kernel}]})


def test_a_kind_needs_a_name_of_its_own() -> None:
    class Nameless(NearnessKernel):
        kind: str = "mlp"  # type: ignore[assignment]

    with pytest.raises(ValueError, match="Nameless: kind must have a name of its own as default, got 'mlp'"):
        register(Nameless)


@pytest.mark.parametrize(
    "quadrature", [{"kind": "full"}, {"kind": "window", "width": 4}, {"kind": "monte_carlo", "samples": 8}]
)
def test_its_cost_is_known_before_it_is_built(quadrature: dict[str, object]) -> None:
    layer = DATA["layers"][0] | {"quadrature": quadrature}  # type: ignore[index]
    genome, task = itnas.Genome.from_dict(DATA | {"layers": [layer]}), itnas.task("recall")
    network = itnas.build(genome, task)
    assert genome.cost(64, task).parameters == sum(each.numel() for each in network.parameters())
    assert genome.cost(64, task).flops_per_token > 0
    batch = task.batch(size=2)
    assert torch.isfinite(network(batch.inputs, batch.domain)).all()


def test_it_is_searched_explained_and_taken_home(tmp_path: Path) -> None:
    space = itnas.Space.parse(
        "width: 8\ndepth: 1\nlayers: [{normaliser: sum, kernel: {kind: nearness, width: {choice: [2, 3]}}}]",
        name="near",
    )
    run = itnas.search(
        space, "delay", trials=3, replicas=2, steps=5, length=16, specialists=["convnet"], confirm=1,
        confirm_replicas=2, copies=1, engine="inline", run=tmp_path / "run",
    )  # fmt: skip
    assert list(run.trials()["state"]) == ["complete"] * 3
    assert run.best().layers[0].kernel.kind == "nearness"
    assert set(run.layers()["layer"]) == {0}
    itnas.export(run, out=tmp_path / "weights", format="weights")
    network = itnas.load(tmp_path / "weights")
    batch = itnas.task("delay/length=16").batch(size=2)
    assert torch.isfinite(network(batch.inputs, batch.domain)).all()
    with pytest.raises(ValueError, match="NearnessModule"):
        itnas.export(run, out=tmp_path / "plain", format="module")
