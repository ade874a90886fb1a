"""Symmetries: K(gx, gy) = K(x, y) follows from which features a kernel reads; here it is derived, and measured.

Geometric deep learning's blueprint (arXiv 2104.13478): a layer commutes with a group when its kernel is invariant
under it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from itnas.operator.domain import Cloud, Domain, Sequence
from itnas.operator.kernel import FactorisedKernelModule
from itnas.operator.layer import IntegralTransform
from itnas.operator.quadrature import Full, MonteCarlo
from itnas.registry import check_choice

SYMMETRIES = ("translation", "euclidean", "permutation")
# The features that each group leaves alone. Content, product and modality do not look at places at all; of a union each
# part may be moved by itself.
INVARIANT = {
    "translation": frozenset({"offset", "fourier", "distance", "content", "product", "clock", "modality"}),
    "euclidean": frozenset({"distance", "content", "product", "modality"}),
    "permutation": frozenset({"content", "product", "modality"}),
}


def symmetries(layer: IntegralTransform) -> frozenset[str]:
    """The groups under which the layer's kernel is invariant by construction.

    `translation`: nothing depends on where the origin is. `euclidean`: only distances and contents count (on clouds).
    `permutation`: no places at all, so the order of the points means nothing.
    """
    found = {name for name in SYMMETRIES if layer.kernel_module.features <= INVARIANT[name]}
    decays = isinstance(layer.kernel_module, FactorisedKernelModule) and layer.kernel_module.spec.decay is not None
    if layer.causal or decays:
        found -= {"euclidean", "permutation"}
    if not isinstance(layer.quadrature, (Full, MonteCarlo)):
        found -= {"permutation"}
    return frozenset(found)


def symmetry_error(
    layer: IntegralTransform, group: str, u: Tensor, domain: Domain | None = None, seed: int = 0
) -> float:
    """How far the layer is from commuting with a random element g: the largest entry of layer(g u) - g layer(u).

    Relative to the largest entry of the output. Translations move a `Sequence` or a `Cloud`, rotations and reflections
    (`euclidean`, together with a translation) a `Cloud`, permutations shuffle points together with their places.
    """
    check_choice("symmetry", group, SYMMETRIES)
    generator = torch.Generator().manual_seed(seed)
    order = torch.arange(u.shape[1])
    if group == "permutation":
        order = torch.randperm(u.shape[1], generator=generator)
    moved = _moved(group, u, domain, order, generator)
    with torch.no_grad():
        expected = layer(u, domain)[:, order]
        difference = layer(u[:, order], moved) - expected
    return float(difference.abs().max() / expected.abs().max().clamp_min(1e-30))


def _moved(group: str, u: Tensor, domain: Domain | None, order: Tensor, generator: torch.Generator) -> Domain | None:
    """The domain after the group element."""
    if group == "permutation" and not isinstance(domain, Cloud):
        return domain
    if isinstance(domain, Cloud):
        positions = domain.positions.double()
        axes = positions.shape[-1]
        if group == "permutation":
            positions = positions[..., order, :]
        else:
            positions = positions + 10 * torch.randn(axes, generator=generator, dtype=torch.float64)
        if group == "euclidean":
            rotation = torch.linalg.qr(torch.randn(axes, axes, generator=generator, dtype=torch.float64))[0]
            positions = positions @ rotation
        return Cloud(positions, domain.weights, valid=domain.valid)
    if group == "translation" and (domain is None or isinstance(domain, Sequence)):
        times = None if domain is None else domain.times
        times = torch.arange(u.shape[1], dtype=torch.float64) if times is None else times.double()
        shifted = times + 10 * torch.randn((), generator=generator, dtype=torch.float64)
        return Sequence(shifted, valid=None if domain is None else domain.valid)
    raise ValueError(f"{group} does not act on {type(domain).__name__}: use a Cloud, or a Sequence for translations")
