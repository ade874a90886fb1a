"""Compiled kernels under autograd and under `torch.func.vmap`.

A compiled kernel is opaque to torch: a forward function, a backward function, and tensors with axes [B|1, H|1, ...].
Here they become one differentiable call. Both passes are autograd functions of their own, so that replicas fold into
heads in either.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd import Function

from itnas.operator.plans.fold import fold_all, unfold

Tensors = Sequence[Tensor | None]


class CompiledKernel(Protocol):
    """The two passes. `tensors[0]` has the full batch and head axes; choices are whatever else the kernel needs."""

    name: str

    def forward(self, choices: Any, tensors: Tensors) -> tuple[Tensor, Tensor | None]:
        """y [B, H, ...], and what else the backward pass wants to keep, [B, H, ...] or None."""

    def backward(self, choices: Any, tensors: Tensors, y: Tensor, kept: Tensor | None, grad: Tensor) -> Tensors:
        """The gradient of each tensor in its shape, None where it has none."""


def run(kernel: CompiledKernel, choices: Any, tensors: Tensors) -> Tensor:
    """y, differentiable once.

    `torch.compile` leaves it as it is: what it traced would hold addresses of memory that is gone when the graph runs.
    """
    if torch.compiler.is_compiling():
        aside: Tensor = torch.compiler.disable(_applied)(kernel, choices, tensors)
        return aside
    return _applied(kernel, choices, tensors)


def _applied(kernel: CompiledKernel, choices: Any, tensors: Tensors) -> Tensor:
    y: Tensor = _Forward.apply(kernel, choices, *tensors)[0]  # type: ignore[no-untyped-call]
    return y


class _Forward(Function):
    @staticmethod
    def forward(kernel: CompiledKernel, choices: Any, *tensors: Tensor | None) -> tuple[Tensor, Tensor]:
        y, kept = kernel.forward(choices, tensors)
        return y, y.new_empty(0, y.shape[1]) if kept is None else kept

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        ctx.kernel, ctx.choices = inputs[:2]
        ctx.save_for_backward(*inputs[2:], *output)
        ctx.mark_non_differentiable(output[1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        *tensors, y, kept = ctx.saved_tensors
        found = _Backward.apply(ctx.kernel, ctx.choices, y, kept, grad, *tensors)  # type: ignore[no-untyped-call]
        needed = zip(found, ctx.needs_input_grad[2:], strict=True)
        return (None, None, *(gradient if need else None for gradient, need in needed))

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], kernel: CompiledKernel, choices: Any, *tensors: Tensor | None
    ) -> tuple[tuple[Tensor, Tensor], tuple[int, int]]:
        heads = _heads(tensors[0], in_dims[2])
        y, kept = _Forward.apply(kernel, choices, *fold_all(tensors, in_dims[2:], info.batch_size, heads))  # type: ignore[no-untyped-call]
        return (unfold(y, info.batch_size), unfold(kept, info.batch_size)), (1, 1)


class _Backward(Function):
    @staticmethod
    def forward(
        kernel: CompiledKernel, choices: Any, y: Tensor, kept: Tensor, grad: Tensor, *tensors: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        return tuple(kernel.backward(choices, tensors, y, kept if kept.shape[0] else None, grad))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
        ctx.name = inputs[0].name

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, ...]:
        raise RuntimeError(f"plan {ctx.name!r} can be differentiated once: use plan='dense' for second derivatives")

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], kernel: CompiledKernel, choices: Any, *tensors: Tensor | None
    ) -> tuple[tuple[Tensor | None, ...], tuple[int | None, ...]]:
        replicas, heads = info.batch_size, _heads(tensors[2], in_dims[4])
        found = _Backward.apply(kernel, choices, *fold_all(tensors, in_dims[2:], replicas, heads))  # type: ignore[no-untyped-call]
        # What all heads share, masks and places, needs no gradient and is not unfolded.
        own = [part is not None and part.shape[1] == replicas * heads for part in found]
        unfolded = (unfold(part, replicas) if each else part for part, each in zip(found, own, strict=True))
        return tuple(unfolded), tuple(1 if each else None for each in own)


def _heads(part: Tensor | None, dim: int | None) -> int:
    """Heads of one replica, from a tensor [B, H, ...] that may carry the vmapped axis `dim`."""
    assert part is not None
    return part.shape[1] if dim is None else part.movedim(dim, 0).shape[2]
