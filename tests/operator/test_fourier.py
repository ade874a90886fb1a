"""What is particular to the plan `fourier`: what wraps around, what is cut off, and what rounding may blow up."""

import itertools
from math import prod
from typing import Any

import pytest
import torch
from torch import Tensor

from itnas import Cloud, FactorisedKernel, Grid, IntegralTransform, MLPKernel, MonteCarlo, Sequence, Window
from itnas.operator import Domain
from itnas.operator.kernel import KernelSpec
from itnas.operator.plans import PLANS
from itnas.operator.plans.convolution import quick_length
from tests.operator.cases import assert_plan_agrees, positive_sums, value_and_gradients
from tests.operator.stacks import assert_stack_agrees

DIM = 4
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-4}
KERNELS = {
    "offset": MLPKernel(hidden=5, features=("offset",)),
    "waves": MLPKernel(hidden=5, layers=2, activation="gelu", features=("offset", "fourier", "distance"), damped=True),
    "linear": MLPKernel(layers=0, features=("distance", "fourier"), fourier="learned", shared=True),
    "constant": MLPKernel(features=()),
}


def make(kernel: KernelSpec = KERNELS["waves"], **options: Any) -> IntegralTransform:
    layer = IntegralTransform(DIM, heads=2, kernel=kernel, **options)
    return (positive_sums(layer) if options.get("normaliser") == "sum" else layer).double()


def assert_agrees(layer: IntegralTransform, u: Tensor, domain: Domain | None = None) -> None:
    expected, found = (value_and_gradients(layer, u, domain, plan) for plan in ("dense", "fourier"))
    # Of a point that sees itself only, `mean` and `sum` cancel the measure, and its gradient is rounding: measured
    # against the largest gradient.
    floor = 1e-2 * max(float(part.abs().max()) for part in expected.values())
    for name, part in expected.items():
        error = float((found[name] - part).abs().max()) / max(float(part.abs().max()), floor)
        assert error <= TOLERANCE[u.dtype], f"{name} is off by {error:.1e} in {layer}"


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("kernel", list(KERNELS))
def test_agrees_with_dense_at_awkward_lengths(kernel: str, causal: bool, dtype: torch.dtype) -> None:
    for points in (1, 2, 63, 100, 300):
        assert_agrees(make(KERNELS[kernel], causal=causal).to(dtype), torch.randn(2, points, DIM, dtype=dtype))


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("normaliser", ["none", "mean", "sum", "sigmoid"])
@pytest.mark.parametrize("measure", ["domain", "clock"])
def test_windows_and_padding(normaliser: str, measure: str, dtype: torch.dtype) -> None:
    """Widths from one point to more than all of them; rows that see padding only are 0."""
    valid = torch.rand(3, 30) > 0.3
    valid[:, 10:20], valid[2] = False, False
    u = torch.randn(3, 30, DIM, dtype=dtype)
    for width, causal in itertools.product((0.5, 1, 2.5, 4, 29, 30, 100, float("inf")), (True, False)):
        layer = make(normaliser=normaliser, measure=measure, quadrature=Window(width), causal=causal).to(dtype)
        assert_agrees(layer, u, Sequence(valid=valid))
        y = PLANS["fourier"](layer.problem(u, layer.geometry(u, Sequence(valid=valid))))
        assert y[2].eq(0).all()
        if width <= 4 and normaliser in ("mean", "sum"):
            assert y[:, :, 14:16].eq(0).all()


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("normaliser", ["none", "mean", "sum", "sigmoid"])
@pytest.mark.parametrize("shape", [(1, 1), (7, 9), (2, 16), (4, 5, 6)])
def test_grids(shape: tuple[int, ...], normaliser: str, dtype: torch.dtype) -> None:
    spacing = (0.5, 1.1, 0.1)[: len(shape)]
    u = torch.randn(2, prod(shape), DIM, dtype=dtype)
    for quadrature, padded in itertools.product(("full", Window(0.3), Window(2)), (True, False)):
        valid = torch.rand(2, prod(shape)) > 0.3 if padded else None
        layer = make(KERNELS["offset"], normaliser=normaliser, quadrature=quadrature).to(dtype)
        assert_agrees(layer, u, Grid(shape, spacing, valid=valid))


def test_a_ratio_of_small_sums_keeps_its_digits() -> None:
    """A kernel that has fallen to 1e-13 where the only visible points are: float32 would leave none of the ratio."""
    layer = make(MLPKernel(hidden=1, layers=0, features=("fourier",), damped=True, frequencies=1), normaliser="sum")
    module = layer.kernel_module
    with torch.no_grad():
        module.bias.zero_()
        module.frequency.zero_()
        module.damping.fill_(0.5)
        module.waves.fill_(1.0)
    valid = torch.arange(60) < 1
    u = torch.randn(1, 60, DIM)
    problem = layer.float().problem(u, layer.geometry(u, Sequence(valid=valid)))
    y, first = PLANS["fourier"](problem), problem.values[:, :, :1]
    torch.testing.assert_close(y, first.expand_as(y), rtol=1e-3, atol=0)


GROWING = [("relu", 0), ("relu", 1), ("gelu", 3), ("relu2", 1), ("relu2", 2), ("relu2", 3)]


@pytest.mark.parametrize(("activation", "layers"), GROWING)
@pytest.mark.parametrize("quadrature", ["full", Window(90)])
def test_near_rows_do_not_drown_in_far_ones(activation: str, layers: int, quadrature: Any) -> None:
    """A kernel that grows with the offset, and a norm that lifts each row to one size, however small it was."""
    for points in (65, 300):
        kernel = MLPKernel(hidden=4, layers=layers, activation=activation, features=("offset", "distance"))
        layer = IntegralTransform(DIM, heads=2, kernel=kernel, causal=True, rms_norm=True, quadrature=quadrature)
        u = torch.randn(2, points, DIM)
        assert_plan_agrees(layer, u, None, "fourier")
        changed = torch.cat([u[:, : points // 2], torch.randn(2, points - points // 2, DIM)], 1)
        before, after = layer(u)[:, : points // 2], layer(changed)[:, : points // 2]
        torch.testing.assert_close(after, before, rtol=0, atol=2e-4)


def one_sided(layer: IntegralTransform, start: float) -> None:
    """k(i - j) = h max(i - j - start, 0), for h units that are all alike."""
    module = layer.kernel_module
    with torch.no_grad():
        for part, value in ((module.bias, -start), (module.out_bias, 0.0), (module.offset, 1.0), (module.out, 1.0)):
            part.fill_(value)


def test_rows_that_see_nothing_stay_nothing() -> None:
    """k(i - j) = max(i - j, 0) without causality: the first row sees zeros only, the last one hundreds."""
    kernel = MLPKernel(hidden=1, features=("offset",))
    layer = IntegralTransform(DIM, heads=2, kernel=kernel, rms_norm=True, pointwise=False)
    one_sided(layer, 0)
    assert_plan_agrees(layer, torch.randn(2, 300, DIM), None, "fourier")


def test_what_would_drown_all_the_same_is_refused() -> None:
    """(i - j)^4 on all sides: an FFT in float64 would leave too little of the near rows."""
    layer = IntegralTransform(
        DIM, kernel=MLPKernel(layers=2, activation="relu2", features=("offset",)), plan="fourier", rms_norm=True
    )
    assert_plan_agrees(layer, torch.randn(2, 50, DIM), None, "fourier")
    with pytest.raises(ValueError, match="grows like the offset to the 4 drowns in an FFT's rounding"):
        layer(torch.randn(1, 300, DIM))


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("dtype", list(TOLERANCE))
def test_what_nobody_weighs_is_nothing(causal: bool, dtype: torch.dtype) -> None:
    """Under `sum` the Z of points whose k is 0 near by is 0, and so is what they get, not one rounding over another."""
    layer = IntegralTransform(
        DIM, heads=2, kernel=MLPKernel(hidden=3, features=("offset",)), causal=causal, normaliser="sum", pointwise=False
    ).to(dtype)
    one_sided(layer, 20.5)
    assert_plan_agrees(layer, torch.randn(2, 300, DIM, dtype=dtype), None, "fourier")


@pytest.mark.parametrize(
    ("options", "domain"),
    [
        ({"causal": True, "measure": "clock"}, None),
        ({"normaliser": "sum", "measure": "clock"}, Sequence(valid=torch.arange(20) < 15)),
        ({"normaliser": "mean", "quadrature": Window(3), "measure": "clock"}, None),
        ({"normaliser": "sigmoid"}, Grid((4, 5), 0.5)),
    ],
)
def test_stacked_replicas_equal_the_loop(options: dict[str, Any], domain: Domain | None) -> None:
    replicas = [make(plan="fourier", **options) for _ in range(3)]
    assert_stack_agrees(replicas, torch.randn(2, 20, DIM, dtype=torch.float64), domain)


@pytest.mark.parametrize("normaliser", ["none", "sum"])
def test_stacked_replicas_equal_the_loop_piece_by_piece(normaliser: str) -> None:
    replicas = [make(plan="fourier", causal=True, normaliser=normaliser) for _ in range(3)]
    assert_stack_agrees(replicas, torch.randn(2, 150, DIM, dtype=torch.float64), None)


def test_quick_lengths_are_the_smallest() -> None:
    smooth = sorted(2**a * 3**b * 5**c for a in range(1, 12) for b in range(8) for c in range(6))
    for length in range(1, 2000):
        assert quick_length(length) == next(n for n in smooth if n >= length)


@pytest.mark.parametrize(
    ("kernel", "options", "domain", "reason"),
    [
        (FactorisedKernel(), {}, None, "factorised"),
        (MLPKernel(features=("offset", "content", "product")), {}, None, "reads content, product"),
        (MLPKernel(features=("position",)), {}, None, "reads position"),
        (MLPKernel(features=("clock",)), {}, None, "reads clock"),
        (MLPKernel(features=("offset",)), {"normaliser": "softmax"}, None, "softmax shifts each row"),
        (MLPKernel(features=("offset",)), {"quadrature": MonteCarlo(3)}, None, "MonteCarlo"),
        (MLPKernel(features=("offset",)), {}, Sequence(torch.arange(5).square()), "Sequence has none"),
        (MLPKernel(features=("offset",)), {}, Cloud(torch.randn(5, 2)), "Cloud has none"),
    ],
)
def test_refuses_what_is_no_convolution(
    kernel: KernelSpec, options: dict[str, Any], domain: Domain | None, reason: str
) -> None:
    layer = IntegralTransform(DIM, kernel=kernel, plan="fourier", **options)
    with pytest.raises(ValueError, match=f"plan 'fourier' cannot compute this layer: .*{reason}"):
        layer(torch.randn(1, 5, DIM), domain)
