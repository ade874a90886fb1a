"""From a task's inputs to features of the network's width."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from itnas.models.interface import Interface, Modality
from itnas.operator.domain import Domain, Union


class Tokens(nn.Module):
    """A learned vector per token."""

    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__()
        self.vectors = nn.Embedding(vocabulary, width)

    def forward(self, tokens: Tensor) -> Tensor:
        vectors: Tensor = self.vectors(tokens)
        return vectors


class Numbers(nn.Module):
    """A learned linear map of the numbers at each point."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.map = nn.Linear(channels, width)

    def forward(self, numbers: Tensor) -> Tensor:
        features: Tensor = self.map(numbers)
        return features


class Several(nn.Module):
    """Each part of a union by its own encoder, and a learned vector that tells the part.

    Modalities that name the same encoder share it.
    """

    def __init__(self, modalities: Sequence[Modality], width: int) -> None:
        super().__init__()
        self.modalities = tuple(modalities)
        self.encoders = nn.ModuleDict()
        for modality in self.modalities:
            if modality.encoded_by not in self.encoders:
                self.encoders[modality.encoded_by] = _encoder(modality.vocabulary, modality.channels, width)
        self.marks = nn.Parameter(torch.randn(len(self.modalities), width) / width**0.5)

    def forward(self, inputs: Tensor, domain: Domain | None) -> Tensor:
        if not isinstance(domain, Union) or len(domain.sizes) != len(self.modalities):
            raise ValueError(f"the inputs must stand on a Union of {len(self.modalities)} parts")
        encoded = []
        parts = zip(self.modalities, self.marks, inputs.split(list(domain.sizes), 1), strict=True)
        for modality, mark, part in parts:
            own = part[..., : modality.channels] if modality.vocabulary is None else part[..., 0].long()
            encoded.append(self.encoders[modality.encoded_by](own) + mark)
        return torch.cat(encoded, 1)


def _encoder(vocabulary: int | None, channels: int, width: int) -> nn.Module:
    return Numbers(channels, width) if vocabulary is None else Tokens(vocabulary, width)


def encoder_for(task: Interface, width: int) -> nn.Module:
    return Several(task.modalities, width) if task.modalities else _encoder(task.vocabulary, task.channels, width)
