"""How far a kernel changes under moves that would leave it alone, if it had the symmetry K(gx, gy) = K(x, y).

Errors are ||K' - K||^2 / (||K'||^2 + ||K||^2), columns weighing what they carry: 0, nothing changes; 1, K and K' have
nothing to do with each other; 2, each is the other's opposite. It is the share of the energy that an average over many
moves does not keep.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from itnas.behaviour.describe.portrait import Portrait, energies, measured, valid_points
from itnas.behaviour.orders import orders_for, shuffles
from itnas.behaviour.scene import Inputs, Scene
from itnas.behaviour.subjects import OpaqueSubject
from itnas.operator.domain import Cloud, Domain, Lattice, Sequence, geometry_of

TURNS = 2  # rotations that are tried
FAR = 0.25  # of the extent: how far points are translated


def changed(
    kernel: Float[Tensor, "batch heads rows columns"],
    moved: Float[Tensor, "batch heads rows columns"],
    weight: Float[Tensor, "heads 1 #columns"],
) -> tuple[Float[Tensor, " heads"], Float[Tensor, " heads"]]:
    """Numerator and denominator of an error, to be summed over moves."""
    return energies(moved - kernel, weight), energies(moved, weight) + energies(kernel, weight)


def translation_error(portrait: Portrait) -> Float[Tensor, " heads"] | None:
    """All points are moved together by a quarter of the line, of each axis, or of the cloud. None where no two points
    are near or far, in unions, or where there is no room to move."""
    scene = portrait.scene
    lattice = geometry_of(scene.inputs.u, scene.inputs.domain).lattice
    if portrait.places.reach is None or portrait.places.parts or scene.inputs.length < 2:
        return None
    if lattice is None:
        return _moved_in_space(portrait, _translated(scene))
    if portrait.channels:
        return _given_later(portrait)
    parts = []
    for order, kept in _steps(lattice):
        pairs = kept.unsqueeze(1) & kept
        raw = torch.where(pairs, _raw(scene, order), scene.own)
        parts.append(changed(portrait.kernel * pairs, _normalised(portrait, raw) * pairs, portrait.weight))
    return _error(parts)


def permutation_error(portrait: Portrait) -> Float[Tensor, " heads"] | None:
    """Points change places, and contents go with them. Of layers known by their answers it is those that change, while
    the point that is asked stays where it is; None where padding would get among the points."""
    scene = portrait.scene
    if isinstance(scene.subject, OpaqueSubject):
        return _answers_to_shuffles(portrait, scene.subject)
    if scene.placeless:
        return _error([changed(portrait.kernel, portrait.kernel, portrait.weight)])
    raws = [raw for raw, _ in scene.moved]
    parts = []
    for forth, back in zip(raws[::2], raws[1::2], strict=True):
        # What is not seen in an order is seen in its reverse.
        raw = torch.where(forth.isnan(), back, forth)
        parts.append(changed(portrait.kernel, _normalised(portrait, raw), portrait.weight))
    return _error(parts)


def rotation_error(portrait: Portrait) -> Float[Tensor, " heads"] | None:
    """A cloud is turned about its middle by any angle, a grid with two equal extents by a quarter turn. None where
    there is nothing to turn."""
    scene, domain = portrait.scene, portrait.scene.inputs.domain
    if isinstance(domain, Cloud) and domain.positions.shape[-1] > 1:
        generator = torch.Generator().manual_seed(0)
        return _moved_in_space(portrait, *(_turned(domain, generator) for _ in range(TURNS)))
    lattice = geometry_of(scene.inputs.u, domain).lattice
    orders = [] if lattice is None else list(_quarter_turns(lattice))
    parts = [changed(portrait.kernel, _normalised(portrait, _raw(scene, order)), portrait.weight) for order in orders]
    return _error(parts) if parts else None


def _error(parts: list[tuple[Tensor, Tensor]]) -> Tensor:
    """NaN where there is no energy."""
    return sum((part for part, _ in parts), torch.zeros(())) / sum((whole for _, whole in parts), torch.zeros(()))


def _raw(scene: Scene, order: Int[Tensor, " points"]) -> Tensor:
    """The raw kernel if point i stood at the place of point order[i]."""
    u, place = scene.inputs.u, scene.inputs.place
    there = u if place is None else u - place + place[:, order]
    return scene.kernels.raw(there, scene.inputs.domain, order)


def _normalised(portrait: Portrait, raw: Tensor) -> Tensor:
    """The effective kernel of a raw one; pairs that do not see each other (NaN) have no part in it."""
    scene, unknown = portrait.scene, raw.isnan()
    kernel = scene.normalised(raw.masked_fill(unknown, -torch.inf if scene.kernels.link == "exp" else 0.0))
    return kernel.masked_fill(unknown, 0.0) * portrait.seen.unsqueeze(1)


def _steps(lattice: Lattice) -> Iterator[tuple[Int[Tensor, " points"], Bool[Tensor, " points"]]]:
    """For each axis: where points stand after a step along it, the last ones at the first ones' places; and which ones
    are not among these, so that they keep their offsets."""
    index = torch.arange(math.prod(lattice.shape)).view(lattice.shape)
    for axis, extent in enumerate(lattice.shape):
        step = max(1, round(FAR * extent))
        if extent > 1:
            along = torch.arange(extent).view(-1, *[1] * (len(lattice.shape) - axis - 1))
            yield index.roll(-step, axis).flatten(), (along < extent - step).expand(lattice.shape).flatten()


def _quarter_turns(lattice: Lattice) -> Iterator[Int[Tensor, " points"]]:
    index = torch.arange(math.prod(lattice.shape)).view(lattice.shape)
    for first in range(len(lattice.shape)):
        for second in range(first + 1, len(lattice.shape)):
            same = lattice.shape[first] == lattice.shape[second] > 1
            if same and lattice.spacing[first] == lattice.spacing[second]:
                yield index.rot90(1, (first, second)).flatten()


def _moved_in_space(portrait: Portrait, *domains: Domain) -> Float[Tensor, " heads"]:
    scene, seen = portrait.scene, portrait.seen.unsqueeze(1)
    kernels = (measured(scene, Inputs(scene.inputs.u, domain)) * seen for domain in domains)
    return _error([changed(portrait.kernel, kernel, portrait.weight) for kernel in kernels])


def _translated(scene: Scene) -> Domain:
    """Points at given places or times, moved along all axes."""
    domain = scene.inputs.domain
    if isinstance(domain, Cloud):
        positions = domain.positions
        extent = positions.flatten(0, -2).amax(0) - positions.flatten(0, -2).amin(0)
        return Cloud(positions + FAR * extent, domain.weights, valid=domain.valid)
    assert isinstance(domain, Sequence)
    assert domain.times is not None
    far = FAR * (domain.times.amax() - domain.times.amin())
    return Sequence(domain.times + far, weights=domain.weights, valid=domain.valid)


def _turned(domain: Cloud, generator: torch.Generator) -> Domain:
    positions = domain.positions
    middle = positions.mean(-2, keepdim=True)
    turn = rotation(positions.shape[-1], generator).to(positions)
    return Cloud((positions - middle) @ turn.mT + middle, domain.weights, valid=domain.valid)


def _given_later(portrait: Portrait) -> Float[Tensor, " heads"]:
    """Contributions of points that are given some steps later, behind another sample's.

    These are part of what changes: a layer that is the same at all places, but never forgets, has an error too.
    """
    scene, length = portrait.scene, portrait.scene.inputs.length
    u, step = scene.inputs.u, max(1, round(FAR * length))
    later = torch.cat([torch.roll(u, len(u) // 2, 0)[:, :step], u[:, : length - step]], 1)
    kept = portrait.seen[:, None, : length - step, : length - step] & portrait.seen[:, None, step:, step:]
    before = portrait.kernel[:, :, : length - step, : length - step] * kept
    after = measured(scene, Inputs(later, scene.inputs.domain))[:, :, step:, step:] * kept
    return _error([changed(before, after, portrait.weight[..., : length - step])])


def _answers_to_shuffles(portrait: Portrait, subject: OpaqueSubject) -> Float[Tensor, " heads"] | None:
    scene, inputs = portrait.scene, portrait.scene.inputs
    valid = valid_points(scene)
    if valid is not None and scene.looks_ahead:
        return None
    place = torch.zeros_like(inputs.u[:1]) if inputs.place is None else inputs.place
    there = torch.ones_like(inputs.u[..., :1]) if valid is None else valid.unsqueeze(-1).expand(len(inputs), -1, -1)
    usual = (scene.output * there).sum(0) / there.sum(0).clamp_min(1)
    own, parts = _as_rows(scene.output - usual, there), []
    for shuffle in shuffles(inputs.length, 1):
        orders = orders_for(inputs.length, shuffle, looks_ahead=scene.looks_ahead)
        answers = subject.rearranged(inputs.u, inputs.domain, place, orders)
        parts.append(changed(own, _as_rows(answers - usual, there), own.new_ones(own.shape[1], 1, 1)))
    return _error(parts)


def _as_rows(y: Float[Tensor, "batch points channels"], there: Tensor) -> Tensor:
    """[B, C, N, 1], 0 at padding."""
    return (y * there).transpose(1, 2).unsqueeze(-1)


def rotation(axes: int, generator: torch.Generator) -> Float[Tensor, "axes axes"]:
    """A uniformly random rotation: the orthogonal factor of a Gaussian matrix, mirrored where it mirrors."""
    q: Tensor
    q, r = torch.linalg.qr(torch.randn(axes, axes, generator=generator, dtype=torch.float64))
    q = q * r.diagonal().sign()
    if torch.linalg.det(q) < 0:
        q[:, 0] = -q[:, 0]
    return q
