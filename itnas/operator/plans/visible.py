"""How much measure a point sees where only causality and padding hide others."""

from __future__ import annotations

from torch import Tensor

from itnas.operator.plans.base import Problem


def visible_measure(problem: Problem) -> Tensor:
    """sum_j M_ij mu_j, [B|1, H|1, N], or with a last axis of 1 where all rows agree."""
    measure = problem.values.new_ones(1, 1, problem.length) if problem.measure is None else problem.measure
    return measure.cumsum(-1) if problem.causal else measure.sum(-1, keepdim=True)
