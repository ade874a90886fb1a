"""`torch.einsum` on ghosts: operands are permuted and flattened for one product of batches of matrices.

Flattening copies where strides do not allow a view, and then the copy is what autograd keeps.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod

from itnas.models.cost.ghost import Ghost
from itnas.models.cost.tape import Tape


def einsum(tape: Tape, equation: str, *parts: Ghost) -> Ghost:
    orders, letters, outputs = _plan(equation, tuple(part.dim for part in parts))
    operands = [_arranged(part, order) for part, order in zip(parts, orders, strict=True)]
    counts = [
        sum(order[axis] >= 0 and part.shape[order[axis]] != 1 for part, order in zip(parts, orders, strict=True))
        for axis in range(letters)
    ]
    result = operands[0]
    for right in operands[1:]:
        left, summed = result, []
        for axis in range(outputs, letters):
            if left.shape[axis] != 1 and right.shape[axis] != 1:
                counts[axis] -= 1
                if counts[axis] == 1:
                    summed.append(axis)
                    counts[axis] = 0
            elif counts[axis] == 1:
                counts[axis] = 0
                if left.shape[axis] != 1:
                    left = tape.sum(left, axis)
                else:
                    right = tape.sum(right, axis)
        result = _product(tape, left, right, summed)
    for axis in range(letters - 1, outputs - 1, -1):
        result = result.select(axis)
    return result


@lru_cache(maxsize=512)
def _plan(equation: str, dims: tuple[int, ...]) -> tuple[list[list[int]], int, int]:
    """Each operand's axis for every letter (-1: none), the output's first; how many letters, and how many of these."""
    given, out = equation.split("->")
    spelled = []
    for text, dim in zip(given.split(","), dims, strict=True):
        named = len(text.replace("...", ""))
        spelled.append(text.replace("...", "0123456789"[10 - (dim - named) :] if dim > named else ""))
    free = max((set(text) & set("0123456789") for text in spelled), key=len)
    out = out.replace("...", "".join(sorted(free)))
    rest = sorted({letter for text in spelled for letter in text} - set(out))
    alphabet = [*out, *rest]
    orders = [[text.find(letter) for letter in alphabet] for text in spelled]
    return orders, len(alphabet), len(out)


def _arranged(part: Ghost, order: list[int]) -> Ghost:
    """The operand with an axis for every letter, of size 1 where it has none."""
    shape = [1 if axis < 0 else part.shape[axis] for axis in order]
    return part.view(shape, tuple(1 if axis < 0 else part.strides[axis] for axis in order))


def _product(tape: Tape, left: Ghost, right: Ghost, summed: list[int]) -> Ghost:
    """torch's `sumproduct_pair`."""
    if not summed:
        return tape.mul(left, right)
    both: list[int] = []
    only_left: list[int] = []
    only_right: list[int] = []
    for axis in range(left.dim):
        if axis in summed:
            continue
        if left.shape[axis] != 1:
            (both if right.shape[axis] != 1 else only_left).append(axis)
        else:
            only_right.append(axis)
    if only_left and only_right and only_right[-1] < only_left[0]:
        left, right, only_left, only_right = right, left, only_right, only_left

    def size(part: Ghost, axes: list[int]) -> int:
        return prod(part.shape[axis] for axis in axes)

    matrices = (
        left.permute((*both, *only_left, *summed, *only_right)).reshape(
            size(left, both), size(left, only_left), size(left, summed)
        ),
        right.permute((*both, *summed, *only_right, *only_left)).reshape(
            size(right, both), size(right, summed), size(right, only_right)
        ),
    )
    shape = [left.shape[axis] for axis in (*both, *only_left)] + [1] * len(summed)
    shape += [right.shape[axis] for axis in only_right]
    product = tape.batched(*matrices)
    product = product.reshape(*shape)
    order = (*both, *only_left, *summed, *only_right)
    return product.permute(sorted(range(len(order)), key=order.__getitem__))
