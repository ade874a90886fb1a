"""The two kernels of a recurrence: what each input contributes, and what the gates carry."""

import pytest
import torch
from torch import Tensor, nn

from itnas.recover import jacobian
from itnas.recover.cells import Cell
from itnas.recover.recurrence import Recurrence
from tests.recover.agreement import largest
from tests.recover.test_recurrence import KINDS, rebuilt, recurrent


def random_input(batch: int, n: int, dim: int) -> Tensor:
    return torch.randn(batch, n, dim, dtype=torch.float64)


def first_cell(layer: Recurrence) -> Cell:
    cell = layer.cells[0]
    assert isinstance(cell, Cell)
    return cell


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_the_jacobian_is_that_of_torchs_module(kind: str, layers: int) -> None:
    m = recurrent(kind, 2, 3, layers).double()
    u = random_input(2, 6, 2)
    full = torch.autograd.functional.jacobian(lambda u: m(u)[0], u)  # [B, N, C_out, B, N, C]
    found = rebuilt(m).jacobian(u)
    for sample in range(2):
        assert largest(found[sample] - full[sample, :, :, sample]) < 1e-12


@pytest.mark.parametrize("kind", KINDS)
def test_the_kernel_contracts_the_jacobian_with_the_input(kind: str) -> None:
    layer, u = rebuilt(recurrent(kind, 3, 4, layers=2).double()), random_input(2, 7, 3)
    kernel = layer.kernel(u)
    assert kernel.shape == (2, 4, 7, 7)
    assert largest(kernel - torch.einsum("bicjd,bjd->bcij", layer.jacobian(u), u)) < 1e-12
    assert largest(kernel.triu(1)) == 0


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, u = rebuilt(nn.GRU(3, 4, batch_first=True).double()), random_input(2, 7, 3)
    kernel, full = layer.kernel(u), layer.jacobian(u)
    monkeypatch.setattr(jacobian, "CHUNK_NUMBERS", 500)
    assert largest(kernel - layer.kernel(u)) < 1e-14
    assert largest(full - layer.jacobian(u)) < 1e-14


def test_a_stack_has_one_kernel_per_layer_for_its_own_input() -> None:
    m = nn.LSTM(3, 4, 2, batch_first=True).double()
    layer, u = rebuilt(m), random_input(2, 7, 3)
    below = rebuilt(nn.LSTM(3, 4, batch_first=True).double())
    first_cell(below).load_state_dict(first_cell(layer).state_dict())
    first, second = layer.kernels(u)
    assert largest(first - below.kernel(u)) < 1e-14
    above = Recurrence([cell for cell in layer.cells[1:] if isinstance(cell, Cell)])
    assert largest(second - above.kernel(below(u))) < 1e-12
    assert [part.shape for part in layer.kernels(u, kind="gate")] == [(2, 4, 7, 7)] * 2


@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_the_gate_kernel_times_the_candidates_is_the_state(kind: str) -> None:
    layer, u = rebuilt(recurrent(kind, 3, 4).double()), random_input(2, 9, 3)
    cell, h = first_cell(layer), layer(u)
    drive, recurrent_part = cell.drive(u), cell.shift(h)
    if kind == "gru":
        (i_r, _, i_n), (h_r, _, h_n) = drive.chunk(3, -1), recurrent_part.chunk(3, -1)
        candidate, expected = torch.tanh(i_n + torch.sigmoid(i_r + h_r) * h_n), h
    else:
        _, _, g, o = (drive + recurrent_part).chunk(4, -1)
        candidate, expected = torch.tanh(g), torch.atanh(h / torch.sigmoid(o))
    carried = torch.einsum("bcij,bjc->bic", layer.gate_kernel(u), candidate)
    assert largest(carried - expected) < 1e-12


def test_the_gate_kernel_of_an_elman_layer_is_the_shift() -> None:
    layer, u = rebuilt(nn.RNN(3, 4, batch_first=True).double()), random_input(2, 5, 3)
    expected = torch.diag(torch.ones(4, dtype=torch.float64), -1).expand(2, 1, 5, 5)
    assert torch.equal(layer.kernel(u, kind="gate"), expected)


def test_kernels_work_without_gradients() -> None:
    layer, u = rebuilt(nn.LSTM(3, 4, 2, batch_first=True).double()), random_input(2, 7, 3)
    expected = layer.kernel(u)
    with torch.no_grad():
        assert largest(layer.kernel(u) - expected) == 0


def candidate_memory(hidden: int) -> nn.GRU:
    """A GRU with its update gate all but closed, z = sigmoid(-6): its candidates turn the last state and add to it."""
    m = nn.GRU(hidden, hidden, batch_first=True).double()
    rotation, _ = torch.linalg.qr(torch.randn(hidden, hidden, dtype=torch.float64))
    with torch.no_grad():
        for parameter in m.parameters():
            parameter.zero_()
        m.weight_ih_l0[-hidden:] = 0.3 * torch.eye(hidden)
        m.weight_hh_l0[-hidden:] = rotation
        m.bias_ih_l0[:hidden] = 6.0
        m.bias_ih_l0[hidden : 2 * hidden] = -6.0
    return m


def explained(y: Tensor, by: Tensor) -> float:
    """R^2 over samples, positions and channels."""
    return 1 - ((y - by).square().sum() / (y - y.mean((0, 1))).square().sum()).item()


def test_memory_in_the_values_is_hidden_from_the_gates_and_seen_by_the_jacobian() -> None:
    """The trap: to its gate kernel this GRU is pointwise, though its outputs depend on many inputs before."""
    m = candidate_memory(8)
    layer, u = rebuilt(m), random_input(8, 40, 8)
    y = layer(u)
    gates = layer.gate_kernel(u)
    candidates = torch.linalg.solve_triangular(gates, y.mT.unsqueeze(-1), upper=False).squeeze(-1).mT
    diagonal = gates.diagonal(dim1=2, dim2=3).mT
    assert explained(y, diagonal * candidates) > 0.99

    # Restarted from zero k inputs before each output, it is another function: there is memory.
    late = y[:, 16:]
    restarted = {k: torch.stack([m(u[:, t - k + 1 : t + 1])[0][:, -1] for t in range(16, 40)], 1) for k in (1, 8, 16)}
    assert explained(late, restarted[1]) < 0.5
    assert explained(late, restarted[1]) < explained(late, restarted[8]) < explained(late, restarted[16])

    seen = layer.kernel(u)
    assert off_diagonal_share(gates) < 0.01
    assert off_diagonal_share(seen[:, :, 16:]) > 0.5


def off_diagonal_share(kernel: Tensor) -> float:
    """How much of the kernel's energy is beside the diagonal."""
    own = kernel.tril(kernel.shape[3] - kernel.shape[2]).triu(kernel.shape[3] - kernel.shape[2])
    return 1 - (own.square().sum() / kernel.square().sum()).item()
