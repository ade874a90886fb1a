"""From a layer's input to its kernel's form: the per-point part of `mlp` and `factorised` kernels."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from itnas.models.cost.einsum import einsum
from itnas.models.cost.forms import Form, LowRankForm, PairForm, Relation, Side, Tail, Waves
from itnas.models.cost.ghost import Ghost
from itnas.models.cost.tape import Tape, constant, parameter
from itnas.operator import FactorisedKernel, MLPKernel
from itnas.operator.domain import Geometry, Modalities
from itnas.operator.kernel import KernelSpec

Parameter = Callable[..., Ghost]


def head_linear(tape: Tape, u: Ghost, weight: Ghost, bias: Ghost | None = None) -> Ghost:
    """[B, N, C] -> [B, H, N, d]."""
    heads, width, dim = weight.shape
    flat = None if bias is None else bias.reshape(heads * width)
    return tape.linear(u, weight.reshape(heads * width, dim), flat).unflatten(-1, (heads, width)).transpose(1, 2)


def kernel_form(tape: Tape, spec: KernelSpec, heads: int, u: Ghost, geometry: Geometry, clock: Ghost | None) -> Form:
    if isinstance(spec, MLPKernel):
        return mlp_form(tape, spec, heads, u, geometry, clock)
    assert isinstance(spec, FactorisedKernel)
    return factorised_form(tape, spec, heads, u, geometry, clock)


def mlp_form(
    tape: Tape,
    spec: MLPKernel,
    heads: int,
    u: Ghost,
    geometry: Geometry,
    clock: Ghost | None,
    *,
    split: bool = False,
    double: bool = False,
) -> PairForm:
    """`split`: what is linear in offset and clock stands in the points' parts. `double`: all in float64."""
    width, own, axes = spec.hidden if spec.layers else 1, 1 if spec.shared else heads, geometry.axes
    dim, item = u.shape[-1], 8 if double else 4

    def weight(*shape: int) -> Ghost:
        return parameter(*shape, double=double)

    def each_head(*shape: int) -> Ghost:
        return weight(own, *shape).expand(heads, *shape)

    rows, cols = [each_head(width).reshape(1, heads, 1, width)], list[Ghost]()
    if "content" in spec.features:
        rows.append(head_linear(tape, u, weight(heads, width, dim)))
        cols.append(head_linear(tape, u, weight(heads, width, dim)))
    places = _places(geometry)
    if "position" in spec.features and places is not None:
        rows.append(_place_linear(tape, places, each_head(width, axes), item))
        cols.append(_place_linear(tape, places, each_head(width, axes), item))
    if split and "offset" in spec.features and places is not None:
        moved = _place_linear(tape, places, each_head(width, axes), item)
        rows.append(moved)
        cols.append(tape.apply("scale", moved))
    if split and "clock" in spec.features and clock is not None:
        ticked = einsum(tape, "bhn,hk->bhnk", clock.to(item), each_head(width))
        rows.append(ticked)
        cols.append(tape.apply("scale", ticked))

    tags = None
    if "modality" in spec.features:
        tags = each_head(width, spec.modalities, spec.modalities)
        if geometry.modalities is None:
            rows.append(each_head(width).reshape(1, heads, 1, width))
    relation = _relation(spec, heads, axes, weight, split=split)
    if geometry.modalities is not None:
        table, code, place = _place_in_union(tape, geometry.modalities, relation, tags, item)
    else:
        table, code, place = _place(tape, geometry, relation, item)
    query, key = (
        (_factors(tape, spec, heads, u, weight) for _ in range(2)) if "product" in spec.features else (None, None)
    )
    ticks = clock if "clock" in spec.features and not split else None
    row_part = tape.add(*rows)
    col_part = tape.add(*cols) if cols else Ghost((1, heads, 1, 1), item=item, grad=False)
    length = geometry.length
    return PairForm(
        rows=Side(_spanning(row_part, length), query, code, place, ticks),
        cols=Side(_spanning(col_part, length).expand(-1, -1, -1, width), key, code, place, ticks),
        tail=_tail(spec, heads, each_head),
        table=table,
        relation=relation,
        clock_weight=None if ticks is None else each_head(width),
        product_weight=each_head(spec.products, width) if "product" in spec.features else None,
    )


def _factors(tape: Tape, spec: MLPKernel, heads: int, u: Ghost, weight: Parameter) -> Ghost:
    wide = spec.products * spec.product_dim
    factors = head_linear(tape, u, weight(heads, wide, u.shape[-1]), weight(heads, wide))
    return factors.unflatten(-1, (spec.products, spec.product_dim))


def _relation(spec: MLPKernel, heads: int, axes: int, weight: Parameter, *, split: bool) -> Relation | None:
    width, own = spec.hidden if spec.layers else 1, 1 if spec.shared else heads
    offset = distance = waves = None
    if "offset" in spec.features and not split:
        offset = weight(own, width, axes).expand(heads, width, axes)
    if "distance" in spec.features:
        distance = weight(own, width).expand(heads, width)
    if "fourier" in spec.features:
        shape = (heads, axes, spec.frequencies)
        frequency = weight(*shape) if spec.fourier == "learned" else constant(*shape, item=4)
        damping = weight(*shape) if spec.damped else None
        waves = Waves(frequency, damping, weight(own, width, *shape[1:], 2).expand(heads, width, *shape[1:], 2))
    return Relation(offset, distance, waves) if offset or distance or waves else None


def _tail(spec: MLPKernel, heads: int, each_head: Parameter) -> Tail:
    if not spec.layers:
        empty = constant(heads, 0)
        return Tail(None, empty, empty, constant(heads, 1, item=4), constant(heads, item=4))
    width, more = spec.hidden, spec.layers - 1
    return Tail(spec.activation, each_head(more, width, width), each_head(more, width), each_head(width), each_head())


def _places(geometry: Geometry) -> Ghost | None:
    return None if geometry.positions is None else constant(*geometry.positions.shape)


def _place_linear(tape: Tape, places: Ghost, weight: Ghost, item: int) -> Ghost:
    return einsum(tape, "bnp,hkp->bhnk", places, weight.to(8)).to(item)


def _place(
    tape: Tape, geometry: Geometry, relation: Relation | None, item: int
) -> tuple[Ghost | None, Ghost | None, Ghost | None]:
    """The table of all offsets and the lattice codes that look into it, or the positions."""
    places = _places(geometry)
    if relation is None or places is None:
        return None, None, None
    if geometry.lattice is None:
        return None, None, places.unsqueeze(1)
    table = relation.at(tape, constant(1, 1, geometry.lattice.size, geometry.axes)).to(item)
    return table, constant(1, 1, geometry.length), None


def _place_in_union(
    tape: Tape, modalities: Modalities, relation: Relation | None, tags: Ghost | None, item: int
) -> tuple[Ghost | None, Ghost | None, Ghost | None]:
    """The same for the parts of a union. Without a table, each pair is worked out: counted as if there were one."""
    parts = []
    if relation is not None:
        parts.append(relation.at(tape, constant(1, 1, modalities.size, modalities.axes)).to(item))
    if tags is not None:
        heads, width = tags.shape[:2]
        parts.append(parameter(1, heads, modalities.size, width))
    if not parts:
        return None, None, None
    return tape.add(*parts), constant(1, 1, sum(modalities.sizes)), None


def _spanning(part: Ghost, length: int) -> Ghost:
    return part.expand(-1, -1, length, -1) if part.shape[2] == 1 else part


def factorised_form(
    tape: Tape, spec: FactorisedKernel, heads: int, u: Ghost, geometry: Geometry, clock: Ghost | None
) -> LowRankForm:
    if spec.decay == "position":
        assert geometry.positions is not None
        clock = constant(geometry.positions.shape[0], 1, geometry.length)
    phi, psi = (_factor(tape, spec, output, heads, u, geometry) for output in spec.outputs)
    if spec.learned_rank:
        gates = tape.apply("sigmoid", parameter(heads, spec.rank))
        gates = tape.apply("clamp", tape.apply("scale", tape.apply("scale", gates)))
        phi = tape.mul(phi, gates.unsqueeze(1))
    if spec.decay is None:
        return LowRankForm(Side(factor=phi), Side(factor=psi))
    rate = tape.apply("abs", parameter(heads, spec.rank))
    return LowRankForm(Side(factor=phi, clock=clock), Side(factor=psi, clock=clock), rate)


def _factor(tape: Tape, spec: FactorisedKernel, output: str, heads: int, u: Ghost, geometry: Geometry) -> Ghost:
    widths = [spec.hidden] * spec.layers + [spec.rank]
    first, dim = widths[0], u.shape[-1]
    if "content" in spec.inputs:
        z = head_linear(tape, u, parameter(heads, first, dim), parameter(heads, first))
    else:
        z = parameter(heads, first).unsqueeze(0).unsqueeze(2)
    places = _places(geometry)
    if "position" in spec.inputs and places is not None:
        weight = parameter(heads, first, geometry.axes).to(8)
        z = tape.add(z, einsum(tape, "bnp,hrp->bhnr", places, weight).to(4))
    for narrow, wide in pairwise(widths):
        z = einsum(tape, "bhni,hoi->bhno", tape.apply(spec.activation, z), parameter(heads, wide, narrow))
        z = tape.add(z, parameter(heads, wide).unsqueeze(1))
    return tape.apply(output, z).expand(-1, -1, geometry.length, -1)
