"""What the operator's tests share: comparing a layer's plans in value and in every gradient."""

import torch
from torch import Tensor

from itnas import IntegralTransform
from itnas.operator import Domain

# Relative to the largest entry of each tensor. Softmax makes some gradients exactly 0 (a bias shifts every logit of a
# row): what is left of those is the rounding of a sum over all pairs, and is measured against a hundredth of the
# largest gradient.
TOLERANCE = {torch.float64: 1e-9, torch.float32: 2e-4}


def value_and_gradients(layer: IntegralTransform, u: Tensor, domain: Domain | None, plan: str) -> dict[str, Tensor]:
    """The output, and the gradient of a fixed weighting of it in the input and in every parameter."""
    layer.plan = plan
    layer.zero_grad()
    u = u.clone().requires_grad_()
    y = layer(u, domain)
    weights = torch.linspace(-1, 1, max(y.numel(), 1), dtype=y.dtype)[: y.numel()].view_as(y)
    (y * weights).sum().backward()
    found = {"value": y.detach(), "u": u.grad}
    found |= {name: part.grad for name, part in layer.named_parameters() if part.numel()}
    return {name: torch.zeros(()) if part is None else part for name, part in found.items()}


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor], tolerance: float, what: str) -> None:
    """Every tensor agrees, relative to its largest entry."""
    largest = max((float(part.abs().max()) for part in expected.values() if part.numel()), default=0.0)
    for name, reference in expected.items():
        assert torch.isfinite(found[name]).all(), f"{what}: {name} is not finite"
        if reference.numel():
            error = (found[name] - reference).abs().max() / reference.abs().max().clamp_min(1e-2 * largest + 1e-12)
            assert error <= tolerance, f"{what}: {name} is off by {float(error):.1e}"


def assert_plan_agrees(layer: IntegralTransform, u: Tensor, domain: Domain | None, plan: str) -> None:
    """A plan against `dense`."""
    expected = value_and_gradients(layer, u, domain, "dense")
    found = value_and_gradients(layer, u, domain, plan)
    assert_same(found, expected, TOLERANCE[u.dtype], f"{plan} on {layer}")


def positive_sums(layer: IntegralTransform) -> IntegralTransform:
    """Lift a kernel so far above 0 that `sum` divides by no small number: parity then tests the plan alone."""
    with torch.no_grad():
        for name, part in layer.kernel_module.named_parameters():
            if name == "out_bias" or (name == "bias" and not layer.kernel_module.spec.layers):
                part += 50
    return layer
