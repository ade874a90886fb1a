"""`dense`: the readable reference. k for all pairs, normalised, times the values. O(N^2 h) time and memory."""

from __future__ import annotations

from torch import Tensor

from itnas.operator.plans.base import Plan, Problem, register
from itnas.operator.quadrature import Importance, MonteCarlo


def effective_kernel(problem: Problem) -> Tensor:
    """K with y = K v, [B, H, N, N]: normalised, masked, measure included. Of a sampled quadrature, its expectation."""
    form = problem.form
    k = form.block(form.rows, form.cols)
    kernel = problem.normaliser.normalise(k, problem.weights())
    return problem.finish(kernel).expand(problem.batch, -1, -1, -1)


@register
class Dense(Plan):
    name = "dense"

    def refusal(self, problem: Problem) -> str | None:
        if isinstance(problem.quadrature, (MonteCarlo, Importance)):
            return "it visits every point, and the quadrature is sampled: that needs the plan 'sampled'"
        return None

    def cost(self, problem: Problem) -> float:
        pairs = problem.batch * problem.heads * problem.length**2
        return 150 + pairs * (0.004 * first_layer_width(problem) + 0.002 * problem.width / 16)

    def __call__(self, problem: Problem) -> Tensor:
        return effective_kernel(problem) @ problem.values


def first_layer_width(problem: Problem) -> int:
    """Channels that a pair goes through: what the cost of pairwise plans is proportional to."""
    spec = getattr(problem.kernel, "spec", None)
    depth = max(getattr(spec, "layers", 1), 1)
    return depth * int(getattr(spec, "hidden", getattr(spec, "rank", 1)))
