"""Recurrences that look back only, under examination: what `OpaqueSubject` asks of them, at less than half the cost.

Inputs that agree up to a point share the state there, and what behind it is the same for all is worked out once. The
numbers are those of `OpaqueSubject`, but for rounding.
"""

from __future__ import annotations

import torch
from torch import Tensor

from itnas.behaviour.subjects.opaque import OpaqueSubject, Run, starts_of
from itnas.behaviour.subjects.steps import Steps
from itnas.operator.domain import Domain, geometry_of


class RecurrentSubject(OpaqueSubject):
    """A layer known by its answers, and by the steps in which it finds them."""

    def __init__(self, run: Run, kind: str, steps: Steps) -> None:
        super().__init__(run, kind)
        self.steps = steps

    def looks_ahead(self, u: Tensor, domain: Domain | None) -> bool:
        return super().looks_ahead(u, domain) if _padded(u, domain) else False

    def rearranged(self, u: Tensor, domain: Domain | None, place: Tensor, orders: Tensor) -> Tensor:
        """Row i of `orders` is followed up to point i, which is all that this point sees."""
        if _padded(u, domain):
            return super().rearranged(u, domain, place, orders)
        content = self.steps.drive(u - place).transpose(0, 1)  # [N, B, G]
        there = (self.steps.drive(place) - self.steps.drive(torch.zeros_like(place))).transpose(0, 1)  # [N, 1, G]
        states, last = self.steps.start(u.shape[1], len(u)), []  # one for each row that is not done
        for step, row in enumerate(orders.T):
            states = self.steps.step(content[row[step:]] + there[step], states)
            last.append(states[0, 0])
            states = states[:, 1:]
        return self.steps.answer(torch.stack(last, 1))

    def _contributions(self, u: Tensor, domain: Domain | None, own: Tensor, usual: Tensor) -> Tensor:
        if _padded(u, domain):
            return super()._contributions(u, domain, own, usual)
        batch, length = u.shape[:2]
        kernel = own.new_zeros(batch, own.shape[2], length, length)
        states = self.steps.start(0, batch)
        for point, drive in enumerate(self.steps.drive(u).unbind(1)):
            states = self.steps.step(drive, self._joined(states))
            kernel[:, :, point, :point] = self.steps.change(states[0].diff(dim=0).neg_()).permute(1, 2, 0)
        kernel.diagonal(dim1=-2, dim2=-1).copy_((own - usual).transpose(1, 2) - kernel.sum(-1))
        return kernel

    def futures(self, u: Tensor, domain: Domain | None, cut: int, rows: Tensor, times: int = 1) -> Tensor:
        """Equal pasts are walked through once."""
        if _padded(u, domain):
            return super().futures(u, domain, cut, rows, times)
        starts, batch = starts_of(cut), len(u) // times
        borders, number = set(starts.tolist()), {row: number for number, row in enumerate(rows.tolist())}
        states = self.steps.start(0, batch)
        for point, drive in enumerate(self.steps.drive(u[:batch, :cut]).unbind(1)):
            states = self.steps.step(drive, self._joined(states) if point in borders else states)
        states = self._joined(states).repeat(1, 1, times, 1)
        found = [u.new_empty(0)] * len(rows)
        for point, drive in enumerate(self.steps.drive(u[:, cut : int(rows.max()) + 1]).unbind(1), cut):
            states = self.steps.step(drive, states)
            if point in number:
                found[number[point]] = self.steps.change(states[0].diff(dim=0).neg_())
        return torch.stack(found, 2).permute(1, 3, 2, 0) / starts.diff()  # from [blocks, B, rows, C]

    def _joined(self, states: Tensor) -> Tensor:
        """One more walk, which begins behind another sample's points: its state is that of the other's own walk, the
        first of all."""
        fresh = torch.roll(states[:, :1], 1, 2) if states.shape[1] else self.steps.start(1, states.shape[2])
        return torch.cat([states, fresh], 1)


def _padded(u: Tensor, domain: Domain | None) -> bool:
    return geometry_of(u, domain).valid is not None
