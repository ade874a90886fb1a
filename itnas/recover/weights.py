"""Putting given weights in the place of drawn ones."""

from __future__ import annotations

import torch
from torch import Tensor

from itnas.operator import IntegralTransform
from itnas.operator.kernel import FactorisedKernelModule, MLPKernelModule


def write(parameter: Tensor | None, values: Tensor | float) -> None:
    """Copy `values` into a parameter, in the parameter's precision: one number for all entries, or the same shape."""
    assert parameter is not None, "the layer was built without this parameter"
    values = torch.as_tensor(values, dtype=None if isinstance(values, Tensor) else torch.float64)
    assert values.dim() == 0 or values.shape == parameter.shape, (values.shape, parameter.shape)
    with torch.no_grad():
        parameter.copy_(values)


def write_identity_value(layer: IntegralTransform) -> None:
    """V = identity in every head (value_dim = dim)."""
    eye = torch.eye(layer.dim, dtype=torch.float64, device=layer.value.device)
    write(layer.value, eye.repeat(layer.heads, 1))


def write_identity_out(layer: IntegralTransform) -> None:
    """O lists the heads one after the other (out_dim = heads * value_dim), or sums them (out_dim = value_dim)."""
    eye = torch.eye(layer.out_dim, dtype=torch.float64, device=layer.value.device)
    write(layer.out.weight, eye.repeat(1, layer.heads * layer.value_dim // layer.out_dim))


def mlp_kernel(layer: IntegralTransform) -> MLPKernelModule:
    assert isinstance(layer.kernel_module, MLPKernelModule)
    return layer.kernel_module


def factorised_kernel(layer: IntegralTransform) -> FactorisedKernelModule:
    assert isinstance(layer.kernel_module, FactorisedKernelModule)
    return layer.kernel_module
