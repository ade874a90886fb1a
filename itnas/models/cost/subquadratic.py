"""Plans that are faster than all pairs: `fourier`, `sorted` and `sdpa`."""

from __future__ import annotations

from dataclasses import replace
from math import log2, prod

from itnas.models.cost.forms import PairForm
from itnas.models.cost.ghost import Ghost
from itnas.models.cost.kernels import head_linear, mlp_form
from itnas.models.cost.scene import Scene, register
from itnas.models.cost.tape import Tape, cat, constant, parameter
from itnas.operator import MLPKernel
from itnas.operator.plans import fourier as _fourier
from itnas.operator.plans.sorted_numba import BASE


def transform_flops(batch: int, sizes: tuple[int, ...]) -> float:
    """2.5 n log2 n for each real transform of n numbers."""
    size = prod(sizes)
    return 2.5 * batch * size * log2(max(size, 2))


@register("fourier")
def fourier(scene: Scene) -> Ghost:
    problem, values = scene.problem, scene.values
    item = 8 if _fourier._in_double(problem) else 4
    if problem.normaliser.denominator == "numerators":
        values = scene.with_ones(values)
    values = scene.weighted(values).to(item)
    table = _table(scene, prod(high - low + 1 for low, high in _fourier._reach(problem))).to(item)
    pieces = [_piece(scene, table, values, *rows) for rows in _fourier._pieces(problem)]
    return _normalised(scene, cat(pieces, 2) if len(pieces) > 1 else pieces[0]).to(4)


def _piece(scene: Scene, table: Ghost, values: Ghost, first: int, last: int) -> Ghost:
    tape, problem = scene.tape, scene.problem
    reach, shape = _fourier._reach(problem), _fourier._cut(_fourier._shape(problem), last)
    if problem.causal and last < problem.length:
        ((_, high),) = reach
        high = min(high, last - 1)
        reach, table, values = ((0, high),), table.narrow(2, high + 1), values.narrow(2, last)
    if problem.causal and last <= _fourier.DIRECT and _fourier._growth(problem):
        return tape.matrices(_toeplitz(tape, table, last), values)
    sizes = _fourier._sizes(shape, reach)
    half = (*sizes[:-1], sizes[-1] // 2 + 1)
    tape.keep(table.fresh((1, scene.heads, prod(sizes))))
    tape.count(transform_flops(scene.heads, sizes))
    spectrum = table.fresh((1, scene.heads, 1, prod(half)), item=2 * table.item)
    transformed = values.fresh((*values.shape[:2], values.shape[3], prod(half)), item=2 * table.item)
    # On a line the result is a part of what the transform returned, on a grid a copy of that part.
    size = sizes[0] if len(sizes) == 1 else last
    y = values.fresh((*values.shape[:2], values.shape[3], size)).narrow(3, last).transpose(2, 3)
    tape.count(2 * transform_flops(prod(transformed.shape[:3]), sizes) + 6 * transformed.numel)
    tape.keep(values, spectrum, transformed, y)
    y = y.narrow(2, last - first)
    if problem.normaliser.denominator != "numerators":
        return y
    tape.count(2 * table.numel + 2 * values.numel // values.shape[3])
    total = y.narrow(3, 1)
    seen = tape.pointwise(total.detach(), item=1)
    return cat([y.narrow(3, y.shape[3] - 1), tape.mul(total, seen)], 3)


def _toeplitz(tape: Tape, table: Ghost, length: int) -> Ghost:
    square = constant(length, length)
    found = table.fresh((*table.shape[:2], length, length))
    if table.grad:
        tape.keep(square)
    return tape.mul(found, square.fresh(item=1))


def _table(scene: Scene, offsets: int) -> Ghost:
    """k at every offset in reach, in float64."""
    tape, problem, spec = scene.tape, scene.problem, scene.spec
    assert isinstance(spec, MLPKernel)
    anywhere = replace(problem.geometry, lattice=None)
    u = constant(1, 1, scene.u.shape[-1])
    form = mlp_form(tape, spec, scene.heads, u, anywhere, None, double=True)
    assert form.rows.linear is not None
    assert form.cols.linear is not None
    first = tape.add(form.rows.linear.narrow(2, 1), form.cols.linear.narrow(2, 1))
    if form.relation is None:
        first = first.expand(-1, -1, offsets, -1)
    else:
        first = tape.add(first, form.relation.at(tape, constant(1, 1, offsets, problem.geometry.axes)))
    k = form.tail(tape, first)
    return tape.apply("sigmoid", k) if problem.normaliser.link == "sigmoid" else k


def _normalised(scene: Scene, y: Ghost) -> Ghost:
    tape, problem, width = scene.tape, scene.problem, y.shape[-1]
    measure = constant(1, 1, scene.length) if scene.measure is None else scene.measure.to(8)
    if problem.normaliser.denominator == "numerators":
        inverse = tape.reciprocal(y.narrow(3, 1))
        if scene.measure is None:
            seen = constant(1, 1, 1)
        else:
            seen = _box_sums(tape, constant(*measure.shape))
            tape.count(2 * measure.numel)
        return tape.mul(y.narrow(3, width - 1), tape.mul(inverse, seen.unsqueeze(-1)))
    if problem.normaliser.denominator == "weights":
        visible = _box_sums(tape, measure)
        if scene.measure is not None:
            visible = tape.mul(visible, _box_sums(tape, constant(*measure.shape)))
        return tape.mul(y, tape.reciprocal(visible).to(y.item).unsqueeze(-1))
    return y


def _box_sums(tape: Tape, measure: Ghost) -> Ghost:
    tape.count(measure.numel)
    return tape.pointwise(measure.fresh())


@register("sorted")
def sorted_(scene: Scene) -> Ghost:
    """A comparison counts one flop; half of the points are taken to be active in the short runs."""
    tape, problem, spec = scene.tape, scene.problem, scene.spec
    assert isinstance(spec, MLPKernel)
    u = scene.u.fresh(item=8)
    form = mlp_form(tape, spec, scene.heads, u, problem.geometry, scene.clock, split=True, double=True)
    assert isinstance(form, PairForm)
    values = scene.values.to(8)
    if scene.measure is not None:
        values = tape.mul(values, scene.measure.to(8).unsqueeze(-1))
    units = problem.batch * scene.heads * spec.hidden
    power = 2 if spec.activation == "relu2" else 1
    tape.count(units * sorted_flops(scene.length, problem.width, power, causal=problem.causal))
    tape.count(problem.batch * scene.heads * 4 * scene.length * 8 * -(-problem.width // 8))  # groups of units add up
    y = values.fresh()
    tape.keep(values, form.rows.linear, form.cols.linear, form.tail.out, y)
    seen = tape.running(values) if problem.causal else tape.sum(values, 2)
    y = tape.add(y, tape.mul(form.tail.out_bias.reshape(1, scene.heads, 1, 1), seen))
    return (scene.over_support(y) if problem.normaliser.name == "mean" else y).to(4)


def sorted_flops(length: int, width: int, power: int, *, causal: bool) -> float:
    """One hidden unit of one sample and head: sorting, running moments, and the polynomial in a_i."""
    moments = (power + 1) * width
    join, pass_on, combine = 2 * moments + (power + 1), moments, (4 if power == 1 else 7) * width
    if not causal:
        return length * (2 * log2(max(length, 2)) + join + pass_on + combine)
    run = min(BASE, length)
    flops = length * ((run + 1) / 4 * join + run / 2 + combine)
    half = BASE
    while half < length:
        flops += length / 2 * (join + pass_on) + 2 * length
        half *= 2
    return flops


@register("sdpa")
def sdpa(scene: Scene) -> Ghost:
    tape, problem, spec, u, mu = scene.tape, scene.problem, scene.spec, scene.u, scene.measure
    assert isinstance(spec, MLPKernel)
    heads, wide, dim = scene.heads, spec.products * spec.product_dim, u.shape[-1]
    own = 1 if spec.shared else heads
    weight = tape.add(parameter(own, spec.products), tape.apply("scale", parameter(own, 1)))
    weight = weight.unsqueeze(-1).expand(own, spec.products, spec.product_dim).reshape(own, wide)
    weights = tape.mul(parameter(heads, wide, dim), weight.unsqueeze(-1))
    query = head_linear(tape, u, weights, tape.mul(parameter(heads, wide), weight))
    key = head_linear(tape, u, parameter(heads, wide, dim), parameter(heads, wide))
    if mu is None:
        return attention(tape, query, key, scene.values)
    empty = tape.pointwise(mu.detach(), item=1)
    log = tape.where(empty, mu)
    if log.grad:
        tape.keep(log)
    log = tape.where(empty, tape.pointwise(log))
    if problem.causal or mu.grad:
        query = query.fresh((*query.shape[:3], wide + 1))
        key = cat([key, log.unsqueeze(-1).expand(*key.shape[:-1], 1)], -1)
    y = attention(tape, query, key, scene.values)
    seen = constant(*mu.shape, item=4) if problem.causal else constant(*mu.shape[:2], 1, item=4)
    tape.count(2 * mu.numel)
    return tape.mul(y, seen.unsqueeze(-1))


def attention(tape: Tape, query: Ghost, key: Ghost, values: Ghost) -> Ghost:
    """torch's attention: both products for all pairs, as torch counts them, and four flops a pair for the softmax.

    Queries and values are brought to one width.
    """
    width, value_width = query.shape[-1], values.shape[-1]
    wide = max(width, value_width)
    if width < wide:
        query, key = (part.fresh((*part.shape[:3], wide)) for part in (query, key))
    elif value_width < wide:
        values = values.fresh((*values.shape[:3], wide))
    batch, heads, points = query.shape[:3]
    tape.count(attention_flops(query, key))
    y = Ghost((batch, points, heads, wide)).transpose(1, 2)
    tape.keep(query, key, values, y, Ghost((batch, heads, points)))
    return y.narrow(3, value_width)


def attention_flops(query: Ghost, key: Ghost) -> float:
    batch, heads, points, width = query.shape
    return batch * heads * points * key.shape[2] * (4.0 * width + 4)
