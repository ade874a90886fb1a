"""Steps of the fused backward pass: a chunk's gradients taken down through its layers, to points, offsets and channels.

Sums are kept lane by lane until a task has ended, and drained then.
"""

from itnas.operator.plans.simd_numba import accumulate, address, at, fill, lanes_of, load, put, store, total
from itnas.operator.plans.team_numba import inlined, uncounted


@inlined
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


@uncounted
def clear(numbers, count, zero):
    """Zeros, in whole vectors."""
    for place in range(0, count, lanes_of(numbers)):
        store(numbers, place, zero)


@uncounted
def clear_sums(sizes, gradients, task):
    """Zeros where the task adds up: the memory comes as it was left, and is warm when the task begins."""
    padded, zero = sizes.padded, fill(gradients.col, 0.0)
    wide = sizes.products * sizes.product_dim
    clear(address(gradients.col, task * sizes.hidden * padded), sizes.hidden * padded, zero)
    clear(address(gradients.key, task * wide * padded), wide * padded, zero)
    clear(address(gradients.values, task * sizes.width * padded), sizes.width * padded, zero)
    for place in range(task * sizes.hidden * sizes.table, (task + 1) * sizes.hidden * sizes.table):
        put(gradients.table, place, 0.0)
    if sizes.shifted > 0:
        clear(address(gradients.shift, task * padded), padded, zero)
    if sizes.ticking > 0:
        clear(address(gradients.clock_col, task * padded), padded, zero)


@uncounted
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


@uncounted
def through_output(width, k_pull, value, slope, out, out_sums, pull):
    """Through k = out . act(z): add up the gradient of `out`, leave that of z in `pull`."""
    for c in range(width):
        place = c * lanes_of(pull)
        accumulate(out_sums, place, load(value, place) * k_pull)
        store(pull, place, load(slope, place) * k_pull * at(out, c))


@inlined
def first_layer_pull(inputs, sizes, task, h, i, j, channels, channel_pull, pull, row_sums, weight_sums, gradients):
    """Share the gradient of the first layer's output between row, column, table and channels."""
    lanes, width = lanes_of(pull), sizes.hidden
    to_points(width, pull, row_sums, address(gradients.col, task * width * sizes.padded + j), sizes.padded)
    for m in range(sizes.channels):
        weight = address(inputs.weight, (h * sizes.channels + m) * width)
        sums = address(weight_sums, m * width * lanes)
        store(channel_pull, m * lanes, to_channel(width, pull, load(channels, m * lanes), weight, sums))
    if sizes.table > 0:
        table = task * width * sizes.table + sizes.table_centre - at(inputs.row_code, i)
        if at(inputs.col_code, j + lanes - 1) - at(inputs.col_code, j) == lanes - 1:
            to_offsets(width, pull, address(gradients.table, table + at(inputs.col_code, j)), sizes.table)
        else:
            for c in range(width):
                for lane in range(lanes):
                    place = table + c * sizes.table + at(inputs.col_code, j + lane)
                    put(gradients.table, place, at(gradients.table, place) + at(pull, c * lanes + lane))


@uncounted
def to_points(width, pull, row_sums, col, padded):
    """Add the gradient of z to the row's sums and to the columns."""
    for c in range(width):
        s = load(pull, c * lanes_of(pull))
        accumulate(row_sums, c * lanes_of(pull), s)
        accumulate(col, c * padded, s)


@uncounted
def to_offsets(width, pull, table, stride):
    """Add the gradient of z to consecutive entries of the table."""
    for c in range(width):
        accumulate(table, c * stride, load(pull, c * lanes_of(pull)))


@uncounted
def to_channel(width, pull, channel, weight, sums):
    """The gradient of one pair channel; that of its weights is added to `sums`."""
    back = channel * 0.0
    for c in range(width):
        s = load(pull, c * lanes_of(pull))
        accumulate(sums, c * lanes_of(pull), channel * s)
        back = back + s * at(weight, c)
    return back


@inlined
def drain(count, sums, target, start):
    """target[start + n] = the sum over lanes of sums[n], for so many n; the sums start again at 0."""
    lanes = lanes_of(sums)
    for n in range(count):
        put(target, start + n, total(load(sums, n * lanes)))
        store(sums, n * lanes, fill(sums, 0.0))
