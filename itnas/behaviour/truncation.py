"""What crosses a cut through a kernel, in how many directions: the state that a recurrence would have to carry.

At a cut t the rows after it see the points before it only through K[t:, :t]. A state of size r is a projection of that
block on r directions of the past. The directions must serve every future, not the one that came: they are found from
the rows of other futures, spliced behind the same past. What came has no part in choosing them, or a state would know
what is going to be asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

SWEEPS = 3  # of the subspace iteration
SPARE = 4  # directions beyond those asked for, which make it converge

# For a cut, and the rows behind it that are asked for: their entries before the cut, for each of other futures.
# Neighbouring points may share an entry: portions.
Futures = Callable[[int, Int[Tensor, " rows"]], Float[Tensor, "futures batch heads rows portions"]]
Portions = Callable[[int], Int[Tensor, " portions"]]  # for a cut, their sizes


@dataclass(frozen=True)
class Directions:
    """At every cut, orthonormal directions of the past in order of importance, [B, H, t, R]."""

    cuts: tuple[int, ...]
    found: tuple[Tensor, ...]
    scale: Float[Tensor, "batch heads points"]  # what columns were multiplied by to be comparable

    @property
    def most(self) -> int:
        return max((each.shape[-1] for each in self.found), default=0)

    def reach(self, length: int) -> tuple[tuple[int, int, int], ...]:
        """For each cut: its number, the cut, and the row at which the next one takes over."""
        ends = (*self.cuts[1:], length) if self.cuts else ()
        return tuple((number, cut, end) for number, (cut, end) in enumerate(zip(self.cuts, ends, strict=True)))


def cuts_of(length: int, number: int = 16) -> tuple[int, ...]:
    """Cuts spread over all places."""
    spread = torch.linspace(1, length - 1, min(number, length - 1), dtype=torch.float64)
    return tuple(spread.round().long().unique().tolist())


def directions(
    kernel: Float[Tensor, "batch heads rows columns"],
    scale: Float[Tensor, "batch heads points"],
    futures: Futures | None,
    cuts: tuple[int, ...],
    most: int,
    portions: Portions | None = None,
) -> Directions:
    """Shared directions at every cut. O(N r log N) for each future; all samples and heads at once.

    Where no other futures are given, the own one has to do.

    Columns are scaled by what their values weigh in the output: a point that says nothing takes no room in the state.
    """
    scale = scale.clamp_min(1e-6 * scale.amax(-1, keepdim=True).clamp_min(1e-30))
    found = []
    generator = torch.Generator().manual_seed(0)
    for cut, until in zip(cuts, (*cuts[1:], kernel.shape[-1]), strict=False):
        late = late_rows(cut, kernel.shape[-1], until)
        weights = torch.cat([late.diff().sqrt(), late.new_ones(1)]).to(kernel.dtype)
        rows = kernel[:, :, late, :cut].unsqueeze(0) if futures is None else futures(cut, late)
        sizes = torch.ones(cut, dtype=torch.long) if portions is None else portions(cut)
        # A portion counts as often as it has points, all of whose columns are alike.
        often = sizes.to(kernel.dtype).sqrt()
        starts = sizes.cumsum(0) - sizes
        weighted = rows * weights.unsqueeze(1) * (scale[:, :, None, starts] * often)
        basis = leading(weighted.movedim(0, 2).flatten(2, 3), min(most, len(sizes)), generator)
        found.append((basis / often.unsqueeze(1)).repeat_interleave(sizes, -2))
    return Directions(cuts, tuple(found), scale)


def late_rows(cut: int, length: int, until: int) -> Int[Tensor, " rows"]:
    """All rows from the cut until the next, which are those that it changes; beyond, ever sparser (steps of an eighth
    of the distance); and the last one: there a question may come that no other row asks."""
    found = list(range(cut, until))
    while found[-1] < length - 1:
        found.append(min(found[-1] + 1 + (found[-1] - cut) // 8, length - 1))
    return torch.tensor(found)


def leading(
    rows: Float[Tensor, "*batch rows columns"], count: int, generator: torch.Generator
) -> Float[Tensor, "*batch columns count"]:
    """The `count` leading right singular vectors, by subspace iteration (Halko et al., arXiv 0909.4061)."""
    if rows.shape[-1] <= count + SPARE:
        return _rotation(rows).to(rows.dtype)[..., :count]
    width = count + SPARE
    basis = torch.randn(rows.shape[-1], width, generator=generator, dtype=rows.dtype).expand(*rows.shape[:-2], -1, -1)
    for _ in range(SWEEPS):
        basis = torch.linalg.qr(rows.mT @ (rows @ basis))[0]
    # Rotate the subspace so that its first directions are the most important ones.
    found: Tensor = (basis @ _rotation(rows @ basis).to(basis.dtype))[..., :count]
    return found


def _rotation(image: Tensor) -> Tensor:
    """The right singular vectors, the most important first."""
    # In float64: of columns that nearly vanish, float32 finds no eigenvectors.
    _, rotation = torch.linalg.eigh((image.mT @ image).double())
    found: Tensor = rotation.flip(-1)
    return found


def truncated(
    kernel: Float[Tensor, "batch heads rows columns"], state: Directions, size: int
) -> Float[Tensor, "batch heads rows columns"]:
    """The kernel with `size` directions of what crosses each cut, and exact between cuts."""
    found = kernel.clone()
    for number, cut, end in state.reach(kernel.shape[-1]):
        kept = state.found[number][..., :size]
        block = kernel[:, :, cut:end, :cut] * state.scale[:, :, None, :cut]
        found[:, :, cut:end, :cut] = (block @ kept) @ kept.mT / state.scale[:, :, None, :cut]
    return found


def flipped(kernel: Tensor) -> Tensor:
    """Time reversed: what was the future of a point becomes its past."""
    return kernel.flip(-1).flip(-2)
