"""Layers whose kernel is what it is told to be, and what is measured of it."""

from typing import Any

import torch
from torch import Tensor, nn

from itnas.behaviour.describe import Description, describe
from itnas.behaviour.places import places_of
from itnas.behaviour.scene import Inputs, Scene
from itnas.behaviour.sites import listen
from itnas.behaviour.subjects import KernelSubject, View
from itnas.behaviour.subjects.base import unseen
from itnas.operator.domain import Domain, geometry_of

N, B = 16, 12


class Planted(KernelSubject):
    """A kernel that is what it is told to be: a function of contents [B, N, C] and of places, or of neither."""

    kind = "planted"

    def __init__(self, make: Any, *, causal: bool = False) -> None:
        self.make, self.causal = make, causal

    def view(self, u: Tensor, domain: Domain | None) -> View:
        kernel = self.raw(u, domain, torch.arange(u.shape[1])).nan_to_num(0.0)
        values = u.unsqueeze(1).expand(-1, kernel.shape[1], -1, -1)
        strength = torch.ones(u.shape[0], kernel.shape[1], u.shape[1])
        return View(lambda: kernel, values, strength, lambda mixed: mixed.sum(1), places_of(geometry_of(u, domain)))

    def raw(self, u: Tensor, domain: Domain | None, order: Tensor) -> Tensor:
        whole = self.make(u, domain)
        heads = whole.shape[1]
        placed = self.make(u[:, order.argsort()], domain)[:, :, order][:, :, :, order]
        return unseen(placed.expand(u.shape[0], heads, -1, -1), order, causal=self.causal)

    def normalised(self, raw: Tensor, u: Tensor, domain: Domain | None) -> Tensor:
        return raw.nan_to_num(0.0).tril() if self.causal else raw.nan_to_num(0.0)


def fixed(*heads: Tensor) -> Any:
    """The same kernel for every sample."""
    return lambda u, domain: torch.stack(heads).unsqueeze(0).expand(u.shape[0], -1, -1, -1)


def described(make: Any, domain: Domain | None = None, *, causal: bool = False, n: int = N) -> Description:
    return describe(Scene(Planted(make, causal=causal), Inputs(torch.randn(B, n, 6), domain)))


def heard(layer: nn.Module, u: Tensor, *domain: Domain) -> Scene:
    found = listen(layer, lambda: layer(u, *domain))[0]
    return Scene(found.subject, found.inputs)


def layer_of(found: Description) -> dict[str, float | None]:
    return {name: None if each is None else each.layer for name, each in found.measures.items()}


def shift(n: int = N) -> Tensor:
    return torch.diag(torch.ones(n - 1), -1)
