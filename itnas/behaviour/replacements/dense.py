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
    across = True

    @classmethod
    def applies(cls, reference: Scene) -> bool:
        """Places must be the same from sample to sample, or there is no common matrix."""
        return reference.view.places.classes.shape[0] == 1 and reference.view.places.edges is None

    def __init__(self, reference: Scene) -> None:
        super().__init__(reference)
        view = reference.view
        self.maps: Tensor | None = None
        self.raw: Tensor | None = None
        if view.content_basis is None and reference.uneven:
            # How many points there are changes what each one gets: common to samples is the kernel before all that.
            self.raw = reference.own.nanmean(0, keepdim=True).nan_to_num(0.0)
        elif view.content_basis is None:
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
            left = reference.output - self._said(reference, split.flatten(2))
            split[own, :, :, own] = least_squares(view.content_basis.transpose(0, 1), left.transpose(0, 1))
            self.maps = split.flatten(2)

    def kernel(self, scene: Scene, budget: int) -> Tensor:
        if self.raw is not None:
            return scene.normalised(self.raw.expand(len(scene.inputs), -1, -1, -1))
        if self.maps is None:
            return self.matrix.expand(scene.kernel.shape[0], -1, -1, -1)
        found = torch.einsum("bjp,jpk->bjk", scene.basis, self.maps)
        return torch.unflatten(found, 2, (-1, scene.inputs.length)).permute(0, 2, 3, 1)

    def output(self, scene: Scene, budget: int) -> Tensor:
        return super().output(scene, budget) if self.maps is None else self._said(scene, self.maps)

    def _said(self, scene: Scene, maps: Tensor) -> Tensor:
        """What the contributions that maps [N, P, H N] make add up to."""
        added = scene.basis.flatten(1) @ maps.flatten(0, 1)
        return scene.view.finish(torch.unflatten(added, 1, (-1, scene.inputs.length, 1)))
