"""One layer on one batch of inputs, with all that replacements ask of it, worked out when first asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from itnas.behaviour.subjects import KernelSubject, OpaqueSubject, Subject, View
from itnas.behaviour.subjects.base import repeated
from itnas.behaviour.truncation import Directions, cuts_of, directions, flipped
from itnas.operator.domain import Domain

# A channel's mean at a place says something only if means scatter this much more than chance makes them.
PLACED = 2.0
SPLICED = 2**17  # entries of kernels that are worked out at once


@dataclass(frozen=True)
class Inputs:
    """What goes into a layer, and where its points are."""

    u: Float[Tensor, "batch points dim"]
    domain: Domain | None = None
    place: Float[Tensor, "1 points dim"] | None = None  # what was added for the place alone, before the layer

    def __len__(self) -> int:
        return self.u.shape[0]

    @property
    def length(self) -> int:
        return self.u.shape[1]


class Scene:
    """A subject on its inputs."""

    def __init__(self, subject: Subject, inputs: Inputs) -> None:
        self.subject, self.inputs = subject, inputs
        self.replaced: dict[str, Tensor] = {}  # kernels of families without budgets, once worked out

    @cached_property
    def view(self) -> View:
        return self.subject.view(self.inputs.u, self.inputs.domain)

    @property
    def kernel(self) -> Float[Tensor, "batch heads rows columns"]:
        return self.view.kernel

    @property
    def basis(self) -> Float[Tensor, "batch points features"]:
        """What contributions of layers without values are linear in, where contents do not count."""
        assert self.view.content_basis is not None
        return self.view.content_basis

    @cached_property
    def cumulated(self) -> Float[Tensor, "batch heads rows columns"]:
        """The kernel added up along its rows."""
        return self.kernel.cumsum(-1)

    @cached_property
    def output(self) -> Float[Tensor, "batch points out"]:
        return self.view.output(self.kernel)

    @property
    def silent(self) -> Float[Tensor, "batch points out"]:
        """The output with nothing in the kernel's place."""
        return self.view.silent

    @cached_property
    def said(self) -> Float[Tensor, "batch points out"]:
        """The output without the pointwise term: what other points, and a point's own kernel, say."""
        return self.output - self.silent

    @cached_property
    def looks_ahead(self) -> bool:
        """Whether some point sees a later one."""
        kernel, subject = self.kernel, self.subject
        if isinstance(subject, OpaqueSubject) and not subject.looks_ahead(self.inputs.u, self.inputs.domain):
            return False
        largest = kernel.abs().amax((0, 1))  # [N, N]
        return bool(largest.triu(1).amax() > 1e-6 * largest.amax().clamp_min(1e-30))

    @cached_property
    def kernels(self) -> KernelSubject:
        """The subject, of which one can ask how points would look at each other elsewhere."""
        assert isinstance(self.subject, KernelSubject)
        return self.subject

    @cached_property
    def placeless(self) -> bool:
        """Whether moving points changes nothing."""
        return isinstance(self.subject, KernelSubject) and self.subject.placeless and self.inputs.place is None

    @cached_property
    def uneven(self) -> bool:
        """Whether samples differ in which of their points are padding, and there are raw kernels that do not."""
        return isinstance(self.subject, KernelSubject) and self.subject.uneven(self.inputs.u, self.inputs.domain)

    @cached_property
    def own(self) -> Tensor:
        """The raw kernel, NaN where a point does not see another."""
        return self._raw(torch.arange(self.inputs.length))

    @cached_property
    def moved(self) -> list[tuple[Tensor, Tensor]]:
        """Raw kernels with the points at each other's places, and the orders that put them there."""
        length = self.inputs.length
        if self.placeless:
            return [(self.own, torch.arange(length))]
        generator = torch.Generator().manual_seed(0)
        parts = self.view.places.parts or (slice(0, length),)
        found = []
        for _ in range(self.subject.orders):
            ranks = [torch.randperm(part.stop - part.start, generator=generator) for part in parts]
            for forwards in (True, False):
                own = (rank if forwards else len(rank) - 1 - rank for rank in ranks)
                order = torch.cat([part.start + rank for part, rank in zip(parts, own, strict=True)])
                found.append((self._raw(order), order))
        return found

    def _raw(self, order: Tensor) -> Tensor:
        u, place = self.inputs.u, self.inputs.place
        there = u if place is None else u - place + place[:, order]
        raw = self.kernels.raw(there, self.inputs.domain, order)
        valid = self.view.places.valid
        if valid is None:
            return raw
        # Padding is nowhere.
        somewhere = valid[:, order]
        return raw.masked_fill(~(somewhere.unsqueeze(2) & somewhere.unsqueeze(1)).unsqueeze(1), torch.nan)

    def normalised(self, raw: Tensor) -> Tensor:
        """The effective kernel of a raw one."""
        return self.kernels.normalised(raw, self.inputs.u, self.inputs.domain)

    @cached_property
    def blind(self) -> Float[Tensor, "batch heads rows columns"]:
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
        return directions(self.kernel - self.blind, self.view.strength, None, cuts, 4)

    def _directions(self, kernel: Tensor, *, backwards: bool) -> Directions:
        length, strength = self.inputs.length, self.view.strength

        def futures(cut: int, rows: Tensor) -> Tensor:
            if not backwards:
                return self._futures(cut, rows, before=True)
            return self._futures(length - cut, length - 1 - rows, before=False).flip(-1)

        scale = strength.flip(-1) if backwards else strength
        most = min(self.subject.most_states, max(length // 4, 4))
        return directions(kernel, scale, futures, cuts_of(length, self.subject.cuts), most, self.subject.portions)

    def _futures(self, cut: int, rows: Tensor, *, before: bool) -> Float[Tensor, "futures batch heads rows portions"]:
        """How points on one side of a cut would look at those on the other, were they and theirs a donor's.

        Many rows are dealt out: each future is made of several donors, who give some of its rows each.
        """
        donors = torch.arange(1, min(self.subject.donors, len(self.inputs) - 1) + 1)
        each = min(-(-len(rows) // self.subject.rows), max(len(donors), 1))  # donors to a future
        dealt = [
            self._spliced(cut, rows[k::each], donors[k::each][: len(donors) // each], before=before)
            for k in range(each)
        ]
        found = dealt[0].new_empty(*dealt[0].shape[:3], len(rows), dealt[0].shape[-1])
        for k, some in enumerate(dealt):
            found[:, :, :, k::each] = some
        return found

    def _spliced(
        self, cut: int, rows: Tensor, donors: Tensor, *, before: bool
    ) -> Float[Tensor, "donors batch heads rows portions"]:
        u, domain = self.inputs.u, self.inputs.domain
        size, length = u.shape[:2]
        found = []
        for some in donors.split(max(1, SPLICED // (size * length * len(rows)))):
            strange = torch.cat([torch.roll(u, int(shift), 0) for shift in some])
            own, times = u.repeat(len(some), 1, 1), len(some)
            there = repeated(domain, times, size)
            if before:
                spliced = torch.cat([own[:, :cut], strange[:, cut:]], 1)
                kernel = self.subject.futures(spliced, there, cut, rows, times)
            else:
                kernel = self.subject.pasts(torch.cat([strange[:, :cut], own[:, cut:]], 1), there, cut, rows)
            found.append(torch.unflatten(kernel, 0, (times, size)))
        return torch.cat(found)


def placed(u: Float[Tensor, "batch points dim"]) -> Float[Tensor, "1 points dim"] | None:
    """What inputs say for their place alone, as where positions were added: the mean over samples, each channel shrunk
    by what chance has in it. None: nothing."""
    means = u.mean(0, keepdim=True)
    place = means - means.mean(1, keepdim=True)
    by_chance = u.var(0).mean(0) / len(u)
    found = place.square().mean((0, 1))
    share = torch.where(found > PLACED * by_chance, 1 - by_chance / found.clamp_min(1e-30), 0.0)
    return place * share if bool((share > 0).any()) else None


def mean_of_known(parts: list[Tensor]) -> Tensor:
    """The mean over what is not NaN; 0 where nothing is known."""
    stacked = torch.stack(parts)
    return stacked.nanmean(0).nan_to_num(0.0) if len(parts) > 1 else parts[0].nan_to_num(0.0)
