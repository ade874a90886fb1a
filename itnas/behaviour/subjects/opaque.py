"""Any other layer under examination: its kernel is made of interventions on its inputs.

K[b, c, i, j] is what point j adds to channel c of output i, given the own points between them, while all beyond j are
another sample's. For points before i (and likewise after):

    g_j = E[output i | own points from j on, another sample's before]      K_ij = g_j - g_(j+1)

The sum over j telescopes: with all contributions the output is exact, with those of the last w it is exactly what the
layer says when it is shown w own points. Nothing is linearised, so memory that has saturated a gate, where derivatives
vanish, is seen; and nothing is hidden in values, because there are none.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from itnas.behaviour.places import places_of
from itnas.behaviour.subjects.base import Subject, View, repeated
from itnas.operator.domain import Domain, geometry_of

CHUNK = 2**20  # numbers of input that are run at once
BLOCKS = 12  # portions of the past that are swapped together, where states are looked for

Run = Callable[[Tensor, Domain | None], Tensor]


class OpaqueSubject(Subject):
    """A layer of which nothing is known but what it answers. One head per output channel, values 1."""

    cuts, most_states, donors, rows = 6, 8, 3, 2**30

    def __init__(self, run: Run, kind: str) -> None:
        self._run, self.kind, self._ahead = run, kind, False

    def run(self, u: Tensor, domain: Domain | None) -> Tensor:
        return self._run(u, domain)

    def view(self, u: Tensor, domain: Domain | None) -> View:
        geometry = geometry_of(u, domain)
        if not geometry.ordered:
            raise ValueError(
                f"a {self.kind} layer is examined by swapping what comes before or after a point, "
                f"and a {geometry.name} has no order"
            )
        own = self._run(u, domain)  # [B, N, C]
        usual = own.mean(0, keepdim=True)
        batch, length, heads = own.shape
        return View(
            find=lambda: self._contributions(u, domain, own, usual),
            values=u.new_ones(1, 1, length, 1).expand(batch, heads, -1, -1),
            strength=u.new_ones(1, 1, 1).expand(batch, heads, length),
            finish=lambda mixed: usual + mixed.squeeze(-1).transpose(1, 2),
            places=places_of(geometry),
            content_basis=u - u.mean(0, keepdim=True),
            contrast=u - torch.roll(u, 1, 0),
        )

    def silence(self, u: Tensor, domain: Domain | None) -> Tensor:
        """What it usually says at each place."""
        own = self._run(u, domain)
        return own.mean(0, keepdim=True).expand_as(own)

    def rearranged(self, u: Tensor, domain: Domain | None, place: Tensor, orders: Tensor) -> Tensor:
        """Output i with the points in the order of row i of `orders` [N, N]; `place` [1, N, C] stays where it is."""
        batch, length, dim = u.shape
        content, found = u - place, []
        for part in torch.arange(length).split(max(1, CHUNK // (batch * length * dim))):
            # What stands behind the last row is given too: how many points there are may count.
            given = (content[:, orders[part]] + place.unsqueeze(1)).transpose(0, 1)
            outputs = self._run(given.flatten(0, 1), repeated(domain, len(part), batch))
            found.append(
                torch.unflatten(outputs, 0, (len(part), batch))[torch.arange(len(part)), :, part].transpose(0, 1)
            )
        return torch.cat(found, 1)

    def futures(self, u: Tensor, domain: Domain | None, cut: int, rows: Tensor, times: int = 1) -> Tensor:
        """Contributions of the points before the cut alone, with one partner; points of a block share theirs."""
        return self._in_blocks(u, domain, cut, rows, ahead=False)

    def pasts(self, u: Tensor, domain: Domain | None, cut: int, rows: Tensor) -> Tensor:
        """The same seen from the other end."""
        length = u.shape[1]
        return self._in_blocks(u.flip(1), domain, length - cut, length - 1 - rows, ahead=True).flip(3)

    def portions(self, early: int) -> Tensor:
        return starts_of(early).diff()

    def _in_blocks(self, u: Tensor, domain: Domain | None, cut: int, rows: Tensor, *, ahead: bool) -> Tensor:
        starts = starts_of(cut)
        return self._differences(u, domain, starts, rows, ahead=ahead) / starts.diff()

    def looks_ahead(self, u: Tensor, domain: Domain | None) -> bool:
        """Whether later points change earlier outputs; a layer that has once been seen to do so always may."""
        if not self._ahead:
            length, own = u.shape[1], self._run(u, domain)
            # Places in no rhythm: a layer that mixes within blocks crosses no border between them.
            cuts = torch.tensor(
                sorted({1, length // 3, length // 2, length // 2 + 1, 2 * length // 3, length - 1} - {0, length})
            )
            early = (torch.arange(length) < cuts.unsqueeze(1))[:, None, :, None]  # [cuts, 1, N, 1]
            mixed = torch.where(early, u, torch.roll(u, 1, 0))
            changed = self._run(mixed.flatten(0, 1), repeated(domain, len(cuts), len(u)))
            lost = (torch.unflatten(changed, 0, mixed.shape[:2]) - own) * early
            self._ahead = bool(lost.abs().amax() > 1e-5 * own.abs().amax().clamp_min(1e-30))
        return self._ahead

    def _contributions(self, u: Tensor, domain: Domain | None, own: Tensor, usual: Tensor) -> Tensor:
        """K, [B, C, N, N]."""
        every = torch.arange(u.shape[1] + 1)
        here_or_ahead = every[:-1] >= every[:-1].unsqueeze(1)
        kernel = self._differences(u, domain, every).masked_fill_(here_or_ahead, 0.0)
        if self.looks_ahead(u, domain):
            kernel += (
                self._differences(u.flip(1), domain, every, ahead=True).masked_fill_(here_or_ahead, 0.0).flip(2, 3)
            )
        kernel.diagonal(dim1=-2, dim2=-1).copy_((own - usual).transpose(1, 2) - kernel.sum(-1))
        return kernel

    def _differences(
        self, u: Tensor, domain: Domain | None, starts: Tensor, rows: Tensor | None = None, *, ahead: bool = False
    ) -> Tensor:
        """What showing the own points of each block, from one start to the next, adds to what all points from the next
        start on make a layer say: [B, C, N or rows, blocks].

        Before the own points stand another sample's. With `ahead`, u comes in reverse order and so do the outputs.
        """
        batch, length, dim = u.shape
        index, other = torch.arange(length), torch.roll(u, 1, 0)
        found = before = None
        for part in torch.arange(len(starts)).split(max(1, CHUNK // (batch * length * dim))):
            mixed = torch.where((index < starts[part].unsqueeze(1))[:, None, :, None], other, u).flatten(0, 1)
            outputs = self._run(mixed.flip(1) if ahead else mixed, repeated(domain, len(part), batch))
            shown = torch.unflatten(outputs.flip(1) if ahead else outputs, 0, (len(part), batch))
            shown = shown if rows is None else shown[:, :, rows]
            found = shown.new_empty(len(starts) - 1, *shown.shape[1:]) if found is None else found
            if before is not None:
                found[int(part[0]) - 1] = before - shown[0]
            found[int(part[0]) : int(part[-1])] = shown[:-1] - shown[1:]
            before = shown[-1]
        assert found is not None
        return found.permute(1, 3, 2, 0)


def starts_of(early: int) -> Tensor:
    """Where the blocks of a past begin, and its end."""
    return torch.linspace(0, early, min(BLOCKS, early) + 1).round().long()
