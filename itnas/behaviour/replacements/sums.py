"""Two mechanisms added up: attention and a convolution, attention and a recurrence."""

from __future__ import annotations

import torch
from torch import Tensor

from itnas.behaviour.replacements.base import Replacement, register
from itnas.behaviour.replacements.content_free import class_means, of_classes
from itnas.behaviour.scene import Scene, mean_of_known
from itnas.behaviour.truncation import truncated


@register
class AttentionAndConvolution(Replacement):
    """K = content + profile of the offset; the profile is what the position-blind part leaves on average."""

    family = "attention + convolution"
    summary = "contents plus a profile of the offset"

    @classmethod
    def applies(cls, reference: Scene) -> bool:
        return not reference.subject.placeless and reference.view.content_basis is None

    def __init__(self, reference: Scene) -> None:
        super().__init__(reference)
        self.raw = reference.subject.link == "identity"
        if self.raw:
            order = torch.arange(reference.inputs.length)
            own = reference.subject.raw(reference.inputs.u, reference.inputs.domain, order).nan_to_num(0.0)
            self.profile = class_means(reference, own)
        else:
            self.profile = class_means(reference, reference.kernel - reference.blind)

    def fades(self, scene: Scene) -> bool:
        """Whether few states make the profile where many offsets would be needed: then it is a recurrence's."""
        offsets = scene.view.places.offsets
        if offsets is None or not scene.view.places.ordered:
            return False
        past = self.profile[:, offsets > 0]  # [H, N - 1], offsets rising
        if bool(self.profile[:, offsets < 0].abs().amax() > past.abs().amax()):
            past = self.profile[:, offsets < 0].flip(-1)
        half = past.shape[-1] // 2
        hankel = past.unfold(-1, half, 1)  # [H, *, half]: entry (a, b) is the profile at a + b + 1
        taps = _needed(past.square().sum(0).sort(descending=True).values)
        states = max(_needed(torch.linalg.svdvals(each).square()) for each in hankel)
        return taps > 2 * states

    def kernel(self, scene: Scene, budget: int) -> Tensor:
        profile = of_classes(self.profile, scene.view.places)
        if self.raw:
            # Moved points show the content's part, once the profile of where they were moved is taken off.
            shifted = [raw - profile[..., order, :][..., order] for raw, order in scene.moved]
            return scene.normalised(mean_of_known(shifted) + profile)
        found = scene.blind + profile
        return found if scene.looks_ahead else found.tril()


@register
class AttentionAndRecurrence(Replacement):
    """K = content + a kernel of few states; budget r: the states.

    The directions are those of the sample at hand: what is left once contents are taken out has nothing to foresee.
    """

    family = "attention + recurrence"
    summary = "contents plus what r states carry"
    budgeted = True

    @classmethod
    def applies(cls, reference: Scene) -> bool:
        view = reference.view
        return not reference.subject.placeless and view.content_basis is None and view.places.ordered

    def most(self, scene: Scene) -> int:
        return scene.rest_state.most

    def kernel(self, scene: Scene, budget: int) -> Tensor:
        return scene.blind + truncated(scene.kernel - scene.blind, scene.rest_state, budget)


def _needed(energies: Tensor) -> int:
    """How many of the largest hold 95 % of the energy."""
    total = energies.sum().clamp_min(1e-30)
    return int((energies.cumsum(0) < 0.95 * total).sum()) + 1
