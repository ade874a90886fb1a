"""A kernel made ready for one input: per-point parts, and how two points' parts combine to k(i, j).

The first layer of a kernel is linear in the pair features, so it splits into a part of the row point, a part of the
column point and few true pair terms. A form holds these parts; plans decide which pairs to combine and in what order.
Tensors here start with [B|1, H|1, ...]: an axis of size 1 is shared by all samples or heads.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from itnas.operator.activation import ACTIVATIONS


@dataclass(frozen=True)
class Side:
    """What points bring to one side of the kernel."""

    linear: Tensor | None = None  # [B|1, H, N, h] their share of the first layer
    factor: Tensor | None = None  # [B|1, H, N, P, d] for products, [B|1, H, N, R] for factorised kernels
    place: Tensor | None = None  # code [1, 1, N] in a table of offsets, or positions [B|1, 1, N, P] in float64
    clock: Tensor | None = None  # [B, H, N] in float64

    def take(self, index: Tensor) -> Side:
        """The points `index` [B|1, H|1, *S] in place of all N: every field becomes [B|1, H|1, *S, ...]."""
        parts = {part.name: getattr(self, part.name) for part in fields(self)}
        return Side(**{name: None if part is None else take(part, index) for name, part in parts.items()})

    def spread(self, axis: int) -> Side:
        """Room for the other side: a new axis after (-1) or before (-2) the points of linear, place and clock."""

        def widen(part: Tensor | None, trailing: int) -> Tensor | None:
            return None if part is None else part.unsqueeze(axis - trailing)

        place_is_code = self.place is not None and not self.place.is_floating_point()
        return Side(
            linear=widen(self.linear, 1), place=widen(self.place, 0 if place_is_code else 1), clock=widen(self.clock, 0)
        )


class Form(abc.ABC):
    """k(i, j) of one input. `rows` are the queries i, `cols` the points j that they look at."""

    rows: Side
    cols: Side

    @abc.abstractmethod
    def block(self, rows: Side, cols: Side) -> Tensor:
        """k for every row with every column: [B|1, H, ..., n, m]."""

    def glance(self, rows: Side, cols: Side) -> Tensor:
        """`block` by the fastest way there is, which may know neither gradients nor vmap."""
        return self.block(rows, cols)

    @abc.abstractmethod
    def pairs(self, rows: Side, cols: Side) -> Tensor:
        """k for the e-th row with the e-th column: [B|1, H, E]."""


@dataclass(frozen=True)
class Waves:
    """Fourier features of the offset: sin and cos of frequency x offset along each axis, perhaps damped."""

    frequency: Tensor  # [H, P, F]
    damping: Tensor | None  # [H, P, F]
    weight: Tensor  # [H, h, P, F, 2]

    def at(self, delta: Tensor) -> Tensor:
        """Contribution to the first layer, for offsets float64 [B|1, H|1, *S, P]."""
        shape = (self.frequency.shape[0],) + (1,) * (delta.dim() - 3) + self.frequency.shape[1:]
        phase = delta.unsqueeze(-1) * self.frequency.double().view(shape)
        waves = torch.stack([phase.sin(), phase.cos()], -1)
        if self.damping is not None:
            waves = waves * torch.exp(-delta.unsqueeze(-1).abs() * self.damping.double().abs().view(shape)).unsqueeze(
                -1
            )
        return torch.einsum("bh...pfs,hkpfs->bh...k", waves.to(self.weight.dtype), self.weight)


@dataclass(frozen=True)
class Relation:
    """The part of the first layer that depends on the offset p_i - p_j alone."""

    offset: Tensor | None = None  # [H, h, P]
    distance: Tensor | None = None  # [H, h]
    waves: Waves | None = None

    def at(self, delta: Tensor) -> Tensor:
        """Contribution for offsets float64 [B|1, H|1, *S, P]: [B|1, H, *S, h]."""
        parts = []
        if self.offset is not None:
            parts.append(torch.einsum("bh...p,hkp->bh...k", delta.to(self.offset.dtype), self.offset))
        if self.distance is not None:
            length = torch.linalg.vector_norm(delta, dim=-1).to(self.distance.dtype)
            parts.append(torch.einsum("bh...,hk->bh...k", length, self.distance))
        if self.waves is not None:
            parts.append(self.waves.at(delta))
        return sum(parts[1:], parts[0])


@dataclass(frozen=True)
class TaggedRelation:
    """What depends on the offset and on two points' tags, where no table can hold it.

    The last coordinate of a place is T times the tag in a row and minus the tag in a column: the difference says both.
    """

    relation: Relation | None
    tags: Tensor | None = None  # [H, h, T, T]
    count: int = 1

    def at(self, delta: Tensor) -> Tensor:
        """Contribution for differences of places, float64 [B|1, H|1, *S, P + 1]: [B|1, H, *S, h]."""
        pair = delta[..., -1].long()
        parts = []
        if self.relation is not None:
            # Between points of different parts there is no offset.
            alike = (pair // self.count == pair % self.count).unsqueeze(-1)
            parts.append(self.relation.at(delta[..., :-1] * alike))
        if self.tags is not None:
            parts.append(take(self.tags.flatten(2).mT.unsqueeze(0), pair))
        return sum(parts[1:], parts[0])


@dataclass(frozen=True)
class Tail:
    """The kernel MLP after its first, linear layer. Depth 0 has no activation and reads its one channel off."""

    activation: str | None
    hidden: Tensor  # [H, depth - 1, h, h]
    hidden_bias: Tensor  # [H, depth - 1, h]
    out: Tensor  # [H, h]
    out_bias: Tensor  # [H]

    def __call__(self, z: Tensor) -> Tensor:
        """[B|1, H, *S, h] -> [B|1, H, *S]."""
        if self.activation is None:
            return z.squeeze(-1)
        act = ACTIVATIONS[self.activation]
        bias_shape = (self.out.shape[0],) + (1,) * (z.dim() - 3)
        z = act(z)
        for depth in range(self.hidden.shape[1]):
            bias = self.hidden_bias[:, depth].view(*bias_shape, -1)
            z = act(torch.einsum("bh...i,hoi->bh...o", z, self.hidden[:, depth]) + bias)
        return torch.einsum("bh...i,hi->bh...", z, self.out) + self.out_bias.view(bias_shape)

    def on_planes(self, z: Tensor) -> Tensor:
        """The same for [B|1, H, h, *S], one matrix product a layer; z is not kept."""
        if self.activation is None:
            return z.squeeze(2)
        act, heads = torch.relu_ if self.activation == "relu" else ACTIVATIONS[self.activation], self.out.shape[0]
        flat = act(z).flatten(3)
        for depth in range(self.hidden.shape[1]):
            flat = act(self.hidden[:, depth] @ flat + self.hidden_bias[:, depth].unsqueeze(-1))
        found = self.out.view(heads, 1, -1) @ flat + self.out_bias.view(heads, 1, 1)
        return found.view(z.shape[0], heads, *z.shape[3:])


@dataclass(frozen=True)
class PairForm(Form):
    """k(i, j) = tail(A_i + B_j + C_(i-j) + (S_i - S_j) s + sum_p w_p q_ip . k_jp), the form of the `mlp` kernels."""

    rows: Side
    cols: Side
    tail: Tail
    table: Tensor | None = None  # [1, H, L, h]: C on a lattice
    centre: int = 0
    relation: Relation | TaggedRelation | None = None  # C elsewhere
    clock_weight: Tensor | None = None  # [H, h]
    product_weight: Tensor | None = None  # [H, P, h]

    def block(self, rows: Side, cols: Side) -> Tensor:
        return self._combine(rows.spread(-1), cols.spread(-2), _products(rows, cols))

    def glance(self, rows: Side, cols: Side) -> Tensor:
        return self._on_planes(rows.spread(-1), cols.spread(-2), _products(rows, cols))

    def pairs(self, rows: Side, cols: Side) -> Tensor:
        products = None
        if rows.factor is not None and cols.factor is not None:
            products = (rows.factor * cols.factor).sum(-1)
        return self._combine(rows, cols, products)

    def _combine(self, rows: Side, cols: Side, products: Tensor | None) -> Tensor:
        """The first layer from sides that already broadcast to the pairs; then the tail."""
        parts = [part for part in (rows.linear, cols.linear) if part is not None]
        if rows.place is not None and cols.place is not None:
            delta = rows.place - cols.place
            if self.table is not None:
                parts.append(take(self.table, delta + self.centre))
            elif self.relation is not None:
                parts.append(self.relation.at(delta))
        if self.clock_weight is not None and rows.clock is not None and cols.clock is not None:
            elapsed = (rows.clock - cols.clock).to(self.clock_weight.dtype)
            parts.append(torch.einsum("bh...,hk->bh...k", elapsed, self.clock_weight))
        if products is not None and self.product_weight is not None:
            parts.append(torch.einsum("bh...p,hpk->bh...k", products, self.product_weight))
        return self.tail(sum(parts[1:], parts[0]))

    def _on_planes(self, rows: Side, cols: Side, products: Tensor | None) -> Tensor:
        """The same several times as fast: hidden units lie behind one another as planes of pairs, and shares are added
        in place."""
        parts = [part.movedim(-1, 2).contiguous() for part in (rows.linear, cols.linear) if part is not None]
        if rows.place is not None and cols.place is not None:
            delta = rows.place - cols.place
            if self.table is not None:
                parts.append(_take_planes(self.table, delta + self.centre))
            elif self.relation is not None:
                parts.append(self.relation.at(delta).movedim(-1, 2))
        scaled: list[tuple[Tensor, Tensor]] = []  # one number a pair [B|1, H, *S], and its weights [H, h]
        if self.clock_weight is not None and rows.clock is not None and cols.clock is not None:
            scaled.append(((rows.clock - cols.clock).to(self.clock_weight.dtype), self.clock_weight))
        if products is not None and self.product_weight is not None:
            scaled += zip(products.unbind(-1), self.product_weight.unbind(1), strict=True)
        z = parts[0] + parts[1]
        for part in parts[2:]:
            z = z.add_(part) if _fits(part, z) else z + part
        for pairs, weight in scaled:
            pairs, weight = pairs.unsqueeze(2), weight.view(*weight.shape, *(1,) * (z.dim() - 3))
            z = z.addcmul_(pairs, weight) if _fits(pairs, z) else torch.addcmul(z, pairs, weight)
        return self.tail.on_planes(z)


@dataclass(frozen=True)
class LowRankForm(Form):
    """k(i, j) = sum_r phi_ir psi_jr exp(-rate_r abs(S_i - S_j)), the form of the `factorised` kernels."""

    rows: Side
    cols: Side
    rate: Tensor | None = None  # [H, R], not negative

    def block(self, rows: Side, cols: Side) -> Tensor:
        assert rows.factor is not None
        assert cols.factor is not None
        if self.rate is None:
            return torch.einsum("...nr,...mr->...nm", rows.factor, cols.factor)
        assert rows.clock is not None
        assert cols.clock is not None
        decay = self._decay(rows.clock.unsqueeze(-1) - cols.clock.unsqueeze(-2))
        return torch.einsum("...nr,...mr,...nmr->...nm", rows.factor, cols.factor, decay.to(rows.factor.dtype))

    def pairs(self, rows: Side, cols: Side) -> Tensor:
        assert rows.factor is not None
        assert cols.factor is not None
        k = rows.factor * cols.factor
        if self.rate is not None:
            assert rows.clock is not None
            assert cols.clock is not None
            k = k * self._decay(rows.clock - cols.clock).to(k.dtype)
        return k.sum(-1)

    def _decay(self, elapsed: Tensor) -> Tensor:
        """exp(-rate abs(elapsed)) for elapsed [B|1, H, *S]: [B|1, H, *S, R]."""
        assert self.rate is not None
        heads, rank = self.rate.shape
        rate = self.rate.double().view(heads, *(1,) * (elapsed.dim() - 2), rank)
        return torch.exp(-elapsed.abs().unsqueeze(-1) * rate)


def _products(rows: Side, cols: Side) -> Tensor | None:
    """Every row's with every column's: [B, H, ..., n, m, P]."""
    if rows.factor is None or cols.factor is None:
        return None
    return torch.einsum("...npd,...mpd->...nmp", rows.factor, cols.factor)


def _fits(part: Tensor, z: Tensor) -> bool:
    """Whether a part can be added in place, that is, needs no more room than z has."""
    return bool(torch.broadcast_shapes(part.shape, z.shape) == z.shape)


def _take_planes(table: Tensor, index: Tensor) -> Tensor:
    """A table [1, H, L, h] at index [B|1, H|1, *S]: [B|1, H, h, *S]."""
    if index.shape[:2] == (1, 1):
        return torch.unflatten(table.mT.index_select(3, index.flatten()), 3, index.shape[2:])
    return take(table, index).movedim(-1, 2)


def take(values: Tensor, index: Tensor) -> Tensor:
    """values [B|1, H|1, N, *F] at index [B|1, H|1, *S] along N: [B|1, H|1, *S, *F]."""
    if index.shape[0] == 1 and index.shape[1] == 1:
        return torch.unflatten(values.index_select(2, index.flatten()), 2, index.shape[2:])
    batch, heads = max(values.shape[0], index.shape[0]), max(values.shape[1], index.shape[1])
    rest = values.shape[3:]
    flat = index.expand(batch, heads, *index.shape[2:]).flatten(2)
    flat = flat.view(*flat.shape, *(1,) * len(rest)).expand(*flat.shape, *rest)
    return torch.unflatten(values.expand(batch, heads, *values.shape[2:]).gather(2, flat), 2, index.shape[2:])
