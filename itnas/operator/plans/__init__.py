"""Plans: exact ways to compute an integral transform, from the readable reference to the fast ones."""

from itnas.operator.plans import dense, fourier, fused, gather, sampled, scan, sdpa, sorted
from itnas.operator.plans.base import PLANS, Plan, Problem, register
from itnas.operator.plans.choose import choose
from itnas.operator.plans.dense import effective_kernel

__all__ = ["PLANS", "Plan", "Problem", "choose", "dense", "effective_kernel", "fused", "gather", "register", "sampled"]
