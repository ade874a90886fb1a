"""Which samples come when, and which of them are held out: by hashes and keyed permutations, so the same everywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from itnas.tasks.stream import generator

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Order:
    """An endless order of `count` samples: one permutation after another, each by the key and its own number."""

    key: tuple[object, ...]
    count: int

    def __getitem__(self, place: int) -> int:
        epoch, within = divmod(place, self.count)
        return int(_permutation(self.key, epoch, self.count)[within])


# One of ImageNet takes 5 MB; a population asks for those of all its seeds in turn.
@lru_cache(maxsize=16)
def _permutation(key: tuple[object, ...], epoch: int, count: int) -> NDArray[np.int32]:
    return generator(*key, epoch).permutation(count).astype(np.int32)


@dataclass(frozen=True, eq=False)
class Division:
    """The samples of a published training set: those to train on, and those that are held out for validation."""

    train: Rows
    validation: Rows

    def side(self, split: str) -> Rows:
        return self.validation if split == "validation" else self.train


def divided(groups: Sequence[str | bytes], share: float) -> Division:
    """Hold out the samples whose group's hash is among the lowest `share` of all hashes, and one group at least.

    Samples of one group (the questions about an image) stay together. Whatever else is in the set, a group stays on
    its side.
    """
    hashes = {group: _hash(group) for group in set(groups)}
    if len(hashes) < 2:
        raise ValueError("of a single training sample, or of samples all alike, none can be held out for validation")
    bound = max(int(share * 2**64), min(hashes.values()) + 1)
    held = np.fromiter((hashes[group] < bound for group in groups), dtype=bool, count=len(groups))
    if held.all():
        raise ValueError("too few training samples: all of them would be held out for validation")
    return Division(np.flatnonzero(~held), np.flatnonzero(held))


def _hash(name: str | bytes) -> int:
    content = name.encode() if isinstance(name, str) else name
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big")
