"""Permutation composition: the table is the symmetric group, and the moves reach all of it."""

import math
from itertools import permutations, product

import numpy as np
import pytest

from itnas.tasks.permutation_composition import PermutationComposition, transitions


@pytest.mark.parametrize("items", [3, 4, 5, 6])
def test_two_moves_reach_every_permutation(items: int) -> None:
    moved = transitions(items, 2)
    reached, border = {0}, {0}
    while border:
        border = {int(state) for state in moved[sorted(border)].ravel()} - reached
        reached |= border
    assert len(reached) == math.factorial(items)


@pytest.mark.parametrize("items", [3, 4, 5])
def test_all_moves_are_the_group(items: int) -> None:
    size = math.factorial(items)
    moved = transitions(items, size)
    assert sorted(moved[0]) == [*range(size)]  # from the identity, each move leads to itself: all differ
    assert all(len(set(column)) == size for column in moved.T)
    # Relabelled by where they lead from the identity, moves compose associatively: (xy)z = x(yz).
    table = np.empty_like(moved)
    table[:, moved[0]] = moved
    some = np.random.default_rng(0).integers(size, size=(3, 500))
    x, y, z = some
    assert (table[table[x, y], z] == table[x, table[y, z]]).all()
    assert (table != table.T).any()


def test_the_moves_are_a_swap_and_a_cycle() -> None:
    group = list(permutations(range(5)))
    assert [group[state] for state in transitions(5, 2)[0]] == [(1, 0, 2, 3, 4), (1, 2, 3, 4, 0)]


def test_later_moves_are_applied_after_earlier_ones() -> None:
    # Swap 0 and 1, then send every place to the next: 0 -> 1 -> 2, 1 -> 0 -> 1, 2 -> 2 -> 0.
    moved = transitions(3, 2)
    assert list(permutations(range(3)))[moved[moved[0, 0], 1]] == (2, 1, 0)


@pytest.mark.parametrize(("items", "moves", "length"), [(3, 2, 6), (3, 3, 5), (4, 2, 8), (4, 24, 2)])
def test_chance_by_listing_all_samples(items: int, moves: int, length: int) -> None:
    moved = transitions(items, moves)
    counts = np.zeros((length, math.factorial(items)))
    for tokens in product(range(moves), repeat=length):
        state = 0
        for point, token in enumerate(tokens):
            state = moved[state, token]
            counts[point, state] += 1
    best = (counts.max(1) / counts.sum(1)).mean()
    task = PermutationComposition(items=items, moves=moves, length=length)
    assert task.chance == pytest.approx(best)


@pytest.mark.parametrize("items", [3, 4, 5])
def test_full_groups_give_nothing_away(items: int) -> None:
    size = math.factorial(items)
    assert PermutationComposition(items=items, moves=size).chance == pytest.approx(1 / size)
