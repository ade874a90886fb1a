"""What is examined: a layer whose output is made of kernels and values, and what can be asked of it."""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from itnas.behaviour.places import Places
from itnas.operator.domain import Domain, geometry_of


@dataclass(frozen=True)
class View:
    """A layer on one batch of inputs: y = finish(K V), and K is what replacements replace.

    `content_basis`: what a map from a point's input to its share of K may read, [B, N, P]. None where the values
    carry the content, so that a content-free K is constant; layers without values of their own have V = 1, and their
    content-free K is linear in the input. `contrast`: the basis minus that of the points it was swapped with.
    """

    find: Callable[[], Float[Tensor, "batch heads rows columns"]]  # K, which some never ask for
    values: Float[Tensor, "batch heads points width"]
    strength: Float[Tensor, "batch heads points"]  # how large in the output is what K = 1 carries from point j
    finish: Callable[[Tensor], Tensor]  # [B, H, N, D] -> [B, N, C]
    places: Places
    content_basis: Float[Tensor, "batch points features"] | None = None
    contrast: Float[Tensor, "batch points features"] | None = None  # what the basis was when K was measured
    rows: int | None = None  # how many points look, where they are others than those that are looked at

    @cached_property
    def kernel(self) -> Float[Tensor, "batch heads rows columns"]:
        return self.find()

    @cached_property
    def silent(self) -> Float[Tensor, "batch points out"]:
        """What the layer would say without a kernel: the pointwise term."""
        batch, heads, points, width = self.values.shape
        return self.finish(self.values.new_zeros(batch, heads, self.rows or points, width))

    def output(self, kernel: Float[Tensor, "batch heads rows columns"]) -> Float[Tensor, "batch points out"]:
        """What the layer would say with this kernel in place of its own."""
        mixed = kernel @ self.values if self.content_basis is None else kernel.sum(-1, keepdim=True)
        return self.finish(mixed)


class Subject(abc.ABC):
    """A layer under examination."""

    kind: str  # what it is called in reports
    # How thoroughly it is asked, as far as answers are cheap.
    orders: int = 2  # random orders of the points, each with its reverse: in one of the two a pair keeps its order
    cuts: int = 8  # cuts at which states are looked for
    most_states: int = 32  # the largest state that is tried
    donors: int = 16  # other samples whose continuations are spliced behind each prefix
    rows: int = 16  # how much of its continuation each is asked for
    at: slice = slice(None)  # which of the output's points those of the input are

    @abc.abstractmethod
    def view(self, u: Float[Tensor, "batch points dim"], domain: Domain | None) -> View:
        """Kernels and values for these inputs."""

    def run(self, u: Float[Tensor, "batch points dim"], domain: Domain | None) -> Float[Tensor, "batch rows out"]:
        """The layer's output, or a block's: at its rows."""
        view = self.view(u, domain)
        return view.output(view.kernel)

    def silence(self, u: Float[Tensor, "batch points dim"], domain: Domain | None) -> Tensor:
        """The layer's output with a kernel of zeros."""
        view = self.view(u, domain)
        return view.output(torch.zeros_like(view.kernel))

    def futures(
        self,
        u: Float[Tensor, "batch points dim"],
        domain: Domain | None,
        cut: int,
        rows: Int[Tensor, " rows"],
        times: int = 1,
    ) -> Float[Tensor, "batch heads rows portions"]:
        """How some points from `cut` on look at each of those before it, which are the same `times` over."""
        return self.view(u, domain).kernel[:, :, rows, :cut]

    def portions(self, early: int) -> Int[Tensor, " portions"]:
        """The sizes of the portions into which `futures` and `pasts` divide the points that are looked at, from the far
        end on; the points of a portion share what is said of them."""
        return torch.ones(early, dtype=torch.long)

    def pasts(
        self, u: Float[Tensor, "batch points dim"], domain: Domain | None, cut: int, rows: Int[Tensor, " rows"]
    ) -> Float[Tensor, "batch heads rows portions"]:
        """How some points before `cut` look at each of those from it on."""
        return self.view(u, domain).kernel[:, :, rows, cut:]


class KernelSubject(Subject):
    """A layer with a kernel that can be asked about points at other places than their own."""

    causal: bool = False  # whether points see only those before them
    placeless: bool = False  # whether places have no part in the kernel, so that moving points changes nothing
    link: Literal["identity", "exp"] = "identity"  # what is applied to the raw kernel before it is normalised

    def uneven(self, u: Float[Tensor, "batch points dim"], domain: Domain | None) -> bool:
        """Whether samples differ in which of their points are padding."""
        valid = geometry_of(u, domain).valid
        return valid is not None and len(valid) > 1

    @abc.abstractmethod
    def raw(
        self, u: Float[Tensor, "batch points dim"], domain: Domain | None, order: Int[Tensor, " points"]
    ) -> Float[Tensor, "batch heads rows columns"]:
        """The kernel before it is normalised, if point i stood at the place of point order[i].

        Pairs that do not see each other there are NaN: the layer never learned what to say of them.
        """

    @abc.abstractmethod
    def normalised(
        self,
        raw: Float[Tensor, "batch heads rows columns"],
        u: Float[Tensor, "batch points dim"],
        domain: Domain | None,
    ) -> Float[Tensor, "batch heads rows columns"]:
        """The effective kernel that a raw one stands for, with the input's own places deciding who sees whom."""


def spread(out_weight: Float[Tensor, "out mixed"], values: Float[Tensor, "batch heads points width"]) -> Tensor:
    """Size of O_h v_j, [B, H, N]."""
    heads, width = values.shape[1], values.shape[3]
    per_head = out_weight.unflatten(1, (heads, width))  # [C, H, D]
    gram = torch.einsum("chd,che->hde", per_head, per_head)
    return torch.einsum("bhnd,hde,bhne->bhn", values, gram, values).clamp_min(0).sqrt()


def unseen(raw: Tensor, order: Tensor, *, causal: bool) -> Tensor:
    """NaN where point j would stand behind point i, for layers that look back only."""
    return raw.masked_fill(order.unsqueeze(1) < order, torch.nan) if causal else raw


def repeated(domain: Domain | None, times: int, batch: int) -> Domain | None:
    """The domain of a batch that is given several times over."""
    if domain is None or not domain.per_sample():
        return domain
    return domain.samples(torch.arange(batch).repeat(times))
