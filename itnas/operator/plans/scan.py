"""`scan`: factorised kernels by a state that is carried from chunk to chunk.

Inside a chunk points see each other pair by pair; the chunks before arrive as a state [R, D], which decays on its way.
With one decay for all ranks of a head this is state-space duality (Dao & Gu, Mamba-2, arXiv 2405.21060). With one per
rank, the pairs of a chunk factorise around the middles of ever larger blocks, so that no exponent is positive (compare
the sub-chunks of gated linear attention, Yang et al., arXiv 2312.06635).
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from itnas.operator.kernel import FactorisedKernelModule, LowRankForm
from itnas.operator.normaliser import reciprocal
from itnas.operator.plans.base import Plan, Problem, register
from itnas.operator.plans.compiled import Tensors, run
from itnas.operator.plans.visible import visible_measure
from itnas.operator.quadrature import Full, Window

CHUNK = 32  # points that see each other pair by pair (a power of two): larger means more pairs and fewer states
GROUP = 16  # chunks whose states meet pair by pair; the states of groups are carried on like those of chunks


@register
class Scan(Plan):
    """sum_j phi_i . (psi_j exp(-rate abs(S_i - S_j))) v_j, one-sided or both ways, in O(N R D)."""

    name = "scan"

    def refusal(self, problem: Problem) -> str | None:
        if not isinstance(problem.kernel, FactorisedKernelModule):
            return "a state is made of the factors of a FactorisedKernel, and an MLPKernel has none"
        if problem.normaliser.link != "identity":
            return (
                f"{problem.normaliser.name} is not linear in the kernel, so that the sum over points does not factorise"
            )
        if problem.geometry.edges is not None:
            return (
                "a state remembers every point before, and the edges of a graph leave some out: use the plan 'gather'"
            )
        if isinstance(problem.quadrature, Window):
            return "a state cannot forget a point that leaves the window: use the plan 'gather'"
        if not isinstance(problem.quadrature, Full):
            return f"a state remembers every point, and the quadrature is {problem.quadrature}"
        return None

    def cost(self, problem: Problem) -> float:
        kernel = problem.kernel
        assert isinstance(kernel, FactorisedKernelModule)
        rank = int(kernel.phi.biases[-1].shape[1])
        points = problem.batch * problem.heads * problem.length * (1.0 if problem.causal else 1.6)
        if kernel.rate is None:
            return 450 + points * (0.05 + 0.02 * rank + 0.012 * problem.width) * (1.0 if problem.causal else 0.3)
        if kernel.rate.shape[1] == 1:
            return 1500 + points * (0.3 + 0.025 * rank + 0.017 * problem.width)
        return 4000 + points * (0.2 + 0.09 * rank + 0.012 * problem.width)

    def __call__(self, problem: Problem) -> Tensor:
        form, values, mu = problem.form, problem.values, problem.measure
        assert isinstance(form, LowRankForm)
        phi, psi = form.rows.factor, form.cols.factor
        assert phi is not None
        assert psi is not None
        with_ones = problem.normaliser.denominator == "numerators"
        if with_ones:
            values = F.pad(values, (0, 1), value=1.0)
        if mu is not None:
            values = values * mu.unsqueeze(-1)
        if form.rate is not None:
            assert form.rows.clock is not None
            y = _decaying(phi, psi, values, form.rows.clock, form.rate.unsqueeze(0), causal=problem.causal)
        elif problem.causal:
            y = _accumulating(phi, psi, values)
        else:
            y = phi @ (psi.transpose(-1, -2) @ values)
        if with_ones:
            return y[..., :-1] * reciprocal(y[..., -1:])
        if problem.normaliser.denominator == "weights":
            return y * reciprocal(visible_measure(problem)).unsqueeze(-1)
        return y


def _accumulating(phi: Tensor, psi: Tensor, values: Tensor) -> Tensor:
    """Causal, and nothing decays."""
    length = values.shape[2]
    phi, psi, values = (_chunks(part) for part in (phi, psi, values))
    y = (phi @ psi.transpose(-1, -2)).tril() @ values
    if y.shape[2] > 1:
        states = (psi.transpose(-1, -2) @ values).cumsum(2)
        y = y + phi @ F.pad(states[:, :, :-1], (0, 0, 0, 0, 1, 0))
    return y.flatten(2, 3)[:, :, :length]


def _decaying(phi: Tensor, psi: Tensor, values: Tensor, clock: Tensor, rate: Tensor, *, causal: bool) -> Tensor:
    """The sum for S = clock [B|1, H|1, N] and rate [1, H, R|1], over j <= i or over all j."""
    length = values.shape[2]
    phi, psi, values = (_chunks(part) for part in (phi, psi, values))
    count, size = values.shape[2:4]
    # Padding stands where the last point stands.
    rest = clock[..., -1:].expand(*clock.shape[:2], count * size - length)
    ticks = torch.cat([clock, rest], -1).expand(-1, rate.shape[1], -1)
    ticks = torch.unflatten(ticks, 2, (count, size))
    y = _within(phi, psi, ticks, rate, causal=causal) @ values
    if count > 1:
        y = y + _carried(phi, psi, values, ticks, rate)
    if count > 1 and not causal:
        phi, psi, values = (part.flip(2, 3) for part in (phi, psi, values))
        y = y + _carried(phi, psi, values, -ticks.flip(2, 3), rate).flip(2, 3)
    return y.flatten(2, 3)[:, :, :length]


def _chunks(part: Tensor) -> Tensor:
    """[B, H, N, X] -> [B, H, count, c, X], with zeros at the end."""
    length = part.shape[2]
    size = min(CHUNK, 1 << (length - 1).bit_length())
    missing = -length % size
    part = F.pad(part, (0, 0, 0, missing)) if missing else part
    return torch.unflatten(part, 2, (-1, size)).contiguous()


def _within(phi: Tensor, psi: Tensor, ticks: Tensor, rate: Tensor, *, causal: bool) -> Tensor:
    """The kernel inside of the chunks, [B, H, count, c, c], for ticks [B|1, H, count, c]."""
    if rate.shape[-1] == 1:
        decay = decays(ticks, ticks, rate.unsqueeze(-1).unsqueeze(-1), 0 if causal else None)
        return (phi @ psi.transpose(-1, -2)) * decay
    batch = max(phi.shape[0], psi.shape[0], ticks.shape[0])
    kernel = (phi * psi).sum(-1).expand(batch, -1, -1, -1)
    kernel = kernel[..., None, None]  # [B|1, H, count, c / block, block, block], and block = 1 so far
    block = 1
    while block < phi.shape[3]:
        (row_before, row_after), (col_before, col_after), (before, after) = (
            torch.unflatten(part, 3, (-1, 2, block)).unbind(4) for part in (phi, psi, ticks)
        )
        # What separates a point of one half from a point of the other is its way to the middle and on from there.
        middle = before[..., -1:]
        lower = fade(row_after, after - middle, rate) @ fade(col_before, middle - before, rate).transpose(-1, -2)
        upper = torch.zeros_like(lower)
        if not causal:
            upper = fade(row_before, middle - before, rate) @ fade(col_after, after - middle, rate).transpose(-1, -2)
        first, second = torch.unflatten(kernel, 3, (-1, 2)).unbind(4)
        kernel = torch.cat([torch.cat([first, upper], -1), torch.cat([lower, second], -1)], -2)
        block *= 2
    return kernel.squeeze(3)


def _carried(phi: Tensor, psi: Tensor, values: Tensor, ticks: Tensor, rate: Tensor) -> Tensor:
    """What the chunks before contribute, by way of the state at the end of each chunk: [B, H, count, c, D]."""
    last = ticks[..., -1:]  # [B|1, H, count, 1]
    before = torch.cat([ticks[:, :, :1, :1], last[:, :, :-1]], 2)
    states = fade(psi, last - ticks, rate).transpose(-1, -2) @ values  # [B, H, count, R, D]
    rank, width = states.shape[3:]
    # One decay for all ranks: then they are like more columns of the values.
    shared = rate.shape[-1] == 1
    states = states.flatten(3).unsqueeze(2) if shared else states.transpose(2, 3)
    states = _earlier(states, before.transpose(2, 3), last.transpose(2, 3), rate)
    states = torch.unflatten(states.squeeze(2), 3, (rank, width)) if shared else states.transpose(2, 3)
    return fade(phi, ticks - before, rate) @ states


def _earlier(states: Tensor, start: Tensor, end: Tensor, rate: Tensor) -> Tensor:
    """sum_(c' < c) exp(-rate (start_c - end_c')) states_c', states [B, H, R|1, count, X], times [B|1, H, 1, count]."""
    count = states.shape[3]
    if count <= 2 * GROUP:
        return decays(start, end, rate.unsqueeze(-1).unsqueeze(-1), -1) @ states
    missing = -count % GROUP
    states = torch.unflatten(F.pad(states, (0, 0, 0, missing)), 3, (-1, GROUP))
    start, end = (
        torch.unflatten(torch.cat([part, part[..., -1:].expand(*part.shape[:3], missing)], 3), 3, (-1, GROUP))
        for part in (start, end)
    )
    first, last = start[..., :1], end[..., -1:]  # [B|1, H, 1, groups, 1]
    rates = rate.view(*rate.shape, 1, 1, 1)
    totals = decays(last, end, rates, None) @ states  # [B, H, R|1, groups, 1, X]
    totals = _earlier(totals.squeeze(-2), first.squeeze(-1), last.squeeze(-1), rate).unsqueeze(-2)
    here = decays(start, end, rates, -1) @ states
    earlier = decays(start, first, rates, None) * totals
    return (here + earlier).flatten(3, 4)[:, :, :, :count]


def decays(rows: Tensor, cols: Tensor, rate: Tensor, diagonal: int | None) -> Tensor:
    """exp(-rate abs(S_i - S_j)) [B|1, H, ..., n, m], for S float64 [B|1, H, ..., n|m] and rate [1, H, ..., 1, 1].

    With a `diagonal` it is 0 above that diagonal, the only place where S_i < S_j is then allowed.
    """
    return run(_Decays(), diagonal, (rows, cols, rate))


def fade(part: Tensor, elapsed: Tensor, rate: Tensor) -> Tensor:
    """part [B, H, ..., R] times exp(-rate elapsed), for elapsed >= 0 float64 [B|1, H, ...] and rate [1, H, R|1]."""
    rate = rate.view(1, rate.shape[1], *(1,) * (part.dim() - 3), rate.shape[2])
    elapsed = elapsed.to(part.dtype).unsqueeze(-1)
    return part * torch.exp(elapsed * -rate) if rate.shape[-1] == 1 else run(_Fade(), None, (part, elapsed, rate))


class _Decays:
    """Differences of times in float64, all else in place: autograd would keep and pass over three times as much."""

    name = "scan"

    def forward(self, choices: int | None, tensors: Tensors) -> tuple[Tensor, Tensor]:
        rows, cols, rate = cast(tuple[Tensor, Tensor, Tensor], tuple(tensors))
        elapsed = (rows.unsqueeze(-1) - cols.unsqueeze(-2)).to(rate.dtype)
        elapsed = elapsed.abs_() if choices is None else elapsed.clamp_min_(0)
        y = (elapsed * -rate).exp_()
        return y if choices is None else y.tril_(choices), elapsed

    def backward(
        self, choices: int | None, tensors: Tensors, y: Tensor, kept: Tensor | None, grad: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        rows, cols, rate = cast(tuple[Tensor, Tensor, Tensor], tuple(tensors))
        assert kept is not None
        pull = grad * y
        d_rate = -(pull * kept).sum_to_size(rate.shape)
        if choices is None:
            pull = pull * (rows.unsqueeze(-1) - cols.unsqueeze(-2)).sign().to(pull.dtype)
        rate = rate.squeeze(-1)
        d_rows, d_cols = -rate * pull.sum(-1), rate * pull.sum(-2)
        return d_rows.sum_to_size(rows.shape).double(), d_cols.sum_to_size(cols.shape).double(), d_rate


class _Fade:
    """The same, of a part that it multiplies."""

    name = "scan"

    def forward(self, choices: None, tensors: Tensors) -> tuple[Tensor, Tensor]:
        part, elapsed, rate = cast(tuple[Tensor, Tensor, Tensor], tuple(tensors))
        factor = (elapsed * -rate).exp_()
        return part * factor, factor

    def backward(
        self, choices: None, tensors: Tensors, y: Tensor, kept: Tensor | None, grad: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        part, elapsed, rate = cast(tuple[Tensor, Tensor, Tensor], tuple(tensors))
        assert kept is not None
        pull = grad * y
        d_elapsed = -(pull * rate).sum(-1, keepdim=True).sum_to_size(elapsed.shape)
        d_rate = -(pull * elapsed).sum_to_size(rate.shape)
        return (grad * kept).sum_to_size(part.shape), d_elapsed, d_rate
