"""Kernels that nobody trained, whose pictures are known."""

import numpy as np
from numpy.typing import NDArray

UGLY = "<img src=x onerror=alert(1)>"
N = 32


def shift(n: int = N) -> NDArray[np.float32]:
    """Each point takes from the one before it."""
    return np.eye(n, k=-1, dtype=np.float32)


def fading(rate: float = 0.5, n: int = N) -> NDArray[np.float32]:
    """A memory that loses half of what it holds at every point: one state."""
    offset = np.subtract.outer(np.arange(n), np.arange(n))
    return np.where(offset >= 0, rate ** np.abs(offset), 0.0).astype(np.float32)


def low_rank(rank: int = 3, n: int = N) -> NDArray[np.float32]:
    """Attention without a softmax: so many features of contents that lie anywhere."""
    generator = np.random.default_rng(0)
    return (generator.normal(size=(n, rank)) @ generator.normal(size=(rank, n))).astype(np.float32)


def by_offset(kernel: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The means of its diagonals, and their offsets."""
    n = len(kernel)
    offsets = np.arange(1 - n, n)
    return np.array([np.diagonal(kernel, -k).mean() for k in offsets], np.float32), offsets.astype(np.float32)
