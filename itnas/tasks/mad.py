"""What the tasks of the MAD benchmark share (Poli et al., arXiv 2403.17844; code: athms/mad-lab).

Two things differ from the original in all three recall tasks: networks learn from the scored points only (the original
trains on every next token and scores the values of keys already seen), and train, validation and test are alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from itnas.tasks.base import Task
from itnas.tasks.batch import Batch

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class MadTask(Task):
    """The protocol: 200 epochs over 12,800 examples in batches of 128, accuracy averaged over classes."""

    metric = "macro-accuracy"
    # In the recall tasks a value follows its key at once: looking ahead would read it off. In the others it would not
    # help, but MAD compares causal networks.
    causal = True

    length: int = 128
    steps: int = 20_000
    batch_size: int = 128
    examples: int | None = 12_800
    vocab: int = 16

    @property
    def vocabulary(self) -> int:
        return self.vocab

    @property
    def outputs(self) -> int:
        return self.vocab

    def at_least(self, **least: int) -> None:
        """Refuse settings below a bound."""
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise ValueError(f"task {self.name}: {name} must be at least {bound}, got {name}={getattr(self, name)}")


def earliest(codes: Ints) -> Ints:
    """For each entry [B, P]: the first column of its row that holds the same number."""
    order = np.argsort(codes, axis=1, kind="stable")
    ordered = np.take_along_axis(codes, order, 1)
    columns = np.arange(codes.shape[1])
    new = np.ones(codes.shape, dtype=bool)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    starts = np.maximum.accumulate(np.where(new, columns, 0), axis=1)
    first = np.empty_like(order)
    np.put_along_axis(first, order, np.take_along_axis(order, starts, 1), 1)
    return first


def distinct(rng: np.random.Generator, rows: int, count: int, choices: int) -> Ints:
    """Numbers [rows, count] from 0 to `choices` - 1, without repeats in a row, all orders alike (Floyd's algorithm)."""
    tops = np.arange(choices - count, choices)
    drawn = rng.integers(0, tops + 1, size=(rows, count))
    for column in range(1, count):
        taken = (drawn[:, :column] == drawn[:, column, None]).any(1)
        drawn[taken, column] = tops[column]
    rng.permuted(drawn, axis=1, out=drawn)
    return drawn


def recall_of_tokens(
    rng: np.random.Generator, size: int, length: int, letters: int, noise: float = 0.0, noise_vocab: int = 0
) -> Batch:
    """Pairs of a key and its value; scored where a key returns, at the key: its value comes next.

    Keys are drawn with repeats from the first half of the letters, the value of each from the second half, anew in
    every sample. A share of the pairs is noise. The last key is one of those shown before. mad-lab feeds all but the
    last token of such a sequence; here an even length keeps that token, unscored, to have the length asked for.
    """
    pairs = (length + 1) // 2
    columns = np.arange(pairs)
    silent = np.zeros((size, pairs), dtype=bool)
    silent[:, :-1] = rng.random((size, pairs - 1)) < noise
    silent[np.arange(size), rng.integers(0, pairs - 1, size)] = False  # one pair at least, to be asked for at the end
    keys = rng.integers(0, letters // 2, (size, pairs))
    values = rng.integers(letters // 2, letters, (size, pairs))

    source = earliest(np.where(silent, -1 - columns, keys))  # the pair that this one repeats; noise repeats none
    shown = (source == columns) & ~silent
    shown[:, -1] = False
    source[:, -1] = np.argmax(rng.random((size, pairs)) * shown, axis=1)
    tokens = np.stack([np.take_along_axis(part, source, 1) for part in (keys, values)], axis=2)
    if noise:
        tokens[silent] = rng.integers(letters, letters + noise_vocab, (int(silent.sum()), 2))

    targets = np.zeros((size, length), dtype=np.int64)
    mask = np.zeros((size, length), dtype=bool)
    mask[:, ::2] = source < columns
    targets[:, ::2] = tokens[:, :, 1] * mask[:, ::2]
    inputs = np.ascontiguousarray(tokens.reshape(size, -1)[:, :length])
    return Batch(torch.from_numpy(inputs), torch.from_numpy(targets), torch.from_numpy(mask))
