"""The best that can be guessed from a clue: the label most often met with it."""

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np

Labelled = Sequence[tuple[Hashable, int]]


def lookup(seen: Labelled, asked: Labelled) -> float:
    """How often the label that most often came with a clue is right on fresh samples; of new clues, the commonest."""
    votes: dict[Hashable, Counter[int]] = {}
    for clue, label in seen:
        votes.setdefault(clue, Counter())[label] += 1
    commonest = Counter(label for _, label in seen)
    return float(np.mean([votes.get(clue, commonest).most_common(1)[0][0] == label for clue, label in asked]))


def above(share: float, samples: int) -> float:
    """What a share of that many samples exceeds by luck once in 30,000 times."""
    return share + 4 * (share * (1 - share) / samples) ** 0.5
