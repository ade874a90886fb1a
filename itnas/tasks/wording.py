"""Texts put together from numbered pieces, in bytes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Truths = NDArray[np.bool_]

BYTES = 256
NOTHING = -1  # where a text has no piece


class Wording:
    """The pieces that texts of a task are made of. A row of their numbers is a text: one piece behind the other."""

    def __init__(self, pieces: Iterable[str]) -> None:
        self.pieces = tuple(dict.fromkeys(pieces))
        self._sizes = np.array([len(piece) for piece in (*self.pieces, "")])
        self._bytes = np.zeros((len(self._sizes), self._sizes.max()), dtype=np.int64)
        for row, piece in zip(self._bytes, self.pieces, strict=False):
            row[: len(piece)] = list(piece.encode("ascii"))

    def number(self, piece: str) -> int:
        return self.pieces.index(piece)

    def numbers(self, pieces: Iterable[str]) -> Ints:
        return np.array([self.number(piece) for piece in pieces])

    def write(self, rows: Ints, length: int) -> tuple[Ints, Truths]:
        """The texts of `rows` [B, pieces] as bytes [B, length], zeros behind them, and where they are text."""
        sizes = self._sizes[rows]  # the last entry, which NOTHING points at, is empty
        total = sizes.sum(1, keepdims=True)
        assert total.max(initial=0) <= length
        valid = np.arange(length) < total
        texts = np.zeros((len(rows), length), dtype=np.int64)
        # Row by row, both masks name the same letters in the same order.
        texts[valid] = self._bytes[rows][np.arange(self._bytes.shape[1]) < sizes[..., None]]
        return texts, valid


def read(points: Ints) -> list[str]:
    """Rows of bytes as texts."""
    return [bytes(row).rstrip(b"\0").decode("ascii") for row in points.astype(np.uint8)]
