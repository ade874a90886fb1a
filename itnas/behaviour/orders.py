"""Orders in which the points that others look at are given anew, while the one that looks stays where it is."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Int
from torch import Tensor

TAILS = 8
Rearranging = Callable[[Tensor], Tensor]  # of the places that a point sees, in their order


def orders_for(length: int, rearrange: Rearranging, *, looks_ahead: bool) -> Int[Tensor, "points points"]:
    """Row i: which point stands where when point i is asked. Of those it sees, all but itself change places."""
    every = torch.arange(length)
    rows = []
    for own in range(length):
        seen = torch.cat([every[:own], every[own + 1 :]]) if looks_ahead else every[:own]
        row = every.clone()
        row[seen] = rearrange(seen)
        rows.append(row)
    return torch.stack(rows)


def shuffles(length: int, count: int) -> list[Rearranging]:
    """`count` random orders, each followed by its reverse: in one of the two a pair keeps its order."""
    generator = torch.Generator().manual_seed(0)

    def sorting(rank: Tensor) -> Rearranging:
        return lambda seen: seen[rank[seen].argsort()]

    ranks = [torch.randperm(length, generator=generator) for _ in range(count)]
    return [sorting(each) for rank in ranks for each in (rank, -rank)]


def turns(count: int) -> list[Rearranging]:
    """The ring turned by different shares of its length, behind it a tail of up to TAILS - 1 points that stay.

    Neighbours stay neighbours but for those at two seams, which are elsewhere each time.
    """

    def turning(share: float, tail: int) -> Rearranging:
        def turn(seen: Tensor) -> Tensor:
            ring = seen[: max(len(seen) - tail, 0)]
            return torch.cat([ring.roll(round(share * len(ring))), seen[len(ring) :]])

        return turn

    return [turning((number + 0.5) / count, number % TAILS) for number in range(count)]
