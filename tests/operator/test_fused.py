"""What is particular to the fused CPU kernel: vectors and their ends, shares of rows, its mathematics, its memory."""

import numpy as np
import pytest
import torch
from numba import njit

from itnas import Cloud, Grid, IntegralTransform, MLPKernel, Sequence
from itnas.operator.plans import fused_cpu, simd_numba, team
from itnas.operator.plans.simd_math_numba import cos, erf, exp, sin
from itnas.operator.plans.simd_numba import fill, first_lanes, lanes_of, load, store, total
from tests.operator.cases import assert_plan_agrees

DIM = 6
FEATURES = ("offset", "content", "product")


def make(dtype: torch.dtype = torch.float64, **options: object) -> IntegralTransform:
    kernel = MLPKernel(**{"hidden": 5, "features": FEATURES, **options})
    return IntegralTransform(DIM, heads=2, kernel=kernel, causal=True, value_dim=3).to(dtype)


def test_positions_that_want_a_gradient_get_it_from_another_plan() -> None:
    """Forces and learned places: here 500 points are enough for `auto` to take this plan if positions stand still."""
    kernel = MLPKernel(hidden=4, features=("distance", "content"))
    layer = IntegralTransform(4, heads=2, kernel=kernel)
    u, places = torch.randn(1, 500, 4), torch.randn(1, 500, 3)
    assert layer.chosen_plan(u, Cloud(places)) == "fused"
    found = []
    for plan in ("dense", "auto"):
        layer.plan, moved = plan, places.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(layer(u, Cloud(moved)).square().sum(), moved)
        found.append(gradient)
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-4)
    layer.plan = "fused"
    with pytest.raises(ValueError, match="it gives positions no gradient, and these ask for one"):
        layer(u, Cloud(moved))
    with torch.no_grad():
        layer(u, Cloud(moved))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_lengths_around_whole_vectors(dtype: torch.dtype) -> None:
    for points in (3, 7, 8, 9, 15, 16, 17, 31, 32, 33):
        assert_plan_agrees(make(dtype), torch.randn(2, points, DIM, dtype=dtype), None, "fused")


def test_rows_shared_between_tasks() -> None:
    """Past `ROWS_PER_TASK` one sample's rows are shared: with few rows a task, the sums must not change."""
    layer, u = make(activation="silu"), torch.randn(2, 50, DIM, dtype=torch.float64)
    before, fused_cpu.ROWS_PER_TASK = fused_cpu.ROWS_PER_TASK, 7
    try:
        assert_plan_agrees(layer, u, None, "fused")
        layer.normaliser = IntegralTransform(DIM, normaliser="softmax").normaliser
        assert_plan_agrees(layer, u, None, "fused")
    finally:
        fused_cpu.ROWS_PER_TASK = before


@pytest.mark.parametrize("shape", [(4, 16), (3, 5), (2, 20), (2, 3, 8)])
def test_grids_whose_lines_do_and_do_not_fill_vectors(shape: tuple[int, ...]) -> None:
    kernel = MLPKernel(hidden=5, features=("offset", "fourier", "content"))
    layer = IntegralTransform(DIM, heads=2, kernel=kernel).double()
    assert_plan_agrees(layer, torch.randn(2, int(np.prod(shape)), DIM, dtype=torch.float64), Grid(shape), "fused")


def test_one_sample_alone_equals_the_same_in_a_batch_bit_for_bit() -> None:
    layer, u = make(torch.float32), torch.randn(5, 40, DIM)
    layer.plan = "fused"
    together = layer(u)
    for sample in range(5):
        assert torch.equal(layer(u[sample : sample + 1])[0], together[sample])


def test_thread_count_changes_no_bit() -> None:
    layer, u = make(torch.float32), torch.randn(2, 600, DIM)
    layer.plan = "fused"
    threads = torch.get_num_threads()
    found = []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            held = u.clone().requires_grad_()
            problem = layer.problem(held, layer.geometry(held, None))
            from itnas.operator.plans import PLANS

            found.append(PLANS["fused"](problem).detach())
    finally:
        torch.set_num_threads(threads)
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=0)


def test_late_times_keep_their_differences() -> None:
    """Offsets of irregular times are taken in double precision: seconds since 1970 work in float32."""
    times = 1.7e9 + torch.rand(30, dtype=torch.float64).cumsum(0)
    layer = make(torch.float32)
    u = torch.randn(1, 30, DIM)
    layer.plan = "fused"
    late, early = layer(u, Sequence(times)), layer(u, Sequence(times - 1.7e9))
    torch.testing.assert_close(late, early, rtol=1e-4, atol=1e-5)


@njit
def _apply(x, y, which):
    for j in range(0, x.size, lanes_of(x)):
        v = load(x, j)
        if which == 0:
            v = exp(v)
        elif which == 1:
            v = sin(v)
        elif which == 2:
            v = cos(v)
        else:
            v = erf(v)
        store(y, j, v)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("which", "name"), list(enumerate(("exp", "sin", "cos", "erf"))))
def test_vector_mathematics(dtype: type, which: int, name: str) -> None:
    x = np.concatenate([np.linspace(-80, 80, 1600), np.linspace(-1, 1, 160), [0.0] * 16]).astype(dtype)
    y = np.empty_like(x)
    _apply(x, y, which)
    expected = getattr(torch, name)(torch.from_numpy(x.astype(np.float64))).numpy()
    error = np.abs(y - expected) / (np.abs(expected) if name == "exp" else 1)
    assert error.max() < (5e-7 if dtype is np.float32 else 1e-14)


def test_exp_at_its_ends() -> None:
    x = np.array([-np.inf, -200, -87.5, 88, np.nan] + [0.0] * 11, np.float32)
    y = np.empty_like(x)
    _apply(x, y, 0)
    assert y[:3].tolist() == [0, 0, 0]
    assert y[3] == pytest.approx(np.exp(88.0), rel=1e-5)
    assert np.isnan(y[4])


@njit
def _lanes(x, y):
    store(y, 0, first_lanes(load(x, 0), 3, fill(x, -1.0)))
    return total(load(x, 0))


def test_lanes_and_totals() -> None:
    x = np.arange(16, dtype=np.float32)
    y = np.empty_like(x)
    assert _lanes(x, y) == 120
    assert y.tolist() == [0, 1, 2] + [-1] * 13
    assert set(simd_numba.LANES.values()) == {8, 16}


@pytest.mark.parametrize("runtime", ["openmp", "threads"])
def test_two_threads_share_the_work(runtime: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On torch's OpenMP team, and on plain threads where no such runtime is loaded."""
    if runtime == "threads":
        monkeypatch.setattr(team, "_openmp", lambda: None)
    elif team._openmp() is None:
        pytest.skip("torch has loaded no OpenMP runtime here")
    layer, u = make(), torch.randn(6, 40, DIM, dtype=torch.float64)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert_plan_agrees(layer, u, None, "fused")
    finally:
        torch.set_num_threads(before)
