"""The network that a genome describes: encoder -> blocks -> readout."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from itnas.genes import ChannelMixing
from itnas.genes import Mixer as MixerGene
from itnas.genome import Genome
from itnas.models.channel_mixing import channel_mixing_for
from itnas.models.encoder import Several, encoder_for
from itnas.models.interface import Interface
from itnas.models.mixers import MIXERS, Placement
from itnas.models.readout import readout_for
from itnas.operator import IntegralTransform
from itnas.operator.domain import Domain


class Block(nn.Module):
    """u + mixer(norm u), then u + channels(norm u)."""

    def __init__(self, gene: MixerGene, channels: ChannelMixing, placement: Placement) -> None:
        super().__init__()
        self.mixer_norm = nn.RMSNorm(placement.width)
        self.mixer = MIXERS[gene.mixer](gene, placement)
        self.channels = channel_mixing_for(channels, placement.width)
        self.channel_norm = None if self.channels is None else nn.RMSNorm(placement.width)

    def forward(
        self, u: Float[Tensor, "batch points width"], domain: Domain | None
    ) -> Float[Tensor, "batch points width"]:
        u = u + self.mixer(self.mixer_norm(u), domain)
        if self.channels is not None and self.channel_norm is not None:
            u = u + self.channels(self.channel_norm(u))
        return u


class Network(nn.Module):
    """A genome's network for one task. Tied blocks are one block, applied `depth` times."""

    def __init__(self, genome: Genome, task: Interface, seed: int = 0) -> None:
        super().__init__()
        self.genome, self.task = genome, task
        self.depth = genome.depth
        self.encoder = encoder_for(task, genome.width)
        built = genome.blocks[:1] if genome.tied else genome.blocks
        self.blocks = nn.ModuleList(
            Block(gene, genome.channel_mixing, _placement(genome, task, index, seed))
            for index, gene in enumerate(built)
        )
        self.norm = nn.RMSNorm(genome.width)
        self.readout = readout_for(task, genome.width)

    def encode(self, inputs: Tensor, domain: Domain | None) -> Tensor:
        """Features of every point before the first block."""
        features: Tensor = self.encoder(inputs, domain) if isinstance(self.encoder, Several) else self.encoder(inputs)
        return features

    def forward(self, inputs: Tensor, domain: Domain | None = None) -> Tensor:
        """Outputs [B, N, outputs], or [B, outputs] where the task wants one per sample."""
        features = self.encode(inputs, domain)
        for number in range(self.depth):
            features = self.apply_block(number, features, domain)
        return self.read_out(features, domain)

    def apply_block(self, number: int, features: Tensor, domain: Domain | None) -> Tensor:
        """The features behind block `number`, counted from 0 to depth - 1."""
        block = self.blocks[number % len(self.blocks)]
        if isinstance(block.mixer, IntegralTransform):
            # A tied block samples anew each time.
            block.mixer.index = number
        found: Tensor = block(features, domain)
        return found

    def read_out(self, features: Tensor, domain: Domain | None) -> Tensor:
        """Outputs from the features behind the last block."""
        outputs: Tensor = self.readout(self.norm(features), domain)
        return outputs


def _placement(genome: Genome, task: Interface, index: int, seed: int) -> Placement:
    return Placement(
        genome.width,
        causal_for(genome, task),
        task.position_dim,
        index=index,
        modalities=max(len(task.modalities), 1),
        seed=seed,
    )


def causal_for(genome: Genome, task: Interface) -> bool:
    """Whether points see only those before them."""
    if task.causal and genome.causal is False:
        raise ValueError(
            f"task {task.label} can be solved by looking ahead, so causal=False is refused: leave causal out"
        )
    return task.causal if genome.causal is None else genome.causal


def build_network(genome: Genome, task: Interface, *, seed: int = 0) -> Network:
    """The network of a genome for a task, its weights drawn from `seed`; the caller's random state is left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Network(genome, task, seed)
