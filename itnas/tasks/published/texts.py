"""Texts as points: the bytes of their UTF-8, one behind the other."""

from __future__ import annotations

from collections.abc import Sequence as Several

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

PADDING = 256
VOCABULARY = PADDING + 1


def as_bytes(texts: Several[str], length: int) -> tuple[Int[Tensor, "batch points"], Bool[Tensor, "batch points"]]:
    """The first `length` bytes of each text, and which points are text; the others hold `PADDING`.

    An empty text is one point of padding, so that every sample has a point. Halves of signs, which JSON can
    hold, become question marks.
    """
    tokens = np.full((len(texts), length), PADDING, dtype=np.int64)
    valid = np.zeros((len(texts), length), dtype=bool)
    for row, text in enumerate(texts):
        content = np.frombuffer(text.encode(errors="replace")[:length], dtype=np.uint8)
        tokens[row, : len(content)] = content
        valid[row, : max(len(content), 1)] = True
    return torch.from_numpy(tokens), torch.from_numpy(valid)


def beside(parts: Several[Tensor]) -> Tensor:
    """The inputs of a union, float32 [B, N, C]: numbers [B, n, c] and tokens [B, n], each in the first channels."""
    channels = max(part.shape[-1] if part.dim() == 3 else 1 for part in parts)
    wide = [(part if part.dim() == 3 else part.unsqueeze(-1)).float() for part in parts]
    return torch.cat([torch.nn.functional.pad(part, (0, channels - part.shape[-1])) for part in wide], 1)
