"""Content kept, cut to the near points: a gated short convolution, windowed attention."""

from __future__ import annotations

import torch
from torch import Tensor

from itnas.behaviour.replacements.base import Replacement, register
from itnas.behaviour.scene import Scene


@register
class Local(Replacement):
    """Budget w: points at most w - 1 away."""

    family = "local"
    summary = "own entries of the points nearer than w"
    budgeted = True
    exact = True

    @classmethod
    def applies(cls, reference: Scene) -> bool:
        return reference.view.places.reach is not None

    def most(self, scene: Scene) -> int:
        reach = scene.view.places.reach
        assert reach is not None
        return int(reach.max()) + 1

    def kernel(self, scene: Scene, budget: int) -> Tensor:
        reach = scene.view.places.reach
        assert reach is not None
        return scene.kernel * (reach < budget).unsqueeze(1)

    def output(self, scene: Scene, budget: int) -> Tensor:
        """Where points stand in line, neighbours are neighbouring columns."""
        if scene.view.content_basis is None:
            return super().output(scene, budget)
        own, until = torch.arange(scene.inputs.length), scene.cumulated  # [B, C, N, N]
        near = until[:, :, own, (own + budget - 1).clamp_max(len(own) - 1)]
        near[:, :, budget:] -= until[:, :, own[budget:], own[:-budget]]
        return scene.view.finish(near.unsqueeze(3))
