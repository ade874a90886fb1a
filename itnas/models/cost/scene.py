"""One evaluation of an integral transform, as the plans' cost formulas see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from itnas.models.cost.forms import Form
from itnas.models.cost.ghost import Ghost
from itnas.models.cost.kernels import kernel_form
from itnas.models.cost.tape import Tape, constant
from itnas.operator.kernel import KernelSpec
from itnas.operator.plans import Problem
from itnas.registry import Registry


@dataclass(frozen=True)
class Scene:
    """The ghosts of a `Problem`; the problem itself has shapes alone (see `stand_in.py`)."""

    tape: Tape
    problem: Problem
    spec: KernelSpec
    u: Ghost
    values: Ghost  # [B, H, N, D]
    measure: Ghost | None
    clock: Ghost | None

    @property
    def heads(self) -> int:
        return self.problem.heads

    @property
    def length(self) -> int:
        return self.problem.length

    def form(self) -> Form:
        return kernel_form(self.tape, self.spec, self.heads, self.u, self.problem.geometry, self.clock)

    def support(self) -> Ghost:
        """sum_j M_ij mu_j where causality alone hides points, [B|1, H|1, N|1]."""
        measure = constant(1, 1, self.length, item=4) if self.measure is None else self.measure
        return self.tape.running(measure) if self.problem.causal else self.tape.sum(measure, -1)

    def over_support(self, y: Ghost) -> Ghost:
        return self.tape.mul(y, self.tape.reciprocal(self.support()).unsqueeze(-1))

    def weighted(self, values: Ghost) -> Ghost:
        return values if self.measure is None else self.tape.mul(values, self.measure.unsqueeze(-1))

    def with_ones(self, values: Ghost) -> Ghost:
        """One more column, for the sum of the kernel's entries."""
        return values.fresh((*values.shape[:-1], values.shape[-1] + 1))

    def divided(self, y: Ghost) -> Ghost:
        """All columns by the last."""
        width = y.shape[-1] - 1
        return self.tape.mul(y.narrow(y.dim - 1, width), self.tape.reciprocal(y.narrow(y.dim - 1, 1)))


# From a scene to y [B, H, N, D], for each plan.
PLAN_COSTS: Registry[Callable[[Scene], Ghost]] = Registry("plan's cost")


def register(name: str) -> Callable[[Callable[[Scene], Ghost]], Callable[[Scene], Ghost]]:
    def add(cost: Callable[[Scene], Ghost]) -> Callable[[Scene], Ghost]:
        return PLAN_COSTS.add(name, cost)

    return add
