"""An `IntegralTransform` under examination: its kernel is exact, and so are the questions asked of it."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from itnas.behaviour.places import places_of
from itnas.behaviour.subjects.base import KernelSubject, View, spread, unseen
from itnas.operator import IntegralTransform
from itnas.operator.domain import Domain, Geometry
from itnas.operator.kernel import running
from itnas.operator.kernel.base import POSITIONAL
from itnas.operator.kernel.form import Side
from itnas.operator.plans import Problem, effective_kernel
from itnas.operator.plans.base import distances
from itnas.operator.quadrature import Window


class IntegralSubject(KernelSubject):
    """One application of an integral transform."""

    kind = "integral"

    def __init__(self, layer: IntegralTransform, application: int = 0) -> None:
        self.layer, self.application = layer, application
        self.causal = layer.causal
        placed = bool(layer.kernel_module.features & (POSITIONAL | {"clock"}))
        self.placeless = not placed and not isinstance(layer.quadrature, Window)
        self.link = "exp" if layer.normaliser.link == "exp" else "identity"

    def view(self, u: Tensor, domain: Domain | None) -> View:
        problem = self._problem(u, domain)
        u = problem.u
        return View(
            find=lambda: effective_kernel(problem, glance=True).expand(u.shape[0], -1, -1, -1),
            values=problem.values,
            strength=spread(self.layer.out.weight, problem.values),
            finish=lambda mixed: self.layer.combine(mixed, u),
            places=places_of(problem.geometry),
        )

    def run(self, u: Tensor, domain: Domain | None) -> Tensor:
        # By way of the class: in a network that is listened to, the instance's own method is somebody else's.
        return IntegralTransform.transform(self.layer, u, self.layer.geometry(u, domain), self.application)

    def silence(self, u: Tensor, domain: Domain | None) -> Tensor:
        problem = self._problem(u, domain)
        return self.layer.combine(torch.zeros_like(problem.values), problem.u)

    def raw(self, u: Tensor, domain: Domain | None, order: Tensor) -> Tensor:
        problem = self._problem(u, domain)
        clock = problem.clock
        if clock is not None and self.layer.clock is not None:
            # The clock runs along the places: each point's step is taken where the point now stands.
            steps = self.layer.clock.steps(problem.u)
            clock = running(steps[:, :, order.argsort()])[:, :, order]
        moved = dataclasses.replace(problem, geometry=_moved(problem.geometry, order), clock=clock)
        k = moved.form.glance(moved.form.rows, moved.form.cols).expand(u.shape[0], -1, -1, -1)
        if moved.window is not None:
            k = k.masked_fill(~(distances(moved.geometry) < moved.window).unsqueeze(1), torch.nan)
        return unseen(k, order, causal=self.causal)

    def normalised(self, raw: Tensor, u: Tensor, domain: Domain | None) -> Tensor:
        problem = self._problem(u, domain)
        return problem.finish(problem.normaliser.normalise(raw, problem.weights()))

    def futures(self, u: Tensor, domain: Domain | None, cut: int, rows: Tensor, times: int = 1) -> Tensor:
        return self._rows(u, domain, rows, 0, cut)

    def pasts(self, u: Tensor, domain: Domain | None, cut: int, rows: Tensor) -> Tensor:
        return self._rows(u, domain, rows, cut, u.shape[1])

    def _rows(self, u: Tensor, domain: Domain | None, rows: Tensor, start: int, stop: int) -> Tensor:
        """Only the rows that are asked for; and only the columns, where a row's total does not matter."""
        problem = self._problem(u, domain)
        alone = problem.normaliser.denominator == "one"
        first, last = (start, stop) if alone else (0, problem.length)
        k = problem.form.glance(_points(problem.form.rows, rows), _points(problem.form.cols, torch.arange(first, last)))
        weights = problem.weights()
        if weights is not None:
            weights = weights.expand(*weights.shape[:2], problem.length, problem.length)[:, :, rows, first:last]
        normalised = problem.normaliser.normalise(k, weights)[..., start - first : stop - first]
        if problem.geometry.valid is not None:
            normalised = normalised * problem.geometry.valid[:, None, rows, None]
        return normalised.expand(u.shape[0], -1, -1, -1)

    def _problem(self, u: Tensor, domain: Domain | None) -> Problem:
        return self.layer.problem(u, self.layer.geometry(u, domain), self.application)


def _points(side: Side, which: Tensor) -> Side:
    """Some of the points of one side of the kernel."""
    parts = {field.name: getattr(side, field.name) for field in dataclasses.fields(side)}
    return Side(**{name: None if part is None else part[:, :, which] for name, part in parts.items()})


def _moved(geometry: Geometry, order: Tensor) -> Geometry:
    """The same points at each other's places."""
    if geometry.positions is None:
        return geometry
    parts = geometry.modalities
    if parts is not None:
        # No table of offsets: points are no longer in the order of their lattice.
        parts = dataclasses.replace(parts, lattices=(None,) * parts.count)
    return dataclasses.replace(geometry, positions=geometry.positions[:, order], lattice=None, modalities=parts)
