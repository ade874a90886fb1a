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
from itnas.behaviour.subjects.base import Subject, View
from itnas.models.mixers.base import geometry_of
from itnas.operator.domain import Domain

CHUNK = 2**23  # numbers of input that are run at once
PARTNERS = 1  # other samples that supply what is not a sample's own
BLOCKS = 12  # portions of the past that are swapped together, where states are looked for

Run = Callable[[Tensor, Domain | None], Tensor]


class OpaqueSubject(Subject):
    """A layer of which nothing is known but what it answers. One head per output channel, values 1."""

    cuts, most_states, donors, rows = 6, 8, 4, 2**30

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
        kernel = self._contributions(u, domain, own, usual, PARTNERS)
        batch, heads, length = kernel.shape[:3]
        return View(
            kernel=kernel,
            values=u.new_ones(1, 1, length, 1).expand(batch, heads, -1, -1),
            strength=u.new_ones(1, 1, 1).expand(batch, heads, length),
            finish=lambda mixed: usual + mixed.squeeze(-1).transpose(1, 2),
            places=places_of(geometry),
            content_basis=u - u.mean(0, keepdim=True),
            contrast=u - sum((torch.roll(u, partner, 0) for partner in range(1, PARTNERS + 1)), 0 * u) / PARTNERS,
        )

    def silence(self, u: Tensor, domain: Domain | None) -> Tensor:
        """What it usually says at each place."""
        own = self._run(u, domain)
        return own.mean(0, keepdim=True).expand_as(own)

    def rearranged(self, u: Tensor, domain: Domain | None, place: Tensor, orders: Tensor) -> Tensor:
        """Output i with the points in the order of row i of `orders` [N, N]; `place` [1, N, C] stays where it is."""
        batch, length, dim = u.shape
        content, found = u - place, []
        ends_here = domain is None and not self.looks_ahead(u, domain)
        for part in torch.arange(length).split(max(1, CHUNK // (batch * length * dim))):
            # Nothing behind the last row that is asked for changes it.
            stop = int(part[-1]) + 1 if ends_here else length
            given = (content[:, orders[part, :stop]] + place[:, :stop].unsqueeze(1)).transpose(0, 1)
            outputs = self._run(given.flatten(0, 1), _repeated(domain, len(part), batch))
            found.append(
                torch.unflatten(outputs, 0, (len(part), batch))[torch.arange(len(part)), :, part].transpose(0, 1)
            )
        return torch.cat(found, 1)

    def futures(self, u: Tensor, domain: Domain | None, cut: int, rows: Tensor) -> Tensor:
        """Contributions of the points before the cut alone, with one partner; points of a block share theirs."""
        return self._in_blocks(u, domain, cut, rows, ahead=False)

    def pasts(self, u: Tensor, domain: Domain | None, cut: int, rows: Tensor) -> Tensor:
        """The same seen from the other end."""
        length = u.shape[1]
        return self._in_blocks(u.flip(1), domain, length - cut, length - 1 - rows, ahead=True).flip(3)

    def _in_blocks(self, u: Tensor, domain: Domain | None, cut: int, rows: Tensor, *, ahead: bool) -> Tensor:
        starts = torch.linspace(0, cut, min(BLOCKS, cut) + 1).round().long()
        shown = self._shown(u, domain, starts, 1, ahead=ahead)
        sizes = starts.diff()
        found = (shown[:-1] - shown[1:])[:, :, rows].permute(1, 3, 2, 0) / sizes  # [B, C, rows, blocks]
        return found.repeat_interleave(sizes, -1)

    def looks_ahead(self, u: Tensor, domain: Domain | None) -> bool:
        """Whether later points change earlier outputs; a layer that has once been seen to do so always may."""
        if not self._ahead:
            length, own = u.shape[1], self._run(u, domain)
            # Places in no rhythm: a layer that mixes within blocks crosses no border between them.
            for cut in {1, length // 3, length // 2, length // 2 + 1, 2 * length // 3, length - 1} - {0, length}:
                changed = torch.cat([u[:, :cut], torch.roll(u, 1, 0)[:, cut:]], 1)
                lost = (self._run(changed, domain) - own)[:, :cut].abs().amax()
                self._ahead = self._ahead or bool(lost > 1e-5 * own.abs().amax().clamp_min(1e-30))
        return self._ahead

    def _contributions(self, u: Tensor, domain: Domain | None, own: Tensor, usual: Tensor, partners: int) -> Tensor:
        """K, [B, C, N, N]."""
        every = torch.arange(u.shape[1])
        before = self._shown(u, domain, every, partners)  # [N, B, N, C]: own points from j on
        kernel = _steps(before).permute(1, 3, 2, 0).tril(-1)
        alone = own - kernel.sum(-1).transpose(1, 2)
        if self.looks_ahead(u, domain):
            after = self._shown(u.flip(1), domain, every, partners, ahead=True)
            later = _steps(after).permute(1, 3, 2, 0).tril(-1).flip(2, 3)
            kernel = kernel + later
            alone = alone - later.sum(-1).transpose(1, 2)
        return kernel + torch.diag_embed((alone - usual).transpose(1, 2))

    def _shown(self, u: Tensor, domain: Domain | None, starts: Tensor, partners: int, *, ahead: bool = False) -> Tensor:
        """The outputs with own points from j on, for each j of `starts`: [J, B, N, C].

        With `ahead`, u comes in reverse order and so do the outputs.
        """
        batch, length, dim = u.shape
        index = torch.arange(length)
        size = max(1, CHUNK // (batch * length * dim))
        total: Tensor | None = None
        for partner in range(1, partners + 1):
            other, found = torch.roll(u, partner, 0), []
            for part in starts.split(size):
                mixed = torch.where((index < part.unsqueeze(1))[:, None, :, None], other, u).flatten(0, 1)
                outputs = self._run(mixed.flip(1) if ahead else mixed, _repeated(domain, len(part), batch))
                found.append(torch.unflatten(outputs.flip(1) if ahead else outputs, 0, (len(part), batch)))
            joint = torch.cat(found)
            total = joint if total is None else total + joint
        assert total is not None
        return total / partners


def _steps(shown: Tensor) -> Tensor:
    """g_j - g_(j+1), [N, B, N, C]."""
    return shown - torch.cat([shown[1:], shown[-1:]])


def _repeated(domain: Domain | None, times: int, batch: int) -> Domain | None:
    if domain is None or not domain.per_sample():
        return domain
    return domain.samples(torch.arange(batch).repeat(times))
