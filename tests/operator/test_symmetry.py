"""Symmetries: derived from the features, and true of the numbers; and false where they are not derived."""

import pytest
import torch

from itnas import Cloud, FactorisedKernel, Graph, IntegralTransform, MLPKernel, Sequence, Set, Union, Window
from itnas.operator import Domain
from itnas.operator.symmetry import SYMMETRIES, symmetries, symmetry_error

LAYERS = {
    "offset": ({"kernel": MLPKernel(features=("offset", "fourier", "content"))}, {"translation"}),
    "distance": ({"kernel": MLPKernel(features=("distance", "product"))}, {"translation", "euclidean"}),
    "position": ({"kernel": MLPKernel(features=("position",))}, set()),
    "content": ({"kernel": MLPKernel(features=("content", "product"))}, {"translation", "euclidean", "permutation"}),
    "factorised": ({"kernel": FactorisedKernel()}, {"translation", "euclidean", "permutation"}),
    "placed": ({"kernel": FactorisedKernel(inputs=("content", "position"))}, set()),
    "decay": ({"kernel": FactorisedKernel(decay="position"), "causal": True}, {"translation"}),
    "window": ({"kernel": MLPKernel(features=("distance",)), "quadrature": Window(1.5)}, {"translation", "euclidean"}),
}


def build(name: str) -> IntegralTransform:
    torch.manual_seed(1)
    return IntegralTransform(5, heads=2, **LAYERS[name][0]).double()


@pytest.mark.parametrize("name", list(LAYERS))
def test_symmetries_are_derived_from_the_features(name: str) -> None:
    assert symmetries(build(name)) == LAYERS[name][1]


@pytest.mark.parametrize("group", SYMMETRIES)
@pytest.mark.parametrize("name", list(LAYERS))
def test_derived_symmetries_hold_and_others_do_not(name: str, group: str) -> None:
    layer = build(name)
    ordered = name == "decay"
    domain: Domain = Sequence() if ordered else Cloud(torch.randn(2, 9, 3, dtype=torch.float64))
    u = torch.randn(2, 9, 5, dtype=torch.float64)
    if ordered and group == "euclidean":
        return  # no rotations of a line
    error = symmetry_error(layer, group, u, domain)
    holds = group in symmetries(layer)
    if name in ("offset", "distance", "window") and group == "permutation":
        holds = True  # points and places move together on a cloud: any kernel of them commutes
    if name in ("position", "placed") and group == "permutation":
        holds = True
    assert error < 1e-9 if holds else error > 1e-3


def test_a_set_transform_commutes_with_permutations() -> None:
    assert symmetry_error(build("content"), "permutation", torch.randn(2, 9, 5, dtype=torch.float64), Set()) < 1e-12


def weighted(kind: str) -> Domain:
    """Nine points that weigh this and that, some of them padding, in two samples."""
    weights, valid = torch.rand(2, 9), torch.rand(2, 9) > 0.3
    edges = torch.randint(9, (2, 30))
    return {
        "set": Set(weights, valid=valid),
        "sequence": Sequence(weights=weights, valid=valid),
        "times": Sequence(torch.arange(9) ** 1.5, weights=weights[0], valid=valid),
        "cloud": Cloud(torch.randn(9, 3), weights, valid=valid),
        "graph": Graph.batch([Graph(edges, 9, torch.rand(30)), Graph(edges[:, :12] // 2, 5)]),
        "union": Union([Set(weights[:, :4]), Cloud(torch.randn(2, 5, 3), valid=valid[:, 4:])], [4, 5]),
    }[kind]


@pytest.mark.parametrize("kind", ["set", "sequence", "times", "cloud", "graph", "union"])
def test_weights_padding_and_edges_move_with_their_points(kind: str) -> None:
    layer, u = build("content"), torch.randn(2, 9, 5, dtype=torch.float64)
    assert symmetry_error(layer, "permutation", u, weighted(kind)) < 1e-12


@pytest.mark.parametrize("kind", ["sequence", "times", "cloud"])
def test_points_keep_their_weights_and_padding_where_places_move(kind: str) -> None:
    layer, u = build("distance"), torch.randn(2, 9, 5, dtype=torch.float64)
    assert symmetry_error(layer, "translation", u, weighted(kind)) < 1e-9
    if kind == "cloud":
        assert symmetry_error(layer, "euclidean", u, weighted(kind)) < 1e-9


def test_what_does_not_act_is_refused() -> None:
    with pytest.raises(ValueError, match="euclidean does not act on Set"):
        symmetry_error(build("content"), "euclidean", torch.randn(1, 4, 5, dtype=torch.float64), Set())
    with pytest.raises(ValueError, match="unknown symmetry 'rotation'"):
        symmetry_error(build("content"), "rotation", torch.randn(1, 4, 5, dtype=torch.float64), Set())
