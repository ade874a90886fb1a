"""Each point for itself."""

from __future__ import annotations

import torch
from torch import Tensor

from itnas.behaviour.replacements.base import Replacement, register
from itnas.behaviour.scene import Scene


@register
class Pointwise(Replacement):
    family = "pointwise"
    summary = "the diagonal"

    def kernel(self, scene: Scene, budget: int) -> Tensor:
        return torch.diag_embed(scene.kernel.diagonal(dim1=-2, dim2=-1))

    def output(self, scene: Scene, budget: int) -> Tensor:
        if scene.view.content_basis is None:
            return super().output(scene, budget)
        return scene.view.finish(scene.kernel.diagonal(dim1=-2, dim2=-1).unsqueeze(3))
