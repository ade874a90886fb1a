"""Which plan evaluates a problem: the one that was asked for, or the cheapest that can."""

from __future__ import annotations

from itnas.operator.plans.base import PLANS, Plan, Problem


def choose(name: str, problem: Problem) -> Plan:
    """The plan `name`, or for "auto" the one with the lowest cost estimate among those that can compute the problem."""
    if name == "auto":
        able = [plan for _, plan in PLANS.items() if plan.refusal(problem) is None]
        return min(able, key=lambda plan: plan.cost(problem))
    plan = PLANS[name]
    reason = plan.refusal(problem)
    if reason is not None:
        raise ValueError(f"plan {name!r} cannot compute this layer: {reason}")
    return plan
