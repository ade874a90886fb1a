"""GRU, LSTM and the selective state-space layer, function by function as in `itnas.models.mixers`."""

from __future__ import annotations

from math import gcd

from itnas import genes
from itnas.models.cost.classical import depthwise, without_padding
from itnas.models.cost.ghost import Ghost
from itnas.models.cost.ground import Ground
from itnas.models.cost.points import affine
from itnas.models.cost.tape import Tape, constant, parameter
from itnas.models.mixers.base import check_order
from itnas.models.mixers.recurrence import directions
from itnas.models.mixers.selective_ssm import CHUNK

GATES = {"gru": 3, "lstm": 4}


def recurrence(tape: Tape, gene: genes.Gru | genes.Lstm, ground: Ground, u: Ghost) -> Ghost:
    """Cells of equal size walk as groups of one stack."""
    check_order(gene.mixer, ground.geometry)
    sizes = directions(u.shape[-1], ground.causal)
    stacks = [(len(sizes), sizes[0])] if len(set(sizes)) == 1 else [(1, size) for size in sizes]
    inner = without_padding(tape, ground, u)
    for groups, size in stacks:
        _walk(tape, GATES[gene.mixer], inner, groups, size)
    # A single walk's states are kept already; those of two are joined in a copy.
    states = Ghost((u.shape[1], u.shape[0], sum(sizes)), given=len(sizes) == 1)
    if ground.geometry.valid is not None:
        walked = [_around_padding(tape, inner, size) for size in sizes]
        states = walked[0] if len(walked) == 1 else states
    affine(tape, states, u.shape[-1])
    return u.fresh()


def _around_padding(tape: Tape, u: Ghost, size: int) -> Ghost:
    """Points are looked up in the order of the walk, and back: with numbers of points as wide as the features."""
    batch, length, width = u.shape
    tape.keep(u, constant(length, batch, width), constant(length, batch, size))
    return Ghost((length, batch, size))


def _walk(tape: Tape, gates: int, u: Ghost, groups: int, size: int) -> None:
    """The product of all inputs at once, then step by step; stacking copies weights and inputs."""
    batch, length, width = u.shape
    weight = Ghost((groups, gates * size, width))
    tape.batched(Ghost((groups, length * batch, width)), weight.transpose(1, 2))
    tape.keep(Ghost((groups, gates * size, size)))  # the recurrent weights
    numbers, lstm = groups * length * batch * size, gates == 4
    # Gates and states; the GRU's n, the LSTM's memories and their tanh. The states of an LSTM lie in one block with
    # the latter, which stays when those of two groups are laid out anew.
    kept = gates + (3 if lstm else 2) + (lstm and groups > 1)
    tape.keep_bytes(4 * numbers * kept)
    recurrent = 2 * gates * size + gates  # the product with the state, added to what the input says
    once = 4 + 3 + 1 + 3 + 1 + 1 if lstm else 3 + 2 + 2 + 1 + 2  # biases, gates, memory, state
    tape.count(numbers * (recurrent + once) + groups * gates * size)


def selective_ssm(tape: Tape, gene: genes.SelectiveSsm, ground: Ground, u: Ghost) -> Ghost:
    """One direction, or one each way; the second walks along a copy."""
    check_order(gene.mixer, ground.geometry)
    u = without_padding(tape, ground, u)
    sizes = directions(u.shape[-1], ground.causal)
    if ground.geometry.valid is None:
        found = [_one_way(tape, gene, u if way == 0 else u.fresh(), size) for way, size in enumerate(sizes)]
        return tape.add(*found)
    found = []
    for size in sizes:
        walked = _around_padding(tape, u, u.shape[-1]).transpose(0, 1)
        y = _one_way(tape, gene, walked, size)
        tape.keep(y)
        found.append(y)
    return tape.add(*found)


def _one_way(tape: Tape, gene: genes.SelectiveSsm, u: Ghost, size: int) -> Ghost:
    width, inner = u.shape[-1], gene.expand * size
    heads, channels = gcd(gene.heads, inner), inner + 2 * gene.state
    value = affine(tape, u, channels, bias=False)
    mixed = _silu(tape, tape.add(depthwise(tape, value, gene.taps, gene.taps - 1), parameter(channels)))
    x = mixed.narrow(2, inner).unflatten(-1, (heads, inner // heads))
    b, c = mixed.narrow(2, gene.state), mixed.narrow(2, gene.state)
    delta = _softplus(tape, tape.add(affine(tape, u, heads, bias=False), parameter(heads)))
    rate = tape.apply("exp", parameter(heads))
    decay = tape.mul(tape.apply("scale", delta), rate)
    y = _scan(tape, tape.mul(x, delta.unsqueeze(-1)), decay, b, c)
    y = tape.add(y, tape.mul(x, parameter(heads, 1)))
    gated = tape.mul(y.flatten(2), _silu(tape, affine(tape, u, inner, bias=False)))
    mean = tape.sum(tape.apply("square", gated), -1)
    scale = tape.pointwise(tape.pointwise(mean))
    tape.keep(scale)
    return tape.mul(tape.linear(gated, tape.mul(parameter(width, inner), parameter(inner))), scale)


def _silu(tape: Tape, x: Ghost) -> Ghost:
    """By tanh, as the layer has it."""
    half = tape.apply("scale", x)
    return tape.mul(half, tape.apply("scale", tape.apply("tanh", half)))


def _softplus(tape: Tape, x: Ghost) -> Ghost:
    """max(x, 0) + log(1 + exp(-|x|))."""
    fall = tape.apply("exp", tape.apply("scale", tape.apply("abs", x)))
    return tape.add(tape.apply("clamp", x), tape.apply("log1p", fall))


def _scan(tape: Tape, x: Ghost, decay: Ghost, b: Ghost, c: Ghost) -> Ghost:
    length = x.shape[1]
    size = min(CHUNK, length)
    x, decay, b, c = (_chunked(part, size) for part in (x, decay, b, c))
    elapsed = tape.running(decay).transpose(2, 3)  # [B, M, H, Q]
    y = _within(tape, x, elapsed, b, c)
    if x.shape[1] > 1:
        y = tape.add(y, _across(tape, x, elapsed, b, c))
    return y.flatten(1, 2).narrow(1, length)


def _chunked(part: Ghost, size: int) -> Ghost:
    if part.shape[1] % size:
        part = part.fresh((part.shape[0], part.shape[1] + -part.shape[1] % size, *part.shape[2:]))
    return part.unflatten(1, (part.shape[1] // size, size))


def _within(tape: Tape, x: Ghost, elapsed: Ghost, b: Ghost, c: Ghost) -> Ghost:
    """What the points of a chunk give each other."""
    size = x.shape[2]
    stretch = tape.pointwise(elapsed.unsqueeze(-1), elapsed.unsqueeze(-2))
    stretch = tape.where(Ghost((size, size), item=1, grad=False), stretch)
    weights = tape.mul(tape.apply("exp", stretch), tape.matrices(c, b.transpose(-1, -2)).unsqueeze(2))
    return tape.matrices(weights, x.transpose(2, 3)).transpose(2, 3)


def _across(tape: Tape, x: Ghost, elapsed: Ghost, b: Ghost, c: Ghost) -> Ghost:
    """What the chunks before give; the states go from chunk to chunk."""
    batch, chunks = x.shape[:2]
    to_end = tape.apply("exp", tape.pointwise(elapsed.narrow(3, 1), elapsed)).transpose(2, 3)
    gained = tape.matrices(tape.mul(x, to_end.unsqueeze(-1)).flatten(3).transpose(2, 3), b)
    channels, state = gained.shape[2:]
    fall = tape.apply("exp", Ghost((batch, chunks - 1, elapsed.shape[2])))
    tape.keep(fall, fall.fresh((batch, chunks - 1, channels)))
    tape.count(2 * batch * (chunks - 1) * channels * state)
    tape.keep_bytes(4 * batch * (chunks - 1) * channels * state)  # the state before each step
    before = Ghost((batch, chunks, channels, state))
    y = tape.matrices(c, before.transpose(-1, -2)).unflatten(-1, x.shape[-2:])
    return tape.mul(y, tape.apply("exp", elapsed).transpose(2, 3).unsqueeze(-1))
