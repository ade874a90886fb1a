"""The fused CPU kernel: first layer, kernel MLP, link and the sum over j in one pass over pairs, forward and backward.

Pairs are visited in chunks: one row i, one vector of columns j. A chunk's pair channels, activations and gradients
live in buffers of a few kilobytes, so nothing of size N x N is stored. The backward pass computes a chunk's k again,
then its gradients; sums over rows (for columns, table and weights) are kept per task and added up by the caller. A
task is one (sample, head, share of the rows); tasks run in parallel.

Compiled without reference counts (`_nrt=False`): inside the loops each use of an array would count up and down. So
nothing is allocated here: `work` is the calling thread's memory.

All arrays are flat and contiguous, and reached by pointers. Columns are padded to whole vectors, with the point axis
last, and read backwards into the offset table, so that a chunk of a sequence is one load everywhere.
"""

from typing import NamedTuple

import numpy as np

from itnas.operator.plans.fused_chunk_numba import LINK_SIGMOID, LINK_SOFTMAX, Flat, evaluate
from itnas.operator.plans.fused_pull_numba import (
    clear,
    clear_sums,
    drain,
    first_layer_pull,
    through_layer,
    through_output,
    through_usual,
)
from itnas.operator.plans.simd_math_numba import exp
from itnas.operator.plans.simd_numba import (
    accumulate,
    address,
    at,
    fill,
    first_lanes,
    lanes_of,
    load,
    put,
    store,
    total,
)
from itnas.operator.plans.team_numba import inlined, uncounted


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


@uncounted
def workspace(sizes, lanes):
    """Numbers of working memory that a thread needs for either pass."""
    layers, wide = max(sizes.depth, 1), sizes.products * sizes.product_dim
    units = 2 * layers + 5 + (layers - 1) * (1 + sizes.hidden) + sizes.channels
    backward_needs = (units * sizes.hidden + wide + 2 * sizes.channels) * lanes
    forward_needs = (3 * layers * sizes.hidden + sizes.channels + sizes.width) * lanes + sizes.padded
    return max(backward_needs, forward_needs) + GAP


@uncounted
def forward_task(inputs, sizes, work, y, lse, task):
    """y [B, H, N, D], and for softmax the log of its denominator, lse [B, H, N], at the rows of one task."""
    pair, share = task // sizes.splits, task % sizes.splits
    b, h = pair // sizes.heads, pair % sizes.heads
    lanes, unit = lanes_of(y), max(sizes.depth, 1) * sizes.hidden * lanes_of(y)
    value, slope, gathered = work, address(work, unit), address(work, 2 * unit)
    channels = address(work, 3 * unit)
    summed = address(channels, sizes.channels * lanes)
    scores = address(summed, sizes.width * lanes)
    for i in range(share, sizes.points, sizes.splits):
        seen = i + 1 if sizes.causal else sizes.points
        clear(summed, sizes.width * lanes, fill(y, 0.0))
        for j in range(0, seen, lanes):
            store(scores, j, evaluate(inputs, sizes, b, h, i, j, channels, gathered, value, slope))
        top = 0.0
        if sizes.link == LINK_SOFTMAX:
            top = -np.inf
            for j in range(seen):
                top = max(top, at(scores, j))
            if top == -np.inf:
                top = 0.0
        mass = fill(y, 0.0)
        for j in range(0, seen, lanes):
            g = load(scores, j)
            if sizes.link == LINK_SOFTMAX:
                g = exp(g - top)
            elif sizes.link == LINK_SIGMOID:
                g = 1.0 / (exp(g * -1.0) + 1.0)
            g = first_lanes(g, seen - j, fill(y, 0.0))
            mass = mass + g
            add_values(inputs, sizes, pair, j, g, summed)
        scale = 1.0
        if sizes.link == LINK_SOFTMAX:
            weight = total(mass)
            scale = 1.0 / weight if weight > 0 else 0.0
            put(lse, pair * sizes.points + i, top + np.log(weight) if weight > 0 else np.inf)
        for d in range(sizes.width):
            put(y, (pair * sizes.points + i) * sizes.width + d, total(load(summed, d * lanes)) * scale)


@inlined
def add_values(inputs, sizes, pair, j, g, summed):
    """summed[d] += g v_d over a chunk."""
    lanes = lanes_of(summed)
    for d in range(sizes.width):
        accumulate(summed, d * lanes, load(inputs.values, (pair * sizes.width + d) * sizes.padded + j) * g)


@uncounted
def backward_task(inputs, sizes, work, grad, dots, lse, gradients, task):
    """Gradients of all inputs for `grad` [B, H, N, D]; `dots` [B, H, N] is grad . y, which softmax subtracts.

    Running sums that outlive a chunk stand in small buffers, one vector per number.
    """
    pair, share = task // sizes.splits, task % sizes.splits
    b, h = pair // sizes.heads, pair % sizes.heads
    lanes, width, wide = lanes_of(grad), sizes.hidden, sizes.products * sizes.product_dim
    layers = max(sizes.depth, 1)
    unit = width * lanes
    clear(work, workspace(sizes, lanes), fill(work, 0.0))
    clear_sums(sizes, gradients, task)
    value, slope, gathered = work, address(work, layers * unit), address(work, 2 * layers * unit)
    pull, below = address(gathered, unit), address(gathered, 2 * unit)
    # The next three stand one behind the other: one pointer reaches them all.
    row_sums, out_sums, weight_sums = address(below, unit), address(below, 2 * unit), address(below, 3 * unit)
    bias_sums = address(weight_sums, sizes.channels * unit)
    hidden_sums = address(bias_sums, (layers - 1) * unit)
    query_sums = address(hidden_sums, (layers - 1) * width * unit)
    channels = address(query_sums, wide * lanes)
    channel_pull = address(channels, sizes.channels * lanes)
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
                g = exp(k - at(lse, point))
                k_pull = g * (g_pull - at(dots, point))
            if seen - j < lanes:
                g = first_lanes(g, seen - j, fill(grad, 0.0))
                k_pull = first_lanes(k_pull, seen - j, fill(grad, 0.0))
            for d in range(sizes.width):
                place = (task * sizes.width + d) * sizes.padded + j
                accumulate(gradients.values, place, g * at(grad, point * sizes.width + d))
            if sizes.shifted > 0:
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
                    value,
                    slope,
                    address(inputs.out, h * width),
                    address(inputs.weight, h * width),
                    row_sums,
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
                    out_sums,
                    pull,
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
        drain(width, row_sums, gradients.row, point * width)
        drain(wide, query_sums, gradients.query, point * wide)
        if sizes.ticking > 0:
            put(gradients.clock_row, point, total(clock_sum))
    drain(width, out_sums, gradients.out, task * width)
    drain(sizes.channels * width, weight_sums, gradients.weight, task * sizes.channels * width)
    drain((layers - 1) * width * width, hidden_sums, gradients.hidden, task * (layers - 1) * width * width)
    drain((layers - 1) * width, bias_sums, gradients.hidden_bias, task * (layers - 1) * width)
    put(gradients.out_bias, task, total(k_sum))
