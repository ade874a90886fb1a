"""Plain convolutions under examination: one head per tap."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

from itnas.behaviour.places import places_of
from itnas.behaviour.subjects.base import KernelSubject, View, unseen
from itnas.models.mixers.convolution import Convolution
from itnas.operator.domain import Domain, geometry_of, without_padding


class ConvolutionSubject(KernelSubject):
    """The convolution mixer, on a line or a grid."""

    kind = "convolution"

    def __init__(self, layer: Convolution) -> None:
        self.layer = layer
        self.causal = layer.left == layer.taps - 1 > 0 and layer.axes == 1

    def view(self, u: Tensor, domain: Domain | None) -> View:
        geometry = geometry_of(u, domain)
        weight = self.layer.weight.flatten(2).permute(2, 0, 1)  # [taps, out, in]
        values = torch.einsum("toi,bni->btno", weight, without_padding(u, geometry.valid))
        return View(
            find=lambda: self._kernel(u, domain, None),
            values=values,
            strength=values.norm(dim=-1),
            finish=lambda mixed: mixed.sum(1) + self.layer.bias,
            places=places_of(geometry),
        )

    def run(self, u: Tensor, domain: Domain | None) -> Tensor:
        return Convolution.forward(self.layer, u, domain)

    def raw(self, u: Tensor, domain: Domain | None, order: Tensor) -> Tensor:
        return unseen(self._kernel(u, domain, order), order, causal=self.causal)

    def normalised(self, raw: Tensor, u: Tensor, domain: Domain | None) -> Tensor:
        return raw.tril() if self.causal else raw

    def _kernel(self, u: Tensor, domain: Domain | None, order: Tensor | None) -> Tensor:
        geometry = geometry_of(u, domain)
        assert geometry.lattice is not None
        place = torch.cartesian_prod(*(torch.arange(n) for n in geometry.lattice.shape)).reshape(geometry.length, -1)
        moved = place if order is None else place[order]
        ahead = moved.unsqueeze(0) - moved.unsqueeze(1)  # j - i along each axis
        taps = product(range(self.layer.taps), repeat=self.layer.axes)
        heads = [(ahead == torch.tensor(tap) - self.layer.left).all(-1) for tap in taps]
        return torch.stack(heads).to(u.dtype).expand(u.shape[0], -1, -1, -1)
