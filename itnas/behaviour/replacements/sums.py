"""Two mechanisms added up: attention and a convolution, attention and a recurrence."""

from __future__ import annotations

import torch
from torch import Tensor

from itnas.behaviour.replacements.answered_sums import STATES, AnsweredProfile, AnsweredStates
from itnas.behaviour.replacements.base import Sum, register
from itnas.behaviour.replacements.content_free import class_means, of_classes
from itnas.behaviour.replacements.profile import content_and_profile
from itnas.behaviour.scene import Scene, mean_of_known
from itnas.behaviour.subjects import OpaqueSubject
from itnas.behaviour.truncation import truncated


@register
class AttentionAndConvolution(Sum):
    """K = content + profile of the offset. Before normalisation the two come apart exactly; else the profile is what
    the position-blind part leaves on average."""

    family = "attention + convolution"
    summary = "contents plus a profile of the offset"

    @classmethod
    def applies(cls, reference: Scene) -> bool:
        return _separable(reference)

    def __init__(self, reference: Scene) -> None:
        super().__init__(reference)
        self.answered: AnsweredProfile | None = None
        if isinstance(reference.subject, OpaqueSubject):
            self.answered = AnsweredProfile(reference)
        elif reference.kernels.link == "identity":
            self.profile = content_and_profile(reference)
        else:
            self.profile = class_means(reference, reference.kernel - reference.blind)

    def parts(self, scene: Scene) -> tuple[str, ...]:
        """A profile that few states make where many offsets would be needed is a recurrence's."""
        past = self._past(scene)
        if past is None:
            return super().parts(scene)
        half = past.shape[-1] // 2
        hankel = past.unfold(-1, half, 1)  # [H, *, half]: entry (a, b) is the profile at a + b + 1
        taps = _needed(past.square().sum(0).sort(descending=True).values)
        states = _needed(torch.linalg.svdvals(hankel).square().sum(0))
        return ("attention", "recurrence") if taps > 2 * states else super().parts(scene)

    def _past(self, scene: Scene) -> Tensor | None:
        """The profile at offsets 1, 2, ... (or, where that is larger, -1, -2, ...); None where there is no order.

        What is left far away is no part of it: a constant may as well be the contents'.
        """
        if self.answered is not None:
            return self.answered.profile
        offsets = scene.view.places.offsets
        if offsets is None or not scene.view.places.ordered:
            return None
        sides = [self.profile[:, offsets > 0], self.profile[:, offsets < 0].flip(-1)]
        past, ahead = (side - side[:, -(side.shape[1] // 4 + 1) :].mean(1, keepdim=True) for side in sides)
        return ahead if bool(ahead.abs().amax() > past.abs().amax()) else past

    def kernel(self, scene: Scene, budget: int) -> Tensor:
        if self.answered is not None:
            return self.answered.kernel(scene)
        profile = of_classes(self.profile, scene.view.places)
        if scene.kernels.link == "identity":
            return scene.normalised(self._content(scene) + profile)
        return self._seen(scene, scene.blind + profile)

    def alone(self, scene: Scene, budget: int) -> list[Tensor]:
        if self.answered is not None:
            return self.answered.alone(scene)
        profile = of_classes(self.profile, scene.view.places).expand_as(scene.kernel)
        if scene.kernels.link == "identity":
            return [scene.normalised(self._content(scene)), scene.normalised(profile)]
        return [scene.blind, self._seen(scene, profile)]

    def _content(self, scene: Scene) -> Tensor:
        """What moved points show, once the profile of where they were moved is taken off."""
        profile = of_classes(self.profile, scene.view.places)
        return mean_of_known([raw - profile[..., order, :][..., order] for raw, order in scene.moved])

    def _seen(self, scene: Scene, kernel: Tensor) -> Tensor:
        return kernel if scene.looks_ahead else kernel.tril()


@register
class AttentionAndRecurrence(Sum):
    """K = content + a kernel of few states; budget r: the states.

    The directions are those of the sample at hand: what is left once contents are taken out has nothing to foresee.
    """

    family = "attention + recurrence"
    summary = "contents plus what r states carry"
    budgeted = True
    rivals = ("attention", "recurrence")

    def __init__(self, reference: Scene) -> None:
        super().__init__(reference)
        self.answered: AnsweredStates | None = None

    @classmethod
    def applies(cls, reference: Scene) -> bool:
        return _separable(reference) and reference.view.places.ordered and reference.inputs.length > 2

    def most(self, scene: Scene) -> int:
        return STATES if isinstance(scene.subject, OpaqueSubject) else scene.rest_state.most

    def kernel(self, scene: Scene, budget: int) -> Tensor:
        if isinstance(scene.subject, OpaqueSubject):
            if self.answered is None or self.answered.scene is not scene:
                self.answered = AnsweredStates(scene)
            return self.answered.kernel(budget)
        return scene.blind + truncated(scene.kernel - scene.blind, scene.rest_state, budget)


def _separable(reference: Scene) -> bool:
    """Whether places can be told from contents, and there are any."""
    return isinstance(reference.subject, OpaqueSubject) or not reference.placeless


def _needed(energies: Tensor) -> int:
    """How many of the largest hold 95 % of the energy."""
    total = energies.sum().clamp_min(1e-30)
    return int((energies.cumsum(0) < 0.95 * total).sum()) + 1
