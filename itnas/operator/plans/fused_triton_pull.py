"""The way back through a tile of pairs, from k to what the pairs are made of, for the Triton kernels of `fused`."""

# Triton compiles these functions from their source: tiles have no Python types, and tuples of them grow.
# mypy: ignore-errors
# It knows neither `(*parts, part)` nor code that an early return makes unreachable.
# ruff: noqa: RUF005

from __future__ import annotations

import triton
import triton.language as tl

from itnas.operator.plans.fused_triton_pairs import add_features, product_at, sigmoid, store_features


@triton.jit
def pull_back(k, dp, visible, upstream, g, rows, sizes, config: tl.constexpr):
    """g(k) and dk of a tile of pairs, 0 where a pair is not visible."""
    if config.link == "softmax":
        lse = tl.load(upstream.lse + g * sizes.points + rows)
        # A row that sees nothing has lse = -inf, as has every k of it: anything finite gives exp(k - lse) = 0.
        weight = tl.exp(k - tl.where(lse == float("-inf"), 0.0, lse))
        dk = weight * (dp - tl.load(upstream.delta + g * sizes.points + rows))
    elif config.link == "sigmoid":
        weight = sigmoid(k)
        dk = dp * weight * (1 - weight)
    else:
        weight = k
        dk = dp
    return tl.where(visible, weight, 0.0), tl.where(visible, dk, 0.0)


@triton.jit
def put(sums, c, part):
    """sums[:, c] += part, for a sum that lives in registers."""
    unit = tl.arange(0, sums.shape[1])
    return sums + tl.where((unit == c)[None, :], part[:, None], 0.0)


@triton.jit
def add_products(products, dz, parts, c, config: tl.constexpr):
    """Gradients of the product channels, one more hidden unit included."""
    _, _, weight = parts
    more = ()
    for p in tl.static_range(config.products):
        more = more + (products[p] + dz * tl.load(weight + p * config.hidden + c),)
    return more


@triton.jit
def pull_products(sums, products, other_factor, other, g, sizes, config: tl.constexpr):
    """On to the own side's queries or keys, for all p."""
    more = ()
    for p in tl.static_range(config.products):
        at = product_at(other_factor, g, p, sizes, config)
        more = more + (add_features(sums[p], products[p], at, other, config.product_width, sizes, config),)
    return more


@triton.jit
def store_products(at, sums, g, points, seen, sizes, config: tl.constexpr):
    stride: tl.constexpr = config.products * config.product_width
    for p in tl.static_range(config.products):
        start = at + g * sizes.points * stride + p * config.product_width
        store_features(start, sums[p], points, seen, stride, config.product_width)
