"""Taking a layer apart into kernel and values, and putting it together again."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from itnas import genes
from itnas.behaviour.sites import Heard, listen
from itnas.models.mixers import MIXERS, Placement
from itnas.operator.domain import Domain

B, C = 3, 6
LENGTHS = (1, 2, 3, 7, 33)


def mixer(gene: genes.Mixer, *, causal: bool, axes: int = 1) -> nn.Module:
    return MIXERS[gene.mixer](gene, Placement(C, causal, axes)).double()


class Around(nn.Module):
    """A layer that takes more than one input, or gives more than one output."""

    def __init__(self, layer: nn.Module, use: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.layer, self.use = layer, use

    def forward(self, u: Tensor, domain: Domain | None = None) -> Tensor:
        return self.use(self.layer, u)


def heard_by(layer: nn.Module, u: Tensor, domain: Domain | None = None) -> list[Heard]:
    return listen(layer, lambda: layer(u, domain))


@torch.no_grad()
def assert_taken_apart(layer: nn.Module, u: Tensor, domain: Domain | None = None, tolerance: float = 1e-9) -> None:
    """finish(K V) is the layer's own output, at every application."""
    (*inner, last) = heard_by(layer, u, domain)
    outputs = [*(each.inputs.u for each in [*inner, last][1:]), layer(u, domain)]
    for heard, expected in zip([*inner, last], outputs, strict=True):
        view = heard.subject.view(heard.inputs.u, heard.inputs.domain)
        assert view.kernel.shape[0] == u.shape[0]
        assert view.kernel.shape[2:] == (u.shape[1], u.shape[1])
        error = (view.output(view.kernel) - expected).abs().max()
        assert error <= tolerance * (1 + expected.abs().max())
        assert torch.isfinite(view.strength).all()


VALID = torch.arange(12) < torch.tensor([12, 5, 1]).unsqueeze(1)
