"""Plans that visit pairs: `dense`, `fused` and `gather`."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from itnas.models.cost.einsum import einsum
from itnas.models.cost.forms import Form, PairForm, Side
from itnas.models.cost.ghost import Ghost
from itnas.models.cost.scene import Scene, register
from itnas.models.cost.tape import Tape, constant
from itnas.operator.normaliser import Normaliser
from itnas.operator.plans import Problem
from itnas.operator.plans.base import distances
from itnas.operator.plans.gather import edge_count


@register("dense")
def dense(scene: Scene) -> Ghost:
    tape, form, values = scene.tape, scene.form(), scene.values
    k = form.block(tape, form.rows, form.cols)
    kernel = normalised(tape, scene.problem.normaliser, k, _weights(scene))
    if kernel.shape[0] == 1 < values.shape[0]:
        joint = tape.matrices(kernel.select(0), values.permute((1, 2, 0, 3)).flatten(2))
        return joint.unflatten(-1, (values.shape[0], values.shape[3])).permute((2, 0, 1, 3))
    return tape.matrices(kernel, values)


def _weights(scene: Scene) -> Ghost | None:
    """M_ij mu_j, None where it is 1."""
    tape, problem, length = scene.tape, scene.problem, scene.length
    seen: list[Ghost] = []
    if problem.geometry.edges is not None:
        weight = problem.geometry.edges.weight
        tape.count(3 * weight.numel())
        seen.append(constant(weight.shape[0], 1, length, length, item=4))
    if problem.causal:
        seen.append(constant(1, 1, length, length, item=1))
    if problem.window is not None:
        seen.append(constant(_measure_distances(scene), 1, length, length, item=1))
    mask = seen[0].to(4) if seen else None
    for more in seen[1:]:
        assert mask is not None
        mask = tape.mul(mask, more, item=4)
    if scene.measure is None:
        return mask
    measure = scene.measure.unsqueeze(2)
    return measure if mask is None else tape.mul(mask, measure)


def _measure_distances(scene: Scene) -> int:
    """Who is near whom; returns how many samples' points differ in place."""
    geometry, length = scene.problem.geometry, scene.length
    assert geometry.positions is not None
    samples = geometry.positions.shape[0]
    if geometry.lattice is not None:
        scene.tape.count(samples * length**2 * 3)  # difference of codes, shift into the table, comparison
    else:
        # Differences, their length, comparison; and the same for the points by which `gather` guesses what it costs.
        scene.tape.count(samples * length * (length + min(length, 16)) * (2 * geometry.axes + 1))
    return samples


class Listed(NamedTuple):
    """Entries that are a list: the row that each belongs to, and how many rows there are."""

    target: Ghost
    rows: int


def normalised(
    tape: Tape, normaliser: Normaliser, k: Ghost, weights: Ghost | None, listed: Listed | None = None
) -> Ghost:
    """The effective kernel; the rows of a list are added up by scattering."""
    found = numerators(tape, normaliser, k, weights, listed)
    if normaliser.denominator == "one":
        return found
    if normaliser.denominator == "numerators":
        return tape.mul(found, tape.reciprocal(_total(tape, found, listed)))
    if weights is None:
        visible = constant(*k.shape[:-2], 1, k.shape[-1], item=4)
    else:
        visible = weights.expand(*weights.shape[:-1], k.shape[-1])
    return tape.mul(found, tape.reciprocal(_total(tape, visible, listed)))


def numerators(
    tape: Tape, normaliser: Normaliser, k: Ghost, weights: Ghost | None, listed: Listed | None = None
) -> Ghost:
    """g(k) w."""
    if normaliser.link == "sigmoid":
        k = tape.apply("sigmoid", k)
    elif normaliser.link == "exp":
        if weights is not None:
            k = tape.where(tape.pointwise(weights.detach(), item=1), k)
        top = tape.pointwise(_total(tape, k.detach(), listed))
        k = tape.apply("exp", tape.add(k, top))
    return k if weights is None else tape.mul(k, weights)


def _total(tape: Tape, entries: Ghost, listed: Listed | None) -> Ghost:
    """The sum, or the maximum, of each row; along a list of edges every edge gets its row's."""
    if listed is None:
        return tape.sum(entries, -1)
    shape = tuple(max(one, other) for one, other in zip(entries.shape, listed.target.shape, strict=True))
    index = listed.target.expand(*shape)
    tape.count(index.numel)
    if entries.grad:
        tape.keep(index, entries.fresh((*shape[:-1], listed.rows)))
    return entries.fresh(shape)


@register("fused")
def fused(scene: Scene) -> Ghost:
    """The arithmetic of `dense` on those pairs that are visible; nothing of size N x N is kept."""
    tape, problem, normaliser = scene.tape, scene.problem, scene.problem.normaliser
    form = scene.form()
    assert isinstance(form, PairForm)
    values, shift = scene.values, None
    if normaliser.link != "exp":
        values = scene.weighted(values)
    elif scene.measure is not None:
        nothing = tape.pointwise(scene.measure.detach(), item=1)
        chosen = tape.where(nothing, scene.measure)
        if chosen.grad:
            tape.keep(chosen)
        shift = tape.where(nothing, tape.pointwise(chosen))
    if normaliser.name == "sum":
        values = scene.with_ones(values)
    pairs = _pair_flops(form, normaliser, values.shape[-1])
    share = (scene.length + 1) / (2 * scene.length) if problem.causal else 1.0
    tape.count(problem.batch * scene.length**2 * share * pairs)
    y = values.fresh()
    kept = [form.rows.linear, form.cols.linear, form.table, form.rows.factor, form.cols.factor, form.product_weight]
    kept += [form.rows.clock, form.clock_weight, form.tail.hidden, form.tail.hidden_bias, form.tail.out]
    kept += [form.tail.out_bias, form.rows.place if form.table is None else None, shift, values, y]
    tape.keep(*kept)
    if normaliser.link == "exp":
        tape.keep(values.fresh(values.shape[:3]))
    if normaliser.name == "sum":
        return scene.divided(y)
    return scene.over_support(y) if normaliser.name == "mean" else y


def _pair_flops(form: PairForm, normaliser: Normaliser, width: int) -> float:
    """Per pair, all heads: first layer, kernel MLP, link and values, counted on one pair."""
    tape = Tape()
    k = form.block(tape, _one(form.rows), _one(form.cols))
    link = {"identity": 0, "sigmoid": 1, "exp": 4}[normaliser.link]  # exp: maximum, shift, exponential, sum
    return tape.flops + k.shape[1] * (link + 2 * width)


def _one(side: Side) -> Side:
    """One point of one sample."""

    def one(part: Ghost | None) -> Ghost | None:
        return None if part is None else part.fresh((1, part.shape[1], 1, *part.shape[3:]), grad=False)

    return Side(*(one(getattr(side, name)) for name in ("linear", "factor", "code", "place", "clock")))


@register("gather")
def gather(scene: Scene) -> Ghost:
    problem, length = scene.problem, scene.length
    if problem.geometry.lattice is not None and problem.geometry.edges is None:
        return _by_table(scene, scene.form(), round(edge_count(problem)) // length)
    return _by_list(scene, scene.form(), _longest_list(problem))


def _longest_list(problem: Problem) -> int:
    """Pairs that see each other, in the sample that has most: the others' lists are filled up."""
    geometry = problem.geometry
    if geometry.edges is not None:
        return geometry.edges.weight.shape[1]
    assert problem.window is not None
    seen = distances(geometry) < problem.window
    return int((seen.tril() if problem.causal else seen).flatten(1).sum(1).max())


def _by_table(scene: Scene, form: Form, neighbours: int) -> Ghost:
    """Every point has the same K neighbours, [N, K]."""
    tape, length, axes = scene.tape, scene.length, scene.problem.geometry.axes
    target, source = constant(1, 1, length, 1), constant(1, 1, length, neighbours)
    tape.count(length * neighbours * (7 * axes + 1))  # of the neighbours, on each axis: place, both bounds, index
    starts, ends = form.rows.take(tape, target), form.cols.take(tape, source)
    if starts.code is not None:
        code = constant(1, 1, 1, neighbours)
        starts, ends = replace(starts, code=code), replace(ends, code=code)
    k = form.pairs(tape, starts, ends)
    weights = constant(1, 1, length, neighbours, item=4)
    if scene.measure is not None:
        weights = tape.mul(weights, tape.take(scene.measure, source))
    kernel = normalised(tape, scene.problem.normaliser, k, weights)
    return einsum(tape, "bhnk,bhnkd->bhnd", kernel, tape.take(scene.values, source))


def _by_list(scene: Scene, form: Form, edges: int) -> Ghost:
    """A graph's edges, or neighbour lists: E pairs, whose rows are added up by scattering."""
    tape, problem, length = scene.tape, scene.problem, scene.length
    graph = problem.geometry.edges
    samples = _measure_distances(scene) if graph is None else graph.weight.shape[0]
    target, source = constant(samples, 1, edges), constant(samples, 1, edges)
    k = form.pairs(tape, form.rows.take(tape, target), form.cols.take(tape, source))
    weights = constant(samples, 1, edges, item=4)
    if scene.measure is not None:
        weights = tape.mul(weights, tape.take(scene.measure, source))
    kernel = normalised(tape, problem.normaliser, k, weights, Listed(target, length))
    carried = tape.mul(kernel.unsqueeze(-1), tape.take(scene.values, source))
    tape.count(carried.numel)
    tape.keep(target if samples == 1 else target.unsqueeze(-1).expand(*carried.shape))
    if samples == 1:
        tape.keep(carried)  # index_add keeps what it adds
    return Ghost((*carried.shape[:2], length, carried.shape[-1]))
