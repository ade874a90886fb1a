"""RNN, GRU and LSTM against torch: value, gradients, hard cases, and how many sweeps they took."""

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.func import functional_call

from itnas import recover
from itnas.recover.cells import Cell
from itnas.recover.recurrence import METHODS, Recurrence
from tests.recover.agreement import BOUNDS, DTYPES, assert_agrees, largest, seeds

KINDS = ("tanh", "relu", "gru", "lstm")


def recurrent(kind: str, dim: int, hidden: int, layers: int = 1, bias: bool = True) -> nn.RNN | nn.GRU | nn.LSTM:
    if kind == "gru":
        return nn.GRU(dim, hidden, layers, bias=bias, batch_first=True)
    if kind == "lstm":
        return nn.LSTM(dim, hidden, layers, bias=bias, batch_first=True)
    return nn.RNN(dim, hidden, layers, nonlinearity=kind, bias=bias, batch_first=True)


def rebuilt(m: nn.Module, method: str = "auto") -> Recurrence:
    layer = recover.from_module(m)
    assert isinstance(layer, Recurrence)
    layer.method = method
    return layer


def scaled(m: nn.RNN | nn.GRU | nn.LSTM, factor: float) -> nn.RNN | nn.GRU | nn.LSTM:
    with torch.no_grad():
        for parameter in m.parameters():
            parameter.mul_(factor)
    return m


def learning(layer: Recurrence) -> Iterator[nn.Parameter]:
    """The parameters in torch's order: per layer W_ih, W_hh, b_ih, b_hh."""
    for cell in layer.cells:
        assert isinstance(cell, Cell)
        yield from (cell.drive.weight, cell.shift.out.weight, cell.drive.bias, cell.shift.out.bias)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=8)
@given(
    seed=seeds,
    dim=st.integers(1, 4),
    hidden=st.integers(1, 5),
    layers=st.integers(1, 3),
    n=st.integers(1, 20),
    bias=st.booleans(),
)
def test_it_agrees_with_torch(
    dtype: torch.dtype, kind: str, seed: int, dim: int, hidden: int, layers: int, n: int, bias: bool
) -> None:
    torch.manual_seed(seed)
    m = recurrent(kind, dim, hidden, layers, bias).to(dtype)
    assert_agrees(rebuilt(m), lambda u: m(u)[0], torch.randn(2, n, dim, dtype=dtype))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_the_parameters(kind: str, method: str) -> None:
    m = recurrent(kind, 3, 5, layers=2).double()
    layer, u = rebuilt(m, method), torch.randn(2, 15, 3, dtype=torch.float64)
    layer(u)[:, -1].square().sum().backward()
    m(u)[0][:, -1].square().sum().backward()
    found, expected = list(learning(layer)), list(m.parameters())
    assert len(found) == len(expected)
    for mine, theirs in zip(found, expected, strict=True):
        assert mine.grad is not None
        assert theirs.grad is not None
        assert largest(mine.grad - theirs.grad) < 1e-10


@pytest.mark.parametrize("kind", KINDS)
def test_it_stays_the_same_recurrence_while_it_learns(kind: str) -> None:
    """Only torch's own weights learn: the kernels that make it a recurrence are structure."""
    m = recurrent(kind, 3, 4).double()
    layer = rebuilt(m)
    assert {id(part) for part in layer.parameters() if part.requires_grad} == {id(part) for part in learning(layer)}
    mine = torch.optim.SGD(layer.parameters(), lr=0.1)
    theirs = torch.optim.SGD(m.parameters(), lr=0.1)
    u = torch.randn(2, 12, 3, dtype=torch.float64)
    for _ in range(3):
        for optimiser, y in ((mine, layer(u)), (theirs, m(u)[0])):
            optimiser.zero_grad()
            (y - 1).square().mean().backward()
            optimiser.step()
    assert largest(layer(u) - m(u)[0]) < 1e-10


@pytest.mark.parametrize("kind", KINDS)
def test_a_recurrence_that_forgets_needs_few_sweeps(kind: str) -> None:
    layer, u = rebuilt(recurrent(kind, 4, 8, layers=2)), torch.randn(2, 150, 4)
    layer(u)
    assert [run.method for run in layer.runs] == ["iterate", "iterate"]
    assert layer.iterations == sum(run.iterations for run in layer.runs)
    assert max(run.iterations for run in layer.runs) < 50


@pytest.mark.parametrize("kind", KINDS)
def test_iteration_is_exact_after_n_sweeps(kind: str) -> None:
    m = scaled(recurrent(kind, 3, 6).double(), 3)
    layer = rebuilt(m, "iterate")
    assert_agrees(layer, lambda u: m(u)[0], torch.randn(2, 30, 3, dtype=torch.float64))
    assert layer.iterations <= 30


@pytest.mark.filterwarnings("ignore:TF32 acceleration")  # what torch says to whoever switches oneDNN off
@pytest.mark.parametrize("kind", ["tanh", "gru", "lstm"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_saturated_gates(dtype: torch.dtype, kind: str) -> None:
    """Weights 20 times as large: torch's own float32 result is off by 1e-4 to 1, so only the same rounding agrees.

    oneDNN rounds LSTMs in its own way, and differs from torch's plain kernels by as much.
    """
    m = scaled(recurrent(kind, 6, 8, layers=2).to(dtype), 20)
    layer, u = rebuilt(m), torch.randn(3, 120, 6, dtype=dtype)
    with torch.backends.mkldnn.flags(enabled=False):
        assert_agrees(layer, lambda u: m(u)[0], u)


@pytest.mark.parametrize("dtype", DTYPES)
def test_long_memory(dtype: torch.dtype) -> None:
    """Forget gates at sigmoid(10): the clock kernel spans the whole sequence, and iteration still settles fast."""
    m = nn.LSTM(4, 6, batch_first=True).to(dtype)
    with torch.no_grad():
        m.bias_ih_l0[6:12] += 10
    layer, u = rebuilt(m), torch.randn(2, 120, 4, dtype=dtype)
    assert_agrees(layer, lambda u: m(u)[0], u)
    assert layer.iterations <= 120


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_chaotic_elman_network(dtype: torch.dtype) -> None:
    """Spectral radius 2.5: rounding errors grow e-fold every few steps, so iteration is given up for stepping."""
    m = nn.RNN(2, 16, batch_first=True).to(dtype)
    with torch.no_grad():
        radius = torch.linalg.eigvals(m.weight_hh_l0.double()).abs().max().to(dtype)
        m.weight_hh_l0.mul_(2.5 / radius)
    layer, u = rebuilt(m), torch.randn(2, 100, 2, dtype=dtype)
    assert_agrees(layer, lambda u: m(u)[0], u)
    assert [run.method for run in layer.runs] == ["step"]


@pytest.mark.parametrize("method", METHODS)
def test_a_tiny_signal_that_grows_is_not_taken_for_rest(method: str) -> None:
    """A channel at 1 beside one that starts at 1e-9 and doubles: the first changes look like rounding."""
    m = nn.RNN(2, 2, bias=False, batch_first=True)
    with torch.no_grad():
        m.weight_ih_l0.copy_(torch.eye(2))
        m.weight_hh_l0.copy_(torch.diag(torch.tensor([0.5, 2.0])))
    u = torch.zeros(1, 40, 2)
    u[0, :, 0], u[0, 0, 1] = 1.0, 1e-9
    layer = rebuilt(m, method)
    assert largest(layer(u) - m(u)[0]) <= BOUNDS[u.dtype]
    assert layer(u)[0, -1, 1] > 0.5


def test_a_last_step_loss_at_every_length() -> None:
    """The adjoint then starts from one entry, and reaches the first point after N sweeps only."""
    m = nn.LSTM(3, 4, batch_first=True).double()
    layer = rebuilt(m)
    for n in (1, 2, 70):
        u = torch.randn(2, n, 3, dtype=torch.float64, requires_grad=True)
        found, expected = (torch.autograd.grad(y[:, -1].sum(), u)[0] for y in (layer(u), m(u)[0]))
        assert largest(found - expected) < 1e-12


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", KINDS)
def test_it_looks_back_only(kind: str, method: str) -> None:
    layer, u = rebuilt(recurrent(kind, 3, 4, layers=2).double(), method), torch.randn(1, 12, 3, dtype=torch.float64)
    moved = u.clone()
    moved[:, 7:] += 1
    assert largest(layer(u)[:, :7] - layer(moved)[:, :7]) < 1e-14
    assert largest(layer(u)[:, 7:] - layer(moved)[:, 7:]) > 0.01


def test_functional_call_reaches_the_gradient() -> None:
    """The backward pass runs the layer again, and must do so with the weights of the forward pass."""
    layer, u = rebuilt(nn.GRU(3, 4, batch_first=True).double()), torch.randn(2, 9, 3, dtype=torch.float64)
    given = {
        name: (2 * part).detach().requires_grad_() for name, part in layer.named_parameters() if part.requires_grad
    }

    def gradients(method: str) -> tuple[Tensor, ...]:
        layer.method = method
        return torch.autograd.grad(functional_call(layer, given, u).sum(), list(given.values()))

    for found, expected in zip(gradients("iterate"), gradients("step"), strict=True):
        assert largest(found - expected) < 1e-12


def test_stepping_is_twice_differentiable() -> None:
    layer = rebuilt(nn.GRU(2, 2, batch_first=True).double(), "step")
    u = torch.randn(1, 4, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(layer, u)


def test_an_empty_sequence() -> None:
    assert rebuilt(nn.LSTM(3, 4, batch_first=True))(torch.zeros(2, 0, 3)).shape == (2, 0, 4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_first": False}, "batch_first=False"),
        ({"bidirectional": True}, "bidirectional=True"),
        ({"dropout": 0.2}, "dropout=0.2 in training mode"),
        ({"proj_size": 2}, "proj_size=2"),
    ],
)
def test_what_is_not_one_plain_direction_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f"LSTM with {message}"):
        recover.from_module(nn.LSTM(3, 4, 2, **({"batch_first": True} | settings)))


def test_bad_arguments_are_named() -> None:
    layer = rebuilt(nn.LSTM(3, 4, 2, batch_first=True))
    with pytest.raises(ValueError, match=r"must be \[batch, points, 3\]"):
        layer(torch.zeros(2, 5, 4))
    with pytest.raises(ValueError, match=r"unknown method 'itrate'.*did you mean 'iterate'"):
        Recurrence([cell for cell in layer.cells if isinstance(cell, Cell)], method="itrate")
    with pytest.raises(ValueError, match="unknown kind of kernel 'gates'"):
        layer.kernel(torch.zeros(2, 5, 3), kind="gates")
    with pytest.raises(ValueError, match="one gate kernel per layer"):
        layer.gate_kernel(torch.zeros(2, 5, 3))
