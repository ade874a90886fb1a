"""Content-free, and different for every pair of places: a mixing matrix, a Green's function."""

from __future__ import annotations

import torch
from torch import Tensor

from itnas.behaviour.replacements.base import Replacement, register
from itnas.behaviour.replacements.content_free import least_squares
from itnas.behaviour.scene import Scene


@register
class Dense(Replacement):
    family = "dense"
    summary = "mean over other samples, any matrix"

    @classmethod
    def applies(cls, reference: Scene) -> bool:
        """Places must be the same from sample to sample, or there is no common matrix."""
        return reference.view.places.classes.shape[0] == 1 and reference.view.places.edges is None

    def __init__(self, reference: Scene) -> None:
        super().__init__(reference)
        view = reference.view
        self.maps: Tensor | None = None
        if view.content_basis is None:
            self.matrix = view.kernel.mean(0, keepdim=True)
        else:
            assert view.contrast is not None
            heads, length = view.kernel.shape[1:3]
            # [N, B, P] -> [N, P, H N]
            columns = torch.unflatten(view.kernel.flatten(0, 2).T.contiguous(), 1, (-1, heads * length))
            maps = least_squares(view.contrast.transpose(0, 1), columns)
            own = torch.arange(length)
            split = torch.unflatten(maps, 2, (heads, length))
            split[own, :, :, own] = 0
            said = view.content_basis.flatten(1) @ split.flatten(0, 1).flatten(1)  # all contributions added up
            left = reference.output - view.finish(torch.unflatten(said, 1, (heads, length, 1)))
            split[own, :, :, own] = least_squares(view.content_basis.transpose(0, 1), left.transpose(0, 1))
            self.maps = split.flatten(2)

    def kernel(self, scene: Scene, budget: int) -> Tensor:
        if self.maps is None:
            return self.matrix.expand(scene.kernel.shape[0], -1, -1, -1)
        basis = scene.view.content_basis
        assert basis is not None
        return self._contributions(self.maps, basis)

    def _contributions(self, maps: Tensor, basis: Tensor) -> Tensor:
        found = torch.unflatten(torch.einsum("bjp,jpk->bjk", basis, maps), 2, (-1, basis.shape[1]))
        return found.permute(0, 2, 3, 1)
