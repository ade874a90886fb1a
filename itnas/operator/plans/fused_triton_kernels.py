"""Triton kernels of the `fused` plan, y and its gradients from tiles of pairs, nothing N x N in memory.

`fused_arguments.py` states what is computed. With dp_ij = dy_i . v_j, and delta_i = dy_i . y_i for softmax,

    dk_ij = dp_ij g'(k_ij), or g(k_ij) (dp_ij - delta_i) for softmax;  dz_ijc = dk_ij out_c act'(z_ijc)
    dv_j = sum_i g(k_ij) dy_i,  dshift_j = sum_i dk_ij,  dout_c = sum_ij dk_ij act(z_ijc)
    drow_i = sum_j dz_ij,  dcol_j = sum_i dz_ij,  dtable_l = sum over the pairs of offset l of dz_ij
    dw_mc = sum_ij dz_ijc ch_m(i, j)
    dq_ip = sum_j (sum_c w_pc dz_ijc) k_jp,  dk_jp = sum_i (sum_c w_pc dz_ijc) q_ip

Every sum has one owner: rows, columns and table offsets each have a kernel that recomputes the pairs it needs, so that
no two programs add to one number and results repeat bit for bit. A program owns `tile` rows, columns or offsets, the
first axis of its tiles of pairs, and meets the points of the other side in steps. Hidden units are visited one by one;
only the pair channels and a few tiles of one unit live in registers.
"""

# Triton compiles these functions from their source: tiles have no Python types, and tuples of them grow.
# mypy: ignore-errors
# It knows neither `(*parts, part)` nor code that an early return makes unreachable.
# ruff: noqa: RUF005, RET505

from __future__ import annotations

import triton
import triton.language as tl

from itnas.operator.plans.fused_triton_pairs import (
    UNROLL,
    activate,
    add_features,
    first_layer,
    inner_products,
    pair_values,
    paired_products,
    parts_at,
    product_at,
    product_channels,
    relative_channels,
    sigmoid,
    store_features,
    table_at,
    visible_pairs,
    zero_tiles,
)
from itnas.operator.plans.fused_triton_pull import add_products, pull_back, pull_products, put, store_products


@triton.jit
def own_points(sizes, config: tl.constexpr):
    """Which head of which sample a program serves, and its points: as numbered, and clamped to those that exist."""
    blocks = tl.cdiv(sizes.points, config.tile)
    point = tl.program_id(0) % blocks * config.tile + tl.arange(0, config.tile)
    return (tl.program_id(0) // blocks).to(tl.int64), point, tl.minimum(point, sizes.points - 1)


@triton.jit
def other_points(start, sizes, config: tl.constexpr):
    point = start + tl.arange(0, config.step)
    return point, tl.minimum(point, sizes.points - 1)


@triton.jit
def seen_columns(i, sizes, config: tl.constexpr):
    """One past the last column that some rows see."""
    if config.causal:
        return tl.minimum(tl.max(i) + 1, sizes.points)
    else:
        return sizes.points


@triton.jit
def seeing_rows(j, config: tl.constexpr):
    """The first row that sees some columns, or one a little before it."""
    if config.causal:
        return tl.min(j) // config.step * config.step
    else:
        return 0


@triton.jit
def forward_kernel(sources, y, lse, sizes, config: tl.constexpr):
    """y [G, N, D] of a tile of rows, and for softmax lse [G, N]. Softmax keeps a running maximum and rescales."""
    real: tl.constexpr = sources.out.dtype.element_ty
    g, i, rows = own_points(sizes, config)
    row = rows[:, None]
    value_at = sources.value + g * config.width * sizes.points
    total = tl.zeros([config.tile, config.width_pad], real)
    top = tl.full([config.tile], float("-inf"), real)
    mass = tl.zeros([config.tile], real)
    for start in range(0, seen_columns(i, sizes, config), config.step):
        j, cols = other_points(start, sizes, config)
        col = cols[None, :]
        channels = product_channels(sources.query, rows, sources.key, cols, g, sizes, config, real)
        channels = channels + relative_channels(sources, g, row, col, sizes, config)
        parts = parts_at(sources, g, row, col, sizes, config)
        table = None
        if sources.table is not None:
            table = table_at(sources, g, row, col, sizes, config)
        k = pair_values(sources, g, col, parts, table, channels, sizes, config)
        visible = visible_pairs(i[:, None], j[None, :], sizes, config)
        if config.link == "softmax":
            k = tl.where(visible, k, float("-inf"))
            higher = tl.maximum(top, tl.max(k, 1))
            anchor = tl.where(higher == float("-inf"), 0.0, higher)
            weight = tl.exp(k - anchor[:, None])
            fade = tl.exp(top - anchor)
            mass = mass * fade + tl.sum(weight, 1)
            total = total * fade[:, None]
            top = higher
        elif config.link == "sigmoid":
            weight = tl.where(visible, sigmoid(k), 0.0)
        else:
            weight = tl.where(visible, k, 0.0)
        total = add_features(total, weight, value_at, cols, config.width, sizes, config)
    if config.link == "softmax":
        tl.store(lse + g * sizes.points + i, top + tl.log(mass), mask=i < sizes.points)
        total = total / tl.where(mass == 0, 1.0, mass)[:, None]
    store_features(y + g * sizes.points * config.width, total, i, i < sizes.points, config.width, config.width)


@triton.jit
def rows_kernel(sources, upstream, row_grad, query_grad, weight_grad, sizes, config: tl.constexpr):
    """Gradients of a tile of rows: [G, N, h], [G, N, P, d], and its share of the weights' [G, tiles, M + 1, h].

    The last line of the weights' is the gradient of `out`.
    """
    real: tl.constexpr = sources.out.dtype.element_ty
    g, i, rows = own_points(sizes, config)
    row = rows[:, None]
    out = sources.out + (g % sizes.heads) * config.hidden
    grad_at = upstream.grad + g * config.width * sizes.points
    value_at = sources.value + g * config.width * sizes.points
    channel = tl.arange(0, config.channel_pad)
    row_sums = tl.zeros([config.tile, config.hidden_pad], real)
    weight_sums = tl.zeros([config.channel_pad, config.hidden_pad], real)
    query_sums = zero_tiles(config.products, [config.tile, config.product_pad], real)
    for start in range(0, seen_columns(i, sizes, config), config.step):
        j, cols = other_points(start, sizes, config)
        col = cols[None, :]
        channels = product_channels(sources.query, rows, sources.key, cols, g, sizes, config, real)
        channels = channels + relative_channels(sources, g, row, col, sizes, config)
        parts = parts_at(sources, g, row, col, sizes, config)
        table = None
        if sources.table is not None:
            table = table_at(sources, g, row, col, sizes, config)
        dp = inner_products(grad_at, rows, value_at, cols, config.width, sizes, config, real)
        k = dp
        if config.link != "identity":  # whose slope does not depend on k
            k = pair_values(sources, g, col, parts, table, channels, sizes, config)
        visible = visible_pairs(i[:, None], j[None, :], sizes, config)
        _, dk = pull_back(k, dp, visible, upstream, g, row, sizes, config)
        products = zero_tiles(config.products, [config.tile, config.step], real)
        for c in tl.range(config.hidden, loop_unroll_factor=UNROLL):
            value, slope = activate(first_layer(c, parts, table, channels, sizes, config), config)
            dz = dk * tl.load(out + c) * slope
            row_sums = put(row_sums, c, tl.sum(dz, 1))
            shares = tl.where(channel == config.channels, tl.sum(dk * value), 0.0)
            for m in tl.static_range(config.channels):
                shares += tl.where(channel == m, tl.sum(dz * channels[m]), 0.0)
            weight_sums = put(weight_sums, c, shares)
            products = add_products(products, dz, parts, c, config)
        query_sums = pull_products(query_sums, products, sources.key, cols, g, sizes, config)
    seen = i < sizes.points
    store_features(row_grad + g * sizes.points * config.hidden, row_sums, i, seen, config.hidden, config.hidden)
    store_products(query_grad, query_sums, g, i, seen, sizes, config)
    at = weight_grad + tl.program_id(0).to(tl.int64) * (config.channels + 1) * config.hidden
    store_features(at, weight_sums, channel, channel <= config.channels, config.hidden, config.hidden)


@triton.jit
def cols_kernel(sources, upstream, value_grad, col_grad, key_grad, shift_grad, sizes, config: tl.constexpr):
    """Gradients of a tile of columns: [G, N, D], [G, N, h], [G, N, P, d] and [G, N]."""
    real: tl.constexpr = sources.out.dtype.element_ty
    g, j, cols = own_points(sizes, config)
    col = cols[:, None]
    out = sources.out + (g % sizes.heads) * config.hidden
    grad_at = upstream.grad + g * config.width * sizes.points
    value_at = sources.value + g * config.width * sizes.points
    value_sums = tl.zeros([config.tile, config.width_pad], real)
    col_sums = tl.zeros([config.tile, config.hidden_pad], real)
    shift_sums = tl.zeros([config.tile], real)
    key_sums = zero_tiles(config.products, [config.tile, config.product_pad], real)
    for start in range(seeing_rows(j, config), sizes.points, config.step):
        i, rows = other_points(start, sizes, config)
        row = rows[None, :]
        channels = product_channels(sources.key, cols, sources.query, rows, g, sizes, config, real)
        channels = channels + relative_channels(sources, g, row, col, sizes, config)
        parts = parts_at(sources, g, row, col, sizes, config)
        table = None
        if sources.table is not None:
            table = table_at(sources, g, row, col, sizes, config)
        dp = inner_products(value_at, cols, grad_at, rows, config.width, sizes, config, real)
        k = pair_values(sources, g, col, parts, table, channels, sizes, config)
        visible = visible_pairs(i[None, :], j[:, None], sizes, config)
        weight, dk = pull_back(k, dp, visible, upstream, g, row, sizes, config)
        value_sums = add_features(value_sums, weight, grad_at, rows, config.width, sizes, config)
        shift_sums += tl.sum(dk, 1)
        products = zero_tiles(config.products, [config.tile, config.step], real)
        for c in tl.range(config.hidden, loop_unroll_factor=UNROLL):
            _, slope = activate(first_layer(c, parts, table, channels, sizes, config), config)
            dz = dk * tl.load(out + c) * slope
            col_sums = put(col_sums, c, tl.sum(dz, 1))
            products = add_products(products, dz, parts, c, config)
        key_sums = pull_products(key_sums, products, sources.query, rows, g, sizes, config)
    seen = j < sizes.points
    store_features(value_grad + g * sizes.points * config.width, value_sums, j, seen, config.width, config.width)
    store_features(col_grad + g * sizes.points * config.hidden, col_sums, j, seen, config.hidden, config.hidden)
    store_products(key_grad, key_sums, g, j, seen, sizes, config)
    tl.store(shift_grad + g * sizes.points + j, shift_sums, mask=seen)


@triton.jit
def table_kernel(sources, upstream, point_of, table_grad, batch, samples, sizes, config: tl.constexpr):
    """Gradient of a tile of table offsets, summed over `samples` samples: [H, groups, L, h].

    Pairs are offsets x rows here, and each pair's column is looked up: `point_of` [L] is the point with a code, or -1.
    Columns are gathered instead of table entries; in exchange each offset's sum has one owner, where adding up from
    rows x columns would take an atomic addition per pair and hidden unit.
    """
    real: tl.constexpr = sources.out.dtype.element_ty
    blocks = tl.cdiv(sizes.offsets, config.tile)
    groups = tl.cdiv(batch, samples)
    part = tl.program_id(0) // blocks
    head, group = part // groups, part % groups
    offset = tl.program_id(0) % blocks * config.tile + tl.arange(0, config.tile)
    exists = offset < sizes.offsets
    offsets = tl.minimum(offset, sizes.offsets - 1)[:, None]
    out = sources.out + head * config.hidden
    table = sources.table + head * config.hidden * sizes.offsets + offsets
    sums = tl.zeros([config.tile, config.hidden_pad], real)
    for sample in range(group * samples, tl.minimum((group + 1) * samples, batch)):
        g = (sample * sizes.heads + head).to(tl.int64)
        grad_at = upstream.grad + g * config.width * sizes.points
        value_at = sources.value + g * config.width * sizes.points
        for start in range(0, sizes.points, config.step):
            i, rows = other_points(start, sizes, config)
            row = rows[None, :]
            code = tl.load(sources.row_code + row) - (offsets - sizes.centre)
            known = (code >= 0) & (code < sizes.offsets)
            j = tl.load(point_of + tl.where(known, code, 0))
            visible = known & (j >= 0) & exists[:, None] & visible_pairs(i[None, :], j, sizes, config)
            if tl.max(visible.to(tl.int32)) > 0:
                col = tl.where(visible, j, 0)
                channels = ()
                for p in tl.static_range(config.products):
                    query_at = product_at(sources.query, g, p, sizes, config)
                    key_at = product_at(sources.key, g, p, sizes, config)
                    product = paired_products(query_at, row, key_at, col, config.product_width, sizes, real)
                    channels = channels + (product,)
                channels = channels + relative_channels(sources, g, row, col, sizes, config)
                parts = parts_at(sources, g, row, col, sizes, config)
                dp = paired_products(grad_at, row, value_at, col, config.width, sizes, real)
                k = dp
                if config.link != "identity":
                    k = pair_values(sources, g, col, parts, table, channels, sizes, config)
                _, dk = pull_back(k, dp, visible, upstream, g, row, sizes, config)
                for c in tl.range(config.hidden, loop_unroll_factor=UNROLL):
                    _, slope = activate(first_layer(c, parts, table, channels, sizes, config), config)
                    sums = put(sums, c, tl.sum(dk * tl.load(out + c) * slope, 1))
    at = table_grad + part.to(tl.int64) * sizes.offsets * config.hidden
    store_features(at, sums, offset, exists, config.hidden, config.hidden)
