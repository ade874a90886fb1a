"""One chunk of pairs: a row i with a vector of columns j, from per-point parts to k. Both fused passes use it."""

from typing import Any, NamedTuple

from itnas.operator.plans.simd_math_numba import cos, erf, exp, relu, root, sin, step
from itnas.operator.plans.simd_numba import address, at, fill, lanes_of, load, put, store
from itnas.operator.plans.team_numba import inlined, uncounted

IDENTITY, RELU, RELU2, SILU, GELU, SIN = range(6)
LINK_IDENTITY, LINK_SIGMOID, LINK_SOFTMAX = range(3)


Flat = Any  # a pointer to compiled code, a tensor to whoever fills the frame


class Sizes(NamedTuple):
    """Extents and choices. The `*_batch` and `*_heads` are strides in units of samples and heads: 0 where shared."""

    batch: int
    heads: int
    points: int
    padded: int
    hidden: int
    depth: int
    table: int  # padded length of the reversed table, 0 without one
    table_centre: int  # where the zero offset stands in it
    products: int
    product_dim: int
    axes: int  # axes of `place`
    offsets: int  # how many offset channels: `axes`, or 0
    distance: int
    ticking: int
    channels: int
    width: int
    row_batch: int
    col_batch: int
    query_batch: int
    key_batch: int
    place_batch: int
    place_heads: int
    shift_batch: int
    shift_heads: int
    shifted: int  # whether there is a shift
    activation: int
    link: int
    causal: int
    splits: int


class Inputs(NamedTuple):
    """Flat arrays; [..] are their axes. Positions and clock come as two floats whose sum is the float64 value."""

    row: Flat  # [B|1, H, N, h]
    col: Flat  # [B|1, H, h, N+]
    table: Flat  # [H, h, L+], offsets in reverse
    row_code: Flat  # [N], int64
    col_code: Flat  # [N+], int64
    query: Flat  # [B|1, H, N, P d]
    key: Flat  # [B|1, H, P d, N+]
    place: Flat  # [B|1, H|1, A, 2, N+]; one a head where replicas stand in the head axis, each with its own points
    clock: Flat  # [B, H, 2, N+]
    weight: Flat  # [H, M, h], channels: products, offsets, distance, clock
    hidden: Flat  # [H, depth - 1, h, h]
    hidden_bias: Flat  # [H, depth - 1, h]
    out: Flat  # [H, h]
    out_bias: Flat  # [H]
    shift: Flat  # [B|1, H|1, N+], or empty
    values: Flat  # [B, H, D, N+]


@inlined
def activate(activation, value, slope, start, count):
    """Replace `count` vectors z of `value` by act(z), and leave the derivatives in `slope`."""
    lanes = lanes_of(value)
    stop = start + count * lanes
    if activation == RELU:
        for place in range(start, stop, lanes):
            z = load(value, place)
            store(slope, place, step(z))
            store(value, place, relu(z))
    elif activation == RELU2:
        for place in range(start, stop, lanes):
            positive = relu(load(value, place))
            store(slope, place, positive * 2.0)
            store(value, place, positive * positive)
    elif activation == SILU:
        for place in range(start, stop, lanes):
            z = load(value, place)
            gate = 1.0 / (exp(z * -1.0) + 1.0)
            store(slope, place, gate * (z * (1.0 - gate) + 1.0))
            store(value, place, z * gate)
    elif activation == GELU:
        for place in range(start, stop, lanes):
            z = load(value, place)
            below = erf(z * 0.7071067811865476) * 0.5 + 0.5
            store(slope, place, below + z * exp(z * z * -0.5) * 0.3989422804014327)
            store(value, place, z * below)
    elif activation == SIN:
        for place in range(start, stop, lanes):
            z = load(value, place)
            store(slope, place, cos(z))
            store(value, place, sin(z))
    else:
        for place in range(start, stop, lanes):
            store(slope, place, fill(slope, 1.0))


@inlined
def pair_channels(inputs, sizes, b, h, i, j, channels):
    """Products, offsets, distance and elapsed clock of point i with the chunk at j, into `channels` [M, lanes]."""
    lanes, padded = lanes_of(channels), sizes.padded
    wide = sizes.products * sizes.product_dim
    query = ((b * sizes.query_batch * sizes.heads + h) * sizes.points + i) * wide
    key = (b * sizes.key_batch * sizes.heads + h) * wide * padded + j
    for p in range(sizes.products):
        product = fill(channels, 0.0)
        for e in range(p * sizes.product_dim, (p + 1) * sizes.product_dim):
            product = product + load(inputs.key, key + e * padded) * at(inputs.query, query + e)
        store(channels, p * lanes, product)
    channel = sizes.products
    square = fill(channels, 0.0)
    for axis in range(sizes.axes):
        place = ((b * sizes.place_batch + h * sizes.place_heads) * sizes.axes + axis) * 2 * padded
        delta = at(inputs.place, place + i) - load(inputs.place, place + j)
        delta = delta + (at(inputs.place, place + padded + i) - load(inputs.place, place + padded + j))
        if sizes.offsets > 0:
            store(channels, channel * lanes, delta)
            channel += 1
        square = square + delta * delta
    if sizes.distance > 0:
        store(channels, channel * lanes, root(square))
        channel += 1
    if sizes.ticking > 0:
        clock = (b * sizes.heads + h) * 2 * padded
        elapsed = at(inputs.clock, clock + i) - load(inputs.clock, clock + j)
        elapsed = elapsed + (at(inputs.clock, clock + padded + i) - load(inputs.clock, clock + padded + j))
        store(channels, channel * lanes, elapsed)


@inlined
def gather_table(inputs, sizes, h, i, j, gathered):
    """C of point i with the chunk at j. Returns where its first channel lies and the channels' distance.

    Where the chunk's codes are consecutive this is the table itself; elsewhere (a grid's line breaks) entries are
    collected.
    """
    lanes = lanes_of(gathered)
    base = h * sizes.hidden * sizes.table + sizes.table_centre - at(inputs.row_code, i)
    if at(inputs.col_code, j + lanes - 1) - at(inputs.col_code, j) == lanes - 1:
        return True, base + at(inputs.col_code, j)
    for c in range(sizes.hidden):
        for lane in range(lanes):
            entry = at(inputs.table, base + c * sizes.table + at(inputs.col_code, j + lane))
            put(gathered, c * lanes + lane, entry)
    return False, base


@uncounted
def per_point(width, row, col, padded, z):
    """z_c = row_c + col_c."""
    for c in range(width):
        store(z, c * lanes_of(z), load(col, c * padded) + at(row, c))


@uncounted
def per_point_and_offset(width, row, col, padded, offset, stride, z):
    """z_c = row_c + col_c + offset_c."""
    for c in range(width):
        store(z, c * lanes_of(z), load(col, c * padded) + load(offset, c * stride) + at(row, c))


@uncounted
def per_point_offset_and_channel(width, row, col, padded, offset, stride, channel, weight, z):
    """z_c = row_c + col_c + offset_c + w_c channel, the usual case in one pass."""
    for c in range(width):
        pair = load(offset, c * stride) + channel * at(weight, c)
        store(z, c * lanes_of(z), load(col, c * padded) + at(row, c) + pair)


@uncounted
def add_channel(width, channel, weight, z):
    """z_c += w_c channel."""
    value = load(channel, 0)
    for c in range(width):
        place = c * lanes_of(z)
        store(z, place, load(z, place) + value * at(weight, c))


@inlined
def evaluate(inputs, sizes, b, h, i, j, channels, gathered, value, slope):
    """k of point i with the chunk at j. Leaves each layer's activations and derivatives in `value` and `slope`."""
    lanes, width = lanes_of(value), sizes.hidden
    pair_channels(inputs, sizes, b, h, i, j, channels)
    direct, table = True, 0
    if sizes.table > 0:
        direct, table = gather_table(inputs, sizes, h, i, j, gathered)
    row = ((b * sizes.row_batch * sizes.heads + h) * sizes.points + i) * width
    col = (b * sizes.col_batch * sizes.heads + h) * width * sizes.padded + j
    weight = h * sizes.channels * width
    rows, cols, target = address(inputs.row, row), address(inputs.col, col), value
    offsets, stride = gathered, lanes
    if direct:
        offsets, stride = address(inputs.table, table), sizes.table
    done = 0
    if sizes.table > 0 and sizes.channels > 0:
        done, weights = 1, address(inputs.weight, weight)
        per_point_offset_and_channel(
            width, rows, cols, sizes.padded, offsets, stride, load(channels, 0), weights, target
        )
    elif sizes.table > 0:
        per_point_and_offset(width, rows, cols, sizes.padded, offsets, stride, target)
    else:
        per_point(width, rows, cols, sizes.padded, target)
    for m in range(done, sizes.channels):
        add_channel(width, address(channels, m * lanes), address(inputs.weight, weight + m * width), target)
    for layer in range(max(sizes.depth, 1)):
        if layer > 0:
            bias = (h * (sizes.depth - 1) + layer - 1) * width
            for c in range(width):
                z = fill(value, at(inputs.hidden_bias, bias + c))
                for e in range(width):
                    z = z + load(value, ((layer - 1) * width + e) * lanes) * at(inputs.hidden, (bias + c) * width + e)
                store(value, (layer * width + c) * lanes, z)
        activate(sizes.activation, value, slope, layer * width * lanes, width)
    k = fill(value, at(inputs.out_bias, h))
    last = max(sizes.depth - 1, 0) * width
    for c in range(width):
        k = k + load(value, (last + c) * lanes) * at(inputs.out, h * width + c)
    if sizes.shifted > 0:
        k = k + load(inputs.shift, (b * sizes.shift_batch + h * sizes.shift_heads) * sizes.padded + j)
    return k
