"""Who is looked at follows from contents alone, or from contents and a bias of the offset."""

from __future__ import annotations

import torch
from torch import Tensor

from itnas.behaviour.replacements.base import Replacement, register
from itnas.behaviour.replacements.content_free import class_means, class_sums, of_classes
from itnas.behaviour.scene import Scene, mean_of_known

ROUNDS = 4  # of the alternating fit of signs and sizes


@register
class Attention(Replacement):
    """The kernel averaged over random places."""

    family = "attention"
    summary = "averaged over random places: contents alone"

    def kernel(self, scene: Scene, budget: int) -> Tensor:
        return scene.blind


@register
class PositionalAttention(Replacement):
    """Contents times a profile of the offset: log K = content + b(i - j), or K = content x g(i - j) where it has signs.

    The content's part is read off the kernels of moved points, the profile's off the class means; where the two do not
    separate, moved points say something else and the product fails.
    """

    family = "positional"
    summary = "contents times a profile of the offset"

    @classmethod
    def applies(cls, reference: Scene) -> bool:
        return not reference.subject.placeless and reference.view.content_basis is None

    def __init__(self, reference: Scene) -> None:
        super().__init__(reference)
        own = reference.subject.raw(
            reference.inputs.u, reference.inputs.domain, torch.arange(reference.inputs.length)
        ).nan_to_num(0.0)
        if reference.subject.link == "exp":
            seen = (reference.kernel != 0).to(own.dtype)
            counts = class_sums(seen, reference.view.places)
            self.profile = class_sums(own * seen, reference.view.places) / counts.clamp_min(1)
            return
        self.profile = class_means(reference, own.square()).clamp_min(0).sqrt()
        for _ in range(ROUNDS):
            content = self._content(reference)
            shared = class_sums(own * content, reference.view.places)
            self.profile = shared / class_sums(content.square(), reference.view.places).clamp_min(1e-30)

    def kernel(self, scene: Scene, budget: int) -> Tensor:
        profile = of_classes(self.profile, scene.view.places)
        content = self._content(scene)
        raw = content + profile if scene.subject.link == "exp" else content * profile
        return scene.normalised(raw)

    def _content(self, scene: Scene) -> Tensor:
        """The content's part, from the moved kernels and what the profile says of where they were moved."""
        profile = of_classes(self.profile, scene.view.places)
        shifted = [(raw, profile[..., order, :][..., order]) for raw, order in scene.moved]
        if scene.subject.link == "exp":
            return mean_of_known([raw - there for raw, there in shifted])
        known = [(raw.nan_to_num(0.0), there * ~raw.isnan()) for raw, there in shifted]
        weight = sum((there.square() for _, there in known), torch.zeros(()))
        return sum((raw * there for raw, there in known), torch.zeros(())) / weight.clamp_min(1e-30)
