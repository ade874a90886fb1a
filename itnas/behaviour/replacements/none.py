"""Nothing at all: what the layer is worth is measured against it."""

from __future__ import annotations

import torch
from torch import Tensor

from itnas.behaviour.replacements.base import Replacement, register
from itnas.behaviour.scene import Scene


@register
class Nothing(Replacement):
    family = "none"
    summary = "zero"
    across = True

    def kernel(self, scene: Scene, budget: int) -> Tensor:
        return torch.zeros_like(scene.kernel)
