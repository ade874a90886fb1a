"""The eager peer of the `fused` plan: the same function in torch by hand, in as few passes over N x N x h as can be."""

from __future__ import annotations

import torch
from torch import Tensor

from itnas.operator.activation import ACTIVATIONS
from itnas.operator.plans.fused_arguments import FusedArguments


def eager_sum(arguments: FusedArguments) -> Tensor:
    """y [B, H, N, D] of a causal sequence layer of depth 1 with offset, content and one product."""
    query, key, table, weight = arguments.query, arguments.key, arguments.table, arguments.product_weight
    assert query is not None
    assert key is not None
    assert table is not None
    assert weight is not None
    points = arguments.values.shape[2]
    place = torch.arange(points)
    offsets = table[0][:, place[:, None] - place[None, :] + arguments.centre]  # [H, N, N, h]
    products = query[..., 0, :] @ key[..., 0, :].mT  # [B, H, N, N]
    sums = arguments.row.unsqueeze(3) + arguments.col.unsqueeze(2)
    z = torch.addcmul(sums + offsets, products.unsqueeze(-1), weight[0, :, 0, None, None])
    k = (ACTIVATIONS[arguments.activation](z) @ arguments.out[0, :, None, :, None]).squeeze(-1)
    k = k + arguments.out_bias[0, :, None, None]
    future = torch.ones(points, points, dtype=torch.bool).triu(1)
    if arguments.link == "softmax":
        return k.masked_fill(future, -torch.inf).softmax(-1) @ arguments.values
    return k.masked_fill(future, 0.0) @ arguments.values
