"""A `Problem` of shapes alone, so that the plan is chosen by the very rules that a layer follows."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import Tensor, nn

from itnas.operator import FactorisedKernel, MLPKernel
from itnas.operator.domain import Geometry
from itnas.operator.kernel import FactorisedKernelModule, Kernel, KernelSpec, MLPKernelModule
from itnas.operator.normaliser import NORMALISERS
from itnas.operator.plans import Problem
from itnas.operator.quadrature import Quadrature
from itnas.operator.random import SampleKey


class _Mlp(MLPKernelModule):
    """Without parameters: plans choose by the description alone."""

    def __init__(self, spec: MLPKernel, heads: int) -> None:
        nn.Module.__init__(self)
        self.spec, self.heads, self.features = spec, heads, frozenset(spec.features)


class _Factorised(FactorisedKernelModule):
    """Without parameters but for the shapes that plans read."""

    def __init__(self, spec: FactorisedKernel, heads: int) -> None:
        nn.Module.__init__(self)
        self.spec, self.heads = spec, heads
        named = set(spec.inputs) | ({"clock"} if spec.decay == "clock" else set())
        self.features = frozenset(named | ({"offset"} if spec.decay == "position" else set()))
        self.__dict__["phi"] = SimpleNamespace(biases=[_shape(heads, spec.rank)])
        self.__dict__["rate"] = None if spec.decay is None else _shape(heads, spec.rank)


def _kernel(spec: KernelSpec, heads: int) -> Kernel:
    if isinstance(spec, MLPKernel):
        return _Mlp(spec, heads)
    assert isinstance(spec, FactorisedKernel)
    return _Factorised(spec, heads)


def _shape(*sizes: int) -> Tensor:
    """A tensor of that shape, in the memory of one number."""
    return torch.zeros(()).expand(*sizes)


def stand_in(
    spec: KernelSpec,
    geometry: Geometry,
    *,
    batch: int,
    width: int,
    heads: int,
    value_dim: int,
    causal: bool,
    normaliser: str,
    measure: str,
    quadrature: Quadrature,
) -> Problem:
    """What `IntegralTransform.problem` makes of an input, without numbers."""
    kernel, length, mu = _kernel(spec, heads), geometry.length, None
    if measure == "clock":
        mu = _shape(batch, heads, length)
    elif measure == "domain" and geometry.weights is not None:
        mu = geometry.weights.unsqueeze(1)  # plans ask for their signs
    elif measure == "balanced":
        samples = max(part.shape[0] for part in (geometry.weights, geometry.valid, _shape(1)) if part is not None)
        mu = _shape(samples, heads, length)
    if geometry.valid is not None:
        mu = _shape(geometry.valid.shape[0], 1, length) if mu is None else mu
    return Problem(
        u=_shape(batch, length, width),
        values=_shape(batch, heads, length, value_dim),
        kernel=kernel,
        geometry=geometry,
        normaliser=NORMALISERS[normaliser],
        quadrature=quadrature,
        causal=causal,
        measure=mu,
        clock=_shape(batch, heads, length) if "clock" in kernel.features else None,
        key=SampleKey(_shape(1), _shape(1), 0),
    )
