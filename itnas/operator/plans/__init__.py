"""Plans: exact ways to compute an integral transform, from the readable reference to the fast ones."""

# Importing a plan's module registers the plan.
from itnas.operator.plans import dense, fourier, fused, gather, sampled, scan, sdpa, sorted  # noqa: F401
from itnas.operator.plans.base import PLANS, Plan, Problem, register
from itnas.operator.plans.choose import choose
from itnas.operator.plans.dense import effective_kernel

__all__ = ["PLANS", "Plan", "Problem", "choose", "effective_kernel", "register"]
