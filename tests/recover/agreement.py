"""What "weight for weight" means in these tests: the same value, and the same gradient for the input.

Errors count relative to the largest entry where that exceeds 1.
"""

from collections.abc import Callable

import torch
from hypothesis import strategies as st
from torch import Tensor

BOUNDS = {torch.float32: 1e-5, torch.float64: 1e-10}
DTYPES = tuple(BOUNDS)


seeds = st.integers(0, 999)  # of torch's generator, drawn, so that a failing example can be drawn again


def assert_agrees(found: Callable[[Tensor], Tensor], expected: Callable[[Tensor], Tensor], u: Tensor) -> None:
    (y, grad), (y_expected, grad_expected) = _value_and_gradient(found, u), _value_and_gradient(expected, u)
    assert y.shape == y_expected.shape
    assert y.dtype == u.dtype
    bound = BOUNDS[u.dtype]
    assert largest(y - y_expected) <= bound * max(1.0, largest(y_expected))
    assert largest(grad - grad_expected) <= bound * max(1.0, largest(grad_expected))


def assert_parameters_learn(layer: torch.nn.Module, u: Tensor, *args: object) -> None:
    """Every parameter that is asked to learn gets a finite gradient, and some of them not zero."""
    layer(u, *args).square().sum().backward()
    grads = [parameter.grad for parameter in layer.parameters() if parameter.requires_grad]
    assert grads
    assert all(grad is not None and grad.isfinite().all() for grad in grads)
    assert any(largest(grad) > 0 for grad in grads if grad is not None)


def largest(values: Tensor) -> float:
    return float(values.detach().abs().max()) if values.numel() else 0.0


def _value_and_gradient(function: Callable[[Tensor], Tensor], u: Tensor) -> tuple[Tensor, Tensor]:
    u = u.clone().requires_grad_()
    y = function(u)
    # Weights that differ from entry to entry, the same for both sides.
    weights = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).reshape(y.shape).cos()
    (grad,) = torch.autograd.grad((y * weights).sum(), u)
    return y.detach(), grad
