"""The gated short convolution under examination: one head per channel, K_ij = after_i w_(i-j) before_j."""

from __future__ import annotations

import torch
from torch import Tensor

from itnas.behaviour.places import places_of
from itnas.behaviour.subjects.base import KernelSubject, View, spread, unseen
from itnas.models.mixers.gated_convolution import GatedConvolution
from itnas.operator.domain import Domain, geometry_of, without_padding


class GatedConvolutionSubject(KernelSubject):
    """`models.mixers.gated_convolution`."""

    kind = "gated-convolution"

    def __init__(self, layer: GatedConvolution) -> None:
        self.layer, self.causal = layer, layer.causal

    def view(self, u: Tensor, domain: Domain | None) -> View:
        before, after, x = self._parts(u, domain)
        values = x.transpose(1, 2).unsqueeze(-1)
        return View(
            find=lambda: self._kernel(before, after, None),
            values=values,
            strength=spread(self.layer.out.weight, values),
            finish=lambda mixed: self.layer.out(mixed.squeeze(-1).transpose(1, 2)),
            places=places_of(geometry_of(u, domain)),
        )

    def raw(self, u: Tensor, domain: Domain | None, order: Tensor) -> Tensor:
        before, after, _ = self._parts(u, domain)
        return unseen(self._kernel(before, after, order), order, causal=self.causal)

    def normalised(self, raw: Tensor, u: Tensor, domain: Domain | None) -> Tensor:
        return raw.tril() if self.causal else raw

    def _parts(self, u: Tensor, domain: Domain | None) -> tuple[Tensor, ...]:
        joint: Tensor = self.layer.project(without_padding(u, geometry_of(u, domain).valid))
        return joint.chunk(3, -1)

    def _kernel(self, before: Tensor, after: Tensor, order: Tensor | None) -> Tensor:
        taps = self.layer.taps.shape[1]
        left = taps - 1 if self.layer.causal else (taps - 1) // 2
        place = torch.arange(before.shape[1]) if order is None else order
        index = left - (place.unsqueeze(1) - place)  # the tap by which i sees j
        inside = (index >= 0) & (index < taps)
        profile = self.layer.taps[:, index.clamp(0, taps - 1)] * inside  # [C, N, N]
        return after.transpose(1, 2).unsqueeze(-1) * profile * before.transpose(1, 2).unsqueeze(-2)
