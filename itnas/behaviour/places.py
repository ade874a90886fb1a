"""What a domain says about pairs of points: which pairs look alike to an invariant kernel, and which are near."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from itnas.operator.domain import Geometry, Modalities

BINS = 24  # classes of distance on a cloud, each with equally many pairs


@dataclass(frozen=True)
class Places:
    """Pairs (i, j) of one class are moved onto each other by the domain's symmetries: translations of a sequence or a
    grid, isometries of a cloud, permutations of a set or a graph's nodes.

    Only translations leave a cloud's offset vectors alone; no two pairs share one, so they make no classes.
    """

    classes: Int[Tensor, "#samples rows columns"]
    count: int  # number of classes
    reach: Float[Tensor, "#samples rows columns"] | None  # how far j is from i; None: nothing is near or far
    ordered: bool  # whether the points stand in line
    edges: Float[Tensor, "#samples rows columns"] | None = None  # weights of a graph's edges
    offsets: Int[Tensor, " classes"] | None = None  # i - j of each class, where points stand in a regular line
    centre: int = 0  # the class of a point with itself
    valid: Bool[Tensor, "#samples points"] | None = None  # False at padding
    positions: Float[Tensor, "samples points axes"] | None = None  # in a cloud, where classes say nothing of directions
    # In a union, where each part's points stand, and what there is to say of each; points change places in their part.
    parts: tuple[slice, ...] = ()
    within: tuple[Places, ...] = ()
    across: bool = False  # whether rows and columns are different parts of a union: [samples, rows, columns]

    @property
    def length(self) -> int:
        return self.classes.shape[-1]


def places_of(geometry: Geometry) -> Places:
    """The classes and distances of a geometry's points."""
    return replace(_classes(geometry), valid=geometry.valid)


def _classes(geometry: Geometry) -> Places:
    if geometry.modalities is not None:
        return _union(geometry, geometry.modalities)
    if geometry.edges is not None:
        return _graph(geometry)
    if geometry.lattice is not None:
        return _lattice(geometry)
    if geometry.positions is None:
        return Places(_self_or_other(geometry), 2, None, geometry.ordered)
    return _scattered(geometry)


def _self_or_other(geometry: Geometry) -> Tensor:
    return (1 - torch.eye(geometry.length, dtype=torch.long)).unsqueeze(0)


def _union(geometry: Geometry, modalities: Modalities) -> Places:
    """Within a part its own classes, that of a point with itself being one for all; between two parts one class for
    each direction, and nothing is near."""
    own = [places_of(_part(geometry, number)) for number in range(modalities.count)]
    samples, length = max(each.classes.shape[0] for each in own), geometry.length
    classes = torch.zeros(samples, length, length, dtype=torch.long)
    reach = torch.full((samples, length, length), float(length))
    first = 1
    for row, (here, at) in enumerate(zip(own, modalities.slices, strict=True)):
        for col, there in enumerate(modalities.slices):
            if row != col:
                classes[:, at, there], first = first, first + 1
        classes[:, at, at] = torch.where(here.classes == here.centre, 0, here.classes + first)
        if here.reach is not None:
            reach[:, at, at] = here.reach
        first += here.count
    return Places(classes, first, reach, False, parts=modalities.slices, within=tuple(own))


def _part(geometry: Geometry, number: int) -> Geometry:
    """One part of a union by itself."""
    parts = geometry.modalities
    assert parts is not None
    where, axes = parts.slices[number], parts.own_axes(number)
    placed = geometry.positions is not None and axes.stop > axes.start
    return Geometry(
        parts.sizes[number],
        positions=geometry.positions[:, where, axes] if placed and geometry.positions is not None else None,
        valid=None if geometry.valid is None else geometry.valid[:, where],
        lattice=parts.lattices[number],
        ordered=parts.ordered[number],
    )


def _graph(geometry: Geometry) -> Places:
    assert geometry.edges is not None
    edges = geometry.edges.dense(geometry.length).float()
    return Places(_self_or_other(geometry), 2, None, geometry.ordered, edges=edges)


def _lattice(geometry: Geometry) -> Places:
    lattice = geometry.lattice
    assert lattice is not None
    code = lattice.code(torch.device("cpu"))
    classes = code.unsqueeze(1) - code + lattice.centre
    index = torch.cartesian_prod(*(torch.arange(n) for n in lattice.shape)).reshape(-1, len(lattice.shape))
    reach = (index.unsqueeze(1) - index).abs().amax(-1).float()
    line = len(lattice.shape) == 1
    return Places(
        classes.unsqueeze(0),
        lattice.size,
        reach.unsqueeze(0),
        geometry.ordered,
        offsets=torch.arange(lattice.size) - lattice.centre if line else None,
        centre=lattice.centre,
    )


def _scattered(geometry: Geometry) -> Places:
    """Classes of equally many pairs: by signed offset along a line, by distance elsewhere. Reach counts the points that
    are nearer."""
    assert geometry.positions is not None
    positions = geometry.positions.cpu()
    delta = positions.unsqueeze(2) - positions.unsqueeze(1)
    distance = delta.norm(dim=-1)
    signed = delta[..., 0] if geometry.ordered else distance
    own = torch.eye(geometry.length, dtype=torch.bool).expand_as(distance)
    # A point is nearest to itself, whoever else stands there; padding is nobody's neighbour.
    distance = distance.masked_fill(own, -1.0)
    apart = ~own
    if geometry.valid is not None:
        valid = geometry.valid.cpu()
        apart = apart & valid.unsqueeze(2) & valid.unsqueeze(1)
        distance = distance.masked_fill(~valid.unsqueeze(1), torch.inf)
    pool = signed.expand_as(apart)[apart] if bool(apart.any()) else signed.flatten()
    edges = torch.quantile(
        pool[:: max(1, len(pool) // 100_000)], torch.linspace(0, 1, BINS + 1, dtype=pool.dtype)[1:-1]
    )
    classes = torch.bucketize(signed.contiguous(), edges).masked_fill(own, BINS)
    if geometry.ordered:
        index = torch.arange(geometry.length)
        reach = (index.unsqueeze(1) - index).abs().float().unsqueeze(0)
    else:
        reach = distance.argsort(-1).argsort(-1).float()
    cloud = None if geometry.ordered else positions
    return Places(classes, BINS + 1, reach, geometry.ordered, centre=BINS, positions=cloud)
