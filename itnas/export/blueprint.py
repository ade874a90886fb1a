"""What a trained network is made of, as plain data, and the plain torch network that this describes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import torch
from torch import Tensor, nn

from itnas.export.pieces import Spec, built
from itnas.export.specs import spec_of
from itnas.models import Network
from itnas.models.mixers.recurrence import Recurrence
from itnas.models.network import Block
from itnas.operator.domain import Cloud, Domain, Graph, Grid, Sequence, Set, geometry_of
from itnas.tasks import Batch

# What an integral transform keeps beside its weights: where its random numbers stand. A full sum draws none.
DRAWN = ("seed", "step")
# The axes of a plain network's arguments; what all samples share has a batch axis of 1.
POINTS = ("batch", "length")
AXES = {
    "inputs": POINTS,
    "times": POINTS,
    "positions": POINTS,
    "edges": (*POINTS, "length"),
    "weights": POINTS,
    "valid": POINTS,
}


@dataclass(frozen=True)
class Blueprint:
    """A plain network: the class of its domain (with the shape of a grid), and a spec of each part.

    `rounds`: how often all blocks are applied in turn; tied blocks are one block and several rounds.
    """

    domain: Spec
    width: int
    encoder: Spec
    blocks: tuple[Spec, ...]
    readout: Spec
    rounds: int = 1

    @property
    def spec(self) -> Spec:
        """All of it as one spec."""
        parts = {"width": self.width, "encoder": self.encoder, "blocks": list(self.blocks), "readout": self.readout}
        return {**self.domain, **parts, "rounds": self.rounds}

    def fits(self, batch: Batch) -> bool:
        """Whether the batch's points stand where this network expects them; a grid has the same cells."""
        return _domain_spec(batch.domain) == self.domain

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "blocks": list(self.blocks)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        if {field.name for field in fields(cls)} != set(data):
            raise ValueError(f"a blueprint has {', '.join(field.name for field in fields(cls))}, got {', '.join(data)}")
        return cls(**{**data, "blocks": tuple(data["blocks"])})


def blueprint_of(network: Network, domain: Domain | None) -> Blueprint:
    """The blueprint of a network on points such as `domain` has; of a domain, only its kind and a grid's cells count.

    Layers that draw points at random have none: ValueError.
    """
    place = _domain_spec(domain)
    blocks = [_block_spec(block, place.get("shape")) for block in network.blocks if isinstance(block, Block)]
    return Blueprint(
        domain=place,
        width=network.norm.normalized_shape[0],
        encoder=spec_of(network.encoder),
        blocks=tuple(blocks),
        readout=spec_of(network.readout),
        rounds=network.depth // len(blocks),
    )


def plain_network(blueprint: Blueprint) -> nn.Module:
    """The network in plain torch, in evaluation mode, its weights still to be loaded: see `plain_state`."""
    network: nn.Module = built(blueprint.spec)
    return network.eval()


def plain_state(network: Network, blueprint: Blueprint) -> dict[str, Tensor]:
    """The weights of a network under the names that the plain one has for them."""
    state: dict[str, Tensor] = {}
    for name in ("encoder", "norm", "readout"):
        state |= _under(name, getattr(network, name).state_dict())
    for number, block in enumerate(network.blocks):
        assert isinstance(block, Block)
        for name, part in block.named_children():
            own = _mixer_state(part) if name == "mixer" else part.state_dict()
            state |= _under(f"blocks.{number}.{name}", own)
    _check_names(state, blueprint)
    return {name: part.detach() for name, part in state.items()}


def arguments_of(blueprint: Blueprint, batch: Batch) -> dict[str, Tensor]:
    """What the plain network's `forward` takes for a batch, by name."""
    kind = blueprint.domain["piece"]
    if not blueprint.fits(batch):
        raise ValueError(f"the blueprint is for {blueprint.domain}, and this batch for {_domain_spec(batch.domain)}")
    domain = Sequence() if batch.domain is None else batch.domain
    geometry = geometry_of(batch.inputs, domain)
    told: dict[str, Tensor | None] = {"inputs": batch.inputs}
    if kind == "TimedSequenceNetwork" and geometry.positions is not None:
        told["times"] = geometry.positions.squeeze(-1)
    if kind == "LineNetwork" and geometry.lattice is not None:
        told["spacing"] = torch.tensor(geometry.lattice.spacing, dtype=torch.float64)
    if kind == "CloudNetwork":
        told["positions"] = geometry.positions
    if kind == "GraphNetwork" and geometry.edges is not None:
        told["edges"] = geometry.edges.dense(geometry.length)
    if not isinstance(domain, Grid):
        told["weights"] = geometry.weights
    told["valid"] = geometry.valid
    return {name: part for name, part in told.items() if part is not None}


def _domain_spec(domain: Domain | None) -> Spec:
    if domain is None or isinstance(domain, Sequence):
        timed = domain is not None and domain.times is not None
        return {"piece": "TimedSequenceNetwork" if timed else "SequenceNetwork"}
    if isinstance(domain, Grid) and len(domain.shape) > 1:
        return {"piece": "GridNetwork", "shape": list(domain.shape), "spacing": list(domain.spacing)}
    for kind, piece in ((Grid, "LineNetwork"), (Cloud, "CloudNetwork"), (Graph, "GraphNetwork"), (Set, "SetNetwork")):
        if isinstance(domain, kind):
            return {"piece": piece}
    raise ValueError(
        f"points of a {type(domain).__name__} have no form in plain torch: export with --format weights instead"
    )


def _block_spec(block: Block, shape: list[int] | None) -> Spec:
    # A crystallised layer brings its piece along.
    own = getattr(block.mixer, "blueprint", None)
    mixer = dict(spec_of(block.mixer) if own is None else own)
    if mixer["piece"] == "Convolution" and shape is not None:
        mixer["shape"] = shape
    channels = None if block.channels is None else spec_of(block.channels)
    return {"piece": "Block", "width": block.mixer_norm.normalized_shape[0], "mixer": mixer, "channels": channels}


def _mixer_state(mixer: nn.Module) -> dict[str, Tensor]:
    piece = getattr(mixer, "piece", None)
    if isinstance(piece, nn.Module):
        return piece.state_dict()
    state = {name: part for name, part in mixer.state_dict().items() if name not in DRAWN}
    if isinstance(mixer, Recurrence):
        # torch.nn.GRU and torch.nn.LSTM name the weights of their first layer so.
        return {f"{name}_l0" if name.startswith("cells.") else name: part for name, part in state.items()}
    return state


def _under(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": part for name, part in state.items()}


def _check_names(state: Mapping[str, Tensor], blueprint: Blueprint) -> None:
    """What the blueprint describes and what the network holds are the same weights."""
    with torch.device("meta"):
        wanted = {name: part.shape for name, part in built(blueprint.spec).state_dict().items()}
    held = {name: part.shape for name, part in state.items()}
    if wanted != held:
        differing = sorted(name for name in wanted.keys() | held.keys() if wanted.get(name) != held.get(name))
        raise ValueError(f"the blueprint does not fit the network: {', '.join(differing[:5])}")
