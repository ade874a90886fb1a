"""The fused kernel on the CPU: tensors in, flat arrays through compiled workers, tensors out."""

from __future__ import annotations

from math import prod
from typing import Any

import torch
from torch import Tensor

from itnas.operator.plans.fused_arguments import FusedArguments
from itnas.operator.plans.fused_chunk_numba import Inputs, Sizes
from itnas.operator.plans.fused_numba import Gradients, workspace
from itnas.operator.plans.team import compiled_worker, run_tasks

ACTIVATIONS = {"identity": 0, "relu": 1, "relu2": 2, "silu": 3, "gelu": 4, "sin": 5}
LINKS = {"identity": 0, "sigmoid": 1, "softmax": 2}
# Long sequences are shared between tasks, so that one sample keeps all threads busy. The count depends on the length
# alone: then sums are added in the same order however many samples, replicas or threads there are.
ROWS_PER_TASK = 512
LANES = {torch.float32: 16, torch.float64: 8}


def forward(arguments: FusedArguments, prepared: tuple[Inputs, Sizes]) -> tuple[Tensor, Tensor | None]:
    """y [B, H, N, D], and for softmax the log of the denominator [B, H, N]."""
    inputs, sizes = prepared
    values = arguments.values
    y = values.new_empty(values.shape)
    softmax = arguments.link == "softmax"
    lse = values.new_empty(values.shape[:3] if softmax else (0,))
    arrays = [*inputs, _workspace(sizes, y), y, lse]
    run_tasks(_worker("forward", y), sizes.batch * sizes.heads * sizes.splits, arrays, sizes)
    return y, lse if softmax else None


def backward(
    arguments: FusedArguments, prepared: tuple[Inputs, Sizes], y: Tensor, lse: Tensor | None, grad: Tensor
) -> dict[str, Tensor]:
    """The gradient of each floating-point field but positions, in the shape of the field."""
    inputs, sizes = prepared
    tasks = sizes.batch * sizes.heads * sizes.splits
    grad = grad.contiguous()
    softmax = arguments.link == "softmax"
    dots = (grad * y).sum(-1) if softmax else grad.new_empty(0)
    lengths = {
        "row": sizes.batch * sizes.heads * sizes.points * sizes.hidden,
        "col": tasks * sizes.hidden * sizes.padded,
        "table": tasks * sizes.hidden * sizes.table,
        "query": sizes.batch * sizes.heads * sizes.points * sizes.products * sizes.product_dim,
        "key": tasks * sizes.products * sizes.product_dim * sizes.padded,
        "clock_row": sizes.batch * sizes.heads * sizes.points * sizes.ticking,
        "clock_col": tasks * sizes.padded * sizes.ticking,
        "weight": tasks * sizes.channels * sizes.hidden,
        "hidden": tasks * arguments.hidden[0, 0].numel(),
        "hidden_bias": tasks * arguments.hidden_bias[0, 0].numel(),
        "out": tasks * sizes.hidden,
        "out_bias": tasks,
        "shift": tasks * sizes.padded * (arguments.shift is not None),
        "values": tasks * sizes.width * sizes.padded,
    }
    sums = {name: grad.new_empty(length) for name, length in lengths.items()}
    kept = dots if lse is None else lse.contiguous()
    arrays = [*inputs, _workspace(sizes, grad), grad, dots, kept, *Gradients(**sums)]
    run_tasks(_worker("backward", grad), tasks, arrays, sizes)
    return _shape(arguments, sizes, sums)


def _worker(way: str, like: Tensor) -> Any:
    return compiled_worker("fused_workers_numba", f"{way}_{str(like.dtype).removeprefix('torch.')}")


def _workspace(sizes: Sizes, like: Tensor) -> Tensor:
    """Working memory for each thread, [threads, numbers]."""
    return like.new_empty(torch.get_num_threads(), workspace.py_func(sizes, LANES[like.dtype]))


def _flat(part: Tensor) -> Tensor:
    return part.detach().contiguous()


def _point_last(part: Tensor, padded: int) -> Tensor:
    """[.., N, d] -> [.., d, padded], contiguous, in one copy."""
    return _padded(part.transpose(-1, -2), padded)


def _padded(part: Tensor, length: int) -> Tensor:
    """[.., N] -> [.., length], contiguous, zeros behind."""
    points = part.shape[-1]
    if points == length:
        return part.contiguous()
    padded = part.new_empty(*part.shape[:-1], length)
    padded[..., :points] = part
    padded[..., points:] = 0
    return padded


def _two_floats(part: Tensor, dtype: torch.dtype) -> Tensor:
    """float64 [...] as a sum of two numbers of `dtype`, [..., 2, ] before the last axis; centred on the first point."""
    part = part - part[..., :1]
    high = part.to(dtype)
    return torch.stack([high, (part - high.double()).to(dtype)], -2)


def prepare(arguments: FusedArguments) -> tuple[Inputs, Sizes]:
    """The workers' inputs: contiguous, points last and padded, weights of all channels in one array."""
    values, row, table = arguments.values, arguments.row, arguments.table
    batch, heads, points, width = values.shape
    hidden, dtype, lanes = row.shape[-1], values.dtype, LANES[values.dtype]
    padded = -(-points // lanes) * lanes
    empty = values.new_empty(0)
    products, product_dim = (0, 0) if arguments.query is None else arguments.query.shape[3:]
    placed = arguments.offset_weight is not None or arguments.distance_weight is not None
    place = None
    if placed:
        assert arguments.positions is not None
        place = _two_floats(arguments.positions.transpose(2, 3), dtype)  # [B|1, H|1, A, 2, N]
    clock = None if arguments.clock is None else _two_floats(arguments.clock, dtype)
    weights = [arguments.product_weight, arguments.offset_weight]
    weights += [
        None if part is None else part.unsqueeze(2) for part in (arguments.distance_weight, arguments.clock_weight)
    ]
    present = [part[0] for part in weights if part is not None]
    weight = torch.cat(present, 1) if present else values.new_empty(heads, 0, hidden)
    row_code = torch.arange(points) if arguments.row_code is None else arguments.row_code
    col_code = torch.arange(padded)
    if arguments.col_code is not None:
        # Padded columns continue the count; what they read is masked, but must lie inside the padded table.
        col_code = torch.cat([arguments.col_code, arguments.col_code[-1:] + torch.arange(1, padded - points + 1)])
    shift = arguments.shift
    inputs = Inputs(
        row=_flat(row),
        col=_flat(_point_last(arguments.col, padded)),
        table=_flat(empty if table is None else _padded(table[0].flip(1).transpose(1, 2), table.shape[2] + lanes)),
        row_code=_flat(row_code),
        col_code=_flat(col_code),
        query=_flat(empty if arguments.query is None else arguments.query),
        key=_flat(empty if arguments.key is None else _point_last(arguments.key.flatten(3), padded)),
        place=_flat(empty if place is None else _padded(place, padded)),
        clock=_flat(empty if clock is None else _padded(clock, padded)),
        weight=_flat(weight),
        hidden=_flat(arguments.hidden),
        hidden_bias=_flat(arguments.hidden_bias),
        out=_flat(arguments.out),
        out_bias=_flat(arguments.out_bias),
        shift=_flat(empty if shift is None else _padded(shift, padded)),
        values=_flat(_point_last(values, padded)),
    )
    sizes = Sizes(
        batch=batch,
        heads=heads,
        points=points,
        padded=padded,
        hidden=hidden,
        depth=0 if arguments.activation == "identity" else arguments.hidden.shape[2] + 1,
        table=0 if table is None else table.shape[2] + lanes,
        table_centre=0 if table is None else table.shape[2] - 1 - arguments.centre,
        products=products,
        product_dim=product_dim,
        axes=place.shape[2] if place is not None else 0,
        offsets=0 if arguments.offset_weight is None else arguments.offset_weight.shape[2],
        distance=int(arguments.distance_weight is not None),
        ticking=int(arguments.clock_weight is not None),
        channels=weight.shape[1],
        width=width,
        row_batch=int(row.shape[0] > 1),
        col_batch=int(arguments.col.shape[0] > 1),
        query_batch=int(arguments.query is not None and arguments.query.shape[0] > 1),
        key_batch=int(arguments.key is not None and arguments.key.shape[0] > 1),
        place_batch=0 if place is None or place.shape[0] == 1 else place.shape[1],
        place_heads=int(place is not None and place.shape[1] > 1),
        shift_batch=0 if shift is None or shift.shape[0] == 1 else shift.shape[1],
        shifted=int(shift is not None),
        shift_heads=int(shift is not None and shift.shape[1] > 1),
        activation=ACTIVATIONS[arguments.activation],
        link=LINKS[arguments.link],
        causal=int(arguments.causal),
        splits=-(-points // ROWS_PER_TASK),
    )
    return inputs, sizes


def _shape(arguments: FusedArguments, sizes: Any, sums: dict[str, Tensor]) -> dict[str, Tensor]:
    """Add up tasks, undo the layout, and sum over the axes that a field shares."""
    batch, heads, points, hidden = sizes.batch, sizes.heads, sizes.points, sizes.hidden

    def over_splits(name: str, *shape: int) -> Tensor:
        split = sums[name].view(batch, heads, sizes.splits, *shape)
        return split[:, :, 0] if sizes.splits == 1 else split.sum(2)

    def over_samples(name: str, *shape: int) -> Tensor:
        """Of weights, which all samples share: [1, H, ...]."""
        tasks = sums[name].view(batch, heads, sizes.splits, prod(shape))
        # Few numbers a head must not be added up together with the next head's: in which order that is done depends on
        # how many heads, that is replicas, there are.
        apart = prod(shape) < 64
        summed = tasks.transpose(0, 1).flatten(1, 2).contiguous().sum(1) if apart else tasks.sum((0, 2))
        return summed.view(1, heads, *shape)

    found: dict[str, Tensor] = {
        "values": over_splits("values", sizes.width, sizes.padded)[..., :points].transpose(2, 3),
        "row": sums["row"].view(batch, heads, points, hidden),
        "col": over_splits("col", hidden, sizes.padded)[..., :points].transpose(2, 3),
        "out": over_samples("out", hidden),
        "out_bias": over_samples("out_bias"),
    }
    if arguments.hidden.numel():
        found["hidden"] = over_samples("hidden", *arguments.hidden.shape[2:])
        found["hidden_bias"] = over_samples("hidden_bias", *arguments.hidden_bias.shape[2:])
    weight = over_samples("weight", sizes.channels, hidden)
    if arguments.table is not None:
        length = arguments.table.shape[2]
        found["table"] = over_samples("table", hidden, sizes.table)[..., :length].flip(-1).transpose(2, 3)
    if arguments.query is not None:
        wide = (sizes.products, sizes.product_dim)
        found["query"] = sums["query"].view(batch, heads, points, *wide)
        key = over_splits("key", sizes.products * sizes.product_dim, sizes.padded)[..., :points]
        found["key"] = torch.unflatten(key.transpose(2, 3), -1, wide)
        found["product_weight"] = weight[:, :, : sizes.products]
    if arguments.offset_weight is not None:
        found["offset_weight"] = weight[:, :, sizes.products : sizes.products + sizes.offsets]
    if arguments.distance_weight is not None:
        found["distance_weight"] = weight[:, :, sizes.products + sizes.offsets]
    if arguments.clock is not None:
        col = over_splits("clock_col", sizes.padded)[..., :points]
        found["clock"] = (sums["clock_row"].view(batch, heads, points) + col).double()
        found["clock_weight"] = weight[:, :, -1]
    if arguments.shift is not None:
        found["shift"] = over_splits("shift", sizes.padded)[..., :points]
    return {name: part.sum_to_size(getattr(arguments, name).shape) for name, part in found.items()}
