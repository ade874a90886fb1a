"""Where a task's samples come from: counter-based random streams, and splits that cannot overlap.

Every batch is drawn from a generator of its own, keyed by (task, split, seed, step, length): no state to keep, and any
process can make any batch. A sample belongs to the split that a hash of its content names, so that one and the same
sample never turns up in two splits, whatever the seeds.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

SPLITS = ("train", "validation", "test")
SHARES = {"train": 14 / 16, "validation": 1 / 16, "test": 1 / 16}
_SPLIT_OF = np.array([1, 2] + [0] * 14)  # of each of the sixteen equal parts of all samples


def generator(*key: object) -> np.random.Generator:
    """Random numbers that depend on `key` alone."""
    digest = hashlib.sha256("\x1f".join(map(str, key)).encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))


def splits_of(samples: NDArray[Any]) -> NDArray[np.int64]:
    """Index into `SPLITS` of each sample [B, ...], from its content."""
    rows = np.ascontiguousarray(samples).reshape(len(samples), -1)
    words = rows.astype(np.float64 if rows.dtype.kind == "f" else np.int64).view(np.uint64)
    with np.errstate(over="ignore"):
        # Each word is scrambled with its place by "splitmix64"; neighbouring contents land in unrelated parts.
        powers = np.cumprod(np.full(words.shape[1], 0x9E3779B97F4A7C15, dtype=np.uint64), dtype=np.uint64)
        state = _scrambled(_scrambled(words + powers).sum(1, dtype=np.uint64))
    return np.asarray(_SPLIT_OF[(state % np.uint64(len(_SPLIT_OF))).astype(np.int64)])


def _scrambled(word: NDArray[np.uint64]) -> NDArray[np.uint64]:
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))
