"""`fourier`: kernels of the offset alone, on lattices, as convolutions by FFT."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from itnas.operator.kernel import MLPKernelModule, PairForm
from itnas.operator.normaliser import reciprocal
from itnas.operator.plans.base import Plan, Problem, register
from itnas.operator.plans.compiled import run
from itnas.operator.plans.convolution import Convolution, Lengths, quick_length
from itnas.operator.quadrature import Full, Window

DIRECT = 64  # rows of a piece that is summed as it stands
Reach = tuple[tuple[int, int], ...]  # per axis the smallest and the largest i - j with which i sees j


@register
class Fourier(Plan):
    """y = irfft(rfft(k) rfft(mu v)) on zero-padded lattices, in O(B H D N log N); O(H h N) for the table of k.

    The table holds each offset in reach once, float64 until k is known. The rounding of an FFT is relative to the
    largest value anywhere, and rows that are far smaller would drown in it. So a kernel that grows with the offset is
    convolved piece by piece where it is causal; elsewhere, and where the result is a ratio of two, all is float64.
    """

    name = "fourier"

    def refusal(self, problem: Problem) -> str | None:
        kernel = problem.kernel
        if not isinstance(kernel, MLPKernelModule):
            return "a convolution has a kernel of the offset alone, and a factorised kernel is one of both points"
        if not kernel.reads_only_offsets():
            others = ", ".join(sorted(kernel.features & {"position", "content", "product", "clock", "modality"}))
            return f"a convolution has a kernel of the offset alone, and this one reads {others}"
        if problem.geometry.lattice is None:
            return f"an FFT needs points on a regular lattice, and {problem.geometry.name} has none here"
        if problem.normaliser.link == "exp":
            return "softmax shifts each row by its own largest logit, so that exp(k) is no convolution"
        if not isinstance(problem.quadrature, (Full, Window)):
            return f"an FFT visits every point of the lattice, and the quadrature is {problem.quadrature}"
        if not problem.causal and _drowns(problem):
            return f"a kernel that grows like the offset to the {_growth(problem)} drowns in an FFT's rounding this far"
        return None

    def cost(self, problem: Problem) -> float:
        reach, pieces = _reach(problem), _pieces(problem)
        offsets = math.prod(high - low + 1 for low, high in reach)
        spectrum = sum(math.prod(_sizes(_cut(_shape(problem), last), reach)) for _, last in pieces)
        precision = 3.0 if _in_double(problem) else 1.0
        rows = problem.batch * problem.heads * problem.width
        kernel = problem.kernel
        assert isinstance(kernel, MLPKernelModule)
        channels = kernel.spec.hidden * (1 + kernel.spec.layers) + 12 * ("fourier" in kernel.features)
        table = problem.heads * offsets * channels * 0.007
        return 700 + 200 * len(pieces) + table + precision * rows * spectrum * 0.011

    def __call__(self, problem: Problem) -> Tensor:
        values, mu, ratio = problem.values, problem.measure, problem.normaliser.denominator == "numerators"
        if ratio:
            values = F.pad(values, (0, 1), value=1.0)
        if mu is not None:
            values = values * mu.unsqueeze(-1)
        dtype = torch.float64 if _in_double(problem) else torch.promote_types(values.dtype, torch.float32)
        table, values = _table(problem, _reach(problem)).to(dtype), values.to(dtype)
        y = torch.cat([_piece(problem, table, values, first, last) for first, last in _pieces(problem)], 2)
        if ratio:
            y = y[..., :-1] * (reciprocal(y[..., -1:]) * _sees_any(problem, _reach(problem)).unsqueeze(-1))
        elif problem.normaliser.denominator == "weights":
            y = y * reciprocal(_visible(problem, _reach(problem))).to(dtype).unsqueeze(-1)
        return y.to(problem.values.dtype)


def _in_double(problem: Problem) -> bool:
    """Whether small rows are blown up: by a sum that differs much from point to point, or by what follows the layer."""
    denominator = problem.normaliser.denominator
    ratio = denominator == "numerators" or (denominator == "weights" and problem.measure is not None)
    return ratio or (not problem.causal and _growth(problem) > 0)


def _growth(problem: Problem) -> int:
    """k is O(offset^growth), whatever the weights."""
    kernel = problem.kernel
    assert isinstance(kernel, MLPKernelModule)
    if not kernel.features & {"offset", "distance"} or (kernel.spec.layers and kernel.spec.activation == "sin"):
        return 0
    return 2**kernel.spec.layers if kernel.spec.activation == "relu2" else 1


def _drowns(problem: Problem) -> bool:
    """Whether rows that see near points only would be lost, even in float64, beside those that see the farthest."""
    farthest = max((high for _, high in _reach(problem)), default=0)
    return float(farthest) ** _growth(problem) * problem.length > 1e-5 / torch.finfo(torch.float64).eps


def _pieces(problem: Problem) -> list[tuple[int, int]]:
    """Rows, first to last, that are convolved together, each piece from the points before its end, in their order.

    Causal rows see offsets up to their own number: where k grows by the power g, the sums of rows n / q to n are within
    about q^(g + 1/2) of one size. All pieces together cost q / (q - 1) times as much as the last one alone.
    """
    growth, last = _growth(problem), problem.length
    if not (problem.causal and growth):
        return [(0, last)]
    ((_, high),) = _reach(problem)
    pieces = []
    while last > DIRECT:
        first = -(-min(last, high + 1) // max(16 // growth**2, 2))
        pieces.append((first, last))
        last = first
    return [(0, last), *reversed(pieces)]


def _piece(problem: Problem, table: Tensor, values: Tensor, first: int, last: int) -> Tensor:
    """Rows `first` to `last` of sum_j k(i - j) v_j [B, H, last - first, D]."""
    reach, shape = _reach(problem), _cut(_shape(problem), last)
    if problem.causal and last < problem.length:
        ((_, high),) = reach
        high = min(high, last - 1)
        reach, table, values = ((0, high),), table[:, :, : high + 1], values[:, :, :last]
    if problem.causal and last <= DIRECT and _growth(problem):
        return _toeplitz(table, last) @ values
    sizes = _sizes(shape, reach)
    y = run(Convolution(), Lengths(shape, sizes), (values, _spectrum(table, reach, sizes)))[:, :, first:]
    if problem.normaliser.denominator != "numerators":
        return y
    # What is left of a sum that vanishes is rounding, and a ratio of roundings is anything.
    rounding = 4 * torch.finfo(y.dtype).eps * _norm(table).unsqueeze(-1) * _norm(values[..., -1]).unsqueeze(-1)
    return torch.cat([y[..., :-1], y[..., -1:] * (y[..., -1:].abs() > rounding)], -1)


def _norm(part: Tensor) -> Tensor:
    """The root of the sum of squares, [B|1, H, *S] -> [B|1, H, 1]."""
    norm: Tensor = torch.linalg.vector_norm(part.detach().flatten(2), dim=2, keepdim=True)
    return norm


def _toeplitz(table: Tensor, length: int) -> Tensor:
    """k(i - j) for j <= i in reach, else 0: [1, H, n, n]."""
    place = torch.arange(length, device=table.device)
    offset = place.unsqueeze(1) - place
    seen = (offset >= 0) & (offset < table.shape[2])
    found: Tensor = table[:, :, offset.clamp(0, table.shape[2] - 1)] * seen
    return found


def _cut(shape: tuple[int, ...], last: int) -> tuple[int, ...]:
    """A lattice of the first points only: pieces are of sequences."""
    return (last,) if len(shape) == 1 else shape


def _shape(problem: Problem) -> tuple[int, ...]:
    assert problem.geometry.lattice is not None
    return problem.geometry.lattice.shape


def _reach(problem: Problem) -> Reach:
    """Who sees whom, by causality and window: a box of offsets."""
    assert problem.geometry.lattice is not None
    reach = []
    for n, step in zip(problem.geometry.lattice.shape, problem.geometry.lattice.spacing, strict=True):
        far = max(n - 1, 0)
        if problem.window is not None and problem.window <= far * step:
            far = int(problem.window / step) + 1
            while far * step >= problem.window:
                far -= 1
        reach.append((0 if problem.causal else -far, far))
    return tuple(reach)


def _sizes(shape: tuple[int, ...], reach: Reach) -> tuple[int, ...]:
    """Transform lengths: long enough that what wraps around falls outside of the lattice, and quick to transform."""
    return tuple(quick_length(n + max(high, -low)) for n, (low, high) in zip(shape, reach, strict=True))


def _table(problem: Problem, reach: Reach) -> Tensor:
    """k at every offset in reach, float64 [1, H, *box]."""
    geometry, kernel = problem.geometry, problem.kernel
    assert geometry.lattice is not None
    device = problem.u.device
    axes = [
        torch.arange(low, high + 1, dtype=torch.float64, device=device) * step
        for (low, high), step in zip(reach, geometry.lattice.spacing, strict=True)
    ]
    offsets = torch.cartesian_prod(*axes).reshape(1, 1, -1, len(axes))
    # Without the lattice the form carries the relation, to evaluate where it is needed, and no table of all offsets.
    anywhere = replace(geometry, lattice=None)
    form = kernel.double_form(problem.u[:1, :1], anywhere, None)
    assert isinstance(form, PairForm)
    assert form.rows.linear is not None
    assert form.cols.linear is not None
    first = form.rows.linear[:, :, :1] + form.cols.linear[:, :, :1]
    # Without features k is the same for every offset.
    first = first.expand(-1, -1, offsets.shape[2], -1) if form.relation is None else first + form.relation.at(offsets)
    k = form.tail(first)
    if problem.normaliser.link == "sigmoid":
        k = torch.sigmoid(k)
    table: Tensor = torch.unflatten(k, 2, [high - low + 1 for low, high in reach])
    return table


def _spectrum(table: Tensor, reach: Reach, sizes: tuple[int, ...]) -> Tensor:
    """The transform of the kernel, [1, H, 1, *F], with offset 0 at index 0 and negative offsets wrapped to the end."""
    margins = [(0, size - extent) for size, extent in zip(sizes, table.shape[2:], strict=True)]
    table = F.pad(table, [side for margin in reversed(margins) for side in margin])
    dims = tuple(range(2, table.dim()))
    if any(low for low, _ in reach):
        table = torch.roll(table, tuple(low for low, _ in reach), dims)
    spectrum: Tensor = torch.fft.rfftn(table, dim=dims).unsqueeze(2)
    return spectrum


def _visible(problem: Problem, reach: Reach) -> Tensor:
    """sum_j M_ij mu_j, float64 [B|1, H|1, N]; exactly 0 where nothing is visible."""
    if problem.measure is None:
        ones = torch.ones(1, 1, problem.length, dtype=torch.float64, device=problem.u.device)
        return _box_sums(ones, _shape(problem), reach)
    return _box_sums(problem.measure.double(), _shape(problem), reach) * _sees_any(problem, reach)


def _sees_any(problem: Problem, reach: Reach) -> Tensor:
    """1 where a row sees a point of non-zero measure, else 0: float64 [B|1, H|1, N|1]."""
    if problem.measure is None:
        return torch.ones(1, 1, 1, dtype=torch.float64, device=problem.u.device)
    return (_box_sums((problem.measure != 0).double(), _shape(problem), reach) > 0.5).double()


def _box_sums(mu: Tensor, shape: tuple[int, ...], reach: Reach) -> Tensor:
    """Sums of mu [B|1, H|1, N] over what each point sees, axis by axis as differences of running sums."""
    mu = torch.unflatten(mu, 2, shape)
    for axis, (n, (low, high)) in enumerate(zip(shape, reach, strict=True), start=2):
        total = mu.cumsum(axis)
        total = torch.cat([torch.zeros_like(total.narrow(axis, 0, 1)), total], axis)
        place = torch.arange(n, device=mu.device)
        end, start = (place - low + 1).clamp_max(n), (place - high).clamp_min(0)
        mu = total.index_select(axis, end) - total.index_select(axis, start)
    return mu.flatten(2)
