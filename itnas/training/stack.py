"""R networks of one shape as one: their parameters side by side in a single matrix, run by `torch.func.vmap`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call, vmap

from itnas.operator.domain import Domain


class Stack:
    """`flat` [R, P] holds each replica's parameters in a row; networks see views of it.

    One matrix makes the optimiser and the clipping a handful of operations for any architecture, and its gradient
    arrives in one piece (the backward pass of a split is a concatenation).
    """

    def __init__(self, networks: Sequence[nn.Module], device: torch.device) -> None:
        self.skeleton = networks[0].to(device)
        named = [dict(network.named_parameters()) for network in networks]
        self.shapes = {name: part.shape for name, part in named[0].items()}
        rows = [torch.cat([part.detach().flatten() for part in parts.values()]) for parts in named]
        self.flat = torch.stack(rows).to(device).requires_grad_()
        self.buffers = {
            name: torch.stack([dict(network.named_buffers())[name] for network in networks]).to(device)
            for name, _ in networks[0].named_buffers()
        }

    @property
    def replicas(self) -> int:
        return self.flat.shape[0]

    def parameters(self, flat: Tensor | None = None) -> dict[str, Tensor]:
        """Each parameter of all replicas, [R, ...], as views of `flat`."""
        parts = (self.flat if flat is None else flat).split([shape.numel() for shape in self.shapes.values()], 1)
        return {
            name: part.view(part.shape[0], *shape)
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }

    def set_step(self, step: Tensor | int) -> None:
        """Tell sampled quadratures which step their random numbers belong to."""
        for name, part in self.buffers.items():
            if name.endswith("mixer.step"):
                part.copy_(torch.as_tensor(step).expand_as(part))

    def __call__(
        self,
        inputs: Tensor,
        domain: Domain | None,
        placed: Mapping[str, Tensor],
        *,
        shared: bool = False,
    ) -> Float[Tensor, "replicas ..."]:
        """Outputs [R, B, ...] for inputs [R, B, ...], or for inputs [B, ...] that all replicas share.

        `placed` holds what of the domain differs from sample to sample, with the same leading axes as the inputs.
        """

        def run(own: dict[str, Tensor], kept: dict[str, Tensor], x: Tensor, places: dict[str, Tensor]) -> Tensor:
            where = domain.with_per_sample(places) if domain is not None and places else domain
            outputs: Tensor = functional_call(self.skeleton, (own, kept), (x, where))
            return outputs

        own, kept, places = self.flat, self.buffers, dict(placed)
        if self.replicas == 1:
            # A lone replica gets a twin: torch multiplies a batch of one in another order than a batch of many.
            own, kept = torch.cat([own, own.detach()]), {name: twice(part) for name, part in kept.items()}
            if not shared:
                inputs, places = twice(inputs), {name: twice(part) for name, part in places.items()}
        axis = None if shared else 0
        outputs: Tensor = vmap(run, in_dims=(0, 0, axis, axis))(self.parameters(own), kept, inputs, places)
        return outputs[: self.replicas]

    def state_of(self, replica: int) -> dict[str, Tensor]:
        """The plain state dict of one replica's network."""
        own = {name: part[replica].detach().clone() for name, part in self.parameters().items()}
        return own | {name: part[replica].clone() for name, part in self.buffers.items()}


def twice(part: Tensor) -> Tensor:
    """[1, ...] -> [2, ...]."""
    return torch.cat([part, part])
