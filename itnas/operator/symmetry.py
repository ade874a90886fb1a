"""Symmetries: K(gx, gy) = K(x, y) follows from which features a kernel reads; here it is derived, and measured.

Geometric deep learning's blueprint (arXiv 2104.13478): a layer commutes with a group when its kernel is invariant
under it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from itnas.features import SYMMETRIES, Symmetry, respected
from itnas.operator.domain import Cloud, Domain, Graph, Sequence, Union
from itnas.operator.kernel import FactorisedKernelModule
from itnas.operator.layer import IntegralTransform
from itnas.operator.quadrature import Full, MonteCarlo
from itnas.registry import check_choice


def symmetries(layer: IntegralTransform) -> frozenset[Symmetry]:
    """The groups under which the layer's kernel is invariant by construction.

    `translation`: nothing depends on where the origin is. `euclidean`: only distances and contents count (on clouds).
    `permutation`: no places at all, so the order of the points means nothing.
    """
    found = respected(layer.kernel_module.features)
    decays = isinstance(layer.kernel_module, FactorisedKernelModule) and layer.kernel_module.spec.decay is not None
    if layer.causal or decays:
        found -= {"euclidean", "permutation"}
    if not isinstance(layer.quadrature, (Full, MonteCarlo)):
        found -= {"permutation"}
    return found


def symmetry_error(
    layer: IntegralTransform, group: str, u: Tensor, domain: Domain | None = None, seed: int = 0
) -> float:
    """How far the layer is from commuting with a random element g: the largest entry of layer(g u) - g layer(u).

    Relative to the largest entry of the output. Translations move a `Sequence` or a `Cloud`, rotations and reflections
    (`euclidean`, together with a translation) a `Cloud`. Permutations shuffle points with their weights and padding: in
    a `Cloud` with their places, in a `Graph` with their edges, in a `Union` part by part; elsewhere places stay.
    """
    check_choice("symmetry", group, SYMMETRIES)
    generator = torch.Generator().manual_seed(seed)
    domain = Sequence() if domain is None else domain
    if group == "permutation":
        order, moved = _permuted(domain, u.shape[1], generator)
    else:
        order, moved = torch.arange(u.shape[1]), _displaced(domain, group, u.shape[1], generator)
    with torch.no_grad():
        expected = layer(u, domain)[:, order]
        difference = layer(u[:, order], moved) - expected
    return float(difference.abs().max() / expected.abs().max().clamp_min(1e-30))


def _permuted(domain: Domain, length: int, generator: torch.Generator) -> tuple[Tensor, Domain]:
    """A random order of the points, [N], and the domain of the points in that order."""
    if isinstance(domain, Union):
        own = [_permuted(part, size, generator) for part, size in zip(domain.parts, domain.sizes, strict=True)]
        starts = [sum(domain.sizes[:number]) for number in range(len(own))]
        order = torch.cat([start + each for start, (each, _) in zip(starts, own, strict=True)])
        return order, Union([moved for _, moved in own], domain.sizes, domain.names)
    order = torch.randperm(length, generator=generator)
    if isinstance(domain, Graph):
        place = order.argsort()  # where each point goes
        moved = {"target": place[domain.edges.target], "source": place[domain.edges.source]}
        if domain.valid is not None:
            moved["valid"] = domain.valid[:, order]
        return order, domain.with_per_sample(moved)
    parts = {name: getattr(domain, name) for name in domain.fields if name != "times"}  # which must not decrease
    moved = {
        name: part[(..., order, *[slice(None)] * (domain.fields[name] - 1))]
        for name, part in parts.items()
        if part is not None
    }
    return order, domain.with_per_sample(moved)


def _displaced(domain: Domain, group: str, length: int, generator: torch.Generator) -> Domain:
    """The same points, weights and padding at other places."""
    if isinstance(domain, Cloud):
        positions = domain.positions.double()
        axes = positions.shape[-1]
        positions = positions + 10 * torch.randn(axes, generator=generator, dtype=torch.float64)
        if group == "euclidean":
            rotation = torch.linalg.qr(torch.randn(axes, axes, generator=generator, dtype=torch.float64))[0]
            positions = positions @ rotation
        return domain.with_per_sample({"positions": positions})
    if group == "translation" and isinstance(domain, Sequence):
        times = torch.arange(length) if domain.times is None else domain.times
        shift = 10 * torch.randn((), generator=generator, dtype=torch.float64)
        return domain.with_per_sample({"times": times.double() + shift})
    raise ValueError(f"{group} does not act on {type(domain).__name__}: use a Cloud, or a Sequence for translations")
