"""Does one sentence follow from others?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from itnas.models.interface import Modality
from itnas.operator.domain import Sequence, Union
from itnas.tasks.base import Task, register
from itnas.tasks.batch import Batch
from itnas.tasks.wording import BYTES, Ints, Wording

ANIMALS = ("dog", "cat", "hen", "cow", "fox")
PLACES = ("park", "barn", "yard", "lake", "wood")
CLASSES = ("entails", "contradicts", "neither")
_FACT = 24  # bytes of "the dog is in the park. "
_HYPOTHESIS = 28  # bytes of "the dog is not in the park. "

_WORDS = Wording(("the ", *ANIMALS, " is in the ", " is not in the ", *PLACES, ". "))
_ANIMALS, _PLACES = _WORDS.numbers(ANIMALS), _WORDS.numbers(PLACES)


@register
@dataclass(frozen=True)
class Entailment(Task):
    """Which animal is where, and a statement about one of them: the premise entails it, contradicts it, or neither.

    A premise of n bytes holds n / 24 facts, of different animals at different places; the last 28 points are the
    hypothesis, one in four with "not". It is about an animal of the premise, at its place or at another one (half of
    these: another animal's), or about an animal that the premise does not mention. All animals and places are alike, so
    that of premise and hypothesis neither alone tells anything.
    """

    name = "entailment"
    summary = "A premise and a hypothesis go in byte by byte; entails, contradicts or neither comes out."
    expects = (
        "Within a sentence convolution binds animal and place; across the two, attention looks up the hypothesis's "
        "animal in the premise, or pooled pairs are compared where there are few of them."
    )
    readout = "pooled"
    compares = True

    length: int = 2 * _FACT + _HYPOTHESIS
    steps: int = 2500

    @property
    def modalities(self) -> tuple[Modality, ...]:
        return tuple(Modality(name, vocabulary=BYTES, encoder="text") for name in ("premise", "hypothesis"))

    @property
    def channels(self) -> int:
        return 1

    @property
    def outputs(self) -> int:
        return len(CLASSES)

    @property
    def chance(self) -> float:
        return 1 / len(CLASSES)

    @property
    def shortest(self) -> int:
        """One fact and a hypothesis."""
        return _FACT + _HYPOTHESIS

    @property
    def lengths(self) -> tuple[int, ...]:
        """Half as many facts, the usual number, and twice as many."""
        facts = self.facts(self.length)
        counts = {max(facts // 2, 1), facts, min(2 * facts, len(ANIMALS) - 1)}
        return tuple(sorted({_FACT * count + _HYPOTHESIS for count in counts - {facts}} | {self.length}))

    def facts(self, length: int) -> int:
        """Facts in the premise of a sample of that length."""
        return min((length - _HYPOTHESIS) // _FACT, len(ANIMALS) - 1)

    def draw(self, rng: np.random.Generator, size: int, length: int) -> Batch:
        facts = self.facts(length)
        # Those of the first `facts` columns are in the premise, and the others are not.
        animals, places = (rng.permuted(np.tile(pool, (size, 1)), axis=1) for pool in (_ANIMALS, _PLACES))
        labels, negated = rng.integers(len(CLASSES), size=size), (rng.random(size) < 1 / 4).astype(np.int64)
        fact = rng.integers(facts, size=size)
        elsewhere = np.where(
            (rng.random(size) < 0.5) & (facts > 1),
            (fact + rng.integers(1, max(facts, 2), size=size)) % facts,
            rng.integers(facts, len(PLACES), size=size),
        )
        true = labels == negated  # whether the statement without its "not" is: 0 and 0, or 1 and 1
        unknown, anywhere = rng.integers(facts, len(ANIMALS), size=size), rng.integers(len(PLACES), size=size)
        asked = np.where(labels == 2, unknown, fact)
        place = np.where(labels == 2, anywhere, np.where(true, fact, elsewhere))
        rows = np.arange(size)
        sizes = (length - _HYPOTHESIS, _HYPOTHESIS)
        texts = [
            _WORDS.write(
                _sentences(animals[:, :facts], places[:, :facts], np.zeros((size, facts), dtype=int)), sizes[0]
            ),
            _WORDS.write(_sentences(animals[rows, asked, None], places[rows, place, None], negated[:, None]), sizes[1]),
        ]
        points = np.concatenate([text for text, _ in texts], 1)[..., None]
        domain = Union(
            [Sequence(valid=torch.from_numpy(valid)) for _, valid in texts], sizes, ("premise", "hypothesis")
        )
        return Batch(torch.from_numpy(points.astype(np.float32)), torch.from_numpy(labels), domain=domain)


def _sentences(animals: Ints, places: Ints, negated: Ints) -> Ints:
    """Pieces [B, 5 n] of n sentences that say where an animal is, or is not."""
    the, stop = (np.full(animals.shape, _WORDS.number(piece)) for piece in ("the ", ". "))
    links = _WORDS.numbers((" is in the ", " is not in the "))[negated]
    return np.stack([the, animals, links, places, stop], -1).reshape(len(animals), -1)
