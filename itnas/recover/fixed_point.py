"""Fixed points of causal maps: found by iteration, differentiated implicitly.

Entry t of F(h) depends on h_0 ... h_(t-1) alone. So t + 1 applications make entry t exact, whatever the start, and N
make all of them exact. A map that forgets is at rest long before; one that does not is better stepped through.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

ULPS = 2
# What is asked of an iteration that shall go on: after the first sweeps a quarter of a bit per sweep, on average.
FREE_SWEEPS = 8
BITS_PER_SWEEP = 0.25


@dataclass(frozen=True)
class Solution:
    state: Tensor
    iterations: int
    settled: bool  # False: it was given up, and the state is not the fixed point


class CausalMap(Protocol):
    """A map h -> F(h) on [B, N, H] whose parameters are the input's share `drive`, a weight and perhaps a bias."""

    def apply_with(self, drive: Tensor, h: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """F(h)."""

    def unroll(self, drive: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The fixed point of F, by N sequential steps."""


def iterate(
    update: Callable[[Tensor], Tensor], start: Tensor, limit: int, *, patient: bool, budget: int | None = None
) -> Solution:
    """Apply `update` until no entry changes by more than a few units in its last place; `limit` times always suffice.

    The change is measured entry by entry, relative to the entry itself: a signal that starts tiny and grows would pass
    any common scale as converged. An iterate at rest in this sense is an orbit with rounding errors of a few last
    places per step, which is all that stepping through the sequence gives either. Entries at rest are held: else last
    digits would go on flickering, each change causing the next, for most of N sweeps.

    Unless `patient`, a sequence whose changes do not shrink, or that takes more than `budget` sweeps, is given up.
    """
    state = start
    for count in range(1, limit + 1):
        found = update(state)
        change = (found - state).abs()
        at_rest = change <= ULPS * torch.finfo(found.dtype).eps * found.abs()
        if count == limit or bool(at_rest.all()):
            return Solution(found, count, settled=True)
        if not patient and (count == budget or _stalls(change, found, count)):
            return Solution(found, count, settled=False)
        state = torch.where(at_rest, state, found)
    return Solution(state, 0, settled=True)


def _stalls(change: Tensor, state: Tensor, count: int) -> bool:
    """Whether the largest change exceeds 2^-(sweeps / 4) of the largest entry: the map forgets slowly, if at all."""
    if count <= FREE_SWEEPS:
        return False
    bits = BITS_PER_SWEEP * (count - FREE_SWEEPS)
    return not bool(change.amax() <= math.exp2(-bits) * state.abs().amax())


class ImplicitGradient(torch.autograd.Function):
    """The identity on a fixed point h = F(h), with the gradient that the fixed point has: no iterate is stored.

    For a gradient g the adjoint solves a = g + (dF/dh)^T a. That map looks ahead only where F looks back, so iteration
    ends as surely as it does forward; where it is given up, back-propagation through N steps is exact too.
    """

    @staticmethod
    def forward(
        ctx: Any, h: Tensor, drive: Tensor, weight: Tensor, bias: Tensor | None, owner: CausalMap, budget: int | None
    ) -> Tensor:
        ctx.save_for_backward(h, drive, weight, bias)
        ctx.owner, ctx.budget = owner, budget
        return h.view_as(h)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        owner: CausalMap = ctx.owner
        h, drive, weight, bias = (None if part is None else part.detach() for part in ctx.saved_tensors)
        assert h is not None
        assert drive is not None
        assert weight is not None
        needed = ctx.needs_input_grad[1:4]
        wanted = [part.requires_grad_() for part, need in zip((drive, weight, bias), needed, strict=True) if need]
        with torch.enable_grad():
            out = owner.apply_with(drive, h.requires_grad_(), weight, bias)

        def pull(adjoint: Tensor) -> Tensor:
            (pulled,) = torch.autograd.grad(out, h, adjoint, retain_graph=True)
            return torch.add(grad, pulled)

        adjoint = iterate(pull, grad, h.shape[1], patient=ctx.budget is None, budget=ctx.budget)
        if adjoint.settled:
            found = iter(torch.autograd.grad(out, wanted, adjoint.state))
        else:
            with torch.enable_grad():
                found = iter(torch.autograd.grad(owner.unroll(drive, weight, bias), wanted, grad))
        return None, *(next(found) if need else None for need in needed), None, None
