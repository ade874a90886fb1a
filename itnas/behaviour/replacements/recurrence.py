"""A state of r numbers per head and direction: what crosses a cut, projected on r directions of the past."""

from __future__ import annotations

from torch import Tensor

from itnas.behaviour.replacements.base import Replacement, register
from itnas.behaviour.scene import Scene
from itnas.behaviour.truncation import flipped, truncated


@register
class Recurrence(Replacement):
    """Budget r: directions of the past at every cut, shared by many futures. Layers that look ahead have as many of the
    future (quasi-separable)."""

    family = "recurrence"
    summary = "what crosses each of many cuts, on r directions that serve every future"
    budgeted = True

    @classmethod
    def applies(cls, reference: Scene) -> bool:
        return reference.view.places.ordered and reference.inputs.length > 2

    def most(self, scene: Scene) -> int:
        return scene.forward_state.most

    def kernel(self, scene: Scene, budget: int) -> Tensor:
        found = truncated(scene.kernel, scene.forward_state, budget)
        if scene.looks_ahead:
            found = flipped(truncated(flipped(found), scene.backward_state, budget))
        return found
