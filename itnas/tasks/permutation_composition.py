"""Permutation composition: where is everything after so many shuffles?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations

import numpy as np
import torch
from numpy.typing import NDArray

from itnas.tasks.base import Task, register
from itnas.tasks.batch import Batch


@register
@dataclass(frozen=True)
class PermutationComposition(Task):
    """The word problem of the symmetric group (Merrill et al., arXiv 2404.08819): x_i o ... o x_1 at every point i.

    Tokens are the first `moves` of all items! permutations: the swap of the first two items, the cycle of all (these
    two generate the group), then the others in lexicographic order. A target is the lexicographic number of the
    composition. The default, two generators of S4, is what a small recurrence masters within `steps`. From five items
    on the task is complete for NC1: unless that equals TC0, no fixed number of attention layers does it at all lengths.
    `items=5,moves=120` is S5 in full.
    """

    name = "permutation-composition"
    summary = "Random permutations of a few items; at every point the composition of all so far."
    expects = "Recurrence with a nonlinear state: the group does not commute, so no sum over the past can track it."
    causal = True

    items: int = 4
    moves: int = 2  # different permutations that occur

    def check_settings(self) -> None:
        if not 3 <= self.items <= 6:
            raise ValueError(f"task {self.name}: items must be 3 to 6, got items={self.items}")
        if not 2 <= self.moves <= math.factorial(self.items):
            raise ValueError(
                f"task {self.name}: moves must be 2 to items! = {math.factorial(self.items)}, got moves={self.moves}"
            )

    @property
    def vocabulary(self) -> int:
        return self.moves

    @property
    def outputs(self) -> int:
        return math.factorial(self.items)

    @property
    def chance(self) -> float:
        return _chance(self.items, self.moves, self.length)

    def draw(self, rng: np.random.Generator, size: int, length: int) -> Batch:
        moved = transitions(self.items, self.moves)
        tokens = rng.integers(self.moves, size=(size, length))
        targets = np.empty_like(tokens)
        state = np.zeros(size, dtype=np.int64)  # the identity comes first in lexicographic order
        for point in range(length):
            state = moved[state, tokens[:, point]]
            targets[:, point] = state
        return Batch(torch.from_numpy(tokens), torch.from_numpy(targets))


@lru_cache(maxsize=16)
def transitions(items: int, moves: int) -> NDArray[np.int64]:
    """Number of the composition [items!, moves] after each move from each composition."""
    group = list(permutations(range(items)))
    number = {element: index for index, element in enumerate(group)}
    swap, cycle = (1, 0, *range(2, items)), (*range(1, items), 0)
    order = [swap, cycle, *(element for element in group if element not in (swap, cycle))]
    return np.array(
        [[number[tuple(move[place] for place in state)] for move in order[:moves]] for state in group], dtype=np.int64
    )


@lru_cache(maxsize=16)
def _chance(items: int, moves: int, length: int) -> float:
    """Mean over points of the likeliest composition's probability, by following the random walk exactly."""
    moved = transitions(items, moves)
    probability: NDArray[np.float64] = np.zeros(len(moved))
    probability[0] = 1.0
    best = 0.0
    for _ in range(length):
        spread = np.repeat(probability / moves, moves)
        probability = np.bincount(moved.ravel(), weights=spread, minlength=len(moved)).astype(np.float64)
        best += float(probability.max())
    return best / length
