"""Layers on graphs and sets: graph convolution, graph attention, Deep Sets."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from itnas.operator import IntegralTransform, MLPKernel
from itnas.recover.weights import mlp_kernel, write, write_identity_out

CONSTANT = MLPKernel(layers=0, features=())


def graph_convolution(W: Float[Tensor, "out dim"], b: Float[Tensor, " out"] | None = None) -> IntegralTransform:
    """y = A W u + b with the adjacency matrix A of the domain: a constant kernel, all else is the measure of the edges.

    Kipf & Welling's layer (arXiv 1609.02907) on `Graph(edge_index, n, self_loops=True, normalise="symmetric")`.
    """
    return _pooling(W, b, "none")


def deep_sets(phi_weight: Float[Tensor, "out dim"], phi_bias: Float[Tensor, " out"] | None = None) -> IntegralTransform:
    """y_i = mean_j (W u_j + b), the same for all points of a `Set`: the pooling of Deep Sets. (arXiv 1703.06114.)"""
    return _pooling(phi_weight, phi_bias, "mean")


def graph_attention(
    W: Float[Tensor, "mixed dim"],
    a_src: Float[Tensor, "heads width"] | Float[Tensor, " width"],
    a_dst: Float[Tensor, "heads width"] | Float[Tensor, " width"],
    negative_slope: float = 0.2,
    b: Float[Tensor, " mixed"] | None = None,
) -> IntegralTransform:
    """y_i = sum_j softmax_j(e_ij) W u_j over the edges into i, e_ij = leaky_relu(a_dst . W u_i + a_src . W u_j).

    Heads are concatenated. leaky_relu(x) = relu(x) - s relu(-x) is a kernel MLP with two hidden units on the content.
    A node without edges gets 0: pass `Graph(..., self_loops=True)` for the usual layer. (arXiv 1710.10903.)
    """
    source, target = torch.atleast_2d(a_src.detach()), torch.atleast_2d(a_dst.detach())
    heads, width = source.shape
    if target.shape != source.shape or W.dim() != 2 or W.shape[0] != heads * width:
        raise ValueError(
            "a_src and a_dst must be [heads, width] and W [heads * width, dim], got shapes "
            f"{tuple(a_src.shape)}, {tuple(a_dst.shape)} and {tuple(W.shape)}"
        )
    layer = IntegralTransform(
        W.shape[1],
        out_dim=heads * width,
        heads=heads,
        kernel=MLPKernel(hidden=2, layers=1, activation="relu", features=("content",)),
        normaliser="softmax",
        value_dim=width,
        pointwise=False,
        bias=b is not None,
    ).to(W.device, W.dtype)
    kernel = mlp_kernel(layer)
    per_head = W.detach().unflatten(0, (heads, width))
    for content, direction in ((kernel.content_row, target), (kernel.content_col, source)):
        score = torch.einsum("hf,hfc->hc", direction, per_head)
        write(content, torch.stack([score, -score], 1))
    write(kernel.bias, 0.0)
    write(kernel.out, torch.tensor([1.0, -negative_slope], dtype=torch.float64).expand(heads, 2))
    write(kernel.out_bias, 0.0)
    write(layer.value, W.detach())
    write_identity_out(layer)
    if b is not None:
        write(layer.out.bias, b.detach())
    return layer


def _pooling(weight: Tensor, bias: Tensor | None, normaliser: str) -> IntegralTransform:
    if weight.dim() != 2 or (bias is not None and bias.shape != weight.shape[:1]):
        shape = None if bias is None else tuple(bias.shape)
        raise ValueError(f"the weight must be [out, dim] and the bias [out], got {tuple(weight.shape)} and {shape}")
    out, dim = weight.shape
    layer = IntegralTransform(
        dim,
        out_dim=out,
        kernel=CONSTANT,
        normaliser=normaliser,
        value_dim=out,
        pointwise=False,
        bias=bias is not None,
    ).to(weight.device, weight.dtype)
    write(mlp_kernel(layer).bias, 1.0)
    write(layer.value, weight.detach())
    write_identity_out(layer)
    if bias is not None:
        write(layer.out.bias, bias.detach())
    return layer
