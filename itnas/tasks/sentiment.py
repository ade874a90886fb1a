"""Did they like it? Made-up reviews in bytes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from itnas.operator.domain import Sequence
from itnas.tasks.base import Task, register
from itnas.tasks.batch import Batch
from itnas.tasks.wording import BYTES, NOTHING, Ints, Wording

THINGS = ("plot", "cast", "film", "song", "end", "lead")
NEGATIONS = ("not ", "never ")
DEGREES = ("very ", "so ")
ADJECTIVES = (
    ("bad", "dull", "poor", "weak", "slow", "thin"),
    ("good", "fine", "nice", "fun", "cool", "kind"),
)
CONTRASTS = (" but ", " though ")
DEEDS = ("we saw it ", "they ran it ", "it came out ", "i read of it ", "we met there ", "she took us ")
TIMES = ("in may", "in june", "on monday", "at noon", "at ten", "by night")
_SLOT = 32  # bytes that an opinion or a remark takes at most, with what ties it to the next

_SUBJECTS = tuple(f"the {thing} is " for thing in THINGS)
_WORDS = Wording(
    (*_SUBJECTS, *NEGATIONS, *DEGREES, *ADJECTIVES[0], *ADJECTIVES[1], *CONTRASTS, *DEEDS, *TIMES, ". ", ".")
)
_ADJECTIVES = np.stack([_WORDS.numbers(words) for words in ADJECTIVES])


@register
@dataclass(frozen=True)
class Sentiment(Task):
    """Reviews of one opinion, or of two that contradict each other, among remarks that say nothing.

    An opinion is "the film is good"; one in three has "not" or "never", which turns it round, one in two "very" or
    "so", which does not. Half of the reviews hold two opinions: "A but B" means B, "A though B" means A. Both classes
    are equally likely. There is a slot of 32 bytes for each opinion and each remark: longer reviews hold more remarks.

    The words of a single opinion tell its class. Those of two tell nothing, since both orders are equally likely: the
    best guess from the bag of a review's words is right in 3 of 4.
    """

    name = "sentiment"
    summary = "A made-up review goes in byte by byte, whether it is favourable comes out."
    expects = (
        "Convolution reads words and the negation before them; which of two opinions counts takes a recurrence or "
        "attention, since a bag of words is right in no more than 3 of 4."
    )
    readout = "pooled"

    @property
    def vocabulary(self) -> int:
        return BYTES

    @property
    def outputs(self) -> int:
        return 2

    @property
    def chance(self) -> float:
        return 1 / 2

    @property
    def shortest(self) -> int:
        """One opinion."""
        return _SLOT

    @property
    def lengths(self) -> tuple[int, ...]:
        """In half of the usual length there is no room for two opinions."""
        return (self.length, self.length * 3 // 2, self.length * 2)

    def draw(self, rng: np.random.Generator, size: int, length: int) -> Batch:
        slots = length // _SLOT
        labels = rng.integers(2, size=size)
        double = (rng.random(size) < 0.5) & (slots > 1)
        contrast = rng.integers(2, size=size)
        counts = np.where(double & (contrast == 0), 1, 0)[:, None] == [0, 1]  # which of two opinions decides
        first, second = np.moveaxis(_opinions(rng, np.where(counts, labels[:, None], 1 - labels[:, None])), 1, 0)
        tie = _WORDS.numbers(CONTRASTS)[contrast][:, None]
        before, after = _remarks(rng, slots - 1 - double, slots - 1)
        stop = np.full((size, 1), _WORDS.number("."))
        tail = np.where(double[:, None], np.concatenate([tie, second], 1), NOTHING)
        bytes_, valid = _WORDS.write(np.concatenate([before, first, tail, after, stop], 1), length)
        return Batch(torch.from_numpy(bytes_), torch.from_numpy(labels), domain=Sequence(valid=torch.from_numpy(valid)))


def _opinions(rng: np.random.Generator, favourable: Ints) -> Ints:
    """Pieces [B, 2, 4] of opinions that are favourable (1) or not (0), [B, 2]."""
    shape = favourable.shape
    negated = rng.random(shape) < 1 / 3
    adjectives = _ADJECTIVES[favourable ^ negated, rng.integers(_ADJECTIVES.shape[1], size=shape)]
    return np.stack(
        [
            _WORDS.numbers(_SUBJECTS)[rng.integers(len(THINGS), size=shape)],
            np.where(negated, _WORDS.numbers(NEGATIONS)[rng.integers(2, size=shape)], NOTHING),
            np.where(rng.random(shape) < 0.5, _WORDS.numbers(DEGREES)[rng.integers(2, size=shape)], NOTHING),
            adjectives,
        ],
        axis=-1,
    )


def _remarks(rng: np.random.Generator, count: Ints, most: int) -> tuple[Ints, Ints]:
    """Pieces of `count` [B] remarks, some before the opinions and the others behind them."""
    size = len(count)
    ahead = rng.integers(count + 1)
    deeds = _WORDS.numbers(DEEDS)[rng.integers(len(DEEDS), size=(2, size, most))]
    times = _WORDS.numbers(TIMES)[rng.integers(len(TIMES), size=(2, size, most))]
    stop = np.full((size, most), _WORDS.number(". "))
    before = np.stack([deeds[0], times[0], stop], -1)
    after = np.stack([stop, deeds[1], times[1]], -1)
    place = np.arange(most)[:, None]
    before = np.where(place < ahead[:, None, None], before, NOTHING)
    after = np.where(place < (count - ahead)[:, None, None], after, NOTHING)
    return before.reshape(size, -1), after.reshape(size, -1)
