"""Small layers whose integrals are sampled, and the domains that they are tried on."""

import torch
from torch import Tensor
from torch.func import functional_call, vmap

from itnas import Grid, Importance, IntegralTransform, MLPKernel, MonteCarlo, Sequence, Window
from itnas.operator import Domain

BATCH, POINTS, DIM, STEPS = 2, 22, 4, 4000
FALSE_ALARMS = 1e-6
KERNEL = MLPKernel(hidden=4, activation="silu", features=("offset", "content", "product"))
QUADRATURES = {
    "monte-carlo": MonteCarlo(6, tile=4),
    "importance": Importance(5, near=2, tile=4),
    "far-only": Importance(5, near=0, uniform=0.5, tile=4),
}
SAMPLED = MonteCarlo | Importance


def make(
    quadrature: SAMPLED | Window | str, normaliser: str = "none", *, causal: bool = False, seed: int = 0
) -> IntegralTransform:
    layer = IntegralTransform(
        DIM, heads=2, kernel=KERNEL, normaliser=normaliser, causal=causal, quadrature=quadrature, seed=seed
    )
    return layer.double().eval()


def domain_of(normaliser: str, *, padded: bool) -> Domain:
    """A sequence; for `mean`, which needs a bounded domain, a grid whose cells do not weigh 1."""
    valid = torch.arange(POINTS) < torch.tensor([[POINTS], [POINTS - 7]]) if padded else None
    return Grid(POINTS, 0.5, valid=valid) if normaliser == "mean" else Sequence(valid=valid)


def inputs() -> Tensor:
    return torch.randn(BATCH, POINTS, DIM, dtype=torch.float64)


def expectation(layer: IntegralTransform, u: Tensor, domain: Domain | None) -> Tensor:
    """What the layer's outputs average to: the same parameters with every point visited."""
    problem = layer.problem(u, layer.geometry(u, domain))
    heads = layer.kernel(u, domain) @ problem.values
    out = layer.out(heads.transpose(1, 2).flatten(2))
    return out if layer.pointwise is None else out + layer.pointwise(problem.u)


def over_steps(layer: IntegralTransform, u: Tensor, domain: Domain | None, steps: int = STEPS) -> Tensor:
    """The output at steps 0, 1, 2, ...: [steps, B, N, C]."""
    at = vmap(lambda step: functional_call(layer, {"step": step}, (u, domain)), chunk_size=500)
    with torch.no_grad():
        return at(torch.arange(steps))
