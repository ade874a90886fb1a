"""The kernel that is described, who sees whom in it, and how much its columns weigh.

Columns weigh what K = 1 carries from their point in the output (squared), in the mean over samples: the same weight in
every sample, so that a kernel that never changes has no content share, whatever its values do.

Layers whose heads are output channels have contributions instead of a kernel. What such a layer is found to say of a
point alone holds the chatter of the points it was measured among; what is described is how the output of a point
changes when the point itself is swapped, like all its other contributions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from itnas.behaviour.places import Places
from itnas.behaviour.scene import Inputs, Scene
from itnas.operator.domain import geometry_of

CHUNK = 2**23  # numbers of input that are run at once


@dataclass(frozen=True)
class Portrait:
    """A scene's kernel, 0 where a point does not see another."""

    scene: Scene
    kernel: Float[Tensor, "batch heads rows columns"]
    seen: Bool[Tensor, "samples points points"]
    weight: Float[Tensor, "heads 1 points"]  # of columns

    @classmethod
    def of(cls, scene: Scene) -> Portrait:
        seen = seen_pairs(scene)
        kernel = measured(scene, scene.inputs) * seen.unsqueeze(1)
        return cls(scene, kernel, seen, column_weight(scene))

    @property
    def channels(self) -> bool:
        """Whether heads are output channels."""
        return self.scene.view.content_basis is not None

    @property
    def places(self) -> Places:
        return self.scene.view.places

    @cached_property
    def shared(self) -> bool:
        """Whether all samples have the same places, so that a mean over samples mixes what belongs together."""
        places = self.places
        return places.classes.shape[0] == 1 and (places.edges is None or places.edges.shape[0] == 1)

    @cached_property
    def typical(self) -> Float[Tensor, "batch heads rows columns"]:
        """What is averaged: the kernel; of contributions, which have mean 0 whatever the layer does, their size."""
        return self.kernel.abs() if self.channels else self.kernel

    @cached_property
    def counts(self) -> Float[Tensor, "points points"]:
        """Number of samples in which i sees j."""
        return self.seen.expand(len(self.kernel), -1, -1).sum(0).double()

    @cached_property
    def averaged(self) -> Float[Tensor, "heads points points"] | None:
        """The mean over the samples in which a point sees another; 0 where it never does."""
        if not self.shared:
            return None
        return (self.typical.sum(0, dtype=torch.float64) / self.counts.clamp_min(1)).float()

    @cached_property
    def energy(self) -> Float[Tensor, " heads"]:
        return energies(self.kernel, self.weight)


def energies(kernel: Float[Tensor, "batch heads rows columns"], weight: Tensor) -> Float[Tensor, " heads"]:
    """sum_bij K_bij^2 w_j, summed in float64: shares are differences of nearly equal sums."""
    return (kernel.square().sum(0, dtype=torch.float64) * weight.double()).sum((1, 2))


def valid_points(scene: Scene) -> Bool[Tensor, "samples points"] | None:
    """False at padding; None: there is none."""
    return geometry_of(scene.inputs.u, scene.inputs.domain).valid


def seen_pairs(scene: Scene) -> Bool[Tensor, "samples points points"]:
    """Who may see whom: the past, or all; along edges, where there are some; no padding, on either side."""
    length, places = scene.inputs.length, scene.view.places
    seen = torch.ones(1, length, length, dtype=torch.bool)
    if places.ordered and not scene.looks_ahead:
        seen = seen.tril()
    if places.edges is not None:
        seen = seen & (places.edges != 0)
    valid = valid_points(scene)
    return seen if valid is None else seen & valid.unsqueeze(1) & valid.unsqueeze(2)


def column_weight(scene: Scene) -> Float[Tensor, "heads 1 points"]:
    """Mean square of the strength of each point, over the samples that have it."""
    strength, valid = scene.view.strength.square(), valid_points(scene)
    if valid is None:
        return strength.mean(0).unsqueeze(1)
    there = valid.unsqueeze(1).expand_as(strength).to(strength.dtype)
    return ((strength * there).sum(0) / there.sum(0).clamp_min(1)).unsqueeze(1)


def measured(scene: Scene, inputs: Inputs) -> Float[Tensor, "batch heads rows columns"]:
    """The layer's kernel for these inputs; of contributions, with what points say of themselves alone."""
    view = scene.view if inputs is scene.inputs else scene.subject.view(inputs.u, inputs.domain)
    if view.content_basis is None:
        return view.kernel
    found = view.kernel.clone()
    found.diagonal(dim1=2, dim2=3).copy_(_own(scene, inputs))
    return found


def _own(scene: Scene, inputs: Inputs) -> Tensor:
    """Output i less what it is when point i alone is another sample's, [B, C, N]."""
    u, domain = inputs.u, inputs.domain
    batch, length, dim = u.shape
    index, other = torch.arange(length), torch.roll(u, 1, 0)
    own, found = scene.subject.run(u, domain), []
    for part in index.split(max(1, CHUNK // (batch * length * dim))):
        swapped = torch.where((index == part.unsqueeze(1))[:, None, :, None], other, u).flatten(0, 1)
        rows = torch.arange(batch).repeat(len(part))
        outputs = scene.subject.run(swapped, domain if domain is None else domain.samples(rows))
        there = torch.unflatten(outputs, 0, (len(part), batch))[torch.arange(len(part)), :, part]  # [part, B, C]
        found.append(own[:, part] - there.transpose(0, 1))
    return torch.cat(found, 1).transpose(1, 2)
