"""Who is looked at follows from contents alone, or from contents and a bias of the offset."""

from __future__ import annotations

import torch
from torch import Tensor

from itnas.behaviour.orders import Rearranging, orders_for, shuffles, turns
from itnas.behaviour.replacements.base import Replacement, register
from itnas.behaviour.replacements.content_free import class_means, class_sums, of_classes
from itnas.behaviour.replacements.profile import content_and_profile
from itnas.behaviour.scene import Scene, mean_of_known
from itnas.behaviour.subjects import KernelSubject, OpaqueSubject

ROUNDS = 4  # of the alternating fit of signs and sizes
TURNS = 8  # of the past, where neighbours stay together


@register
class Attention(Replacement):
    """The kernel averaged over random places. Of a layer that is known by its answers, the answers to what it sees in
    random order."""

    family = "attention"
    summary = "averaged over random places: contents alone"
    across = True

    def kernel(self, scene: Scene, budget: int) -> Tensor:
        if isinstance(scene.subject, OpaqueSubject):
            return _as_diagonal(scene, self.output(scene, budget))
        return scene.blind

    def output(self, scene: Scene, budget: int) -> Tensor:
        if not isinstance(scene.subject, OpaqueSubject):
            return super().output(scene, budget)
        return answers_to(scene, scene.subject, shuffles(scene.inputs.length, 1))


@register
class NeighbouringAttention(Replacement):
    """Looking up a point by its neighbours' contents (induction) is blind to places too, but not to neighbourhoods."""

    family = "neighbouring"
    summary = "averaged over turns of what is seen: contents of neighbours together"

    @classmethod
    def applies(cls, reference: Scene) -> bool:
        return isinstance(reference.subject, OpaqueSubject)

    def kernel(self, scene: Scene, budget: int) -> Tensor:
        return _as_diagonal(scene, self.output(scene, budget))

    def output(self, scene: Scene, budget: int) -> Tensor:
        assert isinstance(scene.subject, OpaqueSubject)
        return answers_to(scene, scene.subject, turns(TURNS))


@register
class PositionalAttention(Replacement):
    """Contents times a profile of the offset: log K = content + b(i - j), or K = content x g(i - j) where it has signs.

    The content's part is read off the kernels of moved points; where the two do not separate, moved points say
    something else and the sum or product fails.
    """

    family = "positional"
    summary = "contents times a profile of the offset"

    @classmethod
    def applies(cls, reference: Scene) -> bool:
        return isinstance(reference.subject, KernelSubject) and not reference.placeless

    def __init__(self, reference: Scene) -> None:
        super().__init__(reference)
        if reference.kernels.link == "exp":
            self.profile = content_and_profile(reference)
            return
        own = reference.own.nan_to_num(0.0)
        self.profile = class_means(reference, own.square()).clamp_min(0).sqrt()
        for _ in range(ROUNDS):
            content = self._content(reference)
            shared = class_sums(own * content, reference.view.places)
            self.profile = shared / class_sums(content.square(), reference.view.places).clamp_min(1e-30)

    def kernel(self, scene: Scene, budget: int) -> Tensor:
        profile = of_classes(self.profile, scene.view.places)
        content = self._content(scene)
        raw = content + profile if scene.kernels.link == "exp" else content * profile
        return scene.normalised(raw)

    def _content(self, scene: Scene) -> Tensor:
        """The content's part, from the moved kernels and what the profile says of where they were moved."""
        profile = of_classes(self.profile, scene.view.places)
        shifted = [(raw, profile[..., order, :][..., order]) for raw, order in scene.moved]
        if scene.kernels.link == "exp":
            return mean_of_known([raw - there for raw, there in shifted])
        known = [(raw.nan_to_num(0.0), there * ~raw.isnan()) for raw, there in shifted]
        weight = sum((there.square() for _, there in known), torch.zeros(()))
        return sum((raw * there for raw, there in known), torch.zeros(())) / weight.clamp_min(1e-30)


def answers_to(scene: Scene, subject: OpaqueSubject, rearrangings: list[Rearranging]) -> Tensor:
    """What a layer says, on average, when the points that it sees are given in other orders."""
    inputs = scene.inputs
    place = torch.zeros_like(inputs.u[:1]) if inputs.place is None else inputs.place
    answers = [
        subject.rearranged(
            inputs.u, inputs.domain, place, orders_for(inputs.length, each, looks_ahead=scene.looks_ahead)
        )
        for each in rearrangings
    ]
    return torch.stack(answers).mean(0)


def _as_diagonal(scene: Scene, said: Tensor) -> Tensor:
    """The diagonal kernel that makes a layer without values say this."""
    return torch.diag_embed((said - scene.silent).transpose(1, 2))
