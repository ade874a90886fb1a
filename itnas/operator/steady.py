"""Operations whose bits do not depend on how many replicas are stacked.

torch computes some things in another way at the edges of a tensor than in its middle. Where a replica's numbers lie at
an edge when it is alone and in the middle when it has company, it would not train to the same bits. Activations are no
problem as long as a replica has a multiple of 64 of them, which batches have; what is small needs these.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F

# No vector of any instruction set is longer, two at a time included.
_LANES = 64


def linear(u: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """u [..., C], weight [D, C], bias [D] -> [..., D].

    To a single output the products are added up as a sum: torch multiplies one matrix by one column in another order
    than a stack of matrices by a stack of columns.
    """
    if weight.shape[0] > 1:
        return F.linear(u, weight, bias)
    summed = (u * weight[0]).sum(-1, keepdim=True)
    return summed if bias is None else summed + bias


def elementwise(function: Callable[[Tensor], Tensor], part: Tensor, axes: int) -> Tensor:
    """function(part), for few numbers per replica: those along the last `axes` axes.

    What does not fill a vector is computed by another formula than what does, with other last bits: so vectors are
    filled up.
    """
    shape = part.shape[part.dim() - axes :]
    flat = part.flatten(part.dim() - axes)
    padded = function(F.pad(flat, (0, -flat.shape[-1] % _LANES)).contiguous())
    result: Tensor = padded[..., : flat.shape[-1]].unflatten(-1, shape)
    return result
