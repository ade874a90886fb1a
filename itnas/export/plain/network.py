"""Encoder, blocks and readout, one after another."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from itnas.export.plain.points import Points


class Block(nn.Module):
    """u + mixer(norm u), in which points see each other, then u + channels(norm u), in which they do not."""

    def __init__(self, *, width: int, mixer: nn.Module, channels: nn.Module | None = None) -> None:
        super().__init__()
        self.mixer_norm = nn.RMSNorm(width)
        self.mixer, self.channels = mixer, channels
        self.channel_norm = None if channels is None else nn.RMSNorm(width)

    def forward(self, u: Tensor, points: Points) -> Tensor:
        u = u + self.mixer(self.mixer_norm(u), points)
        if self.channels is not None and self.channel_norm is not None:
            u = u + self.channels(self.channel_norm(u))
        return u


class Network(nn.Module):
    """Encoder, `rounds` times all blocks, norm and readout. Subclasses say where the points are."""

    def __init__(
        self, *, width: int, encoder: nn.Module, blocks: Sequence[nn.Module], readout: nn.Module, rounds: int = 1
    ) -> None:
        super().__init__()
        self.rounds = rounds
        self.encoder, self.blocks = encoder, nn.ModuleList(blocks)
        self.norm, self.readout = nn.RMSNorm(width), readout

    def outputs(self, inputs: Tensor, points: Points) -> Tensor:
        u = self.encoder(inputs)
        for _ in range(self.rounds):
            for block in self.blocks:
                u = block(u, points)
        outputs: Tensor = self.readout(self.norm(u), points)
        return outputs
