"""What the Triton kernels of `fused` share: their arguments, and tiles of pairs on the way from features to k and back.

G = B * H numbers the heads of all samples. Whatever belongs to a point is read with the points last ([G, ..., N]), for
loads of one feature of neighbouring points to be contiguous. Points past the end are clamped to the last one and masked
once, where pairs become visible or not. A tile of pairs is own points x other points: `tile` and `step` in `Config`.
"""

# Triton compiles these functions from their source: tiles have no Python types, and tuples of them grow.
# mypy: ignore-errors
# It knows neither `(*parts, part)` nor code that an early return makes unreachable.
# ruff: noqa: RUF005, RET505

from __future__ import annotations

from typing import NamedTuple

import triton
import triton.language as tl
from torch import Tensor

UNROLL = tl.constexpr(2)  # hidden units in flight, to hide the latency of their loads
CHUNK = tl.constexpr(16)  # features that enter a dot product at a time: float32 operands fill registers fast


class Sources(NamedTuple):
    """What pairs are made of. `weight`, `out` and `out_bias` have the type that everything is accumulated in."""

    value: Tensor  # [G, D, N]; a tuple of Triton has `values` of its own
    row: Tensor  # [G, h, N]
    col: Tensor  # [G, h, N]
    table: Tensor | None  # [H, h, L]
    row_code: Tensor | None  # int32 [N]
    col_code: Tensor | None  # int32 [N], from 0, no two alike
    query: Tensor | None  # [G, P, d, N]
    key: Tensor | None  # [G, P, d, N]
    position: Tensor | None  # [G, A, 2, N], as high + low
    clock: Tensor | None  # [G, 2, N], as high + low
    weight: Tensor  # [H, M, h]: products, offsets, distance, clock
    out: Tensor  # [H, h]
    out_bias: Tensor  # [H]
    shift: Tensor | None  # [G, N]


class Upstream(NamedTuple):
    """What the backward pass starts from."""

    grad: Tensor  # [G, D, N]
    lse: Tensor | None  # [G, N]
    delta: Tensor | None  # [G, N]


class Sizes(NamedTuple):
    """Numbers that a compiled kernel takes as they come."""

    points: int  # N
    heads: int  # H
    offsets: int  # L
    centre: int


class Config(NamedTuple):
    """What a kernel is compiled for. `_pad`: the next power of two, and at least 16 where `tl.dot` reads along it."""

    activation: str
    link: str
    causal: bool
    precision: str  # of tl.dot
    width: int  # D
    width_pad: int
    hidden: int  # h
    hidden_pad: int
    products: int  # P
    product_width: int  # d
    product_pad: int
    axes: int  # A, 0 without positions
    offset: bool
    distance: bool
    channels: int  # M
    channel_pad: int  # of M + 1
    tile: int  # points (or offsets) that a program owns
    step: int  # points of the other side that it meets at a time


@triton.jit
def zero_tiles(count: tl.constexpr, shape: tl.constexpr, real: tl.constexpr):
    tiles = ()
    for _ in tl.static_range(count):
        tiles = tiles + (tl.zeros(shape, real),)
    return tiles


@triton.jit
def sigmoid(x):
    return 1.0 / (1.0 + tl.exp(-x))


@triton.jit
def activate(z, config: tl.constexpr):
    """act(z) and act'(z)."""
    if config.activation == "relu":
        # maximum() alone would turn NaN into 0 and hide a diverged network.
        return tl.maximum(z, 0.0, propagate_nan=tl.PropagateNan.ALL), tl.where(z > 0, 1.0, 0.0).to(z.dtype)
    elif config.activation == "relu2":
        positive = tl.maximum(z, 0.0, propagate_nan=tl.PropagateNan.ALL)
        return positive * positive, 2 * positive
    elif config.activation == "silu":
        gate = sigmoid(z)
        return z * gate, gate * (1 + z * (1 - gate))
    elif config.activation == "gelu":
        below = 0.5 * (1 + tl.erf(z * 0.7071067811865476))
        return z * below, below + z * 0.3989422804014327 * tl.exp(-0.5 * z * z)
    elif config.activation == "sin":
        return tl.sin(z), tl.cos(z)
    else:
        return z, tl.full(z.shape, 1.0, z.dtype)


@triton.jit
def load_features(at, first, points, stride, width: tl.constexpr, pad: tl.constexpr, real: tl.constexpr):
    """`pad` features of some points from the `first` on, [points, pad], zeros past `width`."""
    feature = first + tl.arange(0, pad)
    address = at + feature[None, :] * stride + points[:, None]
    return tl.load(address, mask=(feature < width)[None, :], other=0.0).to(real)


@triton.jit
def store_features(at, tile, points, seen, stride, width: tl.constexpr):
    """The reverse, with the features last: `stride` numbers lie between a point and the next."""
    feature = tl.arange(0, tile.shape[1])
    address = at + points[:, None].to(tl.int64) * stride + feature[None, :]
    tl.store(address, tile.to(at.dtype.element_ty), mask=seen[:, None] & (feature < width)[None, :])


@triton.jit
def inner_products(
    left_at, left, right_at, right, width: tl.constexpr, sizes, config: tl.constexpr, real: tl.constexpr
):
    """x_a . x_b of points a on the left and b on the right, [left, right]."""
    total = tl.zeros([left.shape[0], right.shape[0]], real)
    for first in tl.range(0, width, CHUNK, num_stages=1):
        one = load_features(left_at, first, left, sizes.points, width, CHUNK, real)
        other = load_features(right_at, first, right, sizes.points, width, CHUNK, real)
        total += tl.dot(one, tl.trans(other), input_precision=config.precision, out_dtype=real)
    return total


@triton.jit
def paired_products(left_at, left, right_at, right, width: tl.constexpr, sizes, real: tl.constexpr):
    """The same where every pair has points of its own: left and right broadcast to the pairs."""
    total = tl.zeros(left.shape, real) + tl.zeros(right.shape, real)
    for e in range(width):
        at = e * sizes.points
        total += tl.load(left_at + at + left).to(real) * tl.load(right_at + at + right).to(real)
    return total


@triton.jit
def add_features(sums, pairs, at, points, width: tl.constexpr, sizes, config: tl.constexpr):
    """sums [own, D] + pairs [own, other] times the features of the other points."""
    real: tl.constexpr = pairs.dtype
    features = load_features(at, 0, points, sizes.points, width, sums.shape[1], real)
    return sums + tl.dot(pairs, features, input_precision=config.precision, out_dtype=real)


@triton.jit
def product_at(factor, g, p, sizes, config: tl.constexpr):
    """Where the p-th query or key of a sample's head begins."""
    return factor + (g * config.products + p) * config.product_width * sizes.points


@triton.jit
def product_channels(own_factor, own, other_factor, other, g, sizes, config: tl.constexpr, real: tl.constexpr):
    """q_ip . k_jp for all p, where one side's points own the tile."""
    channels = ()
    for p in tl.static_range(config.products):
        own_at = product_at(own_factor, g, p, sizes, config)
        other_at = product_at(other_factor, g, p, sizes, config)
        product = inner_products(own_at, own, other_at, other, config.product_width, sizes, config, real)
        channels = channels + (product,)
    return channels


@triton.jit
def difference(at, rows, cols, sizes):
    """x_i - x_j of numbers kept as high + low: right to the last bits however far from 0 they lie."""
    high = tl.load(at + rows) - tl.load(at + cols)
    return high + (tl.load(at + sizes.points + rows) - tl.load(at + sizes.points + cols))


@triton.jit
def relative_channels(sources, g, rows, cols, sizes, config: tl.constexpr):
    """Offsets, distance and elapsed clock of a tile of pairs."""
    channels = ()
    if sources.position is not None:
        at = sources.position + g * config.axes * 2 * sizes.points
        squares = difference(at, rows, cols, sizes) * 0
        for axis in tl.static_range(config.axes):
            delta = difference(at + axis * 2 * sizes.points, rows, cols, sizes)
            squares += delta * delta
            if config.offset:
                channels = channels + (delta,)
        if config.distance:
            channels = channels + (tl.sqrt(squares),)
    if sources.clock is not None:
        channels = channels + (difference(sources.clock + g * 2 * sizes.points, rows, cols, sizes),)
    return channels


@triton.jit
def table_at(sources, g, rows, cols, sizes, config: tl.constexpr):
    """The table entry of each pair, for hidden unit 0."""
    offsets = tl.load(sources.row_code + rows) - tl.load(sources.col_code + cols) + sizes.centre
    return sources.table + (g % sizes.heads) * config.hidden * sizes.offsets + offsets


@triton.jit
def parts_at(sources, g, rows, cols, sizes, config: tl.constexpr):
    """The row part, column part and weights of a tile of pairs, for hidden unit 0."""
    points = g * config.hidden * sizes.points
    weight = sources.weight + (g % sizes.heads) * config.channels * config.hidden
    return sources.row + points + rows, sources.col + points + cols, weight


@triton.jit
def first_layer(c, parts, table, channels, sizes, config: tl.constexpr):
    """z_c of a tile of pairs."""
    row, col, weight = parts
    real: tl.constexpr = weight.dtype.element_ty
    z = tl.load(row + c * sizes.points).to(real) + tl.load(col + c * sizes.points).to(real)
    if table is not None:
        z += tl.load(table + c * sizes.offsets).to(real)
    for m in tl.static_range(config.channels):
        z += channels[m] * tl.load(weight + m * config.hidden + c)
    return z


@triton.jit
def pair_values(sources, g, cols, parts, table, channels, sizes, config: tl.constexpr):
    """k of a tile of pairs."""
    real: tl.constexpr = sources.out.dtype.element_ty
    head = g % sizes.heads
    k = tl.zeros([config.tile, config.step], real) + tl.load(sources.out_bias + head)
    for c in tl.range(config.hidden, loop_unroll_factor=UNROLL):
        value, _ = activate(first_layer(c, parts, table, channels, sizes, config), config)
        k += value * tl.load(sources.out + head * config.hidden + c)
    if sources.shift is not None:
        k += tl.load(sources.shift + g * sizes.points + cols).to(real)
    return k


@triton.jit
def visible_pairs(i, j, sizes, config: tl.constexpr):
    visible = (i < sizes.points) & (j < sizes.points)
    if config.causal:
        visible = visible & (j <= i)
    return visible
