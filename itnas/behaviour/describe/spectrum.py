"""What frequencies the nearest content-free kernel lets through."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from itnas.behaviour.describe.portrait import Portrait
from itnas.behaviour.replacements.content_free import offset_maps
from itnas.operator.domain import geometry_of


def spectra(portrait: Portrait, mean: Float[Tensor, "heads classes"]) -> dict[str, Tensor]:
    """On a line `offsets` [classes], `spectrum` [H, F] and `frequencies` [F], in cycles per point; on a grid `offsets`
    [classes, axes], `spectrum` [H, F_1, F_2, ...] and `frequencies_0`, `frequencies_1`, ... Nothing elsewhere.

    `mean`: the kernel's mean of each class, here of each offset; its discrete Fourier transform's size is given. Where
    heads are output channels, that of the nearest linear map per offset, for inputs that vary like the given ones.
    """
    inputs = portrait.scene.inputs
    lattice = geometry_of(inputs.u, inputs.domain).lattice
    if lattice is None:
        return {}
    extents = lattice.extents
    index = torch.cartesian_prod(*(torch.arange(n) - n // 2 for n in extents)).reshape(lattice.size, len(extents))
    if portrait.channels:
        spectrum = _of_maps(portrait)
    else:
        spectrum = torch.fft.rfftn(torch.unflatten(mean, 1, extents), dim=_axes(extents)).abs()
    found = {"offsets": index.squeeze(1), "spectrum": spectrum}
    lines = [torch.fft.fftfreq(n, dtype=torch.float64) for n in extents[:-1]]
    lines.append(torch.fft.rfftfreq(extents[-1], dtype=torch.float64))
    return found | {
        "frequencies" if len(lines) == 1 else f"frequencies_{axis}": line for axis, line in enumerate(lines)
    }


def _axes(extents: Sequence[int]) -> tuple[int, ...]:
    return tuple(range(1, 1 + len(extents)))


def _of_maps(portrait: Portrait) -> Float[Tensor, "heads frequencies"]:
    """The root of the mean square of what one wave's offsets add up to, over inputs with the basis's covariance."""
    basis = portrait.scene.view.content_basis
    assert basis is not None
    points = basis.flatten(0, 1).double()
    transformed = torch.fft.rfft(offset_maps(portrait.scene).double(), dim=0)  # [F, P, H]
    covariance = (points.mT @ points / len(points)).to(transformed.dtype)
    power = torch.einsum("fph,pq,fqh->hf", transformed.conj(), covariance, transformed).real
    return power.clamp_min(0).sqrt()
