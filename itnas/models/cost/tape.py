"""What arithmetic on ghosts costs, and what autograd keeps of it for the backward pass.

A number computed counts one flop, whichever function computes it; a sum counts its summands, a comparison or a choice
one. What only moves numbers (views, copies, casts, padding, lookups) counts nothing. What is kept follows torch's
derivative formulas, and memory that several functions keep counts once.
"""

from __future__ import annotations

from math import prod

from itnas.models.cost.ghost import Ghost, Shape, Storage, broadcast, layout

# What the derivative of a function of one tensor reads: the tensor, or the result.
KEEPS = {
    "relu": "result",
    "exp": "result",
    "tanh": "result",
    "sigmoid": "result",
    "reciprocal": "result",
    "silu": "input",
    "gelu": "input",
    "sin": "input",
    "cos": "input",
    "elu": "input",
    "softplus": "input",
    "square": "input",
    "abs": "input",
    "clamp": "input",
    "log1p": "input",
    "scale": "none",
    "identity": "none",
}


class Tape:
    """Flops so far, and the memory that is kept."""

    def __init__(self) -> None:
        self.flops = 0.0
        self._kept: set[Storage] = set()
        self._bytes = 0

    @property
    def kept_bytes(self) -> int:
        return self._bytes + sum(storage.bytes for storage in self._kept)

    def keep_bytes(self, size: int) -> None:
        """Keep memory that was counted elsewhere."""
        self._bytes += size

    def keep(self, *parts: Ghost | None) -> None:
        for part in parts:
            if part is not None and not part.storage.given:
                self._kept.add(part.storage)

    def count(self, flops: float) -> None:
        self.flops += flops

    def pointwise(self, *parts: Ghost, item: int | None = None) -> Ghost:
        """A function of the parts, number by number; what it keeps is the caller's to say."""
        shape = broadcast(parts)
        self.flops += prod(shape)
        grad = any(part.grad for part in parts)
        item = max(part.item for part in parts) if item is None else item
        return Ghost(shape, item=item, grad=grad, strides=layout(shape, parts))

    def add(self, *parts: Ghost) -> Ghost:
        """The sum, from left to right."""
        total = parts[0]
        for part in parts[1:]:
            total = self.pointwise(total, part)
        return total

    def mul(self, left: Ghost, right: Ghost, *, item: int | None = None) -> Ghost:
        if right.grad:
            self.keep(left)
        if left.grad:
            self.keep(right)
        return self.pointwise(left, right, item=item)

    def apply(self, function: str, part: Ghost) -> Ghost:
        """A function of one tensor, by its name in `KEEPS` or among the activations and output maps."""
        if function == "identity":
            return part
        if function == "relu2":
            return self.apply("square", self.apply("relu", part))
        if function == "elu1":
            return self.apply("scale", self.apply("elu", part))
        result = self.pointwise(part)
        if part.grad and KEEPS[function] != "none":
            self.keep(part if KEEPS[function] == "input" else result)
        return result

    def sum(self, part: Ghost, axis: int, *, keep_axis: bool = True, item: int | None = None) -> Ghost:
        """Also a mean or a maximum."""
        self.flops += part.numel
        axis %= part.dim
        middle = (1,) if keep_axis else ()
        return part.fresh(part.shape[:axis] + middle + part.shape[axis + 1 :], item=item)

    def running(self, part: Ghost, *, item: int | None = None) -> Ghost:
        """A cumulative sum."""
        self.flops += part.numel
        return part.fresh(item=item)

    def where(self, condition: Ghost, *choices: Ghost) -> Ghost:
        """Also `masked_fill`, of one choice."""
        if any(part.grad for part in choices):
            self.keep(condition)
        return self.pointwise(condition, *choices, item=max(part.item for part in choices))

    def reciprocal(self, total: Ghost) -> Ghost:
        """1 / Z and 0 where Z vanishes, as `itnas.operator.normaliser.reciprocal` has it."""
        vanished = self.pointwise(self.pointwise(total.detach()), item=1)
        inner = self.where(vanished, total.fresh(grad=False), total)
        divided = self.apply("scale", self.apply("reciprocal", inner))
        return self.where(vanished, total.fresh(grad=False), divided)

    def matrices(self, left: Ghost, right: Ghost) -> Ghost:
        """Products of matrices [..., n, k] and [..., k, m], the axes before broadcast (torch's `matmul`)."""
        shape = _common(left.shape[:-2], right.shape[:-2])
        left = left.expand(*shape, *left.shape[-2:]).reshape(prod(shape), *left.shape[-2:])
        right = right.expand(*shape, *right.shape[-2:]).reshape(prod(shape), *right.shape[-2:])
        product = self.batched(left, right)
        return product.unflatten(0, shape)

    def batched(self, left: Ghost, right: Ghost) -> Ghost:
        """`bmm`."""
        batch, rows, inner = left.shape
        self.flops += 2.0 * batch * rows * inner * right.shape[2]
        if right.grad:
            self.keep(left)
        if left.grad:
            self.keep(right)
        return Ghost((batch, rows, right.shape[2]), item=left.item, grad=left.grad or right.grad)

    def linear(self, u: Ghost, weight: Ghost, bias: Ghost | None = None) -> Ghost:
        """u [..., in] through weight [out, in]."""
        rows, width = prod(u.shape[:-1]), u.shape[-1]
        flat = u.reshape(rows, width)
        if weight.grad:
            self.keep(flat)
        if u.grad:
            self.keep(weight)
        self.flops += 2.0 * rows * width * weight.shape[0] + (0 if bias is None else rows * weight.shape[0])
        grad = u.grad or weight.grad or (bias is not None and bias.grad)
        return Ghost((*u.shape[:-1], weight.shape[0]), item=max(u.item, weight.item), grad=grad)

    def take(self, values: Ghost, index: Ghost) -> Ghost:
        """values [B|1, H|1, N, *F] at index [B|1, H|1, *S]; see `itnas.operator.kernel.take`."""
        if index.shape[:2] == (1, 1):
            flat = index.reshape(index.numel)
            if values.grad:
                self.keep(flat)
            found = values.fresh((*values.shape[:2], index.numel, *values.shape[3:]))
            return found.unflatten(2, index.shape[2:])
        batch, heads = _common(values.shape[:2], index.shape[:2])
        rest = values.shape[3:]
        flat = index.expand(batch, heads, *index.shape[2:]).flatten(2)
        flat = flat.reshape(*flat.shape, *(1,) * len(rest)).expand(*flat.shape, *rest)
        whole = values.expand(batch, heads, *values.shape[2:])
        if values.grad:
            self.keep(flat, whole)
        return whole.fresh(flat.shape).unflatten(2, index.shape[2:])


def _common(left: Shape, right: Shape) -> Shape:
    return tuple(max(one, other) for one, other in zip(left, right, strict=True))


def cat(parts: list[Ghost], axis: int) -> Ghost:
    first = parts[0]
    axis %= first.dim
    size = sum(part.shape[axis] for part in parts)
    return Ghost(
        (*first.shape[:axis], size, *first.shape[axis + 1 :]),
        item=max(part.item for part in parts),
        grad=any(part.grad for part in parts),
    )


def parameter(*shape: int, double: bool = False) -> Ghost:
    """A parameter; in float64 it is a copy, and no parameter any more."""
    return Ghost(shape, item=8) if double else Ghost(shape, given=True)


def constant(*shape: int, item: int = 8) -> Ghost:
    """Something computed without gradients."""
    return Ghost(shape, item=item, grad=False)
