"""Sums with attention in layers that are known by their answers alone: what shuffling what is seen leaves unchanged is
attention's share, and cancels from the difference that shuffling makes."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from itnas.behaviour.orders import orders_for, shuffles
from itnas.behaviour.replacements.content_free import least_squares
from itnas.behaviour.scene import Scene
from itnas.behaviour.subjects import OpaqueSubject
from itnas.behaviour.truncation import cuts_of, leading

FEATURES = 1024  # offsets x channels that are fitted at most
SHUFFLES = 4  # random orders of a past, each with its reverse
CUTS = 6
STATES = 3


class AnsweredProfile:
    """Attention, and a linear map for each offset.

    y_i - y_i(shuffled) = sum over offsets d of W_d (u_(i - d) - what stood there when shuffled): least squares.
    """

    def __init__(self, reference: Scene) -> None:
        length, width = reference.inputs.length, reference.inputs.u.shape[2]
        ahead = range(-1, -length, -1) if reference.looks_ahead else range(0)
        nearest = sorted((*range(1, length), *ahead), key=lambda offset: (abs(offset), offset))
        self.offsets = nearest[: max(1, FEATURES // width)]
        shuffled, moved = _answers(reference, self.offsets)
        own = _subject(reference).run(reference.inputs.u, reference.inputs.domain)
        x = torch.cat([each.flatten(0, 1) for each in moved])
        y = torch.cat([(own - each).flatten(0, 1) for each in shuffled])
        self.maps = least_squares(x, y)  # [offsets P, C]

    @property
    def profile(self) -> Float[Tensor, "rows offsets"]:
        """The size of each map as a profile of the offset, for those of the past, a row for each pair of channels."""
        past = [number for number, offset in enumerate(self.offsets) if offset > 0]
        maps = torch.unflatten(self.maps, 0, (len(self.offsets), -1))[past]
        return maps.flatten(1).T

    def kernel(self, scene: Scene) -> Tensor:
        shuffled, moved = _answers(scene, self.offsets)
        return _said(scene, torch.stack(shuffled).mean(0) + torch.stack(moved).mean(0) @ self.maps)

    def alone(self, scene: Scene) -> list[Tensor]:
        """Attention alone, and the maps alone."""
        own = _standing(_content(scene), self.offsets).flatten(2) @ self.maps
        silent = scene.silent
        return [self.kernel(scene) - _said(scene, silent + own), _said(scene, silent + own)]


class AnsweredStates:
    """Attention, and a state of a few numbers per channel.

    The past of each of some cuts is shuffled several times. What the points behind the cut then say varies with the
    order in few directions only, which are found from other samples' continuations.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.cuts = cuts_of(scene.inputs.length, CUTS)
        self.said = [_by_order(scene, scene.inputs.u, cut) for cut in self.cuts]
        generator = torch.Generator().manual_seed(0)
        self.directions = [leading(self._futures(cut), STATES, generator) for cut in self.cuts]

    def _futures(self, cut: int) -> Tensor:
        u = self.scene.inputs.u
        donors = [torch.roll(u, shift, 0) for shift in range(1, _subject(self.scene).donors + 1)]
        said = [_by_order(self.scene, torch.cat([u[:, :cut], each[:, cut:]], 1), cut) for each in donors]
        joint = torch.cat(said, 2)
        return joint - joint.mean(-1, keepdim=True)

    def kernel(self, size: int) -> Tensor:
        inputs = self.scene.inputs
        found = _subject(self.scene).run(inputs.u, inputs.domain).clone()
        ends = (*self.cuts[1:], inputs.length)
        for cut, end, said, directions in zip(self.cuts, ends, self.said, self.directions, strict=True):
            usual, kept = said.mean(-1, keepdim=True), directions[..., :size]
            whole = usual + ((said - usual) @ kept) @ kept.mT  # [B, C, late, orders]
            found[:, cut:end] = whole[:, :, : end - cut, 0].transpose(1, 2)
        return _said(self.scene, found)


def _by_order(scene: Scene, u: Tensor, cut: int) -> Tensor:
    """What is said from the cut on, with the past in its own order and in others: [B, C, late, orders]."""
    past, given = torch.arange(cut), [u]
    for rearrange in shuffles(u.shape[1], SHUFFLES):
        given.append(torch.cat([u[:, rearrange(past)], u[:, cut:]], 1))
    return torch.stack([_subject(scene).run(each, scene.inputs.domain)[:, cut:] for each in given], -1).transpose(1, 2)


def _subject(scene: Scene) -> OpaqueSubject:
    assert isinstance(scene.subject, OpaqueSubject)
    return scene.subject


def _answers(scene: Scene, offsets: list[int]) -> tuple[list[Tensor], list[Tensor]]:
    """For each shuffling, the answers [B, N, C], and what stood at each offset less what was put there, [B, N, offsets
    P]."""
    subject, (u, domain) = _subject(scene), (scene.inputs.u, scene.inputs.domain)
    content, length = _content(scene), u.shape[1]
    own, answers, moved = _standing(content, offsets), [], []
    for rearrange in shuffles(length, 1):
        orders = orders_for(length, rearrange, looks_ahead=scene.looks_ahead)
        answers.append(subject.rearranged(u, domain, u[:1] - content[:1], orders))
        moved.append((own - _standing(content, offsets, orders)).flatten(2))
    return answers, moved


def _content(scene: Scene) -> Tensor:
    """The inputs without what was added for their places."""
    inputs = scene.inputs
    return inputs.u if inputs.place is None else inputs.u - inputs.place


def _standing(content: Tensor, offsets: list[int], orders: Tensor | None = None) -> Tensor:
    """What stands at each offset from each point, 0 beyond the ends: [B, N, offsets, P]."""
    own = torch.arange(content.shape[1])
    there = own.unsqueeze(1) - torch.tensor(offsets)  # [N, offsets]
    inside = (there >= 0) & (there < len(own))
    there = there.clamp(0, len(own) - 1)
    return content[:, there if orders is None else orders.gather(1, there)] * inside.unsqueeze(2)


def _said(scene: Scene, y: Tensor) -> Tensor:
    """The diagonal kernel that makes a layer without values of its own say y."""
    silent = scene.silent
    return torch.diag_embed((y - silent).transpose(1, 2))
