"""How many numbers a network learns: exactly what its modules hold."""

from __future__ import annotations

from collections.abc import Callable
from math import gcd

import torch

from itnas import genes
from itnas.genome import Genome
from itnas.kernel_kinds import OtherKernel
from itnas.models.interface import Interface
from itnas.models.mixers.base import Placement
from itnas.models.mixers.recurrence import directions


def network_parameters(genome: Genome, task: Interface | None, placement: Placement) -> int:
    """Tied blocks once."""
    width = genome.width
    blocks = genome.blocks[:1] if genome.tied else genome.blocks
    channels = _channel_mixing(genome.channel_mixing, width)
    per_block = width if channels == 0 else 2 * width + channels
    total = width + sum(per_block + mixer_parameters(gene, placement) for gene in blocks)
    return total if task is None else total + _encoder(task, width) + _readout(task, width)


def mixer_parameters(gene: genes.Mixer, placement: Placement) -> int:
    return PARAMETERS[gene.mixer](gene, placement)


def linear(inputs: int, outputs: int) -> int:
    return (inputs + 1) * outputs


def _encoder(task: Interface, width: int) -> int:
    if not task.modalities:
        return linear(task.channels, width) if task.vocabulary is None else task.vocabulary * width
    encoders = {
        each.encoded_by: linear(each.channels, width) if each.vocabulary is None else each.vocabulary * width
        for each in task.modalities
    }
    return sum(encoders.values()) + len(task.modalities) * width


def _readout(task: Interface, width: int) -> int:
    if task.readout == "pooled" and task.modalities:
        return linear(pooled_width(task, width), task.outputs)
    if task.readout == "decoded":
        return linear(width, 2 * width) + linear(2 * width, task.outputs)
    return linear(width, task.outputs)


def pooled_width(task: Interface, width: int) -> int:
    """How many numbers the readout of a union reads: see `PooledParts`."""
    return width * (4 if task.compares else len(task.modalities))


def _channel_mixing(gene: genes.ChannelMixing, width: int) -> int:
    hidden = gene.expand * width
    return {"none": 0, "mlp": linear(width, hidden) + linear(hidden, width), "swiglu": 3 * width * hidden}[gene.kind]


def _integral(gene: genes.Integral, placement: Placement) -> int:
    width, heads = placement.width, gene.heads
    values = heads * (-(-width // heads) if gene.value_dim is None else gene.value_dim)
    total = values * width + linear(values, width) + width * (width * gene.pointwise + gene.rms_norm)
    kernel, axes = gene.kernel, placement.position_dim or 3
    if isinstance(kernel, OtherKernel):
        ticking = "clock" in kernel.reads()
        total += _built(kernel, heads, width, placement)
    elif isinstance(kernel, genes.FactorisedKernel):
        ticking = kernel.decay == "clock"
        total += _factorised(kernel, heads, width, axes)
    else:
        ticking = "clock" in kernel.features
        total += _mlp(kernel, heads, width, axes, placement.modalities)
    total += heads * placement.modalities if gene.measure == "balanced" else 0
    return total + (heads * (width + 1) if ticking or gene.measure == "clock" else 0)


def _built(kernel: OtherKernel, heads: int, width: int, placement: Placement) -> int:
    """Of somebody else's kernel: it is made, of shapes alone."""
    with torch.device("meta"):
        made = kernel.spec(placement.position_dim or None, placement.modalities).build(width, heads)
    return sum(each.numel() for each in made.parameters())


def _mlp(kernel: genes.MlpKernel, heads: int, width: int, axes: int, modalities: int) -> int:
    own, hidden = 1 if kernel.shared else heads, kernel.hidden if kernel.layers else 1
    wide, waves = kernel.products * kernel.product_dim, axes * kernel.frequencies
    of_feature = {
        "offset": own * hidden * axes,
        "distance": own * hidden,
        "position": 2 * own * hidden * axes,
        "content": 2 * heads * hidden * width,
        "clock": own * hidden,
        "modality": own * hidden * modalities**2,
        "fourier": 2 * own * hidden * waves + heads * waves * ((kernel.fourier == "learned") + kernel.damped),
        "product": own * kernel.products * hidden + 2 * heads * wide * (width + 1),
    }
    first = own * hidden + sum(of_feature[feature] for feature in kernel.features)
    return first + (own * ((kernel.layers - 1) * linear(hidden, hidden) + hidden + 1) if kernel.layers else 0)


def _factorised(kernel: genes.FactorisedKernel, heads: int, width: int, axes: int) -> int:
    inputs = width * ("content" in kernel.inputs) + axes * ("position" in kernel.inputs)
    factor = 0
    for outputs in [kernel.hidden] * kernel.layers + [kernel.rank]:
        factor += linear(inputs, outputs)
        inputs = outputs
    return heads * (2 * factor + kernel.rank * ((kernel.decay != "none") + kernel.learned_rank))


def _attention(_: genes.Attention, placement: Placement) -> int:
    return 3 * placement.width**2 + linear(placement.width, placement.width)


def _convolution(gene: genes.Convolution, placement: Placement) -> int:
    return linear(placement.width * gene.taps**placement.position_dim, placement.width)


def _recurrence(gates: int) -> Callable[[genes.Mixer, Placement], int]:
    def count(_: genes.Mixer, placement: Placement) -> int:
        sizes = directions(placement.width, placement.causal)
        cells = sum(gates * size * (placement.width + size + 2) for size in sizes)
        return cells + linear(sum(sizes), placement.width)

    return count


def _selective_ssm(gene: genes.SelectiveSsm, placement: Placement) -> int:
    width, total = placement.width, 0
    for size in directions(placement.width, placement.causal):
        inner = gene.expand * size
        heads, mixed = gcd(gene.heads, inner), inner + 2 * gene.state
        total += width * (2 * inner + mixed + heads) + mixed * (gene.taps + 1) + 3 * heads + inner
    return total


def _gated_convolution(gene: genes.GatedConvolution, placement: Placement) -> int:
    return placement.width * (3 * placement.width + gene.taps) + linear(placement.width, placement.width)


PARAMETERS: dict[str, Callable[..., int]] = {
    "integral": _integral,
    "attention": _attention,
    "convolution": _convolution,
    "gru": _recurrence(3),
    "lstm": _recurrence(4),
    "selective-ssm": _selective_ssm,
    "gated-convolution": _gated_convolution,
}
