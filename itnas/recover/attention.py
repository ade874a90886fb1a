"""Softmax attention and linear attention."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from itnas.operator import FactorisedKernel, IntegralTransform, MLPKernel
from itnas.recover.weights import factorised_kernel, mlp_kernel, write, write_identity_out


def multihead_attention(m: nn.MultiheadAttention, causal: bool = False) -> IntegralTransform:
    """Self-attention: exp(q_i . k_j / sqrt(d)), a kernel of depth 0 on the product feature, under a softmax.

    Equals `m(u, u, u)[0]` for u [B, N, E]. A row of weights sums to 1, so the bias of the values goes straight through
    O into the bias of the output. (Vaswani et al., arXiv 1706.03762.)
    """
    _refuse(m)
    width = m.head_dim
    layer = IntegralTransform(
        m.embed_dim,
        heads=m.num_heads,
        kernel=MLPKernel(layers=0, features=("product",), product_dim=width),
        normaliser="softmax",
        value_dim=width,
        causal=causal,
        pointwise=False,
        bias=m.in_proj_bias is not None,
    ).to(m.in_proj_weight.device, m.in_proj_weight.dtype)
    kernel = mlp_kernel(layer)
    query, key, value = m.in_proj_weight.detach().chunk(3)
    write(kernel.bias, 0.0)
    write(kernel.product, width**-0.5)
    write(kernel.query, query.unflatten(0, (m.num_heads, width)))
    write(kernel.key, key.unflatten(0, (m.num_heads, width)))
    write(layer.value, value)
    write(layer.out.weight, m.out_proj.weight)
    write(kernel.query_bias, 0.0)
    write(kernel.key_bias, 0.0)
    if m.in_proj_bias is not None:
        query_bias, key_bias, value_bias = m.in_proj_bias.detach().chunk(3)
        write(kernel.query_bias, query_bias.unflatten(0, (m.num_heads, width)))
        write(kernel.key_bias, key_bias.unflatten(0, (m.num_heads, width)))
        write(layer.out.bias, m.out_proj.bias.detach() + m.out_proj.weight.detach() @ value_bias)
    return layer


def linear_attention(
    W_q: Float[Tensor, "width dim"],
    W_k: Float[Tensor, "width dim"],
    W_v: Float[Tensor, "out dim"],
    causal: bool = False,
) -> IntegralTransform:
    """y_i = sum_j phi(q_i) . phi(k_j) v_j / sum_j phi(q_i) . phi(k_j), phi = elu + 1. (arXiv 2006.16236.)

    One factorised head of rank `width`, from [B, N, dim] to [B, N, out].
    """
    width, dim = W_q.shape
    if W_k.shape != W_q.shape or W_v.dim() != 2 or W_v.shape[1] != dim:
        raise ValueError(
            "W_q and W_k must be [width, dim] and W_v [out, dim], got shapes "
            f"{tuple(W_q.shape)}, {tuple(W_k.shape)} and {tuple(W_v.shape)}"
        )
    layer = IntegralTransform(
        dim,
        out_dim=W_v.shape[0],
        kernel=FactorisedKernel(rank=width, output="elu1"),
        normaliser="sum",
        value_dim=W_v.shape[0],
        causal=causal,
        pointwise=False,
        bias=False,
    ).to(W_v.device, W_v.dtype)
    kernel = factorised_kernel(layer)
    for factor, weight in ((kernel.phi, W_q), (kernel.psi, W_k)):
        write(factor.content, weight.detach().unsqueeze(0))
        write(factor.biases[0], 0.0)
    write(layer.value, W_v.detach())
    write_identity_out(layer)
    return layer


def _refuse(m: nn.MultiheadAttention) -> None:
    def refuse(setting: str, advice: str) -> None:
        raise ValueError(f"MultiheadAttention with {setting} is not recovered: {advice}")

    if not m.batch_first:
        refuse("batch_first=False", "build it with batch_first=True and give it [batch, points, channels]")
    if m.kdim != m.embed_dim or m.vdim != m.embed_dim:
        refuse(f"kdim={m.kdim}, vdim={m.vdim}", "keys and values must be as wide as embed_dim (self-attention)")
    if m.bias_k is not None or m.bias_v is not None:
        refuse("add_bias_kv=True", "it adds a key that is no point of the input; build it without")
    if m.add_zero_attn:
        refuse("add_zero_attn=True", "it adds a key that is no point of the input; build it without")
    if m.dropout > 0 and m.training:
        refuse(f"dropout={m.dropout} in training mode", "call .eval() first")
