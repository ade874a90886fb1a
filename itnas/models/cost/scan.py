"""The plan `scan`, function by function as in `itnas.operator.plans.scan`."""

from __future__ import annotations

from math import prod

from itnas.models.cost.forms import LowRankForm
from itnas.models.cost.ghost import Ghost
from itnas.models.cost.scene import Scene, register
from itnas.models.cost.tape import Tape, cat
from itnas.operator.plans.scan import CHUNK, GROUP


@register("scan")
def scan(scene: Scene) -> Ghost:
    tape, problem, form = scene.tape, scene.problem, scene.form()
    assert isinstance(form, LowRankForm)
    phi, psi = form.rows.factor, form.cols.factor
    assert phi is not None
    assert psi is not None
    with_ones = problem.normaliser.denominator == "numerators"
    values = scene.weighted(scene.with_ones(scene.values) if with_ones else scene.values)
    if form.rate is not None:
        assert form.rows.clock is not None
        y = _decaying(tape, phi, psi, values, form.rows.clock, form.rate.unsqueeze(0), causal=problem.causal)
    elif problem.causal:
        y = _accumulating(tape, phi, psi, values)
    else:
        y = tape.matrices(phi, tape.matrices(psi.transpose(-1, -2), values))
    if with_ones:
        return scene.divided(y)
    return scene.over_support(y) if problem.normaliser.denominator == "weights" else y


def _chunks(part: Ghost) -> Ghost:
    length = part.shape[2]
    size = min(CHUNK, 1 << (length - 1).bit_length())
    if length % size:
        length += -length % size
        part = part.fresh((*part.shape[:2], length, part.shape[3]))
    return part.unflatten(2, (length // size, size)).contiguous()


def _accumulating(tape: Tape, phi: Ghost, psi: Ghost, values: Ghost) -> Ghost:
    length = values.shape[2]
    phi, psi, values = _chunks(phi), _chunks(psi), _chunks(values)
    y = tape.matrices(tape.matrices(phi, psi.transpose(-1, -2)).fresh(), values)
    if y.shape[2] > 1:
        states = tape.running(tape.matrices(psi.transpose(-1, -2), values))
        y = tape.add(y, tape.matrices(phi, states.fresh()))
    return y.flatten(2, 3).narrow(2, length)


def _decaying(tape: Tape, phi: Ghost, psi: Ghost, values: Ghost, clock: Ghost, rate: Ghost, *, causal: bool) -> Ghost:
    length = values.shape[2]
    phi, psi, values = _chunks(phi), _chunks(psi), _chunks(values)
    count, size = values.shape[2:4]
    ticks = clock.fresh((*clock.shape[:2], count * size)).expand(-1, rate.shape[1], -1).unflatten(2, (count, size))
    y = tape.matrices(_within(tape, phi, psi, ticks, rate, causal=causal), values)
    if count > 1:
        y = tape.add(y, _carried(tape, phi, psi, values, ticks, rate))
        if not causal:
            turned = tape.apply("scale", ticks.fresh())
            y = tape.add(y, _carried(tape, phi.fresh(), psi.fresh(), values.fresh(), turned, rate).fresh())
    return y.flatten(2, 3).narrow(2, length)


def _within(tape: Tape, phi: Ghost, psi: Ghost, ticks: Ghost, rate: Ghost, *, causal: bool) -> Ghost:
    """The kernel inside of the chunks."""
    if rate.shape[-1] == 1:
        decay = _decays(tape, ticks, ticks, rate.unsqueeze(-1).unsqueeze(-1))
        return tape.mul(tape.matrices(phi, psi.transpose(-1, -2)), decay)
    kernel = tape.sum(tape.mul(phi, psi), -1, keep_axis=False).unsqueeze(-1).unsqueeze(-1)
    block, size = 1, phi.shape[3]
    while block < size:
        rows, cols, halves = (_half(part, block) for part in (phi, psi, ticks))
        ways = [tape.pointwise(halves, halves.narrow(4, 1)) for _ in range(2)]
        lower = tape.matrices(_fade(tape, rows, ways[0], rate), _fade(tape, cols, ways[1], rate).transpose(-1, -2))
        upper = lower.fresh(grad=False)
        if not causal:
            ways = [tape.pointwise(halves, halves.narrow(4, 1)) for _ in range(2)]
            faded = [_fade(tape, part, way, rate) for part, way in zip((rows, cols), ways, strict=True)]
            upper = tape.matrices(faded[0], faded[1].transpose(-1, -2))
        kernel = cat([cat([lower, upper], -1), cat([lower, lower], -1)], -2)
        block *= 2
    return kernel.select(3)


def _half(part: Ghost, block: int) -> Ghost:
    """One of two neighbouring blocks: [..., c, X] -> [..., c / (2 block), block, X]."""
    return part.unflatten(3, (part.shape[3] // (2 * block), 2, block)).select(4)


def _carried(tape: Tape, phi: Ghost, psi: Ghost, values: Ghost, ticks: Ghost, rate: Ghost) -> Ghost:
    """What the chunks before contribute."""
    count = ticks.shape[2]
    last = ticks.narrow(3, 1)
    before = last.fresh()
    faded = _fade(tape, psi, tape.pointwise(last, ticks), rate)
    states = tape.matrices(faded.transpose(-1, -2), values)
    rank, width = states.shape[3:]
    shared = rate.shape[-1] == 1
    states = states.flatten(3).unsqueeze(2) if shared else states.transpose(2, 3)
    start, end = before.transpose(2, 3), last.transpose(2, 3)
    states = _earlier(tape, states, start, end, rate)
    states = states.select(2).unflatten(2 + 1, (rank, width)) if shared else states.transpose(2, 3)
    assert states.shape[2] == count
    return tape.matrices(_fade(tape, phi, tape.pointwise(ticks, before), rate), states)


def _earlier(tape: Tape, states: Ghost, start: Ghost, end: Ghost, rate: Ghost) -> Ghost:
    """Decayed sums of the states before, group by group where there are many."""
    count = states.shape[3]
    if count <= 2 * GROUP:
        return tape.matrices(_decays(tape, start, end, rate.unsqueeze(-1).unsqueeze(-1)), states)
    groups = -(-count // GROUP)
    grouped = states.fresh((*states.shape[:3], groups * GROUP, states.shape[4])) if count % GROUP else states
    grouped = grouped.unflatten(3, (groups, GROUP))
    start, end = (part.fresh((*part.shape[:3], groups * GROUP)).unflatten(3, (groups, GROUP)) for part in (start, end))
    first, last = start.narrow(4, 1), end.narrow(4, 1)
    rates = rate.reshape(*rate.shape, 1, 1, 1)
    totals = tape.matrices(_decays(tape, last, end, rates), grouped)
    totals = _earlier(tape, totals.select(4), first.select(4), last.select(4), rate).unsqueeze(-2)
    here = tape.matrices(_decays(tape, start, end, rates), grouped)
    earlier = tape.mul(_decays(tape, start, first, rates), totals)
    return tape.add(here, earlier).flatten(3, 4).narrow(3, count)


def _decays(tape: Tape, rows: Ghost, cols: Ghost, rate: Ghost) -> Ghost:
    """exp(-rate abs(S_i - S_j)): difference, absolute value, product, exponential; the last and the second stay."""
    one, other = rows.unsqueeze(-1).shape, cols.unsqueeze(-2).shape
    shape = [max(sizes) for sizes in zip(one, other, strict=True)]
    elapsed = Ghost(shape)
    y = Ghost([max(sizes) for sizes in zip(shape, rate.shape, strict=True)])
    tape.count(2 * elapsed.numel + 2 * y.numel + rate.numel)
    tape.keep(rows, cols, rate, elapsed, y)
    return y


def _fade(tape: Tape, part: Ghost, elapsed: Ghost, rate: Ghost) -> Ghost:
    """part exp(-rate elapsed)."""
    rate = rate.reshape(1, rate.shape[1], *(1,) * (part.dim - 3), rate.shape[2])
    elapsed = elapsed.to(part.item).unsqueeze(-1)
    if rate.shape[-1] == 1:
        return tape.mul(part, tape.apply("exp", tape.mul(elapsed, tape.apply("scale", rate))))
    shape = [max(sizes) for sizes in zip(elapsed.shape, rate.shape, strict=True)]
    factor = part.fresh(shape)
    y = tape.pointwise(part, factor)
    tape.count(2 * prod(shape) + rate.numel)
    tape.keep(part, elapsed, rate, factor, y)
    return y
