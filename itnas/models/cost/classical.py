"""Attention and convolutions, function by function as in `itnas.models.mixers`."""

from __future__ import annotations

import torch

from itnas import genes
from itnas.models.cost.ghost import Ghost
from itnas.models.cost.ground import Ground
from itnas.models.cost.points import affine
from itnas.models.cost.subquadratic import attention_flops
from itnas.models.cost.tape import Tape, cat, constant
from itnas.models.mixers.attention import cells, check_rotary
from itnas.models.mixers.base import check_order


def without_padding(tape: Tape, ground: Ground, u: Ghost) -> Ghost:
    valid = ground.geometry.valid
    return u if valid is None else tape.where(constant(*valid.shape, 1, item=1), u)


def attention(tape: Tape, gene: genes.Attention, ground: Ground, u: Ghost) -> Ghost:
    ground.check_causal()
    batch, length, width = u.shape
    channels = width // gene.heads
    parts = affine(tape, without_padding(tape, ground, u), 3 * width, bias=False)
    query = parts.unflatten(-1, (3, gene.heads, channels)).select(2).transpose(1, 2)
    key, values = query, query
    index = cells(ground.geometry, torch.device("cpu")) if gene.rotary else None
    if index is not None:
        check_rotary(channels, index.shape[1])
        turns = constant(length, channels, item=4), constant(length, channels, item=4)
        tape.count(length * (channels // 2 + 2 * channels))
        query, key = _turned(tape, query, *turns), _turned(tape, key, *turns)
    query = tape.apply("scale", query)
    tape.count(attention_flops(query, key))
    y = Ghost((batch, length, gene.heads, channels)).transpose(1, 2)
    tape.keep(query, key, values, y, Ghost((batch, gene.heads, length)))
    samples = _masked_samples(ground)
    if samples:
        y = _masked(tape, ground, samples, y)
    return affine(tape, y.transpose(1, 2).flatten(2), width)


def _turned(tape: Tape, x: Ghost, cosines: Ghost, sines: Ghost) -> Ghost:
    """Every pair of channels by its angle."""
    tape.count(x.numel // x.shape[-1] * (x.shape[-1] // 2))
    return tape.add(tape.mul(x, cosines), tape.mul(cat([x], -1), sines))


def _masked_samples(ground: Ground) -> int:
    """How many masks there are: one for all samples, one each, or none."""
    geometry, found = ground.geometry, [0]
    if geometry.edges is not None:
        found.append(geometry.edges.weight.shape[0])
    if geometry.valid is not None:
        found.append(geometry.valid.shape[0])
    return max(found)


def _masked(tape: Tape, ground: Ground, samples: int, y: Ghost) -> Ghost:
    """Points that see none are put to zero; torch turns the mask into numbers, and keeps those."""
    pairs = samples * ground.length**2
    along = ground.geometry.edges
    if along is not None:
        tape.count(3 * along.weight.numel() + pairs)
    tape.count(3 * pairs + samples * ground.length)
    tape.keep(constant(samples, 1, ground.length, ground.length, item=4))
    return tape.mul(y, constant(samples, 1, ground.length, 1, item=1), item=4)


def convolution(tape: Tape, gene: genes.Convolution, ground: Ground, u: Ghost) -> Ghost:
    """Surroundings times weights; what is kept is the input and the weights in the order of the taps."""
    if ground.geometry.lattice is None:
        raise ValueError(
            f"a convolution layer needs points on a regular line or grid, which a {ground.geometry.name} is not"
        )
    batch, length, width = u.shape
    seen = gene.taps**ground.position_dim * width
    tape.keep(without_padding(tape, ground, u))
    if seen > width:
        tape.keep(Ghost((seen, width)))
    tape.count(batch * length * width * (2.0 * seen + 1))
    return u.fresh()


def depthwise(tape: Tape, x: Ghost, taps: int, left: int) -> Ghost:
    """A tap at a time, each on the points that have the neighbour."""
    batch, length, channels = x.shape
    tape.keep(x)
    others = [max(length - abs(tap - left), 0) for tap in range(taps) if tap != left]
    tape.count(batch * channels * (length + 2 * sum(others)))
    return x.fresh()


def gated_convolution(tape: Tape, gene: genes.GatedConvolution, ground: Ground, u: Ghost) -> Ghost:
    check_order(gene.mixer, ground.geometry)
    width = u.shape[-1]
    parts = affine(tape, without_padding(tape, ground, u), 3 * width, bias=False)
    part = parts.narrow(2, width)
    left = gene.taps - 1 if ground.causal else (gene.taps - 1) // 2
    return affine(tape, tape.mul(part, depthwise(tape, tape.mul(part, part), gene.taps, left)), width)
