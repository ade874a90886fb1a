"""`fourier`: kernels of the offset alone, on lattices, as convolutions by FFT."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from itnas.operator.kernel import MLPKernelModule, PairForm
from itnas.operator.normaliser import reciprocal
from itnas.operator.plans.base import Plan, Problem, register
from itnas.operator.plans.compiled import Tensors, run
from itnas.operator.quadrature import Full, Window

Reach = tuple[tuple[int, int], ...]  # per axis the smallest and the largest i - j with which i sees j


@register
class Fourier(Plan):
    """y = irfft(rfft(k) rfft(mu v)) on zero-padded lattices, in O(B H D N log N); O(H h N) for the table of k.

    The table holds each offset in reach once, float64 until k is known. The rounding of an FFT is relative to the
    largest value anywhere, and a ratio of two would blow it up where both are small: then all is float64.
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
        return None

    def cost(self, problem: Problem) -> float:
        reach = _reach(problem)
        offsets = math.prod(high - low + 1 for low, high in reach)
        spectrum = math.prod(_sizes(_shape(problem), reach))
        precision = 3.0 if _is_ratio(problem) else 1.0
        rows = problem.batch * problem.heads * problem.width
        kernel = problem.kernel
        assert isinstance(kernel, MLPKernelModule)
        channels = kernel.spec.hidden * (1 + kernel.spec.layers) + 12 * ("fourier" in kernel.features)
        return 900 + problem.heads * offsets * channels * 0.007 + precision * rows * spectrum * 0.011

    def __call__(self, problem: Problem) -> Tensor:
        reach, shape = _reach(problem), _shape(problem)
        values, mu = problem.values, problem.measure
        dtype = torch.float64 if _is_ratio(problem) else torch.promote_types(values.dtype, torch.float32)
        if problem.normaliser.denominator == "numerators":
            values = F.pad(values, (0, 1), value=1.0)
        if mu is not None:
            values = values * mu.unsqueeze(-1)
        sizes = _sizes(shape, reach)
        spectrum = _spectrum(_table(problem, reach).to(dtype), reach, sizes)
        y = run(Convolution(), Lengths(shape, sizes), (values.to(dtype), spectrum))
        if problem.normaliser.denominator == "numerators":
            y = y[..., :-1] * (reciprocal(y[..., -1:]) * _sees_any(problem, reach).unsqueeze(-1))
        elif problem.normaliser.denominator == "weights":
            y = y * reciprocal(_visible(problem, reach)).to(dtype).unsqueeze(-1)
        return y.to(problem.values.dtype)


def _is_ratio(problem: Problem) -> bool:
    """Whether the result is divided by a sum that differs much from point to point."""
    denominator = problem.normaliser.denominator
    return denominator == "numerators" or (denominator == "weights" and problem.measure is not None)


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


def quick_length(length: int) -> int:
    """The smallest even 2^a 3^b 5^c from `length` on."""
    best = 2
    while best < length:
        best *= 2
    five = 1
    while five < best:
        odd = five
        while odd < best:
            # The smallest power of two, at least 2, that lifts this odd number to the length.
            best = min(best, odd * max(2, 1 << (-(-length // odd) - 1).bit_length()))
            odd *= 3
        five *= 5
    return best


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


@dataclass(frozen=True)
class Lengths:
    """Of the lattice, and of the transforms, per axis."""

    lattice: tuple[int, ...]
    transform: tuple[int, ...]

    def forward(self, values: Tensor) -> Tensor:
        """[B, H, N, D] -> [B, H, D, *F]."""
        laid_out = torch.unflatten(values.transpose(2, 3), 3, self.lattice)
        spectrum: Tensor = torch.fft.rfftn(laid_out, s=self.transform, dim=self._dims)
        return spectrum

    def inverse(self, spectrum: Tensor) -> Tensor:
        """[B, H, D, *F] -> [B, H, N, D]."""
        y: Tensor = torch.fft.irfftn(spectrum, s=self.transform, dim=self._dims)
        for axis, n in enumerate(self.lattice, start=3):
            y = y.narrow(axis, 0, n)
        return y.flatten(3).transpose(2, 3)

    @property
    def _dims(self) -> tuple[int, ...]:
        return tuple(range(-len(self.lattice), 0))


class Convolution:
    """irfft(spectrum rfft(v)). Its gradient takes an rfft and an irfft; torch's rfft gradient is a full complex FFT."""

    name = "fourier"

    def forward(self, choices: Lengths, tensors: Tensors) -> tuple[Tensor, Tensor]:
        values, spectrum = tensors
        assert values is not None
        assert spectrum is not None
        transformed = choices.forward(values)
        return choices.inverse(transformed * spectrum), transformed

    def backward(
        self,
        choices: Lengths,
        tensors: Tensors,
        y: Tensor,
        kept: Tensor | None,
        grad: Tensor,
    ) -> tuple[Tensor, Tensor]:
        spectrum = tensors[1]
        assert spectrum is not None
        assert kept is not None
        turned = choices.forward(grad)
        d_spectrum = (turned * kept.conj()).sum(0, keepdim=True).sum(2, keepdim=True)
        # A half spectrum stands for the whole: all but the ends of the last axis count twice.
        count = math.prod(choices.transform)
        twice = torch.full(spectrum.shape[-1:], 2.0 / count, dtype=grad.dtype, device=grad.device)
        twice[0] = twice[-1] = 1.0 / count
        return choices.inverse(turned.mul_(spectrum.conj())), d_spectrum * twice
