"""Blueprints: what a network is made of, as plain data."""

from __future__ import annotations

import json

import pytest
import torch
from torch import Tensor, nn

from itnas.export.blueprint import Blueprint, arguments_of, blueprint_of, plain_network, plain_state
from itnas.export.parity import compared
from itnas.export.pieces import PIECES
from itnas.export.plain.points import Points
from itnas.export.specs import spec_of
from itnas.models import specialist
from itnas.models.mixers.base import Mixer
from itnas.operator import IntegralTransform, MLPKernel
from itnas.operator.domain import Domain
from tests.export.networks import LAYERS, domains, genome, placed, source


def test_a_blueprint_is_plain_data() -> None:
    network, batch = placed(genome(*LAYERS.values()), "line")
    blueprint = blueprint_of(network, batch.domain)
    again = Blueprint.from_dict(json.loads(json.dumps(blueprint.to_dict())))
    assert again == blueprint
    plain_network(again).double().load_state_dict(plain_state(network, again))


def test_a_blueprint_with_other_fields_is_refused() -> None:
    with pytest.raises(ValueError, match="a blueprint has domain, width, encoder, blocks, readout, rounds, got width"):
        Blueprint.from_dict({"width": 3})


def test_names_of_weights_are_kept() -> None:
    network, batch = placed(genome(LAYERS["mlp-deep"], LAYERS["factorised-clock"], "attention"), "line")
    state = plain_state(network, blueprint_of(network, batch.domain))
    own = {name for name in network.state_dict() if not name.endswith(("mixer.seed", "mixer.step"))}
    assert state.keys() == own


def test_recurrent_cells_take_the_names_of_torch() -> None:
    network, batch = placed(genome("gru"), "line")
    state = plain_state(network, blueprint_of(network, batch.domain))
    assert "blocks.0.mixer.cells.1.weight_hh_l0" in state
    assert "blocks.0.mixer.out.weight" in state


@pytest.mark.parametrize(
    ("quadrature", "named"),
    [({"kind": "monte_carlo", "samples": 4}, "MonteCarlo"), ({"kind": "importance", "samples": 4}, "Importance")],
)
def test_layers_that_draw_points_are_refused(quadrature: dict[str, object], named: str) -> None:
    found = source(genome({"quadrature": quadrature}), "bytes")
    with pytest.raises(ValueError, match=rf"layer 0 draws points at random \(quadrature {named}\).*--format weights"):
        blueprint_of(found.trained, None)
    with pytest.raises(ValueError, match="draws points at random"):
        compared(found)


def test_what_a_network_cannot_take_is_refused_in_its_own_words() -> None:
    with pytest.raises(ValueError, match="a gru layer walks along its points in order, which a Cloud does not have"):
        compared(source(specialist("gru", width=8), "shape-clouds"))


def test_an_unknown_mixer_is_refused() -> None:
    network, batch = placed(genome("gru"), "line")
    network.blocks[0].mixer = nn.Linear(8, 8)
    with pytest.raises(ValueError, match="a Linear has no form in plain torch: export with --format weights"):
        blueprint_of(network, batch.domain)


def test_an_unknown_domain_is_refused() -> None:
    class Sphere(Domain):
        def geometry(self, *_: object) -> None: ...  # type: ignore[override]

    network, _ = placed(genome("gru"), "line")
    with pytest.raises(ValueError, match="points of a Sphere have no form in plain torch"):
        blueprint_of(network, Sphere())


def test_an_unknown_piece_is_refused() -> None:
    network, batch = placed(genome("gru"), "line")
    data = blueprint_of(network, batch.domain).to_dict()
    data["encoder"] = {**data["encoder"], "piece": "Number"}
    with pytest.raises(ValueError, match=r"unknown piece 'Number'.*did you mean 'Numbers'"):
        plain_network(Blueprint.from_dict(data))


class Halved(Mixer):
    """A layer that brings its plain form along, as crystallised ones do."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.blueprint = {"piece": "Mlp", "width": width, "hidden": 3, "activation": "relu"}
        self.piece = PIECES["Mlp"](width=width, hidden=3, activation="relu")

    def forward(self, u: Tensor, domain: Domain | None = None) -> Tensor:
        mixed: Tensor = self.piece(u)
        return mixed


def test_a_layer_may_bring_its_piece_along() -> None:
    network, batch = placed(genome("gru", "lstm"), "line")
    network.blocks[1].mixer = Halved(8).double()
    blueprint = blueprint_of(network, batch.domain)
    state = plain_state(network, blueprint)
    assert blueprint.blocks[1]["mixer"] == Halved(8).blueprint
    assert torch.equal(state["blocks.1.mixer.up.weight"], network.blocks[1].mixer.piece.up.weight)


def test_arguments_are_what_the_points_have() -> None:
    wanted = {
        "line": {"inputs": (3, 12, 3)},
        "line-padded": {"inputs": (3, 12, 3), "weights": (3, 12), "valid": (3, 12)},
        "line-with-holes": {"inputs": (3, 12, 3), "valid": (1, 12)},
        "times": {"inputs": (3, 12, 3), "times": (3, 12), "valid": (3, 12)},
        "grid-1": {"inputs": (3, 12, 3), "spacing": (1,), "valid": (3, 12)},
        "grid-2": {"inputs": (3, 12, 3)},
        "grid-3": {"inputs": (3, 12, 3)},
        "cloud": {"inputs": (3, 12, 3), "positions": (3, 12, 2), "weights": (3, 12), "valid": (3, 12)},
        "cloud-1": {"inputs": (3, 12, 3), "positions": (1, 12, 1)},
        "set": {"inputs": (3, 12, 3), "weights": (3, 12), "valid": (3, 12)},
        "graph": {"inputs": (3, 12, 3), "edges": (1, 12, 12)},
        "graphs": {"inputs": (3, 12, 3), "edges": (3, 12, 12), "valid": (3, 12)},
    }
    for where in domains(12, 3):
        network, batch = placed(genome("attention" if where != "grid-3" else LAYERS["mlp-content"]), where)
        given = arguments_of(blueprint_of(network, batch.domain), batch)
        assert {name: tuple(part.shape) for name, part in given.items()} == wanted[where]


def test_a_batch_on_other_points_is_refused() -> None:
    network, batch = placed(genome("attention"), "line")
    _, other = placed(genome("attention"), "cloud")
    with pytest.raises(ValueError, match="the blueprint is for"):
        arguments_of(blueprint_of(network, batch.domain), other)


def test_weights_that_do_not_fit_are_named() -> None:
    network, batch = placed(genome("gru"), "line")
    blueprint = blueprint_of(network, batch.domain)
    other, _ = placed(genome("lstm"), "line")
    with pytest.raises(ValueError, match=r"the blueprint does not fit the network: blocks\.0\.mixer\.cells"):
        plain_state(other, blueprint)


def test_points_are_told_in_one_order() -> None:
    assert Points._fields == ("index", "spacing", "positions", "weights", "valid", "edges")


@pytest.mark.parametrize(
    ("named", "layer"),
    [
        ("feature modality", IntegralTransform(8, kernel=MLPKernel(features=("modality",)))),
        ("measure balanced", IntegralTransform(8, measure="balanced")),
    ],
)
def test_what_knows_kinds_of_points_has_no_plain_form(named: str, layer: IntegralTransform) -> None:
    with pytest.raises(ValueError, match=f"the {named} has no form in plain torch: export with --format weights"):
        spec_of(layer)
