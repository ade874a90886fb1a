"""How far a kernel changes under what would leave it alone, if it had the symmetry: 0, not at all.

Errors are shares of energy: ||K' - K||^2 / ||K||^2 over all samples, columns weighing what they carry.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from itnas.behaviour.describe.energy import class_share, energies, map_share, seen_pairs
from itnas.behaviour.scene import Scene
from itnas.operator.domain import Cloud

TURNS = 2  # rotations that are tried


def translation_error(scene: Scene, weight: Tensor) -> Float[Tensor, " heads"] | None:
    """What one kernel for all pairs of a class (offsets on a line or grid, distances in a cloud) leaves of the
    kernels of all samples. None where no two points are near or far."""
    places = scene.view.places
    if places.reach is None:
        return None
    if scene.view.content_basis is not None:
        return 1 - map_share(scene) if places.offsets is not None else None
    return (1 - class_share(scene.kernel, weight, seen_pairs(scene), places)).clamp_min(0)


def permutation_error(scene: Scene, weight: Tensor) -> Float[Tensor, " heads"]:
    """Against the position-blind kernel, which knows contents alone."""
    return energies(scene.blind - scene.kernel, weight) / energies(scene.kernel, weight)


def rotation_error(scene: Scene, weight: Tensor) -> Float[Tensor, " heads"] | None:
    """The cloud is turned about its middle for real. None where there is no cloud, or none that can be turned."""
    domain = scene.inputs.domain
    if not isinstance(domain, Cloud) or domain.positions.shape[-1] < 2:
        return None
    generator = torch.Generator().manual_seed(0)
    changed = torch.stack([energies(_turned(scene, domain, generator) - scene.kernel, weight) for _ in range(TURNS)])
    return changed.mean(0) / energies(scene.kernel, weight)


def _turned(scene: Scene, domain: Cloud, generator: torch.Generator) -> Tensor:
    positions = domain.positions
    middle = positions.mean(-2, keepdim=True)
    turn = rotation(positions.shape[-1], generator).to(positions)
    turned = Cloud((positions - middle) @ turn.mT + middle, domain.weights, valid=domain.valid)
    return scene.subject.view(scene.inputs.u, turned).kernel


def rotation(axes: int, generator: torch.Generator) -> Float[Tensor, "axes axes"]:
    """A uniformly random rotation: the orthogonal factor of a Gaussian matrix, mirrored where it mirrors."""
    q: Tensor
    q, r = torch.linalg.qr(torch.randn(axes, axes, generator=generator, dtype=torch.float64))
    q = q * r.diagonal().sign()
    if torch.linalg.det(q) < 0:
        q[:, 0] = -q[:, 0]
    return q
