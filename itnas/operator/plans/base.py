"""What a plan is: one way to compute the same numbers. Each plan says what it cannot do, and what it costs."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from itnas.operator.domain import Geometry, Lattice, Modalities
from itnas.operator.kernel import Form, Kernel
from itnas.operator.normaliser import Normaliser
from itnas.operator.plans.fold import unwrapped
from itnas.operator.quadrature import Quadrature, Window
from itnas.operator.random import SampleKey
from itnas.registry import Registry


@dataclass(frozen=True)
class Problem:
    """One evaluation  y_i = (1/Z_i) sum_j M_ij mu_j g(k_ij) v_j  for all samples and heads."""

    u: Tensor  # [B, N, C]
    values: Tensor  # [B, H, N, D]
    kernel: Kernel
    geometry: Geometry
    normaliser: Normaliser
    quadrature: Quadrature
    causal: bool
    measure: Tensor | None  # [B|1, H|1, N], 0 at padding; None: 1 everywhere
    clock: Tensor | None  # float64 [B, H, N]
    key: SampleKey  # what the random numbers of a sampled quadrature are drawn from

    @property
    def batch(self) -> int:
        return self.values.shape[0]

    @property
    def heads(self) -> int:
        return self.values.shape[1]

    @property
    def length(self) -> int:
        return self.values.shape[2]

    @property
    def width(self) -> int:
        return self.values.shape[3]

    @property
    def kernel_batch(self) -> int:
        """Samples whose kernels differ: 1 where the kernel reads neither contents nor places of the sample's own."""
        placed = self.geometry.positions is not None and self.geometry.positions.shape[0] > 1
        return self.batch if placed or self.kernel.features & {"content", "product", "clock"} else 1

    @property
    def window(self) -> float | None:
        return self.quadrature.width if isinstance(self.quadrature, Window) else None

    @cached_property
    def form(self) -> Form:
        form = self.kernel(self.u, self.geometry, self.clock)
        assert isinstance(form, Form)
        return form

    def double_form(self, *, split: bool = False) -> Form:
        return self.kernel.double_form(self.u, self.geometry, self.clock, split=split)

    def mask(self) -> Tensor | None:
        """M without padding, [B|1, 1, N, N]; None where everybody sees everybody."""
        mask: Tensor | None = None
        if self.geometry.edges is not None:
            mask = self.geometry.edges.dense(self.length).to(self.values.dtype).unsqueeze(1)
        for seen in self._visibility():
            mask = seen.to(self.values.dtype) if mask is None else mask * seen
        return mask

    def _visibility(self) -> list[Tensor]:
        seen = []
        if self.causal:
            ones = torch.ones(self.length, self.length, dtype=torch.bool, device=self.u.device)
            seen.append(ones.tril().view(1, 1, self.length, self.length))
        if self.window is not None:
            seen.append((distances(self.geometry) < self.window).unsqueeze(1))
        return seen

    def weights(self) -> Tensor | None:
        """M_ij mu_j, broadcasting to [B, H, N, N]; None where it is 1."""
        mask = self.mask()
        if self.measure is None:
            return mask
        measure = self.measure.unsqueeze(2)
        return measure if mask is None else mask * measure

    def finish(self, y: Tensor) -> Tensor:
        """Padded points take no part: their rows are 0."""
        if self.geometry.valid is None:
            return y
        return y * self.geometry.valid.to(y.dtype)[:, None, :, None]


def negative_measure(problem: Problem) -> bool:
    """Whether some point weighs less than nothing, in any replica: such a measure has no logarithm."""
    mu = problem.measure
    if mu is None or problem.geometry.weights is None:  # padding, clocks and shares are never negative
        return False
    if mu.is_cuda and torch.cuda.is_current_stream_capturing():
        return False  # no number can be read while a CUDA graph is recorded: the eager steps before it were asked
    return bool((unwrapped(mu) < 0).any())


def log_measure(mu: Tensor, empty: float) -> Tensor:
    """log mu; `empty`, with gradient 0, where mu is 0."""
    nothing = mu == 0
    return mu.masked_fill(nothing, 1).log().masked_fill(nothing, empty)


def distances(geometry: Geometry, rows: Tensor | None = None) -> Tensor:
    """Distances [B|1, N, N] as `Window` means them: the largest axis on sequences and grids, Euclidean on clouds.

    In a union each part by itself; between points of different parts there is no distance: 0.

    With `rows` [R] only from these points: [B|1, R, N].
    """
    assert geometry.positions is not None
    if geometry.lattice is not None:
        code = geometry.lattice.code(geometry.positions.device)
        return _in_steps(geometry.lattice, code if rows is None else code[rows], code).unsqueeze(0)
    if geometry.modalities is not None:
        return _within_parts(geometry, geometry.modalities, rows)
    start = geometry.positions if rows is None else geometry.positions[:, rows]
    delta = start.unsqueeze(2) - geometry.positions.unsqueeze(1)
    if geometry.ordered:
        return torch.amax(delta.abs(), -1)
    euclidean: Tensor = torch.linalg.vector_norm(delta, dim=-1)
    return euclidean


def _within_parts(geometry: Geometry, modalities: Modalities, rows: Tensor | None) -> Tensor:
    assert geometry.positions is not None
    start = geometry.positions if rows is None else geometry.positions[:, rows]
    delta = (start.unsqueeze(2) - geometry.positions.unsqueeze(1)).abs()
    tags = modalities.tags(geometry.positions.device)
    alike = (tags if rows is None else tags[rows]).unsqueeze(1) == tags
    regular = torch.tensor(modalities.boxed, device=tags.device)
    along, straight = delta.amax(-1), torch.linalg.vector_norm(delta, dim=-1)
    found = torch.where(regular[tags], along, straight) * alike
    chosen = torch.arange(geometry.length, device=tags.device) if rows is None else rows
    for lattice, part in zip(modalities.lattices, modalities.slices, strict=True):
        if lattice is None or part.start == part.stop:
            continue
        code = lattice.code(tags.device)
        inside = (chosen >= part.start) & (chosen < part.stop)
        start = code[(chosen - part.start).clamp(0, part.stop - part.start - 1)]
        steps = torch.where(inside.unsqueeze(1), _in_steps(lattice, start, code), 0.0)
        found[:, :, part] = torch.where(inside.unsqueeze(1), steps, found[:, :, part])
    return found


def _in_steps(lattice: Lattice, start: Tensor, code: Tensor) -> Tensor:
    """From whole steps: differences of positions round differently from place to place."""
    lengths = torch.amax(lattice.offsets(code.device).abs(), -1)
    return lengths[start.unsqueeze(1) - code + lattice.centre]


class Plan(abc.ABC):
    """One way to evaluate a `Problem`. It never changes the function: every plan is tested against `dense`."""

    name: str

    @abc.abstractmethod
    def refusal(self, problem: Problem) -> str | None:
        """Why this plan cannot compute the problem, as the end of a sentence; None if it can."""

    @abc.abstractmethod
    def cost(self, problem: Problem) -> float:
        """Estimated microseconds, forward and backward, fitted by `itnas bench operator` (CPU, two cores)."""

    @abc.abstractmethod
    def __call__(self, problem: Problem) -> Tensor:
        """y, [B, H, N, D]."""


def register(plan: type[Plan]) -> type[Plan]:
    """Make a plan known by its name."""
    PLANS.add(plan.name, plan())
    return plan


PLANS: Registry[Plan] = Registry("plan", group="itnas.plans", adopt=lambda _, plan: register(plan))
