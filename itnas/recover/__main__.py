"""`python -m itnas.recover`: classical layers, rebuilt as integral transforms and compared with torch."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from itnas import recover
from itnas.recover.recurrence import Recurrence

BOUNDS = {torch.float32: 1e-5, torch.float64: 1e-10}
BATCH, LENGTH, DIM, STATE = 2, 48, 8, 4


@dataclass(frozen=True)
class Case:
    name: str
    how: str
    compare: Callable[[torch.dtype], tuple[float, int]]  # largest error, and how often the layer was applied


def convolution(dtype: torch.dtype) -> tuple[float, int]:
    m = nn.Conv1d(DIM, DIM, 5, padding="same").to(dtype)
    u = torch.randn(BATCH, LENGTH, DIM, dtype=dtype)
    return _error(recover.from_module(m)(u), m(u.mT).mT), 1


def attention(dtype: torch.dtype) -> tuple[float, int]:
    m = nn.MultiheadAttention(DIM, 2, batch_first=True).to(dtype)
    u = torch.randn(BATCH, LENGTH, DIM, dtype=dtype)
    mask = nn.Transformer.generate_square_subsequent_mask(LENGTH, dtype=dtype)
    expected = m(u, u, u, attn_mask=mask, need_weights=False)[0]
    return _error(recover.from_module(m, causal=True)(u), expected), 1


def lstm(dtype: torch.dtype) -> tuple[float, int]:
    m = nn.LSTM(DIM, DIM, batch_first=True).to(dtype)
    u = torch.randn(BATCH, LENGTH, DIM, dtype=dtype)
    layer = recover.from_module(m)
    assert isinstance(layer, Recurrence)
    return _error(layer(u), m(u)[0]), layer.iterations


def s4d(dtype: torch.dtype) -> tuple[float, int]:
    u = torch.randn(BATCH, LENGTH, DIM, dtype=dtype)
    # S4D-Lin: poles at -1/2 + pi i n, steps spread over two decades.
    poles = torch.complex(torch.full((DIM, STATE), -0.5), torch.pi * torch.arange(STATE).expand(DIM, STATE))
    poles = poles.to(dtype.to_complex())
    B, C = torch.randn(2, DIM, STATE, dtype=poles.dtype)
    D, dt = torch.randn(DIM, dtype=dtype), torch.logspace(-2, -0.5, DIM, dtype=dtype)
    step = torch.exp(poles * dt.unsqueeze(1))
    held = (step.to(torch.complex128) - 1) / poles.to(torch.complex128)
    x, outputs = torch.zeros(BATCH, DIM, STATE, dtype=poles.dtype), []
    for point in u.unbind(1):
        x = step * x + (held.to(poles.dtype) * B) * point.unsqueeze(-1)
        outputs.append((C * x).sum(-1).real + D * point)
    return _error(recover.s4d(poles, B, C, D, dt)(u), torch.stack(outputs, 1)), 1


def selective_scan(dtype: torch.dtype) -> tuple[float, int]:
    u = torch.randn(BATCH, LENGTH, DIM, dtype=dtype)
    A = -torch.arange(1, STATE + 1, dtype=dtype).expand(DIM, STATE)
    W_delta, b_delta = 0.3 * torch.randn(DIM, DIM, dtype=dtype), torch.randn(DIM, dtype=dtype)
    W_B, W_C = torch.randn(2, STATE, DIM, dtype=dtype) / DIM**0.5
    D = torch.randn(DIM, dtype=dtype)
    h, outputs = torch.zeros(BATCH, DIM, STATE, dtype=dtype), []
    for point in u.unbind(1):
        delta = nn.functional.softplus(point @ W_delta.T + b_delta).unsqueeze(-1)
        h = torch.exp(delta * A) * h + delta * (point @ W_B.T).unsqueeze(1) * point.unsqueeze(-1)
        outputs.append((h * (point @ W_C.T).unsqueeze(1)).sum(-1) + D * point)
    return _error(recover.selective_scan(A, W_delta, b_delta, W_B, W_C, D)(u), torch.stack(outputs, 1)), 1


CASES = (
    Case("Conv1d", "one head per tap", convolution),
    Case("causal attention", "product feature, softmax", attention),
    Case("LSTM", "shift + clock, fixed point", lstm),
    Case("S4D", "damped Fourier features", s4d),
    Case("selective scan", "factorised with clock", selective_scan),
)


def main() -> int:
    """Print the table; 1 if an error exceeds its bound."""
    torch.manual_seed(0)
    table = Table(title="Classical layers as integral transforms, weight for weight: largest error")
    table.add_column("layer")
    table.add_column("how")
    for dtype, bound in BOUNDS.items():
        table.add_column(f"{str(dtype).removeprefix('torch.')}\n(<= {bound:.0e})", justify="right")
    table.add_column("applied", justify="right")
    exceeded = False
    with torch.no_grad():
        for case in CASES:
            results = [(bound, *case.compare(dtype)) for dtype, bound in BOUNDS.items()]
            within = [error <= bound for bound, error, _ in results]
            shown = [
                f"[{'green' if fine else 'red'}]{error:.1e}[/]"
                for fine, (_, error, _) in zip(within, results, strict=True)
            ]
            table.add_row(case.name, case.how, *shown, " / ".join(str(count) for *_, count in results))
            exceeded |= not all(within)
    Console().print(table)
    return int(exceeded)


def _error(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).abs().max())


if __name__ == "__main__":
    sys.exit(main())
