"""The fused CPU kernel: first layer, kernel MLP, link and the sum over j in one pass over pairs, forward and backward.

Pairs are visited in chunks: one row i, one vector of columns j. A chunk's pair channels, activations and gradients
live in buffers of a few kilobytes, so nothing of size N x N is stored. The backward pass computes a chunk's k again,
then its gradients; sums over rows (for columns, table and weights) are kept per task and added up by the caller. A
task is one (sample, head, share of the rows); tasks run in parallel.

Compiled without reference counts (`_nrt=False`): inside the loops each use of an array would count up and down. So
nothing is allocated here: `work` is the calling thread's memory.

All arrays are flat and contiguous. Columns are padded to whole vectors, with the point axis last, and read backwards
into the offset table, so that a chunk of a sequence is one load everywhere.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from itnas.operator.plans.fused_chunk_numba import LINK_SIGMOID, LINK_SOFTMAX, Flat, evaluate
from itnas.operator.plans.simd_numba import (
    accumulate,
    address,
    at,
    exp,
    fill,
    first_lanes,
    lanes_of,
    load,
    store,
    total,
)


class Gradients(NamedTuple):
    """Flat arrays like the inputs'. Those that begin with T hold one entry per task."""

    row: Flat  # [B, H, N, h]
    col: Flat  # [T, h, N+]
    table: Flat  # [T, h, L+]
    query: Flat  # [B, H, N, P d]
    key: Flat  # [T, P d, N+]
    clock_row: Flat  # [B, H, N]
    clock_col: Flat  # [T, N+]
    weight: Flat  # [T, M, h]
    hidden: Flat  # [T, depth - 1, h, h]
    hidden_bias: Flat  # [T, depth - 1, h]
    out: Flat  # [T, h]
    out_bias: Flat  # [T]
    shift: Flat  # [T, N+]
    values: Flat  # [T, D, N+]


GAP = 1024  # numbers between two threads' memory: neighbouring cache lines that both write slow each other down


@njit(_nrt=False)
def workspace(sizes, lanes):
    """Numbers of working memory that a thread needs for either pass."""
    layers, wide = max(sizes.depth, 1), sizes.products * sizes.product_dim
    units = 2 * layers + 5 + (layers - 1) * (1 + sizes.hidden) + sizes.channels
    backward_needs = (units * sizes.hidden + wide + 2 * sizes.channels) * lanes
    forward_needs = (3 * layers * sizes.hidden + sizes.channels + sizes.width) * lanes + sizes.padded
    return max(backward_needs, forward_needs) + GAP


@njit(_nrt=False)
def forward_task(inputs, sizes, work, y, lse, task):
    """y [B, H, N, D], and for softmax the log of its denominator, lse [B, H, N], at the rows of one task."""
    pair, share = task // sizes.splits, task % sizes.splits
    b, h = pair // sizes.heads, pair % sizes.heads
    lanes, unit = lanes_of(y), max(sizes.depth, 1) * sizes.hidden * lanes_of(y)
    value, slope, gathered = work[:unit], work[unit : 2 * unit], work[2 * unit : 3 * unit]
    rest = work[3 * unit :]
    channels, rest = rest[: sizes.channels * lanes], rest[sizes.channels * lanes :]
    summed, scores = rest[: sizes.width * lanes], rest[sizes.width * lanes :]
    for i in range(share, sizes.points, sizes.splits):
        seen = i + 1 if sizes.causal else sizes.points
        for place in range(summed.size):
            summed[place] = 0.0
        if sizes.link == LINK_SOFTMAX:
            top = -np.inf
            for j in range(0, seen, lanes):
                store(scores, j, evaluate(inputs, sizes, b, h, i, j, channels, gathered, value, slope))
            for j in range(seen):
                top = max(top, scores[j])
            if top == -np.inf:
                top = 0.0
            mass = fill(y, 0.0)
            for j in range(0, seen, lanes):
                g = first_lanes(exp(load(scores, j) - top), seen - j, fill(y, 0.0))
                mass = mass + g
                add_values(inputs, sizes, pair, j, g, summed)
            weight = total(mass)
            scale = 1.0 / weight if weight > 0 else 0.0
            lse[pair * sizes.points + i] = top + np.log(weight) if weight > 0 else np.inf
        else:
            scale = 1.0
            for j in range(0, seen, lanes):
                g = evaluate(inputs, sizes, b, h, i, j, channels, gathered, value, slope)
                if sizes.link == LINK_SIGMOID:
                    g = 1.0 / (exp(g * -1.0) + 1.0)
                add_values(inputs, sizes, pair, j, first_lanes(g, seen - j, fill(y, 0.0)), summed)
        for d in range(sizes.width):
            y[(pair * sizes.points + i) * sizes.width + d] = total(load(summed, d * lanes)) * scale


@njit(forceinline=True, _nrt=False)
def add_values(inputs, sizes, pair, j, g, summed):
    """summed[d] += g v_d over a chunk."""
    lanes = lanes_of(summed)
    for d in range(sizes.width):
        accumulate(summed, d * lanes, load(inputs.values, (pair * sizes.width + d) * sizes.padded + j) * g)


@njit(_nrt=False)
def backward_task(inputs, sizes, work, grad, dots, lse, gradients, task):
    """Gradients of all inputs for `grad` [B, H, N, D]; `dots` [B, H, N] is grad . y, which softmax subtracts.

    Running sums that outlive a chunk stand in small buffers, one vector per number.
    """
    pair, share = task // sizes.splits, task % sizes.splits
    b, h = pair // sizes.heads, pair % sizes.heads
    lanes, width, wide = lanes_of(grad), sizes.hidden, sizes.products * sizes.product_dim
    layers = max(sizes.depth, 1)
    unit = width * lanes
    clear(address(work, 0), workspace(sizes, lanes), fill(work, 0.0))
    clear_sums(sizes, gradients, task)
    value, slope, rest = work[: layers * unit], work[layers * unit : 2 * layers * unit], work[2 * layers * unit :]
    gathered, pull, below, rest = rest[:unit], rest[unit : 2 * unit], rest[2 * unit : 3 * unit], rest[3 * unit :]
    # The first three stand one behind the other: one pointer reaches them all.
    sums, row_sums, out_sums, weight_sums = rest, rest[:unit], rest[unit : 2 * unit], rest[2 * unit :]
    weight_sums, rest = weight_sums[: sizes.channels * unit], weight_sums[sizes.channels * unit :]
    bias_sums, rest = rest[: (layers - 1) * unit], rest[(layers - 1) * unit :]
    hidden_sums, rest = rest[: (layers - 1) * width * unit], rest[(layers - 1) * width * unit :]
    query_sums, rest = rest[: wide * lanes], rest[wide * lanes :]
    channels, channel_pull = rest[: sizes.channels * lanes], rest[sizes.channels * lanes : 2 * sizes.channels * lanes]
    k_sum = fill(grad, 0.0)
    for i in range(share, sizes.points, sizes.splits):
        seen = i + 1 if sizes.causal else sizes.points
        point = pair * sizes.points + i
        clock_sum = fill(grad, 0.0)
        for j in range(0, seen, lanes):
            k = evaluate(inputs, sizes, b, h, i, j, channels, gathered, value, slope)
            g_pull = fill(grad, 0.0)
            for d in range(sizes.width):
                v = load(inputs.values, (pair * sizes.width + d) * sizes.padded + j)
                g_pull = g_pull + v * at(grad, point * sizes.width + d)
            g = k
            k_pull = g_pull
            if sizes.link == LINK_SIGMOID:
                g = 1.0 / (exp(k * -1.0) + 1.0)
                k_pull = g_pull * g * (1.0 - g)
            elif sizes.link == LINK_SOFTMAX:
                g = exp(k - lse[point])
                k_pull = g * (g_pull - dots[point])
            if seen - j < lanes:
                g = first_lanes(g, seen - j, fill(grad, 0.0))
                k_pull = first_lanes(k_pull, seen - j, fill(grad, 0.0))
            for d in range(sizes.width):
                place = (task * sizes.width + d) * sizes.padded + j
                accumulate(gradients.values, place, g * at(grad, point * sizes.width + d))
            if inputs.shift.size > 0:
                accumulate(gradients.shift, task * sizes.padded + j, k_pull)
            k_sum = k_sum + k_pull
            consecutive = at(inputs.col_code, j + lanes - 1) - at(inputs.col_code, j) == lanes - 1
            if layers == 1 and sizes.channels == 1 and sizes.table > 0 and consecutive:
                table = (
                    task * width * sizes.table + sizes.table_centre - at(inputs.row_code, i) + at(inputs.col_code, j)
                )
                back = through_usual(
                    width,
                    k_pull,
                    load(channels, 0),
                    address(value, 0),
                    address(slope, 0),
                    address(inputs.out, h * width),
                    address(inputs.weight, h * width),
                    address(sums, 0),
                    address(gradients.col, task * width * sizes.padded + j),
                    sizes.padded,
                    address(gradients.table, table),
                    sizes.table,
                )
                store(channel_pull, 0, back)
            else:
                last = (layers - 1) * width
                through_output(
                    width,
                    k_pull,
                    address(value, last * lanes),
                    address(slope, last * lanes),
                    address(inputs.out, h * width),
                    address(out_sums, 0),
                    address(pull, 0),
                )
                for layer in range(layers - 2, -1, -1):
                    through_layer(inputs, sizes, h, layer, value, slope, pull, below, hidden_sums, bias_sums)
                first_layer_pull(
                    inputs, sizes, task, h, i, j, channels, channel_pull, pull, row_sums, weight_sums, gradients
                )
            for m in range(sizes.products):
                for e in range(m * sizes.product_dim, (m + 1) * sizes.product_dim):
                    p_pull = load(channel_pull, m * lanes)
                    place = ((b * sizes.key_batch * sizes.heads + h) * wide + e) * sizes.padded + j
                    accumulate(query_sums, e * lanes, load(inputs.key, place) * p_pull)
                    q = at(inputs.query, ((b * sizes.query_batch * sizes.heads + h) * sizes.points + i) * wide + e)
                    accumulate(gradients.key, (task * wide + e) * sizes.padded + j, p_pull * q)
            if sizes.ticking > 0:
                ticked = load(channel_pull, (sizes.channels - 1) * lanes)
                clock_sum = clock_sum + ticked
                accumulate(gradients.clock_col, task * sizes.padded + j, ticked * -1.0)
        drain(row_sums, gradients.row, point * width)
        drain(query_sums, gradients.query, point * wide)
        if sizes.ticking > 0:
            gradients.clock_row[point] = total(clock_sum)
    drain(out_sums, gradients.out, task * width)
    drain(weight_sums, gradients.weight, task * sizes.channels * width)
    drain(hidden_sums, gradients.hidden, task * (layers - 1) * width * width)
    drain(bias_sums, gradients.hidden_bias, task * (layers - 1) * width)
    gradients.out_bias[task] = total(k_sum)


@njit(forceinline=True, _nrt=False)
def through_layer(inputs, sizes, h, layer, value, slope, pull, below, hidden_sums, bias_sums):
    """Take `pull`, the gradient of a hidden layer's input, one layer down; add up the layer's weight gradients."""
    lanes, width = lanes_of(pull), sizes.hidden
    for e in range(width):
        store(below, e * lanes, fill(pull, 0.0))
    for c in range(width):
        s = load(pull, c * lanes)
        accumulate(bias_sums, (layer * width + c) * lanes, s)
        for e in range(width):
            place = (layer * width + c) * width + e
            accumulate(hidden_sums, place * lanes, load(value, (layer * width + e) * lanes) * s)
            weight = at(inputs.hidden, ((h * (sizes.depth - 1) + layer) * width + c) * width + e)
            accumulate(below, e * lanes, s * weight)
    for e in range(width):
        store(pull, e * lanes, load(below, e * lanes) * load(slope, (layer * width + e) * lanes))


@njit(_nrt=False)
def clear(numbers, count, zero):
    """Zeros, in whole vectors."""
    for place in range(0, count, lanes_of(numbers)):
        store(numbers, place, zero)


@njit(_nrt=False)
def clear_sums(sizes, gradients, task):
    """Zeros where the task adds up: the memory comes as it was left, and is warm when the task begins."""
    padded, zero = sizes.padded, fill(gradients.col, 0.0)
    wide = sizes.products * sizes.product_dim
    clear(address(gradients.col, task * sizes.hidden * padded), sizes.hidden * padded, zero)
    clear(address(gradients.key, task * wide * padded), wide * padded, zero)
    clear(address(gradients.values, task * sizes.width * padded), sizes.width * padded, zero)
    for place in range(task * sizes.hidden * sizes.table, (task + 1) * sizes.hidden * sizes.table):
        gradients.table[place] = 0.0
    if gradients.shift.size > 0:
        clear(address(gradients.shift, task * padded), padded, zero)
    if sizes.ticking > 0:
        clear(address(gradients.clock_col, task * padded), padded, zero)


@njit(_nrt=False)
def through_usual(width, k_pull, channel, value, slope, out, weight, sums, col, padded, table, stride):
    """Depth 0 or 1, one channel and a table, the usual case in one pass; returns the gradient of the channel.

    `sums` holds those of row, `out` and weight one behind the other.
    """
    back = channel * 0.0
    unit = width * lanes_of(value)
    for c in range(width):
        place = c * lanes_of(value)
        s = load(slope, place) * k_pull * at(out, c)
        accumulate(sums, place, s)
        accumulate(sums, place + unit, load(value, place) * k_pull)
        accumulate(sums, place + 2 * unit, channel * s)
        accumulate(col, c * padded, s)
        accumulate(table, c * stride, s)
        back = back + s * at(weight, c)
    return back


@njit(_nrt=False)
def through_output(width, k_pull, value, slope, out, out_sums, pull):
    """Through k = out . act(z): add up the gradient of `out`, leave that of z in `pull`."""
    for c in range(width):
        place = c * lanes_of(pull)
        accumulate(out_sums, place, load(value, place) * k_pull)
        store(pull, place, load(slope, place) * k_pull * at(out, c))


@njit(forceinline=True, _nrt=False)
def first_layer_pull(inputs, sizes, task, h, i, j, channels, channel_pull, pull, row_sums, weight_sums, gradients):
    """Share the gradient of the first layer's output between row, column, table and channels."""
    lanes, width = lanes_of(pull), sizes.hidden
    pulled = address(pull, 0)
    to_points(
        width, pulled, address(row_sums, 0), address(gradients.col, task * width * sizes.padded + j), sizes.padded
    )
    for m in range(sizes.channels):
        weight = address(inputs.weight, (h * sizes.channels + m) * width)
        sums = address(weight_sums, m * width * lanes)
        store(channel_pull, m * lanes, to_channel(width, pulled, load(channels, m * lanes), weight, sums))
    if sizes.table > 0:
        table = task * width * sizes.table + sizes.table_centre - at(inputs.row_code, i)
        if at(inputs.col_code, j + lanes - 1) - at(inputs.col_code, j) == lanes - 1:
            to_offsets(width, pulled, address(gradients.table, table + at(inputs.col_code, j)), sizes.table)
        else:
            for c in range(width):
                for lane in range(lanes):
                    gradients.table[table + c * sizes.table + inputs.col_code[j + lane]] += pull[c * lanes + lane]


@njit(_nrt=False)
def to_points(width, pull, row_sums, col, padded):
    """Add the gradient of z to the row's sums and to the columns."""
    for c in range(width):
        s = load(pull, c * lanes_of(pull))
        accumulate(row_sums, c * lanes_of(pull), s)
        accumulate(col, c * padded, s)


@njit(_nrt=False)
def to_offsets(width, pull, table, stride):
    """Add the gradient of z to consecutive entries of the table."""
    for c in range(width):
        accumulate(table, c * stride, load(pull, c * lanes_of(pull)))


@njit(_nrt=False)
def to_channel(width, pull, channel, weight, sums):
    """The gradient of one pair channel; that of its weights is added to `sums`."""
    back = channel * 0.0
    for c in range(width):
        s = load(pull, c * lanes_of(pull))
        accumulate(sums, c * lanes_of(pull), channel * s)
        back = back + s * at(weight, c)
    return back


@njit(forceinline=True, _nrt=False)
def drain(sums, target, start):
    """target[start + n] = the sum over lanes of sums[n]; the sums start again at 0."""
    lanes = lanes_of(sums)
    for n in range(sums.size // lanes):
        target[start + n] = total(load(sums, n * lanes))
        store(sums, n * lanes, fill(sums, 0.0))
