"""Content-free and the same everywhere: a kernel of the offset, or of whatever the domain's symmetries leave."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from itnas.behaviour.replacements.base import Replacement, register
from itnas.behaviour.replacements.content_free import added_up, class_means, contributions, of_classes, offset_maps
from itnas.behaviour.replacements.offset_vectors import OffsetVectors
from itnas.behaviour.scene import Scene


@register
class Convolution(Replacement):
    """Budget w: the w classes of pairs (offsets, on a sequence) that carry the most, the same for all heads.

    On a cloud classes are distances. The largest budget adds, to all of them, a smooth function of the offset vector.
    """

    family = "convolution"
    summary = "mean over other samples and all pairs of equal offset, w offsets kept"
    budgeted = True

    def __init__(self, reference: Scene) -> None:
        super().__init__(reference)
        view = reference.view
        self.maps: Tensor | None = None
        if view.content_basis is None:
            self.profile = class_means(reference, reference.kernel)
            carried = self.profile.square() * view.strength.square().mean((0, 2)).unsqueeze(1)
            self.energy = carried.sum(0)
        else:
            self.maps = offset_maps(reference)
            second = view.content_basis.square().mean((0, 1)).unsqueeze(1)
            self.energy = (self.maps.square() * second).sum((1, 2))
        self.ranked = self.energy.argsort(descending=True, stable=True)
        self.length = reference.inputs.length

    def most(self, scene: Scene) -> int:
        """Offsets that carry anything at all."""
        carrying = max(1, int((self.energy > 1e-9 * self.energy.max().clamp_min(1e-30)).sum()))
        return carrying if scene.view.places.positions is None else len(self.energy) + 1

    def offsets(self, scene: Scene, budget: int) -> list[int]:
        """The offsets kept, i - j, where points stand in a regular line."""
        if self.maps is not None:
            return sorted(int(each) - self.length + 1 for each in self.ranked[:budget])
        known = scene.view.places.offsets
        return [] if known is None else sorted(int(known[each]) for each in self.ranked[:budget])

    def kernel(self, scene: Scene, budget: int) -> Tensor:
        kept = self.ranked[:budget]
        if self.maps is not None:
            return contributions(self._kept(self.maps, budget), scene.basis)
        profile = torch.zeros_like(self.profile)
        profile[:, kept] = self.profile[:, kept]
        found = of_classes(profile, scene.view.places)
        if budget > len(self.energy):
            found = found + self.vectors.kernel(scene.view.places)
        return found.expand(scene.kernel.shape[0], -1, -1, -1)

    @cached_property
    def vectors(self) -> OffsetVectors:
        """Of what distances leave."""
        reference, places = self.reference, self.reference.view.places
        return OffsetVectors(places, reference.kernel - of_classes(self.profile, places))

    def output(self, scene: Scene, budget: int) -> Tensor:
        if self.maps is None:
            return super().output(scene, budget)
        return scene.view.finish(added_up(self._kept(self.maps, budget), scene.basis))

    def _kept(self, maps: Tensor, budget: int) -> Tensor:
        found, kept = torch.zeros_like(maps), self.ranked[:budget]
        found[kept] = maps[kept]
        return found
