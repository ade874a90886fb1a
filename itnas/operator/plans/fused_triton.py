"""The `fused` plan on CUDA: lays tensors out for the Triton kernels, launches them, and gives gradients their shapes.

The kernels and their formulae are in `fused_triton_kernels.py`, their arguments in `fused_triton_pairs.py`. Numbers are
accumulated in float32, or in float64 where an argument is float64; half-precision arguments are widened as they are
read. Positions and clocks come in float64 and are read as two floats each, so that differences between far-off points
keep their precision.

Compiles with Triton 3.4 and later, in float64 with 3.5 and later.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from itnas.operator.plans.fused_arguments import FusedArguments
from itnas.operator.plans.fused_triton_kernels import cols_kernel, forward_kernel, rows_kernel, table_kernel
from itnas.operator.plans.fused_triton_pairs import Config, Sizes, Sources, Upstream

ACTIVATIONS = ("identity", "relu", "relu2", "silu", "gelu", "sin")
LINKS = ("identity", "sigmoid", "softmax")
TILE, STEP = 32, 16  # points of a program, and of the other side at a time: with more, pairs leave the registers
WARPS = 4
LEAST_DOT = 16  # the fewest numbers that tl.dot reads along an axis
TABLE_PROGRAMS = 1024  # enough to fill a large device; with more samples than that, some share a partial sum
HALF = (torch.float16, torch.bfloat16)
DIFFERENTIABLE = (
    "values",
    "row",
    "col",
    "table",
    "query",
    "key",
    "product_weight",
    "offset_weight",
    "distance_weight",
    "clock",
    "clock_weight",
    "out",
    "out_bias",
    "shift",
)


class Laid(NamedTuple):
    """Arguments as the kernels take them."""

    sources: Sources
    sizes: Sizes
    config: Config
    batch: int

    @property
    def tiled(self) -> int:
        """Blocks of points over all samples and heads."""
        return self.batch * self.sizes.heads * _blocks(self.sizes.points)


def prepare(arguments: FusedArguments) -> None:
    """Nothing: the kernels read the tensors as they are."""


def forward(arguments: FusedArguments, prepared: None = None) -> tuple[Tensor, Tensor | None]:
    """y [B, H, N, D], and for softmax log sum_j exp(k_ij) [B, H, N], minus infinity where nothing is visible."""
    laid = _lay_out(arguments)
    y = torch.empty(arguments.values.shape, dtype=arguments.values.dtype, device=arguments.values.device)
    lse = y.new_empty(y.shape[:3], dtype=laid.sources.out.dtype) if arguments.link == "softmax" else None
    _launch(forward_kernel, laid.tiled, laid, y, lse)
    return y, lse


def backward(
    arguments: FusedArguments, prepared: None, y: Tensor, lse: Tensor | None, grad: Tensor
) -> dict[str, Tensor]:
    """Gradients by field, each with the shape and dtype of its field; positions get none."""
    fields = {name: field for name in DIFFERENTIABLE if (field := getattr(arguments, name)) is not None}
    if not arguments.values.numel():
        return {name: torch.zeros_like(field) for name, field in fields.items()}
    laid = _lay_out(arguments)
    upstream = _upstream(laid, y, lse, grad)
    gradients = {**_row_gradients(laid, upstream), **_col_gradients(laid, upstream)}
    gradients.update(_weight_gradients(arguments, gradients.pop("weights")))
    gradients["out_bias"] = gradients["shift"].sum(-1)
    if arguments.clock_weight is not None:
        # S_i - S_j enters z through row_i and col_j alike, scaled by the clock's weight.
        moved = gradients["row"] - gradients["col"]
        gradients["clock"] = torch.einsum("bhnc,hc->bhn", moved, laid.sources.weight[:, -1])
    if arguments.table is not None:
        gradients["table"] = _table_gradient(laid, upstream)
    return {name: gradients[name].sum_to_size(field.shape).to(field.dtype) for name, field in fields.items()}


def _row_gradients(laid: Laid, upstream: Upstream) -> dict[str, Tensor]:
    """Gradients that sum over columns, and the weights' [B, H, blocks, M + 1, h], one part for each block of rows."""
    config = laid.config
    row, query = _empty(laid, config.hidden), _empty(laid, config.products, config.product_width)
    blocks = _blocks(laid.sizes.points)
    weights = row.new_empty(laid.batch, laid.sizes.heads, blocks, config.channels + 1, config.hidden)
    _launch(rows_kernel, laid.tiled, laid, upstream, row, query, weights)
    return {"row": row, "query": query, "weights": weights}


def _col_gradients(laid: Laid, upstream: Upstream) -> dict[str, Tensor]:
    """Gradients that sum over rows."""
    config = laid.config
    values, col, shift = _empty(laid, config.width), _empty(laid, config.hidden), _empty(laid)
    key = _empty(laid, config.products, config.product_width)
    _launch(cols_kernel, laid.tiled, laid, upstream, values, col, key, shift)
    return {"values": values, "col": col, "key": key, "shift": shift}


def _weight_gradients(arguments: FusedArguments, parts: Tensor) -> dict[str, Tensor]:
    """Gradients of what weights the pair channels, and of `out`, from their parts [B, H, blocks, M + 1, h]."""
    products, offset = arguments.product_weight, arguments.offset_weight
    lengths = {
        "product_weight": 0 if products is None else products.shape[2],
        "offset_weight": 0 if offset is None else offset.shape[2],
        "distance_weight": int(arguments.distance_weight is not None),
        "clock_weight": int(arguments.clock_weight is not None),
        "out": 1,
    }
    split = parts.sum((0, 2)).unsqueeze(0).split(list(lengths.values()), 2)  # each [1, H, m, h]
    gradients = dict(zip(lengths, split, strict=True))
    for name in ("distance_weight", "clock_weight", "out"):
        if lengths[name]:
            gradients[name] = gradients[name].squeeze(2)
    return gradients


def _table_gradient(laid: Laid, upstream: Upstream) -> Tensor:
    """[1, H, L, h], from partial sums over groups of samples."""
    code, sizes = laid.sources.col_code, laid.sizes
    assert code is not None
    point_of = torch.full((sizes.offsets,), -1, dtype=torch.int32, device=code.device)
    point_of[code.long()] = torch.arange(sizes.points, dtype=torch.int32, device=code.device)
    blocks = _blocks(sizes.offsets)
    samples = triton.cdiv(laid.batch, min(laid.batch, triton.cdiv(TABLE_PROGRAMS, sizes.heads * blocks)))
    groups = triton.cdiv(laid.batch, samples)
    shape = (sizes.heads, groups, sizes.offsets, laid.config.hidden)
    parts = torch.empty(shape, dtype=laid.sources.out.dtype, device=code.device)
    _launch(table_kernel, sizes.heads * groups * blocks, laid, upstream, point_of, parts, laid.batch, samples)
    return parts.sum(1).unsqueeze(0)


def _lay_out(arguments: FusedArguments) -> Laid:
    if arguments.activation not in ACTIVATIONS:
        raise ValueError(f"the CUDA kernels know the activations {ACTIVATIONS}, got {arguments.activation!r}")
    if arguments.link not in LINKS:
        raise ValueError(f"the CUDA kernels know the links {LINKS}, got {arguments.link!r}")
    assert not arguments.hidden.numel(), "the plan refuses kernels of more than one hidden layer on CUDA"
    batch, heads, points, _ = arguments.values.shape
    real = _real(arguments)
    channels = _channel_weights(arguments, heads)
    table = None if arguments.table is None else _per_head(arguments.table, heads).transpose(-1, -2).contiguous()
    row_code, col_code = (None, None) if arguments.table is None else (arguments.row_code, arguments.col_code)
    least = 0 if col_code is None or not points else col_code.min()
    positions = arguments.positions
    if arguments.offset_weight is None and arguments.distance_weight is None:
        positions = None
    clock = arguments.clock if arguments.clock_weight is not None else None

    def lay(field: Tensor | None) -> Tensor | None:
        return None if field is None else _points_last(field, batch, heads)

    sources = Sources(
        value=_points_last(arguments.values, batch, heads),
        row=_points_last(arguments.row, batch, heads),
        col=_points_last(arguments.col, batch, heads),
        table=table,
        row_code=None if row_code is None else (row_code - least).int(),
        col_code=None if col_code is None else (col_code - least).int(),
        query=lay(arguments.query),
        key=lay(arguments.key),
        position=lay(None if positions is None else _high_low(positions, real)),
        clock=lay(None if clock is None else _high_low(clock, real)),
        weight=channels.to(real).contiguous(),
        out=_per_head(arguments.out, heads).to(real).contiguous(),
        out_bias=_per_head(arguments.out_bias, heads).to(real).contiguous(),
        shift=lay(arguments.shift),
    )
    sizes = Sizes(points, heads, 0 if table is None else table.shape[-1], arguments.centre)
    return Laid(sources, sizes, _configure(arguments, positions, channels.shape[1]), batch)


def _configure(arguments: FusedArguments, positions: Tensor | None, channels: int) -> Config:
    width, hidden = arguments.values.shape[-1], arguments.out.shape[-1]
    products, product_width = (0, 0) if arguments.query is None else arguments.query.shape[-2:]
    factors = [part for part in (arguments.values, arguments.query, arguments.key) if part is not None]
    return Config(
        activation=arguments.activation,
        link=arguments.link,
        causal=arguments.causal,
        # tf32 holds half-precision numbers exactly; of float32 it would drop 13 bits.
        precision="tf32" if all(part.dtype in HALF for part in factors) else "ieee",
        width=width,
        width_pad=_padded(width, LEAST_DOT),
        hidden=hidden,
        hidden_pad=_padded(hidden, 1),
        products=products,
        product_width=product_width,
        product_pad=_padded(product_width, LEAST_DOT),
        axes=0 if positions is None else positions.shape[-1],
        offset=arguments.offset_weight is not None,
        distance=arguments.distance_weight is not None,
        channels=channels,
        channel_pad=_padded(channels + 1, 1),
        tile=TILE,
        step=STEP,
    )


def _upstream(laid: Laid, y: Tensor, lse: Tensor | None, grad: Tensor) -> Upstream:
    batch, heads = laid.batch, laid.sizes.heads
    flat_grad = _points_last(grad, batch, heads)
    if lse is None:
        return Upstream(flat_grad, None, None)
    real = laid.sources.out.dtype
    delta = (grad.to(real) * y.to(real)).sum(-1)
    return Upstream(flat_grad, _points_last(lse, batch, heads), _points_last(delta, batch, heads))


def _channel_weights(arguments: FusedArguments, heads: int) -> Tensor:
    """What weights the pair channels, in the kernels' order: [H, M, h]."""
    parts = [arguments.out.new_empty(1, heads, 0, arguments.out.shape[-1])]
    parts += [part for part in (arguments.product_weight, arguments.offset_weight) if part is not None]
    single = (arguments.distance_weight, arguments.clock_weight)
    parts += [part.unsqueeze(2) for part in single if part is not None]
    return torch.cat([_per_head(part, heads) for part in parts], 1)


def _real(arguments: FusedArguments) -> torch.dtype:
    """What everything is accumulated in."""
    fields = (getattr(arguments, name) for name in DIFFERENTIABLE if name != "clock")
    double = any(field is not None and field.dtype == torch.float64 for field in fields)
    return torch.float64 if double else torch.float32


def _per_head(part: Tensor, heads: int) -> Tensor:
    """[1, H|1, ...] -> [H, ...]"""
    return part[0].expand(heads, *part.shape[2:])


def _points_last(field: Tensor, batch: int, heads: int) -> Tensor:
    """[B|1, H|1, N, ...] -> [B * H, ..., N]"""
    return field.expand(batch, heads, *field.shape[2:]).flatten(0, 1).movedim(1, -1).contiguous()


def _high_low(numbers: Tensor, real: torch.dtype) -> Tensor:
    """Float64 numbers [...] as sums of two, [..., 2]."""
    high = numbers.to(real)
    return torch.stack([high, (numbers - high.to(numbers.dtype)).to(real)], -1)


def _empty(laid: Laid, *features: int) -> Tensor:
    shape = (laid.batch, laid.sizes.heads, laid.sizes.points, *features)
    return torch.empty(shape, dtype=laid.sources.out.dtype, device=laid.sources.out.device)


def _blocks(count: int) -> int:
    return -(-count // TILE)


def _padded(count: int, least: int) -> int:
    return max(least, 1 << max(count - 1, 0).bit_length())


def _launch(kernel: Any, programs: int, laid: Laid, *arguments: Any) -> None:
    # Fields of a constexpr come out bare in older versions, and the compiler wants to see constexprs.
    config = Config(*map(tl.constexpr, laid.config))
    if programs:
        with torch.cuda.device_of(laid.sources.value):
            # Fusing multiplications into additions is the default that Triton 3.10 gives up.
            kernel[(programs,)](laid.sources, *arguments, laid.sizes, config, num_warps=WARPS, enable_fp_fusion=True)
