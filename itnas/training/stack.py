"""R networks of one shape as one: their parameters side by side in a single matrix, run by `torch.func.vmap`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.utils.checkpoint import checkpoint

from itnas.models import Network
from itnas.operator.domain import Domain

Tensors = dict[str, Tensor]
_STEP = "mixer.step"  # how the names of the buffers end that sampled quadratures count steps in


# Parameters of the largest network that is trained beside a twin of itself when it is alone, so that it becomes what it
# would in company to the last bit. Of larger ones that would cost as much again; they agree to rounding.
TWINNED = 1_000_000


class Stack:
    """`flat` [R, P] holds each replica's parameters in a row; networks see views of it.

    One matrix makes the optimiser and the clipping a handful of operations for any architecture, and its gradient
    arrives in one piece (the backward pass of a split is a concatenation).

    With `recompute` the backward pass finds what went into each block, and runs the block again for the rest.
    """

    def __init__(self, networks: Sequence[Network], device: torch.device, *, recompute: bool = False) -> None:
        self.skeleton, self.recompute = networks[0].to(device), recompute
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
            if name.endswith(_STEP):
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

        own, kept, places = self.flat, self.buffers, dict(placed)
        if self.replicas == 1 and self.flat.shape[1] <= TWINNED:
            # A lone replica gets a twin: torch multiplies a batch of one in another order than a batch of many.
            own, kept = torch.cat([own, own.detach()]), {name: twice(part) for name, part in kept.items()}
            if not shared:
                inputs, places = twice(inputs), {name: twice(part) for name, part in places.items()}
        parts = self.parameters(own)
        if self.recompute and not shared and torch.is_grad_enabled():
            return self._in_stages(parts, kept, inputs, domain, places)[: self.replicas]
        return _run(self.skeleton, parts, kept, inputs, domain, places, shared=shared)[: self.replicas]

    def _in_stages(
        self, own: Tensors, kept: Tensors, inputs: Tensor, domain: Domain | None, places: Tensors
    ) -> Float[Tensor, "replicas ..."]:
        """The same, its blocks apart. Checkpoints lie outside of vmap, where there are plain tensors to be kept or left
        away; the graph of the backward pass stays the one it is without them, and so do all sums in it."""

        def run(stage: nn.Module, buffers: Tensors, x: Tensor) -> Tensor:
            # A stage holds the network by this name.
            return _run(stage, _below("network", own), _below("network", buffers), x, domain, places)

        features = run(Stage(self.skeleton, self.skeleton.encode), kept, inputs)
        for number in range(self.skeleton.depth):
            stage = Stage(self.skeleton, partial(self.skeleton.apply_block, number))
            buffers = self._advanced(kept, number // len(self.skeleton.blocks))
            features = checkpoint(run, stage, buffers, features, use_reentrant=False, preserve_rng_state=False)
        return run(Stage(self.skeleton, self.skeleton.read_out), kept, features)

    def _advanced(self, kept: Tensors, passes: int) -> Tensors:
        """Buffers as a tied block finds them after `passes` uses in the same step: a sampled layer counts its uses."""
        return {name: part + passes if passes and name.endswith(_STEP) else part for name, part in kept.items()}

    def state_of(self, replica: int) -> dict[str, Tensor]:
        """The plain state dict of one replica's network."""
        own = {name: part[replica].detach().clone() for name, part in self.parameters().items()}
        return own | {name: part[replica].clone() for name, part in self.buffers.items()}


class Stage(nn.Module):
    """A step of a network as a module of its own, as `functional_call` calls modules alone."""

    def __init__(self, network: nn.Module, action: Callable[..., Tensor]) -> None:
        super().__init__()
        self.network, self.action = network, action

    def forward(self, x: Tensor, domain: Domain | None) -> Tensor:
        return self.action(x, domain)


def _run(
    module: nn.Module,
    own: Tensors,
    kept: Tensors,
    inputs: Tensor,
    domain: Domain | None,
    places: Tensors,
    *,
    shared: bool = False,
) -> Tensor:
    """A module with each replica's parameters on its inputs, or on those that all share."""

    def run(own: Tensors, kept: Tensors, x: Tensor, places: Tensors) -> Tensor:
        where = domain.with_per_sample(places) if domain is not None and places else domain
        outputs: Tensor = functional_call(module, (own, kept), (x, where))
        return outputs

    axis = None if shared else 0
    found: Tensor = vmap(run, in_dims=(0, 0, axis, axis))(own, kept, inputs, places)
    return found


def _below(name: str, tensors: Tensors) -> Tensors:
    return {f"{name}.{each}": part for each, part in tensors.items()}


def twice(part: Tensor) -> Tensor:
    """[1, ...] -> [2, ...]."""
    return torch.cat([part, part])
