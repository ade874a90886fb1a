"""Which points of a union belong together, and where in space they stand together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from itnas.operator.domain.lattice import Lattice


@dataclass(frozen=True)
class Modalities:
    """The parts of a union in their order: what each is called, how many points, axes of space and, perhaps, lattice.

    Where all parts are lattices (or have no places), a pair of points is looked up in a table, at
    `row_code[i] - col_code[j]`: that tells the tags of both, and within a part the offset as well. For tags a, b and
    codes c within a part, row_code = (a T + a') S + c and col_code = c - b S, with a' = 0 and S more than all
    differences of codes.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    axes_of: tuple[int, ...]  # 0: points without places
    lattices: tuple[Lattice | None, ...]
    ordered: tuple[bool, ...]  # whether the order of a part's points means something

    @property
    def count(self) -> int:
        return len(self.names)

    @property
    def slices(self) -> tuple[slice, ...]:
        """Where each part's points stand."""
        ends = [sum(self.sizes[: number + 1]) for number in range(self.count)]
        return tuple(slice(end - size, end) for end, size in zip(ends, self.sizes, strict=True))

    @property
    def axes(self) -> int:
        """Axes of the space that all parts stand in."""
        return sum(set(self.axes_of))

    def own_axes(self, number: int) -> slice:
        """The axes of one part: those with equally many share them; fewer come first."""
        count = self.axes_of[number]
        start = sum(other for other in set(self.axes_of) if other < count)
        return slice(start, start + count)

    def tags(self, device: torch.device) -> Tensor:
        """The part of each point, int64 [N]."""
        sizes = torch.tensor(self.sizes, device=device)
        return torch.arange(self.count, device=device).repeat_interleave(sizes, output_size=sum(self.sizes))

    def together(self, positions: list[Tensor | None]) -> Tensor | None:
        """The parts' positions in the joint space, float64 [B|1, N, P]: 0 along the axes of others."""
        given = [each for each in positions if each is not None]
        if not given:
            return None
        batch, laid = max(each.shape[0] for each in given), []
        for number, (each, size) in enumerate(zip(positions, self.sizes, strict=True)):
            own = self.own_axes(number)
            before, after = (given[0].new_zeros(batch, size, width) for width in (own.start, self.axes - own.stop))
            there = given[0].new_zeros(batch, size, 0) if each is None else each.expand(batch, -1, -1)
            laid.append(torch.cat([before, there, after], -1))
        return torch.cat(laid, 1)

    @property
    def boxed(self) -> tuple[bool, ...]:
        """Whether distances in a part are those of its longest axis, as on lines and grids."""
        return tuple(axes < 2 or lattice is not None for axes, lattice in zip(self.axes_of, self.lattices, strict=True))

    @property
    def coded(self) -> bool:
        """Whether pairs can be looked up in a table."""
        return all(axes == 0 or lattice is not None for axes, lattice in zip(self.axes_of, self.lattices, strict=True))

    @property
    def _stride(self) -> int:
        """S, odd: the entries of a pair of tags."""
        own = zip(self.lattices, self.sizes, strict=True)
        return max(max(2 * size - 1, 1) if lattice is None else lattice.size for lattice, size in own)

    @property
    def size(self) -> int:
        """Number of entries of the table."""
        return self.count**2 * self._stride

    def codes(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """What a point adds to the place in the table as a row, and what it takes away as a column, int64 [N] each."""
        within = [
            torch.arange(size, device=device) if lattice is None else lattice.code(device)
            for lattice, size in zip(self.lattices, self.sizes, strict=True)
        ]
        code, tags, stride = torch.cat(within), self.tags(device), self._stride
        return tags * self.count * stride + code, code - tags * stride

    @property
    def centre(self) -> int:
        """Where the table has the pair of tags 0 and 0 at no offset."""
        return self._stride // 2

    def pairs(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Of each entry of the table: the offset, float64 [L, P], and the pair of tags a T + b, int64 [L]."""
        count, stride = self.count, self._stride
        offsets = torch.zeros(self.size, self.axes, dtype=torch.float64, device=device)
        for number, lattice in enumerate(self.lattices):
            if lattice is not None:
                middle = number * (count + 1) * stride + self.centre
                start = middle - lattice.centre
                offsets[start : start + lattice.size, self.own_axes(number)] = lattice.offsets(device)
        return offsets, torch.arange(count**2, device=device).repeat_interleave(stride)
