"""`sdpa`: attention by torch's scaled_dot_product_attention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional as F

from itnas.operator.kernel import MLPKernelModule
from itnas.operator.kernel.base import head_linear
from itnas.operator.plans.base import Plan, Problem, log_measure, negative_measure, register
from itnas.operator.plans.fold import fold_all, in_transform, unfold
from itnas.operator.quadrature import Full


@register
class SDPA(Plan):
    """softmax_j(sum_p w_p q_ip . k_jp + log mu_j) V: products concatenated, w folded into the queries' projection.

    A bias of the kernel is the same for all j and cancels. O(N^2 (P d + D)) time, O(N) memory.
    Dao et al., FlashAttention, arXiv 2205.14135.
    """

    name = "sdpa"

    def refusal(self, problem: Problem) -> str | None:
        kernel = problem.kernel
        if not isinstance(kernel, MLPKernelModule) or kernel.spec.layers > 0:
            return (
                "attention weighs dot products, and this kernel is not linear in its features (an MLPKernel, layers=0)"
            )
        if kernel.features != {"product"}:
            names = ", ".join(kernel.spec.features) or "nothing"
            return f"attention reads the feature product and no other, and this kernel reads {names}"
        if problem.normaliser.name != "softmax":
            return f"attention is normalised by softmax, and this layer by {problem.normaliser.name!r}"
        if problem.geometry.edges is not None:
            return "the edges of a graph say who sees whom, and attention visits all points"
        if not isinstance(problem.quadrature, Full):
            return f"attention visits all points, and the quadrature is {problem.quadrature}"
        if negative_measure(problem):
            return "the measure enters as its logarithm, and some weights of the domain are negative"
        return None

    def cost(self, problem: Problem) -> float:
        kernel = problem.kernel
        assert isinstance(kernel, MLPKernelModule)
        width = kernel.spec.products * kernel.spec.product_dim
        points = problem.batch * problem.heads * problem.length
        pair = 0.00055 + 0.000055 * max(width, problem.width)
        projected = width * (0.01 + 0.00007 * problem.u.shape[-1])
        return 300 + points * (projected + problem.length * pair * (0.7 if problem.causal else 1.0))

    def __call__(self, problem: Problem) -> Tensor:
        query, key = _sides(problem)
        mu, mask = problem.measure, None
        if mu is None:
            return _attend_padded(query, key, problem.values, problem.causal)
        # A number so negative that exp gives 0, but finite: infinity would make gradients NaN.
        weight = log_measure(mu, torch.finfo(mu.dtype).min / 4).to(key.dtype)
        if problem.causal or mu.requires_grad or in_transform(mu):
            # As one more channel of the dot product log mu needs no N x N mask, and has a gradient.
            query = F.pad(query, (0, 1), value=1.0)
            key = torch.cat([key, weight.unsqueeze(-1).expand(*key.shape[:-1], 1)], -1)
        else:
            mask = weight.unsqueeze(2)
        y = _attend_padded(query, key, problem.values, problem.causal, mask)
        return y * _sees_any(mu, problem.causal).to(y.dtype).unsqueeze(-1)


def _sides(problem: Problem) -> tuple[Tensor, Tensor]:
    """Weighted queries and keys, [B, H, N, P d]."""
    kernel = problem.kernel
    assert isinstance(kernel, MLPKernelModule)
    assert kernel.query is not None
    assert kernel.key is not None
    assert kernel.product is not None
    assert kernel.query_bias is not None
    # The cancelled bias takes part with weight 0, so that its gradient is 0 rather than missing.
    weight = kernel.product.squeeze(-1) + 0 * kernel.bias  # [H|1, P]
    weight = weight.repeat_interleave(kernel.spec.product_dim, dim=1)
    query = head_linear(problem.u, kernel.query * weight.unsqueeze(-1), kernel.query_bias * weight)
    return query, head_linear(problem.u, kernel.key, kernel.key_bias)


def _sees_any(mu: Tensor, causal: bool) -> Tensor:
    """Which rows see a point of positive measure, [B|1, H|1, N|1]."""
    seen = mu != 0
    return seen.cumsum(-1) > 0 if causal else seen.any(-1, keepdim=True)


def _attend_padded(query: Tensor, key: Tensor, values: Tensor, causal: bool, mask: Tensor | None = None) -> Tensor:
    """Attention for queries and values of any two widths: torch has fused kernels only where they are equal."""
    width, value_width = query.shape[-1], values.shape[-1]
    if width < value_width:
        query, key = F.pad(query, (0, value_width - width)), F.pad(key, (0, value_width - width))
    elif width > value_width:
        values = F.pad(values, (0, width - value_width))
    y = attend(query, key, values, mask, causal)
    return y[..., :value_width] if width > value_width else y


def attend(query: Tensor, key: Tensor, values: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
    """softmax(q k^T + mask) v, [B, H, N, D]; under `torch.func` by rules of our own, since torch has none for vmap."""
    if any(in_transform(part) for part in (query, key, values)):
        return _attention(query, key, values, mask, causal)
    return F.scaled_dot_product_attention(query, key, values, mask, is_causal=causal, scale=1.0)


class _Attention(Function):
    """Attention whose vmapped replicas become more heads.

    vmap calls torch's attention on the folded tensors, and an autograd around it records that as usual. Only a gradient
    taken inside of vmap comes through `backward` here, and pays for a second forward pass.
    """

    @staticmethod
    def forward(query: Tensor, key: Tensor, values: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
        return attend(query, key, values, mask, causal)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:4])
        ctx.causal = inputs[4]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return *_attention_gradient(grad, *ctx.saved_tensors, ctx.causal), None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Any) -> tuple[Tensor, int]:
        query, key, values, mask = _folded(inputs[:4], in_dims, info.batch_size)
        assert query is not None
        assert key is not None
        assert values is not None
        return unfold(attend(query, key, values, mask, inputs[4]), info.batch_size), 1


class _AttentionGradient(Function):
    """The gradients of attention as a function of its own, so that it too takes replicas as heads."""

    @staticmethod
    def forward(
        grad: Tensor, query: Tensor, key: Tensor, values: Tensor, mask: Tensor | None, causal: bool
    ) -> tuple[Tensor, ...]:
        with torch.enable_grad():
            query, key, values = (part.detach().requires_grad_() for part in (query, key, values))
            return torch.autograd.grad(attend(query, key, values, mask, causal), (query, key, values), grad)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        pass

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], *inputs: Any
    ) -> tuple[tuple[Tensor, ...], tuple[int, int, int]]:
        parts = _folded(inputs[:5], in_dims, info.batch_size)
        grads = _attention_gradient(*parts, inputs[5])
        return tuple(unfold(part, info.batch_size) for part in grads), (1, 1, 1)


def _folded(parts: tuple[Tensor, ...], in_dims: tuple[int | None, ...], replicas: int) -> list[Tensor | None]:
    """Every part with its replicas in the head axis. All but the mask, the last, have all heads."""
    first, dim = parts[0], in_dims[0]
    heads = first.shape[1] if dim is None else first.movedim(dim, 0).shape[2]
    return fold_all(parts, in_dims[: len(parts)], replicas, heads)


_attention: Callable[..., Tensor] = _Attention.apply
_attention_gradient: Callable[..., tuple[Tensor, ...]] = _AttentionGradient.apply
