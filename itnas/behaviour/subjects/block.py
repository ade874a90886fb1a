"""What the points of one part of a union take from those of one part: a block of a layer's kernel, by itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from itnas.behaviour.places import Places
from itnas.behaviour.subjects.base import KernelSubject, View, repeated
from itnas.operator.domain import Domain, Union, geometry_of
from itnas.operator.normaliser import reciprocal


@dataclass(frozen=True)
class Block:
    """Rows and columns of a kernel on a union: what part `to` takes from part `of`."""

    of: int
    to: int
    name: str  # `image`, or `image -> question`

    @property
    def across(self) -> bool:
        return self.of != self.to


def blocks_of(domain: Union) -> tuple[Block, ...]:
    """All of a union's that have points, those within parts first."""
    names, some = domain.names, [number for number, size in enumerate(domain.sizes) if size]
    within = [Block(number, number, names[number]) for number in some]
    across = [Block(of, to, f"{names[of]} -> {names[to]}") for of in some for to in some if of != to]
    return (*within, *across)


class BlockSubject(KernelSubject):
    """A layer of which all but one block stays as it is on the inputs it was heard with.

    What it is given is the block's columns' part; where rows are another part, that one stays. Its outputs are those
    of the whole layer, at all points.

    Under softmax the blocks of a row share a denominator. How much of a row is this block's then says as much of the
    others, and stays as it is; the block's kernel is what it makes of that share: its rows add up to 1.
    """

    def __init__(self, layer: KernelSubject, u: Float[Tensor, "batch points dim"], domain: Union, block: Block) -> None:
        self.layer, self.u, self.domain, self.block = layer, u, domain, block
        self.kind, self.link, self.placeless = layer.kind, layer.link, layer.placeless
        ends = torch.tensor(domain.sizes).cumsum(0).tolist()
        self.slices = [slice(end - size, end) for end, size in zip(ends, domain.sizes, strict=True)]
        self.to, self.of = self.slices[block.to], self.slices[block.of]
        self.at = self.to

    @property
    def part(self) -> Domain:
        """Where the columns' points stand."""
        return self.domain.parts[self.block.of]

    @property
    def given(self) -> Float[Tensor, "batch points dim"]:
        """What the columns' points were when the layer was heard."""
        return self.u[:, self.of]

    def view(self, u: Float[Tensor, "batch points dim"], domain: Domain | None) -> View:
        whole, there = self._whole(u)
        seen = Seen(self.layer.view(whole, there), self.to, self.of, shares=self.link == "exp")
        return View(
            find=lambda: seen.kernel,
            values=seen.view.values[:, :, self.of],
            strength=seen.view.strength[:, :, self.of],
            finish=seen.finish,
            places=self._places(seen.view.places),
            rows=self.to.stop - self.to.start,
        )

    def silence(self, u: Float[Tensor, "batch points dim"], domain: Domain | None) -> Tensor:
        """The layer's output without the block, for inputs of all parts."""
        view = self.layer.view(u, domain)
        kernel = view.kernel.clone()
        kernel[:, :, self.to, self.of] = 0
        return view.output(kernel)

    def raw(self, u: Tensor, domain: Domain | None, order: Int[Tensor, " points"]) -> Tensor:
        whole, there = self._whole(u)
        moved = self._order(whole.shape[1], order)
        found = self.layer.raw(whole, there, moved)[:, :, self.to, self.of]
        valid = geometry_of(whole, there).valid
        if valid is None:
            return found
        # Padding is nowhere.
        rows, cols = valid[:, moved][:, self.to], valid[:, moved][:, self.of]
        return found.masked_fill(~(rows.unsqueeze(2) & cols.unsqueeze(1)).unsqueeze(1), torch.nan)

    def uneven(self, u: Tensor, domain: Domain | None) -> bool:
        """Of all parts: how much each one gets may hang on how many points the others have."""
        return self.layer.uneven(self.u, self.domain)

    def normalised(self, raw: Tensor, u: Tensor, domain: Domain | None) -> Tensor:
        whole, there = self._whole(u)
        own = self.layer.raw(whole, there, torch.arange(whole.shape[1])).clone()
        own[:, :, self.to, self.of] = raw
        found = self.layer.normalised(own, whole, there)[:, :, self.to, self.of]
        return found * reciprocal(found.sum(-1, keepdim=True)) if self.link == "exp" else found

    def _whole(self, u: Tensor) -> tuple[Tensor, Domain | None]:
        """All parts' inputs, the columns' being `u`; a batch that is given several times over has its others so too."""
        times, size = len(u) // len(self.u), len(self.u)
        whole = self.u.repeat(times, 1, 1)
        whole[:, self.of] = u
        return whole, repeated(self.domain, times, size)

    def _order(self, length: int, order: Tensor) -> Tensor:
        """The columns' points change places, and with them, in an order that goes with theirs, the rows'."""
        moved = torch.arange(length)
        moved[self.of] = self.of.start + order
        if self.block.across and not torch.equal(order, torch.arange(len(order))):
            generator = torch.Generator().manual_seed(int((order * torch.arange(1, len(order) + 1)).sum()))
            count = self.to.stop - self.to.start
            moved[self.to] = self.to.start + torch.randperm(count, generator=generator)
        return moved

    def _places(self, places: Places) -> Places:
        if self.block.across:
            count = (self.to.stop - self.to.start, self.of.stop - self.of.start)
            return Places(torch.zeros(1, *count, dtype=torch.long), 1, None, False, across=True)
        return places.within[self.block.of]


@dataclass(frozen=True)
class Seen:
    """A view of the whole layer, of which one block is looked at."""

    view: View
    rows: slice
    cols: slice
    shares: bool  # whether it has a denominator in common with the other blocks

    @cached_property
    def kernel(self) -> Float[Tensor, "batch heads rows columns"]:
        found = self._block
        return found * reciprocal(self.share) if self.shares else found

    @property
    def _block(self) -> Float[Tensor, "batch heads rows columns"]:
        return self.view.kernel[:, :, self.rows, self.cols]

    @cached_property
    def share(self) -> Float[Tensor, "batch heads rows 1"]:
        """How much of each row is this block's."""
        return self._block.sum(-1, keepdim=True)

    @cached_property
    def rest(self) -> Float[Tensor, "batch heads points width"]:
        """What all other blocks say."""
        kernel = self.view.kernel.clone()
        kernel[:, :, self.rows, self.cols] = 0
        return kernel @ self.view.values

    def finish(self, mixed: Float[Tensor, "batch heads rows width"]) -> Float[Tensor, "batch points out"]:
        total = self.rest.clone()
        total[:, :, self.rows] += mixed * self.share if self.shares else mixed
        return self.view.finish(total)
