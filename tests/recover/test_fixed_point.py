"""Iteration to the fixed point of a causal map: exact after N sweeps, and never mistaken for done."""

import torch
from torch import Tensor

from itnas.recover.fixed_point import iterate
from tests.recover.agreement import largest

N = 30


def lower(strength: float) -> Tensor:
    """A strictly lower triangular matrix with entries of this size beside the diagonal."""
    return strength * torch.diag(torch.ones(N - 1, dtype=torch.float64), -1)


def solve(matrix: Tensor, drive: Tensor, *, patient: bool, budget: int | None = None) -> tuple[Tensor, int, bool]:
    found = iterate(lambda x: drive + matrix @ x, torch.zeros_like(drive), N, patient=patient, budget=budget)
    return found.state, found.iterations, found.settled


def test_a_contraction_settles_early() -> None:
    drive = torch.randn(N, dtype=torch.float64)
    state, count, settled = solve(lower(0.1), drive, patient=False)
    assert settled
    assert count < 20
    assert largest(state - torch.linalg.solve(torch.eye(N) - lower(0.1), drive)) < 1e-15


def test_any_causal_map_is_exact_after_n_sweeps() -> None:
    drive = torch.randn(N, dtype=torch.float64)
    matrix = 2 * torch.randn(N, N, dtype=torch.float64).tril(-1)
    state, count, settled = solve(matrix, drive, patient=True)
    assert settled
    assert count == N
    assert largest(state - drive - matrix @ state) <= 1e-13 * largest(state)


def test_what_does_not_shrink_is_given_up() -> None:
    _, count, settled = solve(lower(1.0), torch.randn(N, dtype=torch.float64), patient=False)
    assert not settled
    assert count < 20


def test_a_budget_is_kept() -> None:
    _, count, settled = solve(lower(0.5), torch.randn(N, dtype=torch.float64), patient=False, budget=5)
    assert not settled
    assert count == 5


def test_a_signal_below_the_precision_of_the_largest_entry_counts() -> None:
    """One unit of 1e20 at rest, one of 1e-3 still on its way."""
    drive = torch.zeros(2, N, dtype=torch.float64)
    drive[0, 0], drive[1, 0] = 1e20, 1e-3
    matrices = torch.stack([lower(0.0), lower(1.0)])
    found = iterate(lambda x: drive + torch.einsum("nij,nj->ni", matrices, x), torch.zeros_like(drive), N, patient=True)
    assert largest(found.state[1] - 1e-3) == 0


def test_no_points_are_at_rest() -> None:
    assert iterate(lambda x: x, torch.zeros(2, 0, 3), 0, patient=False).settled
