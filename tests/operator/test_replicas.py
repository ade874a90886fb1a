"""Stacked replicas under torch.func: one run on R x H heads, the same numbers as R runs."""

import copy

import pytest
import torch
from torch.func import functional_call, grad, stack_module_state, vmap

from itnas import Cloud, FactorisedKernel, IntegralTransform, MLPKernel, MonteCarlo, Sequence, Window
from itnas.operator import Domain

DIM, POINTS, REPLICAS = 5, 19, 3
CASES = {
    "dense": {},
    "fused": {"kernel": MLPKernel(features=("offset", "fourier", "distance", "content", "product", "clock"))},
    "sorted": {"kernel": MLPKernel(features=("offset", "content", "clock"))},
    "fourier": {"kernel": MLPKernel(features=("offset", "fourier"))},
    "scan": {"kernel": FactorisedKernel(rank=3, decay="clock")},
    "sdpa": {"kernel": MLPKernel(layers=0, features=("product",)), "normaliser": "softmax"},
    "gather": {"quadrature": Window(3)},
}


def stack(plan: str, heads: int, dtype: torch.dtype) -> tuple[list[IntegralTransform], torch.Tensor, Domain | None]:
    replicas = [
        IntegralTransform(DIM, heads=heads, causal=True, plan=plan, measure="clock", **CASES[plan]).to(dtype)
        for _ in range(REPLICAS)
    ]
    valid = torch.arange(POINTS) < torch.tensor([[POINTS], [12]])
    return replicas, torch.randn(REPLICAS, 2, POINTS, DIM, dtype=dtype), Sequence(valid=valid)


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("shared_input", [True, False])
@pytest.mark.parametrize("plan", list(CASES))
def test_stacked_equals_alone(plan: str, shared_input: bool, heads: int) -> None:
    replicas, u, domain = stack(plan, heads, torch.float64)
    u = u[0] if shared_input else u
    skeleton = copy.deepcopy(replicas[0])
    parameters, buffers = stack_module_state(replicas)
    parameters = {name: part.detach().requires_grad_() for name, part in parameters.items()}

    def run(own: dict[str, torch.Tensor], kept: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        return functional_call(skeleton, (own, kept), (x, domain))

    axes = (0, 0, None if shared_input else 0)
    y = vmap(run, in_dims=axes)(parameters, buffers, u)
    y.square().sum().backward()
    detached = {name: part.detach() for name, part in parameters.items()}
    inside = vmap(grad(lambda *args: run(*args).square().sum()), in_dims=axes)(detached, buffers, u)
    for number, replica in enumerate(replicas):
        alone = replica(u if shared_input else u[number], domain)
        alone.square().sum().backward()
        torch.testing.assert_close(y[number], alone, rtol=1e-10, atol=1e-10)
        for name, part in replica.named_parameters():
            expected = torch.zeros_like(part) if part.grad is None else part.grad
            size = float(expected.abs().max()) + 1
            torch.testing.assert_close(parameters[name].grad[number], expected, rtol=0, atol=1e-10 * size)
            torch.testing.assert_close(inside[name][number], expected, rtol=0, atol=1e-10 * size)


@pytest.mark.parametrize("plan", ["dense", "fused", "sorted"])
def test_a_replica_in_a_stack_equals_the_one_alone_bit_for_bit(plan: str) -> None:
    """In float32, where a changed order of additions would show; alone means a stack of one."""
    replicas, u, domain = stack(plan, 2, torch.float32)
    skeleton = copy.deepcopy(replicas[0])

    def run(members: list[IntegralTransform], x: torch.Tensor) -> list[torch.Tensor]:
        """The outputs, and the gradients of the stacked parameters."""
        parameters, buffers = stack_module_state(members)
        parameters = {name: part.detach().requires_grad_() for name, part in parameters.items()}
        y = vmap(lambda own, kept, one: functional_call(skeleton, (own, kept), (one, domain)))(parameters, buffers, x)
        y.square().sum().backward()
        return [y.detach(), *(part.grad for part in parameters.values() if part.grad is not None)]

    together = run(replicas, u)
    for number, replica in enumerate(replicas):
        for joint, alone in zip(together, run([replica], u[number : number + 1]), strict=True):
            assert torch.equal(joint[number], alone[0])


def test_a_dead_replica_touches_no_other() -> None:
    replicas, u, domain = stack("fused", 2, torch.float32)
    with torch.no_grad():
        replicas[1].kernel_module.out.fill_(float("nan"))
    parameters, buffers = stack_module_state(replicas)
    y = vmap(lambda own, kept, x: functional_call(replicas[0], (own, kept), (x, domain)))(parameters, buffers, u)
    assert torch.isnan(y[1]).any()
    assert torch.isfinite(y[0]).all()
    assert torch.isfinite(y[2]).all()


@pytest.mark.parametrize("plan", ["fused", "sorted"])
def test_a_jacobian_by_vmapped_gradients(plan: str) -> None:
    """Here only the backward pass is stacked."""
    replicas, u, domain = stack(plan, 2, torch.float64)
    layer, x = replicas[0], u[0]
    found = torch.func.jacrev(lambda one: layer(one, domain).sum(1))(x)
    layer.plan = "dense"
    torch.testing.assert_close(found, torch.func.jacrev(lambda one: layer(one, domain).sum(1))(x), rtol=1e-9, atol=1e-9)


PLACED = {
    "dense": {"kernel": MLPKernel(features=("offset", "distance", "position", "content", "fourier"))},
    "fused": {"kernel": MLPKernel(features=("offset", "distance", "position", "content"))},
    "sorted": {"kernel": MLPKernel(features=("offset", "content"))},
    "sampled": {"kernel": MLPKernel(features=("offset", "distance")), "quadrature": MonteCarlo(6)},
}


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("per_sample", [True, False])
@pytest.mark.parametrize("plan", list(PLACED))
def test_replicas_may_each_have_their_points_elsewhere(plan: str, per_sample: bool, heads: int) -> None:
    """As in training on clouds: each replica has its own samples, and these their own places."""
    about = {"normaliser": "softmax"} if plan == "fused" else {}
    members = [
        IntegralTransform(DIM, heads=heads, plan=plan, **about, **PLACED[plan]).double() for _ in range(REPLICAS)
    ]
    u = torch.randn(REPLICAS, 2, POINTS, DIM, dtype=torch.float64)
    places = torch.randn(REPLICAS, 2 if per_sample else 1, POINTS, 2, dtype=torch.float64)
    skeleton = copy.deepcopy(members[0])
    parameters, buffers = stack_module_state(members)
    parameters = {name: part.detach().requires_grad_() for name, part in parameters.items()}
    y = vmap(lambda own, kept, x, where: functional_call(skeleton, (own, kept), (x, Cloud(where))))(
        parameters, buffers, u, places
    )
    y.square().sum().backward()
    for number, member in enumerate(members):
        alone = member(u[number], Cloud(places[number]))
        alone.square().sum().backward()
        torch.testing.assert_close(y[number], alone, rtol=1e-10, atol=1e-10)
        for name, part in member.named_parameters():
            expected = torch.zeros_like(part) if part.grad is None else part.grad
            size = float(expected.abs().max()) + 1
            torch.testing.assert_close(parameters[name].grad[number], expected, rtol=0, atol=1e-9 * size)
