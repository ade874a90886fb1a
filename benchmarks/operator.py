"""The operator's plans against eager torch and hand-written peers: `itnas bench operator` or `make bench`.

Every figure is a ratio of medians taken in turns in one run, forward and backward. Sections: fused, memory, sorted,
peers, crossover, poisson.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from itnas import FactorisedKernel, IntegralTransform, MLPKernel
from itnas.operator.kernel import KernelSpec
from itnas.operator.plans import PLANS
from itnas.operator.plans.fused import evaluate, fused_arguments
from itnas.operator.plans.fused_arguments import FusedArguments

from . import poisson
from .eager import eager_sum
from .measuring import peak_extra_memory, side_by_side
from .plan_peers import fourier_pair, scan_pair, sdpa_pair
from .sections import run_sections

FEATURES = ("offset", "content", "product")


def measure(*, only: list[str] | None = None, quick: bool = False, quiet: bool = False) -> dict[str, Any]:
    """Run the sections and return {section: rows}."""
    return run_sections(SECTIONS, only=only, quick=quick, quiet=quiet)


def fused(quick: bool) -> list[dict[str, Any]]:
    """The sum over j with the kernel in it, fused against eager: both start from the same per-point parts."""
    cases: list[dict[str, Any]] = [{}]
    if not quick:
        cases += [{"activation": name} for name in ("relu2", "silu", "gelu", "sin")]
        cases += [{"normaliser": "softmax"}, {"hidden": 8}, {"hidden": 32}, {"hidden": 64}]
        cases += [{"points": 32}, {"points": 256, "batch": 4}, {"points": 1024, "batch": 1}]
    return [_fused_case(**case) for case in cases]


def _fused_case(
    *,
    batch: int = 32,
    points: int = 64,
    heads: int = 2,
    hidden: int = 16,
    activation: str = "relu",
    normaliser: str = "none",
) -> dict[str, Any]:
    spec = MLPKernel(hidden=hidden, activation=activation, features=FEATURES)
    layer = IntegralTransform(32, heads=heads, kernel=spec, normaliser=normaliser, causal=True)
    u = torch.randn(batch, points, 32)
    parts = _parts(layer, u)
    grad = torch.randn_like(parts.values)

    leaves = [part for part in vars(parts).values() if isinstance(part, Tensor) and part.requires_grad]

    def eager() -> None:
        torch.autograd.grad(eager_sum(parts), leaves, grad)

    def fused() -> None:
        torch.autograd.grad(evaluate(parts), leaves, grad)

    _same(eager_sum(parts), evaluate(parts))
    times = side_by_side(
        {
            "eager": eager,
            "fused": fused,
            "dense layer": _step(layer, "dense", u),
            "fused layer": _step(layer, "fused", u),
        }
    )
    return {
        "B": batch,
        "N": points,
        "H": heads,
        "h": hidden,
        "activation": activation,
        "normaliser": normaliser,
        "eager ms": times["eager"],
        "fused ms": times["fused"],
        "eager / fused": times["eager"] / times["fused"],
        "whole layer, dense / fused": times["dense layer"] / times["fused layer"],
    }


def _step(layer: IntegralTransform, plan: str, u: Tensor) -> Callable[[], None]:
    """One forward and backward pass of the whole layer by a plan."""
    held, grad = u.clone().requires_grad_(), torch.randn(*u.shape[:2], layer.out_dim)

    def step() -> None:
        layer.plan = plan
        layer(held).backward(grad)

    return step


def _parts(layer: IntegralTransform, u: Tensor) -> FusedArguments:
    """What both peers start from, as leaves: per-point parts, table and weights, each with a gradient of its own."""
    parts = fused_arguments(layer.problem(u, layer.geometry(u, None)))
    held = {
        name: part.detach().requires_grad_()
        for name, part in vars(parts).items()
        if isinstance(part, Tensor) and part.is_floating_point() and part.numel()
    }
    return replace(parts, **held)


def _same(found: Tensor, expected: Tensor, tolerance: float = 1e-3) -> None:
    """A peer that computes something else is no peer."""
    error = float((found - expected).detach().abs().max() / expected.detach().abs().max())
    if not error < tolerance:
        raise RuntimeError(f"the peer computes another function: relative difference {error:.1e}")


def memory(quick: bool) -> list[dict[str, Any]]:
    """Peak extra memory of one forward and backward pass of the sum over j."""
    points = 512 if quick else 2048
    eager, fused = (peak_extra_memory(_memory_run, plan, points) for plan in ("eager", "fused"))
    return [{"N": points, "h": 16, "eager MB": eager, "fused MB": fused, "eager / fused": eager / fused}]


def _memory_run(plan: str, points: int, *, warm: bool) -> None:
    torch.manual_seed(0)
    points = 32 if warm else points
    layer = IntegralTransform(32, heads=2, kernel=MLPKernel(hidden=16, features=FEATURES), causal=True)
    parts = _parts(layer, torch.randn(1, points, 32))
    (eager_sum if plan == "eager" else evaluate)(parts).sum().backward()


def sorted_plan(quick: bool) -> list[dict[str, Any]]:
    """The sorted plan against dense, its error for local kernels, and how its time grows."""
    lengths = [256, 1024] if quick else [256, 512, 1024, 2048, 4096]
    rows = []
    for causal in (True, False):
        for points in lengths:
            runs, error = _sorted_case(points, causal=causal)
            times = side_by_side(runs, seconds=4, least=3)
            rows.append(
                {
                    "N": points,
                    "causal": causal,
                    "dense ms": times["dense"],
                    "fused ms": times["fused"],
                    "sorted ms": times["sorted"],
                    "dense / sorted": times["dense"] / times["sorted"],
                    "error of a local kernel": error,
                }
            )
        if not quick:
            grown = {points: _sorted_time(points, causal=causal) for points in (4096, 65536)}
            exponent = math.log(grown[65536] / grown[4096]) / math.log(16)
            rows.append(
                {"N": 65536, "causal": causal, "sorted ms": grown[65536], "growth exponent from 4096": exponent}
            )
    return rows


def _sorted_layer(causal: bool) -> IntegralTransform:
    kernel = MLPKernel(hidden=8, features=("offset", "content"), position_dim=1)
    return IntegralTransform(8, kernel=kernel, causal=causal)


def _sorted_case(points: int, *, causal: bool) -> tuple[dict[str, Callable[[], None]], float]:
    torch.manual_seed(0)
    layer = _sorted_layer(causal)
    u = torch.randn(1, points, 8)
    return {plan: _step(layer, plan, u) for plan in ("dense", "fused", "sorted")}, local_kernel_error(
        points, causal=causal
    )


def _sorted_time(points: int, *, causal: bool) -> float:
    step = _step(_sorted_layer(causal), "sorted", torch.randn(1, points, 8))
    return side_by_side({"sorted": step}, seconds=5, least=3)["sorted"]


def local_kernel_error(points: int, *, causal: bool) -> float:
    """Largest relative error for two-tap hat functions of the offset in float32, against the convolution itself."""
    layer = IntegralTransform(8, kernel=MLPKernel(hidden=6, features=("offset",), position_dim=1), causal=causal)
    taps = (0.0, 3.0)
    with torch.no_grad():
        layer.kernel_module.offset.fill_(1.0)
        layer.kernel_module.bias.copy_(torch.tensor([[shift - tap for tap in taps for shift in (1.0, 0.0, -1.0)]]))
        layer.kernel_module.out.copy_(torch.tensor([[1.0, -2.0, 1.0] * len(taps)]))
        layer.kernel_module.out_bias.zero_()
        u = torch.randn(1, points, 8)
        layer.plan = "sorted"
        problem = layer.problem(u, layer.geometry(u, None))
        expected = problem.values + torch.nn.functional.pad(problem.values, (0, 0, 3, 0))[:, :, :points]
        return float((PLANS["sorted"](problem) - expected).abs().max() / expected.abs().max())


def peers(quick: bool) -> list[dict[str, Any]]:
    """Plans that stand beside a torch call: how much slower than calling it by hand."""
    rows = []
    for plan, pair in (("sdpa", sdpa_pair), ("fourier", fourier_pair), ("scan", scan_pair)):
        ours, peer, description = pair()
        times = side_by_side({"ours": ours, "peer": peer}, seconds=1 if quick else 8, least=5)
        rows.append(
            {
                "plan": plan,
                "case": description,
                "ours ms": times["ours"],
                "peer ms": times["peer"],
                "ours / peer": times["ours"] / times["peer"],
            }
        )
    return rows


def crossover(quick: bool) -> list[dict[str, Any]]:
    """Every able plan over lengths: what `auto` takes, and how far that is from the fastest."""
    kernels: dict[str, tuple[KernelSpec, str]] = {
        "offset, content, product": (MLPKernel(features=FEATURES), "none"),
        "offset, content": (MLPKernel(features=("offset", "content")), "none"),
        "offset": (MLPKernel(features=("offset",)), "none"),
        "two hidden layers": (MLPKernel(layers=2, activation="silu", features=FEATURES), "none"),
        "attention": (MLPKernel(layers=0, features=("product",)), "softmax"),
        "factorised": (FactorisedKernel(rank=8), "none"),
        "factorised, clock": (FactorisedKernel(rank=8, decay="clock"), "none"),
    }
    rows = []
    for name, (kernel, normaliser) in kernels.items():
        for points in (32,) if quick else (32, 64, 128, 512, 2048):
            rows.append(_crossover_case(name, kernel, normaliser, points))
    return rows


def _crossover_case(name: str, kernel: KernelSpec, normaliser: str, points: int) -> dict[str, Any]:
    layer = IntegralTransform(32, heads=4, kernel=kernel, normaliser=normaliser, causal=True)
    u = torch.randn(4, points, 32)
    problem = layer.problem(u, layer.geometry(u, None))
    able = [plan for plan in PLANS if PLANS[plan].refusal(problem) is None]
    # What the estimate puts past two seconds is no candidate, and would only take time.
    able = [plan for plan in able if PLANS[plan].cost(problem) < 2e6]

    times = side_by_side({plan: _step(layer, plan, u) for plan in able}, seconds=1.0, least=3)
    layer.plan = "auto"
    chosen, fastest = layer.chosen_plan(u), min(times, key=times.__getitem__)
    return {
        "kernel": name,
        "N": points,
        **{f"{plan} ms": time for plan, time in times.items()},
        "auto": chosen,
        "fastest": fastest,
        "auto / fastest": times[chosen] / times[fastest],
    }


SECTIONS: dict[str, Callable[[bool], list[dict[str, Any]]]] = {
    "fused": fused,
    "memory": memory,
    "sorted": sorted_plan,
    "peers": peers,
    "crossover": crossover,
    "poisson": poisson.measure,
}
