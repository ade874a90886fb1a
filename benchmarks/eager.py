"""The eager peer of the `fused` plan: the same function in torch by hand, in as few passes over N x N x h as can be."""

from __future__ import annotations

import torch
from torch import Tensor

from itnas import IntegralTransform
from itnas.operator.activation import ACTIVATIONS
from itnas.operator.kernel import PairForm


def eager_sum(layer: IntegralTransform, form: PairForm, values: Tensor) -> Tensor:
    """y [B, H, N, D] of a causal sequence layer of depth 1 with offset, content and one product."""
    assert form.rows.linear is not None
    assert form.cols.linear is not None
    assert form.rows.factor is not None
    assert form.cols.factor is not None
    assert form.table is not None
    assert form.product_weight is not None
    points = values.shape[2]
    place = torch.arange(points)
    offsets = form.table[0][:, place[:, None] - place[None, :] + form.centre]  # [H, N, N, h]
    products = form.rows.factor[..., 0, :] @ form.cols.factor[..., 0, :].mT  # [B, H, N, N]
    sums = form.rows.linear.unsqueeze(3) + form.cols.linear.unsqueeze(2)
    z = torch.addcmul(sums + offsets, products.unsqueeze(-1), form.product_weight[:, 0, None, None])
    k = (ACTIVATIONS[layer.kernel_module.spec.activation](z) @ form.tail.out[:, None, :, None]).squeeze(-1)
    k = k + form.tail.out_bias[:, None, None]
    future = torch.ones(points, points, dtype=torch.bool).triu(1)
    if layer.normaliser.name == "softmax":
        return k.masked_fill(future, -torch.inf).softmax(-1) @ values
    return k.masked_fill(future, 0.0) @ values
