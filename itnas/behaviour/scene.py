"""One layer on one batch of inputs, with all that replacements ask of it, worked out when first asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from itnas.behaviour.subjects import Subject, View
from itnas.behaviour.truncation import Directions, cuts_of, directions, flipped
from itnas.operator.domain import Domain

FUTURES = 2  # other samples whose continuations are spliced behind each prefix


@dataclass(frozen=True)
class Inputs:
    """What goes into a layer, and where its points are."""

    u: Float[Tensor, "batch points dim"]
    domain: Domain | None = None

    def __len__(self) -> int:
        return self.u.shape[0]

    @property
    def length(self) -> int:
        return self.u.shape[1]

    def part(self, start: int, stop: int) -> Inputs:
        """Some of the samples."""
        stop = min(stop, len(self))
        domain = None if self.domain is None else self.domain.samples(torch.arange(start, stop))
        return Inputs(self.u[start:stop], domain)


class Scene:
    """A subject on its inputs."""

    def __init__(self, subject: Subject, inputs: Inputs) -> None:
        self.subject, self.inputs = subject, inputs

    @cached_property
    def view(self) -> View:
        return self.subject.view(self.inputs.u, self.inputs.domain)

    @property
    def kernel(self) -> Float[Tensor, "batch heads points points"]:
        return self.view.kernel

    @cached_property
    def output(self) -> Float[Tensor, "batch points out"]:
        return self.view.output(self.kernel)

    @cached_property
    def looks_ahead(self) -> bool:
        """Whether some point sees a later one."""
        kernel = self.kernel
        return bool(kernel.triu(1).abs().amax() > 1e-6 * kernel.abs().amax().clamp_min(1e-30))

    @cached_property
    def moved(self) -> list[tuple[Tensor, Tensor]]:
        """Raw kernels with the points at each other's places, and the orders that put them there."""
        length = self.inputs.length
        if self.subject.placeless:
            order = torch.arange(length)
            return [(self._raw(order), order)]
        generator = torch.Generator().manual_seed(0)
        found = []
        for _ in range(self.subject.orders):
            order = torch.randperm(length, generator=generator)
            for each in (order, length - 1 - order):
                found.append((self._raw(each), each))
        return found

    def _raw(self, order: Tensor) -> Tensor:
        return self.subject.raw(self.inputs.u, self.inputs.domain, order)

    def normalised(self, raw: Tensor) -> Tensor:
        """The effective kernel of a raw one."""
        return self.subject.normalised(raw, self.inputs.u, self.inputs.domain)

    @cached_property
    def blind(self) -> Float[Tensor, "batch heads points points"]:
        """The kernel averaged over places: what is left of it when only contents count."""
        return self.normalised(mean_of_known([raw for raw, _ in self.moved]))

    @cached_property
    def forward_state(self) -> Directions:
        """What crosses cuts from the past."""
        return self._directions(self.kernel, backwards=False)

    @cached_property
    def backward_state(self) -> Directions:
        """What crosses cuts from the future, for layers that look ahead; all is in reverse order."""
        return self._directions(flipped(self.kernel), backwards=True)

    @cached_property
    def rest_state(self) -> Directions:
        """What crosses cuts in the part of the kernel that contents do not explain."""
        cuts = cuts_of(self.inputs.length, self.subject.cuts)
        return directions(self.kernel - self.blind, self.view.strength, lambda _cut: [], cuts, 4)

    def _directions(self, kernel: Tensor, *, backwards: bool) -> Directions:
        view, (u, domain) = self.view, (self.inputs.u, self.inputs.domain)
        length = u.shape[1]

        def futures(cut: int) -> list[Tensor]:
            found = []
            for shift in range(1, FUTURES + 1):
                donors = torch.roll(u, shift, 0)
                if backwards:
                    found.append(self.subject.pasts(u, domain, donors, length - cut).flip(-1).flip(-2))
                else:
                    found.append(self.subject.futures(u, domain, donors, cut))
            return found

        scale = view.strength.flip(-1) if backwards else view.strength
        most = min(self.subject.most_states, max(length // 4, 4))
        return directions(kernel, scale, futures, cuts_of(length, self.subject.cuts), most)


def mean_of_known(parts: list[Tensor]) -> Tensor:
    """The mean over what is not NaN; 0 where nothing is known."""
    stacked = torch.stack(parts)
    return stacked.nanmean(0).nan_to_num(0.0) if len(parts) > 1 else parts[0].nan_to_num(0.0)
