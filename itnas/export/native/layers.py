"""Crystallised layers in a network: where they stand, and how a folder keeps them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from inspect import signature
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from itnas.export.pieces import PIECES, Spec, built
from itnas.export.plain.points import Points
from itnas.export.plain.stand_in import StandIn
from itnas.files import read_document
from itnas.models import Network
from itnas.models.mixers.base import Mixer
from itnas.operator.domain import Domain, Geometry, geometry_of

LAYERS = "layers.json"  # in a folder: one spec per block, null where the layer stayed
MOST = 65_536  # of any number in a spec
EXPECTED = {
    "bool": "true or false is expected",
    "int": f"a whole number from 1 to {MOST:,} is expected",
    "Sequence[int]": f"a list of whole numbers up to {MOST:,} is expected",
}


def mixer_of(network: Network, block: int) -> nn.Module:
    """The layer in which a block's points see each other."""
    found = network.blocks[block].mixer
    assert isinstance(found, nn.Module)
    return found


class Crystallised(Mixer):
    """A classical layer in a discovered one's place. `blueprint`: its spec."""

    def __init__(self, piece: nn.Module, blueprint: Spec) -> None:
        super().__init__()
        self.piece, self.blueprint = piece, blueprint

    def forward(self, u: Tensor, domain: Domain | None = None) -> Tensor:
        mixed: Tensor = self.piece(u, points_of(geometry_of(u, domain), u))
        return mixed


def points_of(geometry: Geometry, like: Tensor) -> Points:
    """What plain layers know of a geometry's points. Stand-ins read neither places nor weights."""
    edges = None if geometry.edges is None else geometry.edges.dense(geometry.length).to(like.dtype)
    return Points(positions=geometry.positions, weights=geometry.weights, valid=geometry.valid, edges=edges)


def crystallised(network: Network, layers: Sequence[Spec | None] | None, where: Path) -> Network:
    """The network with stand-ins as the specs say, their weights still to come."""
    if layers is None:
        return network
    if len(layers) != len(network.blocks):
        raise ValueError(f"{where} tells of {len(layers)} layers, but the genome's network has {len(network.blocks)}")
    width = network.norm.normalized_shape[0]
    for block, spec in zip(network.blocks, layers, strict=True):
        if spec is not None:
            if spec["width"] != width:
                raise ValueError(f"{where} tells of layers of width {spec['width']}, but the genome's is {width}")
            block.mixer = Crystallised(built(spec), spec)
    return network


def layers_of(network: Network) -> list[Spec | None] | None:
    """The spec of each block's stand-in; None: there are none."""
    found = [getattr(block.mixer, "blueprint", None) for block in network.blocks]
    return None if all(each is None for each in found) else found


def layers_text(network: Network) -> str | None:
    found = layers_of(network)
    return None if found is None else json.dumps(found, indent=1) + "\n"


def read_layers(path: Path) -> list[Spec | None]:
    """Specs of stand-ins from a file that may come from anywhere: no other class is made, nor of such a size."""
    found = read_document(path)
    if not isinstance(found, list):
        raise ValueError(f"{path}: a list of layers is expected, got {type(found).__name__}")
    for number, spec in enumerate(found):
        _check(spec, f"{path}: layer {number + 1}")
    return found


def _check(spec: Any, where: str) -> None:
    if spec is None:
        return
    if not isinstance(spec, dict) or not isinstance(spec.get("piece"), str):
        raise ValueError(f"{where}: null, or a mapping that names its piece, is expected")
    names = [name for name, kind in PIECES.items() if issubclass(kind, StandIn) and kind is not StandIn]
    if spec["piece"] not in names:
        raise ValueError(f"{where}: unknown piece {spec['piece']!r}: choose from {', '.join(names)}")
    wanted = signature(PIECES[spec["piece"]]).parameters
    unknown = sorted(set(spec) - set(wanted) - {"piece"})
    missing = [name for name, each in wanted.items() if each.default is each.empty and name not in spec]
    if unknown or missing:
        told = f"takes no {', '.join(unknown)}" if unknown else f"needs {', '.join(missing)}"
        raise ValueError(f"{where}: {spec['piece']} {told}")
    for name, value in spec.items():
        if name != "piece" and not _fits(value, str(wanted[name].annotation)):
            raise ValueError(f"{where}: {name}: {EXPECTED[str(wanted[name].annotation)]}, got {value!r:.80}")


def _fits(value: Any, kind: str) -> bool:
    """Whether a value may be given to a parameter that is annotated so."""
    if kind == "bool":
        return isinstance(value, bool)
    if kind == "int":
        return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MOST
    numbers = value if isinstance(value, list) and 0 < len(value) <= MOST else [None]
    return all(isinstance(each, int) and not isinstance(each, bool) and abs(each) <= MOST for each in numbers)
