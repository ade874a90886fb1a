"""Fuzzy in-context recall of MAD: keys and values are motifs of several tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from itnas.tasks.base import register
from itnas.tasks.batch import Batch
from itnas.tasks.mad import Bools, Ints, MadTask, distinct, earliest

_BLOCK = 1024  # samples drawn at a time: all of a large training set at once would take gigabytes


@register
@dataclass(frozen=True)
class MadFuzzyRecall(MadTask):
    """Keys of 1 to `key_motif` different tokens, values of 1 to `value_motif`, scored wherever their key returns.

    The last of the vocabulary pads on the left; half of the others are tokens of keys, half of values. One key, drawn
    first, is placed somewhere in the sequence and asked for at its end. In mad-lab that placing may fall behind the
    end, which leaves a few per cent of the final queries without an answer: here it is drawn from the places that fit.
    mad-lab tests on keys of exactly `key_motif` tokens; here sizes are drawn uniformly in all splits.
    """

    name = "mad-fuzzy-recall"
    summary = "Keys and values of several tokens each go in; where a key returns, the tokens of its value come out."
    expects = "Short convolutions that gather motifs, then attention (or a large state) over them."
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "small": {
            "vocab": 9,
            "key_motif": 2,
            "value_motif": 2,
            "length": 48,
            "batch_size": 32,
            "steps": 1500,
            "examples": None,
        }
    }

    key_motif: int = 3
    value_motif: int = 3

    def check_settings(self) -> None:
        self.at_least(key_motif=1, value_motif=1, vocab=1 + max(2 * self.key_motif, 2 * self.value_motif - 1, 4))

    @property
    def keys(self) -> int:
        """Tokens that keys are made of; those of values come next."""
        return (self.vocab - 1) // 2

    @property
    def shortest(self) -> int:
        return 3 * (self.key_motif + self.value_motif)

    @property
    def chance(self) -> float:
        return 1 / (self.vocab - 1 - self.keys)

    def draw(self, rng: np.random.Generator, size: int, length: int) -> Batch:
        blocks = [self._block(rng, min(_BLOCK, size - start), length) for start in range(0, size, _BLOCK)]
        tokens, scored = (np.concatenate(part) for part in zip(*blocks, strict=True))
        mask = scored[:, 1:]
        targets = np.where(mask, tokens[:, 1:], 0)
        inputs = np.ascontiguousarray(tokens[:, :-1])
        return Batch(torch.from_numpy(inputs), torch.from_numpy(targets), torch.from_numpy(mask.copy()))

    def _block(self, rng: np.random.Generator, size: int, length: int) -> tuple[Ints, Bools]:
        """Tokens [B, length + 1], and which of them are values that can be known."""
        longest = self.key_motif + self.value_motif
        shape = (size, 1 + (length - longest - 1) // 2)  # column 0: the pair that is asked for at the end
        keys = _motifs(rng, shape, self.key_motif, self.keys)
        values = _motifs(rng, shape, self.value_motif, self.vocab - 1 - self.keys)
        values[values >= 0] += self.keys
        codes = (keys + 1) @ (self.keys + 1) ** np.arange(self.key_motif)

        room = length - longest - _sizes(keys, values)[:, :1]  # no pair of the body starts at or behind it
        source = self._placed(rng, codes, keys, values, room)
        keys, values = (np.take_along_axis(part, source[:, :, None], 1) for part in (keys, values))
        sizes = _sizes(keys, values)[:, 1:]
        body = (np.cumsum(sizes, axis=1) - sizes < room)[:, :, None]
        again = np.where(source == 0, np.cumsum(source == 0, axis=1) > 2, source < np.arange(shape[1]))

        pieces = np.concatenate([keys, values], axis=2)
        scored = np.zeros(pieces.shape, dtype=bool)
        scored[:, :, self.key_motif :] = again[:, :, None]
        scored[:, 0, self.key_motif :] = True
        present = pieces >= 0
        present[:, 1:] &= body
        return _joined(pieces, present, scored, length + 1, pad=self.vocab - 1)

    def _placed(self, rng: np.random.Generator, codes: Ints, keys: Ints, values: Ints, room: Ints) -> Ints:
        """The pair that each repeats, [B, P], after pair 0 took the place of another, unless its key came up before."""
        rows, columns = np.arange(len(codes)), np.arange(1, codes.shape[1])
        source = earliest(codes)
        sizes = _sizes(keys, np.take_along_axis(values, source[:, :, None], 1))[:, 1:]
        starts = np.cumsum(sizes, axis=1) - sizes
        # A pair starts within `longest` points of any place, and must start before `room` is over.
        wanted = rng.integers(0, room - (self.key_motif + self.value_motif) + 1)
        place = 1 + np.argmax(starts >= wanted, axis=1)
        before = ((source[:, 1:] == 0) & (columns < place[:, None])).any(1)
        codes = codes.copy()
        codes[rows, place] = np.where(before, codes[rows, place], codes[:, 0])
        return earliest(codes)


def _motifs(rng: np.random.Generator, shape: tuple[int, int], longest: int, choices: int) -> Ints:
    """Different tokens, [B, P, longest], of which the first 1 to `longest` count; -1 behind them."""
    tokens = distinct(rng, shape[0] * shape[1], longest, choices).reshape(*shape, longest)
    sizes = rng.integers(1, longest + 1, shape)
    tokens[np.arange(longest) >= sizes[:, :, None]] = -1
    return tokens


def _sizes(keys: Ints, values: Ints) -> Ints:
    return np.asarray((keys >= 0).sum(2) + (values >= 0).sum(2))


def _joined(pieces: Ints, present: Bools, scored: Bools, length: int, pad: int) -> tuple[Ints, Bools]:
    """The pieces in a row, pair 0 last, padded on the left."""
    size = len(pieces)
    pieces = np.roll(pieces, -1, axis=1).reshape(size, -1)
    present, scored = (np.roll(part, -1, axis=1).reshape(size, -1) for part in (present, scored))
    counts = np.cumsum(present, axis=1)
    rows, places = np.nonzero(present)
    columns = (counts + length - 1 - counts[:, -1:])[rows, places]
    tokens = np.full((size, length), pad, dtype=np.int64)
    known = np.zeros((size, length), dtype=bool)
    tokens[rows, columns], known[rows, columns] = pieces[rows, places], scored[rows, places]
    return tokens, known
