"""The rules of the sequence tasks, said a second time and slowly.

A rule is shown the inputs up to one point and nothing after it. It answers with the target there, or with None where
nothing is scored: whatever agrees with it cannot depend on the future.
"""

from collections.abc import Callable
from itertools import permutations
from typing import Any

from itnas.tasks.local_pattern import class_table

Rule = Callable[[Any, list[Any]], Any]


def local_pattern(task: Any, past: list[int]) -> int | None:
    if len(past) < task.width:
        return None
    place = sum(token * task.vocab**age for age, token in enumerate(reversed(past[-task.width :])))
    return int(class_table(task.vocab, task.width, task.classes, task.pattern_seed)[place])


def delay(task: Any, past: list[int]) -> int | None:
    return past[-1 - task.delay] if len(past) > task.delay else None


def exponential_average(task: Any, past: list[list[float]]) -> list[float]:
    answers = []
    for average in range(task.averages):
        half_life = task.half_life * 2**average
        weights = [0.5 ** (age / half_life) for age in range(len(past))]
        total = sum(weight * value[0] for weight, value in zip(weights, reversed(past), strict=True))
        # Over an endless past the squared weights sum to 1 / (1 - 0.25^(1 / half_life)).
        answers.append(total * (1 - 0.25 ** (1 / half_life)) ** 0.5)
    return answers


def induction(task: Any, past: list[int]) -> int | None:
    *before, now = past
    followers = [before[place + 1] for place in range(len(before) - 1) if before[place] == now]
    if now < task.vocab or now not in before:
        return None
    assert len(followers) == 1, "a query with several answers"
    return followers[0]


def flip_flop(task: Any, past: list[int]) -> int | None:
    stored = None
    for instruction, bit in zip(past[0:-1:2], past[1::2], strict=False):
        if instruction == 2:
            stored = bit
        assert instruction != 4 or bit == stored, "the bit after a read is not the one written"
    return stored if past[-1] == 4 and len(past) % 2 else None


def parity(task: Any, past: list[int]) -> int:
    return past.count(1) % 2


def permutation_composition(task: Any, past: list[int]) -> int:
    n = task.items
    everything = sorted(permutations(range(n)))
    first = [(1, 0, *range(2, n)), tuple((item + 1) % n for item in range(n))]
    moves = first + [move for move in everything if move not in first]
    image = list(range(n))
    for token in past:
        image = [moves[token][place] for place in image]
    return everything.index(tuple(image))


def selective_copying(task: Any, past: list[int]) -> int | None:
    blank, marker = task.vocab, task.vocab + 1
    data = [token for token in past if token not in (blank, marker)]
    return data[past.count(marker) - 1] if past[-1] == marker else None


RULES: dict[str, Rule] = {
    "local-pattern": local_pattern,
    "delay": delay,
    "exponential-average": exponential_average,
    "induction": induction,
    "flip-flop": flip_flop,
    "parity": parity,
    "permutation-composition": permutation_composition,
    "selective-copying": selective_copying,
}
