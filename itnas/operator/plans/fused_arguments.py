"""What the `fused` engines compute, as tensors: the same for every device.

With pair channels ch_m(i, j) - the products q_ip . k_jp, then the offset p_i - p_j per axis, then the distance
|p_i - p_j|, then the clock S_i - S_j, each only where its weight is given -

    z_ij = row_i + col_j + table[row_code_i - col_code_j + centre] + sum_m w_m ch_m(i, j)                   [h]
    k_ij = out . act(z_ij) + out_bias + shift_j                       (with hidden layers between act and out)
    y_i  = sum_j m_ij g(k_ij) v_j,   m_ij = 1, or [j <= i] where causal

g is the link: identity, sigmoid, or softmax, which is normalised over the j that i sees.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class FusedArguments:
    """Tensors start with [B|1, H|1, ...], an axis of size 1 shared by all samples or heads; any strides."""

    values: Tensor  # [B, H, N, D]
    row: Tensor  # [B|1, H, N, h]
    col: Tensor  # [B|1, H, N, h]
    table: Tensor | None  # [1, H, L, h], with the codes and `centre`
    query: Tensor | None  # [B|1, H, N, P, d]
    key: Tensor | None  # [B|1, H, N, P, d]
    product_weight: Tensor | None  # [1, H, P, h]
    positions: Tensor | None  # float64 [B|1, H|1, N, A], needed by the next two; gets no gradient
    offset_weight: Tensor | None  # [1, H, A, h]
    distance_weight: Tensor | None  # [1, H, h]
    clock: Tensor | None  # float64 [B, H, N]
    clock_weight: Tensor | None  # [1, H, h]
    hidden: Tensor  # [1, H, depth - 1, h, h]; empty at depths 0 and 1
    hidden_bias: Tensor  # [1, H, depth - 1, h]
    out: Tensor  # [1, H, h]; depth 0 is activation "identity" with h = 1, out = 1, out_bias = 0
    out_bias: Tensor  # [1, H]
    shift: Tensor | None  # [B|1, H|1, N], -inf where nobody sees j
    row_code: Tensor | None  # int64 [N]
    col_code: Tensor | None  # int64 [N], no two alike
    centre: int
    activation: str  # identity, relu, relu2, silu, gelu, sin
    link: str  # identity, sigmoid, softmax
    causal: bool
