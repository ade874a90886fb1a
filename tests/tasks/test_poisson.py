"""Poisson's equation: solutions against a finite-difference solve, and the same functions at any resolution."""

import numpy as np
import pytest
import torch

from itnas.operator.domain import Grid
from itnas.tasks.poisson import Poisson
from itnas.tasks.stream import generator


def functions(task: Poisson, size: int, length: int, *key: object) -> tuple[np.ndarray, np.ndarray]:
    batch = task.draw(generator("test", *key), size, length)
    return batch.inputs[..., 0].double().numpy(), batch.targets[..., 0].double().numpy()


def finite_differences(f: np.ndarray) -> np.ndarray:
    """-u'' = f on cell midpoints; a ghost cell mirrored with the other sign puts each zero on the boundary."""
    cells = len(f)
    matrix = 2 * np.eye(cells) - np.eye(cells, k=1) - np.eye(cells, k=-1)
    matrix[0, 0] = matrix[-1, -1] = 3
    return np.linalg.solve(matrix * cells**2, f)


@pytest.mark.parametrize("modes", [1, 2, 5, 8])
def test_targets_solve_the_equation_up_to_one_scale(modes: int) -> None:
    f, u = functions(Poisson(modes=modes), 6, 401, modes)
    solved = np.stack([finite_differences(row) for row in f])
    scale = (solved * u).sum() / (solved**2).sum()
    error = np.linalg.norm(scale * solved - u, axis=1) / np.linalg.norm(u, axis=1)
    assert error.max() < 2e-3
    assert scale > 0


def test_the_scale_is_the_same_for_every_batch_and_length() -> None:
    # min(x, y) (1 - max(x, y)) by the midpoint rule is the independent solution here.
    scales = []
    for length in (400, 401, 700):
        x = (np.arange(length) + 0.5) / length
        green = np.minimum(x[:, None], x) * (1 - np.maximum(x[:, None], x)) / length
        f, u = functions(Poisson(), 3, length, length)
        scales.append(((f @ green) * u).sum() / ((f @ green) ** 2).sum())
    assert np.ptp(scales) < 1e-3 * scales[0]


@pytest.mark.parametrize(("short", "factor"), [(1, 3), (16, 3), (31, 5), (64, 9)])
def test_a_finer_grid_samples_the_same_functions(short: int, factor: int) -> None:
    # With an odd factor every coarse midpoint is a fine one.
    coarse, fine = functions(Poisson(), 4, short, "same"), functions(Poisson(), 4, short * factor, "same")
    for few, many in zip(coarse, fine, strict=True):
        np.testing.assert_allclose(few, many[:, factor // 2 :: factor], atol=2e-6)


def test_solutions_vanish_at_both_ends() -> None:
    _, u = functions(Poisson(), 50, 4000)
    # Half a cell from the boundary a function of slope s has the value s / 8000.
    slope = np.abs(np.diff(u, axis=1)[:, [0, -1]]) * 4000
    np.testing.assert_allclose(np.abs(u[:, [0, -1]]), slope / 8000, atol=1e-5)


@pytest.mark.parametrize("modes", [1, 3, 8])
def test_loads_and_solutions_have_unit_size(modes: int) -> None:
    f, u = functions(Poisson(modes=modes), 20_000, 65, "size")
    # A function's mean square has a relative standard deviation of at most 2^0.5: four of them in 20,000 are 4 %.
    assert np.mean(f**2) == pytest.approx(1, abs=0.04)
    assert np.mean(u**2) == pytest.approx(1, abs=0.04)


def test_the_zero_function_is_the_best_blind_guess() -> None:
    task, rng = Poisson(), np.random.default_rng(0)
    batch = task.batch("test", size=2000, length=32)
    blind = {
        scale: torch.from_numpy(scale * rng.standard_normal((1, 32, 1))).expand(2000, -1, -1) for scale in (0, 0.1)
    }
    assert task.score(blind[0], batch)[0] == pytest.approx(task.chance)
    assert task.score(blind[0.1], batch)[0] < task.chance
    # A constant profile helps no more than a random one: solutions come with either sign.
    profile = batch.targets.mean(0, keepdim=True).expand(2000, -1, -1)
    assert task.score(profile, task.batch("validation", size=2000, length=32))[0] < task.chance + 0.01
    assert task.score(batch.targets, batch)[0] == 1 == task.ceiling


def test_no_convolution_comes_near_the_right_kernel() -> None:
    """What `expects` says: least squares over all kernels of x - y against all kernels whatsoever."""
    length = 32
    f, u = functions(Poisson(), 2000, length, "fit")
    new_f, new_u = functions(Poisson(), 2000, length, "held out")
    dense = np.linalg.lstsq(f, u, rcond=1e-8)[0]
    padded = np.pad(f[:200], ((0, 0), (length - 1, length - 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * length - 1, axis=1)
    taps = np.linalg.lstsq(windows.reshape(-1, 2 * length - 1), u[:200].ravel(), rcond=None)[0]
    toeplitz = np.array([[taps[j - i + length - 1] for i in range(length)] for j in range(length)])

    def score(kernel: np.ndarray) -> float:
        error = np.linalg.norm(new_f @ kernel - new_u, axis=1) / np.linalg.norm(new_u, axis=1)
        return float(1 - error.mean())

    assert score(dense) > 0.999
    assert 0.3 < score(toeplitz) < 0.6


@pytest.mark.parametrize("length", [1, 7, 64])
def test_points_are_the_midpoints_of_the_unit_interval(length: int) -> None:
    domain = Poisson().batch(length=length).domain
    assert isinstance(domain, Grid)
    geometry = domain.geometry(32, length, torch.device("cpu"))
    assert geometry.positions is not None
    expected = (torch.arange(length, dtype=torch.float64) + 0.5) / length
    torch.testing.assert_close(geometry.positions[0, :, 0], expected)


def test_no_modes_are_refused() -> None:
    with pytest.raises(ValueError, match="modes must be at least 1, got modes=0"):
        Poisson(modes=0)
