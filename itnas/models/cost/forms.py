"""Kernels ready for one input, as in `itnas.operator.kernel.form`: what it costs to combine two points' parts to k."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Protocol

from itnas.models.cost.einsum import einsum
from itnas.models.cost.ghost import Ghost
from itnas.models.cost.tape import Tape, cat


@dataclass(frozen=True)
class Side:
    """What points bring to one side of the kernel."""

    linear: Ghost | None = None
    factor: Ghost | None = None
    code: Ghost | None = None
    place: Ghost | None = None
    clock: Ghost | None = None

    def take(self, tape: Tape, index: Ghost) -> Side:
        parts = {part.name: getattr(self, part.name) for part in fields(self)}
        return Side(**{name: None if part is None else tape.take(part, index) for name, part in parts.items()})

    def spread(self, axis: int) -> Side:
        """Room for the other side."""

        def widen(part: Ghost | None, trailing: int) -> Ghost | None:
            return None if part is None else part.unsqueeze(axis - trailing)

        return Side(
            linear=widen(self.linear, 1),
            code=widen(self.code, 0),
            place=widen(self.place, 1),
            clock=widen(self.clock, 0),
        )


class Form(Protocol):
    @property
    def rows(self) -> Side: ...

    @property
    def cols(self) -> Side: ...

    def block(self, tape: Tape, rows: Side, cols: Side) -> Ghost:
        """k for every row with every column."""

    def pairs(self, tape: Tape, rows: Side, cols: Side) -> Ghost:
        """k for the e-th row with the e-th column."""


@dataclass(frozen=True)
class Waves:
    frequency: Ghost
    damping: Ghost | None
    weight: Ghost

    def at(self, tape: Tape, delta: Ghost) -> Ghost:
        shape = (self.frequency.shape[0],) + (1,) * (delta.dim - 3) + self.frequency.shape[1:]
        phase = tape.mul(delta.unsqueeze(-1), self.frequency.to(8).reshape(*shape))
        parts = [tape.apply("sin", phase).unsqueeze(-1), tape.apply("cos", phase).unsqueeze(-1)]
        waves = cat(parts, -1)
        if self.damping is not None:
            rate = tape.apply("abs", self.damping.to(8)).reshape(*shape)
            fall = tape.mul(tape.apply("scale", tape.apply("abs", delta.unsqueeze(-1))), rate)
            waves = tape.mul(waves, tape.apply("exp", fall).unsqueeze(-1))
        return einsum(tape, "bh...pfs,hkpfs->bh...k", waves.to(self.weight.item), self.weight)


@dataclass(frozen=True)
class Relation:
    """The part of the first layer that depends on the offset alone."""

    offset: Ghost | None = None
    distance: Ghost | None = None
    waves: Waves | None = None

    def at(self, tape: Tape, delta: Ghost) -> Ghost:
        parts = []
        if self.offset is not None:
            parts.append(einsum(tape, "bh...p,hkp->bh...k", delta.to(self.offset.item), self.offset))
        if self.distance is not None:
            length = tape.sum(delta, -1, keep_axis=False).to(self.distance.item)
            parts.append(einsum(tape, "bh...,hk->bh...k", length, self.distance))
        if self.waves is not None:
            parts.append(self.waves.at(tape, delta))
        return tape.add(*parts)


@dataclass(frozen=True)
class Tail:
    """The kernel MLP after its first layer; no activation at depth 0."""

    activation: str | None
    hidden: Ghost  # [H, depth - 1, h, h]
    hidden_bias: Ghost
    out: Ghost
    out_bias: Ghost

    def __call__(self, tape: Tape, z: Ghost) -> Ghost:
        if self.activation is None:
            return z.select(-1)
        bias_shape = (self.out.shape[0],) + (1,) * (z.dim - 3)
        z = tape.apply(self.activation, z)
        for _ in range(self.hidden.shape[1]):
            bias = self.hidden_bias.select(1).reshape(*bias_shape, self.out.shape[1])
            z = tape.add(einsum(tape, "bh...i,hoi->bh...o", z, self.hidden.select(1)), bias)
            z = tape.apply(self.activation, z)
        return tape.add(einsum(tape, "bh...i,hi->bh...", z, self.out), self.out_bias.reshape(*bias_shape))


@dataclass(frozen=True)
class PairForm:
    """The form of the `mlp` kernels."""

    rows: Side
    cols: Side
    tail: Tail
    table: Ghost | None = None
    relation: Relation | None = None
    clock_weight: Ghost | None = None
    product_weight: Ghost | None = None

    def block(self, tape: Tape, rows: Side, cols: Side) -> Ghost:
        products = None
        if rows.factor is not None and cols.factor is not None:
            products = einsum(tape, "...npd,...mpd->...nmp", rows.factor, cols.factor)
        return self._combine(tape, rows.spread(-1), cols.spread(-2), products)

    def pairs(self, tape: Tape, rows: Side, cols: Side) -> Ghost:
        products = None
        if rows.factor is not None and cols.factor is not None:
            products = tape.sum(tape.mul(rows.factor, cols.factor), -1, keep_axis=False)
        return self._combine(tape, rows, cols, products)

    def _combine(self, tape: Tape, rows: Side, cols: Side, products: Ghost | None) -> Ghost:
        parts = [part for part in (rows.linear, cols.linear) if part is not None]
        if self.table is not None and rows.code is not None and cols.code is not None:
            shift = tape.pointwise(tape.pointwise(rows.code, cols.code))
            parts.append(tape.take(self.table, shift))
        elif self.relation is not None and rows.place is not None and cols.place is not None:
            parts.append(self.relation.at(tape, tape.pointwise(rows.place, cols.place)))
        if self.clock_weight is not None and rows.clock is not None and cols.clock is not None:
            elapsed = tape.pointwise(rows.clock, cols.clock).to(self.clock_weight.item)
            parts.append(einsum(tape, "bh...,hk->bh...k", elapsed, self.clock_weight))
        if products is not None and self.product_weight is not None:
            parts.append(einsum(tape, "bh...p,hpk->bh...k", products, self.product_weight))
        return self.tail(tape, tape.add(*parts))


@dataclass(frozen=True)
class LowRankForm:
    """The form of the `factorised` kernels."""

    rows: Side
    cols: Side
    rate: Ghost | None = None

    def block(self, tape: Tape, rows: Side, cols: Side) -> Ghost:
        assert rows.factor is not None
        assert cols.factor is not None
        if self.rate is None:
            return einsum(tape, "...nr,...mr->...nm", rows.factor, cols.factor)
        assert rows.clock is not None
        assert cols.clock is not None
        decay = self._decay(tape, tape.pointwise(rows.clock.unsqueeze(-1), cols.clock.unsqueeze(-2)))
        return einsum(tape, "...nr,...mr,...nmr->...nm", rows.factor, cols.factor, decay.to(4))

    def pairs(self, tape: Tape, rows: Side, cols: Side) -> Ghost:
        assert rows.factor is not None
        assert cols.factor is not None
        k = tape.mul(rows.factor, cols.factor)
        if self.rate is not None:
            assert rows.clock is not None
            assert cols.clock is not None
            k = tape.mul(k, self._decay(tape, tape.pointwise(rows.clock, cols.clock)).to(4))
        return tape.sum(k, -1, keep_axis=False)

    def _decay(self, tape: Tape, elapsed: Ghost) -> Ghost:
        assert self.rate is not None
        heads, rank = self.rate.shape
        rate = self.rate.to(8).reshape(heads, *(1,) * (elapsed.dim - 2), rank)
        span = tape.apply("scale", tape.apply("abs", elapsed).unsqueeze(-1))
        return tape.apply("exp", tape.mul(span, rate))
