"""From inputs to features of the network's width."""

from __future__ import annotations

from torch import Tensor, nn


class Tokens(nn.Module):
    """A learned vector per token."""

    def __init__(self, *, vocabulary: int, width: int) -> None:
        super().__init__()
        self.vectors = nn.Embedding(vocabulary, width)

    def forward(self, tokens: Tensor) -> Tensor:
        features: Tensor = self.vectors(tokens)
        return features


class Numbers(nn.Module):
    """A learned linear map of the numbers at each point."""

    def __init__(self, *, channels: int, width: int) -> None:
        super().__init__()
        self.map = nn.Linear(channels, width)

    def forward(self, numbers: Tensor) -> Tensor:
        features: Tensor = self.map(numbers)
        return features
