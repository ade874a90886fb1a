"""What planted layers are shown: white, smooth, few symbols, many symbols.

Each draws its own fixed settings (the embedding, the correlation) once, and gives 32 fresh samples at every call.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from itnas.registry import Registry

SAMPLES = 32
MANY = 64  # symbols
Inputs = Callable[[int], Tensor]  # n -> [SAMPLES, n, C]

STREAMS: Registry[Callable[[int], Inputs]] = Registry("kind of inputs")


def _stream(name: str) -> Callable[[Callable[[int], Inputs]], Callable[[int], Inputs]]:
    def add(make: Callable[[int], Inputs]) -> Callable[[int], Inputs]:
        return STREAMS.add(name, make)

    return add


@_stream("white")
def white(width: int) -> Inputs:
    """Independent Gaussians."""
    return lambda n: torch.randn(SAMPLES, n, width)


@_stream("smooth")
def smooth(width: int) -> Inputs:
    """x_t = a x_(t-1) + sqrt(1 - a^2) e_t with a correlation of 1.5 to 4 points, stationary from the first point on."""
    kept = math.exp(-1 / float(torch.empty(()).uniform_(1.5, 4)))

    def sample(n: int) -> Tensor:
        noise = torch.randn(SAMPLES, n, width)
        found = [noise[:, 0]]
        for fresh in noise.unbind(1)[1:]:
            found.append(kept * found[-1] + math.sqrt(1 - kept * kept) * fresh)
        return torch.stack(found, 1)

    return sample


@_stream("few symbols")
def few_symbols(width: int) -> Inputs:
    """8 to 16 symbols, embedded at random."""
    return symbols(int(torch.randint(8, 17, ())), width)


@_stream("many symbols")
def many_symbols(width: int) -> Inputs:
    """64 symbols, embedded at random."""
    return symbols(MANY, width)


def symbols(count: int, width: int) -> Inputs:
    """Symbols drawn independently, all equally likely. Embeddings add up to 0: no direction is common to all."""
    table = torch.randn(count, width)
    table = table - table.mean(0)
    return lambda n: table[torch.randint(0, count, (SAMPLES, n))]
