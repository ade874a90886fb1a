"""Softmax attention against torch, linear attention against its formula."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from itnas import IntegralTransform, recover
from tests.recover.agreement import DTYPES, assert_agrees, assert_parameters_learn, largest, seeds
from tests.shapes import unchecked


def attention(dtype: torch.dtype, heads: int, width: int, bias: bool = True) -> nn.MultiheadAttention:
    m = nn.MultiheadAttention(heads * width, heads, bias=bias, batch_first=True).to(dtype)
    if bias:
        # torch starts them at 0, which would hide a bias that is dropped.
        nn.init.normal_(m.in_proj_bias)
        nn.init.normal_(m.out_proj.bias)
    return m


def self_attention(m: nn.MultiheadAttention, u: Tensor, causal: bool) -> Tensor:
    mask = torch.ones(u.shape[1], u.shape[1], dtype=torch.bool).triu(1) if causal else None
    out: Tensor = m(u, u, u, attn_mask=mask, need_weights=False)[0]
    return out


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=12)
@given(seed=seeds, heads=st.integers(1, 4), width=st.integers(1, 6), n=st.integers(1, 20), bias=st.booleans())
def test_multihead_attention(
    seed: int, dtype: torch.dtype, causal: bool, heads: int, width: int, n: int, bias: bool
) -> None:
    torch.manual_seed(seed)
    m = attention(dtype, heads, width, bias)
    u = torch.randn(2, n, heads * width, dtype=dtype)
    assert_agrees(recover.from_module(m, causal=causal), lambda u: self_attention(m, u, causal), u)


def test_the_kernel_is_the_attention_matrix() -> None:
    m = attention(torch.float64, 3, 4)
    layer, u = recover.from_module(m), torch.randn(2, 9, 12, dtype=torch.float64)
    _, expected = m(u, u, u, average_attn_weights=False)
    assert largest(layer.kernel(u) - expected) < 1e-12


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=12)
@given(seed=seeds, width=st.integers(1, 6), dim=st.integers(1, 5), out=st.integers(1, 5), n=st.integers(1, 20))
def test_linear_attention(seed: int, dtype: torch.dtype, causal: bool, width: int, dim: int, out: int, n: int) -> None:
    torch.manual_seed(seed)
    W_q, W_k, W_v = (torch.randn(rows, dim, dtype=dtype) for rows in (width, width, out))

    def expected(u: Tensor) -> Tensor:
        phi_q, phi_k = (nn.functional.elu(u @ W.T) + 1 for W in (W_q, W_k))
        weights = phi_q @ phi_k.mT
        weights = weights.tril() if causal else weights
        return weights @ (u @ W_v.T) / weights.sum(-1, keepdim=True)

    u = torch.randn(2, n, dim, dtype=dtype)
    assert_agrees(recover.linear_attention(W_q, W_k, W_v, causal), expected, u)


@pytest.mark.parametrize("kind", ["softmax", "linear"])
def test_the_kernel_times_the_values_is_the_head(kind: str) -> None:
    layer: IntegralTransform
    if kind == "softmax":
        found = recover.from_module(attention(torch.float64, 2, 3, bias=False), causal=True)
        assert isinstance(found, IntegralTransform)
        layer = found
    else:
        layer = recover.linear_attention(*torch.randn(3, 4, 6, dtype=torch.float64), causal=True)
    u = torch.randn(2, 11, 6, dtype=torch.float64)
    values = (u @ layer.value.T).unflatten(-1, (layer.heads, layer.value_dim)).transpose(1, 2)
    heads = (layer.kernel(u) @ values).transpose(1, 2).flatten(2)
    assert largest(layer.out(heads) - layer(u)) < 1e-12


def test_parameters_learn() -> None:
    assert_parameters_learn(recover.from_module(attention(torch.float32, 2, 3)), torch.randn(2, 7, 6))
    assert_parameters_learn(recover.linear_attention(*torch.randn(3, 4, 6), causal=True), torch.randn(2, 7, 6))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_first": False}, "batch_first=False"),
        ({"kdim": 3}, "kdim=3"),
        ({"vdim": 3}, "vdim=3"),
        ({"add_bias_kv": True}, "add_bias_kv"),
        ({"add_zero_attn": True}, "add_zero_attn"),
        ({"dropout": 0.1}, "dropout=0.1 in training mode"),
    ],
)
def test_what_is_not_self_attention_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        recover.from_module(nn.MultiheadAttention(4, 2, **({"batch_first": True} | settings)))


def test_dropout_does_not_matter_in_evaluation() -> None:
    m = nn.MultiheadAttention(4, 2, dropout=0.5, batch_first=True).double().eval()
    u = torch.randn(2, 5, 4, dtype=torch.float64)
    assert_agrees(recover.from_module(m), lambda u: self_attention(m, u, causal=False), u)


def test_linear_attention_checks_its_shapes() -> None:
    with unchecked(), pytest.raises(ValueError, match=r"W_q and W_k must be \[width, dim\]"):
        recover.linear_attention(torch.randn(3, 4), torch.randn(2, 4), torch.randn(5, 4), causal=True)
