"""Exact sums over active pairs by sorting: O(N log N) for what looks like O(N^2).

relu(a_i + b_j) is active where b_j > -a_i. Visit receivers i by falling threshold -a_i; the senders j that become
active on the way join the running sums

    T0_i = sum_active v_j,    T1_i = sum_active b_j v_j,    T2_i = sum_active b_j^2 v_j

and every quantity of the plan is a polynomial in a_i with these moments. Under causality the points are split in two
halves again and again: the later half receives from the earlier one, the halves' orders are merged on the way up, and
short runs at the bottom are summed pair by pair. All sums are float64: for hat-shaped kernels the hidden units nearly
cancel.
"""

import numpy as np
from numba import carray

from itnas.operator.plans.simd_numba import fill, lanes_of, load, store
from itnas.operator.plans.team_numba import ARRAYS, array, inner, next_block

BASE = 16  # length of the runs that are summed pair by pair


@inner
def insertion_sort(order, keys, start, stop):
    """Sort order[start:stop] by rising keys."""
    for place in range(start + 1, stop):
        moving = order[place]
        key = keys[moving]
        while place > start and keys[order[place - 1]] > key:
            order[place] = order[place - 1]
            place -= 1
        order[place] = moving


@inner
def merge(order, spare, keys, start, middle, stop):
    """Merge two sorted runs of `order`."""
    left, right = start, middle
    for place in range(start, stop):
        if right >= stop or (left < middle and keys[order[left]] <= keys[order[right]]):
            spare[place] = order[left]
            left += 1
        else:
            spare[place] = order[right]
            right += 1
    order[start:stop] = spare[start:stop]


@inner
def join(sums, values, sender, key):
    """Add one sender to running moments [M, D]: sums[m] += key^m v."""
    width, lanes = values.shape[1], lanes_of(values)
    flat, running = values.reshape(-1), sums.reshape(-1)
    for d in range(0, width, lanes):
        v = load(flat, sender * width + d)
        for m in range(sums.shape[0]):
            store(running, m * width + d, load(running, m * width + d) + v)
            v = v * key


@inner
def sweep(receivers, senders, thresholds, keys, values, moments, sums):
    """Add to moments[i] what each receiver gets from the senders; both lists sorted by rising threshold and key."""
    lanes = lanes_of(values)
    running, found = sums.reshape(-1), moments.reshape(-1)
    for place in range(0, running.size, lanes):
        store(running, place, fill(running, 0.0))
    waiting = senders.size - 1
    for place in range(receivers.size - 1, -1, -1):
        i = receivers[place]
        while waiting >= 0 and keys[senders[waiting]] > thresholds[i]:
            join(sums, values, senders[waiting], keys[senders[waiting]])
            waiting -= 1
        for place in range(0, running.size, lanes):
            target = i * running.size + place
            store(found, target, load(found, target) + load(running, place))


@inner
def active_moments(a, b, values, direction, moments):
    """moments[i, m] = sum_j b_j^m v_j over active j: all (direction 0), j <= i (1) or j >= i (-1)."""
    points = a.size
    moments[:] = 0.0
    sums = np.empty(moments.shape[1:])
    thresholds = -a
    if direction == 0:
        sweep(np.argsort(thresholds), np.argsort(b), thresholds, b, values, moments, sums)
        return
    receivers, senders, spare = np.arange(points), np.arange(points), np.empty(points, np.int64)
    for start in range(0, points, BASE):
        stop = min(start + BASE, points)
        for i in range(start, stop):
            first, last = (start, i + 1) if direction > 0 else (i, stop)
            for j in range(first, last):
                if b[j] > thresholds[i]:
                    join(moments[i], values, j, b[j])
        insertion_sort(receivers, thresholds, start, stop)
        insertion_sort(senders, b, start, stop)
    half = BASE
    while half < points:
        for start in range(0, points - half, 2 * half):
            middle, stop = start + half, min(start + 2 * half, points)
            if direction > 0:
                sweep(receivers[middle:stop], senders[start:middle], thresholds, b, values, moments, sums)
            else:
                sweep(receivers[start:middle], senders[middle:stop], thresholds, b, values, moments, sums)
            merge(receivers, spare, thresholds, start, middle, stop)
            merge(senders, spare, b, start, middle, stop)
        half *= 2


@inner
def combine(moments, a, power, weight, target):
    """target_i += weight sum_active (a_i + b_j)^power v_j, by the binomial formula."""
    for i in range(a.size):
        for d in range(target.shape[1]):
            if power == 1:
                term = a[i] * moments[i, 0, d] + moments[i, 1, d]
            else:
                term = a[i] * (a[i] * moments[i, 0, d] + 2.0 * moments[i, 1, d]) + moments[i, 2, d]
            target[i, d] += weight * term


@inner
def slope(moments, a, power, weight, partner):
    """weight x partner_i . d/da_i sum_active (a_i + b_j)^power v_j, for each i."""
    found = np.empty(a.size)
    for i in range(a.size):
        dot = 0.0
        for d in range(partner.shape[1]):
            term = moments[i, 0, d]
            if power == 2:
                term = 2.0 * (a[i] * moments[i, 0, d] + moments[i, 1, d])
            dot += term * partner[i, d]
        found[i] = weight * dot
    return found


@inner
def forward_task(a, b, out, values, power, causal, y, task):
    """y[b, h, g, i] = sum_j sum_c out_c relu(a_ic + b_jc)^power v_j over the hidden units c of group g, for one (b, h,
    g).

    a, b [B|1, H, h, N], out [H, h], values [B, H, N, D], y [B, H, G, N, D]; unit c belongs to group c mod G.
    """
    _, heads, groups, points, width = y.shape
    n, h, g = task // (heads * groups), task // groups % heads, task % groups
    rows, cols = a[n % a.shape[0], h], b[n % b.shape[0], h]
    moments = np.empty((points, power + 1, width))
    y[n, h, g] = 0.0
    for c in range(g, out.shape[1], groups):
        active_moments(rows[c], cols[c], values[n, h], 1 if causal else 0, moments)
        combine(moments, rows[c], power, out[h, c], y[n, h, g])


@inner
def backward_task(a, b, out, values, grad, power, causal, a_grad, b_grad, out_grad, values_grad, task):
    """Gradients for one sample, head and group: the forward moments once more, then rows and columns exchanged.

    a_grad, b_grad [B, H, h, N], out_grad [B, H, h], values_grad [B, H, G, N, D].
    """
    _, heads, groups, points, width = values_grad.shape
    n, h, g = task // (heads * groups), task // groups % heads, task % groups
    rows, cols = a[n % a.shape[0], h], b[n % b.shape[0], h]
    v, pull = values[n, h], grad[n, h]
    moments, term = np.empty((points, power + 1, width)), np.empty((points, width))
    values_grad[n, h, g] = 0.0
    for c in range(g, out.shape[1], groups):
        active_moments(rows[c], cols[c], v, 1 if causal else 0, moments)
        a_grad[n, h, c] = slope(moments, rows[c], power, out[h, c], pull)
        term[:] = 0.0
        combine(moments, rows[c], power, 1.0, term)
        out_grad[n, h, c] = (term * pull).sum()
        active_moments(cols[c], rows[c], pull, -1 if causal else 0, moments)
        b_grad[n, h, c] = slope(moments, cols[c], power, out[h, c], v)
        combine(moments, cols[c], power, out[h, c], values_grad[n, h, g])


NUMBERS = 9  # batch, heads, groups, points, width, units, batch of a, batch of b, power with causality in its sign
FORWARD_FRAME, BACKWARD_FRAME = ARRAYS + 2 * 5 + NUMBERS, ARRAYS + 2 * 9 + NUMBERS


@inner
def problem(frame):
    """a, b, out, values, the shape of y, power and causality, from a frame."""
    real = np.float64
    sizes = frame[frame.size - NUMBERS :]
    batch, heads, groups, points, width, units = sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5]
    a = array(frame, 0, real).reshape(sizes[6], heads, units, points)
    b = array(frame, 1, real).reshape(sizes[7], heads, units, points)
    out = array(frame, 2, real).reshape(heads, units)
    values = array(frame, 3, real).reshape(batch, heads, points, width)
    return a, b, out, values, (batch, heads, groups, points, width), abs(sizes[8]), sizes[8] < 0


def forward(pointer):
    """The tasks of one worker. Arrays: a, b, out, values, y."""
    frame = carray(pointer, (FORWARD_FRAME,))
    a, b, out, values, shape, power, causal = problem(frame)
    y = array(frame, 4, np.float64).reshape(shape)
    first, last = next_block(frame)
    while first < last:
        for task in range(first, last):
            forward_task(a, b, out, values, power, causal, y, task)
        first, last = next_block(frame)


def backward(pointer):
    """The tasks of one worker. Arrays: a, b, out, values, grad, and the gradients of the first four."""
    frame = carray(pointer, (BACKWARD_FRAME,))
    a, b, out, values, shape, power, causal = problem(frame)
    batch, heads, _, points, width = shape
    grad = array(frame, 4, np.float64).reshape(batch, heads, points, width)
    a_grad = array(frame, 5, np.float64).reshape(batch, heads, out.shape[1], points)
    b_grad = array(frame, 6, np.float64).reshape(batch, heads, out.shape[1], points)
    out_grad = array(frame, 7, np.float64).reshape(batch, heads, out.shape[1])
    values_grad = array(frame, 8, np.float64).reshape(shape)
    first, last = next_block(frame)
    while first < last:
        for task in range(first, last):
            backward_task(a, b, out, values, grad, power, causal, a_grad, b_grad, out_grad, values_grad, task)
        first, last = next_block(frame)
