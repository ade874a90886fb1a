"""Comparing replicas that are stacked under torch.func with the same replicas one by one."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.func import functional_call, grad, stack_module_state, vmap

from itnas import IntegralTransform
from itnas.operator import Domain


def assert_stack_agrees(replicas: Sequence[IntegralTransform], u: Tensor, domain: Domain | None = None) -> None:
    """Value and gradients, taken outside of vmap and inside of it. All replicas read the same input."""
    skeleton = copy.deepcopy(replicas[0])
    parameters, buffers = stack_module_state(list(replicas))

    def run(own: dict[str, Tensor], kept: dict[str, Tensor]) -> Tensor:
        return functional_call(skeleton, (own, kept), (u, domain))

    y = vmap(run)(parameters, buffers)
    outside = torch.autograd.grad(y.square().sum(), list(parameters.values()), materialize_grads=True)
    inside = vmap(grad(lambda *state: run(*state).square().sum()))(parameters, buffers).values()
    for number, replica in enumerate(replicas):
        alone = replica(u, domain)
        expected = torch.autograd.grad(alone.square().sum(), list(replica.parameters()), materialize_grads=True)
        torch.testing.assert_close(y[number], alone, rtol=0, atol=1e-11 * (1 + float(alone.detach().abs().max())))
        largest = max(float(part.abs().max()) for part in expected if part.numel())
        for found in (outside, inside):
            for stacked, part in zip(found, expected, strict=True):
                torch.testing.assert_close(stacked[number], part, rtol=0, atol=1e-11 * (1 + largest))
