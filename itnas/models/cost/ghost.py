"""Tensors without numbers: shape, strides, precision, and which memory they look at.

Whether a reshape copies decides what a forward pass keeps, by factors; so strides are followed as torch does.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

Shape = tuple[int, ...]


class Storage:
    """One piece of memory. `given`: a parameter or an input, which is nobody's activation."""

    __slots__ = ("bytes", "given")

    def __init__(self, size: int, given: bool) -> None:
        self.bytes, self.given = size, given


class Ghost:
    """A tensor's outside. `item`: bytes per number; `grad`: whether a gradient passes through it."""

    __slots__ = ("grad", "item", "shape", "storage", "strides")

    def __init__(
        self,
        shape: Iterable[int],
        *,
        item: int = 4,
        grad: bool = True,
        given: bool = False,
        strides: Shape | None = None,
        storage: Storage | None = None,
    ) -> None:
        self.shape: Shape = tuple(shape)
        self.item, self.grad = item, grad
        self.strides = contiguous_strides(self.shape) if strides is None else strides
        self.storage = Storage(prod(self.shape) * item, given) if storage is None else storage

    @property
    def numel(self) -> int:
        return prod(self.shape)

    @property
    def dim(self) -> int:
        return len(self.shape)

    def view(self, shape: Iterable[int], strides: Shape) -> Ghost:
        """The same memory, seen otherwise."""
        return Ghost(shape, item=self.item, grad=self.grad, strides=strides, storage=self.storage)

    def fresh(self, shape: Iterable[int] | None = None, *, item: int | None = None, grad: bool | None = None) -> Ghost:
        """New memory of this tensor's kind."""
        return Ghost(
            self.shape if shape is None else shape,
            item=self.item if item is None else item,
            grad=self.grad if grad is None else grad,
        )

    def to(self, item: int) -> Ghost:
        """In another precision, laid out alike."""
        if item == self.item:
            return self
        return Ghost(self.shape, item=item, grad=self.grad, strides=layout(self.shape, (self,)))

    def detach(self) -> Ghost:
        return Ghost(self.shape, item=self.item, grad=False, strides=self.strides, storage=self.storage)

    def permute(self, order: Iterable[int]) -> Ghost:
        order = tuple(order)
        return self.view([self.shape[axis] for axis in order], tuple(self.strides[axis] for axis in order))

    def transpose(self, first: int, second: int) -> Ghost:
        order = list(range(self.dim))
        order[first], order[second] = order[second], order[first]
        return self.permute(order)

    def unsqueeze(self, axis: int) -> Ghost:
        axis = axis + self.dim + 1 if axis < 0 else axis
        step = self.shape[axis] * self.strides[axis] if axis < self.dim else 1
        return self.view(
            (*self.shape[:axis], 1, *self.shape[axis:]), (*self.strides[:axis], step, *self.strides[axis:])
        )

    def select(self, axis: int) -> Ghost:
        """One entry along an axis; the axis goes."""
        axis %= self.dim
        return self.view(self.shape[:axis] + self.shape[axis + 1 :], self.strides[:axis] + self.strides[axis + 1 :])

    def expand(self, *shape: int) -> Ghost:
        """-1 leaves an axis as it is; new axes come first."""
        more = len(shape) - self.dim
        old, strides = (1,) * more + self.shape, (0,) * more + self.strides
        sizes = [have if want == -1 else want for have, want in zip(old, shape, strict=True)]
        steps = [step if size == have else 0 for size, have, step in zip(sizes, old, strides, strict=True)]
        return self.view(sizes, tuple(steps))

    def narrow(self, axis: int, length: int) -> Ghost:
        shape = list(self.shape)
        shape[axis] = length
        return self.view(shape, self.strides)

    def unflatten(self, axis: int, sizes: Iterable[int]) -> Ghost:
        axis, parts = axis % self.dim, tuple(sizes)
        steps, step = list[int](), self.strides[axis]
        for size in reversed(parts):
            steps.insert(0, step)
            step *= size
        return self.view(
            self.shape[:axis] + parts + self.shape[axis + 1 :],
            self.strides[:axis] + tuple(steps) + self.strides[axis + 1 :],
        )

    def reshape(self, *shape: int) -> Ghost:
        """A view where that is possible, else a copy."""
        strides = view_strides(self.shape, self.strides, shape)
        return self.fresh(shape) if strides is None else self.view(shape, strides)

    def flatten(self, first: int, last: int = -1) -> Ghost:
        last %= self.dim
        return self.reshape(*self.shape[:first], prod(self.shape[first : last + 1]), *self.shape[last + 1 :])

    def contiguous(self) -> Ghost:
        alike = all(
            size == 1 or have == want
            for size, have, want in zip(self.shape, self.strides, contiguous_strides(self.shape), strict=True)
        )
        return self if alike else self.fresh()


def contiguous_strides(shape: Shape) -> Shape:
    strides, step = [0] * len(shape), 1
    for axis in range(len(shape) - 1, -1, -1):
        strides[axis] = step
        step *= max(shape[axis], 1)
    return tuple(strides)


def view_strides(old: Shape, strides: Shape, new: Shape) -> Shape | None:
    """Strides of a view with the new shape; None where only a copy has it (torch's `computeStride`)."""
    if not old or 0 in old:
        return contiguous_strides(new)
    found, place = [0] * len(new), len(new) - 1
    base, numbers, viewed = strides[-1], 1, 1
    for axis in range(len(old) - 1, -1, -1):
        numbers *= old[axis]
        if axis and (old[axis - 1] == 1 or strides[axis - 1] == numbers * base):
            continue
        while place >= 0 and (viewed < numbers or new[place] == 1):
            found[place] = viewed * base
            viewed *= new[place]
            place -= 1
        if viewed != numbers:
            return None
        if axis:
            base, numbers, viewed = strides[axis - 1], 1, 1
    return tuple(found) if place == -1 else None


def broadcast(parts: tuple[Ghost, ...]) -> Shape:
    first = parts[0].shape
    if all(part.shape == first for part in parts):
        return first
    most = max(part.dim for part in parts)
    shape = [1] * most
    for part in parts:
        for axis, size in enumerate(part.shape, most - part.dim):
            if size != 1:
                shape[axis] = size
    return tuple(shape)


def layout(shape: Shape, parts: tuple[Ghost, ...]) -> Shape:
    """Strides of what torch computes number by number: in the order of the operands' strides (`TensorIterator`)."""
    plain = contiguous_strides(shape)
    if all(part.shape == shape and part.strides == plain for part in parts):
        return plain
    steps = []
    for part in parts:
        more = len(shape) - part.dim
        steps.append(
            [0] * more
            + [
                0 if size == 1 != whole else step
                for size, step, whole in zip(part.shape, part.strides, shape[more:], strict=True)
            ]
        )
    order = list(range(len(shape) - 1, -1, -1))  # the fastest axis first
    for start in range(1, len(order)):
        here = start
        for place in range(start - 1, -1, -1):
            verdict = _swapped(order[place], order[here], steps, shape)
            if verdict > 0:
                order[place], order[here] = order[here], order[place]
                here = place
            elif verdict < 0:
                break
    strides, step = [0] * len(shape), 1
    for axis in order:
        strides[axis] = step
        step *= shape[axis]
    return tuple(strides)


def _swapped(first: int, second: int, steps: list[list[int]], shape: Shape) -> int:
    """1 where `second` is the faster axis, -1 where `first` is, 0 where no operand tells."""
    for step in steps:
        one, other = step[first], step[second]
        if one == 0 or other == 0:
            continue
        if one != other:
            return -1 if one < other else 1
        if shape[first] > shape[second]:
            return 1
    return 0
