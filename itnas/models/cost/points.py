"""What each point goes through by itself: norms, channel mixing, encoder and readout."""

from __future__ import annotations

from itnas.genes import ChannelMixing
from itnas.models.cost.ghost import Ghost
from itnas.models.cost.parameters import pooled_width
from itnas.models.cost.tape import Tape, constant, parameter
from itnas.models.interface import Interface


def rms_norm(tape: Tape, u: Ghost) -> Ghost:
    """u / sqrt(mean u^2 + epsilon) times a weight."""
    size = tape.sum(tape.apply("square", u), -1)
    inverse = tape.pointwise(tape.pointwise(size))
    if u.grad:
        tape.keep(inverse)
    return tape.mul(tape.mul(u, inverse), parameter(u.shape[-1]))


def affine(tape: Tape, u: Ghost, outputs: int, *, bias: bool = True) -> Ghost:
    return tape.linear(u, parameter(outputs, u.shape[-1]), parameter(outputs) if bias else None)


def channel_mixing(tape: Tape, gene: ChannelMixing, u: Ghost) -> Ghost:
    width, hidden = u.shape[-1], gene.expand * u.shape[-1]
    if gene.kind == "mlp":
        return affine(tape, tape.apply(gene.activation, affine(tape, u, hidden)), width)
    both = affine(tape, u, 2 * hidden, bias=False)
    gate, value = both.narrow(2, hidden), both.narrow(2, hidden)
    return affine(tape, tape.mul(tape.apply("silu", gate), value), width, bias=False)


def encode(tape: Tape, task: Interface, batch: int, length: int, width: int) -> None:
    """Tokens are looked up; numbers go through a linear map, and are inputs, which are not counted as kept.

    In a union every point counts as one of the kind that costs most.
    """
    if task.modalities:
        channels = max(each.channels for each in task.modalities)
        if channels:
            affine(tape, Ghost((batch, length, channels), grad=False, given=True), width)
        tape.count(batch * length * width)
    elif task.vocabulary is None:
        numbers = Ghost((batch, length, task.channels), grad=False, given=True)
        affine(tape, numbers, width)


def read_out(tape: Tape, task: Interface, features: Ghost, padded: bool) -> None:
    _, length, width = features.shape
    if task.readout == "points":
        affine(tape, features, task.outputs)
    elif task.readout == "pooled" and task.modalities:
        mean = _mean(tape, features, padded)
        affine(tape, mean.expand(mean.shape[0], width).fresh((mean.shape[0], pooled_width(task, width))), task.outputs)
    elif task.readout == "pooled":
        affine(tape, _mean(tape, features, padded), task.outputs)
    else:
        tape.count(2 * width + 2 * length * width)  # sines and cosines of every place
        last = features.narrow(1, 1)
        hidden = affine(tape, tape.add(last, constant(length, width, item=4)), 2 * width)
        affine(tape, tape.apply("gelu", hidden), task.outputs)


def _mean(tape: Tape, features: Ghost, padded: bool) -> Ghost:
    """Over the points of a sample, padding left out."""
    if not padded:
        return tape.sum(features, 1, keep_axis=False)
    kept = constant(*features.shape[:2], 1, item=4)
    total = tape.sum(tape.mul(features, kept), 1, keep_axis=False)
    count = tape.pointwise(tape.sum(kept, 1, keep_axis=False))
    tape.keep(count)
    return tape.pointwise(total, count)
