"""What a genome's network costs, from its settings alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache

from itnas.genes import ChannelMixing, Mixer
from itnas.genome import Genome
from itnas.models.cost.classical import attention, convolution, gated_convolution
from itnas.models.cost.ghost import Ghost
from itnas.models.cost.ground import Ground, ground_of
from itnas.models.cost.integral import integral
from itnas.models.cost.parameters import network_parameters
from itnas.models.cost.points import channel_mixing, encode, read_out, rms_norm
from itnas.models.cost.recurrent import recurrence, selective_ssm
from itnas.models.cost.tape import Tape
from itnas.models.interface import Interface
from itnas.models.mixers.base import Placement
from itnas.models.network import causal_for

# From (tape, gene, ground, input) to the output, for each mixer.
MIXER_COSTS: dict[str, Callable[..., Ghost]] = {
    "integral": integral,
    "attention": attention,
    "convolution": convolution,
    "gru": recurrence,
    "lstm": recurrence,
    "selective-ssm": selective_ssm,
    "gated-convolution": gated_convolution,
}


@dataclass(frozen=True)
class Cost:
    """What a network costs at one length."""

    parameters: int  # numbers learned; tied blocks count once
    flops_per_token: float  # of one forward pass, for one point of one sample
    activation_bytes: float  # what a forward pass in float32 keeps for the backward pass, for all samples of a batch

    def to_dict(self) -> dict[str, float]:
        return asdict(self)


def predict(genome: Genome, length: int, task: Interface | None = None, *, batch_size: int = 1) -> Cost:
    """The cost at `length`, on a CPU, without building the network.

    A multiplication and an addition count one flop each, and so does every other function of a number (`exp`, `gelu`,
    a comparison); moving numbers is free. Pairs that causality hides count only where the plan visits them: `dense` and
    torch's attention visit all. Work that a batch shares is spread over its points. Memory leaves out parameters and
    inputs. Without a task there are no encoder and no readout, the inputs need gradients, and points stand in a
    sequence, causal unless the genome says otherwise.
    """
    for name, count in (("length", length), ("batch_size", batch_size)):
        if count < 1:
            raise ValueError(f"{name} must be at least 1, got {name}={count}")
    causal = genome.causal is not False if task is None else causal_for(genome, task)
    ground, tape = ground_of(task, length, batch_size, causal=causal), Tape()
    for gene in genome.blocks:
        flops, kept = block_cost(gene, genome.channel_mixing, genome.width, ground)
        tape.count(flops)
        tape.keep_bytes(kept)
    features = Ghost((batch_size, length, genome.width))
    # Each block keeps its input, and the last norm keeps its own; the first one is the caller's if there is no encoder.
    tape.keep_bytes((genome.depth - (task is None)) * features.storage.bytes)
    normed = rms_norm(tape, features)
    if task is not None:
        encode(tape, task, batch_size, length, genome.width)
        read_out(tape, task, normed, padded=ground.geometry.valid is not None)
    kinds = 1 if task is None else max(len(task.modalities), 1)
    placement = Placement(genome.width, causal, ground.position_dim, modalities=kinds)
    return Cost(network_parameters(genome, task, placement), tape.flops / (batch_size * length), float(tape.kept_bytes))


@lru_cache(maxsize=4096)
def block_cost(gene: Mixer, channels: ChannelMixing, width: int, ground: Ground) -> tuple[float, int]:
    """Flops and kept bytes of one block, its input apart."""
    tape = Tape()
    u = Ghost((ground.batch, ground.length, width), given=True)
    mixed = MIXER_COSTS[gene.mixer](tape, gene, ground, rms_norm(tape, u))
    u = tape.add(u, mixed)
    if channels.kind != "none":
        tape.add(u, channel_mixing(tape, channels, rms_norm(tape, u)))
    return tape.flops, tape.kept_bytes
