"""Universal approximation with teeth: one layer learns the Green's function of Poisson's equation from examples.

-u'' = f on [0, 1] with u(0) = u(1) = 0 has the solution u(x) = int G(x, y) f(y) dy, G(x, y) = min(x, y) (1 - max(x,
y)). G depends on where x and y are, not only on x - y: the best kernel of the offset alone misses by a third. The
layer sees pairs (f, u), never G, at one resolution, and must hold at four times that.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from itnas import Grid, IntegralTransform, MLPKernel


def solve(f: Tensor) -> Tensor:
    """u for f [B, N] on cell midpoints, by the midpoint rule with the exact G."""
    points = f.shape[1]
    x = (torch.arange(points, dtype=torch.float64) + 0.5) / points
    green = torch.minimum(x[:, None], x[None, :]) * (1 - torch.maximum(x[:, None], x[None, :]))
    return (f.double() @ green / points).to(f.dtype)


def forcing(batch: int, points: int, generator: torch.Generator) -> Tensor:
    """Random smooth right-hand sides: sums of 16 sines and cosines, the same functions at any resolution."""
    x = (torch.arange(points, dtype=torch.float32) + 0.5) / points
    modes = torch.arange(16, dtype=torch.float32)
    waves = torch.cat([torch.cos(torch.pi * modes[:, None] * x), torch.sin(torch.pi * (modes[:, None] + 1) * x)])
    return torch.randn(batch, 32, generator=generator) @ waves


def train(
    features: tuple[str, ...] = ("offset", "position"), *, steps: int = 3000, points: int = 64
) -> IntegralTransform:
    """One layer, one head, no pointwise term: u = K f."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    kernel = MLPKernel(hidden=64, layers=3, activation="silu", features=features, position_dim=1)
    layer = IntegralTransform(1, kernel=kernel, pointwise=False, bias=False)
    for weight in (layer.kernel_module.offset, layer.kernel_module.position_row, layer.kernel_module.position_col):
        if weight is not None:
            weight.data *= 4  # positions span [0, 1] here
    optimiser = torch.optim.Adam(layer.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=1e-2, total_steps=steps)
    domain = Grid(points, 1 / points)
    for _ in range(steps):
        f = forcing(32, points, generator)
        u = solve(f)
        loss = (layer(f.unsqueeze(-1), domain).squeeze(-1) - u).square().mean() / u.square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return layer


def relative_error(layer: IntegralTransform, points: int) -> float:
    """Root mean square error over root mean square, on right-hand sides the layer has not seen."""
    f = forcing(256, points, torch.Generator().manual_seed(2))
    u = solve(f)
    with torch.no_grad():
        found = layer(f.unsqueeze(-1), Grid(points, 1 / points)).squeeze(-1)
    return float((found - u).square().mean().sqrt() / u.square().mean().sqrt())


def green_error(layer: IntegralTransform, points: int) -> float:
    """The learned kernel itself against G, relative in root mean square."""
    x = (torch.arange(points, dtype=torch.float64) + 0.5) / points
    green = torch.minimum(x[:, None], x[None, :]) * (1 - torch.maximum(x[:, None], x[None, :])) / points
    with torch.no_grad():
        kernel = layer.kernel(torch.zeros(1, points, 1), Grid(points, 1 / points))[0, 0].double()
        scale = float(layer.out.weight @ layer.value)
    return float((scale * kernel - green).square().mean().sqrt() / green.square().mean().sqrt())


def measure(quick: bool) -> list[dict[str, Any]]:
    rows = []
    for features in (("offset", "position"), ("offset",)):
        layer = train(features, steps=300 if quick else 3000)
        rows.append(
            {
                "features": ", ".join(features),
                "error at N = 64 (trained there)": relative_error(layer, 64),
                "error at N = 256": relative_error(layer, 256),
                "error of the kernel at N = 256": green_error(layer, 256),
            }
        )
    return rows
